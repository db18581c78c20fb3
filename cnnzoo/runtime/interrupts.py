"""Ctrl-C: stop after the running trials, and catch interrupts that Python loses."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lost_interruptions() -> Iterator[Callable[[], None]]:
    """Record a Ctrl-C that arrives where Python cannot raise, such as in garbage collection.

    Python prints such an interrupt and continues. TensorFlow leaves so much garbage that about one
    Ctrl-C in twelve arrives there.

    Yields
    ------
    Callable
        Raises a recorded interrupt; call it where the work can be stopped. A recorded interrupt is
        also raised at the end of the block.

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
    """State of Ctrl-C: it stops at once or, while trials run, after the running trials.

    Parameters
    ----------
    say
        Function that shows a line to the user.

    Attributes
    ----------
    raise_lost
        Function that raises a Ctrl-C that Python lost; call it where the work can be stopped.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.raise_lost: Callable[[], None] = lambda: None
        self._asked = self._draining = False
        self._telling: threading.Thread | None = None

    def asked(self) -> bool:
        """Return whether the user asked to stop after the running trials."""
        return self._asked

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Make the first Ctrl-C in this block wait for the running trials."""
        self._draining = True
        try:
            yield
        finally:
            self._draining = False

    def hear(self, *_: object) -> None:
        """Handle SIGINT."""
        if self._asked or not self._draining:
            raise KeyboardInterrupt
        self._asked = True
        words = "Stopping after the running trials; Ctrl-C again stops at once."
        # In a thread, because the signal may interrupt another write to the terminal.
        self._telling = threading.Thread(target=self._say, args=(words,))
        self._telling.start()

    def end(self) -> None:
        """Wait until the message has been shown."""
        if self._telling is not None:
            self._telling.join()


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Interruption]:
    """Handle Ctrl-C in the main thread; in other threads nothing changes.

    Parameters
    ----------
    say
        Function that shows a line to the user.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C stops at once.
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
        say("Stopped. Finished trials are saved; run the study again to resume.")
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        interruption.end()
