"""Interactions of pairs of changes, in the results and in the report."""

from helpers import stub_trials

from ablations import Study

PAIRS = Study(
    "mlp",
    "digits",
    design="list",
    variants=[{"units": 8}, {"dropout": 0.5}, {"units": 8, "dropout": 0.5}],
    seeds=8,
)


def costs(trial):
    """Both changes together cost 2 more than each alone."""
    narrow, dropped = trial.settings.get("units") == 8, trial.settings.get("dropout") == 0.5
    return narrow + 0.5 * dropped + 2 * (narrow and dropped) + 0.1 * stub_trials.noise(trial), 0.5


def test_report_shows_interactions_of_a_list(outcome, tmp_path):
    results = outcome(PAIRS, costs)
    (row,) = results.effects("loss").to_dict("records")
    assert row["term"] == "units=8 x dropout=0.5"
    assert abs(row["delta"] - 2) < 0.3
    page = results.report(tmp_path / "report.md").read_text()
    assert "interact in test loss: together they change it by" in page
    assert "beyond the sum of their deltas" in page
    assert "Main effects and interactions" in page
    assert "1 effect" in page  # corrected with the deltas of the page
    results.report(tmp_path / "report.html")


def test_list_without_pairs_has_no_table_of_effects(outcome, tmp_path):
    study = Study("mlp", "digits", design="list", variants=[{"units": 8}])
    results = outcome(study, costs)
    assert results.effects().empty
    assert "Main effects" not in results.report(tmp_path / "report.md").read_text()
