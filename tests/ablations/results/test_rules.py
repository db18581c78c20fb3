"""Reports of rules that were changed after results existed."""

import json
from dataclasses import replace

import pytest
from helpers import stub_trials
from helpers.simulated import simulated
from helpers.stub_outcomes import STUDY, told

from ablations.running import rounds


def test_margins_given_after_results_are_reported(outcome, tmp_path):
    assert outcome(STUDY, told).changed_rules == []
    later = replace(STUDY, margins={"accuracy": 0.005, "loss": 1.0})
    results = outcome(later, told)
    said = (
        "The margins were changed after results existed, from none to accuracy 0.005, loss 1: "
        'the error rate of "equivalent" is unknown.'
    )
    assert results.changed_rules == [said]
    assert said in results.report(tmp_path / "report.md").read_text()
    back = outcome(STUDY, told)
    assert "from none to accuracy 0.005, loss 1 to none: the" in back.changed_rules[0]


def test_margins_changed_before_any_result_are_not_reported(outcome, monkeypatch):
    outcome(replace(STUDY, margins={"loss": 0.5}), told, "other")
    monkeypatch.setattr(rounds, "_pending", lambda *given: [])
    outcome(STUDY, told)
    monkeypatch.undo()
    results = outcome(replace(STUDY, margins={"loss": 0.5}), told)
    assert results.changed_rules == []


def test_changed_maximum_of_seeds_is_reported(outcome):
    auto = replace(STUDY, seeds="auto", max_seeds=6)
    assert outcome(auto, told).changed_rules == []
    assert outcome(replace(auto, max_seeds=7), told).changed_rules == [
        "The maximum of the seed blocks was changed after results existed, from 6 to 7: the "
        "error rate of verdicts is unknown."
    ]


UNKNOWN = "the error rate of verdicts is unknown."


def test_added_seeds_are_reported(outcome, tmp_path):
    assert outcome(replace(STUDY, seeds=2), told).changed_rules == []
    outcome(STUDY, told)
    results = outcome(replace(STUDY, seeds=[0, 1, 2, 7]), told)
    said = (
        "The seeds were changed after results existed, from 2 to 3 to 4 (0, 1, 2, 7): testing a "
        "verdict repeatedly raises its error rate above 5%, at five looks to 14%; seeds='auto' "
        "tests as often and keeps the 5%."
    )
    assert results.changed_rules == [said]
    written = results.report(tmp_path / "report.json").read_text()
    assert said in json.loads(written)["warnings"]


def test_error_rate_of_repeated_looks_is_the_simulated_one():
    _, any_look, rule, *_ = simulated("normal", section="Seeds added")
    assert any_look == pytest.approx(14, abs=0.5)
    assert rule <= 5


def test_seeds_added_to_a_single_one_are_not_reported(outcome):
    outcome(replace(STUDY, seeds=1), told)
    assert outcome(STUDY, told).changed_rules == []


def test_change_from_auto_to_fixed_seeds_is_reported(outcome):
    outcome(replace(STUDY, seeds="auto", max_seeds=6), told)
    results = outcome(replace(STUDY, seeds=8, max_seeds=6), told)
    assert results.changed_rules == [
        f"The seeds were changed after results existed, from auto to 8: {UNKNOWN}"
    ]


def test_change_from_fixed_to_auto_seeds_is_reported(outcome):
    outcome(STUDY, told)
    results = outcome(replace(STUDY, seeds="auto", max_seeds=6), told)
    assert results.changed_rules == [
        f"The seeds were changed after results existed, from 3 to auto: {UNKNOWN}"
    ]


@pytest.mark.parametrize(
    "study",
    [
        replace(STUDY, seeds="auto", max_seeds=6),
        replace(STUDY, design="path", factors={"units": [128, 8], "depth": [1, 2]}),
    ],
    ids=["auto", "path"],
)
def test_changed_first_metric_is_reported_if_it_decides_trials(outcome, study):
    def told(trial):
        return 1.0 + stub_trials.noise(trial), 0.5 + stub_trials.noise(trial) / 4

    outcome(study, told)
    results = outcome(replace(study, metrics=["accuracy", "loss"]), told)
    assert results.changed_rules == [
        "The first metric, which decides what is run next, was changed after results existed, "
        f"from loss to accuracy: {UNKNOWN}"
    ]


def test_order_of_metrics_is_not_reported_if_it_decides_nothing(outcome):
    outcome(STUDY, told)
    assert outcome(replace(STUDY, metrics=["accuracy", "loss"]), told).changed_rules == []
