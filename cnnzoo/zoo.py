"""The zoo: list, build and load models, and the documents they are from."""

import zipfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from cnnzoo.models.registry import MODELS, Model
from cnnzoo.toggle import ToggleError, did_you_mean

if TYPE_CHECKING:
    import keras


def get_model(name: str) -> Model:
    """Return a registered model.

    Raises
    ------
    ToggleError
        If the name is unknown.

    Examples
    --------
    >>> get_model("downsampling").document
    '000 ex. 1'
    """
    models = _registered()
    if name not in models:
        names = sorted(models)
        if str(name).endswith(".py"):
            module = PurePath(str(name)).stem
            raise ToggleError(
                f"The zoo has no model `{name}`; a builder in that file is '{module}:build', if "
                "the function is called build."
            )
        raise ToggleError(
            f"The zoo has no model `{name}`{did_you_mean(str(name), names)} "
            f"Its models: {', '.join(names)}."
        )
    return models[name]


def list_models(pattern: str = "*") -> list[str]:
    """Return the sorted names of the models.

    Parameters
    ----------
    pattern
        Shell pattern that filters the names, such as "res*".

    Examples
    --------
    >>> list_models("conv*")
    ['conv_stack']
    """
    return sorted(name for name in _registered() if fnmatchcase(name, pattern))


def _registered() -> dict[str, Model]:
    """Return the models by name, after importing those of the zoo."""
    import_module("cnnzoo.models")
    return MODELS


def build(name: str, /, **settings: Any) -> "keras.Model":
    """Build a model of the zoo by its name.

    Parameters
    ----------
    name
        Name of the model, one of `list_models()`.
    **settings
        Toggles of the model, and ``input_shape``, ``classes``, ``compile``, ``seed`` and ``name``;
        see the help of the function with the name of the model, such as ``cnnzoo.downsampling``.

    Returns
    -------
    keras.Model
        The model, compiled unless ``compile=False``.

    Raises
    ------
    ToggleError
        If the model or a toggle is unknown, or a value is invalid.

    Examples
    --------
    >>> build("downsampling", pool_size=4).count_params()
    29066
    """
    return get_model(name).builder(**settings)


def load_model(path: str | Path) -> "keras.Model":
    """Load a ``.keras`` file in safe mode, after registering the custom layers of the zoo.

    A model that was saved on another backend of Keras trains like one that was built here: an
    optimizer of torch becomes Keras's own, and on JAX and torch Keras decides anew whether to
    compile. Apart from this, ``keras.saving.load_model`` does the same once the process has built
    a zoo model.

    Parameters
    ----------
    path
        File written by ``model.save``.

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If Keras cannot read the file, or it contains code that safe mode refuses.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.build("conv_stack", padding="same", padding_mode="reflect")
    >>> model.save("stack.keras")
    >>> load_model("stack.keras").count_params() == model.count_params()
    True
    """
    import keras

    from cnnzoo.models.optimizers import replaced_optimizers

    import_module("cnnzoo.models.backbones")  # registers all custom layers
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"File {path} does not exist.")
    optimizers = replaced_optimizers(_saved_config(path))
    model = keras.saving.load_model(path, custom_objects=optimizers, safe_mode=True)
    if keras.config.backend() != "tensorflow":
        model.jit_compile = None  # the file has what was decided on its backend
    return model


def _saved_config(path: Path) -> str:
    """Return the configuration in a ``.keras`` file; "{}" for a file that Keras will refuse."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json").decode("utf-8")
    except (zipfile.BadZipFile, KeyError):
        return "{}"


DOCUMENTS = {
    "000": "What causes loss in convolutional layers?",
    "001": "What are the key questions about convolution in CNNs?",
    "002": "How does TensorFlow's loss function impact CNN performance?",
    "003": "Convolutional networks for images",
    "004": "Why is the PyTorch CNN loss not decreasing?",
}
"""Titles of the documents by the number that models and studies refer to."""


def documents_of(places: Iterable[str]) -> dict[str, str]:
    """Return the titles of documents by number.

    Parameters
    ----------
    places
        References to documents, such as "000 ex. 1", "003 step 7" or "003, 001".

    Examples
    --------
    >>> list(documents_of(["004", "003 step 7"]))
    ['003', '004']
    """
    words = {word for place in places for word in place.replace(",", " ").split()}
    return {number: title for number, title in DOCUMENTS.items() if number in words}
