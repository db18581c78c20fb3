"""Power of claims from pilots: noncentral t as the independent source."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ablations import Study, StudyError
from ablations.claims.claim import Claim, higher
from ablations.claims.power import claim_power, seeds_needed

STUDY = Study("mlp", "digits", factors={"units": [16, 128]}, seeds=10, name="sizes")
CLAIM = Claim(
    "C99",
    "sizes",
    ("000",),
    "Size matters",
    (STUDY,),
    (
        higher("16 units are worse", "test_loss", {"units": 16}, margin=0.02),
        higher("16 units are less exact", "test_accuracy", {}, {"units": 16}, margin=0.01),
    ),
)
PILOT = replace(STUDY, seeds=range(1000, 1004))
DELTAS = np.array([0.01, 0.04, 0.02, 0.05])


def told(trial):
    loss = 0.5 + (DELTAS[trial.seed - 1000] if trial.settings.get("units") == 16 else 0.0)
    return {"metrics": {"test_loss": loss, "test_accuracy": 0.9}}


def power_by_noncentral_t(effect, sd, n, level):
    critical = stats.t.ppf(1 - level / 2, n - 1)
    shift = effect / sd * np.sqrt(n)
    return stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift)


def test_power_is_that_of_a_noncentral_t(stored):
    row = claim_power(CLAIM, {"sizes": stored(PILOT, told)}).iloc[0]
    sd = DELTAS.std(ddof=1)
    high = sd * np.sqrt(3 / stats.chi2.ppf(0.2, 3))  # upper 80% limit, 3 degrees of freedom
    assert (row["sd"], row["sd_high"]) == pytest.approx((sd, high))
    assert (row["pilot_seeds"], row["seeds"], row["level"]) == (4, 10, 0.025)
    assert row["pilot_effect"] == pytest.approx(DELTAS.mean())
    for column, effect, spread in (
        ("power", 0.02, sd),
        ("power_low", 0.02, high),
        ("power_twice", 0.04, sd),
        ("power_twice_low", 0.04, high),
    ):
        expected = power_by_noncentral_t(effect, spread, 10, 0.025)
        assert row[column] == pytest.approx(expected, abs=1e-6), column
    for column, spread in (("seeds_needed", sd), ("seeds_needed_high", high)):
        counts = range(6, 100)
        enough = [n for n in counts if power_by_noncentral_t(0.02, spread, n, 0.025) >= 0.8]
        assert row[column] == enough[0], column
    assert power_by_noncentral_t(row["detectable"], sd, 10, 0.025) == pytest.approx(0.8)


def test_contrast_without_spread_is_decided_by_signs(stored):
    row = claim_power(CLAIM, {"sizes": stored(PILOT, told)}).iloc[1]
    # 10 seeds: 2 * 2 / 2^10 < 0.05; the least number of 2 hypotheses is 7: 2 * 2 / 2^7 = 0.031
    assert (row["sd"], row["power"], row["seeds_needed"]) == (0.0, 1.0, 7.0)


def test_few_seeds_have_no_power(stored):
    few = replace(CLAIM, studies=(replace(STUDY, seeds=5),))
    table = claim_power(few, {"sizes": stored(PILOT, told)})
    assert list(table["power"]) == [0.0, 0.0]


def test_effect_too_small_for_any_number_of_seeds():
    assert seeds_needed(0.001, 1.0, 1) == float("inf")


def test_pilot_that_shares_seeds_with_the_study_is_refused(stored):
    pilot = stored(replace(STUDY, seeds=[9, 1000, 1001]), lambda trial: {"metrics": {}})
    with pytest.raises(StudyError) as refused:
        claim_power(CLAIM, {"sizes": pilot})
    assert str(refused.value) == (
        "`pilots`: expected other seeds than those of the study sizes, because data that planned a "
        "study cannot test it; both have 9."
    )


def test_pilot_needs_two_complete_seed_blocks(stored):
    pilot = stored(PILOT, lambda trial: told(trial) if trial.seed == 1000 else None)
    with pytest.raises(StudyError) as refused:
        claim_power(CLAIM, {"sizes": pilot})
    assert str(refused.value) == (
        "`pilots`: expected at least two complete seed blocks of sizes for '16 units are worse'; "
        "got 1."
    )


def test_missing_pilot_is_refused():
    with pytest.raises(StudyError) as refused:
        claim_power(CLAIM, {})
    assert str(refused.value) == "`pilots`: expected a pilot of the study sizes of C99."
