"""Load saved models of the zoo."""

from pathlib import Path
from typing import Any


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

    from cnnzoo import layers  # noqa: F401 - registers them
    from cnnzoo.models import backbones  # noqa: F401

    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    return keras.saving.load_model(path, safe_mode=True)
