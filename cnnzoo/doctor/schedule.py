"""Checks of the number and size of the steps: batches, epochs and the optimizer's settings."""

from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.layer_calls import walk_layers
from cnnzoo.doctor.plan import TrainingPlan
from cnnzoo.training.callbacks import has_own_schedule

MIN_STEPS_PER_EPOCH = 10
MIN_STEPS = 100
"""Fewer steps per epoch and in all may be too few for a new model (own choice)."""

HARDLY_STEPS = 50
"""Fewer steps hardly change a new model (own choice)."""

SMALL_BATCH = 4
"""Examples of a batch below which its statistics are too noisy (Wu and He 2018, figure 1)."""

HELD_SHARE = 0.05
"""Share of their initial values that moving averages may hold at the end (own choice)."""

MOSTLY_HELD = 0.5
"""Share of their initial values with which the averages are of no use (own choice)."""

MAX_DECAY = 0.1
"""Share of a weight that decoupled decay may remove in one step (own choice)."""


def check_schedule(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the steps of a training."""
    yield from check_steps(plan)
    yield from check_normalization_batches(plan)
    yield from check_rate(plan)


def check_steps(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if there are too few weight updates."""
    steps = plan.steps
    if steps is None:
        return
    if plan.steps_per_epoch < MIN_STEPS_PER_EPOCH and steps < MIN_STEPS:
        yield CODES["few-steps"].finding(
            f"{len(plan.x):,} examples in batches of {plan.batch_size} are "
            f"{plan.steps_per_epoch} steps per epoch, {steps} in {plan.epochs} "
            f"epoch{'s' * (plan.epochs != 1)}",
            "Use smaller batches or more epochs",
            severity=Severity.WARNING if steps < HARDLY_STEPS else Severity.NOTE,
        )


def _batch_norms(model: keras.Model) -> list[tuple[str, Any]]:
    return [
        (path, layer)
        for path, layer in walk_layers(model)
        if isinstance(layer, layers.BatchNormalization) and layer.trainable
    ]


def check_normalization_batches(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for batch statistics of few examples, and averages of few steps."""
    norms = _batch_norms(plan.model)
    if not norms:
        return
    path, _ = norms[0]
    code, size = CODES["norm-batch-small"], min(plan.batch_size, len(plan.x))
    last = len(plan.x) % plan.batch_size or size
    remedy = (
        "Use larger batches, or set `normalization`='layer' or 'group'"
        if "normalization" in plan.toggles
        else "Use larger batches, or LayerNormalization or GroupNormalization"
    )
    calls = {call.path: call for call in plan.graph.calls}
    shape = calls[path].output_shape if path in calls else (None,)
    # statistics of a map are over its positions too
    is_single = size == 1 and all(side == 1 for side in shape[1:-1])
    if size < SMALL_BATCH:
        yield code.finding(
            f"`{path}` normalizes by the statistics of {size} example{'s' * (size != 1)}"
            + (", whose variance is 0, so its output is constant in training" * is_single),
            remedy,
            severity=Severity.ERROR if is_single else Severity.WARNING,
            layer=path,
        )
    elif last == 1 and len(shape) == 2:
        yield code.finding(
            f"the last batch of an epoch has 1 of the {len(plan.x):,} examples, and `{path}` "
            "normalizes by the statistics of the batch",
            f"Use a batch size that does not leave 1 example, such as {plan.batch_size + 1}"
            if len(plan.x) % (plan.batch_size + 1) != 1
            else "Leave out one example",
            severity=Severity.NOTE,
            layer=path,
        )
    steps = plan.steps
    if steps is None:
        return
    slow, layer = max(norms, key=lambda norm: norm[1].momentum)
    held = layer.momentum**steps
    if held > HELD_SHARE:
        yield CODES["modes-differ"].finding(
            f"after {steps:,} steps at momentum {layer.momentum:g} the moving averages of "
            f"`{slow}` still hold {held:.0%} of their initial values, so the model acts otherwise "
            "in inference than in training",
            "Lower `norm_momentum`, or train for more steps"
            if "norm_momentum" in plan.toggles
            else "Lower the momentum of BatchNormalization, or train for more steps",
            severity=Severity.WARNING if held > MOSTLY_HELD else Severity.NOTE,
            name="Too few steps for BatchNormalization's moving averages",
            layer=slow,
        )


def check_rate(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield findings for settings of the optimizer that no step is needed to judge."""
    optimizer = getattr(plan.model, "optimizer", None)
    if optimizer is None:
        return
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    rate = float(optimizer.learning_rate)
    if rate == 0 and not has_own_schedule(optimizer):
        yield CODES["rate-low"].finding(
            f"the learning rate of {type(optimizer).__name__} is 0, so no weight changes",
            _rate_remedy(plan, 1e-3),
            severity=Severity.ERROR,
        )
    decay = getattr(optimizer, "weight_decay", None)
    if decay and rate * float(decay) > MAX_DECAY:
        yield CODES["penalty-high"].finding(
            f"each step removes {rate * float(decay):.3g} of every weight (learning rate {rate:g} "
            f"times weight decay {float(decay):g})",
            "Lower `weight_decay`" if "weight_decay" in plan.toggles else "Lower weight_decay",
        )


def _rate_remedy(plan: TrainingPlan, rate: float) -> str:
    name = "`learning_rate`" if "learning_rate" in plan.toggles else "learning_rate"
    return f"Set {name} to {rate:g}"
