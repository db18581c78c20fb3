"""Segments of a model: the calls between some tensors and others, run apart from the rest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from cnnzoo.analysis.graph import KERAS, Call, Graph, graph_of, is_graph, is_symbolic
from cnnzoo.parts.names import PartError

Moments = tuple[Any, Any]
"""Mean and variance of each channel."""

FEWEST_RUNS = 8
"""Runs of a segment from which compiling it saves more time than it takes."""

Normalize = Callable[[layers.BatchNormalization, Any], Any]
"""Returns the output of a batch normalization for its input."""


@dataclass(frozen=True, eq=False)
class Segment:
    """The calls of a graph between some tensors and others.

    Parameters
    ----------
    given, wanted
        The tensors at its beginning and at its end.
    calls
        The calls, in the order of the graph.
    """

    given: tuple[Any, ...]
    wanted: tuple[Any, ...]
    calls: tuple[Call, ...]

    @classmethod
    def between(cls, graph: Graph, given: Sequence[Any], wanted: Sequence[Any]) -> "Segment":
        """Return the calls that compute `wanted` from `given`.

        Examples
        --------
        >>> inputs = keras.Input((8,))
        >>> first, last = layers.Dense(4, name="first"), layers.Dense(2, name="last")
        >>> model = keras.Model(inputs, last(first(inputs)))
        >>> segment = Segment.between(graph_of(model), [first.output], model.outputs)
        >>> [call.layer.name for call in segment.calls]
        ['last']
        """
        known = {id(tensor) for tensor in given}
        needed = {id(tensor) for tensor in wanted} - known
        calls = []
        for call in reversed(graph.calls):
            if any(id(output) in needed for output in call.outputs):
                calls.append(call)
                needed |= {id(tensor) for tensor in call.tensors} - known
        return cls(tuple(given), tuple(wanted), tuple(reversed(calls)))

    @cached_property
    def norms(self) -> tuple[layers.BatchNormalization, ...]:
        """Its batch normalizations, each once, with those of nested models.

        Raises
        ------
        PartError
            If one is inside a layer whose calls are unknown; the message is a reason.
        """
        return tuple(dict.fromkeys(_norms(self.calls)))

    @property
    def normalizes(self) -> bool:
        """Whether there is batch normalization in it, even inside a layer of unknown calls."""
        return any(
            isinstance(inner, layers.BatchNormalization)
            for call in self.calls
            if isinstance(call.layer, keras.Layer)
            for inner in call.layer._flatten_layers()
        )

    def outputs(self, values: Sequence[Any], moments: Sequence[Moments] = ()) -> list[Any]:
        """Return the tensors at its end.

        Parameters
        ----------
        values
            The tensors at its beginning.
        moments
            Statistics of each of its `norms`; those that the model was trained with if empty.
        """
        if not moments:
            return self._run(values, None)
        by_layer = dict(zip(map(id, self.norms), moments, strict=True))
        return self._run(values, lambda norm, x: _with_moments(norm, x, by_layer[id(norm)]))

    def measured(self, values: Sequence[Any]) -> tuple[list[Any], list[Moments]]:
        """Normalize by the statistics of the batch, and return the outputs and the statistics."""
        found: dict[int, list[Moments]] = {id(norm): [] for norm in self.norms}

        def normalize(norm: layers.BatchNormalization, x: Any) -> Any:
            axes = [axis for axis in range(len(x.shape)) if axis != norm.axis % len(x.shape)]
            moments = keras.ops.moments(keras.ops.cast(x, "float32"), axes)
            found[id(norm)].append(moments)
            return _with_moments(norm, x, moments)

        outputs = self._run(values, normalize)
        return outputs, [_mean_of_calls(each) for each in found.values()]

    def _run(self, values: Sequence[Any], normalize: Normalize | None) -> list[Any]:
        found = dict(zip(map(id, self.given), values, strict=True))
        _run(self.calls, found, normalize)
        return [found[id(tensor)] for tensor in self.wanted]


class Runner:
    """A segment whose functions are compiled if they are run often.

    Parameters
    ----------
    segment
        The segment.
    runs
        How often it will be run.
    """

    def __init__(self, segment: Segment, runs: int) -> None:
        self.segment = segment
        functions = segment.outputs, segment.measured
        if runs >= FEWEST_RUNS:
            functions = _compiled(segment.outputs), _compiled(segment.measured)
        self.outputs, self.measured = functions


class Pool:
    """Mean and variance of each channel over several batches of one segment.

    Examples
    --------
    >>> pool = Pool()
    >>> pool.add([(np.array([1.0]), np.array([0.0]))], 2)
    >>> pool.add([(np.array([3.0]), np.array([4.0]))], 2)
    >>> [(mean.tolist(), variance.tolist()) for mean, variance in pool.moments()]
    [([2.0], [3.0])]
    """

    def __init__(self) -> None:
        self._sums: list[NDArray[np.float64]] = []
        self._count = 0

    def add(self, moments: Sequence[Moments], count: int) -> None:
        """Add the statistics of a batch of `count` examples."""
        new = []
        for each in moments:
            mean, variance = (np.asarray(keras.ops.convert_to_numpy(m), float) for m in each)
            new.append(count * np.stack([mean, variance + mean**2]))
        self._sums = [a + b for a, b in zip(self._sums, new, strict=True)] if self._sums else new
        self._count += count

    def moments(self) -> list[Moments]:
        """Return the mean and the variance over all examples."""
        pairs = ((total / self._count).astype("float32") for total in self._sums)
        return [(mean, np.maximum(square - mean**2, 0)) for mean, square in pairs]


def _compiled(function: Any) -> Any:
    """Return a function as one graph of the backend, if it has any."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        # partial: TensorFlow counts the traces of a method for all objects, and warns about many
        return tf.function(partial(function), autograph=False, reduce_retracing=True)
    if keras.config.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def _run(calls: Sequence[Call], found: dict[int, Any], normalize: Normalize | None) -> None:
    """Run calls, and add their outputs to those found by the id of their tensor."""

    def value_of(value: Any) -> Any:
        return found[id(value)] if is_symbolic(value) else value

    for call in calls:
        layer = call.layer
        args, kwargs = keras.tree.map_structure(value_of, (tuple(call.args), dict(call.kwargs)))
        if normalize is not None and isinstance(layer, layers.BatchNormalization):
            outputs = normalize(layer, value_of(call.inputs))
        elif normalize is not None and _is_open(layer):
            graph = graph_of(layer)
            values = [value_of(tensor) for tensor in call.tensors]
            inner = dict(zip(map(id, graph.inputs), values, strict=True))
            _run(graph.calls, inner, normalize)
            outputs = [inner[id(tensor)] for tensor in graph.outputs]
        else:
            outputs = layer(*args, **kwargs)
        for tensor, output in zip(call.outputs, keras.tree.flatten(outputs), strict=True):
            found.setdefault(id(tensor), output)


def _with_moments(norm: layers.BatchNormalization, x: Any, moments: Moments) -> Any:
    """Return the output of a batch normalization that has other statistics."""
    new = zip((norm.moving_mean, norm.moving_variance), moments, strict=True)
    mapping = [(variable, keras.ops.convert_to_tensor(value)) for variable, value in new]
    with keras.StatelessScope(state_mapping=mapping):
        return norm(x, training=False)


def _mean_of_calls(calls: Sequence[Moments]) -> Moments:
    """Return the mean and the variance over all calls of a layer."""
    mean = sum(mean for mean, _ in calls) / len(calls)
    square = sum(variance + mean**2 for mean, variance in calls) / len(calls)
    return mean, square - mean**2


def _is_open(layer: keras.Operation) -> bool:
    """Return whether a layer is a model whose own calls are known."""
    return is_graph(layer) and type(layer).call.__module__.startswith(KERAS)


def _norms(calls: Sequence[Call]) -> Iterator[layers.BatchNormalization]:
    """Yield the batch normalizations that calls consist of."""
    for call in calls:
        layer = call.layer
        if isinstance(layer, layers.BatchNormalization):
            yield layer
        elif _is_open(layer):
            yield from _norms(graph_of(layer).calls)
        elif isinstance(layer, keras.Layer):
            inside = layer._flatten_layers(include_self=False)
            norm = next((n for n in inside if isinstance(n, layers.BatchNormalization)), None)
            if norm is not None:
                raise PartError(
                    f"the batch normalization `{norm.name}` is inside the layer `{layer.name}`, "
                    "whose calls are unknown"
                )
