"""Error terms of the analysis of variance: complete blocks, missing trials, no test."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers.layouts import all_off, signs, switches
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from ablations.designs import design
from ablations.stats import deltas, effects
from ablations.stats.contrasts import BlockedFit, Model
from ablations.stats.verdicts import holm


def crossed(levels, seeds, value):
    """Return a full factorial whose values depend on the seed and the indices of the levels."""
    names = "abc"[: len(levels)]
    rows = []
    for seed, *cell in product(range(seeds), *map(range, levels)):
        row = {"variant": str(cell) if any(cell) else "baseline", "seed": seed, "status": "done"}
        row |= {f"factor:{name}": place for name, place in zip(names, cell, strict=True)}
        rows.append(row | {"test_loss": float(value(seed, *cell))})
    return pd.DataFrame(rows)


def by_term(trials, factors, **options):
    return effects(trials, factors, ["test_loss"], **options).set_index("term")


def anova_rm(trials, factors):
    """Return the repeated-measures analysis of variance of statsmodels."""
    named = trials.rename(columns=lambda name: name.removeprefix("factor:"))
    table = AnovaRM(named, "test_loss", "seed", within=list(factors)).fit().anova_table
    return table.rename(index=lambda term: term.replace(":", " x "))


# Complete blocks

SLOPES = (2, -1.5, 1, -0.5, 1.5, -1, 0.5, -2)
NOISE = (0.01, -0.01, 0.02, -0.02)


def test_factor_is_tested_against_its_variation_between_seeds():
    trials = crossed(
        (2, 2),
        8,
        lambda s, a, b: 10 + 0.1 * s + a * (SLOPES[s] + 0.75) + NOISE[(s + 2 * a + b) % 4],
    )
    table = by_term(trials, ["a", "b"])
    row = table.loc["a"]
    # by AnovaRM of statsmodels 0.15.0 and rm_anova of pingouin 0.7.0
    assert (row["df"], round(row["df_error"], 9)) == (1, 7)
    assert row["F"] == pytest.approx(2.10, abs=0.005)
    assert row["p"] == pytest.approx(0.1906, abs=5e-5)
    assert row["delta"] == pytest.approx(0.75, abs=1e-12)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([-0.474, 1.974], abs=5e-4)
    theirs = anova_rm(trials, "ab")
    for term in ("a", "b", "a x b"):
        assert table.loc[term, "F"] == pytest.approx(theirs.loc[term, "F Value"], abs=1e-10)
        # at F = 0 the slope of p is infinite: F = 6e-13 of another NumPy has p = 0.9999994
        close = 1e-10 if table.loc[term, "F"] > 1e-9 else 1e-5
        assert table.loc[term, "p"] == pytest.approx(theirs.loc[term, "Pr > F"], abs=close)


def test_term_of_three_levels_has_one_error():
    trials = crossed(
        (3, 2),
        7,
        lambda s, a, b: (s * s + 3 * a * s + 5 * b * (s + 1) + 2 * a * a + a * b * s) % 13 + 2 * a,
    )
    table = by_term(trials, ["a", "b"]).astype({"df": float})
    # by rm_anova of pingouin 0.7.0: SS, ddof1, ddof2, F, p_GG_corr, eps
    expected = {
        "a": (185.333333, 2, 12, 13.082353, 0.002204, 0.829311),
        "b": (2.880952, 1, 6, 0.283594, 0.613491, np.nan),
        "a x b": (11.619048, 2, 12, 0.258156, 0.744174, 0.854679),
    }
    columns = ["ss", "df", "df_error", "F", "p", "epsilon"]
    for term, row in expected.items():
        found = table.loc[term, columns].tolist()
        assert found == pytest.approx(row, abs=1e-6, nan_ok=True)
        parts = table.loc[term, ["ss", "ss_error"]]
        assert table.loc[term, "partial_share"] == pytest.approx(parts["ss"] / parts.sum())
    # with two factors of complete blocks nothing else is left
    assert table["ss_error"].sum() == pytest.approx(table.loc["residual", "ss"])
    assert table["df_error"].sum() == pytest.approx(table.loc["residual", "df"])


def test_three_factors_agree_with_repeated_measures():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(9, 8)) * (0.3, 2.1, 2.8, 0.7, 1.5, 1.0, 0.8, 0.6)

    def value(seed, a, b, c):
        return own[seed] @ [1, a, b, a * b, c, a * c, b * c, a * b * c] + b

    trials = crossed((2, 2, 2), 9, value)
    table, theirs = by_term(trials, ["a", "b", "c"]), anova_rm(trials, "abc")
    for term in ("a", "b", "c", "a x b", "a x c", "b x c"):
        assert table.loc[term, "F"] == pytest.approx(theirs.loc[term, "F Value"], rel=1e-9)
        assert table.loc[term, "p"] == pytest.approx(theirs.loc[term, "Pr > F"], rel=1e-9)
        assert table.loc[term, "df_error"] == pytest.approx(theirs.loc[term, "Den DF"])


def test_more_contrasts_than_seeds_are_tested():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4, 6))
    row = by_term(crossed((6,), 4, lambda s, a: values[s, a]), ["a"]).loc["a"]
    # the epsilon of Greenhouse and Geisser from the covariances of the levels, as in textbooks
    k, s = 6, np.cov(values.T)
    above = (k * (np.trace(s) / k - s.mean())) ** 2
    below = (k - 1) * ((s**2).sum() - 2 * k * (s.mean(axis=0) ** 2).sum() + (k * s.mean()) ** 2)
    assert row["epsilon"] == pytest.approx(above / below)
    left = values - values.mean(axis=0) - values.mean(axis=1)[:, None] + values.mean()
    ratio = 4 * values.mean(axis=0).var() * 6 / 5 / ((left**2).sum() / 15)
    assert row["F"] == pytest.approx(ratio)
    eps = row["epsilon"]
    assert row["p"] == pytest.approx(stats.f.sf(ratio, 5 * eps, 15 * eps))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *(("fractional-factorial", count) for count in (3, 5)),
        *(("plackett-burman", count) for count in (5, 7, 11)),
    ],
)
def test_fraction_has_the_paired_t_of_each_column(name, count):
    layout = design(name, switches(count), all_off(count))
    runs = signs(layout, count)
    rng = np.random.default_rng(count)
    slopes = rng.normal(size=(7, count)) * np.linspace(0.1, 3, count)
    values = slopes @ runs.T + 0.2 * rng.normal(size=(7, len(runs)))
    trials = pd.DataFrame(
        [
            {"variant": variant.name, "seed": seed, "status": "done", "test_loss": values[seed, at]}
            | {f"factor:f{i}": sign > 0 for i, sign in enumerate(runs[at])}
            for seed in range(7)
            for at, variant in enumerate(layout.variants)
        ]
    )
    table = by_term(trials, [f"f{i}" for i in range(count)])
    for i in range(count):
        each = values[:, runs[:, i] > 0].mean(axis=1) - values[:, runs[:, i] < 0].mean(axis=1)
        test = stats.ttest_1samp(each, 0)
        interval = test.confidence_interval()
        row = table.loc[f"f{i}"]
        found = row[["p", "delta", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx([test.pvalue, each.mean(), interval.low, interval.high])


# Holes


def test_incomplete_pairs_of_one_factor_do_not_count():
    values = np.random.default_rng(2).normal(size=(9, 2))
    trials = crossed((2,), 9, lambda s, a: values[s, a])
    trials.loc[[2, 7], "status"] = "failed"
    row = by_term(trials, ["a"]).loc["a"]
    pairs = np.delete(values, [1, 3], axis=0)
    test = stats.ttest_rel(pairs[:, 1], pairs[:, 0])
    interval = test.confidence_interval()
    found = row[["df_error", "p", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx([6, test.pvalue, interval.low, interval.high])
    assert row["n_blocks"] == 7
    assert row["notes"] == (
        "2 of 18 trials are missing; 7 of 9 seed blocks are complete, and 7 are used with "
        "cluster-robust errors (CR2)"
    )


def cr2(x, clusters, y, contrast):
    """Return estimate, variance and Satterthwaite's df, as Pustejovsky and Tipton define them.

    From whole matrices with a column for each seed.
    """
    bread = np.linalg.inv(x.T @ x)
    left = np.eye(len(x)) - x @ bread @ x.T
    columns = []
    for cluster in np.unique(clusters):
        own = clusters == cluster
        values, vectors = np.linalg.eigh(left[np.ix_(own, own)])
        root = (vectors * [v**-0.5 if v > 1e-9 else 0 for v in values]) @ vectors.T
        columns.append(left[:, own] @ root @ x[own] @ bread @ contrast)
    among = np.array(columns) @ np.array(columns).T
    variance = sum((column @ y) ** 2 for column in columns)
    return contrast @ bread @ x.T @ y, variance, np.trace(among) ** 2 / (among**2).sum()


@pytest.mark.parametrize("seed", range(3))
def test_incomplete_blocks_count(seed):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(8, 8)) * (1, 2.1, 2.8, 0.7, 1.5, 1.0, 0.8, 0.6)
    trials = crossed((2, 2, 2), 8, lambda s, a, b, c: own[s, 4 * a + 2 * b + c] + a)
    trials.loc[rng.choice(64, 5, replace=False), "status"] = "failed"
    table = by_term(trials, ["a", "b", "c"])
    kept = trials[trials["status"] == "done"]
    a, b, c = (2.0 * kept[f"factor:{name}"].to_numpy() - 1 for name in "abc")
    seeds = kept["seed"].to_numpy()
    terms = {"a": a, "b": b, "c": c, "a x b": a * b, "a x c": a * c, "b x c": b * c}
    x = np.column_stack([seeds[:, None] == range(8), *terms.values()]).astype(float)
    for place, term in enumerate(terms):
        scale = 4 if " x " in term else 2
        contrast = scale * np.eye(14)[8 + place]
        delta, variance, df = cr2(x, seeds, kept["test_loss"].to_numpy(), contrast)
        low, high = stats.t.interval(0.95, df, delta, variance**0.5)
        p = 2 * stats.t.sf(abs(delta) / variance**0.5, df)
        found = table.loc[term, ["df_error", "p", "delta", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx([df, p, delta, low, high])
    complete = (kept.groupby("seed").size() == 8).sum()
    assert set(table.loc[list(terms), "notes"]) == {
        f"5 of 64 trials are missing; {complete} of 8 seed blocks are complete, and 8 are used "
        "with cluster-robust errors (CR2)"
    }


def test_pending_trials_count_as_missing():
    values = np.random.default_rng(3).normal(size=(7, 4))
    trials = crossed((2, 2), 7, lambda s, a, b: values[s, 2 * a + b])
    trials.loc[trials.index[-1:], "status"] = "pending"
    assert by_term(trials, ["a", "b"]).loc["a", "notes"] == (
        "6 of 7 seed blocks are complete, and 7 are used with cluster-robust errors (CR2)"
    )


def test_failed_seed_blocks_leave_the_others_exact():
    values = np.random.default_rng(4).normal(size=(8, 4))
    trials = crossed((2, 2), 8, lambda s, a, b: values[s, 2 * a + b])
    trials.loc[trials["seed"] == 3, "status"] = "failed"
    row = by_term(trials, ["a", "b"]).loc["a"]
    assert row["notes"] == "4 of 32 trials are missing"
    assert (round(row["df_error"], 9), row["n_blocks"]) == (6, 7)
    each = np.delete(values, 3, axis=0) @ [-0.5, -0.5, 0.5, 0.5]
    assert row["p"] == pytest.approx(stats.ttest_1samp(each, 0).pvalue)


# Too little to test


def test_fewer_than_six_seed_blocks_are_exploratory():
    values = np.random.default_rng(5).normal(size=(6, 4))
    trials = crossed((2, 2), 6, lambda s, a, b: values[s, 2 * a + b])
    assert by_term(trials, ["a", "b"]).loc["a", "notes"] == ""
    row = by_term(trials[trials["seed"] < 5], ["a", "b"]).loc["a"]
    assert row["notes"] == "exploratory: fewer than 6 seed blocks"
    assert row["ci_low"] < row["delta"] < row["ci_high"]


def test_one_seed_block_gives_a_delta_and_no_test():
    row = by_term(crossed((2, 2), 1, lambda s, a, b: 0.1 + a + b * b), ["a", "b"]).loc["a"]
    assert row["notes"] == "it rests on one seed block alone: no test"
    assert row["delta"] == pytest.approx(1)
    assert row[["p", "F", "ci_low", "partial_share"]].isna().all()


def test_term_that_depends_on_one_seed_block_has_no_test():
    values = np.random.default_rng(6).normal(size=(8, 4))
    trials = crossed((2, 2), 8, lambda s, a, b: values[s, 2 * a + b])
    both = (trials["factor:a"] == 1) & (trials["factor:b"] == 1)
    trials.loc[both & (trials["seed"] > 0), "status"] = "failed"
    table = by_term(trials, ["a", "b"])
    assert table.loc["a x b", "notes"].endswith("it rests on one seed block alone: no test")
    assert np.isnan(table.loc["a x b", "p"])


def test_effects_equal_up_to_rounding_have_no_test():
    noise = 1e-8 * np.random.default_rng(7).normal(size=(8, 4))
    trials = crossed((2, 2), 8, lambda s, a, b: 0.9 + 0.01 * a + noise[s, 2 * a + b])
    table = by_term(trials, ["a", "b"])
    assert table.loc["a", "notes"] == "the same in every seed block: no test"
    assert table.loc["a", "delta"] == pytest.approx(0.01, abs=1e-7)
    assert table[["p", "F", "ci_low", "partial_share"]].isna().all(axis=None)


@pytest.mark.parametrize("size", [0.1, 0.4, 1.5, 4.0])
def test_effects_and_deltas_have_the_same_ties(size):
    """With jitter below half of the noise of a value all deltas are equal."""
    jitter = size * 0.9 * 2.0**-22 * np.linspace(-0.5, 0.5, 8)
    trials = crossed((2,), 8, lambda s, a: 0.9 + a * (0.01 + jitter[s]))
    labels = {"factor": "a", "level": trials["factor:a"], "baseline": 0}
    interval = deltas(trials.assign(**labels), ["test_loss"])["ci_low"].iloc[0]
    row = by_term(trials, ["a"]).loc["a"]
    assert np.isnan(row["ci_low"]) == np.isnan(interval) == (size < 1)
    assert row["ci_low"] == pytest.approx(interval, nan_ok=True)


def test_rounding_is_relative_to_each_seed_block():
    values = np.random.default_rng(8).normal(0, 1e-3, size=(8, 4))
    trials = crossed((2, 2), 8, lambda s, a, b: values[s, 2 * a + b] + (1e6 if s == 0 else 1))
    assert by_term(trials, ["a", "b"]).loc["a", "p"] > 0


# The promise in small


@pytest.mark.parametrize("missing", [0, 6])
def test_error_rate_of_terms_is_at_most_5_percent(missing):
    repetitions, seeds = 1000, 12
    # sds over seeds of a real study's contrasts: mains, their interactions, all three together
    sds = np.array([0.0211, 0.0276, 0.0153, 0.0075, 0.0103, 0.0085, 0.0066])
    a, b, c = np.array(list(product((-1.0, 1.0), repeat=3))).T
    columns = {"a": a, "b": b, "c": c, "a x b": a * b, "a x c": a * c, "b x c": b * c}
    unit = np.column_stack([*columns.values(), a * b * c]) / 8**0.5
    rng = np.random.default_rng(9)
    values = (rng.normal(size=(repetitions, seeds, 7)) * sds) @ unit.T
    kept = np.ones(seeds * 8, dtype=bool)
    kept[rng.choice(len(kept), missing, replace=False)] = False
    of = np.repeat(np.arange(seeds), 8)[kept]
    terms = {name: np.tile(column, seeds)[kept, None] for name, column in columns.items()}
    model = Model((of[:, None] == np.arange(seeds)).astype(float), terms)
    p = np.array([t.p for _, t in BlockedFit(model).tests(values.reshape(repetitions, -1).T[kept])])
    slack = 3 * (0.05 * 0.95 / repetitions) ** 0.5
    assert (p < 0.05).mean(axis=1).max() < 0.05 + slack
    assert (p < 0.05).mean() > 0.05 - slack
    assert (holm(p.T) < 0.05).any(axis=1).mean() < 0.05 + slack
