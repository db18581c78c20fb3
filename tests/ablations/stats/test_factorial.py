from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from ablations.stats import StatisticsError, effects, interactions
from ablations.stats.contrasts import sum_coded


def factorial(levels, seeds, rng):
    """Return a full factorial of factors a, b, ...; the first levels are the baseline's."""
    rows = []
    names = "abcdef"[: len(levels)]
    for seed, *cell in product(range(seeds), *levels):
        base = all(level is own[0] for level, own in zip(cell, levels, strict=True))
        row = {"variant": "baseline" if base else str(cell), "seed": seed, "status": "done"}
        rows.append(row | {f"factor:{n}": x for n, x in zip(names, cell, strict=True)})
    table = pd.DataFrame(rows)
    for name in names:
        values = [row[f"factor:{name}"] for row in rows]
        table[f"factor:{name}"] = pd.Series(values, dtype=object)
    table["test_loss"] = rng.normal(size=len(table)) + np.repeat(
        rng.normal(size=seeds), len(table) // seeds
    )
    return table


def statsmodels_of(trials, factors):
    named = trials.rename(columns=lambda name: name.replace(":", "_")).copy()
    for name in factors:
        named[f"factor_{name}"] = [str(level) for level in named[f"factor_{name}"]]
    terms = " + ".join(f"C(factor_{name}, Sum)" for name in factors)
    fit = ols(f"test_loss ~ C(seed, Sum) + ({terms})**2", named[named["status"] == "done"]).fit()
    table = anova_lm(fit, typ=3)

    def clean(term):
        parts = [part.split("(")[-1].split(",")[0] for part in term.split(":")]
        return " x ".join(part.replace("factor_", "") for part in parts)

    return table.rename(index=clean), fit


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([((0, 1), (0, 1)), ((1, 2, 3), ("m", "a"))]))
def test_balanced_design_agrees_with_explicit_sums_of_squares(seed, levels):
    trials = factorial(levels, 4, np.random.default_rng(seed))
    table = effects(trials, ["a", "b"], ["test_loss"]).set_index("term")
    y, grand = trials["test_loss"], trials["test_loss"].mean()
    first = trials.groupby("factor:a")["test_loss"].transform("mean") - grand
    second = trials.groupby("factor:b")["test_loss"].transform("mean") - grand
    cell = trials.groupby(["factor:a", "factor:b"])["test_loss"].transform("mean") - grand
    block = trials.groupby("seed")["test_loss"].transform("mean") - grand
    both = cell - first - second
    rest = y - grand - cell - block
    total = ((y - grand) ** 2).sum()
    parts = {"a": first, "b": second, "a x b": both, "seed": block, "residual": rest}
    for term, part in parts.items():
        assert table.loc[term, "ss"] == pytest.approx((part**2).sum(), rel=1e-10, abs=1e-10)
        assert table.loc[term, "share"] == pytest.approx((part**2).sum() / total, abs=1e-10)
    df = len(levels[0]) - 1, len(y) - len(levels[0]) * len(levels[1]) - 3
    by_seed = trials.groupby(["seed", "factor:a"])["test_loss"].transform("mean") - grand
    error = ((by_seed - first - block) ** 2).sum()
    assert table.loc["a", "ss_error"] == pytest.approx(error, rel=1e-10)
    ratio = ((first**2).sum() / df[0]) / (error / (3 * df[0]))
    assert table.loc["a", "F"] == pytest.approx(ratio, rel=1e-10)
    assert table["share"].sum() == pytest.approx(1.0, abs=1e-10)
    assert (table.loc["a", "df"], table.loc["residual", "df"]) == df


@pytest.mark.parametrize("missing", [0, 3])
@pytest.mark.parametrize("seed", range(3))
def test_type_iii_sums_agree_with_statsmodels(seed, missing):
    rng = np.random.default_rng(seed)
    trials = factorial(((0, 1), ("x", "y", "z"), (False, True)), 3, rng)
    trials.loc[rng.choice(len(trials), missing, replace=False), "status"] = "failed"
    table = effects(trials, ["a", "b", "c"], ["test_loss"]).set_index("term")
    theirs, fit = statsmodels_of(trials, ["a", "b", "c"])
    for term in ["a", "b", "c", "a x b", "a x c", "b x c"]:
        for ours, name in (("ss", "sum_sq"), ("df", "df")):
            assert table.loc[term, ours] == pytest.approx(
                theirs.loc[term, name], rel=1e-10, abs=1e-10
            )
    assert table.loc["residual", "ss"] == pytest.approx(theirs.loc["Residual", "sum_sq"])
    assert table.loc["residual", "df"] == theirs.loc["Residual", "df"]
    assert table.loc["a", "delta"] == pytest.approx(
        -2 * fit.params["C(factor_a, Sum)[S.0]"], rel=1e-10, abs=1e-10
    )


def test_deltas_are_differences_of_level_means():
    trials = factorial(((False, True), ("max", "none")), 3, np.random.default_rng(0))
    mean = trials.groupby(["factor:a", "factor:b"])["test_loss"].mean()
    table = effects(trials, ["a", "b"], ["test_loss"]).set_index("term")
    with_none = mean[True, "none"] - mean[False, "none"]
    with_max = mean[True, "max"] - mean[False, "max"]
    assert table.loc["a", "delta"] == pytest.approx((with_none + with_max) / 2, abs=1e-10)
    assert table.loc["a x b", "delta"] == pytest.approx(with_none - with_max, abs=1e-10)
    assert table.loc["a", "ci_low"] < table.loc["a", "delta"] < table.loc["a", "ci_high"]


def test_holm_runs_over_the_terms_of_one_metric():
    trials = factorial(((0, 1), (0, 1)), 4, np.random.default_rng(1))
    trials["test_nll"] = 2 * trials["test_loss"]
    table = effects(trials, ["a", "b"], ["test_loss", "test_nll"])
    loss = table[table["metric"] == "test_loss"].set_index("term")
    assert loss["p_adjusted"].min() == pytest.approx(min(1, 3 * loss["p"].min()), rel=1e-10)
    assert loss.loc[["seed", "residual"], "p_adjusted"].isna().all()
    assert len(table) == 10


def test_one_and_true_and_one_point_zero_are_three_levels():
    assert sum_coded([1, True, 1.0, 1]).shape == (4, 2)
    trials = factorial(((1, True, 1.0), ("x", "y")), 3, np.random.default_rng(0))
    assert effects(trials, ["a", "b"], ["test_loss"]).set_index("term").loc["a", "df"] == 2


def test_half_fraction_notes_its_aliases():
    trials = factorial(((0, 1), (0, 1), (0, 1)), 6, np.random.default_rng(0))
    total = trials[["factor:a", "factor:b", "factor:c"]].sum(axis=1)
    table = effects(trials[total % 2 == 0], ["a", "b", "c"], ["test_loss"]).set_index("term")
    assert table.loc["a x b", "notes"] == "aliased with c: not estimated apart"
    assert table.loc["c", "notes"] == "also carries a x b"
    assert np.isnan(table.loc["a x b", "p"])
    assert table.loc["c", "p"] > 0


def test_untrained_combinations_are_noted():
    trials = factorial(((0, 1, 2), (0, 1, 2)), 4, np.random.default_rng(0))
    gone = (trials["factor:a"] == 2) & (trials["factor:b"] == 2)
    table = effects(trials[~gone], ["a", "b"], ["test_loss"]).set_index("term")
    assert table.loc["a x b", "notes"] == (
        "combinations of its levels were never trained: not estimated"
    )
    assert table.loc["a", "p"] > 0


def test_one_factor_at_a_time_gives_main_effects_only():
    trials = factorial(((0, 1), (0, 1)), 4, np.random.default_rng(0))
    table = effects(
        trials[trials["factor:a"].astype(int) + trials["factor:b"].astype(int) < 2],
        ["a", "b"],
        ["test_loss"],
    ).set_index("term")
    assert table.loc["a x b", "notes"] == "aliased with a, b: not estimated apart"
    base = trials[trials["variant"] == "baseline"]["test_loss"].mean()
    only = trials[(trials["factor:a"] == 1) & (trials["factor:b"] == 0)]["test_loss"].mean()
    assert table.loc["a", "delta"] == pytest.approx(only - base, abs=1e-10)


def test_screening_design_estimates_no_interactions():
    rng = np.random.default_rng(0)
    first = np.array([1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1])
    runs = np.vstack([*(np.roll(first, i) for i in range(11)), -np.ones(11, dtype=int)])[:, :6]
    rows = [
        {"variant": str(i), "seed": seed, "status": "done", "test_loss": rng.normal()}
        | {f"factor:{n}": int(x) for n, x in zip("abcdef", run, strict=True)}
        for seed in range(3)
        for i, run in enumerate(runs)
    ]
    table = effects(pd.DataFrame(rows), list("abcdef"), ["test_loss"]).set_index("term")
    assert table.loc["a x b", "notes"] == (
        "the design cannot tell its interactions apart: none is estimated"
    )
    assert table[table["kind"] == "main"]["p"].notna().all()


def test_without_interactions_only_main_effects_are_estimated():
    trials = factorial(((0, 1), (0, 1)), 3, np.random.default_rng(0))
    table = effects(trials, ["a", "b"], ["test_loss"], interactions=False)
    assert list(table["term"]) == ["a", "b", "seed", "residual"]


def test_metric_without_spread_is_not_tested():
    trials = factorial(((0, 1), (0, 1)), 3, np.random.default_rng(0)).assign(params=7.0)
    table = effects(trials, ["a", "b"], ["params"])
    assert table["p"].isna().all()


def test_factor_with_one_level_is_noted():
    trials = factorial(((0,), (0, 1)), 3, np.random.default_rng(0))
    table = effects(trials, ["a", "b"], ["test_loss"]).set_index("term")
    assert table.loc["a", "notes"] == "one level only"


def test_columns_of_factors_are_an_option():
    trials = factorial(((0, 1), (0, 1)), 3, np.random.default_rng(0))
    table = effects(trials, {"skip": "factor:a"}, ["test_loss"])
    assert list(table["term"]) == ["skip", "seed", "residual"]


def test_no_factor_is_refused():
    trials = factorial(((0, 1),), 2, np.random.default_rng(0))
    with pytest.raises(StatisticsError) as caught:
        effects(trials, [], ["test_loss"])
    assert str(caught.value) == "`factors`: expected at least one factor; got none."


def test_empty_table_has_the_columns():
    trials = factorial(((0, 1),), 2, np.random.default_rng(0))
    full = effects(trials, ["a"], ["test_loss"])
    assert list(effects(trials.iloc[:0], ["a"], ["test_loss"]).columns) == list(full.columns)


def in_pairs(seeds, rng, failing=0):
    """Return trials of three changes, alone and in pairs; the pair of a and b costs 2 more."""
    alone = {"a": 1.0, "b": 0.5, "c": 0.25}
    changes = {name: {f"part:{name}": "remove"} for name in alone}
    changes |= {f"{m}, {n}": changes[m] | changes[n] for m, n in combinations(alone, 2)}
    rows = []
    for seed, (name, levels) in product(range(seeds), {"baseline": {}, **changes}.items()):
        loss = sum(alone[factor[-1]] for factor in levels) + 2 * (name == "a, b")
        rows.append({"variant": name, "seed": seed, "status": "done", "test_loss": loss})
    trials = pd.DataFrame(rows)
    trials["test_loss"] += rng.normal(size=len(trials)) * 0.1
    trials.loc[trials.index[len(trials) - failing :], "status"] = "failed"
    return trials, changes


def test_interactions_are_contrasts_per_seed():
    trials, changes = in_pairs(8, np.random.default_rng(0))
    table = interactions(trials, changes, ["test_loss"]).set_index("term")
    assert list(table.index) == ["a x b", "a x c", "b x c"]
    by_variant = trials.pivot_table("test_loss", "seed", "variant")
    p = []
    for term, row in table.iterrows():
        m, n = term.split(" x ")
        contrast = by_variant[f"{m}, {n}"] - by_variant[m] - by_variant[n] + by_variant["baseline"]
        expected = scipy.stats.ttest_1samp(contrast, 0)
        interval = expected.confidence_interval()
        assert row["delta"] == pytest.approx(contrast.mean())
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
        assert row["p"] == pytest.approx(expected.pvalue)
        p.append(expected.pvalue)
    adjusted = multipletests(p, method="holm")[1]
    assert table["p_adjusted"].to_numpy() == pytest.approx(adjusted)
    assert (table["p_adjusted"] < 0.05).tolist() == [True, False, False]


def test_interactions_name_missing_trials():
    trials, changes = in_pairs(8, np.random.default_rng(1), failing=1)  # "b, c" of the last seed
    notes = interactions(trials, changes, ["test_loss"]).set_index("term")["notes"]
    assert notes["a x b"] == ""
    assert notes["b x c"] == (
        "1 of 32 trials are missing; 7 of 8 seed blocks are complete, and 8 are used with "
        "cluster-robust errors (CR2)"
    )


def test_variants_without_pairs_have_no_interactions():
    trials, changes = in_pairs(3, np.random.default_rng(2))
    del changes["a"]
    assert interactions(trials, changes, ["test_loss"])["term"].tolist() == ["b x c"]
    assert interactions(trials, {}, ["test_loss"]).empty
