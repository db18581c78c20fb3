"""Checks of the head of a model against its loss, targets and metrics."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.plan import TrainingPlan, are_integers, is_one_hot

CATEGORICAL = (
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
)
"""Losses of exclusive classes."""

BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
"""Losses of independent yes-or-no answers."""

ONE_HOT = ("categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge")
"""Losses that take one-hot labels."""

FOR_NUMBERS = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
)
"""Losses that compare numbers."""

RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
}
"""Values that activations can reach."""

MAX_CLASSES = 100
"""Largest number of distinct whole numbers that are taken for classes (own choice)."""

TOLERANCE = 1e-3
"""Deviation of a sum of probabilities from 1, and of a target from a range, that is rounding."""


def check_head(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the head of a model with one output."""
    if plan.loss is None:
        return
    yield from check_softmax_of_one(plan)
    if plan.head.normalized_units != 1:
        yield from check_head_loss(plan)
    yield from check_loss_for_numbers(plan)
    yield from check_units(plan)
    yield from check_range(plan)
    yield from check_metrics(plan)


def check_softmax_of_one(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if a softmax normalizes an axis of size 1."""
    if plan.head.normalized_units != 1:
        return
    shape = ", ".join(map(str, (None, *(plan.head.output_shape or ()))))
    binary = plan.is_classification
    remedy = (
        "Use the activation sigmoid with the loss binary_crossentropy"
        if binary
        else "Use no activation for numbers"
    )
    yield CODES["softmax-of-one"].finding(
        f"`{plan.head.layer}` normalizes one unit (output shape ({shape})), so the output is 1 for "
        "every input; the loss may fall all the same, because Keras computes a crossentropy from "
        "the logits behind the softmax",
        remedy,
        layer=plan.head.layer,
    )


def _head_words(plan: TrainingPlan) -> str:
    """Return the head as the subject of a sentence."""
    head = plan.head
    if not head.activation:
        return "the model's last layer"
    ending = "has no activation" if head.activation == "linear" else f"ends in {head.activation}"
    behind = ", ".join(f"`{layer.name}`" for layer in head.after)
    return f"`{head.layer}` {ending}" + (f" before {behind}" if behind else "")


def check_head_loss(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the activation of the head and the loss do not fit."""
    name, head = plan.loss_name, plan.head
    if name not in (*CATEGORICAL, *BINARY):
        return
    code, layer = CODES["head-loss"], head.layer
    proper = "softmax" if name in CATEGORICAL else "sigmoid"
    if plan.from_logits:
        yield from _check_logits(plan, proper)
        return
    if head.activation == proper:
        return
    remedy = (
        f"Set the head's activation to {proper}, or pass from_logits=True to the loss"
        if not plan.of_zoo("head")
        else "Use the head and loss that the toggles `head` and `loss` give"
    )
    if {head.activation, proper} == {"softmax", "sigmoid"}:
        if proper == "sigmoid":
            evidence = (
                f"{_head_words(plan)} over {head.units} exclusive classes, and {name} scores each "
                "class by itself"
            )
            remedy = "Use categorical_crossentropy (sparse_categorical_crossentropy for class ids)"
        else:
            evidence = (
                f"{_head_words(plan)}, which scores each of {head.units} classes by itself, and "
                f"{name} expects probabilities that sum to 1"
            )
            remedy = (
                "Use softmax for exclusive classes, or binary_crossentropy for several labels "
                "per example"
            )
        yield code.finding(evidence, remedy, severity=Severity.WARNING, layer=layer)
        return
    outputs = plan.outputs
    low, high = float(np.nanmin(outputs)), float(np.nanmax(outputs))
    seen = f"its outputs on {len(outputs)} examples are {low:.3g} to {high:.3g}"
    if head.activation in RANGES or head.activation == "linear" or low < 0 or high > 1 + TOLERANCE:
        yield code.finding(
            f"{_head_words(plan)} and {name} expects probabilities; {seen}", remedy, layer=layer
        )
        return
    if name in CATEGORICAL and outputs.ndim > 1:
        sums = outputs.sum(axis=-1)
        far = float(np.abs(sums - 1).max())
        if far > 0.01:  # own choice: above the rounding of float16
            yield code.finding(
                f"{name} expects probabilities that sum to 1; the outputs of {len(outputs)} "
                f"examples sum to {sums.min():.3g} to {sums.max():.3g}",
                remedy,
                severity=Severity.WARNING,
                layer=layer,
            )


def _check_logits(plan: TrainingPlan, proper: str) -> Iterator[Finding]:
    """Yield a finding if the outputs are declared as logits and are not."""
    code, name, head = CODES["head-loss"], plan.loss_name, plan.head
    remedy = "Remove the activation of the head, or from_logits=True"
    if head.activation in ("softmax", "sigmoid"):
        if head.keeps_logits:
            yield code.finding(
                f"{_head_words(plan)} and {name} has from_logits=True; Keras's TensorFlow backend "
                "computes the loss from the logits behind the activation, so it trains as if "
                "from_logits were False, but other backends and a layer behind the head do not",
                remedy,
                severity=Severity.WARNING,
                layer=head.layer,
            )
            return
        yield code.finding(
            f"{_head_words(plan)} and {name} has from_logits=True, so the loss applies {proper} to "
            "probabilities: with outputs of 0 to 1 it cannot come near 0",
            remedy,
            layer=head.layer,
        )
    elif head.activation in RANGES:
        low, high = RANGES[head.activation]
        yield code.finding(
            f"{_head_words(plan)} and {name} has from_logits=True; logits are any numbers, and "
            f"{head.activation} gives {low:g} to {high:g} only",
            "Remove the activation of the head",
            severity=Severity.WARNING,
            layer=head.layer,
        )
    elif not head.activation and name in CATEGORICAL:
        outputs = plan.outputs
        is_share = outputs.min() >= 0 and np.allclose(outputs.sum(axis=-1), 1, atol=TOLERANCE)
        if is_share and outputs.shape[-1] > 1 and len(outputs) > 1:
            yield code.finding(
                f"{name} has from_logits=True; the outputs of {len(outputs)} examples are 0 or "
                "more and sum to 1, so they are probabilities",
                remedy,
            )


def check_loss_for_numbers(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if a regression loss is used for classes."""
    name, head, y = plan.loss_name, plan.head, plan.y
    if name not in FOR_NUMBERS:
        return
    code = CODES["loss-for-numbers"]
    units = head.units or 1
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if is_one_hot(y) and y.ndim == 2:
        if head.activation == "softmax":
            # squared error of probabilities trains well (Golik et al. 2013), only more slowly;
            # absolute error hardly does (Zhang and Sabuncu 2018)
            is_square = name == "mean_squared_error"
            yield code.finding(
                f"{name} compares the {units} outputs of a softmax with one-hot labels",
                f"Use categorical_crossentropy{' (`loss`)' if 'loss' in plan.toggles else ''}",
                severity=Severity.NOTE if is_square else Severity.WARNING,
            )
        else:
            yield code.finding(
                f"{name} compares {units} outputs, which no softmax normalizes, with one-hot "
                "labels",
                "Use softmax and categorical_crossentropy",
                severity=Severity.WARNING if plan.wants_accuracy else Severity.NOTE,
            )
        return
    if flat.ndim != 1 or not are_integers(flat):
        return
    count = len(np.unique(flat))
    if count > MAX_CLASSES:
        return
    if units > 1:
        yield code.finding(
            f"{name} compares {units} outputs with one number per example, class ids "
            f"{int(flat.min())} to {int(flat.max())}",
            "Use softmax and sparse_categorical_crossentropy",
            severity=Severity.ERROR,
        )
    elif plan.wants_accuracy:
        metrics = ", ".join(plan.metric_names)
        remedy = (
            "Use sigmoid and binary_crossentropy"
            if count == 2
            else f"Use {count} units with softmax and sparse_categorical_crossentropy"
        )
        yield code.finding(
            f"{name} treats {count} distinct whole numbers as quantities, and the metric "
            f"{metrics} counts them as classes",
            remedy,
        )
    elif count <= 2 and len(flat) > 2:
        yield code.finding(
            f"{name} for {count} distinct targets ({int(flat.min())} and {int(flat.max())})",
            "If they are classes, use sigmoid and binary_crossentropy",
            severity=Severity.NOTE,
        )


def check_units(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings if the units of the head or the encoding of the labels do not fit."""
    name, y, units = plan.loss_name, plan.y, plan.head.units
    code, encoding = CODES["head-units"], CODES["label-encoding"]
    if units is None or name not in (*CATEGORICAL, *BINARY, "categorical_hinge"):
        return
    layer, ids = plan.head.layer, plan.ids
    classes = None if ids is None else len(np.unique(ids))
    as_ids = y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)
    if units == 1 and plan.head.normalized_units == 1:
        return  # the finding softmax-of-one
    if name in ONE_HOT and units == 1:
        yield code.finding(
            f"{name} over one unit is 0 for every output",
            "Use sigmoid and binary_crossentropy, or as many units as classes",
            layer=layer,
        )
    elif (name in ONE_HOT and as_ids) or (name in BINARY and as_ids and units > 1):
        remedy = (
            "Use sparse_categorical_crossentropy, or keras.utils.to_categorical(y)"
            if name in ONE_HOT
            else f"Use softmax and sparse_categorical_crossentropy for the {units} units, or one "
            "unit for two classes"
        )
        yield encoding.finding(
            f"{name} takes one value per class, of shape (n, {units}); got one number per "
            f"example, of shape {y.shape}",
            remedy,
        )
    elif (
        name.startswith("sparse")
        and is_one_hot(y)
        and y.ndim == len(plan.head.output_shape or ()) + 1
    ):
        yield encoding.finding(
            f"{name} takes class ids; got one-hot labels of shape {y.shape}",
            "Use categorical_crossentropy, or y.argmax(-1)",
        )
    elif name in (*ONE_HOT, *BINARY) and y.ndim == 2 and y.shape[1] != units and not as_ids:
        yield code.finding(
            f"the head has {units} units and the targets {y.shape[1]} columns",
            f"Use {y.shape[1]} units",
            layer=layer,
        )
    elif name in BINARY and units == 1 and classes is not None and classes > 2:
        yield code.finding(
            f"one unit separates two classes; the labels have {classes} distinct values",
            f"Use {classes} units with softmax and sparse_categorical_crossentropy",
            layer=layer,
        )
    elif name in ONE_HOT and y.ndim == 2:
        yield from _check_rows(plan, units)


def _check_rows(plan: TrainingPlan, units: int) -> Iterator[Finding]:
    """Yield a finding if the rows of one-hot labels do not sum to 1."""
    y = plan.y
    if not np.isfinite(y).all():
        return
    sums = y.sum(axis=-1)
    several, none = float((sums > 1.01).mean()), float((sums < 0.01).mean())
    code, layer = CODES["head-units"], plan.head.layer
    if several > 0.01:  # own choice: single rows are errors of labelling
        yield code.finding(
            f"{several:.0%} of the rows of the targets have more than one label (up to "
            f"{sums.max():g} of {units}), and {plan.loss_name} has one answer per example",
            "Use sigmoid and binary_crossentropy",
            layer=layer,
        )
    elif none > 0.01:
        yield code.finding(
            f"{none:.0%} of the rows of the targets have no label, so they add nothing to the loss",
            "Add a class for them, or leave them out",
            severity=Severity.WARNING,
            layer=layer,
        )


def check_range(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the head cannot reach the targets."""
    head, y, name = plan.head, plan.y, plan.loss_name
    is_binary = name in BINARY and plan.ids is None
    if is_binary:
        low, high = 0.0, 1.0
    elif name in FOR_NUMBERS and head.activation in RANGES and head.normalized_units != 1:
        low, high = RANGES[head.activation]
    else:
        return
    if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
        return
    if name in FOR_NUMBERS and (head.units or 1) > 1 and y.ndim == 1:
        return  # class ids, the finding loss-for-numbers
    outside = float(((y < low - TOLERANCE) | (y > high + TOLERANCE)).mean())
    if outside == 0:
        return
    if name in FOR_NUMBERS:
        reach = f"{head.activation} gives {low:g} to {high:g}"
        remedy = "Use no activation for the head, or scale the targets"
    else:
        reach = f"{name} expects targets of 0 to 1"
        remedy = "Scale the targets to 0 to 1, or use mean_squared_error and no activation"
    yield CODES["head-range"].finding(
        f"{reach}, and {outside:.0%} of the targets are outside (they are {y.min():.4g} to "
        f"{y.max():.4g})",
        remedy,
        # own choice: a few targets beyond the range leave a useful model
        severity=Severity.ERROR if outside > 0.1 else Severity.WARNING,
        layer=head.layer,
    )


def check_metrics(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for metrics that do not measure the task."""
    code, y, units = CODES["metric-for-task"], plan.y, plan.head.units
    binary_units = units == 1
    for name, metric in plan.metrics:
        key = _metric_key(name, metric)
        if "accuracy" not in key and key != "acc":
            continue
        if not are_integers(y) and not _are_shares(y):
            yield code.finding(
                f"the metric {name} counts equal values, and the targets are real numbers "
                f"({len(np.unique(y)):,} distinct values in {y.size:,})",
                "Use mae or keras.metrics.R2Score",
            )
        elif key == "binaryaccuracy" and is_one_hot(y) and y.shape[-1] > 2:
            constant = 1 - 1 / y.shape[-1]
            yield code.finding(
                f"the metric {name} compares each of {y.shape[-1]} columns, so the answer 0 for "
                f"all has {constant:.3g}",
                "Use categorical_accuracy",
            )
        elif key == "categoricalaccuracy" and binary_units:
            yield code.finding(
                f"the metric {name} takes the largest of one unit, so it is 1 for every answer",
                "Use binary_accuracy",
            )
        elif key in ("binaryaccuracy", "accuracy", "acc") and binary_units and plan.from_logits:
            threshold = getattr(metric, "threshold", 0.5)
            if threshold > 0 and plan.loss_name in BINARY:
                yield code.finding(
                    f"the metric {name} has the threshold {threshold:g} for probabilities, and the "
                    "outputs are logits, where it is 0",
                    "Use keras.metrics.BinaryAccuracy(threshold=0.0)",
                    severity=Severity.NOTE,
                )


def _metric_key(name: str, metric: Any) -> str:
    """Return the name of a metric's class or function in lower case, without "_"."""
    if isinstance(metric, keras.metrics.Metric):
        name = type(metric).__name__
    return name.lower().replace("_", "")


def _are_shares(y: np.ndarray[Any, Any]) -> bool:
    """Return whether rows are shares of classes, such as smoothed labels."""
    if y.ndim != 2 or y.shape[1] < 2 or not np.isfinite(y).all():
        return False
    return bool((y >= 0).all() and np.allclose(y.sum(axis=-1), 1, atol=0.01))
