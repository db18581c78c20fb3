"""The page of a watched study, asked for over real connections."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from helpers.chromium import BASH, CHROMIUM, Browser

from ablations import Study, StudyError
from ablations.designs.planner import Planner
from ablations.store import Store
from ablations.study import TrialResult
from ablations.study.timing import Timing
from ablations.watch import watch
from ablations.watch.server import WatchedStudy, WatchServer
from cnnzoo.doctor.finding import Finding

STUDY = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=8, name="half")
CONTEXT = {"data": "abc"}
START = 1_000_000.0
FINDING = Finding("slow", "Too slow", "9 s", "Wait")


class Clock:
    """A clock that is set by hand."""

    now = START + 100

    def __call__(self):
        return self.now


def begin(directory, study=STUDY):
    """Begin a study without a trial."""
    planner = Planner.of(study)
    rows = planner.rows(planner.layout.variants, {}, {})
    stored = replace(study, factors=planner.space.factors(study), baseline=planner.layout.baseline)
    with Store(directory, write=True) as store:
        store.begin(stored, CONTEXT, [row for row, _ in rows])
    return [trial for _, trial in sorted(rows, key=lambda row: row[1].seed)]


def train(store, trials):
    """Store results of trials that two processes ran, one after 2 s; the units tell the loss."""
    for number, trial in enumerate(trials):
        timing = Timing(7 + number % 2, START + 2.0 * number, {"train": 1.0})
        loss = 1.0 - 0.1 * len(trial.settings) + 0.01 * trial.seed + 0.001 * number
        metrics = {"test_loss": loss, "test_accuracy": 1 - loss / 2}
        result = TrialResult(trial, "done", metrics=metrics, seconds=4.0, timing=timing)
        if trial.seed == 1 and trial.settings:
            result = replace(result, status="failed", reason="ValueError: <b>no</b>", metrics={})
        if trial.seed == 2:
            result = replace(result, findings=(FINDING,))
        store.add(result, CONTEXT, {})


@pytest.fixture
def half(tmp_path):
    """Return the directory of a study of which 6 of 8 seed blocks ended."""
    trials = begin(tmp_path / "half")
    with Store(tmp_path / "half", write=True) as store:
        train(store, trials[:18])
    return tmp_path / "half"


@contextmanager
def served(directory, clock=None):
    with WatchServer(WatchedStudy(directory, clock or Clock())) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server, path=None, method="GET", **headers):
    """Return status, headers and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, server.path if path is None else path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def test_page_of_a_stopped_study(half):
    with served(half) as server:
        status, headers, page = asked(server)
    assert status == 200
    assert headers["Refresh"] == "5"
    assert "Stopped study" in page
    assert "18 of 24" in page
    assert "ended, 2 failed" in page
    assert "No process runs this study. Run it again to resume." in page
    assert "6 of 8 seed blocks are complete." in page
    assert "2 trials failed: ValueError: &lt;b&gt;no&lt;/b&gt;. To retry them" in page
    assert "<b>no</b>" not in page
    # 18 trials from 0 s to 17 * 2 + 4 s
    assert f"{60 * 18 / 38:.3g}" in page
    assert all(text in page for text in ("Too slow", "process 7", "process 8", "1:02 ago"))


def test_running_study_has_anytime_verdicts_only(half):
    with served(half) as server:
        page = asked(server)[2]
    assert "verdict so far" in page
    assert "p so far" in page
    assert "p (Holm)" not in page
    assert "stay valid however often you look" in page


def test_running_study_tells_the_time_left(half):
    with served(half) as server, Store(half, write=True):
        page = asked(server)[2]
    assert "Running study" in page
    assert "A process runs this study." in page
    # 18 trials in 100 s, 6 to come
    assert "0:33" in page


def test_page_follows_the_study(tmp_path):
    directory, clock = tmp_path / "half", Clock()
    directory.mkdir()
    with served(directory, clock) as server:
        assert f"There is no study in {directory}: it has no study.sqlite." in asked(server)[2]
        trials = begin(directory)
        page = asked(server)[2]
        assert "0 of 24" in page
        assert "No trial is done." in page
        with Store(directory, write=True) as store:
            train(store, trials)
            page = asked(server)[2]
            assert "24 of 24" in page
            assert "Running study" in page
        _, headers, page = asked(server)
    assert "Finished study" in page
    assert "All planned trials have ended." in page
    assert "p (Holm)" in page
    assert "verdict so far" not in page
    assert "Refresh" not in headers


def test_study_that_grows_may_go_on(tmp_path):
    """Whoever stops it when its planned trials have ended leaves none pending."""
    study = replace(STUDY, seeds="auto")
    trials = begin(tmp_path / "auto", study)
    with Store(tmp_path / "auto", write=True) as store:
        train(store, trials)
    page, finished = WatchedStudy(tmp_path / "auto", Clock()).page()
    assert not finished
    assert "All planned trials have ended." in page
    assert "If the last run was stopped, run the study again" in page
    assert "Finished study" not in page


def test_page_that_takes_long_is_not_made_at_each_request(half, monkeypatch):
    clock, made = Clock(), []

    def make(self, now):
        made.append(now)
        clock.now += 3  # seconds that it takes

    monkeypatch.setattr(WatchedStudy, "_make", make)
    watched = WatchedStudy(half, clock)
    for _ in range(2):
        watched.page()
    clock.now += 29.5
    watched.page()
    assert len(made) == 1
    clock.now += 1
    watched.page()
    assert len(made) == 2


def test_watching_changes_no_file(half):
    def contents():
        return {path: path.read_bytes() for path in half.iterdir()}

    before = contents()
    with served(half) as server:
        asked(server)
    assert contents() == before


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": ""}, 403),
        ({"path": "/"}, 404),
        ({"path": "{path}../"}, 404),
        ({"path": "{path}?x=<script>"}, 404),
        ({"method": "POST"}, 501),
        ({"method": "OPTIONS"}, 501),
        ({"Host": "localhost:{port}"}, 200),
        ({"method": "HEAD"}, 200),
    ],
)
def test_only_its_own_address_is_answered(half, given, status):
    with served(half) as server:
        told = {
            name: text.format(port=server.server_port, path=server.path)
            for name, text in given.items()
        }
        answer, headers, text = asked(server, **told)
    assert answer == status
    assert "half" not in text or status == 200
    assert "<" not in text or status == 200
    if status == 200:
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert (text == "") == (given.get("method") == "HEAD")


def test_server_listens_on_the_loopback_interface_only(half):
    with served(half) as server, served(half) as other:
        assert server.server_address[0] == "127.0.0.1"
        assert server.path != other.path
        assert "script-src &#39;sha256-" in asked(server)[2]


def test_taken_port_and_missing_directory_are_refused(half, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StudyError) as refused:
            watch(half, port)
    assert str(refused.value) == f"`port`: {port} cannot be used: Address already in use."
    with pytest.raises(StudyError) as refused:
        watch(tmp_path / "none")
    assert str(refused.value) == (
        f"There is no study in {tmp_path / 'none'}: there is no such directory."
    )


PROGRAM = """
import sys
from ablations.cli import app
try:
    app(["watch", sys.argv[1]])
finally:
    print(sorted({"tensorflow", "keras", "ray"} & {*sys.modules}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_command_serves_until_ctrl_c_without_keras(half):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(half)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
    ) as program:
        address = urlsplit(program.stdout.readline().split()[-1])
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        connection.request("GET", address.path)
        assert "18 of 24" in connection.getresponse().read().decode()
        program.send_signal(signal.SIGINT)
        output, errors = program.communicate()
    assert output.splitlines() == ["Stopped watching; the study was not touched.", "[]"]
    assert (program.returncode, errors) == (0, "")


class Address:
    """What `Browser.open` takes for a path."""

    def __init__(self, address):
        self.address = address

    def as_uri(self):
        return self.address


@pytest.mark.skipif(not (CHROMIUM and BASH), reason="there is no Chromium here")
def test_browser_shows_the_page_without_complaint(half, tmp_path):
    browser = Browser(tmp_path / "profile")
    try:
        with served(half) as server:
            for width, mode in ((1280, "light"), (390, "dark")):
                browser.open(Address(server.address), width=width, mode=mode)
                assert browser.value("document.querySelectorAll('table').length") == 4
                assert browser.complaints() == []
                assert browser.requests() == [server.address]
                assert browser.value("document.documentElement.scrollWidth") == width
    finally:
        browser.close()
