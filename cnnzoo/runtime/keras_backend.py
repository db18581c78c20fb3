"""The Keras backend: find it without loading Keras; refuse one that cannot train."""

import importlib.util
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cnnzoo.toggle import did_you_mean

DEFAULT = "tensorflow"
"""Backend that Keras loads if nothing says otherwise."""

TRAINING = (DEFAULT, "jax", "torch")
"""Backends of Keras that can train."""


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
        return DEFAULT
    return str(written.get("backend", DEFAULT)) if isinstance(written, dict) else DEFAULT


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


def refusal_of_backend() -> str:
    """Return why Keras cannot train here; empty if it can.

    Examples
    --------
    >>> refusal_of_backend()
    ''
    """
    remedy = f"environment variable KERAS_BACKEND={DEFAULT} before Python starts."
    loaded, configured = backend_name(), configured_backend()
    for name in (loaded, configured):  # of this process and of its workers
        if name not in TRAINING:
            return (
                f"The Keras backend: expected one of {', '.join(TRAINING)}; got {name!r}"
                f"{did_you_mean(name, TRAINING)} Set the {remedy}"
            )
        if importlib.util.find_spec(name) is None:
            return (
                f"The Keras backend {name!r} is not installed. Install it with `pip install "
                f"{name}`, or set the {remedy}"
            )
    if loaded != configured:
        return (
            f"Keras has loaded the backend {loaded!r} in this process, but worker processes would "
            f"load {configured!r}. Set the environment variable KERAS_BACKEND={loaded} before "
            "Python starts."
        )
    return ""
