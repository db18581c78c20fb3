"""Progress of trials, whatever they are trials of."""

import io

import pytest
from rich.console import Console

from cnnzoo.runtime.progress import Progress


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def rendered(progress):
    console = Console(file=io.StringIO(), width=120)
    console.print(progress.render())
    return " ".join(console.file.getvalue().split())


@pytest.fixture
def clock():
    return Clock()


def test_start_of_the_workers_does_not_affect_the_time_left(clock):
    progress = Progress(4, clock=clock)
    clock.now = 40.0
    progress.count(seconds=10.0)  # so the workers started within 30 s
    assert (progress.position(), progress.time_left()) == ("1/4", ", 0:30 left")
    clock.now = 50.0
    progress.count(seconds=10.0)
    assert (progress.position(), progress.time_left()) == ("2/4", ", 0:20 left")


def test_earlier_trials_do_not_affect_the_time_left(clock):
    progress = Progress(12, clock=clock)
    progress.count_earlier(8, failed=1)
    assert (progress.position(), progress.time_left()) == ("8/12", "")
    clock.now = 30.0
    progress.count(seconds=30.0)
    assert progress.time_left() == ", 1:30 left"
    assert rendered(progress).endswith("9/12 trials, 1 failed, 2.0 per minute, 1:30 left")


def test_unknown_total_has_no_time_left(clock):
    progress = Progress(clock=clock)
    clock.now = 60.0
    progress.count(seconds=60.0, failed=True)
    assert rendered(progress).endswith("1 trials, 1 failed, 1.0 per minute")


def test_status_is_shown_until_trials_are_expected(clock):
    progress = Progress(clock=clock)
    progress.show_status("checking")
    assert rendered(progress) == "checking"
    progress.expect(3)
    progress.expect(2)
    assert rendered(progress).endswith("0/5 trials, 0 failed, 0.0 per minute")


def test_message_is_printed_once(capsys):
    with Progress(1) as progress:
        for message in ("a [b] line", "", "a [b] line", "another"):
            progress.say_once(message)
    assert capsys.readouterr().err == "a [b] line\nanother\n"


def test_subclass_describes_results_and_details(clock):
    class Search(Progress):
        def summary(self):
            return "best 0.5"

        def details(self):
            return ["running: trial 3"]

    progress = Search(2, clock=clock)
    assert rendered(progress).endswith("0/2 trials, best 0.5, 0.0 per minute running: trial 3")
