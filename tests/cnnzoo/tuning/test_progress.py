"""The progress display of a search."""

import numpy as np

from cnnzoo.tuning.progress import SearchProgress
from cnnzoo.tuning.records import Execution, Objective


class Trial:
    def __init__(self, trial_id, score=None, status="COMPLETED", message=None):
        self.trial_id, self.score, self.status, self.message = trial_id, score, status, message


def test_without_a_terminal_each_trial_is_a_log_line(capsys):
    with SearchProgress(Objective("val_loss", "min"), 5) as progress:
        progress.resume([Trial("0", 0.5)])
        progress.report(Trial("1", 0.75), [Execution("done", seconds=1.25)] * 2)
        progress.report(Trial("2", None, "FAILED", "MemoryError: none left"), [])
        reason = "`kernel_size` of `downsampling` is too large for this; at most 8 fits."
        progress.report(Trial("3", None, "INVALID", reason), [])
        progress.report(Trial("4", 0.25), [Execution("done", seconds=2)])
    assert capsys.readouterr().err.splitlines() == [
        "Resuming after 1 trial.",
        "trial 1 (2 of 5): val_loss 0.7500; 2.5 s; best val_loss 0.5000",
        "trial 2 (3 of 5): failed: MemoryError: none left; 0.0 s; best val_loss 0.5000, 1 failed",
        "trial 3 (4 of 5): invalid: `kernel_size` of `downsampling` is too large for this; at most "
        "8 fits; 0.0 s; best val_loss 0.5000, 1 failed, 1 invalid",
        "trial 4 (5 of 5): val_loss 0.2500; 2.0 s; best val_loss 0.2500, 1 failed, 1 invalid",
    ]


def test_nothing_is_displayed_if_shown_is_false(capsys):
    with SearchProgress(Objective("val_loss", "min"), None, shown=False) as progress:
        progress.report(Trial("0", 0.5), [])
    assert capsys.readouterr() == ("", "")


def test_notes_on_the_data_are_displayed_first(searched, stub_training, tmp_path, capsys):
    stub_training(lambda levels, seed: 0.5)
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2, masks=x)
    search = {"units": [8, 16]}
    for progress in (True, False):
        searched("mlp", f"npz:{tmp_path}/a.npz", search, tuner="grid", progress=progress)
        lines = capsys.readouterr().err.splitlines()
        assert lines[:1] == [f"npz:{tmp_path}/a.npz: arrays left out: 'masks'."] * progress
