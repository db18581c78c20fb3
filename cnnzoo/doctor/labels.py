"""Checks of the targets: their range, balance, order and relation to the inputs."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.head import BINARY, FOR_NUMBERS
from cnnzoo.doctor.plan import TrainingPlan, are_integers

Array = NDArray[Any]

MAX_IMBALANCE = 10.0
"""Ratio of the largest to the smallest class that is worth a note (SageMaker Debugger)."""

MAX_TARGET_SCALE = 100.0
"""|mean| + standard deviation of targets above which they are not scaled (own choice)."""

MAX_DRIFT = 0.15
"""Share of labels that would have to change for equal shares (Deepchecks, label drift)."""

SURE = 1e-3
"""Probability below which a difference is not left to chance (own choice)."""

RUNS_RATIO = 5.0
"""Ratio of the mean length of runs of equal labels to that of a random order (own choice)."""

SHIFTED = 2.0
"""Distance in standard deviations at which the last targets differ from the others (own)."""

MIN_PROBE = 200
"""Number of examples from which on a probe says something about the labels (own choice)."""

MAX_PROBE = 1000
"""Number of examples that the probe uses."""

MAX_FEATURES = 1024
"""Number of features that the probe uses."""

PROBE_ERRORS = 2.0
"""Standard errors above chance that count as signal."""


def check_labels(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the targets."""
    if plan.y.dtype.kind == "f" and not np.isfinite(plan.y).all():
        return  # the finding inputs-nonfinite
    out_of_range = [*check_label_range(plan)]
    yield from out_of_range
    yield from check_target_scale(plan)
    yield from check_balance(plan)
    unordered = [*check_order(plan)]
    yield from unordered
    if not unordered:
        yield from check_label_drift(plan)
    if not out_of_range:
        yield from check_signal(plan)


def check_label_range(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if a label is no class id of the head."""
    name, units, code = plan.loss_name, plan.head.units, CODES["labels-out-of-range"]
    arrays = {"training": plan.y, "validation": plan.splits.y_val}
    for split, y in arrays.items():
        if y is None or units is None or not y.size:
            continue
        flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if name == "sparse_categorical_crossentropy":
            if plan.head.normalized_units == 1 or (flat.ndim != len(plan.head.output_shape or ())):
                continue
            if not are_integers(flat):
                yield code.finding(
                    f"the {split} labels are not integers (they are {flat.min():.4g} to "
                    f"{flat.max():.4g}), and {name} takes class ids",
                    "Use class ids from 0, or mean_squared_error for numbers",
                )
                return
            low, high = int(flat.min()), int(flat.max())
            if low >= 0 and high < units:
                continue
            count = int(((flat < 0) | (flat >= units)).sum())
            shifted = low == 1 and high == units
            yield code.finding(
                f"the {split} labels are {low} to {high} and the head has {units} units, for class "
                f"ids 0 to {units - 1}; {count:,} of {flat.size:,} are out of range",
                "Subtract 1 from the labels"
                if shifted
                else f"Use {high + 1} units"
                if low >= 0
                else "Use class ids from 0",
            )
            return
        if name in BINARY and units == 1 and are_integers(flat):
            low, high = int(flat.min()), int(flat.max())
            if low >= 0 and high <= 1:
                continue
            if len(np.unique(flat)) == 2:
                yield code.finding(
                    f"the {split} labels are {low} and {high}, and {name} takes 0 and 1",
                    f"Use (y == {high}).astype('float32')",
                )
                return


def check_target_scale(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the targets of a regression are far from the initial outputs."""
    y = plan.y
    if plan.loss_name not in FOR_NUMBERS or plan.is_classification or y.size < 2:
        return
    mean, deviation = float(y.mean()), float(y.std())
    if abs(mean) + deviation > MAX_TARGET_SCALE:
        yield CODES["targets-unscaled"].finding(
            f"the targets have the mean {mean:.4g} and the standard deviation {deviation:.4g}, and "
            "the outputs of a new model are near 0",
            "Standardize the targets: (y - y.mean()) / y.std()",
        )


def check_balance(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a note if the classes are very unequal and not weighted."""
    ids = plan.ids
    if ids is None or plan.class_weight or ids.min() < 0:
        return
    counts = np.bincount(ids)
    present = np.flatnonzero(counts)
    largest, smallest = int(counts.argmax()), int(present[counts[present].argmin()])
    if len(present) > 1 and counts[largest] > MAX_IMBALANCE * counts[smallest]:
        yield CODES["imbalance"].finding(
            f"class {largest} has {counts[largest]:,} examples and class {smallest} "
            f"{counts[smallest]:,}, so the answer {largest} has the accuracy "
            f"{counts[largest] / counts.sum():.3g}",
            "Judge by macro F1 or the recall of each class; set class_weight if the rare ones "
            "matter",
        )


def mean_run(ids: Array) -> float:
    """Return the mean length of runs of equal labels.

    Examples
    --------
    >>> mean_run(np.array([0, 0, 1, 1, 1, 0]))
    2.0
    """
    return len(ids) / (1 + int((np.diff(ids) != 0).sum()))


def check_order(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if ordered labels meet a split or batches that keep the order."""
    code, ids, held = CODES["not-shuffled"], plan.ids, plan.validation_ids
    splits = plan.splits
    if splits.split_off and ids is not None and held is not None and len(held):
        counts = np.unique(np.concatenate([ids, held]), return_counts=True)
        share = len(held) / (len(ids) + len(held))
        # a class of n examples is missing in a random split with probability (1 - share) ** n
        only_held = [int(c) for c in np.setdiff1d(held, ids)]
        only_trained = [
            int(label)
            for label, count in zip(*counts, strict=True)
            if label not in held and count * math.log(1 - share) < math.log(SURE)
        ]
        only_held = [
            label
            for label in only_held
            if counts[1][counts[0] == label][0] * math.log(share) < math.log(SURE)
        ]
        if only_held or only_trained:
            parts = []
            if only_held:
                parts.append(f"the classes {_listed(only_held)} only there")
            if only_trained:
                parts.append(f"the classes {_listed(only_trained)} only in the rest")
            yield code.finding(
                f"validation_split takes the last {len(held):,} examples, with "
                f"{' and '.join(parts)}",
                "Shuffle x and y together before training",
            )
            return
    elif splits.split_off and ids is None and splits.y_val is not None and len(splits.y_val) > 1:
        deviation = float(plan.y.std())
        shift = abs(float(splits.y_val.mean()) - float(plan.y.mean()))
        if deviation > 0 and shift > SHIFTED * deviation:
            yield code.finding(
                f"validation_split takes the last {len(splits.y_val):,} examples, whose targets "
                f"have the mean {splits.y_val.mean():.4g}, and the others {plan.y.mean():.4g} "
                f"(standard deviation {deviation:.4g})",
                "Shuffle x and y together before training",
                severity=Severity.WARNING,
            )
            return
    if plan.shuffle or ids is None or len(ids) < 2:
        return
    shares = np.unique(ids, return_counts=True)[1] / len(ids)
    if len(shares) < 2:
        return
    # in a random order, a run of a class with share p has the mean length 1 / (1 - p)
    expected = 1 / (1 - float((shares**2).sum()))
    seen = mean_run(ids)
    if seen > RUNS_RATIO * expected:
        yield code.finding(
            f"equal labels follow one another in runs of {seen:.3g} (a random order has "
            f"{expected:.3g}) and shuffle is False, so batches of {plan.batch_size} have few "
            "classes",
            "Set shuffle=True, or shuffle x and y together",
        )


def _listed(labels: list[int]) -> str:
    return ", ".join(map(str, labels[:5])) + (", ..." if len(labels) > 5 else "")


def check_label_drift(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the shares of the classes differ between the splits."""
    if plan.ids is not None and plan.validation_ids is not None:
        found = label_drift(plan.ids, plan.validation_ids)
        if found is not None:
            yield found


def label_drift(ids: Array, held: Array) -> Finding | None:
    """Return a finding if the shares of the classes differ between the splits.

    Parameters
    ----------
    ids, held
        Class ids of the training and the validation examples.

    Examples
    --------
    >>> label_drift(np.arange(100) % 2, np.zeros(100, int)).evidence
    '50% of the validation labels would have to change for the shares of the training labels; most \
of all class 0, with 50.0% of the training and 100.0% of the validation examples'
    """
    from scipy.stats import chi2_contingency

    if not len(ids) or not len(held) or min(ids.min(), held.min()) < 0:
        return None
    present, places = np.unique(np.concatenate([ids, held]), return_inverse=True)
    counts = np.array(
        [np.bincount(part, minlength=len(present)) for part in np.split(places, [len(ids)])]
    )
    if len(present) < 2:
        return None
    shares = counts / counts.sum(axis=1, keepdims=True)
    drift = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if drift <= MAX_DRIFT or chi2_contingency(counts).pvalue >= SURE:
        return None
    label = int(np.abs(shares[0] - shares[1]).argmax())
    return CODES["validation-differs"].finding(
        f"{drift:.0%} of the validation labels would have to change for the shares of the "
        f"training labels; most of all class {present[label]}, with {shares[0][label]:.1%} of "
        f"the training and {shares[1][label]:.1%} of the validation examples",
        "Split at random, or stratified by class",
    )


def check_signal(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a note if neither the nearest neighbour nor a linear model predicts the labels.

    Both are weak, and fail where only a trained model succeeds, so it is never more than a note.
    """
    ids = plan.ids
    if ids is None or len(ids) < MIN_PROBE or not np.isfinite(plan.x[:MAX_PROBE]).all():
        return
    chosen = np.random.default_rng(0).permutation(len(ids))[:MAX_PROBE]
    x = plan.x[chosen].reshape(len(chosen), -1).astype("float64")
    x = x[:, :: max(1, x.shape[1] // MAX_FEATURES)]
    labels = ids[chosen]
    half = len(labels) // 2
    share = float(np.unique(labels[half:], return_counts=True)[1].max() / (len(labels) - half))
    if share > 0.9:
        return  # chance leaves no room
    limit = share + PROBE_ERRORS * math.sqrt(share * (1 - share) / (len(labels) - half))
    scores = probe_accuracies(x[:half], labels[:half], x[half:], labels[half:])
    if max(scores.values()) > limit:
        return
    words = " and ".join(f"{name} {value:.3g}" for name, value in scores.items())
    yield CODES["labels-no-signal"].finding(
        f"on {len(labels) - half} unseen examples {words} are right, and the most frequent class "
        f"is {share:.3g}",
        "Check how inputs and labels are paired, such as a shuffle of only one of them; if the "
        "pairs are right, the inputs need a model that sees more than single pixels",
        severity=Severity.NOTE,
    )


def probe_accuracies(x: Array, y: Array, x_new: Array, y_new: Array) -> dict[str, float]:
    """Return the accuracies of two simple classifiers on new examples.

    Examples
    --------
    >>> x = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> probe_accuracies(x, np.array([0, 0, 1, 1]), x + 0.01, np.array([0, 0, 1, 1]))
    {'the nearest neighbour': 1.0, 'a linear model': 1.0}
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier

    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation == 0] = 1.0
    x, x_new = (x - mean) / deviation, (x_new - mean) / deviation
    if len(np.unique(y)) < 2:
        return {"a constant": float((y_new == y[0]).mean())}
    return {
        "the nearest neighbour": float(KNeighborsClassifier(1).fit(x, y).score(x_new, y_new)),
        "a linear model": float(
            # the penalty is large, because there are often more features than examples
            RidgeClassifier(alpha=float(len(x))).fit(x, y).score(x_new, y_new)
        ),
    }
