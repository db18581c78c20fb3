"""What a delta says about new data: two learners that are equal in the population."""

import math

import numpy as np
from scipy.special import ndtr

from ablations.stats.new_data import corrected_t, crossed_t
from ablations.stats.paired_t import paired_t
from cnnzoo.folds import HeldOut, fold_of
from simulation.draws import ALPHA, Array, rng_of
from simulation.tables import Report, Row, percent

SIZES = (6, 10, 30)
"""Seeds of a study."""

POOL, FEATURES = 500, 5
DRAWN = HeldOut(size=50, pool=POOL, train=400)
VALIDATED = POOL - DRAWN.size - DRAWN.train
TESTS = 500
"""Examples of a fixed test set."""

DISTANCE = 1.5 / math.sqrt(FEATURES)
"""Mean of each feature in either class, in its standard deviations: 93% are told apart."""

METRICS = ("accuracy", "squared error")

LEAST = 0.94
"""Least coverage of the interval for new data with a fixed test set."""

RESAMPLED, RESAMPLES = 2_000, 999
"""Repetitions in which a bootstrap is computed too, and its resamples."""


def _sample(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Draw examples with features for two learners, five each, and classes -1 or 1."""
    y = rng.choice([-1.0, 1.0], size)
    return rng.normal(size=(size, 2 * FEATURES)) + DISTANCE * y[:, None], y


def _scores(x: Array, y: Array, trained_on: Array, tested: Array) -> tuple[Array, Array]:
    """Fit least squares by seed; return each seed's weights and its scores of the tested."""
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    squares = (trained_on @ products).reshape(-1, FEATURES, FEATURES) + 0.1 * np.eye(FEATURES)
    weights = np.linalg.solve(squares, (trained_on @ (x * y[:, None]))[..., None])[..., 0]
    return weights, weights @ tested.T


def _outcomes(scores: Array, y: Array) -> tuple[Array, Array]:
    margins = scores * y
    return (margins > 0).astype(float), np.square(margins - 1)


def _of_training(rng: np.random.Generator, train: Array, kept: float) -> Array:
    """Return what each seed learns from: a random part of its training examples, for its luck."""
    return train * (rng.random(train.shape) < kept)


def _split(rng: np.random.Generator, seeds: int, folds: bool) -> tuple[Array, Array]:
    """Return which examples each seed tests and trains on."""
    test, train = np.zeros((seeds, POOL)), np.ones((seeds, POOL))
    order = rng.permutation(POOL)
    for seed in range(seeds):
        fold = fold_of(seed, DRAWN.folds)[1] if folds else 0
        order = order if fold else rng.permutation(POOL)
        rolled = np.roll(order, -fold * DRAWN.size)
        test[seed, rolled[: DRAWN.size]] = 1
        train[seed, rolled[: DRAWN.size]] = train[seed, rolled[-VALIDATED:]] = 0
    return test, train


def _redrawn(rng: np.random.Generator, seeds: int, kept: float) -> Array:
    """Return the deltas of one study, of shape (independent or folds, metrics, seeds)."""
    x, y = _sample(rng, POOL)
    parts = (x[:, :FEATURES], x[:, FEATURES:])
    deltas = []
    for folds in (False, True):
        test, train = _split(rng, seeds, folds)
        first, second = (
            _outcomes(_scores(part, y, _of_training(rng, train, kept), part)[1], y)
            for part in parts
        )
        deltas.append(
            [((b - a) * test).sum(1) / DRAWN.size for a, b in zip(first, second, strict=True)]
        )
    return np.array(deltas)


def redrawn_splits(report: Report) -> None:
    rows: list[Row] = []
    for place, kept in enumerate((0.9, 0.3)):
        rng = rng_of(30, place)
        values = np.array([_redrawn(rng, SIZES[-1], kept) for _ in range(report.repetitions)])
        for at, metric in enumerate(METRICS):
            for n in SIZES:
                apart, folds = values[:, 0, at, :n], values[:, 1, at, :n]
                where = f"{metric}, training keeps {kept:.0%}, n = {n}"
                far = [10 * seed for seed in range(n)]  # a repetition each
                new_apart = np.array([corrected_t(one, far, DRAWN)[2] for one in apart])
                new_folds = np.array([corrected_t(one, range(n), DRAWN)[2] for one in folds])
                found = new_folds < ALPHA
                sds = [each.mean(axis=1).std() for each in (folds, apart)]
                rows.append(
                    {
                        "metric, share that training keeps": f"{metric}, {kept:.0%}",
                        "seeds": n,
                        "t, independent": percent((paired_t(apart).p < ALPHA).mean()),
                        "t, folds": percent((paired_t(folds).p < ALPHA).mean()),
                        "corrected t, independent": percent((new_apart < ALPHA).mean()),
                        "corrected t, folds": report.at_most(f"new data, {where}", found.mean()),
                        "sd of the mean delta, folds / independent": f"{sds[0] / sds[1]:.2f}",
                        "correlation, independent": f"{_correlation(apart):.3f}",
                        "correlation, folds": f"{_correlation(folds[:, :10]):.3f}",
                    }
                )
    report.add(
        "Redrawn test splits: equal learners that are called different",
        f"Least squares on one or another set of {FEATURES} features, alike in the population; "
        f"pools of {POOL} examples, of which each seed tests 10%, validates 10% and trains on a "
        "random share of the rest. The t interval is about this pool, so it errs about new data; "
        "less where the test parts of successive seeds are folds. The interval for new data must "
        "err in at most 5%. The correlation of two deltas is assumed to be 0.111 if the splits are "
        "independent and 0.056 within the folds of a repetition.",
        rows,
    )


def _correlation(deltas: Array) -> float:
    """Return the mean correlation of the deltas of two seeds."""
    covariances = np.cov(deltas.T)
    own = np.trace(covariances)
    n = len(covariances)
    return float((covariances.sum() - own) / (n * (n - 1)) / (own / n))


def _fixed(rng: np.random.Generator, seeds: int, kept: float) -> tuple[list[Array], list[float]]:
    """Return the deltas by seed and example of one study, and what they estimate, by metric."""
    x, y = _sample(rng, POOL)
    tested, classes = _sample(rng, TESTS)
    more = 40  # seeds that only the truth has
    outcomes, truths = [], []
    for part in (slice(0, FEATURES), slice(FEATURES, None)):
        train = _of_training(rng, np.ones((seeds + more, POOL)), kept)
        weights, scores = _scores(x[:, part], y, train, tested[:, part])
        outcomes.append(_outcomes(scores[:seeds], classes))
        mean, squares = DISTANCE * weights.sum(axis=1), np.square(weights).sum(axis=1)
        right = ndtr(mean / np.sqrt(squares))
        truths.append((right.mean(), (np.square(mean - 1) + squares).mean()))
    return (
        [b - a for a, b in zip(*outcomes, strict=True)],
        [float(b - a) for a, b in zip(*truths, strict=True)],
    )


def fixed_test_sets(report: Report) -> None:
    rows: list[Row] = []
    for place, kept in enumerate((0.9, 0.05)):
        for n in SIZES:
            rng = rng_of(31, place, n)
            found = np.empty((report.repetitions, len(METRICS), 3), dtype=bool)
            for study in range(report.repetitions):
                deltas, truths = _fixed(rng, n, kept)
                for at, (each, truth) in enumerate(zip(deltas, truths, strict=True)):
                    low, high, p = crossed_t(each.mean(), each)
                    seeds = paired_t(each.mean(axis=1)).p
                    found[study, at] = (seeds < ALPHA, low <= truth <= high, p < ALPHA)
            for at, metric in enumerate(METRICS):
                plain, covers, new = found[:, at].mean(axis=0)
                where = f"{metric}, training keeps {kept:.0%}, n = {n}"
                rows.append(
                    {
                        "metric, share that training keeps": f"{metric}, {kept:.0%}",
                        "seeds": n,
                        "t calls them different": percent(plain),
                        "new data: calls them different": percent(new),
                        "new data: covers": report.covers(f"fixed test, {where}", covers, LEAST),
                    }
                )
    report.add(
        "A fixed test set: equal learners that are called different",
        f"The same learners, trained on {POOL} examples and tested on the same {TESTS} by every "
        "seed. The interval for new data (seeds x examples) must cover the difference for new test "
        "examples and the same training data in at least 94%. In the population the learners are "
        "equal; the training data make them differ, which no test set shows.",
        rows,
    )


def crossed_bootstrap(report: Report, examples: int = 200) -> None:
    rows: list[Row] = []
    repetitions = min(report.repetitions, RESAMPLED)
    for place, spread in enumerate((0.1, 1.0, 10.0)):
        for n in SIZES:
            rng = rng_of(32, place, n)
            seeds = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
            drawn = rng.multinomial(examples, np.full(examples, 1 / examples), RESAMPLES)
            closed, resampled, widths = 0, 0, []
            for repetition in range(report.repetitions):
                values = rng.normal(size=(n, examples)) + rng.normal(size=(1, examples))
                values += spread / math.sqrt(examples) * rng.normal(size=(n, 1))
                low, high, _ = crossed_t(values.mean(), values)
                closed += low <= 0 <= high
                if repetition >= repetitions:
                    continue
                means = (seeds @ values * drawn).sum(axis=1) / examples
                ends = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
                resampled += ends[0] <= 0 <= ends[1]
                widths.append((ends[1] - ends[0]) / (high - low))
            rows.append(
                {
                    "sd of seeds / that of the mean of examples": f"{spread:g}",
                    "seeds": n,
                    "seeds x examples": report.covers(
                        f"seeds x examples, spread {spread:g}, n = {n}",
                        closed / report.repetitions,
                        LEAST,
                    ),
                    "percentile bootstrap": percent(resampled / repetitions),
                    "width, bootstrap / seeds x examples": f"{np.mean(widths):.2f}",
                }
            )
    report.add(
        "Seeds x examples: the variance in closed form against a bootstrap of both",
        f"Coverage of 95% intervals of a mean of normal outcomes of {examples} examples, whose own "
        f"effects and interactions with the seeds have a standard deviation of 1; at least 94%. "
        f"The bootstrap, of {RESAMPLES} resamples of seeds and examples in {repetitions:,} "
        "repetitions, misses with few seeds whose spread matters.",
        rows,
    )
