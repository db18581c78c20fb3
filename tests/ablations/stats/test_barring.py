"""Comparisons without a verdict: few pairs, trials at chance level, diverged trials."""

import numpy as np
import pytest

from ablations.stats import deltas, open_variants, sequential, steps
from ablations.stats.verdicts import holm

CHANCE = "no verdict: in every pair both trials are at chance level"
ARTEFACT = (
    "in 8 of 8 pairs the delta may be an artefact: one trial's loss differs between training and "
    "inference"
)
nan = float("nan")


def values(n, shift, seed=0):
    return np.random.default_rng(seed).normal(shift, 0.01, n)


def marked(trials, **seeds):
    """Return trials with a code for the first seeds of each variant, by their number."""
    codes = []
    for variant, seed in zip(trials["variant"], trials["seed"], strict=True):
        name = "baseline" if variant == "baseline" else f"level{trials['level'][len(codes)]}"
        code, count = seeds.get(name, ("", 0))
        codes.append(code if seed < count else "")
    return trials.assign(codes=codes)


@pytest.mark.parametrize(("n", "verdict"), [(2, ""), (3, ""), (5, ""), (6, "worse")])
def test_fewer_than_six_pairs_have_no_verdict(trials_of, n, verdict):
    row = deltas(trials_of({"baseline": values(n, 1), 3: values(n, 2, 1)}), ["test_loss"]).iloc[0]
    assert row["verdict"] == verdict
    assert row["ci_low"] > 0.9
    assert row["p"] < 0.05
    assert ("no verdict: fewer than 6 pairs" in row["notes"]) == (n < 6)


def test_failures_that_leave_five_pairs_remove_the_verdict(trials_of):
    level = values(8, 2, 1)
    level[5:] = nan
    row = deltas(trials_of({"baseline": values(8, 1), 3: level}), ["test_loss"]).iloc[0]
    assert (row["n_pairs"], row["verdict"]) == (5, "")


def test_few_pairs_are_never_equivalent(trials_of):
    base = values(5, 1)
    trials = trials_of({"baseline": base, 3: base + values(5, 0, 1) / 100})
    row = deltas(trials, ["test_loss"], margins={"test_loss": 0.5}).iloc[0]
    assert row["p_equivalence_adjusted"] < 0.05
    assert row["verdict"] == ""


def test_comparisons_without_a_verdict_count_in_holms_correction(trials_of):
    few = np.array([*values(5, 2, 1), *[nan] * 5])
    base = values(10, 1)
    trials = trials_of({"baseline": base, 3: few, 4: base + values(10, 0.01, 2)})
    table = deltas(trials, ["test_loss"]).set_index("level")
    assert table["verdict"][3] == ""
    assert table["p_adjusted"].tolist() == pytest.approx(holm(table["p"]).tolist(), rel=1e-12)
    assert table["p_adjusted"][4] >= table["p"][4]


@pytest.mark.parametrize(
    ("marks", "verdict", "note"),
    [
        ({}, "worse", ""),
        ({"baseline": ("at-chance", 8), "level3": ("at-chance", 8)}, "", CHANCE),
        (
            {"baseline": ("at-chance", 8), "level3": ("other at-chance", 7)},
            "worse",
            "in 7 of 8 pairs both trials are at chance level",
        ),
        ({"level3": ("at-chance", 8)}, "worse", ""),  # it learned nothing, the baseline did
        (
            {"level3": ("diverged", 1)},
            "",
            "no verdict: training diverged in 1 of 8 pairs",
        ),
        (
            {"baseline": ("diverged", 2), "level3": ("diverged at-chance", 3)},
            "",
            "no verdict: training diverged in 3 of 8 pairs",
        ),
        ({"level3": ("modes-differ", 8)}, "worse", ARTEFACT),
        ({"level3": ("modes-differ", 8), "baseline": ("modes-differ", 8)}, "worse", ""),
    ],
)
def test_trials_at_chance_level_bar_the_verdict(trials_of, marks, verdict, note):
    trials = trials_of({"baseline": values(8, 1), 3: values(8, 2, 1)})
    plain = deltas(trials, ["test_loss"]).iloc[0]
    row = deltas(marked(trials, **marks), ["test_loss"]).iloc[0]
    assert (row["verdict"], row["notes"]) == (verdict, note)
    assert row[["delta", "ci_low", "p_adjusted"]].equals(plain[["delta", "ci_low", "p_adjusted"]])
    assert np.isnan(row["seeds_needed"]) == (verdict == "")


def test_only_findings_of_trials_in_pairs_count(trials_of):
    base, level = values(9, 1), values(9, 2, 1)
    base[0] = nan  # the diverged trial is in no pair
    trials = marked(trials_of({"baseline": base, 3: level}), level3=("diverged", 1))
    assert deltas(trials, ["test_loss"]).iloc[0]["verdict"] == "worse"


def test_barred_verdict_gets_no_more_seeds(trials_of):
    trials = trials_of({"baseline": values(6, 1), 3: values(6, 1, 1)})
    assert open_variants(trials, "test_loss") == {"pool_size=3 (int)": 10}
    for marks in (
        {"level3": ("diverged", 1)},
        {"baseline": ("at-chance", 6), "level3": ("at-chance", 6)},
    ):
        row = sequential(marked(trials, **marks), ["test_loss"]).iloc[0]
        assert (row["verdict"], row["open"], row["next_blocks"]) == ("", False, 0)


def test_few_pairs_after_failures_get_more_seeds(trials_of):
    level = values(6, 2, 1)
    level[0] = nan
    trials = trials_of({"baseline": values(6, 1), 3: level})
    row = sequential(trials, ["test_loss"]).iloc[0]
    assert (row["n_pairs"], row["verdict"], row["open"], row["next_blocks"]) == (5, "", True, 10)


def test_path_steps_note_why_they_have_no_verdict(trials_of):
    trials = trials_of({"baseline": values(6, 1), 3: values(6, 2, 1)})
    names = ["baseline", "pool_size=3 (int)"]
    assert steps(trials, names, "test_loss")["notes"].tolist() == ["", ""]
    both = marked(trials, baseline=("at-chance", 6), level3=("at-chance", 6))
    assert steps(both, names, "test_loss")["notes"][1] == CHANCE
    few = steps(trials[trials["seed"] < 5], names, "test_loss")
    assert few["notes"][1] == "no verdict: fewer than 6 pairs"
