"""Progress of a study."""

import errno
import io
import json
import os
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import ttest_1samp

from ablations import Study, TrialResult
from ablations.designs.planner import Planner
from ablations.report.numbers import p_value
from ablations.report.study.terminal import Printed, short_deltas
from ablations.running.progress import StudyProgress
from ablations.running.trial import report_epoch
from ablations.store import StoredResults

STUDY = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=2)


def rows_of(study=STUDY, infeasible=None):
    planner = Planner.of(study)
    return planner.rows(planner.layout.variants, {}, infeasible or {})


def done(trial, loss=0.25):
    metrics = {"test_loss": loss, "test_accuracy": 0.75}
    return TrialResult(trial, "done", metrics=metrics, seconds=1.5)


@pytest.fixture
def progress():
    """Return a display without a terminal, and the text that it writes."""
    with StudyProgress(STUDY) as progress:
        text = io.StringIO()
        progress.console = Console(file=text, width=200)
        yield progress, text


@pytest.fixture
def terminal():
    """Return a display on a terminal, and the text that it writes."""
    text = io.StringIO()
    progress = StudyProgress(STUDY)
    progress.console = Console(file=text, force_terminal=True, width=120)
    progress.live = True
    with progress:
        yield progress, text


def test_without_a_terminal_every_trial_is_a_line(progress):
    shown, text = progress
    rows = rows_of()
    trials = [trial for _, trial in rows]
    shown.start_round(rows, StoredResults(), trials)
    for trial in trials:
        shown.ended(done(trial))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith(
        "1/4 baseline, seed 0, test loss 0.2500, test accuracy 0.7500, 1.5 s, 0:0"
    )
    assert lines[-1] == "4/4 units=8, seed 1, test loss 0.2500, test accuracy 0.7500, 1.5 s"


def test_stored_results_are_not_counted(progress):
    shown, text = progress
    rows = rows_of()
    stored = StoredResults.of(done(trial, 1.0) for _, trial in rows[:3])
    shown.start_round(rows, stored, [rows[3][1]])
    shown.ended(done(rows[3][1]))
    assert text.getvalue().startswith("1/1 units=8, seed 1, ")


def test_failed_trial_is_printed_with_its_reason(progress):
    shown, text = progress
    rows = rows_of()
    shown.start_round(rows, StoredResults(), [rows[0][1]])
    shown.ended(TrialResult(rows[0][1], "failed", reason="ValueError: [bold]no[/bold]"))
    assert text.getvalue().splitlines() == [
        "1/1 baseline, seed 0: failed: ValueError: [bold]no[/bold]"
    ]


def test_infeasible_variant_is_printed_once(progress):
    shown, text = progress
    for _ in range(2):
        shown.start_round(rows_of(infeasible={"units=8": "too few"}), StoredResults(), [])
    assert text.getvalue() == "cannot be built: units=8: too few\n"


def test_hidden_progress_prints_nothing(capsys):
    with StudyProgress(STUDY, shown=False) as shown:
        shown.say("hush")
        rows = rows_of()
        shown.start_round(rows, StoredResults(), [rows[0][1]])
        shown.ended(done(rows[0][1]))
    assert capsys.readouterr() == ("", "")


def test_folder_of_epochs_is_removed_at_the_end():
    with StudyProgress(STUDY, shown=False) as shown:
        assert shown.folder.is_dir()
    assert not shown.folder.exists()


def test_reported_epoch_replaces_the_one_before(tmp_path):
    trial = rows_of()[0][1]
    for epoch in (1, 2):
        report_epoch(tmp_path, trial, epoch, {"loss": 1 / epoch})
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text()) == {"key": trial.key, "epoch": 2, "loss": 0.5}
    report_epoch(tmp_path, trial, 3, None)
    assert json.loads(path.read_text())["epoch"] == 3


def test_report_of_an_epoch_ignores_io_errors(tmp_path):
    trial = rows_of()[0][1]
    gone = tmp_path / "gone"
    report_epoch(gone, trial, 1, {"loss": 1.0})
    assert not gone.exists()
    full = tmp_path / f".{os.getpid()}"
    full.symlink_to("/dev/full")
    report_epoch(tmp_path, trial, 1, {"loss": 1.0})
    assert not list(tmp_path.glob("*.json"))


def test_folder_that_cannot_be_removed_stays(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("refused")

    with StudyProgress(STUDY, shown=False) as shown:
        report_epoch(shown.folder, rows_of()[0][1], 1, {"loss": 1.0})
        monkeypatch.setattr(os, "rmdir", refuse)
    assert shown.folder.exists()
    monkeypatch.undo()
    shutil.rmtree(shown.folder)


def test_lost_terminal_is_no_error(monkeypatch):
    def refuse():
        raise OSError(errno.EIO, "Input/output error")

    shown = StudyProgress(STUDY, shown=False)
    monkeypatch.setattr(shown, "live", True)
    with shown:
        stop = shown._display.stop
        monkeypatch.setattr(shown._display, "stop", refuse)
    stop()
    assert not shown.folder.exists()


def rendered(shown):
    console = Console(file=io.StringIO(), width=120)
    console.print(shown.render())
    return console.file.getvalue()


def test_terminal_shows_counts_running_trials_and_deltas(terminal):
    shown, _ = terminal
    shown.show_status("checking the study")
    assert rendered(shown) == "checking the study\n"
    rows = rows_of()
    trials = [trial for _, trial in rows]
    shown.start_round(rows, StoredResults(), trials)
    shown.ended(done(trials[0], 0.25))
    shown._redraw = 0.0
    shown.ended(done(trials[2], 0.5))
    report_epoch(shown.folder, trials[3], 4, {"loss": 0.125})
    report_epoch(shown.folder, trials[3], 4, {"loss": 0.125})
    text = rendered(shown)
    assert "2/4 trials, 0 failed, " in text
    assert " per minute, 0:0" in text
    assert "units=8, seed 1: epoch 4/10, loss 0.1250" in text
    assert "deltas so far" in text
    assert "+0.25" in text


def test_running_study_has_anytime_verdicts_only(terminal):
    shown, _ = terminal
    shown.study = replace(STUDY, seeds=12)
    rows = rows_of(shown.study)
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])

    def run(pairs):
        for row, trial in rows:
            if trial.seed in pairs:
                loss = (row.variant != "baseline") + 0.01 * (trial.seed * 7 % 5)
                shown.ended(done(trial, loss + 0.02 * (row.variant != "baseline") * trial.seed))
        shown._redraw = 0.0
        shown._tabulate()
        return next(line for line in rendered(shown).splitlines() if "units=8" in line).split()

    assert run(range(5))[-2:] == ["5", "none"]
    assert run(range(5, 8))[-3:] == ["8", "<0.001", "worse"]
    assert "p (Holm)" not in rendered(shown)
    assert run(range(8, 12))[-2:] == ["12", "worse"]
    assert "p (Holm)" in rendered(shown)
    assert "so far" not in rendered(shown).split("deltas so far")[1]


def test_live_deltas_of_several_data_sets_are_of_their_means(terminal):
    shown, _ = terminal
    shown.study = replace(STUDY, data=["digits", "mnist1d"])
    rows = rows_of(shown.study)
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    losses = {("baseline", "digits"): 0.25, ("baseline", "mnist1d"): 0.5}
    for row, trial in rows:
        if trial.seed == 0:
            shown.ended(done(trial, losses.get((row.variant, trial.data), 1.0)))
    shown._redraw = 0.0
    shown._tabulate()
    assert "+0.62" in rendered(shown)  # 1 - (0.25 + 0.5) / 2


def test_deltas_of_auto_seeds_are_corrected_for_the_looks(terminal):
    shown, _ = terminal
    shown.study = replace(STUDY, seeds="auto", max_seeds=12)
    rows = rows_of(shown.study)
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    losses = {"baseline": [0.0] * 6, "units=8": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]}
    for row, trial in rows[:-1]:
        shown.ended(done(trial, losses[row.variant][trial.seed]))
    shown._redraw = 0.0
    shown._tabulate()
    assert "+2.0" not in rendered(shown)  # before the first look there is no delta
    shown.ended(done(rows[-1][1], losses["units=8"][5]))
    shown._redraw = 0.0
    shown._tabulate()
    p = ttest_1samp(losses["units=8"], 0).pvalue
    assert f" {p_value(2 * p)} " in rendered(shown)  # the first of two looks, at half of the blocks


def test_deltas_of_different_losses_use_a_common_metric(terminal):
    shown, _ = terminal
    rows = rows_of()
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    for row, trial in rows:
        changed = bool(row.changes)
        result = done(trial, 0.01 if changed else 2.0)
        shown._redraw = 0.0
        shown.ended(
            replace(
                result,
                metrics={**result.metrics, "test_nll": 3.5 if changed else 2.0},
                loss="mse" if changed else "focal",
            )
        )
    text = rendered(shown)
    assert "test nll: deltas so far" in text
    assert "+1.5 " in text


def test_ended_trial_is_not_shown_as_running(terminal):
    shown, _ = terminal
    rows = rows_of()
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    report_epoch(shown.folder, rows[0][1], 4, {"loss": 0.125})
    assert "epoch 4/10" in rendered(shown)
    shown.ended(done(rows[0][1]))
    assert "epoch 4/10" not in rendered(shown)


def test_incomplete_report_of_an_epoch_is_ignored(terminal):
    shown, _ = terminal
    rows = rows_of()
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    (shown.folder / "1.json").write_text('{"key": ')
    (shown.folder / "2.json").write_text(json.dumps({"key": "?", "epoch": 1, "loss": 1.0}))
    assert "0/4 trials, 0 failed, 0.0 per minute" in rendered(shown)


def test_rate_counts_running_trials_by_their_epochs():
    now = [0.0]
    with StudyProgress(STUDY, shown=False, clock=lambda: now[0]) as shown:
        rows = rows_of()
        shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
        report_epoch(shown.folder, rows[0][1], 5, {"loss": 1.0})
        now[0] = 30.0
        assert shown.rate() == 1.0  # half a trial in half a minute
        assert shown.time_left() == ", 3:30 left"


def test_log_shows_the_running_trials_after_a_minute_without_a_line(progress):
    shown, text = progress
    now = [0.0]
    shown._clock = lambda: now[0]
    rows = rows_of()
    shown.start_round(rows, StoredResults(), [trial for _, trial in rows])
    shown.say("begun")
    report_epoch(shown.folder, rows[0][1], 5, {"loss": 0.125})
    for now[0] in (59.0, 60.0, 90.0):
        shown.beat()
    assert text.getvalue().splitlines() == [
        "begun",
        "0/4 trials, 0.5 per minute, 7:00 left; baseline, seed 0: epoch 5/10, loss 0.1250",
    ]


def test_deltas_table_leaves_out_intervals_of_one_pair():
    row = {
        "variant": "units=8",
        "baseline_mean": 0.25,
        "level_mean": 0.5,
        "delta": 0.25,
        "ci_low": 0.125,
        "ci_high": 0.375,
        "p_adjusted": 0.0123,
        "n_pairs": 3,
        "verdict": "worse",
    }
    nan = float("nan")
    alone = {**row, "n_pairs": 1, "ci_low": nan, "ci_high": nan, "p_adjusted": nan, "verdict": ""}
    none = {**alone, "n_pairs": 0, "delta": nan, "level_mean": nan}
    none |= {"variant": "units=66"}
    statuses = {"baseline": "done", "units=8": "done", "units=66": "failed"}
    trials = pd.DataFrame(statuses.items(), columns=["variant", "status"]).assign(reason="")
    console = Console(file=io.StringIO(), width=120)
    console.print(Printed(short_deltas(pd.DataFrame([row, alone, none]), trials, "loss")))
    cells = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["units=8", "0.50", "+0.25", "[0.12,", "0.38]", "0.012", "3", "worse"] in cells
    assert ["units=8", "0.50", "+0.25", "1"] in cells
    assert ["units=66", "0", "failed"] in cells


def test_means_of_different_seeds_are_shown_with_their_baseline():
    shared = {"ci_low": 0.04, "ci_high": 0.06, "p_adjusted": 0.01, "verdict": "worse"}
    rows = [
        {"variant": "a", "baseline_mean": 0.25, "level_mean": 0.30, "n_pairs": 9, **shared},
        {"variant": "b", "baseline_mean": 0.15, "level_mean": 0.20, "n_pairs": 7, **shared},
    ]
    deltas = pd.DataFrame(rows).assign(delta=0.05)
    trials = pd.DataFrame({"variant": ["a", "b"], "status": "done", "reason": ""})

    def lines_of(table):
        console = Console(file=io.StringIO(), width=120)
        console.print(Printed(short_deltas(table, trials)))
        return [line.split() for line in console.file.getvalue().splitlines()]

    lines = lines_of(deltas)
    assert ["variant", "baseline", "mean", "delta"] in [line[:4] for line in lines]
    assert [line[:3] for line in lines if line[:1] in (["a"], ["b"])] == [
        ["a", "0.250", "0.300"],
        ["b", "0.150", "0.200"],
    ]
    assert ["variant", "mean", "delta"] in [line[:3] for line in lines_of(deltas.head(1))]


def test_narrow_terminal_folds_only_the_variant():
    row = {"variant": "normalization=batch, norm_momentum=0.8", "baseline_mean": 0.961}
    row |= {
        "level_mean": 0.957,
        "delta": -0.00367,
        "ci_low": -0.00905,
        "ci_high": 0.00171,
        "p_adjusted": 0.284,
    }
    row |= {"n_pairs": 6, "verdict": "inconclusive"}
    trials = pd.DataFrame([{"variant": row["variant"], "status": "done", "reason": ""}])
    table = short_deltas(pd.DataFrame([row]), trials, "accuracy")
    minus = "\N{MINUS SIGN}"
    delta, more = f"{minus}0.004  [{minus}0.009, 0.002]      0.28", "      6  inconclusive "
    for width, numbers in ((100, f"  0.957  {delta}{more}"), (80, f"  {delta}{more}")):
        console = Console(file=io.StringIO(), width=width)
        console.print(Printed(table))
        (line,) = [line for line in console.file.getvalue().splitlines() if "inconclusive" in line]
        assert line.endswith(numbers)
        assert line.startswith(" normalization=batch,")
        assert ("  mean  " in console.file.getvalue()) == (width == 100)


def test_unfinished_study_breaks_no_word_at_80_columns():
    """Its table leaves out means; verdicts wrap between words."""
    row = {"variant": "pool_size=1", "baseline_mean": 0.954, "level_mean": 0.947}
    row |= {"delta": -0.0069, "ci_low": -0.0142, "ci_high": 0.0005, "p_adjusted": 0.05}
    deltas = pd.DataFrame([row, row | {"variant": "pool_size=3", "baseline_mean": 0.955}])
    deltas = deltas.assign(n_pairs=7, verdict="")
    trials = deltas[["variant"]].assign(status="done", reason="")
    by_now = deltas[["variant"]].assign(p_adjusted=0.36, verdict="inconclusive")
    table = short_deltas(deltas, trials, "accuracy", by_now, secondary=True)
    assert table.headers[1:3] == ("baseline", "mean")
    text = io.StringIO()
    Console(file=text, width=80).print(Printed(table))
    words = text.getvalue().split()
    assert "baseline" not in words
    assert words.count("inconclusive") == words.count("(secondary)") == 2
    assert words.count("pool_size=1") == words.count("pool_size=3") == 1
    assert max(map(len, text.getvalue().splitlines())) <= 80
