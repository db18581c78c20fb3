"""Partial pooling, against brute-force integration and simulated studies."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from ablations.stats.pooling import pool, posterior


def brute_force(deltas, sds, n, shared, cut=0.0):
    """Return means of the true deltas and P(below cut), over a grid of tau and all spreads."""
    deltas, sds = np.asarray(deltas), np.asarray(sds)
    k, scale = len(deltas), np.median(sds)
    own = sds**2 * (1 - shared / np.mean(sds**2))
    taus = scale * np.tan(math.pi / 2 * (np.arange(400) + 0.5) / 400)  # half-Cauchy quantiles
    u = (np.arange(60) + 0.5) / 60
    each = [own[at] / n * (n - 1) / stats.chi2.ppf(u, n - 1) for at in range(k)]
    errors = np.stack([grid.ravel() for grid in np.meshgrid(*each, indexing="ij")], axis=-1)
    both = np.eye(k) + 1
    total, mean, below = 0.0, np.zeros(k), np.zeros(k)
    for tau in taus:
        noise = np.einsum("ni,ij->nij", errors, np.eye(k)) + shared / n
        covariance = tau**2 * both + noise
        inverse = np.linalg.inv(covariance)
        chance = np.exp(-0.5 * np.einsum("i,nij,j->n", deltas, inverse, deltas))
        chance /= np.sqrt(np.linalg.det(covariance))
        gain = tau**2 * both @ inverse
        means = gain @ deltas
        spread = tau**2 * both - gain @ (tau**2 * both)
        sd = np.sqrt(np.maximum(np.einsum("nii->ni", spread), 1e-300))
        total += chance.sum()
        mean += chance @ means
        below += chance @ stats.norm.cdf((cut - means) / sd)
    return mean / total, below / total


@pytest.mark.parametrize(
    ("deltas", "sds", "n", "shared"),
    [
        ([0.6], [1.0], 10, 0.0),
        ([2.5], [1.0], 10, 0.0),
        ([0.6], [1.0], 4, 0.0),
        ([0.9, 0.1], [1.0, 1.2], 6, 0.5),
        ([3.0, -0.2], [1.0, 2.0], 10, 0.7),
        ([0.1, 0.0], [1.0, 1.0], 10, 0.0),
    ],
)
def test_posterior_is_that_of_brute_force_integration(deltas, sds, n, shared):
    means, below = brute_force(deltas, sds, n, shared, cut=0.2)
    found = pool(deltas, sds, [n] * len(deltas), shared)
    assert [each.mean for each in found] == pytest.approx(means, abs=0.02)
    assert [each.below(0.2) for each in found] == pytest.approx(below, abs=0.015)


def test_known_spreads_give_the_textbook_posterior():
    deltas, v, shared = np.array([0.5, 0.1, -0.2, 0.05]), 1 / 1e5, 0.4
    n = 100_000
    deltas = deltas * math.sqrt(1 / n) * 4
    scale, both = 1.0, np.eye(4) + 1

    def given(tau):
        covariance = tau**2 * both + (1 - shared) * v * np.eye(4) + shared * v
        density = stats.multivariate_normal(np.zeros(4), covariance).pdf(deltas)
        prior = 1 / (1 + (tau / scale) ** 2)
        return prior * density, (tau**2 * both @ np.linalg.solve(covariance, deltas))[0]

    ends = (1e-7, 1.0)
    options = {"limit": 500, "points": [1e-3, 3e-3, 1e-2, 3e-2]}
    total = integrate.quad(lambda tau: given(tau)[0], *ends, **options)[0]
    mean = integrate.quad(lambda tau: math.prod(given(tau)), *ends, **options)[0] / total
    first = pool(deltas, [1.0] * 4, [n] * 4, shared)[0]
    assert first.mean == pytest.approx(mean, rel=0.01)


def test_quantiles_invert_the_distribution():
    for each in pool([0.5, 0.1, 2.0], [1.0, 0.5, 0.8], [5, 9, 10], 0.2):
        for share in (0.025, 0.5, 0.9):
            assert each.below(each.quantile(share)) == pytest.approx(share, abs=1e-5)


def test_scale_and_sign_carry_over():
    first = pool([0.5, 0.1, 2.0], [1.0, 0.5, 0.8], [10] * 3, 0.2)
    other = pool([-5.0, -1.0, -20.0], [10.0, 5.0, 8.0], [10] * 3, 20.0)
    assert [-each.mean / 10 for each in other] == pytest.approx([each.mean for each in first])
    assert [1 - each.below(0) for each in other] == pytest.approx([e.below(0) for e in first])


def test_huge_effects_are_hardly_shrunk():
    for each, delta in zip(pool([50.0, -30.0], [1, 1], [10, 10], 0.5), (50, -30), strict=True):
        assert each.mean == pytest.approx(delta, rel=0.01)


def test_outlier_among_alike_variants_is_finite():
    found = pool([1e6, *[0.0] * 20], [1.0] * 21, [6] * 21, 0.5)
    assert np.isfinite([each.mean for each in found]).all()
    assert found[0].mean == pytest.approx(1e6, rel=0.01)


def study_of(rng, count, n, tau):
    """Return the trials of a study and the true deltas."""
    true = rng.normal(0, tau, count + 1)
    values = true[:, None] + rng.normal(size=(count + 1, n)) + rng.normal(size=n)
    names = ["baseline", *(f"v{at}" for at in range(count))]
    rows = [
        {"variant": name, "seed": seed, "status": "done", "test_loss": values[at, seed]}
        for at, name in enumerate(names)
        for seed in range(n)
    ]
    return pd.DataFrame(rows), true[1:] - true[0]


def test_largest_delta_is_unbiased_after_pooling_and_probabilities_hold():
    rng = np.random.default_rng(12)
    shown, shrunk, truth, claims, holds, covered = [], [], [], [], [], []
    for tau in np.linspace(0.1, 1.2, 80):
        trials, true = study_of(rng, 8, 8, tau)
        found = posterior(trials, ["test_loss"], margins={"test_loss": 0.4})
        top = found["delta"].abs().idxmax()
        sign = math.copysign(1, found["delta"][top])
        shown.append(sign * found["delta"][top])
        shrunk.append(sign * found["pooled"][top])
        truth.append(sign * true[top])
        claims += [*found["p_worse"], *found["p_better"]]
        holds += [*(true > 0.4), *(true < -0.4)]
        covered += ((found["pooled_low"] <= true) & (true <= found["pooled_high"])).tolist()
    assert np.mean(shown) - np.mean(truth) > 0.2
    assert abs(np.mean(shrunk) - np.mean(truth)) < 0.12
    claims, holds = np.array(claims), np.array(holds)
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 1)):
        inside = (claims >= low) & (claims < high)
        assert holds[inside].mean() == pytest.approx(claims[inside].mean(), abs=0.12)
    assert 0.89 < np.mean(covered) < 0.99  # 93% in tests/benchmarks/results


def test_directions_and_margins_give_the_columns():
    trials, _ = study_of(np.random.default_rng(0), 3, 8, 1.0)
    trials["test_accuracy"] = -trials["test_loss"]
    found = posterior(trials, ["test_loss", "test_accuracy"], margins={"test_loss": 0.3})
    loss, accuracy = (rows.reset_index() for _, rows in found.groupby("metric", sort=False))
    sums = loss["p_better"] + loss["p_equivalent"] + loss["p_worse"]
    assert sums.tolist() == pytest.approx([1] * 3)
    assert accuracy["p_equivalent"].isna().all()
    assert (accuracy["p_better"] + accuracy["p_worse"]).tolist() == pytest.approx([1] * 3)
    assert accuracy["pooled"].tolist() == pytest.approx((-loss["pooled"]).tolist())
    assert (accuracy["p_better"] >= loss["p_better"]).all()  # which is beyond the margin


def test_variants_without_spread_or_pairs_have_no_row():
    trials, _ = study_of(np.random.default_rng(0), 3, 5, 1.0)
    trials.loc[trials["variant"] == "v1", "test_loss"] = trials.loc[
        trials["variant"] == "baseline", "test_loss"
    ].to_numpy()
    trials.loc[(trials["variant"] == "v2") & (trials["seed"] > 0), "status"] = "failed"
    assert posterior(trials, ["test_loss"])["variant"].tolist() == ["v0"]
    nothing = posterior(trials[trials["variant"] != "baseline"], ["test_loss"])
    assert len(nothing) == 0
    assert "p_better" in nothing
