"""The e-process against its integral, and how often a study without effect ever has a verdict."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from ablations.stats.anytime import anytime, e_process

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_e_value_is_the_ratio_of_the_densities_of_t(n):
    values = np.random.default_rng(n).normal(0.4, size=n)
    t = stats.ttest_1samp(values, 0).statistic

    def mixed(effect):
        return stats.nct.pdf(t, n - 1, np.sqrt(n) * effect) * stats.norm.pdf(effect)

    expected = integrate.quad(mixed, -8, 8)[0] / stats.t.pdf(t, n - 1)
    assert e_process(values)[-1] == pytest.approx(expected, rel=1e-6)


@given(SEEDS, st.floats(1e-6, 1e6))
def test_e_values_have_no_scale_and_no_direction(seed, scale):
    values = np.random.default_rng(seed).normal(0.5, size=9)
    assert e_process(-scale * values) == pytest.approx(e_process(values), rel=1e-6)


@given(SEEDS, st.integers(1, 8))
def test_e_values_do_not_look_ahead(seed, n):
    values = np.random.default_rng(seed).normal(size=9)
    assert e_process(values)[:n] == pytest.approx(e_process(values[:n]))


def test_a_large_mean_costs_no_digits():
    values = np.array([1.0, 1.001, 1.002, 0.999, 1.0])
    assert np.isfinite(e_process(values + 1e6)).all()


def test_alike_deltas_are_no_evidence():
    assert e_process([0.5, 0.5, 0.5]).tolist() == [1, 1, 1]
    assert e_process([0.0, 0.0]).tolist() == [1, 1]
    assert e_process([]).tolist() == []


def test_a_null_variant_ever_reaches_twenty_in_at_most_5_percent():
    evidence = e_process(np.random.default_rng(4).normal(size=(4000, 30)))
    ever = (evidence >= 20).any(axis=1).mean()
    assert 0.005 < ever < 0.05
    shown = e_process(np.random.default_rng(4).normal(1, size=(1000, 30)))
    assert (shown >= 20).any(axis=1).mean() > 0.95


def table(values, pending=()):
    """Trials of a baseline at 0 and a variant, with pending seeds of the variant."""
    n = len(values)
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * n + ["a"] * n,
            "seed": [*range(n)] * 2,
            "status": "done",
            "test_loss": [*np.zeros(n), *values],
        }
    )
    later = (trials["variant"] == "a") & trials["seed"].isin(pending)
    return trials.assign(status=trials["status"].mask(later, "pending"))


CLEAR = [0.3, 0.5, 0.4, 0.4, 0.45, 0.35, 0.4, 0.42]


def test_verdicts_need_six_pairs():
    five, eight = anytime(table(CLEAR[:5]), "test_loss"), anytime(table(CLEAR), "test_loss")
    assert (five["verdict"].item(), five["n_pairs"].item()) == ("", 5)
    assert eight["verdict"].item() == "worse"
    assert anytime(table([-d for d in CLEAR]), "test_loss")["verdict"].item() == "better"


def test_pairs_count_up_to_the_first_pending_seed():
    row = anytime(table(CLEAR, pending=[6]), "test_loss").iloc[0]
    assert (row["n_pairs"], row["verdict"]) == (6, "worse")
    assert row["p"] == pytest.approx(1 / e_process(CLEAR[:6]).max())
    assert anytime(table(CLEAR, pending=[0]), "test_loss")["n_pairs"].item() == 0


def test_a_delta_that_turned_is_inconclusive():
    turned = [*CLEAR, *[-1.5] * 4]
    row = anytime(table(turned), "test_loss").iloc[0]
    assert row["p"] < 0.05
    assert row["delta"] < 0
    assert row["verdict"] == "inconclusive"


def test_holm_counts_variants_without_pairs():
    trials = table(CLEAR)
    other = trials[trials["variant"] == "a"].assign(variant="b", status="pending")
    both = anytime(pd.concat([trials, other], ignore_index=True), "test_loss")
    assert both["p_adjusted"][0] == pytest.approx(2 * both["p"][0])
    assert both["verdict"].tolist()[1] == ""


def test_failures_that_are_not_random_bar_the_verdict():
    """The variant fails in the four seeds in which the baseline is worst."""
    baseline = [0.2, 0.25, 0.3, 0.22, 0.28, 0.24, 0.26, 0.9, 0.95, 0.85, 0.8]
    level = [value + 0.1 + 0.001 * place for place, value in enumerate(baseline[:7])]
    trials = pd.DataFrame(
        {
            "variant": ["baseline"] * 11 + ["a"] * 11 + ["b"] * 11,
            "seed": [*range(11)] * 3,
            "status": ["done"] * 18 + ["failed"] * 4 + ["done"] * 11,
            "test_loss": [*baseline, *level, *[None] * 4, *[value + 0.1 for value in baseline]],
        }
    )
    trials.loc[trials["variant"] == "b", "test_loss"] += np.arange(11) / 1000
    table = anytime(trials, "test_loss").set_index("variant")
    assert table["n_pairs"].tolist() == [7, 11]
    assert table["verdict"].tolist() == ["", "worse"]
    assert table.loc["a", "p_adjusted"] < 0.05
