import numpy as np
import pytest
from benchmarks.simulation.sequential_p import sequential_p
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import StatisticsError, boundaries, looks
from ablations.stats.paired_t import paired_t
from ablations.stats.sequential import LOOKS
from ablations.stats.verdicts import holm

nan = float("nan")


@pytest.mark.parametrize(
    ("cap", "expected"),
    [(30, (6, 10, 15, 20, 30)), (20, (6, 10, 15, 20)), (12, (6, 10, 12)), (6, (6,)), (4, (4,))],
)
def test_looks_end_at_the_cap(cap, expected):
    assert looks(cap) == expected


def test_cap_of_one_is_refused():
    with pytest.raises(StatisticsError) as caught:
        looks(1)
    assert str(caught.value) == "`cap`: expected at least 2 seed blocks; got 1."


@pytest.mark.parametrize("at", [(), (1, 5), (6, 6), (10, 6)])
def test_invalid_looks_are_refused(at):
    with pytest.raises(StatisticsError) as caught:
        boundaries(at)
    assert str(caught.value) == (
        f"`at`: expected ascending numbers of seed blocks from 2 on; got {list(at)!r}."
    )


@pytest.mark.parametrize("comparisons", [1, 10])
def test_shares_of_the_looks_sum_to_the_error(comparisons):
    table = boundaries(comparisons=comparisons)
    assert table["share"].sum() == pytest.approx(1, abs=1e-10)
    assert table["level"].sum() * comparisons == pytest.approx(0.05, abs=1e-10)
    expected = stats.t.isf(table["level"] / 2, table["blocks"] - 1)
    assert table["t"].to_numpy() == pytest.approx(expected, rel=1e-10)


@given(st.lists(st.floats(1e-9, 1), min_size=5, max_size=5))
def test_sequential_p_is_below_alpha_beyond_the_last_boundary(p):
    level = boundaries()["level"].iloc[-1]
    assert (sequential_p(p) < 0.05) == (p[-1] < level) or abs(p[-1] - level) < 1e-12


def test_looks_that_were_not_reached_do_not_count():
    assert sequential_p([0.01, nan, nan, nan, nan]) == pytest.approx(0.05, rel=1e-10)
    assert sequential_p([0.01]) == pytest.approx(0.05, rel=1e-10)
    assert sequential_p([0.3, 0.02, nan]) == pytest.approx(0.02 * 30 / 4, rel=1e-10)
    assert np.isnan(sequential_p([nan, nan]))


def test_single_look_needs_no_correction():
    assert sequential_p([0.03], (10,)) == 0.03


def test_error_over_looks_and_variants_is_at_most_5_percent():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1000, 10, 30)) - rng.normal(size=(1000, 1, 30))
    p = np.stack([paired_t(values[..., :n]).p for n in LOOKS], axis=-1)
    closed = holm(sequential_p(p)) < 0.05
    # 5% of 1,000 with three standard errors.
    assert closed.any(axis=1).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert (p < 0.05).any(axis=(1, 2)).mean() > 0.3
