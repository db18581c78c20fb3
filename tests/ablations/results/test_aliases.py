"""Aliased effects of a design, in the results and in the report."""

from helpers import stub_trials
from helpers.stub_outcomes import STUDY, told

from ablations import Study

SEVEN = {
    "units": [128, 8],
    "dropout": [0.0, 0.5],
    "depth": [1, 2],
    "epochs": [10, 2],
    "batch_size": [32, 16],
    "activation": ["relu", "tanh"],
    "optimizer": ["adam", "sgd"],
}


def test_partial_aliases_are_counted_in_the_report(outcome, tmp_path):
    factors = {**SEVEN, "learning_rate": [0.001, 0.01]}
    study = Study("mlp", "digits", factors=factors, design="plackett-burman", seeds=1)
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    aliases = results.aliases()
    assert list(aliases.columns) == ["effect", "aliased_with", "correlation"]
    assert set(aliases["correlation"].abs().round(12)) == {round(1 / 3, 12)}
    page = results.report(tmp_path / "report.md").read_text()
    assert page.count(
        f"The design separates {len(aliases):,} pairs of main effects and two-way interactions "
        "only partly: their columns correlate by up to 0.33, so that each contains this share of "
        "the other;"
    )
    assert "The design cannot separate" not in page


def test_long_list_of_aliases_is_shortened(outcome, tmp_path):
    study = Study("mlp", "digits", factors=SEVEN, design="plackett-burman", seeds=1)
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    # of 7 main effects in 8 runs, each with 3 interactions of two others, which are alike too
    assert len(results.aliases()) == 7 * 3 + 7 * 3
    page = results.report(tmp_path / "report.md").read_text()
    (said,) = [line for line in page.splitlines() if "cannot separate" in line]
    assert said.count(" and ") == 12 + 1
    assert said.endswith("; and 30 more pairs, see \\`results.aliases()\\`.")


def test_infeasible_combinations_are_reported(outcome, tmp_path, capsys):
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.9]},
        design="full-factorial",
        seeds=2,
    )
    results = outcome(study, lambda trial: (1.0 + stub_trials.noise(trial), 0.5))
    said = (
        "Main effects are not orthogonal, for 1 of 4 combinations cannot be built: there correlate "
        "normalization and norm_momentum by 0.50; each effect is adjusted for the others, and less "
        "certain for it."
    )
    assert results.orthogonality == said
    page = results.report(tmp_path / "report.md").read_text()
    assert page.count(said.replace("norm_momentum", "norm\\_momentum")) == 1
    assert outcome(STUDY, told, "another").orthogonality == ""
