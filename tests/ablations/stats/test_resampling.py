from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.stats.pairs import noise_of
from ablations.stats.resampling import EXACT_TO, p_better, sign_flip_p, wilcoxon_p

whole_numbers = st.lists(st.integers(-4, 4), min_size=1, max_size=9)
samples = st.tuples(st.integers(1, 11), st.integers(0, 2**32 - 1))


def brute_force(deltas):
    flips = np.array(list(product([1, -1], repeat=len(deltas))))
    return (np.abs(flips @ deltas) >= abs(np.sum(deltas)) - 1e-9).mean()


@given(whole_numbers)
def test_sign_flips_with_ties_agree_with_enumeration(deltas):
    assert sign_flip_p(deltas) == pytest.approx(brute_force(np.array(deltas)), abs=1e-15)


@given(samples)
def test_sign_flips_of_real_deltas_agree_with_enumeration(sample):
    n, seed = sample
    deltas = np.random.default_rng(seed).normal(0.5, 1.0, size=n)
    assert sign_flip_p(deltas) == pytest.approx(brute_force(deltas), abs=1e-15)


@pytest.mark.parametrize("n", [5, 8, 10])
def test_sign_flips_agree_with_scipy_permutations(n):
    deltas = np.random.default_rng(n).normal(0.4, 1.0, size=n)
    theirs = stats.permutation_test(
        (deltas,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(deltas) == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("n", [5, 10, 32])
def test_deltas_of_one_sign_have_the_smallest_p(n):
    assert sign_flip_p(np.linspace(1, 2, n)) == 2 / 2**n


def test_many_pairs_have_a_reproducible_p():
    deltas = np.random.default_rng(1).normal(0.25, 1.0, size=EXACT_TO + 8)
    drawn = sign_flip_p(deltas)
    assert drawn == sign_flip_p(deltas)
    assert drawn == pytest.approx(stats.ttest_1samp(deltas, 0).pvalue, abs=0.02)
    assert sign_flip_p(np.ones(EXACT_TO + 8)) > 0


@pytest.mark.parametrize("n", [33, 39, 40])
def test_p_of_many_pairs_is_near_the_exact_one(n):
    deltas = np.random.default_rng(n).normal(0.3, 1.0, size=n)
    halves = [np.array([0.0]), np.array([0.0])]
    for place, delta in enumerate(deltas):
        sums = halves[place % 2]
        halves[place % 2] = np.concatenate([sums + delta, sums - delta])
    other, reach = np.sort(halves[1]), abs(deltas.sum()) - 1e-9
    above = len(other) - np.searchsorted(other, reach - halves[0])
    exact = 2 * above.sum() / 2.0**n
    error = np.sqrt(exact * (1 - exact) / 2**17)
    assert abs(sign_flip_p(deltas) - exact) < 4 * error + 2.0**-17


def test_mean_of_zero_has_p_1():
    assert sign_flip_p([1.0, -1.0]) == 1
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1


def test_sums_within_the_rounding_of_float32_are_ties():
    deltas = np.array([np.float32(0.9) - np.float32(0.6), 0.3, -0.1, 0.1], dtype=float)
    assert sign_flip_p(deltas, noise=1e-6) == brute_force(np.array([3, 3, -1, 1]))


def test_one_huge_value_ties_no_other_pairs():
    base = np.array([0.1, 0.12, 0.11, 0.13, 0.12, 0.11, 0.1])
    level = np.array([0.15, 0.17, 0.165, 0.18, 0.17, 0.16, 1e6])
    noise = noise_of(base, level)
    assert sign_flip_p(level - base, noise) == wilcoxon_p(level - base, noise) == 2 / 2**7
    assert p_better(level - base, True, noise) == 0


def test_huge_tied_pair_does_not_affect_other_signs():
    deltas, noise = np.array([0.05, 0.06, 0.07, 0.08, 0.0]), noise_of([0.1, 0.1, 0.1, 0.1, 1e6])
    assert sign_flip_p(deltas, noise) == sign_flip_p(deltas[:4]) == 2 / 2**4
    assert wilcoxon_p(deltas, noise) == 2 / 2**4


@pytest.mark.parametrize("n", [12, EXACT_TO + 4])
def test_sum_is_not_lost_beside_a_huge_delta(n):
    deltas = np.append(np.full(n - 1, 0.1), 1e15)
    assert sign_flip_p(deltas) == pytest.approx(2 / 2**n, abs=2e-5)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=10))
def test_float32_accuracies_have_the_p_of_their_counts(counts):
    base = np.float32(np.arange(len(counts)) % 3 / 10 + 0.6)
    level = np.float32(base.astype(float) + np.array(counts) / 500).astype(float)
    deltas, noise = level - base, noise_of(level, base)
    assert sign_flip_p(deltas, noise) == brute_force(np.array(counts))
    assert wilcoxon_p(deltas, noise) == wilcoxon_p(counts)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_wilcoxon_without_ties_agrees_with_scipy(n, seed):
    deltas = np.random.default_rng(seed).normal(0.3, 1.0, size=n)
    assert wilcoxon_p(deltas) == pytest.approx(
        stats.wilcoxon(deltas, method="exact").pvalue, abs=1e-12
    )


@given(whole_numbers.filter(lambda deltas: any(deltas)))
def test_wilcoxon_with_ties_is_the_sign_flip_of_ranks(deltas):
    kept = np.array([delta for delta in deltas if delta])
    ranks = stats.rankdata(np.abs(kept)) * np.sign(kept)
    assert wilcoxon_p(deltas) == pytest.approx(brute_force(ranks), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_with_ties_agrees_with_scipy_permutations(seed):
    deltas = np.random.default_rng(seed).integers(1, 4, size=9) * np.array([1, -1, 1] * 3)
    theirs = stats.wilcoxon(deltas, method=stats.PermutationMethod(n_resamples=10**6))
    assert wilcoxon_p(deltas) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_wilcoxon_of_zeros_is_1():
    assert wilcoxon_p([0.0, 0.0]) == 1


def test_no_deltas_have_no_p():
    assert np.isnan([sign_flip_p([]), wilcoxon_p([]), p_better([], True)]).all()


def test_ties_count_half_for_better():
    assert p_better([-1.0, 0.0, 1.0, 1.0], lower_is_better=True) == 0.375
    assert p_better([-1.0, 0.0, 1.0, 1.0], lower_is_better=False) == 0.625
