"""Studies of metrics that are not of a split: the gaps between training and validation."""

import pytest
from helpers.stub_trials import noise

from ablations import Study, StudyError

STUDY = Study(
    "mlp",
    "digits",
    factors={"units": [8, 128]},
    seeds=6,
    metrics=["gap", "loss"],
    margins={"gap": 0.01},
)


def told(trial):
    """The gap is 0.1 with 128 units and 0.3 with 8, and the seed changes it a little."""
    gap = 0.3 if trial.settings.get("units") == 8 else 0.1
    return 1.0, 0.9, 1.0, 0.0, gap + 0.01 * noise(trial), 2 * gap


def test_gap_has_deltas_and_a_verdict(outcome):
    results = outcome(STUDY, told)
    assert results.compared() == ["gap", "test_loss"]
    (row,) = results.deltas("gap").to_dict("records")
    assert row["delta"] == pytest.approx(0.2, abs=0.01)
    assert row["verdict"] == "worse"
    assert results.deltas("loss_gap")["delta"].item() == pytest.approx(0.4)


def test_gap_has_no_interval_for_new_data(outcome):
    deltas = outcome(STUDY, told).deltas("gap", full=True)
    assert deltas["new_data_low"].isna().all()
    assert list(deltas["new_data_method"]) == ["none: gap is not of the test split"]


def test_gap_does_not_choose_the_best_variant(outcome):
    results = outcome(STUDY, told)
    with pytest.raises(StudyError) as refused:
        results.best_variant()
    assert str(refused.value) == (
        "`metrics`: expected a metric of the validation split first, such as loss, because it "
        "chooses the best variant; got gap, which has no value on it."
    )


def test_report_names_the_gap_in_words(outcome, tmp_path):
    results = outcome(STUDY, told)
    path = results.report(tmp_path / "report.md")
    text = path.read_text(encoding="utf-8")
    assert (
        "- 1 comparison in generalization gap: 1 worse; units=8 (baseline: 128) is +0.2010 (95% "
        "CI 0.1977 to 0.2043, 6 seeds)" in text
    )
    assert "test gap" not in text


def test_gap_replaces_the_loss_gap_of_different_losses(outcome):
    losses = Study(
        "mlp",
        "digits",
        factors={"loss": ["sparse_categorical_crossentropy", "mse"]},
        seeds=2,
        metrics=["loss_gap", "loss"],
    )
    assert outcome(losses, told).compared() == ["gap", "test_rmse"]
