"""Running the claims, with stub trials."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from helpers import stub_trials
from helpers.declared_claims import (
    ALL,
    BROKEN,
    EXACT,
    FALSE,
    LARGER,
    OWN_DATA,
    PICTURE,
    SMALLER,
    TRUE,
    study,
)

from ablations import StudyError, open_claims, open_results, run_claims
from ablations.claims.request import asked
from ablations.running import run as runner
from cnnzoo.runtime.files import lock


@pytest.fixture
def told(declare, place):
    """Declare all small claims."""
    declare(*ALL)
    return place


def verdicts(results):
    return {one.id: str(one.verdict) for one in results.outcomes}


def run(*only, **more):
    return run_claims(only, progress=False, **more)


def test_each_claim_has_the_verdict_that_its_data_give(told):
    results = run()
    assert verdicts(results) == {
        "C01": "supported",
        "C02": "contradicted",
        "C09": "supported",
        "C10": "not tested",
        "C22": "supported",
        "C28": "not tested",
    }
    trials = open_results(told / "claims" / "first").trials.pivot(
        index="seed", columns="variant", values="test_loss"
    )
    contrast = trials["baseline"] - trials["units=8"]
    (hypothesis,) = results.outcomes[0].hypotheses
    assert hypothesis.n == 6
    assert hypothesis.effect == pytest.approx(contrast.mean())
    assert hypothesis.sd == pytest.approx(np.std(contrast, ddof=1))
    cost = results.outcomes[0].studies[0]
    assert (cost.trials, cost.done, cost.failed, cost.seconds) == (12, 12, 0, pytest.approx(1.2))


def test_failing_check_is_a_row_with_its_reason(told):
    reasons = {one.id: one.reason for one in run().outcomes}
    assert reasons["C10"] == "the check broken failed: ZeroDivisionError: nothing fits"
    assert reasons["C28"] == (
        "no number decides this claim; the notebook of document 003 shows it as a picture"
    )
    assert reasons["C01"] == ""


def test_failing_study_does_not_stop_the_others(declare, place):
    lost = replace(TRUE, studies=(study("first", baseline={"unit": 3}),))
    declare(lost, FALSE)
    results = run()
    assert verdicts(results) == {"C01": "not tested", "C02": "contradicted"}
    reason = results.outcomes[0].reason
    assert reason.startswith("the study first failed: StudyError: `unit`: expected a toggle of")


def test_one_missing_study_leaves_the_claim_inconclusive(declare, place):
    bad = study("bad", baseline={"unit": 3})
    both = replace(
        TRUE,
        studies=(study("first"), bad),
        hypotheses=(SMALLER, replace(LARGER, study="bad")),
    )
    declare(both)
    (outcome,) = run().outcomes
    assert outcome.verdict == "inconclusive"
    assert [row.verdict for row in outcome.hypotheses] == ["supported", "inconclusive"]
    assert outcome.reason.startswith("the study bad failed: StudyError: `unit`")


def test_hypothesis_without_its_variant_is_a_row_with_its_reason(declare, place):
    declare(replace(TRUE, hypotheses=(replace(SMALLER, measure="test_lost"),)))
    (outcome,) = run().outcomes
    assert outcome.verdict == "not tested"
    assert outcome.reason.startswith("no verdict: The trials of first hold no measure `test_lost`")


def test_stored_trials_are_not_trained_again(told):
    run("C01")
    assert len(stub_trials.CALLS) == 12
    run("C01", "C02")
    assert len(stub_trials.CALLS) == 24


def test_outcomes_of_other_claims_stay(told):
    run("C01")
    results = run("C09")
    assert [*verdicts(results)] == ["C01", "C09"]
    assert results.run.command == "ablations claims --only C01,C09 --to claims"


def test_outcome_of_an_earlier_version_says_what_changed(told):
    run("C01")
    place = told / "claims" / "claims.json"
    stored = json.loads(place.read_text())
    digest = stored["versions"]["claims"]
    stored["versions"]["claims"] = "0123"
    place.write_text(json.dumps(stored))
    first, second = run("C09").outcomes
    assert (first.changed, second.changed) == (f"claims from 0123 to {digest}", "")
    text = run("C28").report(told / "report.md").read_text()
    assert (
        f"C01 small-is-good was tested before a change (claims from 0123 to {digest}); run it "
        "again."
    ) in text
    assert run("C01").outcomes[0].changed == ""


def test_run_without_outcomes_yet_keeps_its_settings(told, monkeypatch):
    def interrupted(trial, report_to=None):
        os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    assert run("C01", seeds=7).outcomes == ()
    with pytest.raises(StudyError, match="expected a run of the claims with seeds=None; got"):
        run("C01")


def test_shared_study_runs_once(declare, place):
    declare(TRUE, replace(FALSE, studies=TRUE.studies))
    assert verdicts(run()) == {"C01": "supported", "C02": "contradicted"}
    assert len(stub_trials.CALLS) == 12


def test_interrupted_run_resumes(told, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 15:  # in the second claim's study
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    results = run("C01", "C02", "C22")
    assert results.interrupted
    assert verdicts(open_claims("claims")) == {"C01": "supported"}
    done = len(stub_trials.CALLS)
    assert done < 24
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    results = run("C01", "C02", "C22")
    assert not results.interrupted
    assert verdicts(results) == {"C01": "supported", "C02": "contradicted", "C22": "supported"}
    assert len(stub_trials.CALLS) == 36


def test_ctrl_c_in_the_last_trial_ends_a_complete_run(told, monkeypatch):
    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 11:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    results = run("C01")
    assert not results.interrupted
    assert verdicts(results) == {"C01": "supported"}


def test_quick_run_changes_studies_as_declared(told):
    results = run("C01", quick=True)
    stored = open_results(told / "claims-quick" / "first").study
    assert (stored.seed_blocks, stored.recipe.epochs) == (tuple(range(7)), 2)
    assert stored.baseline["train_size"] == 200
    assert results.run.command == "ablations claims --only C01 --quick --to claims-quick"
    assert not (told / "claims").exists()


def test_other_data_replace_those_that_may_be_replaced(told):
    request = asked(data="fashion5k", seeds=9)
    studies = {one.id: request.studies_of(one) for one in request.claims}
    assert (studies["C01"][0].data, studies["C22"][0].data) == ("fashion5k", "digits")
    assert len(studies["C01"][0].seed_blocks) == 9


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            {"only": "transfer", "data": "fashion5k"},
            "`data`: C22 depends on its own data, which other data cannot replace; run it without "
            "`data`.",
        ),
        ({"seeds": 0}, "`seeds`: expected a whole number from 1; got 0."),
        ({"seeds": "auto"}, "`seeds`: expected a whole number from 1; got 'auto'."),
        (
            {"document": "four"},
            "There is no document `four`. Known: 000, 001, 002, 003, 004.",
        ),
        ({"only": "C01", "document": "001"}, "None of the claims C01 is of document 001."),
        ({"directory": 3}, "`directory`: expected a path; got 3."),
    ],
)
def test_wrong_request_is_refused_before_training(told, words, sentence):
    with pytest.raises(StudyError) as refused:
        run_claims(progress=False, **words)
    assert str(refused.value) == sentence
    assert not (told / "claims").exists()


def test_document_selects_all_claims_that_it_makes(told):
    assert [one.id for one in asked(document="003").claims] == ["C02", "C22", "C28"]


def test_directory_of_other_settings_is_refused(told):
    run("C09", quick=True, directory="here")
    with pytest.raises(StudyError) as refused:
        run("C09", directory="here")
    assert str(refused.value) == (
        "`directory`: expected a run of the claims with quick=False; got here with quick=True. "
        "Choose another directory."
    )


def test_directory_in_use_is_refused(told):
    (told / "claims").mkdir()
    held = lock(told / "claims" / "claims.lock")
    with pytest.raises(StudyError) as refused:
        run("C09")
    assert str(refused.value) == (
        f"`directory`: process {os.getpid()} is testing claims in claims. Wait for it, or choose "
        "another directory."
    )
    held.release()
    assert verdicts(run("C09")) == {"C09": "supported"}


def test_each_claim_has_a_progress_line(told, capsys):
    run_claims(["C09", "C10", "C28"])
    assert capsys.readouterr().err.splitlines() == [
        "1/3 C09 size: supported. 2 of 2 exact comparisons hold",
        "2/3 C10 broken: not tested. the check broken failed: ZeroDivisionError: nothing fits",
        "3/3 C28 filters: not tested. no number decides this claim; the notebook of document 003 "
        "shows it as a picture",
    ]


def test_outcomes_are_stored_after_each_claim(declare, place, monkeypatch):
    declare(EXACT, PICTURE, BROKEN, OWN_DATA)

    def seen(trial, report_to=None):
        stored = json.loads((place / "claims" / "claims.json").read_text())
        assert [one["id"] for one in stored["claims"]] == ["C09", "C10", "C28"]
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", seen)
    assert verdicts(run())["C22"] == "supported"
