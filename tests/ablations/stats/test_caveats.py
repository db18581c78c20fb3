import pytest
from helpers.simulated import simulated

from ablations.stats.caveats import COVERAGE_IF_SKEWED, COVERAGE_OVER_LOOKS, unseen_skew

START = (
    "If deltas are strongly skewed, few seeds seldom show it, and the interval covers the true "
    "delta too rarely: with lognormal deltas"
)
LOGNORMAL = "lognormal (skewness 6)"


def test_caveat_has_the_simulated_rates():
    _, *sizes = simulated("deltas", "Coverage of the 95% interval of")
    assert [f"n = {n}" for n in COVERAGE_IF_SKEWED] == sizes
    _, *plain = simulated(f"{LOGNORMAL}, Student's t", "Coverage of the 95% interval of")
    _, *modified = simulated(LOGNORMAL, "Coverage of the 95% interval of")
    for rates, one, other in zip(COVERAGE_IF_SKEWED.values(), plain, modified, strict=True):
        assert rates == pytest.approx((one, other), abs=0.801)  # whole percents
    *_, hold = simulated(LOGNORMAL, "Seeds added")
    assert pytest.approx(hold, abs=0.801) == COVERAGE_OVER_LOOKS


@pytest.mark.parametrize(
    ("pairs", "seeds", "holds"),
    [
        ([6, 0, 1], "6", "88"),  # no interval of fewer than two
        ([4, 5], "4 to 5", "82"),
        ([7], "6", "88"),  # the nearest that was simulated
        ([3, 8], "3 to 8", "82 to 90"),  # and all in between
        ([6, 30], "6", "88"),  # thirty seeds need no caveat
    ],
)
def test_rates_are_those_of_the_number_of_pairs(pairs, seeds, holds):
    assert unseen_skew(pairs) == (
        f"{START} and {seeds} seeds, the 95% interval covers it in {holds}% of simulated studies."
    )


@pytest.mark.parametrize("pairs", [[10, 10], [12], [200], [2, 2], [1, 0], []])
def test_ten_seeds_have_no_caveat_and_neither_has_no_interval(pairs):
    assert unseen_skew(pairs) == ""


def test_steps_of_a_path_have_the_rates_of_the_plain_t():
    assert unseen_skew([10, 30], modified=False) == (
        f"{START} and 10 to 30 seeds, the 95% interval covers it in 84 to 89% of simulated studies."
    )


def test_caveat_of_a_sequential_study_covers_all_looks():
    assert unseen_skew([6, 30], looks=True) == (
        f"{START}, the intervals of all looks cover it in 89% of simulated studies, not in 95%."
    )
    assert unseen_skew([2], looks=True) == ""
