"""Trace how every map of a model depends on the model's inputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers

from cnnzoo.analysis.graph import (
    Call,
    Graph,
    GraphError,
    graph_of,
    has_keras_call,
    inner_graph,
    is_graph,
)
from cnnzoo.analysis.input_gradients import MeasureError, measured_reading
from cnnzoo.analysis.readings import (
    ATTENTION,
    ELEMENTWISE_OPERATIONS,
    KNOWN_LAYERS,
    MERGES,
    Move,
    Plan,
    UntracedError,
    channel_axis,
    plan_of,
)
from cnnzoo.analysis.windows import Seen, Trace

TRACED_LAYERS = (
    *KNOWN_LAYERS,
    *MERGES,
    *ATTENTION,
    layers.Concatenate,
    layers.TimeDistributed,
    layers.SpectralNormalization,
)
"""Layers that are traced as a whole."""

Source = tuple[int, int]
"""Number of an input of the model, and an axis of it."""

State = Mapping[Source, Trace]
"""Traces of a map by input number and axis, without the axes it does not depend on."""


class Tracer:
    """The traces of all maps of a model.

    Parameters
    ----------
    model
        A built functional or sequential ``keras.Model``.

    Raises
    ------
    GraphError
        If the model is neither.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((9, 1)), layers.Conv1D(2, 3, name="conv")])
    >>> [state[0, 1].size for state in Tracer(model).states["conv"]]
    [3]
    """

    def __init__(self, model: keras.Model) -> None:
        self.states: dict[str, list[State]] = {}
        """States of the outputs of each layer by its name, one per call and output; the name of a
        layer in a nested model is behind that model's, with a slash."""
        self.notes: dict[str, str] = {}
        """Note on the tracing of a layer; empty if its numbers are exact."""
        self.channels: dict[int, int | None] = {}
        """Axis of the channels of each input that has met a layer with channels."""
        self.name: str = model.name
        graph = graph_of(model)
        self.shapes = [tuple(tensor.shape) for tensor in graph.inputs]
        states = [
            {(number, axis): Trace.of_input(axis, shape[axis]) for axis in range(1, len(shape))}
            for number, shape in enumerate(self.shapes)
        ]
        names = [layer.name for layer in model.layers if isinstance(layer, layers.InputLayer)]
        self.states |= {name: [state] for name, state in zip(names, states, strict=False)}
        self.outputs = self._run(graph, states, "")

    def _run(self, graph: Graph, states: Sequence[State], path: str | None) -> list[State]:
        """Return the states of a graph's outputs; a path of None records no layers."""
        by_tensor = {id(t): s for t, s in zip(graph.inputs, states, strict=True)}
        for call in graph.calls:
            name = None if path is None else path + call.layer.name
            results = self._step(call, by_tensor, name)
            by_tensor |= {id(t): s for t, s in zip(call.outputs, results, strict=True)}
            if name is not None:
                self.states.setdefault(name, []).extend(results)
        return [by_tensor.get(id(tensor), {}) for tensor in graph.outputs]

    def _step(self, call: Call, states: Mapping[int, State], name: str | None) -> list[State]:
        given = [states.get(id(tensor), {}) for tensor in call.tensors]
        try:
            return self._call(call, given, name)
        except (UntracedError, GraphError) as error:
            return self._measured(call, given, name, str(error))

    def _call(self, call: Call, given: Sequence[State], name: str | None) -> list[State]:
        layer = call.layer
        for tensor, state in zip(call.tensors, given, strict=True):
            self._meet(layer, len(tensor.shape), state)
        if is_graph(layer):
            return self._run(inner_graph(call), given, None if name is None else f"{name}/")
        if all(trace.axis is None for state in given for trace in state.values()):
            return [_everywhere(given) for _ in call.outputs]
        if _is_custom(layer):
            return self._run(inner_graph(call), given, None)
        if isinstance(layer, layers.TimeDistributed):
            return self._time_distributed(call, given)
        if isinstance(layer, layers.SpectralNormalization):
            inner = call.inside(layer.layer, call.shape)
            return self._call(inner, given, None)
        if isinstance(layer, MERGES) or type(layer).__name__ in ELEMENTWISE_OPERATIONS:
            return [_merged(call, given)]
        if isinstance(layer, layers.Concatenate) or type(layer).__name__ == "Concatenate":
            return [_concatenated(call, given, self._is_channels)]
        if isinstance(layer, ATTENTION):
            return [_attended(call, given) for _ in call.outputs]
        if len(given) > 1 and any(given[1:]):
            raise UntracedError("it has several inputs")
        plan = plan_of(call)
        return [_moved(given[0], plan, output.shape, layer.name) for output in call.outputs]

    def _meet(self, layer: keras.Operation, rank: int, state: State) -> None:
        """Note which axis of an input holds the channels, at its first layer with channels."""
        channels = channel_axis(layer, rank)
        for number in {number for number, _ in state}:
            if channels is None or number in self.channels:
                continue
            axes = {axis: trace.axis for (n, axis), trace in state.items() if n == number}
            found = [axis for axis, place in axes.items() if place == channels]
            usual = usual_channels(len(self.shapes[number]))
            if len(found) == 1:
                self.channels[number] = found[0]
            else:  # a reshape may have dropped them, or added an axis of channels to images
                self.channels[number] = usual if axes.get(usual or 0, 0) is None else None

    def _is_channels(self, source: Source) -> bool:
        """Return whether an axis of an input holds channels, as far as is known by now."""
        number, axis = source
        usual = usual_channels(len(self.shapes[number]))
        return self.channels.get(number, usual) == axis

    def _time_distributed(self, call: Call, given: Sequence[State]) -> list[State]:
        batch, _, *rest = call.shape
        inner = call.inside(call.layer.layer, (batch, *rest))
        over_time = {key: trace for key, trace in given[0].items() if trace.axis == 1}
        within = {
            key: trace.on(None if trace.axis is None else trace.axis - 1)
            for key, trace in given[0].items()
            if key not in over_time
        }
        results = self._call(inner, [within], None)
        return [
            over_time | {k: t.on(None if t.axis is None else t.axis + 1) for k, t in result.items()}
            for result in results
        ]

    def _measured(
        self, call: Call, given: Sequence[State], name: str | None, reason: str
    ) -> list[State]:
        """Return states from the gradients of one layer, which are a lower bound."""
        if all(not _moves(trace) for state in given for trace in state.values()):
            return [_everywhere(given) for _ in call.outputs]
        results: list[dict[Source, Trace]] = [{} for _ in call.outputs]
        try:
            for number, state in enumerate(given):
                axes = sorted({t.axis for t in state.values() if t.axis is not None and _moves(t)})
                for output, result in enumerate(results):
                    moves = measured_reading(call, number, output, axes) if axes else {}
                    shape = call.outputs[output].shape
                    moved = _moved(state, moves, shape, call.layer.name)
                    for key, trace in moved.items():
                        result[key] = _joined(result.get(key), trace, shape)
            note = f"measured by the gradients of this layer: {reason}"
        except (MeasureError, UntracedError) as error:
            note = f"not traced: {reason}; not measured: {error}"
            lost = {k: t.lost(note) for state in given for k, t in state.items()}
            results = [lost for _ in call.outputs]
        if name is not None:
            self.notes[name] = note
        return results  # type: ignore[return-value]


def _is_custom(layer: keras.Operation) -> bool:
    """Return whether a layer is known by the layers and operations of its ``call`` only."""
    if not isinstance(layer, keras.Layer):
        return False
    return not has_keras_call(layer) or not isinstance(layer, TRACED_LAYERS)


def _moves(trace: Trace) -> bool:
    """Return whether the positions of a map differ in what they see."""
    return trace.axis is not None and not trace.sees_all and not trace.is_unknown


def _everywhere(given: Sequence[State]) -> State:
    """Return the state of a map whose positions all see the same."""
    result: dict[Source, Trace] = {}
    for state in given:
        for key, trace in state.items():
            flat = trace.pooled(trace.global_by) if trace.axis is not None else trace
            result[key] = flat if key not in result else result[key].joined(flat)
    return result


def _moved(
    state: State, plan: Plan, shape: Sequence[int | None], layer: str
) -> dict[Source, Trace]:
    """Return the state after a call with one input."""
    result = {}
    for key, trace in state.items():
        if trace.axis is None:
            result[key] = trace
            continue
        move = plan.get(trace.axis, Move(None, None))
        length = None if move.axis is None else shape[move.axis]
        if move.reading is None:
            length = 1 if move.axis is None else length
            result[key] = trace.pooled(layer, move.axis, length)
        elif move.axis is None:
            result[key] = trace.read(move.reading, 1).stretched(None, 1)
        else:
            result[key] = trace.read(move.reading, length).on(move.axis)
    return result


def _joined(one: Trace | None, other: Trace, shape: Sequence[int | None]) -> Trace:
    """Return the trace of a map of a given shape that depends on two maps."""
    if one is None:
        return other
    if one.is_unknown or other.is_unknown:
        return one.joined(other)
    if one.axis != other.axis:
        if one.axis is not None and other.axis is not None:
            raise UntracedError("an axis of the input meets itself on two axes")
        if one.axis is None:
            one = one.stretched(other.axis, shape[other.axis or 0])
        else:
            other = other.stretched(one.axis, shape[one.axis])
    return one.joined(other)


def _merged(call: Call, given: Sequence[State]) -> State:
    """Return the state of a map that combines maps position by position, with broadcasting."""
    shape = call.output_shape
    result: dict[Source, Trace] = {}
    is_layer = isinstance(call.layer, keras.Layer)
    for tensor, state in zip(call.tensors, given, strict=True):
        missing = len(shape) - len(tensor.shape)
        if missing and is_layer:
            raise UntracedError("it merges maps with different numbers of axes")
        for key, trace in state.items():
            if trace.axis is not None:
                axis = trace.axis + missing
                alone = tensor.shape[trace.axis] == 1 and shape[axis] != 1
                trace = trace.stretched(axis, shape[axis]) if alone else trace.on(axis)
            result[key] = _joined(result.get(key), trace, shape)
    return result


def _concatenated(
    call: Call, given: Sequence[State], is_channels: Callable[[Source], bool]
) -> State:
    """Return the state of maps joined along an axis; channels and vectors see all of it."""
    shape = call.output_shape
    axis = call.layer.axis % len(shape)
    keys = dict.fromkeys(key for state in given for key in state)
    result: dict[Source, Trace] = {}
    for key in keys:
        traces = [state.get(key) for state in given]
        if any(trace is not None and trace.axis == axis for trace in traces):
            if not (is_channels(key) or len(shape) == 2):
                lengths = [tensor.shape[axis] for tensor in call.tensors]
                result[key] = _end_to_end(traces, lengths, axis)
                continue
            traces = [trace and trace.pooled(trace.global_by) for trace in traces]
        for trace in traces:
            if trace is not None:
                result[key] = _joined(result.get(key), trace, shape)
    return result


def _end_to_end(traces: Sequence[Trace | None], lengths: Sequence[int | None], axis: int) -> Trace:
    """Return the trace of maps whose positions follow each other on an axis."""
    parts = []
    for trace, length in zip(traces, lengths, strict=True):
        if length is None:
            raise UntracedError("it joins maps of unknown size along an axis of positions")
        if trace is None:
            parts.append(Seen.nothing(length))
        elif trace.is_unknown or trace.seen is None or trace.axis not in (axis, None):
            raise UntracedError("it joins maps along an axis of positions")
        else:
            parts.append(trace.seen if trace.axis == axis else trace.seen.pooled(length))
    known = [trace for trace in traces if trace is not None]
    seen = Seen(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.last for part in parts]),
        np.concatenate([part.padded for part in parts]),
    )
    note = "positions of several maps follow each other"
    if all(trace is not None and trace.sees_all for trace in traces):
        return replace(known[0], axis=axis, seen=seen)
    zeros = any(trace.zeros for trace in known)
    return Trace(known[0].input_length, axis, None, seen, zeros, note=note)


def _attended(call: Call, given: Sequence[State]) -> State:
    """Return the state of an attention layer, whose outputs see all positions that are attended."""
    shape = call.output_shape
    result: dict[Source, Trace] = {}
    for state in given:
        for key, trace in state.items():
            by = call.layer.name if _moves(trace) else trace.global_by
            seen = trace.pooled(by).on(None)  # maps that attend may have several lengths and widths
            result[key] = seen if key not in result else _joined(result[key], seen, shape)
    return result


def sources(shapes: Sequence[Sequence[Any]], channels: Mapping[int, int | None]) -> list[int]:
    """Return the numbers of the inputs with axes of positions, the first ones first."""
    return [n for n, shape in enumerate(shapes) if position_axes(n, shape, channels)]


def position_axes(
    number: int, shape: Sequence[Any], channels: Mapping[int, int | None]
) -> tuple[int, ...]:
    """Return the axes of an input that are neither batch nor channels.

    If no layer with channels has told, the channels are where Keras's image data format has them;
    an input with one axis has no channels.
    """
    rank = len(shape)
    channel = channels[number] if number in channels else usual_channels(rank)
    return tuple(axis for axis in range(1, rank) if axis != channel)


def usual_channels(rank: int) -> int | None:
    """Return the axis of the channels by Keras's image data format; None if there is none."""
    if rank < 3:
        return None
    return 1 if keras.config.image_data_format() == "channels_first" else rank - 1
