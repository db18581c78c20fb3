"""A server on this machine alone for the page of a watched study.

It answers one address, which has a random part, so that other users of the machine do not find it,
and only requests whose ``Host`` names this machine. A page of the web that lets its own name lead
to this machine (DNS rebinding) therefore gets nothing.
"""

import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ablations.report.html import html_page
from ablations.results.results import Results, open_results
from ablations.store.store import FILE, state_of, writer_of
from ablations.study.errors import StudyError
from ablations.watch.page import FINISHED, waiting_page, watch_page

LOOPBACK = "127.0.0.1"

REFRESH = 5
"""Seconds after which a browser asks for the page again."""

REST = 10.0
"""So many times as long as making a page took is the time until the next one is made."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself has the other rules
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class WatchedStudy:
    """The page of a study, made again when it is asked for and the study has changed.

    Parameters
    ----------
    directory
        Directory of the study, which is only read.
    clock
        Function that returns the seconds since 1970.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._state: object = None
        self._results: Results | None = None
        self._reason = ""
        self._next = float("-inf")
        self._page, self._finished = "", False

    def page(self) -> tuple[str, bool]:
        """Return the page as HTML, and whether the study is finished."""
        with self._lock:
            start = self._clock()
            if start >= self._next:
                self._read()
                self._make(start)
                end = self._clock()
                self._next = end + REST * max(end - start, 0.0)
            return self._page, self._finished

    def _read(self) -> None:
        """Read the study if it has changed."""
        state = state_of(self.directory / FILE)
        if state == self._state:
            return
        try:
            self._results, self._reason = open_results(self.directory), ""
        except StudyError as error:
            self._results, self._reason = None, str(error)
        self._state = state

    def _make(self, now: float) -> None:
        if self._results is None:
            page = waiting_page(str(self.directory), self._reason)
        else:
            runs = writer_of(self.directory) is not None
            page = watch_page(self._results, runs=runs, now=now)
        self._page, self._finished = html_page(page), page.kind == FINISHED


class WatchServer(ThreadingHTTPServer):
    """The server of a watched study.

    Parameters
    ----------
    study
        The study.
    port
        Port on the loopback interface; 0 for a free one.

    Raises
    ------
    StudyError
        If the port cannot be used.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, study: WatchedStudy, port: int = 0) -> None:
        self.study = study
        self.path = f"/{secrets.token_urlsafe(12)}/"
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StudyError(f"`port`: {port} cannot be used: {reason}.") from error
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{LOOPBACK}:{self.server_port}{self.path}"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the page, and nothing else."""

    server: WatchServer
    server_version = "cnnzoo"
    sys_version = ""
    timeout = 10
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path != self.server.path:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            page, finished = self.server.study.page()
            content = page.encode()
            self.send_response(HTTPStatus.OK)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            if not finished:
                self.send_header("Refresh", str(REFRESH))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def watch(directory: str | Path, port: int = 0, say: Callable[[str], object] = print) -> None:
    """Serve the page of a study until Ctrl-C.

    Parameters
    ----------
    directory
        Directory of the study. It may have no study yet.
    port
        Port on this machine; 0 for a free one.
    say
        Function that prints a line.

    Raises
    ------
    StudyError
        If there is no such directory, or the port cannot be used.
    """
    place = Path(directory).expanduser()
    if not place.is_dir():
        raise StudyError(f"There is no study in {place}: there is no such directory.")
    with WatchServer(WatchedStudy(place), port) as server:
        say(f"Ctrl-C stops watching {place} at {server.address}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("Stopped watching; the study was not touched.")
