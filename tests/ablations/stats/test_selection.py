"""Correction of a choice by seed blocks that did not make it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.stats.selection import held_out, lowest, luck, resamples

SIZES = {"seed": st.integers(0, 2**32 - 1), "blocks": st.integers(2, 12)}


def draw(seed, blocks, variants=4):
    return np.random.default_rng(seed).normal(size=(2, blocks, variants))


@given(**SIZES)
def test_each_block_is_measured_with_the_choice_of_the_others(seed, blocks):
    losses, values = draw(seed, blocks)
    expected = [
        values[block, np.delete(losses, block, axis=0).mean(axis=0).argmin()]
        for block in range(blocks)
    ]
    assert held_out(losses, values).mean == pytest.approx(np.mean(expected), rel=1e-9)


@given(**SIZES)
def test_a_variant_that_always_wins_needs_no_correction(seed, blocks):
    losses, values = draw(seed, blocks)
    losses[:, 2] -= 100
    found = held_out(losses, values)
    assert found.mean == pytest.approx(values[:, 2].mean())
    assert found.chosen_again == 1
    assert luck(losses, losses) == pytest.approx(0, abs=0.5 / math.sqrt(blocks))


@given(shift=st.floats(-10, 10), **SIZES)
def test_blocks_that_are_harder_for_all_variants_change_no_luck(seed, blocks, shift):
    losses, values = draw(seed, blocks)
    harder = shift * np.arange(blocks)[:, None]
    # up to ties by the rounding of float32, which may change the choice of single resamples
    assert luck(losses + harder, values + harder) == pytest.approx(luck(losses, values), abs=0.01)


def test_luck_agrees_with_a_plain_bootstrap():
    losses, values = draw(3, 6)
    random = np.random.default_rng(0)
    corrected = []
    for _ in range(20_000):
        drawn = random.integers(0, 6, 6)
        rest = np.setdiff1d(np.arange(6), drawn)
        if len(rest):
            best = losses[drawn].mean(axis=0).argmin()
            corrected.append(values[rest, best].mean() - values[rest].mean())
    plain = values[:, losses.mean(axis=0).argmin()].mean() - values.mean()
    spread = np.std(corrected) * math.sqrt(1 / 2000 + 1 / 20_000)
    assert luck(losses, values) == pytest.approx(plain - np.mean(corrected), abs=4 * spread)


def test_ends_of_the_interval_are_quantiles_of_blocks_left_out():
    losses, values = draw(5, 8)
    weights, left_out = resamples(8)
    means = []
    for drawn, rest in zip(weights, left_out, strict=True):
        best = int(np.argmin(drawn @ losses))
        means.append(values[rest > 0, best].mean())
    found = held_out(losses, values, confidence=0.9)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.05, 0.95]))


def test_few_blocks_give_no_interval():
    losses, values = draw(1, 5)
    found = held_out(losses, values)
    assert math.isfinite(found.mean)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(held_out(losses[:1], values[:1]).mean)
    assert math.isnan(luck(losses[:1], values[:1]))


def test_first_of_tied_losses_is_chosen():
    assert lowest([[0.9, 0.9 + 1e-8, 0.8], [0.9, 0.9 - 1e-8, 1.0]]).tolist() == [2, 0]


def test_choice_among_alike_variants_is_not_biased():
    """Eleven alike variants, ten blocks: the plain mean is too low by 0.5 standard deviations."""
    values = np.random.default_rng(7).normal(size=(1500, 10, 11))
    deltas = values - values[:, :, :1]
    plain = np.take_along_axis(deltas.mean(axis=1), values.mean(axis=1).argmin(axis=1)[:, None], 1)
    corrected = np.array(
        [held_out(by, delta).mean for by, delta in zip(values, deltas, strict=True)]
    )
    assert plain.mean() == pytest.approx(-0.50, abs=0.06)
    assert abs(corrected.mean()) < 0.05 < abs(plain.mean())


def test_luck_of_the_first_step_is_not_biased():
    values = np.random.default_rng(8).normal(size=(800, 10, 4))
    lowest_means = values.mean(axis=1).min(axis=1)
    lucks = np.array([luck(one, one) for one in values])
    # the expected minimum of four standard normals is -1.029
    assert lowest_means.mean() == pytest.approx(-1.029 / math.sqrt(10), abs=0.03)
    assert (lowest_means - lucks).mean() == pytest.approx(0, abs=0.05)
