"""The command `ablations run`, with stub trials."""

import os
import signal

from helpers import stub_trials
from helpers.tiny_study import TINY

from ablations import TrialResult, open_results
from ablations.report.study.conclusions import answers
from ablations.results.report_contents import contents_of
from ablations.running import run as runner
from cnnzoo.doctor.finding import Finding

# Output


def test_run_shows_what_each_choice_is_worth(tell, tiny, serially, tmp_path):
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    assert "test loss on digits: deltas from the baseline's " in answer.stdout
    assert "test accuracy on digits: deltas from the baseline's " in answer.stdout
    rows = [line for line in answer.stdout.splitlines() if line.strip().startswith("units=4")]
    assert len(rows) == 2
    assert "Exploratory: fewer than 6 seeds, so there are no verdicts." in answer.stdout
    assert "Results are in there" in answer.stdout.splitlines()
    assert len(open_results(tmp_path / "there").trials) == 8
    assert answer.stderr.splitlines()[-1].startswith("8/8 units=4, seed 3, test loss ")


def test_run_prints_the_answers(tell, tiny, serially, tmp_path):
    text = TINY.replace("units = [4, 8]", "units = [4, 8, 16]")
    tiny.write_text(text)
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    (said,) = answers(contents_of(open_results(tmp_path / "there")))[:1]
    assert f"{said.text}." in answer.stdout.replace("\n", " ")
    assert "Page's trend test" in said.text


def test_title_has_the_baseline_mean(tell, tiny, serially):
    tiny.write_text(TINY.replace("[4, 8]", "[13, 4, 8]"))
    answer = tell("run", tiny, "--to", "there")
    assert answer.exit_code == 0, answer.output
    trials = open_results("there").trials
    mean = trials.loc[trials["variant"] == "baseline", "test_loss"].mean()
    title = f"test loss on digits: deltas from the baseline's {mean:.4f}"
    assert title in [line.strip() for line in answer.stdout.splitlines()]


def test_failed_trials_that_leave_nothing_to_compare_are_an_error(
    tell, tiny, serially, monkeypatch
):
    """Its long title stands on one line although the table is narrow."""

    def told(trial, report_to=None):
        if trial.settings["units"] == 4 and trial.seed not in kept:
            return TrialResult(trial, "failed", reason="ValueError: bad luck")
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", told)
    kept = [2]
    assert tell("run", tiny, "--to", "some").exit_code == 0
    kept = []
    answer = tell("run", tiny, "--to", "none")
    assert answer.exit_code == 1
    assert "4 trials failed: ValueError: bad luck. To retry them" in answer.stdout
    trials = open_results("none").trials
    mean = trials.loc[trials["variant"] == "baseline", "test_accuracy"].mean()
    title = f"test accuracy on digits: deltas from the baseline's {mean:.4f}"
    assert title in [line.strip() for line in answer.stdout.splitlines()]


def test_title_has_no_mean_without_a_done_baseline(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        if trial.settings["units"] == 8:
            return TrialResult(trial, "failed", reason="ValueError: bad luck")
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny)
    assert "test loss on digits: deltas" in [line.strip() for line in answer.stdout.splitlines()]


def test_lines_and_tables_are_not_wrapped_without_a_terminal(tell, tiny, serially, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    changes = {"units": 4, "depth": 3, "dropout": 0.25, "activation": "'tanh'", "label_noise": 0.5}
    written = ", ".join(f"{name} = {level}" for name, level in changes.items())
    tiny.write_text(
        TINY.replace(
            "[factors]\nunits = [4, 8]", f"[[variants]]\n{written.replace(', ', chr(10))}"
        ).replace("seeds = 4", 'seeds = 1\ndesign = "list"')
    )
    variant = "units=4, depth=3, dropout=0.25, activation=tanh, label_noise=0.5"
    answer = tell("run", tiny)
    assert answer.exit_code == 0, answer.output
    line = answer.stderr.splitlines()[-1]
    assert line.startswith(f"2/2 {variant}, seed 0, test loss ")
    assert line.endswith(" s")
    rows = [line for line in answer.stdout.splitlines() if line.strip().startswith(variant)]
    assert len(rows) == 2


def test_failures_and_findings_are_printed(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        if trial.seed == 3:
            return TrialResult(trial, "failed", reason="ValueError: bad luck")
        result = stub_trials.run_trial(trial)
        found = (
            (Finding("slow", "It is [too] slow", "9 s", "Wait"),)
            if trial.settings.get("units") == 4
            else ()
        )
        return TrialResult(trial, "done", metrics=result.metrics, findings=found)

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny)
    assert answer.exit_code == 0
    failed = (
        "2 trials failed: ValueError: bad luck. To retry them, add --retry-failed, or "
        "retry_failed=True in Python."
    )
    assert failed in answer.stdout.splitlines()
    assert "units=4, 3 trials, for instance: It is [too] slow: 9 s. Wait." in answer.stdout
    assert "units=4, seed 3: failed: ValueError: bad luck" in answer.stderr
    assert failed not in answer.stderr
    again = tell("run", tiny)
    assert failed in again.stdout.splitlines()
    assert again.stderr.splitlines() == [
        "Study tiny: checking, and loading TensorFlow",
        f"In an earlier run, {failed}",
    ]
    assert failed not in tell("run", tiny, "--retry-failed").stderr


def test_missing_verdict_is_explained(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        result = stub_trials.run_trial(trial)
        found = [Finding("at-chance", "It guesses", "10%", "Look")]
        return TrialResult(trial, "done", metrics=result.metrics, findings=found)

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny, "--seeds", 6)
    rows = [line for line in answer.stdout.splitlines() if line.strip().startswith("units=4 ")]
    assert [row.split()[-1] for row in rows] == ["none", "none"]
    reason = "units=4: no verdict: in every pair both trials are at chance level."
    assert answer.stdout.splitlines().count(reason) == 1


def test_single_failure_is_printed_in_the_singular(tell, tiny, serially, monkeypatch):
    def told(trial, report_to=None):
        status = "failed" if trial.settings["units"] == 4 else "done"
        return TrialResult(trial, status, findings=[Finding("x", "x", "y", "z")])

    monkeypatch.setattr(runner, "run_trial", told)
    answer = tell("run", tiny, "--seeds", 1)
    assert (
        "1 trial failed: the reason is unknown. To retry it, add --retry-failed, or "
        "retry_failed=True in Python."
    ) in answer.stdout.splitlines()
    assert "units=4, 1 trial, for instance: x: y. z." in answer.stdout


# Seeds, directories and failures


def test_option_seeds_replaces_the_seeds_of_the_study(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", 1, "--to", "there").exit_code == 0
    assert len(open_results(tmp_path / "there").trials) == 2
    assert len(serially.CALLS) == 2
    assert tell("run", tiny, "--seeds", 3, "--to", "there").exit_code == 0
    assert len(serially.CALLS) == 6


def test_seeds_may_be_auto(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", "auto", "--to", "there").exit_code == 0
    assert open_results(tmp_path / "there").study.seeds == "auto"


def test_results_are_stored_under_the_name_of_the_study(tell, tiny, serially, tmp_path):
    assert tell("run", tiny, "--seeds", 1).exit_code == 0
    assert len(open_results(tmp_path / "studies" / "tiny").trials) == 2


def test_built_in_study_is_run_by_name(tell, serially, tmp_path):
    answer = tell("run", "downsampling", "--seeds", 1)
    assert answer.exit_code == 0, answer.output
    trials = open_results(tmp_path / "studies" / "downsampling").trials
    assert list(trials["level"].dropna()) == [1, 3, 4]


def test_failed_trials_are_retried_on_request(tell, tiny, serially, monkeypatch):
    monkeypatch.setattr(
        runner, "run_trial", lambda trial, report_to=None: TrialResult(trial, "failed", reason="no")
    )
    assert tell("run", tiny, "--seeds", 1).exit_code == 1  # nothing to compare
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    assert tell("run", tiny, "--seeds", 1).exit_code == 1
    assert not serially.CALLS
    assert tell("run", tiny, "--seeds", 1, "--retry-failed").exit_code == 0
    assert len(serially.CALLS) == 2


def test_interruption_with_pending_trials_exits_with_130(tell, tiny, serially, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    answer = tell("run", tiny)
    assert answer.exit_code == 130
    said = answer.stdout.splitlines()
    assert "5 trials have not run yet; run the same command to resume." in said
    assert "1 of 4 seed blocks is complete." in said
    assert "test loss on digits: deltas from the baseline's 0." in answer.stdout
    assert tell("run", tiny).exit_code == 0
