"""What a search tells while it runs."""

from cnnzoo.tuning.progress import Progress
from cnnzoo.tuning.records import Execution, Objective


class Trial:
    def __init__(self, trial_id, score=None, status="COMPLETED", message=None):
        self.trial_id, self.score, self.status, self.message = trial_id, score, status, message


def test_without_a_terminal_each_trial_is_a_line_with_the_best_so_far(capsys):
    with Progress(Objective("val_loss", "min"), 5) as progress:
        progress.resume([Trial("0", 0.5)])
        progress.report(Trial("1", 0.75), [Execution("done", seconds=1.25)] * 2)
        progress.report(Trial("2", None, "FAILED", "MemoryError: none left"), [])
        reason = "`kernel_size` of `downsampling` is too large for this; at most 8 fits."
        progress.report(Trial("3", None, "INVALID", reason), [])
        progress.report(Trial("4", 0.25), [Execution("done", seconds=2)])
    assert capsys.readouterr().err.splitlines() == [
        "Going on after 1 trial.",
        "trial 1 (2 of 5): val_loss 0.7500; 2.5 s; best 0.5000",
        "trial 2 (3 of 5): failed: MemoryError: none left; 0.0 s; best 0.5000, 1 failed",
        "trial 3 (4 of 5): invalid: `kernel_size` of `downsampling` is too large for this; at most "
        "8 fits; 0.0 s; best 0.5000, 1 failed, 1 invalid",
        "trial 4 (5 of 5): val_loss 0.2500; 2.0 s; best 0.2500, 1 failed, 1 invalid",
    ]


def test_without_a_wish_for_it_nothing_is_told(capsys):
    with Progress(Objective("val_loss", "min"), None, shown=False) as progress:
        progress.report(Trial("0", 0.5), [])
    assert capsys.readouterr() == ("", "")
