"""Environment variables that keep the library of a tracker on this machine."""

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in this block.

    Examples
    --------
    >>> with environment({"WANDB_MODE": "offline"}):
    ...     os.environ["WANDB_MODE"]
    'offline'
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
