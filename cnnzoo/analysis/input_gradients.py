"""Gradients of single units with respect to an input: which positions they depend on."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cnnzoo.analysis.gradients import gradients
from cnnzoo.analysis.graph import Call, is_symbolic
from cnnzoo.analysis.readings import Move
from cnnzoo.analysis.windows import NOTHING, Positions, Reading

DRAWS = 3
"""Number of random inputs: an activation may be flat, or a maximum elsewhere, at one of them."""

MAX_VALUES = 2**22
"""Most values of a batch of inputs."""

MAX_POSITIONS = 256
"""Longest axis that is measured."""


NO_TABLE = np.empty((0, 2), np.int64)
"""Table of a reading without a regular pattern."""


class MeasureError(Exception):
    """Raised if the gradients of a layer cannot be measured; the message says why."""


def measured_reading(call: Call, number: int, output: int, axes: Sequence[int]) -> dict[int, Move]:
    """Return which positions of an input each position of an output depends on.

    Parameters
    ----------
    call
        Call of a layer with inputs of known sizes.
    number, output
        Number of the tensor among the inputs and among the outputs.
    axes
        Axes of the input to measure; each is assumed to be independent of the others.

    Raises
    ------
    MeasureError
        If a size is unknown or large, the layer has no gradients, or an axis of the input is
        spread over several axes of the output.

    Examples
    --------
    >>> conv = keras.layers.Conv1D(1, 3, kernel_initializer="ones")
    >>> series = keras.KerasTensor((None, 8, 2))
    >>> move = measured_reading(Call(conv, (series,), (conv(series),)), 0, 0, [1])[1]
    >>> move.axis, move.reading.exact[0].tolist()
    (1, [0, 2])
    """
    shape = tuple(call.outputs[output].shape)[1:]
    for tensor in [*call.tensors, call.outputs[output]]:
        if None in tuple(tensor.shape)[1:]:
            raise MeasureError("a size of its input or output is unknown")
    regions = {
        axis: _regions(call, number, output, axis, axes) for axis in range(1, len(shape) + 1)
    }
    moves = {}
    for place, axis in enumerate(axes):
        extents = {target: found[:, place] for target, found in regions.items()}
        moving = [target for target, found in extents.items() if len(np.unique(found, axis=0)) > 1]
        if len(moving) > 1:
            raise MeasureError("its output spreads an axis over several")
        if moving:
            moves[axis] = Move(moving[0], _regular(extents[moving[0]]))
        else:
            moves[axis] = Move(None, Reading(NO_TABLE, exact=extents[1][:1]))
    return moves


def _regular(exact: Positions) -> Reading:
    """Return a reading whose table follows the middle third, if that has a regular pattern."""
    length = len(exact)
    middle = exact[length // 3 : length - length // 3]
    steps = np.unique(np.diff(middle, axis=0))
    if len(middle) < 3 or len(steps) != 1 or (middle < NOTHING // 2).any():
        return Reading(NO_TABLE, exact=exact)
    step = int(steps[0])
    table = middle[:1] - step * (length // 3)
    return Reading(table, step, exact=exact)


def _regions(call: Call, number: int, output: int, target: int, axes: Sequence[int]) -> Positions:
    """Return the first and last input position of each output position on an axis.

    The other axes of the output are at their centres; the result is (position, axis, 2).
    """
    shape = tuple(call.outputs[output].shape)[1:]
    length = shape[target - 1]
    if length > MAX_POSITIONS:
        raise MeasureError(f"its output has {length} positions on an axis")
    largest = max(int(np.prod(tuple(tensor.shape)[1:])) for tensor in call.tensors)
    chunk = max(1, MAX_VALUES // largest)
    if not keras.backend.is_float_dtype(call.tensors[number].dtype):
        raise MeasureError("its input consists of integers")
    touched = np.zeros((length, *(tuple(call.tensors[number].shape)[1:])), bool)
    generator = np.random.default_rng(0)
    for _ in range(DRAWS):
        values = [_draw(generator, tensor) for tensor in call.tensors]
        for start in range(0, length, chunk):
            positions = np.arange(start, min(start + chunk, length))
            batch = [np.repeat(value, len(positions), axis=0) for value in values]
            select = np.zeros((len(positions), *shape), "float32")
            index: list[Any] = [np.arange(len(positions))]
            for axis, size in enumerate(shape, 1):
                index.append(positions if axis == target else size // 2)
            # all values along the last axis of the output belong to the position
            if target != len(shape) and len(shape) > 1:
                index[-1] = slice(None)
            select[tuple(index)] = 1.0

            def selected(value: Any, batch: list[Any] = batch, select: Any = select) -> Any:
                given = [*batch[:number], value, *batch[number + 1 :]]
                result = _evaluate(call, given, output)
                if tuple(result.shape)[1:] != shape:
                    raise MeasureError("its output has another shape than the graph says")
                dtype = keras.backend.standardize_dtype(result.dtype)
                if not keras.backend.is_float_dtype(dtype):
                    raise MeasureError("its output consists of integers")
                return ops.sum(result * ops.cast(select, dtype))

            (gradient,) = gradients(selected, batch[number])
            touched[positions] |= gradient != 0
    regions = np.full((length, len(axes), 2), NOTHING, np.int64)
    for place, axis in enumerate(axes):
        others = tuple(other for other in range(1, touched.ndim) if other != axis)
        along = np.asarray(touched.any(axis=others)).reshape(length, -1)
        seen = along.any(axis=1)
        regions[seen, place, 0] = along[seen].argmax(axis=1)
        regions[seen, place, 1] = along.shape[1] - 1 - along[seen, ::-1].argmax(axis=1)
    return regions


def _draw(generator: np.random.Generator, tensor: Any) -> Any:
    return generator.uniform(0.1, 1.0, (1, *tuple(tensor.shape)[1:]))


def _evaluate(call: Call, batch: Sequence[Any], output: int) -> Any:
    """Return an output of a call with other tensors, in inference mode."""
    values = iter(batch)
    args, kwargs = keras.tree.map_structure(
        lambda value: ops.cast(next(values), value.dtype) if is_symbolic(value) else value,
        (list(call.args), dict(call.kwargs)),
    )
    if isinstance(call.layer, keras.Layer) and call.layer._call_has_training_arg:
        kwargs["training"] = False
    try:
        with keras.StatelessScope():  # `call` may assign to variables
            return keras.tree.flatten(call.layer(*args, **kwargs))[output]
    except Exception as error:  # a user's layer may raise anything
        raise MeasureError(f"it raises {type(error).__name__}") from None
