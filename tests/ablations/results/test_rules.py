"""Rules that were changed after there were results."""

import json
from dataclasses import replace

import pytest
import stub_trials
from simulated import simulated
from stub_outcomes import STUDY, told

from ablations.running import rounds


def test_margins_given_after_the_results_are_said_in_the_report(outcome, tmp_path):
    assert outcome(STUDY, told).changed_rules == []
    later = replace(STUDY, margins={"accuracy": 0.005, "loss": 1.0})
    results = outcome(later, told)
    said = (
        "The margins were changed after there were results, from none to accuracy 0.005, loss 1: "
        'the error rate of "equivalent" is known only if such rules are fixed beforehand.'
    )
    assert results.changed_rules == [said]
    assert said in results.report(tmp_path / "report.md").read_text()
    back = outcome(STUDY, told)
    assert "from none to accuracy 0.005, loss 1 to none: the" in back.changed_rules[0]


def test_margins_that_were_changed_before_any_result_are_nothing_to_say(outcome, monkeypatch):
    outcome(replace(STUDY, margins={"loss": 0.5}), told, "other")
    monkeypatch.setattr(rounds, "_pending", lambda *given: [])
    outcome(STUDY, told)
    monkeypatch.undo()
    results = outcome(replace(STUDY, margins={"loss": 0.5}), told)
    assert results.changed_rules == []


def test_another_cap_of_seed_blocks_is_said(outcome):
    auto = replace(STUDY, seeds="auto", max_seeds=6)
    assert outcome(auto, told).changed_rules == []
    assert outcome(replace(auto, max_seeds=7), told).changed_rules == [
        "The maximum of the seed blocks was changed after there were results, from 6 to 7: the "
        "error rate of verdicts is known only if such rules are fixed beforehand."
    ]


UNKNOWN = "the error rate of verdicts is known only if such rules are fixed beforehand."


def test_seeds_that_were_added_after_the_results_are_said_in_the_report(outcome, tmp_path):
    assert outcome(replace(STUDY, seeds=2), told).changed_rules == []
    outcome(STUDY, told)
    results = outcome(replace(STUDY, seeds=[0, 1, 2, 7]), told)
    said = (
        "The seeds were changed after there were results, from 2 to 3 to 4 (0, 1, 2, 7): testing a "
        "verdict repeatedly raises its error rate above 5%, at five looks to 15%; seeds='auto' "
        "tests as often and keeps the 5%."
    )
    assert results.changed_rules == [said]
    written = results.report(tmp_path / "report.json").read_text()
    assert said in json.loads(written)["warnings"]


def test_how_often_repeated_looks_err_is_what_was_simulated():
    _, any_look, rule, *_ = simulated("normal", section="Seeds added")
    assert any_look == pytest.approx(15, abs=0.5)
    assert rule <= 5


def test_one_seed_has_no_verdict_that_more_seeds_could_change(outcome):
    outcome(replace(STUDY, seeds=1), told)
    assert outcome(STUDY, told).changed_rules == []


def test_seeds_that_were_fixed_after_they_were_added_by_a_rule_are_said(outcome):
    outcome(replace(STUDY, seeds="auto", max_seeds=6), told)
    results = outcome(replace(STUDY, seeds=8, max_seeds=6), told)
    assert results.changed_rules == [
        f"The seeds were changed after there were results, from auto to 8: {UNKNOWN}"
    ]


def test_seeds_that_a_rule_adds_to_fixed_ones_are_said(outcome):
    outcome(STUDY, told)
    results = outcome(replace(STUDY, seeds="auto", max_seeds=6), told)
    assert results.changed_rules == [
        f"The seeds were changed after there were results, from 3 to auto: {UNKNOWN}"
    ]


@pytest.mark.parametrize(
    "study",
    [
        replace(STUDY, seeds="auto", max_seeds=6),
        replace(STUDY, design="path", factors={"units": [128, 8], "depth": [1, 2]}),
    ],
    ids=["auto", "path"],
)
def test_another_first_metric_is_said_where_it_decides_what_is_run(outcome, study):
    def told(trial):
        return 1.0 + stub_trials.noise(trial), 0.5 + stub_trials.noise(trial) / 4

    outcome(study, told)
    results = outcome(replace(study, metrics=["accuracy", "loss"]), told)
    assert results.changed_rules == [
        "The first metric, which decides what is run next, was changed after there were results, "
        f"from loss to accuracy: {UNKNOWN}"
    ]


def test_the_order_of_metrics_is_nothing_to_say_where_it_decides_nothing(outcome):
    outcome(STUDY, told)
    assert outcome(replace(STUDY, metrics=["accuracy", "loss"]), told).changed_rules == []
