"""What Ctrl-C means while a study runs."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cnnzoo.ctrl_c import lost_interruptions


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
