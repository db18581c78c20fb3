"""Ctrl-C: a first one that lets the running trials end, and one that Python loses."""

import signal
import sys
import threading
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


class Interruption:
    """What the user wants: Ctrl-C stops at once or, while trials run, first after these.

    Parameters
    ----------
    say
        What tells the user.

    Attributes
    ----------
    raise_lost
        Raises a Ctrl-C that Python has lost, where the work may well be left.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.raise_lost: Callable[[], None] = lambda: None
        self._asked = self._draining = False
        self._telling: threading.Thread | None = None

    def asked(self) -> bool:
        """Return whether to start nothing more."""
        return self._asked

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Let the first Ctrl-C be a wish only, for what runs now is worth waiting for."""
        self._draining = True
        try:
            yield
        finally:
            self._draining = False

    def hear(self, *_: object) -> None:
        """Take a Ctrl-C."""
        if self._asked or not self._draining:
            raise KeyboardInterrupt
        self._asked = True
        words = "Stopping after the running trials; Ctrl-C again stops at once."
        # by a thread, since this may interrupt the writing of other words
        self._telling = threading.Thread(target=self._say, args=(words,))
        self._telling.start()

    def end(self) -> None:
        """Wait until all is said."""
        if self._telling is not None:
            self._telling.join()


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Interruption]:
    """Hear of Ctrl-C, in the main thread; in others nothing changes.

    Parameters
    ----------
    say
        What tells the user.

    Raises
    ------
    KeyboardInterrupt
        When Ctrl-C stops at once.
    """
    interruption = Interruption(say)
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.signal(signal.SIGINT, interruption.hear)
    try:
        with lost_interruptions() as interruption.raise_lost:
            yield interruption
    except KeyboardInterrupt:
        interruption.end()
        say("Stopped. What has ended is stored, and running the study again goes on from there.")
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        interruption.end()
