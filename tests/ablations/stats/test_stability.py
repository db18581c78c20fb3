import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import stability
from ablations.stats.stability import pitman_morgan_p
from ablations.stats.verdicts import holm

nan = float("nan")


@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.floats(0.3, 3.0))
def test_pitman_morgan_agrees_with_the_formula_in_variances(seed, n, scale):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(scale=scale, size=n)
    ratio, r = x.var(ddof=1) / y.var(ddof=1), np.corrcoef(x, y)[0, 1]
    t = (ratio - 1) * np.sqrt(n - 2) / (2 * np.sqrt(ratio * (1 - r * r)))
    expected = 2 * stats.t.sf(abs(t), n - 2)
    assert pitman_morgan_p(x, y) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_equal_variances_are_rejected_at_the_stated_level():
    rng = np.random.default_rng(0)
    block = rng.normal(size=(4000, 10))
    p = [
        pitman_morgan_p(a, b)
        for a, b in zip(
            block + rng.normal(size=block.shape), block + rng.normal(size=block.shape), strict=True
        )
    ]
    assert 0.04 < (np.array(p) < 0.05).mean() < 0.06


def test_spread_is_over_the_seed_blocks_that_variants_share(trials_of):
    first, second = [1.0, 2.0, 4.0, nan, 9.0], [nan, 3.0, 3.0, 5.0, 4.0]
    trials = trials_of({"baseline": [1.0, 2, 3, 4, 5], 3: first, 4: second})
    table = stability(trials, ["test_loss"])
    kept = [2.0, 4.0, 9.0]  # of seeds 1, 2 and 4
    row = table.iloc[1]
    assert table["n"].tolist() == [3, 3, 3]
    assert table["mean"].tolist() == pytest.approx([10 / 3, 5.0, 10 / 3])
    assert row["sd"] == pytest.approx(np.std(kept, ddof=1), rel=1e-10)
    assert row["iqr"] == pytest.approx(stats.iqr(kept), rel=1e-10)
    assert (row["min"], row["max"], row["n_pairs"]) == (2.0, 9.0, 4)
    ratio = np.std([1, 2, 4, 9], ddof=1) / np.std([1, 2, 3, 5], ddof=1)
    assert row["sd_ratio"] == pytest.approx(ratio, rel=1e-10)
    assert np.isnan(table.iloc[0]["p"])


def test_variant_that_mostly_failed_shares_no_spread(trials_of):
    values = {"baseline": [1.0, 2.0, 3.0], 3: [nan, nan, 3.0], 4: [2.0, 2.5, 4.0]}
    table = stability(trials_of(values), ["test_loss"])
    assert table["n"].tolist() == [3, 0, 3]
    assert table["notes"].tolist() == [
        "",
        "left out: done in 1 of 3 seed blocks; fewer than 3 pairs",
        "",
    ]


def test_spread_within_rounding_is_zero(trials_of):
    flat = [0.934 + 1e-9 * k for k in range(8)]
    spread = [0.934 + 0.01 * k for k in range(8)]
    table = stability(trials_of({"baseline": spread, 3: flat}), ["test_loss"])
    assert table["sd"].tolist() == pytest.approx([np.std(spread, ddof=1), 0.0])
    assert table.loc[1, ["sd", "iqr", "sd_ratio"]].tolist() == [0.0, 0.0, 0.0]
    assert table["p"].isna().all()
    assert table["notes"].tolist() == ["", "one of the two has no spread"]
    turned = stability(trials_of({"baseline": flat, 3: spread}), ["test_loss"])
    assert turned[["sd_ratio", "p"]].isna().all(axis=None)


def test_constant_difference_has_no_p(trials_of):
    values = np.array([0.1, 0.3, 0.2, 0.5])
    table = stability(trials_of({"baseline": values, 3: values, 4: values + 0.2}), ["test_loss"])
    assert table["p"].isna().all()
    assert table["sd_ratio"].tolist()[1:] == pytest.approx([1.0, 1.0])
    assert table["notes"].tolist()[1:] == ["the two have exactly the same spread"] * 2


def test_holm_runs_over_the_variants(trials_of):
    rng = np.random.default_rng(0)
    values = {"baseline": rng.normal(size=8), 3: rng.normal(size=8), 4: 5 * rng.normal(size=8)}
    table = stability(trials_of(values), ["test_loss"])
    assert table["p_adjusted"][1:].tolist() == pytest.approx(
        holm(table["p"][1:]).tolist(), rel=1e-10
    )


def test_without_spread_there_is_no_comparison(trials_of):
    table = stability(trials_of({"baseline": [1.0] * 4, 3: [1.0, 2.0, 3.0, 4.0]}), ["test_loss"])
    assert np.isnan(table.iloc[1]["p"])
    assert table.iloc[1]["notes"] == "one of the two has no spread"


def test_two_pairs_are_too_few(trials_of):
    table = stability(trials_of({"baseline": [1.0, 2.0], 3: [1.0, 3.0]}), ["test_loss"])
    assert table.iloc[1]["notes"] == "fewer than 3 pairs"


def test_variant_that_always_fails_has_a_row(trials_of):
    table = stability(trials_of({"baseline": [1.0, 2.0], 3: [nan, nan]}), ["test_loss"])
    assert table["n"].tolist() == [2, 0]


def test_empty_table_has_the_columns(trials_of):
    full = stability(trials_of({"baseline": [1.0]}), ["test_loss"])
    trials = trials_of({"baseline": [1.0]}).iloc[:0]
    assert list(stability(trials, ["test_loss"]).columns) == list(full.columns)
