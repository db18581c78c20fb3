"""The structure of a model's graph: chains of units with one input and one output.

A unit is a call of a layer, or a region: calls between a tensor that several calls use and the call
where all their paths meet again. Regions are found by dominators: every path from the model's
input to the region's end passes its beginning, and every path from there to the model's output
passes its end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from cnnzoo.analysis.graph import Call, Graph

MULTIPLICATIONS = ("Multiply", "Mul")
"""Layers and operations at the end of gates, such as squeeze-and-excite."""


@dataclass(frozen=True, eq=False)
class Unit:
    """Calls with one input and one output.

    Parameters
    ----------
    entry, exit
        Tensors at its ends.
    calls
        The calls, in the order of the graph.
    branches
        Of a region: the chains inside of it.
    """

    entry: Any
    exit: Any
    calls: tuple[Call, ...]
    branches: tuple["Chain", ...] = ()

    @property
    def is_region(self) -> bool:
        """Whether the unit has several paths."""
        return bool(self.branches)

    @property
    def last(self) -> Call:
        """The call that gives the output."""
        return self.calls[-1]

    @property
    def is_gate(self) -> bool:
        """Whether a branch multiplies the others, as in squeeze-and-excite."""
        return self.is_region and kind_of(self.last) in MULTIPLICATIONS

    @property
    def merges(self) -> bool:
        """Whether the unit is a region and no gate."""
        return self.is_region and not self.is_gate


Chain = tuple[Unit, ...]
"""Units of which each one's output is the input of the next."""


@dataclass(frozen=True, eq=False)
class Structure:
    """The structure of a graph.

    Parameters
    ----------
    graph
        The graph.
    chains
        The longest chains outside of regions, those of the trunk first.
    uses
        Calls that use a tensor, by the tensor's id.
    """

    graph: Graph
    chains: tuple[Chain, ...]
    uses: dict[int, list[Call]]

    def is_output(self, tensor: Any) -> bool:
        """Return whether a tensor is an output of the model."""
        return any(tensor is output for output in self.graph.outputs)


def structure_of(graph: Graph) -> Structure:
    """Return the structure of a graph.

    Examples
    --------
    >>> from cnnzoo.analysis.graph import graph_of
    >>> inputs = keras.Input((8, 4))
    >>> conv = keras.layers.Conv1D(4, 3, padding="same")(inputs)
    >>> model = keras.Model(inputs, keras.layers.Add()([inputs, conv]))
    >>> (chain,) = structure_of(graph_of(model)).chains
    >>> [(len(unit.calls), unit.merges) for unit in chain]
    [(2, True)]
    """
    return _Search(graph).structure()


def kind_of(call: Call) -> str:
    """Return the class of a call's layer or operation."""
    return type(call.layer).__name__


def has_kernel(call: Call) -> bool:
    """Return whether a call multiplies by a matrix of weights, as convolutions do."""
    return isinstance(call.layer, keras.Layer) and any(
        len(weight.shape) > 1 for weight in call.layer.weights
    )


def kernels(unit: Unit) -> int:
    """Return the number of calls of a unit that have a kernel."""
    return sum(map(has_kernel, unit.calls))


def places(tensor: Any) -> int | None:
    """Return the number of positions of a map; None if unknown or no map."""
    shape = tuple(tensor.shape)[1:]
    first = keras.config.image_data_format() == "channels_first"
    sides = shape[1:] if first else shape[:-1]
    if not sides or None in sides:
        return None
    count = 1
    for side in sides:
        count *= side
    return count


@dataclass
class _Search:
    """Dominators of a graph, and the regions that they give."""

    graph: Graph
    uses: dict[int, list[Call]] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number the vertices in topological order, and find their dominators."""
        self.vertices: list[Any] = [None]  # the root, before all inputs
        before: list[list[int]] = [[]]
        for tensor in self.graph.inputs:
            self._add(tensor, [0], before)
        for call in self.graph.calls:
            tensors = list({id(tensor): tensor for tensor in call.tensors}.values())
            for tensor in tensors:
                self.uses.setdefault(id(tensor), []).append(call)
            number = self._add(call, [self.order[id(tensor)] for tensor in tensors], before)
            for output in call.outputs:
                self._add(output, [number], before)
        ends = list({id(tensor): tensor for tensor in self.graph.outputs}.values())
        self.ends = {id(tensor) for tensor in ends}
        before.append([self.order[id(tensor)] for tensor in ends])
        self.vertices.append(None)  # the sink, after all outputs
        sink = len(before) - 1
        after: list[list[int]] = [[] for _ in before]
        for number, numbers in enumerate(before):
            for source in numbers:
                after[source].append(number)
        self.dominators = _dominators(before)
        mirrored = [[sink - n for n in numbers] for numbers in reversed(after)]
        self.postdominators = [
            None if n is None else sink - n for n in reversed(_dominators(mirrored))
        ]

    def _add(self, vertex: Any, sources: list[int], before: list[list[int]]) -> int:
        self.order[id(vertex)] = number = len(self.vertices)
        self.vertices.append(vertex)
        before.append(sources)
        return number

    def structure(self) -> Structure:
        return Structure(self.graph, tuple(self._chains()), self.uses)

    def _chains(self) -> list[Chain]:
        """Return the longest chains, those from the inputs first."""
        found: list[Chain] = []
        seen: set[int] = set()
        waiting: list[tuple[Any, Call | None]] = [(tensor, None) for tensor in self.graph.inputs]
        while waiting:
            tensor, first = waiting.pop(0)
            chain: list[Unit] = []
            if first is not None:
                if id(first) in seen:
                    continue
                seen.add(id(first))
                if not _is_single(first):
                    waiting += [(output, None) for output in first.outputs]
                    continue
                tensor = first.outputs[0]
                chain.append(Unit(first.tensors[0], tensor, (first,)))
            while (unit := self._next(tensor)) is not None:
                seen.update(id(call) for call in unit.calls)
                chain.append(unit)
                tensor = unit.exit
            if chain:
                found.append(tuple(chain))
            waiting += [(tensor, call) for call in self.uses.get(id(tensor), ())]
        return found

    def _next(self, tensor: Any) -> Unit | None:
        """Return the unit that alone uses a tensor, or None."""
        uses = self.uses.get(id(tensor), [])
        if not uses or id(tensor) in self.ends:
            return None
        if len(uses) == 1:
            (call,) = uses
            return Unit(tensor, call.outputs[0], (call,)) if _is_single(call) else None
        start = self.order[id(tensor)]
        end = self.postdominators[start]
        if end is None or end == len(self.vertices) - 1 or self.dominators[end] != start:
            return None
        last = self.vertices[end]
        if not isinstance(last, Call) or len(last.outputs) != 1:
            return None
        calls = tuple(self._between(tensor, last))
        ends = [each for each in last.tensors if each is not tensor]
        inside = _Search(Graph([tensor], ends, calls[:-1])).structure()
        return Unit(tensor, last.outputs[0], calls, inside.chains) if inside.chains else None

    def _between(self, tensor: Any, last: Call) -> Iterator[Call]:
        """Yield the calls from a tensor to a call, which is the last of them."""
        inside: dict[int, Call] = {}
        waiting = list(self.uses[id(tensor)])
        while waiting:
            call = waiting.pop()
            number = self.order[id(call)]
            if number in inside:
                continue
            inside[number] = call
            if call is not last:
                waiting += [use for out in call.outputs for use in self.uses.get(id(out), ())]
        for number in sorted(inside):
            yield inside[number]


def _is_single(call: Call) -> bool:
    """Return whether a call has one input and one output tensor."""
    return len({id(tensor) for tensor in call.tensors}) == 1 == len(call.outputs)


def _dominators(before: Sequence[Sequence[int]]) -> list[int | None]:
    """Return the immediate dominator of each vertex of a graph in topological order.

    Cooper, Harvey and Kennedy (2001), "A simple, fast dominance algorithm"; one pass is enough
    without cycles. A vertex that no path reaches has none.

    Examples
    --------
    >>> _dominators([[], [0], [1], [1], [2, 3]])
    [None, 0, 1, 1, 1]
    """
    found: list[int | None] = [None] * len(before)
    for vertex, sources in enumerate(before):
        common: int | None = None
        for source in sources:
            if source != 0 and found[source] is None:
                continue
            common = source if common is None else _meet(found, common, source)
        found[vertex] = common
    return found


def _meet(dominators: Sequence[int | None], one: int, other: int) -> int:
    """Return the nearest vertex that dominates two others."""
    while one != other:
        if one < other:
            one, other = other, one
        one = dominators[one] or 0
    return one
