"""The zoo: build a model by name, list the models and their toggles, load a saved model."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnzoo.models.registry import MODELS, Model
from cnnzoo.toggle import Toggle, ToggleError, did_you_mean, read_toggles

if TYPE_CHECKING:
    import keras


def get_model(name: str) -> Model:
    """Look up a registered model.

    Raises
    ------
    ToggleError
        If there is none of that name.

    Examples
    --------
    >>> get_model("downsampling").document
    '000 ex. 1'
    """
    import_module("cnnzoo.models")  # registers the zoo's own
    if name not in MODELS:
        known = sorted(MODELS)
        raise ToggleError(
            f"The zoo has no model `{name}`{did_you_mean(str(name), known)} "
            f"Its models: {', '.join(known)}."
        )
    return MODELS[name]


def list_models(pattern: str = "*") -> list[str]:
    """List the names of the models, sorted.

    Parameters
    ----------
    pattern
        A shell pattern that the names must match.

    Examples
    --------
    >>> list_models("conv*")
    ['conv_stack']
    """
    import_module("cnnzoo.models")
    return sorted(name for name in MODELS if fnmatchcase(name, pattern))


def toggles(model: str | Callable[..., object]) -> dict[str, Toggle]:
    """Read the toggles of a model, by name.

    Parameters
    ----------
    model
        A name in the zoo, or any builder with annotated parameters.

    Examples
    --------
    >>> toggles("downsampling")["pool_size"].default
    2
    """
    return get_model(model).toggles if isinstance(model, str) else read_toggles(model)


def build(name: str, /, **settings: Any) -> "keras.Model":
    """Build a model of the zoo.

    Parameters
    ----------
    name
        A name out of `list_models()`.
    **settings
        The model's toggles, and ``input_shape``, ``classes``, ``compile``, ``seed`` and ``name``:
        see ``help`` of the builder of that name.

    Returns
    -------
    keras.Model
        Compiled, unless ``compile=False``.

    Raises
    ------
    ToggleError
        If the name or a choice is unknown, or the choices do not go together.

    Examples
    --------
    >>> build("downsampling", pool_size=4).count_params()
    29066
    """
    return get_model(name).builder(**settings)


def load_model(path: str | Path) -> Any:
    """Load a ``.keras`` file in Keras's safe mode, with the zoo's layers known to Keras.

    ``keras.saving.load_model`` does the same once a model of the zoo was built in the process.

    Parameters
    ----------
    path
        What ``model.save`` wrote.

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If Keras cannot read it, or it holds what safe mode refuses.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.build("conv_stack", padding="same", padding_mode="reflect")
    >>> model.save("stack.keras")
    >>> load_model("stack.keras").count_params() == model.count_params()
    True
    """
    import keras

    from cnnzoo.models import (
        backbones,  # noqa: F401
    )

    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    return keras.saving.load_model(path, safe_mode=True)


DOCUMENTS = {
    "000": "What causes loss in convolutional layers?",
    "001": "What are the key questions about convolution in CNNs?",
    "002": "How does TensorFlow's loss function impact CNN performance?",
    "003": "Convolutional networks for images",
    "004": "Why is the PyTorch CNN loss not decreasing?",
}
"""Titles, by the number that models and studies call them by."""


def documents_of(places: Iterable[str]) -> dict[str, str]:
    """Return the documents that some places are in.

    Parameters
    ----------
    places
        What models say of themselves, such as "000 ex. 1", "003 step 7" or "003, 001".

    Examples
    --------
    >>> list(documents_of(["004", "003 step 7"]))
    ['003', '004']
    """
    named = {word for place in places for word in place.replace(",", " ").split()}
    return {number: title for number, title in DOCUMENTS.items() if number in named}
