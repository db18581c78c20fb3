"""Outcomes of a trained model while the outputs of its parts are replaced, one after the other."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.analysis.graph import Graph, graph_of
from cnnzoo.models.compiled_loss import CompiledLoss, loss_of
from cnnzoo.models.image_format import oriented
from cnnzoo.parts.intervention import Replace, channels_of, given_to, outputs_of_part
from cnnzoo.parts.names import PartError
from cnnzoo.parts.part import Part, of_level, parts_of
from cnnzoo.parts.segment import Moments, Pool, Runner, Segment
from cnnzoo.parts.width import channel_axis

BATCHES = (8, 250)
"""Smallest and largest number of examples of a batch, among which "resample" exchanges outputs."""

BATCH_BYTES = 2**28
"""Bytes that the maps of a batch may take, unless it has the smallest number of examples."""

CHANNELS = "channels"
"""Level of single channels of layers that make them."""

TRAINED, RECALIBRATED = NORMALIZATIONS = ("trained", "recalibrated")
"""Moving statistics of batch normalization: those of the training, or measured again."""

NO_NORMALIZATION = "none"
"""Word for models without batch normalization."""

Outcomes = Mapping[str, NDArray[np.float64]]
"""Values of each example by metric."""


class Replaced(NamedTuple):
    """A part, or a channel of it, with its outcomes before and after the replacement.

    Attributes
    ----------
    part, channel
        The part; and the number of its channel, or None for the whole part.
    before, after
        The outcomes; empty if it cannot be replaced.
    normalization
        Statistics of the model's batch normalization; "none" if it has none.
    note
        Why it cannot be replaced.
    """

    part: Part
    channel: int | None
    before: Outcomes
    after: Outcomes
    normalization: str | None = None
    note: str = ""


class Examples(NamedTuple):
    """Examples in random order.

    Attributes
    ----------
    x
        All examples of the split.
    labels
        Labels of the chosen ones.
    order
        Places of the chosen ones in `x`.
    """

    x: Any
    labels: NDArray[Any]
    order: NDArray[np.int64]

    @classmethod
    def drawn(cls, x: Any, labels: Any, most: int) -> "Examples":
        """Draw at most so many examples, the same ones in each call."""
        order = np.random.default_rng(0).permutation(len(x))[:most]
        return cls(x, np.asarray(labels)[order], order)

    def batches(self, size: int) -> list[NDArray[np.int64]]:
        """Return the places by batch; a last one alone is in the batch before."""
        starts = np.arange(size, len(self.order) - 1, size)
        return np.split(self.order, starts)


@dataclass(frozen=True)
class Replacement:
    """A replacement of the outputs of parts, and the examples on which its effect is measured.

    Parameters
    ----------
    replace
        Returns the replaced output.
    level
        Level of the parts, or "channels".
    examples
        The examples.
    training
        Training examples on which moving statistics are measured again; None to leave them.
    """

    replace: Replace
    level: str
    examples: Examples
    training: Examples | None = None

    def of(self, model: keras.Model) -> Iterator[Replaced]:
        """Yield the parts of a model, or their channels, with their outcomes.

        Raises
        ------
        PartError
            If the outcomes of single examples are unknown, or statistics cannot be measured again;
            the message is a reason.
        """
        graph = graph_of(model)
        measure = _Measure(model, self.examples.labels)
        by_channel = self.level == CHANNELS
        listed: list[Place | Replaced] = []
        for part in of_level(parts_of(model), "layers" if by_channel else self.level):
            try:
                count = channels_of(part) if by_channel else 1
                if count:
                    channels = range(count) if by_channel else (None,)
                    listed.append(Place.of(part, channels, graph))
            except PartError as error:
                listed.append(Replaced(part, None, {}, {}, note=str(error)))
        places = [place for place in listed if isinstance(place, Place)]
        # channels are many: memory should not grow with the number of layers
        groups = [[place] for place in places] if by_channel else [places]
        found: dict[Part, list[Replaced]] = {}
        for place in listed:
            if isinstance(place, Replaced):
                yield place
                continue
            if groups and place in groups[0]:
                found = _Run(self, model, graph, measure, groups.pop(0)).outcomes()
            yield from found.pop(place.part)


@dataclass(frozen=True, eq=False)
class Place:
    """The tensors that are replaced for a part, and the calls after them.

    Parameters
    ----------
    part
        The part.
    channels
        Numbers of the channels that are replaced alone; None stands for all of them together.
    tensors
        The tensors that are replaced.
    after
        The calls from them, and from all other tensors that are needed, to the model's output.
    start
        Number of calls of the graph before the first of the tensors exists.
    """

    part: Part
    channels: Sequence[int | None]
    tensors: Sequence[Any]
    after: Segment
    start: int

    @classmethod
    def of(cls, part: Part, channels: Sequence[int | None], graph: Graph) -> "Place":
        """Return the place of a part in the graph of its model."""
        tensors = outputs_of_part(part)
        replaced = {id(tensor) for tensor in tensors}
        later, border = set(replaced), dict[int, Any]()
        starts = []
        for number, call in enumerate(graph.calls):
            makes = [id(output) in replaced for output in call.outputs]
            if any(makes):
                starts.append(number + 1)
            if all(makes) or not any(id(tensor) in later for tensor in call.tensors):
                continue
            later |= {id(output) for output in call.outputs}
            border |= {id(tensor): tensor for tensor in call.tensors}
        border |= {id(tensor): tensor for tensor in graph.outputs}
        others = [tensor for key, tensor in border.items() if key not in later]
        after = Segment.between(graph, [*tensors, *others], graph.outputs)
        return cls(part, channels, tensors, after, min(starts, default=0))


Change = tuple[Place, int | None]
"""A place and the number of a channel, or None for the whole part."""


class _Run:
    """Replacements at some places of one model.

    Parameters
    ----------
    replacement
        How outputs are replaced, and on which examples.
    model, graph
        The model and its calls.
    measure
        Returns the outcomes for its outputs.
    places
        The places.
    """

    def __init__(
        self,
        replacement: Replacement,
        model: keras.Model,
        graph: Graph,
        measure: "_Measure",
        places: Sequence[Place],
    ) -> None:
        self._replace, self._model, self._measure = replacement.replace, model, measure
        self._examples, self._training = replacement.examples, replacement.training
        self._size = batch_size(graph)
        self._by_channel = any(place.channels != (None,) for place in places)
        self._places = sorted(places, key=lambda place: place.start)
        count = len(self._examples.batches(self._size))
        steps = (Runner(step, count) for step in _steps(graph, self._places))
        self._steps = list(zip(self._places, steps, strict=True))
        runs = {place: count * len(place.channels) for place in places}
        self._after = {place: Runner(place.after, runs[place]) for place in places}
        tensors = [tensor for place in places for tensor in place.tensors]
        wanted = list({id(tensor): tensor for tensor in [*graph.outputs, *tensors]}.values())
        self._whole = Runner(Segment.between(graph, graph.inputs, wanted), count)
        self._means: dict[int, NDArray[Any]] = {}
        self._moments: dict[int, Moments] = {}

    def outcomes(self) -> dict[Part, list[Replaced]]:
        """Return the outcomes of each place, in the order of its channels."""
        moments: dict[Change, list[Moments]] = {}
        if self._training is not None:
            self._calibrate(self._training)
            moments = self._recalibrated(self._training)
        before = self._baseline()
        unchanged: dict[Place, list[Outcomes]] = {place: [] for place in self._places}
        changed: dict[Change, list[Outcomes]] = {change: [] for change in self._changes()}
        for chosen, inputs in self._given(self._examples):
            for place, values in self._walk(inputs, self._whole_outputs):
                after = self._after[place]
                if self._by_channel:  # compiled calls round otherwise than the whole model
                    (output,) = self._whole_outputs(after, values)
                    unchanged[place].append(self._measure(output, chosen))
                for channel, replaced in self._replaced(place, values):
                    change = (place, channel)
                    (output,) = after.outputs(replaced, moments.get(change, ()))
                    changed[change].append(self._measure(output, chosen))
        normalization = self._normalization()
        return {
            place.part: [
                Replaced(
                    place.part,
                    channel,
                    _joined(unchanged[place]) if self._by_channel else before,
                    _joined(changed[place, channel]),
                    normalization,
                )
                for channel in place.channels
            ]
            for place in self._places
        }

    def _changes(self) -> Iterator[Change]:
        for place in self._places:
            yield from ((place, channel) for channel in place.channels)

    def _normalization(self) -> str:
        """Return the statistics of the whole model, which the baseline depends on too."""
        if not self._whole.segment.normalizes:
            return NO_NORMALIZATION
        return TRAINED if self._training is None else RECALIBRATED

    def _calibrate(self, training: Examples) -> None:
        """Measure the statistics of the whole model on training images."""
        pool = Pool()
        for _, inputs in self._given(training):
            pool.add(self._whole.measured([inputs])[1], inputs.shape[0])
        self._moments = dict(zip(map(id, self._whole.segment.norms), pool.moments(), strict=True))

    def _recalibrated(self, training: Examples) -> dict[Change, list[Moments]]:
        """Return the statistics on training images of what comes after each replacement."""
        self._baseline()  # the means
        pools = {change: Pool() for change in self._changes()}
        for _, inputs in self._given(training):
            for place, values in self._walk(inputs, lambda step, given: step.measured(given)[0]):
                for channel, replaced in self._replaced(place, values):
                    _, moments = self._after[place].measured(replaced)
                    pools[place, channel].add(moments, inputs.shape[0])
        return {change: pool.moments() for change, pool in pools.items()}

    def _baseline(self) -> Outcomes:
        """Return the outcomes of the whole model, and keep the means of the tensors of places."""
        wanted = self._whole.segment.wanted
        sums: dict[int, NDArray[Any]] = {}
        found = []
        for chosen, inputs in self._given(self._examples):
            output, *values = self._whole_outputs(self._whole, [inputs])
            found.append(self._measure(output, chosen))
            for tensor, value in zip(wanted, (output, *values), strict=True):
                maps = keras.ops.convert_to_numpy(value).astype("float64")
                sums[id(tensor)] = sums.get(id(tensor), 0) + maps.sum(0, keepdims=True)
        self._means = {key: each / len(self._examples.order) for key, each in sums.items()}
        return _joined(found)

    def _whole_outputs(self, runner: Runner, values: Sequence[Any]) -> list[Any]:
        """Return the outputs of a segment with the statistics of the whole model."""
        norms = runner.segment.norms if self._moments else ()
        return runner.outputs(values, [self._moments[id(norm)] for norm in norms])

    def _given(self, examples: Examples) -> Iterator[tuple[slice, Any]]:
        """Yield batches: which of the examples they are, and what the model takes."""
        start = 0
        for places in examples.batches(self._size):
            chosen = slice(start, start + len(places))
            yield chosen, given_to(self._model, oriented(np.asarray(examples.x[places])))
            start = chosen.stop

    def _walk(
        self, inputs: Any, run: Callable[[Runner, list[Any]], list[Any]]
    ) -> Iterator[tuple[Place, list[Any]]]:
        """Yield what each place is given, running each call before it once."""
        found = {id(tensor): inputs for tensor in self._whole.segment.given}
        for place, step in self._steps:
            values = run(step, [found[id(tensor)] for tensor in step.segment.given])
            found = dict(zip(map(id, step.segment.wanted), values, strict=True))
            yield place, [found[id(tensor)] for tensor in place.after.given]

    def _replaced(
        self, place: Place, values: Sequence[Any]
    ) -> Iterator[tuple[int | None, list[Any]]]:
        """Yield what a place is given, with its tensors replaced."""
        count = len(place.tensors)
        maps = [keras.ops.convert_to_numpy(value) for value in values[:count]]
        means = [self._means[id(tensor)] for tensor in place.tensors]
        for channel in place.channels:
            replace = _at(channel, self._replace)
            yield channel, [*map(replace, maps, means), *values[count:]]


def _steps(graph: Graph, places: Sequence[Place]) -> Iterator[Segment]:
    """Yield the segments from each place to the next one.

    A segment ends in what its place is given, and in all tensors that are used after the place.
    """
    last = {id(tensor): len(graph.calls) for tensor in graph.outputs}
    for number, call in enumerate(graph.calls):
        last |= {id(tensor): max(number, last.get(id(tensor), 0)) for tensor in call.tensors}
    for place in places:
        last |= {id(t): max(place.start, last.get(id(t), 0)) for t in place.after.given}
    live, start = list(graph.inputs), 0
    for place in places:
        new = [tensor for call in graph.calls[start : place.start] for tensor in call.outputs]
        start = place.start
        following = [t for t in [*live, *new] if last.get(id(t), -1) >= start]
        wanted = {id(tensor): tensor for tensor in [*following, *place.after.given]}
        yield Segment.between(graph, live, list(wanted.values()))
        live = following


def _joined(batches: Sequence[Outcomes]) -> Outcomes:
    return {name: np.concatenate([each[name] for each in batches]) for name in batches[0]}


def batch_size(graph: Graph) -> int:
    """Return the number of examples of a batch, whose maps fit into memory together.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(64, 1)])
    >>> batch_size(graph_of(model))
    250
    >>> model.add(keras.layers.Conv2D(2048, 1))
    >>> batch_size(graph_of(model))
    8
    """
    shapes = (output.shape[1:] for call in graph.calls for output in call.outputs)
    numbers = sum(math.prod(side or 1 for side in shape) for shape in shapes)
    low, high = BATCHES
    return max(low, min(high, BATCH_BYTES // (4 * numbers)))


def _at(channel: int | None, replace: Replace) -> Replace:
    """Return the replacement of one channel, or of all if there is none."""
    if channel is None:
        return replace

    def replace_channel(maps: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
        place = [slice(None)] * maps.ndim
        axis = channel_axis(maps.ndim)
        place[axis] = slice(channel, channel + 1)
        found = maps.copy()
        found[tuple(place)] = replace(maps[tuple(place)], mean[tuple(place)])
        return found

    return replace_channel


class _Measure:
    """Outcomes of a model's outputs, as the model's loss and its labels define them."""

    def __init__(self, model: keras.Model, labels: NDArray[Any]) -> None:
        self.loss: CompiledLoss = loss_of(model)
        self.targets = self.loss.encode(labels)
        self.labels = np.asarray(labels)
        if not self.loss.is_plain_mean:
            raise PartError(
                f"expected a model whose loss is the mean over single examples; got `{model.name}`."
            )

    def __call__(self, output: Any, chosen: slice) -> Outcomes:
        """Return the outcomes of some examples."""
        outputs = keras.ops.convert_to_numpy(output).astype("float32")
        targets = self.targets[chosen]
        each = {"loss": self.loss.measure_each(targets, outputs)}
        if self.loss.classes == 1:
            errors = np.abs(outputs.astype(float) - targets).reshape(len(outputs), -1)
            return {**each, "mae": errors.mean(1)}
        found = self.loss.choice.probabilities(outputs, logits=self.loss.logits)
        return {**each, "accuracy": (found.argmax(1) == self.labels[chosen]).astype(float)}
