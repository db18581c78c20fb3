"""Ctrl-C that Python loses, heard after all."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lost_interruptions() -> Iterator[Callable[[], None]]:
    """Keep what Ctrl-C raises where nothing can be raised, as while garbage is collected.

    Python only prints it there, and goes on. TensorFlow leaves so much garbage that this is where
    one Ctrl-C in a dozen comes.

    Yields
    ------
    Callable
        What raises it, to be called where the work may well be left. At the end it is raised in
        any case.

    Examples
    --------
    >>> with lost_interruptions() as raise_lost:
    ...     for step in range(3):
    ...         raise_lost()
    """
    before = sys.unraisablehook
    lost = False

    def keep(unraisable: Any) -> None:
        nonlocal lost
        if unraisable.exc_type is KeyboardInterrupt:
            lost = True
        else:
            before(unraisable)

    def raise_again() -> None:
        if lost:
            raise KeyboardInterrupt

    sys.unraisablehook = keep
    try:
        yield raise_again
        raise_again()
    finally:
        sys.unraisablehook = before
