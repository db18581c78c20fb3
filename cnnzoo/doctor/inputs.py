"""Checks of the examples: values, scale, axes, and the two splits against each other."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from cnnzoo.data.scaling import Pixels, in_parts
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.copies import check_copies
from cnnzoo.doctor.finding import Finding
from cnnzoo.doctor.fresh import is_fresh
from cnnzoo.doctor.layer_calls import NORMALIZATION
from cnnzoo.doctor.plan import TrainingPlan

Array = NDArray[Any]

MAX_SCALE = 10.0
"""Standard deviation above which inputs are not scaled. UMLAUT's limit of 1 and SageMaker
Debugger's 0.2 fire on standardized data, so this is an own choice."""

MIN_SCALE = 0.02
"""Standard deviation below which inputs look scaled twice: pixels of 0 to 1 have 0.1 to 0.4, and
after a second division by 255 less than 0.002 (own choice)."""

MAX_SCALE_RATIO = 100.0
"""Ratio of the standard deviations of two features above which they are not scaled (own choice)."""

CONSTANT_SHARE = 0.99
"""Share of features without variance above which inputs are constant (TheDeepChecker)."""

MAX_STD_RATIO = 3.0
"""Ratio of the standard deviations of two splits with the same preparation (own choice)."""

MAX_SHIFT = 1.0
"""Distance of the means of two such splits, in standard deviations (own choice)."""

SMOOTHER = 0.85
"""Ratio of the roughness of two orders of the same numbers below which one is the images' own.
Patches of every fourth pixel of a photograph have 0.8, and images in their own order more than 1;
patches that are almost even cannot be told apart (own choice)."""

SAMPLE = 2000
"""Number of examples that statistics are computed on."""

MIN_SIDE = 5
"""Side of an image from which on neighbours and far pixels can be compared."""


def check_inputs(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield the findings about the examples."""
    broken = [*check_finite(plan)] or [*check_constant(plan)]
    yield from broken
    if broken:
        return
    yield from check_scale(plan)
    yield from check_copies(plan)
    yield from check_validation_scale(plan)
    yield from check_axes(plan)


def sample(x: Pixels) -> Array:
    """Return up to `SAMPLE` examples, evenly spread over the data, as float64."""
    return x[:: max(1, len(x) // SAMPLE)][:SAMPLE].astype("float64")


def check_finite(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding for each array with NaN or infinity."""
    splits = plan.splits
    arrays = {
        "training inputs": splits.x,
        "training targets": splits.y,
        "validation inputs": splits.x_val,
        "validation targets": splits.y_val,
        "test inputs": splits.x_test,
        "test targets": splits.y_test,
    }
    for name, array in arrays.items():
        if array is None or array.dtype.kind != "f":
            continue
        if all(np.isfinite(part).all() for part in in_parts(array)):
            continue
        finite = np.isfinite(array)
        rows = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))
        count = int((~finite).sum())
        yield CODES["inputs-nonfinite"].finding(
            f"{count:,} of the {array.size:,} values of the {name} are NaN or infinite, in "
            f"{len(rows):,} rows; the first is row {rows[0]}",
            "Remove these rows, or replace the values",
        )


def check_constant(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the examples do not differ."""
    x = sample(plan.x)
    if len(x) < 2:
        return
    constant = float((x.var(axis=0) == 0).mean())
    code = CODES["inputs-constant"]
    if constant > CONSTANT_SHARE:
        yield code.finding(
            f"{constant:.1%} of the features are equal in all {len(x):,} examples that were "
            f"compared (the values are {x.min():.3g} to {x.max():.3g})",
            "Look for the fault where the data are read or scaled, such as an integer division",
        )
        return
    flat = x.reshape(len(x), -1)
    blank = float((flat.var(axis=1) == 0).mean()) if flat.shape[1] > 1 else 0.0
    if blank > 0.5:  # own choice: most of the images are empty
        yield code.finding(
            f"in {blank:.0%} of the {len(x):,} examples that were compared all values are equal",
            "Look for the fault where the data are read or scaled, such as an integer division",
        )


def entering(plan: TrainingPlan) -> tuple[Array, Any] | None:
    """Return what enters the first weighted layer, for some examples, and the call of the layer.

    Layers before it, such as ``Rescaling`` or ``Normalization``, have been applied.
    """
    graph = plan.graph
    first = next((call for call in graph.calls if call.is_weighted), None)
    if first is None:
        return None
    x = plan.x[:: max(1, len(plan.x) // 64)][:64]
    (values,) = graph.values([first], x, inputs=True)
    return np.asarray(keras.ops.convert_to_numpy(values), "float64"), first


def check_scale(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the values that enter the first weighted layer have an odd scale."""
    found = entering(plan)
    if found is None:
        return
    values, first = found
    if is_fresh(first.layer) is False or not first.layer.trainable:
        return  # it has learned from inputs of this scale
    before = plan.graph.calls[: plan.graph.calls.index(first)]
    following = plan.graph.after(first)
    if following and all(isinstance(call.layer, NORMALIZATION) for call in following):
        return  # the scale is divided out
    if any(isinstance(call.layer, NORMALIZATION) for call in before):
        return  # its statistics are not yet those of the data
    code, name = CODES["inputs-unscaled"], f"`{first.path}`"
    low, high, deviation = values.min(), values.max(), values.std()
    scaled = [call for call in plan.graph.calls if isinstance(call.layer, layers.Rescaling)]
    raw = sample(plan.x)
    if deviation > MAX_SCALE:
        yield code.finding(
            f"the values that enter {name} are {low:.3g} to {high:.3g}, with the standard "
            f"deviation {deviation:.3g}",
            "Divide the pixels by 255"
            if low >= 0 and 1 < high <= 255
            else "Standardize the inputs, or add a Normalization layer and adapt it",
            layer=first.path,
        )
    elif 0 < deviation < MIN_SCALE:
        by_layer = next((call for call in scaled if np.max(np.abs(call.layer.scale)) < 0.1), None)
        where = (
            f"`{by_layer.path}` multiplies by {np.max(np.abs(by_layer.layer.scale)):.3g} inputs "
            f"that are already {raw.min():.3g} to {raw.max():.3g}"
            if by_layer is not None
            else f"the inputs are {raw.min():.3g} to {raw.max():.3g}"
        )
        yield code.finding(
            f"the values that enter {name} have the standard deviation {deviation:.2g}: {where}",
            "Scale the inputs once",
            name="Inputs are scaled twice" if by_layer is not None else None,
            layer=first.path,
        )
    elif values.ndim == 2 and values.shape[1] > 1:
        deviations = values.std(axis=0)
        positive = deviations[deviations > 0]
        if len(positive) > 1 and positive.max() > MAX_SCALE_RATIO * positive.min():
            largest, smallest = (
                int(deviations.argmax()),
                int(np.where(deviations > 0, deviations, np.inf).argmin()),
            )
            if deviations[largest] > 1 and plan.x.ndim == 2:
                yield code.finding(
                    f"the standard deviation of feature {largest} is {deviations[largest]:.3g} and "
                    f"that of feature {smallest} {deviations[smallest]:.3g}",
                    "Standardize each feature, or add a Normalization layer and adapt it",
                    layer=first.path,
                )


def check_validation_scale(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the validation inputs have another scale or place."""
    held = plan.splits.x_val
    if held is None or len(held) < 2:
        return
    if held.shape[1:] != plan.x.shape[1:]:
        yield CODES["validation-differs"].finding(
            f"training examples have the shape {plan.x.shape[1:]} and validation examples "
            f"{held.shape[1:]}",
            "Prepare both in the same way",
        )
    elif (found := scale_difference(plan.x, held)) is not None:
        yield found


def scale_difference(x: Pixels, held: Pixels) -> Finding | None:
    """Return a finding if two splits have another scale or place.

    Parameters
    ----------
    x, held
        Training and validation examples.

    Examples
    --------
    >>> pixels = np.linspace(0, 1, 100).reshape(10, 10)
    >>> scale_difference(pixels, pixels[::-1]) is None
    True
    >>> scale_difference(pixels, 255 * pixels).code
    'validation-differs'
    """
    training, validation = sample(x), sample(held)
    first, second = training.std(), validation.std()
    ratio = max(first, second) / max(min(first, second), 1e-12)
    shift = abs(training.mean() - validation.mean()) / max(first, 1e-12)
    if ratio <= MAX_STD_RATIO and shift <= MAX_SHIFT:
        return None
    return CODES["validation-differs"].finding(
        f"training inputs are {training.min():.3g} to {training.max():.3g} (mean "
        f"{training.mean():.3g}, standard deviation {first:.3g}), validation inputs "
        f"{validation.min():.3g} to {validation.max():.3g} (mean {validation.mean():.3g}, "
        f"standard deviation {second:.3g})",
        "Prepare both in the same way, with the statistics of the training data",
    )


def roughness(x: Array) -> float:
    """Return how different neighbours are, compared with far pixels.

    Parameters
    ----------
    x
        Images (n, height, width, channels).

    Returns
    -------
    float
        Mean absolute difference of neighbouring pixels over that of pixels half an image apart,
        the larger ratio of the two axes; 1 if neighbours are as different as any two pixels.

    Examples
    --------
    >>> ramp = np.linspace(0, 1, 16)[None, :, None, None] * np.ones((1, 16, 16, 1))
    >>> roughness(ramp + ramp.transpose(0, 2, 1, 3)) < 0.2
    True
    """
    ratios = []
    for axis in (1, 2):
        side = x.shape[axis]
        near = np.abs(np.diff(x, axis=axis)).mean()
        far = np.abs(x - np.roll(x, side // 2, axis=axis)).mean()
        ratios.append(near / far if far > 0 else 0.0)
    return float(max(ratios))


def check_axes(plan: TrainingPlan) -> Iterator[Finding]:
    """Yield a finding if the axes of images are mixed."""
    x, code = plan.x, CODES["axes"]
    if x.ndim != 4:
        return
    _, *sides = x.shape
    channels_last = keras.config.image_data_format() == "channels_last"
    if not channels_last:
        x = np.moveaxis(np.asarray(x), 1, -1)
    elif sides[0] in (1, 3, 4) and sides[1] == sides[2] > sides[0] and plan.graph.weighted():
        yield code.finding(
            f"the examples have the shape {tuple(sides)}, with {sides[0]} channels first, and "
            "the model takes channels last",
            "Transpose with np.moveaxis(x, 1, -1); a reshape would mix the pixels",
        )
        return
    height, width, channels = x.shape[1:]
    if channels not in (2, 3, 4) or min(height, width) < MIN_SIDE:
        return
    images = sample(x)[:200]
    given = roughness(images)
    # the same numbers in the order of channels first
    other = images.reshape(len(images), channels, height, width)
    restored = roughness(np.moveaxis(other, 1, -1))
    if restored < SMOOTHER * given:
        yield code.finding(
            f"neighbouring pixels differ {given:.2f} times as much as far ones, and {restored:.2f} "
            f"times if the same numbers are read as {channels} channels of {height}x{width}",
            "Replace the reshape from channels first by np.moveaxis(x, 1, -1)",
        )
