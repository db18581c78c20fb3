"""Checks of the initial weights and of the activations that they give."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from cnnzoo.data.scaling import in_parts
from cnnzoo.doctor.architecture import SATURATING
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.inputs import MAX_SCALE
from cnnzoo.doctor.layer_calls import DEPTHWISE, LayerCall
from cnnzoo.doctor.plan import TrainingPlan

MAX_GROWTH = 100.0
"""Ratio of the scales of the last and the first hidden layer, or its inverse, that is too large.
TheDeepChecker wants standard deviations of 0.5 to 2, which sound deep networks miss, so this is an
own choice."""

SATURATED = 5.0
"""Distance from 0 at which a sigmoid or tanh is flat (DeepDiagnosis)."""

SATURATED_SHARE = 0.5
"""Share of such values in a layer that is too large (DeepDiagnosis)."""

BATCH = 8
"""Examples that activations are computed for."""


def check_initialization(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the initial weights."""
    equal = [*check_equal_weights(plan)]
    yield from equal
    if not equal and all(np.isfinite(part).all() for part in in_parts(plan.x)):
        yield from check_activations(plan)


def check_equal_weights(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the units of a hidden layer start with the same weights."""
    found = [call for call in plan.graph.weighted() if _has_equal_units(plan, call)]
    if not found:
        return
    names = ", ".join(f"`{call.path}`" for call in found[:3])
    kernel = np.asarray(keras.ops.convert_to_numpy(found[0].layer.kernel))
    values = (
        f"all are {kernel.flat[0]:.3g}"
        if np.ptp(kernel) == 0
        else f"each unit has the same {kernel[..., 0].size:,} weights"
    )
    yield CODES["equal-weights"].finding(
        f"the {kernel.shape[-1]} units of {names}{' and others' if len(found) > 3 else ''} have "
        f"equal weights ({values}), so they get equal gradients and stay equal",
        "Remove kernel_initializer, or set it to 'glorot_uniform'"
        if "kernel_initializer" not in plan.toggles
        else "Set `kernel_initializer`='he_normal'",
        layer=found[0].path,
    )


def _has_equal_units(plan: TrainingPlan, call: LayerCall) -> bool:
    layer, graph = call.layer, plan.graph
    kernel = getattr(layer, "kernel", None)
    if kernel is None or isinstance(layer, DEPTHWISE) or not layer.trainable:
        return False
    following = graph.next_calls(call, lambda user: not user.is_weighted)
    if not following:
        return False  # the units of the head differ by their labels
    values = np.asarray(keras.ops.convert_to_numpy(kernel))
    if values.shape[-1] < 2 or np.any(values != values[..., :1]):
        return False
    if not np.any(values):
        # a branch that starts at 0 learns if what it is added to is not 0
        users = graph.next_calls(call, lambda user: not isinstance(user.layer, layers.Add))
        if users:
            return False
    bias = getattr(layer, "bias", None)
    return bias is None or np.ptp(np.asarray(keras.ops.convert_to_numpy(bias))) == 0


def check_activations(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for scales that grow or shrink by layers, and for saturated units."""
    graph, head = plan.graph, plan.head
    saturating = [
        call for call in graph.calls if call.activation in SATURATING and call.path != head.layer
    ]
    x = plan.x[:: max(1, len(plan.x) // BATCH)][:BATCH]
    yield from _check_growth(plan, x)
    outputs = graph.values(saturating, x, training=True)
    shares = [
        _saturated_share(call.activation, np.asarray(keras.ops.convert_to_numpy(values), "float32"))
        for call, values in zip(saturating, outputs, strict=True)
    ]
    full = [
        (call, share)
        for call, share in zip(saturating, shares, strict=True)
        if share > SATURATED_SHARE
    ]
    if full:
        call, share = full[0]
        (entering,) = graph.values([call], x, inputs=True, training=True)
        scale = _deviation(entering)
        names = ", ".join(f"`{call.path}`" for call, _ in full[:3])
        yield CODES["saturated"].finding(
            f"{share:.0%} of the outputs of `{call.path}` ({call.activation}) are flat before any "
            f"step"
            + (f" (as in {len(full)} layers: {names})" if len(full) > 1 else "")
            + f"; its inputs have the standard deviation {scale:.3g}",
            "Scale what enters the layer" if scale > MAX_SCALE else "Use smaller initial weights",
            layer=call.path,
        )


def _deviation(values: Any) -> float:
    """Return the standard deviation; NaN if a value is infinite."""
    numbers = np.asarray(keras.ops.convert_to_numpy(values), "float64")  # float32 may overflow
    with np.errstate(invalid="ignore"):
        return float(np.std(numbers))


def _saturated_share(activation: str, outputs: np.ndarray[Any, Any]) -> float:
    """Return the share of outputs whose input is at least `SATURATED` away from 0."""
    if activation == "tanh":
        return float((np.abs(outputs) > np.tanh(SATURATED)).mean())
    if activation == "softsign":
        return float((np.abs(outputs) > 0.99).mean())
    if activation == "hard_sigmoid":
        return float(((outputs <= 0) | (outputs >= 1)).mean())
    low = 1 / (1 + np.exp(SATURATED))
    return float(((outputs < low) | (outputs > 1 - low)).mean())


def _check_growth(plan: TrainingPlan, x: np.ndarray[Any, Any]) -> Iterator[Finding]:
    """Yield a finding if the scale changes by orders of magnitude from the first to the last layer.

    What enters the last layer is measured, because a branch that is added may start at 0.
    """
    graph, weighted = plan.graph, plan.graph.weighted()
    if len(weighted) < 3:
        return
    first, last = weighted[0], weighted[-1]
    if not graph.before(last):
        return
    values = graph.values([first, *graph.before(last)[:1]], x, training=True)
    start, end = map(_deviation, values)
    if not start or not np.isfinite([start, end]).all():
        return
    ratio = end / start
    if 1 / MAX_GROWTH <= ratio <= MAX_GROWTH:
        return
    kind = "kernel_initializer"
    yield CODES["init-scale"].finding(
        f"before training the outputs of `{first.path}` have the standard deviation {start:.3g}, "
        f"and what enters `{last.path}`, {len(weighted) - 1} layers later, {end:.3g}",
        f"Set `{kind}` to 'he_normal' for relu or 'glorot_uniform' for tanh, or add a "
        f"normalization (`normalization`)"
        if plan.of_zoo(kind, "normalization")
        else "Use kernel_initializer='he_normal' for relu or 'glorot_uniform' for tanh, or add "
        "BatchNormalization",
        layer=last.path,
    )
