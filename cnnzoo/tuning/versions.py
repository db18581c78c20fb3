"""What the scores of a search depend on besides what was asked for."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cnnzoo
from cnnzoo.builders import code_of, path_of
from cnnzoo.runtime.code_version import files_version, training_files
from cnnzoo.runtime.keras_backend import backend_version

PACKAGES = ("cnnzoo", "keras", "keras-tuner", "tensorflow", "numpy")

PART_OF_A_TRIAL = ("execution.py", "hypermodel.py", "own.py", "space.py")
"""What of this folder decides what comes of a trial."""


def versions_of(model: Any, weights: str = "") -> dict[str, str]:
    """Return the versions that scores of a model belong to.

    Parameters
    ----------
    model
        What is searched.
    weights
        Digest of the weights that its builder loads; "" if it loads none.

    Returns
    -------
    dict
        Of packages, ``cnnzoo`` with a digest of the code that a trial runs; ``backend``, Keras's
        with its version; of the model's own code, by its name, if it is not the zoo's; and
        ``weights``, if its builder loads any.
    """
    packages = {name: version(name) for name in PACKAGES}
    packages["cnnzoo"] += f" ({_own_code()})"
    code = code_of(model)
    own = {path_of(model): code} if code else {}
    loaded = {"weights": weights} if weights else {}
    return {**packages, "backend": backend_version(), **own, **loaded}


@cache
def _own_code() -> str:
    """Return the digest of the code as it was when this process first asked."""
    package = Path(cnnzoo.__file__).parent
    own = {f"tuning/{name}": package / "tuning" / name for name in PART_OF_A_TRIAL}
    return files_version({**training_files(package), **own})
