"""Rules that were changed after there were results."""

from dataclasses import replace

from stub_outcomes import STUDY, told

from ablations import rounds


def test_margins_given_after_the_results_are_said_in_the_report(outcome, tmp_path):
    assert outcome(STUDY, told).changed_rules == []
    later = replace(STUDY, margins={"accuracy": 0.005, "loss": 1.0})
    results = outcome(later, told)
    said = (
        "The margins were changed after there were results, from none to accuracy 0.005, loss 1: "
        'how often "equivalent" errs is known only where such rules are fixed beforehand.'
    )
    assert results.changed_rules == [said]
    assert said in results.report(tmp_path / "report.md").read_text()
    back = outcome(STUDY, told)
    assert "from none to accuracy 0.005, loss 1 to none: how" in back.changed_rules[0]


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
        "The cap of the seed blocks was changed after there were results, from 6 to 7: how often "
        "verdicts err is known only where such rules are fixed beforehand."
    ]
