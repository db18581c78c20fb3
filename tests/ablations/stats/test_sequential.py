from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.stats import deltas, open_variants, sequential
from ablations.stats.deltas import CONTRACT, FURTHER, SEQUENTIAL

nan = float("nan")
AT = (6, 10, 20)


@pytest.fixture
def grown(trials_of):
    """Return trials of a clear and an unclear variant, each with its first n seed blocks."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=20)
    clear, unclear = base + 5 + 0.1 * rng.normal(size=20), base + 0.1 + rng.normal(size=20)

    def grow(baseline, first, second):
        values = {"baseline": base[:baseline], 3: clear[:first], 4: unclear[:second]}
        return trials_of(values)

    return grow


CLEAR, UNCLEAR = "pool_size=3 (int)", "pool_size=4 (int)"


def test_before_the_first_look_everything_is_open(grown):
    table = sequential(grown(5, 5, 5), ["test_loss"], AT)
    assert table["look"].tolist() == [0, 0]
    assert table["verdict"].tolist() == ["", ""]
    assert table["p"].isna().all()
    assert table["notes"].tolist() == ["before the first look, at 6 seed blocks"] * 2
    assert open_variants(grown(5, 5, 5), "test_loss", AT) == {CLEAR: 6, UNCLEAR: 6}


def test_seeds_are_added_only_where_the_verdict_is_open(grown):
    assert open_variants(grown(6, 6, 6), "test_loss", AT) == {UNCLEAR: 10}
    assert open_variants(grown(10, 6, 10), "test_loss", AT) == {UNCLEAR: 20}
    assert open_variants(grown(20, 6, 20), "test_loss", AT) == {}


def test_closed_verdict_stays_closed(grown):
    table = sequential(grown(20, 6, 20), ["test_loss"], AT).set_index("variant")
    assert table.loc[CLEAR, ["verdict", "look", "blocks", "n_pairs"]].tolist() == ["worse", 1, 6, 6]
    assert table.loc[UNCLEAR, ["look", "blocks", "next_blocks"]].tolist() == [3, 20, 0]
    assert not table["open"].any()


def test_p_and_interval_allow_for_the_looks(grown):
    trials = grown(10, 6, 10)
    table = sequential(trials, ["test_loss"], AT).set_index("variant")
    shares = {6: 6 / 20, 10: 4 / 20}
    at_6 = deltas(trials[trials["seed"] < 6], ["test_loss"]).set_index("variant")
    at_10 = deltas(trials, ["test_loss"], confidence=1 - 0.05 * shares[10]).set_index("variant")
    p = min(at_10.loc[UNCLEAR, "p"] / shares[10], 1.0)
    assert table.loc[UNCLEAR, "p"] == pytest.approx(p, rel=1e-10)
    assert table.loc[CLEAR, "p"] == pytest.approx(at_6.loc[CLEAR, "p"] / shares[6], rel=1e-10)
    assert table.loc[CLEAR, "p_adjusted"] == pytest.approx(2 * table.loc[CLEAR, "p"], rel=1e-10)
    for bound in ("ci_low", "ci_high", "delta"):
        assert table.loc[UNCLEAR, bound] == pytest.approx(at_10.loc[UNCLEAR, bound], rel=1e-10)


def test_one_look_gives_the_table_of_deltas(grown):
    trials = grown(10, 10, 10)
    once = sequential(trials, ["test_loss"], (10,), margins={"test_loss": 0.5})
    fixed = deltas(trials, ["test_loss"], margins={"test_loss": 0.5})
    pd.testing.assert_frame_equal(once[list(fixed.columns)], fixed)


def test_look_needs_all_trials_of_its_blocks(grown):
    assert open_variants(grown(10, 6, 9), "test_loss", AT) == {UNCLEAR: 10}
    table = sequential(grown(10, 6, 9), ["test_loss"], AT).set_index("variant")
    assert table.loc[UNCLEAR, ["look", "n_pairs"]].tolist() == [1, 6]


def test_look_needs_the_baseline(grown):
    assert sequential(grown(5, 6, 6), ["test_loss"], AT)["look"].tolist() == [0, 0]


def test_variant_without_a_look_counts_as_a_comparison(grown):
    table = sequential(grown(6, 6, 3), ["test_loss"], AT).set_index("variant")
    assert table.loc[CLEAR, "p_adjusted"] == pytest.approx(2 * table.loc[CLEAR, "p"], rel=1e-10)
    assert np.isnan(table.loc[UNCLEAR, "p_adjusted"])


def test_failed_trials_are_part_of_their_block(trials_of):
    rng = np.random.default_rng(0)
    level = rng.normal(size=6)
    level[2] = nan
    table = sequential(trials_of({"baseline": rng.normal(size=6), 3: level}), ["test_loss"], AT)
    assert table[["look", "n_pairs", "n_failed"]].to_numpy().tolist() == [[1, 5, 1]]


def test_variant_that_always_fails_gets_no_more_seeds(trials_of):
    trials = trials_of({"baseline": [1.0, 2, 3, 4, 5, 6], 3: [nan] * 6})
    assert open_variants(trials, "test_loss", AT) == {}


def test_infeasible_variants_and_other_losses_get_no_seeds(trials_of):
    rng = np.random.default_rng(0)
    trials = trials_of({"baseline": rng.normal(size=6), 3: rng.normal(size=6)})
    bad = {"variant": "bad", "factor": "pool_size", "level": 9, "baseline": 2, "seed": None}
    trials = pd.concat([trials, pd.DataFrame([bad | {"status": "infeasible", "test_loss": nan}])])
    assert set(open_variants(trials, "test_loss", AT)) == {"pool_size=3 (int)"}
    kinds = {"baseline": "crossentropy", "pool_size=3 (int)": "mse"}
    assert open_variants(trials, "test_loss", AT, loss_kinds=kinds) == {}


def test_equivalence_closes_a_verdict(trials_of):
    rng = np.random.default_rng(0)
    base = rng.normal(size=6)
    trials = trials_of({"baseline": base, 3: base + 0.01 * rng.normal(size=6)})
    table = sequential(trials, ["test_loss"], AT, margins={"test_loss": 1.0})
    assert table["verdict"].tolist() == ["equivalent"]
    assert not table["open"].any()


def test_order_of_the_seeds_is_an_option(trials_of):
    values = {"baseline": [1.0, 2, 3, 4], 3: [2.0, 2, 4, 9]}
    trials = trials_of(values, seeds=[7, 3, 5, 1])
    table = sequential(trials, ["test_loss"], (2, 5), seeds=[7, 3, 5, 1])
    assert table["delta"].tolist() == [0.5]
    table = sequential(trials, ["test_loss"], (2, 5))
    assert table["delta"].tolist() == [2.5]


def test_columns_are_those_of_deltas_plus_the_looks(grown):
    full = sequential(grown(6, 6, 6), ["test_loss"], AT)
    assert list(full.columns) == [*CONTRACT, *FURTHER, *SEQUENTIAL]
    empty = sequential(grown(6, 6, 6).iloc[:0], ["test_loss"], AT)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


@pytest.mark.parametrize("effect", [0.0, 1.5])
def test_table_agrees_with_the_simulated_rule(trials_of, effect):
    rng = np.random.default_rng(1)
    base, level = rng.normal(size=20), rng.normal(effect, 1, size=20)
    blocks = 6
    while found := open_variants(
        trials_of({"baseline": base[:blocks], 3: level[:blocks]}), "test_loss", AT
    ):
        blocks = found["pool_size=3 (int)"]
    final = sequential(trials_of({"baseline": base[:blocks], 3: level[:blocks]}), ["test_loss"], AT)
    shares = np.diff(AT, prepend=0) / AT[-1]
    for n, share in zip(AT, shares, strict=True):
        row = deltas(trials_of({"baseline": base[:n], 3: level[:n]}), ["test_loss"]).iloc[0]
        if row["p"] / share < 0.05 or n == AT[-1]:
            break
    assert blocks == n
    assert final["blocks"].tolist() == [n]


def test_ten_variants_agree_with_the_simulated_rule(trials_of, monkeypatch):
    """For each study the closed verdicts and their numbers of seed blocks are equal."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from simulation.seeds import adaptive

    rng = np.random.default_rng(6)
    own, shared = rng.normal(size=(4, 10, 20)), rng.normal(size=(4, 1, 20))
    own += np.linspace(0, 4, 10)[:, None]  # from none to one that the first look shows
    closed, blocks = adaptive(own - shared, AT)
    assert set(blocks.ravel()) == set(AT)  # every look closes some
    for study in range(4):
        wanted = {f"pool_size={level} (int)": AT[0] for level in range(10)}
        counts = dict(wanted)
        while wanted:
            counts |= wanted
            values = {"baseline": shared[study, 0, : max(counts.values())]}
            values |= dict(enumerate(own[study, at, :n] for at, n in enumerate(counts.values())))
            trials = trials_of(values)
            wanted = open_variants(trials, "test_loss", AT)
        table = sequential(trials, ["test_loss"], AT)
        assert table["blocks"].tolist() == blocks[study].tolist()
        assert table["verdict"].isin(["better", "worse"]).tolist() == closed[study].tolist()


# By the first look the first is worse; by the second that is gone, and Holm asks for less.
TURNED = [0.0154, 0.0046, 0.0127, 0.0073, 0.0164, 0.0036, -0.05, -0.06, -0.045, -0.055]
CLOSED = [0.0225, 0.0015, 0.0183, 0.0057, 0.0214, 0.0026, 0.0121, 0.0119, 0.0118, 0.0122]


def against_a_half(*deltas):
    values = {"baseline": [0.5] * 10} | {name: np.add(0.5, deltas[name - 3]) for name in (3, 4)}
    return {name: list(column) for name, column in values.items()}


@pytest.mark.parametrize(("sign", "word"), [(1, "worse"), (-1, "better")])
def test_earlier_look_does_not_reverse_the_verdict(trials_of, sign, word):
    trials = trials_of(against_a_half(sign * np.array(TURNED), sign * np.array(CLOSED)))
    first = sequential(trials[trials["seed"] < 6], ["test_loss"])
    alone = stats.ttest_1samp(TURNED[:6], 0).pvalue / (6 / 30)
    assert first["p"].iloc[0] == pytest.approx(alone, rel=1e-8)
    assert alone < 0.05 < 2 * alone  # beyond its own boundary, and not beyond that of two variants
    assert first["verdict"].tolist() == ["inconclusive", "inconclusive"]
    second = sequential(trials, ["test_loss"])
    assert second["verdict"].tolist() == ["inconclusive", word]
    every = stats.ttest_1samp(TURNED, 0)
    assert every.pvalue == pytest.approx(0.18, abs=0.005)
    interval = every.confidence_interval(1 - 0.05 * 4 / 30)
    ends = sorted(sign * np.array(interval))
    assert second.loc[0, ["ci_low", "ci_high"]].tolist() == pytest.approx(ends, rel=1e-6)
    assert second["open"].tolist() == [True, False]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.3, 1.0]), st.booleans())
def test_interval_agrees_with_its_verdict(trials_of, seed, margin, higher):
    """Six variants with drifting deltas and between none and three looks."""
    rng = np.random.default_rng(seed)
    values = {"baseline": rng.normal(size=20)}
    for level in range(3, 9):
        drift = rng.choice([-2, -0.5, 0, 0.5, 2], 3).repeat([6, 4, 10])
        noise = rng.choice([0.0, 0.1, 1.0]) * rng.normal(size=20)
        values[level] = (values["baseline"] + drift + noise)[: rng.choice([5, 6, 10, 20])]
    metric = "test_accuracy" if higher else "test_loss"
    margins = {} if margin is None else {metric: margin}
    table = sequential(trials_of(values, metric), [metric], AT, margins=margins)
    for row in table.itertuples():
        if row.verdict in ("better", "worse"):
            up = (row.verdict == "better") == higher
            assert (row.delta > 0) == up
            none = np.isnan(row.ci_low)  # of deltas that are all alike
            assert none or (row.ci_low > 0 if up else row.ci_high < 0)
        if row.verdict == "equivalent":
            share = {6: 6, 10: 4, 20: 10}[row.blocks] / 20
            reach = stats.t.isf(0.05 * share, row.n_pairs - 1) * row.sd / np.sqrt(row.n_pairs)
            assert abs(row.delta) + reach < margin
