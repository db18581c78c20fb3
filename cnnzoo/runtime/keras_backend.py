"""The Keras backend: find it without loading Keras; refuse one that trials cannot run on."""

import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NEEDED = "tensorflow"
"""Backend that trials of studies and searches need."""


def backend_name() -> str:
    """Return the backend of the loaded Keras, or the one that it would load.

    Examples
    --------
    >>> backend_name()
    'tensorflow'
    """
    keras: Any = sys.modules.get("keras")
    if hasattr(keras, "config"):  # otherwise it is not loaded, or only partly
        name: str = keras.config.backend()
        return name
    return configured_backend()


def configured_backend() -> str:
    """Return the backend that a new process would load.

    As in Keras 3.15.1, backend/config.py: ``KERAS_BACKEND``, then "backend" in ``keras.json`` in
    ``KERAS_HOME``, by default ``.keras`` in the home folder, or in ``/tmp`` if the home folder is
    not writable.
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
    """Return the name and version of the Keras backend.

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
    """Return why trials cannot run on the current backend; empty if they can.

    Parameters
    ----------
    what
        First word of the sentence: "Studies" or "Searches".
    """
    for name in (backend_name(), configured_backend()):  # of this process and of its workers
        if name != NEEDED:
            return (
                f"{what} need the Keras backend {NEEDED!r}; got {name!r}. Set the "
                f"environment variable KERAS_BACKEND={NEEDED} before Python starts."
            )
    return ""
