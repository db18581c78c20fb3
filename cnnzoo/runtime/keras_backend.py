"""The backend that Keras computes with: read without loading Keras, and refused where need be."""

import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NEEDED = "tensorflow"
"""The backend that the trials of studies and searches run on."""


def backend_name() -> str:
    """Return the name of Keras's backend: of the loaded Keras, else the one that it would load.

    Examples
    --------
    >>> backend_name()
    'tensorflow'
    """
    keras: Any = sys.modules.get("keras")
    if hasattr(keras, "config"):  # else it is not loaded, or in the middle of it
        name: str = keras.config.backend()
        return name
    return configured_backend()


def configured_backend() -> str:
    """Return the backend that a new process loads, by Keras's environment variable and file.

    As in Keras 3.15.1, backend/config.py: ``KERAS_BACKEND``, else "backend" in ``keras.json`` in
    ``KERAS_HOME``, which is ``.keras`` in the home folder, or in ``/tmp`` where that cannot be
    written to.
    """
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    home = Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")  # noqa: S108
    folder = Path(os.environ.get("KERAS_HOME", home / ".keras"))
    try:
        written: Any = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NEEDED
    return str(written.get("backend", NEEDED)) if isinstance(written, dict) else NEEDED


def backend_version() -> str:
    """Return the name and the version of Keras's backend.

    Examples
    --------
    >>> backend_version().startswith("tensorflow 2.")
    True
    """
    name = backend_name()
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name


def refusal_of_backend(what: str) -> str:
    """Return why trials cannot run on Keras's backend; empty if they can.

    Parameters
    ----------
    what
        What runs them, as the beginning of the sentence: "Studies".
    """
    for name in (backend_name(), configured_backend()):  # of this process and of its workers
        if name != NEEDED:
            return (
                f"{what} run on Keras's backend {NEEDED!r} alone; got {name!r}. Set the "
                f"environment variable KERAS_BACKEND={NEEDED} before Python starts."
            )
    return ""
