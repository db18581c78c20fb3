"""From the results of a study to its report."""

from dataclasses import replace

import pytest

from ablations import Study, StudyError, run, runner
from ablations.planning import Planner

FINDING = "the moving averages have not converged"


def test_a_whole_number_for_a_number_is_reported_like_any_level(stubbed, tmp_path):
    study = Study("mlp", "digits", factors={"dropout": [0, 0.5]}, seeds=2)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    assert "dropout 0.5 instead of 0" in results.report(tmp_path / "report.md").read_text()


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_findings_of_the_baseline_and_of_variants_are_in_the_report(
    stubbed, tmp_path, monkeypatch, suffix
):
    train = runner.run_trial
    monkeypatch.setattr(
        runner, "run_trial", lambda *args, **more: replace(train(*args, **more), findings=[FINDING])
    )
    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=2)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    page = results.report(tmp_path / f"report.{suffix}").read_text()
    assert f"Baseline: 2 of 2 trials: {FINDING}" in page
    assert page.count(FINDING) >= 3  # and beside the deltas of both metrics


def test_a_baseline_that_the_design_would_overrule_is_refused():
    study = Study(
        "mlp", "digits", factors={"units": [8, 16]}, baseline={"units": 16}, design="add-one-in"
    )
    with pytest.raises(StudyError) as refusal:
        Planner.of(study)
    assert str(refusal.value) == (
        "The design add-one-in makes 8 the baseline's level of `units`; the study's baseline says "
        "16. Leave it out, or change the order of the levels."
    )
