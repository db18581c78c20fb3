"""Checks of a model's layers and their order."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import layers

from cnnzoo.analysis.receptive_field import field_of
from cnnzoo.analysis.tracing import Tracer
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.fresh import is_fresh
from cnnzoo.doctor.layer_calls import (
    DROPOUT,
    LINEAR,
    NORMALIZATION,
    POOLING,
    RESHAPING,
    LayerCall,
    walk_layers,
)
from cnnzoo.doctor.plan import TrainingPlan

SATURATING = ("sigmoid", "hard_sigmoid", "tanh", "softsign")
"""Activations with two flat ends."""

MAX_SATURATING = 5
"""Number of saturating layers without normalization that still train (AUTOTRAINER's models)."""

MAX_EXPONENTIAL = 2
"""Number of exponential activations in a model that stay finite (own choice)."""

MAX_LINEAR = 2
"""Number of hidden weighted layers without a nonlinearity that is a note only (own choice)."""

MAX_DROPOUT = 0.5
"""Largest usual dropout rate (UMLAUT)."""

MIN_KEPT = 0.1
"""Smallest share of values that several layers of at least `MAX_DROPOUT` may keep (own choice)."""

ONE_PIXEL_SHARE = 0.5
"""Share of the spatial convolutions on maps of one pixel from which it is a warning (own)."""

AVERAGES_OF_IMAGES = (layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D)
"""Layers that average over all positions of an image or a volume."""

SMALL_FIELD = 0.25
"""Share of each side of the image below which a receptive field is small (own choice). Models of
patches of a seventh still learn (Brendel and Bethge 2019), so it is a note."""

FINE_TUNING_RATE = 3e-4
"""Learning rate of Adam above which pretrained weights are usually lost (own choice)."""


def check_architecture(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the layers of a model."""
    yield from check_hidden_activations(plan)
    yield from check_nonlinearity(plan)
    yield from check_map_sizes(plan)
    yield from check_receptive_field(plan)
    yield from check_dropout(plan)
    yield from check_trainable(plan)


def _named(paths: list[str]) -> str:
    """Return names of layers for a sentence, at most three of them."""
    words = ", ".join(f"`{path}`" for path in paths[:3])
    return words + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _passes(call: LayerCall) -> bool:
    """Return whether a call leaves values as they are or only drops, normalizes or pools them."""
    kept = (*RESHAPING, *DROPOUT, *NORMALIZATION, *POOLING, layers.Identity)
    return isinstance(call.layer, kept)


def check_hidden_activations(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for activations that are unsuitable between layers."""
    code, graph = CODES["hidden-activation"], plan.graph
    saturating, exponential = [], []
    for call in graph.calls:
        following = graph.next_calls(call, _passes)
        weighted = [user for user in following if user.is_weighted]
        again = [user for user in following if user.activation == "softmax"]
        if call.activation == "softmax" and call.output_shape[-1] != 1 and (weighted or again):
            user = (weighted or again)[0]
            yield code.finding(
                f"`{call.path}` applies softmax to {call.output_shape[-1]} hidden units, so they "
                f"share a sum of 1 before `{user.path}`",
                f"Use relu in `{call.path}`" if weighted else "Remove one of the two softmax",
                layer=call.path,
            )
        if weighted and call.activation in SATURATING:
            saturating.append(call.path)
        if weighted and call.activation in ("exponential", "exp"):
            exponential.append(call.path)
    normalized = any(isinstance(call.layer, NORMALIZATION) for call in graph.calls)
    if len(saturating) > MAX_SATURATING and not normalized:
        yield code.finding(
            f"{len(saturating)} layers end in a saturating activation ({_named(saturating)}) and "
            "the model has no normalization; each multiplies the gradient by at most 1, a sigmoid "
            "by at most 0.25",
            "Use relu (`activation`), or add a normalization (`normalization`)"
            if plan.of_zoo("activation", "normalization")
            else "Use relu, or add BatchNormalization",
        )
    if len(exponential) > MAX_EXPONENTIAL:
        yield code.finding(
            f"{len(exponential)} layers end in an exponential ({_named(exponential)})",
            "Use relu, or elu if negative values are wanted",
        )


def check_nonlinearity(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if weighted layers follow one another without a nonlinearity."""
    graph, code = plan.graph, CODES["no-nonlinearity"]
    remedy = (
        "Set `activation`='relu'"
        if "activation" in plan.toggles
        else "Add activation='relu' to the hidden layers"
    )
    end = graph.producer(graph.outputs[0]) if graph.outputs else None
    hidden = [
        call
        for call in graph.weighted()
        if any(user.is_weighted for user in graph.next_calls(call, _is_plain))
    ]
    if not hidden:
        return
    is_linear = all(call.is_linear for call in graph.calls if call is not end)
    is_linear = is_linear and all(
        call.is_linear or not graph.next_calls(call, lambda user: user.is_linear)
        for call in graph.calls
        if call.path != plan.head.layer
    )
    if is_linear:
        paths = [call.path for call in hidden]
        yield code.finding(
            f"none of the {len(graph.weighted())} weighted layers ({_named(paths)}, ...) is "
            "followed by a nonlinearity, so together they are one linear map",
            remedy,
            # a shallow linear model can be meant, and learns what a linear map can
            severity=Severity.WARNING if len(hidden) > MAX_LINEAR else Severity.NOTE,
        )
        return
    dense = [
        call.path
        for call in hidden
        if isinstance(call.layer, layers.Dense) and call.activation == "linear"
    ]
    if dense:
        yield code.finding(
            f"the output of {_named(dense)} enters the next weighted layer without a nonlinearity",
            remedy,
            severity=Severity.NOTE,  # a bottleneck may be meant
            layer=dense[0],
        )


def _is_plain(call: LayerCall) -> bool:
    return not call.is_weighted and isinstance(call.layer, LINEAR) and call.activation == "linear"


def _spatial_convolutions(plan: TrainingPlan) -> Iterator[LayerCall]:
    """Yield the convolutions that see more than one position."""
    for call in plan.graph.weighted():
        if max(getattr(call.layer, "kernel_size", None) or (1,)) > 1:
            yield call


def check_map_sizes(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if convolutions see maps of a single pixel."""
    spatial: list[tuple[LayerCall, int]] = []
    for call in _spatial_convolutions(plan):
        first = getattr(call.layer, "data_format", "") == "channels_first"
        sides = call.shape[2:] if first else call.shape[1:-1]
        if None in sides:
            return
        spatial.append((call, math.prod(side or 1 for side in sides)))
    tiny = [call.path for call, area in spatial if area == 1]
    if not tiny:
        return
    share = len(tiny) / len(spatial)
    yield CODES["pooled-early"].finding(
        f"{len(tiny)} of {len(spatial)} convolutions get maps of one pixel (the first is "
        f"`{tiny[0]}`), so only the centre of their kernels is used",
        "Lower `pool_size` or `pool_stages`"
        if plan.of_zoo("pool_size")
        else "Use smaller pooling windows or strides, or larger images",
        severity=Severity.WARNING if share >= ONE_PIXEL_SHARE else Severity.NOTE,
        layer=tiny[0],
    )


def check_receptive_field(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if a model of images averages units that see small patches of them.

    Flatten and a dense layer see the whole image, as squeeze-and-excitation and attention do.
    Models of sequences are left out, in which single words may decide, and models of a single
    convolution, which see patches on purpose.
    """
    pools = [call for call in plan.graph.calls if isinstance(call.layer, AVERAGES_OF_IMAGES)]
    if len(pools) != 1 or len([*_spatial_convolutions(plan)]) < 2:
        return
    (pool,) = pools
    before = plan.graph.before(pool)
    tracer = Tracer(plan.model)
    if field_of(tracer).global_by != pool.layer.name or not before:
        return
    field = field_of(tracer, before[0].path)
    sides = [*zip(field.size, field.input_size, strict=True)]
    if not sides or not all(
        size and length and 1 < size < SMALL_FIELD * length for size, length in sides
    ):
        return
    seen, whole = (" x ".join(map(str, each)) for each in zip(*sides, strict=True))
    yield CODES["receptive-field-small"].finding(
        f"each unit that `{pool.path}` averages sees {seen} of {whole} pixels, and no later layer "
        "sees how these patches lie",
        f"Add layers or strides before `{pool.path}`, or replace it by Flatten and Dense",
        layer=pool.path,
    )


def check_dropout(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for dropout that removes what the classifier needs."""
    code, graph, head = CODES["dropout-high"], plan.graph, plan.head
    remedy = "Lower `dropout`" if "dropout" in plan.toggles else "Lower the rate"
    behind = [layer for layer in head.after if isinstance(layer, DROPOUT) and layer.rate > 0]
    for layer in behind:
        yield code.finding(
            f"`{layer.name}` follows the last layer and replaces {layer.rate:.0%} of the outputs "
            "in training",
            f"Move `{layer.name}` before the last layer",
            severity=Severity.WARNING,
            layer=layer.name,
        )
    drops = [
        call
        for call in graph.calls
        if isinstance(call.layer, DROPOUT) and call.layer.rate > 0 and call.layer not in behind
    ]
    high = [call for call in drops if call.layer.rate >= MAX_DROPOUT]
    kept = math.prod(1 - call.layer.rate for call in high)
    needed = head.units or 1
    for call in drops:
        units, rate = call.output_shape[-1], call.layer.rate
        if units is None or isinstance(call.layer, layers.GaussianDropout):
            continue
        if len(call.output_shape) == 2 and needed > 1 and units * (1 - rate) < needed <= units:
            yield code.finding(
                f"`{call.path}` drops {rate:.0%} of {units} units, so about "
                f"{units * (1 - rate):.3g} remain for {needed} classes",
                f"{remedy} of `{call.path}`, or use more units",
                severity=Severity.WARNING,
                layer=call.path,
            )
        elif rate > MAX_DROPOUT:
            yield code.finding(
                f"`{call.path}` drops {rate:.0%} of {units} units",
                f"{remedy} if the training loss stays high",
                layer=call.path,
            )
    if len(high) > 1 and kept < MIN_KEPT:
        rates = ", ".join(f"{call.layer.rate:g}" for call in high)
        yield code.finding(
            f"{len(high)} layers in sequence drop {rates}, so a path through all of them is kept "
            f"with probability {kept:.2g}",
            remedy,
            severity=Severity.WARNING,
            layer=high[0].path,
        )


def check_trainable(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for frozen layers that never learned, and for unfrozen pretrained ones."""
    code, model = CODES["not-trainable"], plan.model
    count = sum(int(np.prod(weight.shape)) for weight in model.weights)
    if not model.trainable_weights:
        if count:
            yield code.finding(
                f"none of the {count:,} weights is trainable",
                "Set layer.trainable = True for the layers that shall learn, and compile again",
                severity=Severity.ERROR,
            )
        return
    frozen: list[Any] = []
    learned: list[Any] = []
    new: list[Any] = []
    for path, layer in walk_layers(model):
        state = is_fresh(layer)
        if state is None:
            continue
        if not layer.trainable_weights:
            if state:
                frozen.append(path)
        else:
            (new if state else learned).append(path)
    if frozen:
        yield code.finding(
            f"{_named(frozen)} {'is' if len(frozen) == 1 else 'are'} frozen, and "
            f"{'its' if len(frozen) == 1 else 'their'} weights still have the distribution of the "
            "initializer, with biases of 0",
            "Set trainable = True, or load the pretrained weights",
            layer=frozen[0],
        )
    rate = _learning_rate(model)
    steps = int(model.optimizer.iterations) if getattr(model, "optimizer", None) else 0
    if len(learned) > 2 * len(new) and new and rate > FINE_TUNING_RATE and not steps:
        yield code.finding(
            f"{len(learned)} layers have learned weights and all of them are trainable, beside "
            f"{len(new)} new ones ({_named(new)}), at the learning rate {rate:g}",
            "Freeze the learned layers until the new ones are trained, or lower the learning rate "
            "to 1e-5",
            severity=Severity.NOTE,
            name="Pretrained layers are not frozen",
            layer=learned[0],
        )


def _learning_rate(model: Any) -> float:
    """Return the learning rate of a compiled model; 0 if it is not compiled."""
    optimizer = getattr(model, "optimizer", None)
    return float(optimizer.learning_rate) if optimizer is not None else 0.0
