"""Description of a model's graph and parts for a picture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from cnnzoo.analysis.cost import UncountedError, count_call
from cnnzoo.analysis.graph import Call, Graph, GraphError, graph_of
from cnnzoo.parts.network import INPUT, Network, Node, Piece
from cnnzoo.parts.part import Part, parts_of

Path = tuple[keras.Model, ...]
"""Nested models from the outermost one on."""


def describe_network(model: keras.Model) -> Network:
    """Describe the graph of a functional or sequential model, with nested models opened.

    Raises
    ------
    PartError
        If the model has a custom ``call``, or is not built.

    Examples
    --------
    >>> import cnnzoo
    >>> network = describe_network(cnnzoo.build("conv_stack"))
    >>> [(node.name, node.inputs) for node in network.nodes][:3]
    [('input', ()), ('stage1_conv', (0,)), ('stage2_conv', (1,))]
    >>> [(piece.name, piece.spans) for piece in network.pieces][:2]
    [('stage1_conv', ((1,),)), ('stage2_conv', ((2,),))]
    """
    parts = parts_of(model)
    flat = _Flat(model)
    pieces = (Piece(p.name, p.level, p.kind, tuple(flat.spans(p))) for p in parts)
    return Network(tuple(flat.nodes), tuple(pieces))


class _Flat:
    """The calls of a model and of the models nested in it, in one list."""

    def __init__(self, model: keras.Model) -> None:
        self.nodes: list[Node] = []
        self._copies: dict[Path, list[dict[int, tuple[int, ...]]]] = {}
        graph = graph_of(model)
        sources = {id(tensor): self._input(tensor) for tensor in graph.inputs}
        self._add(graph, graph, (), sources)

    def spans(self, part: Part) -> Iterator[tuple[int, ...]]:
        """Yield the places of a part, for each call of the nested models around it."""
        for places in self._copies[part.path]:
            for span in part.spans:
                yield tuple(n for call in span.calls for n in places[id(call.outputs[0])])

    def _input(self, tensor: Any) -> int:
        return self._node(Node(tensor.name, INPUT, shape=tuple(tensor.shape[1:])))

    def _node(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _add(self, graph: Graph, own: Graph, path: Path, sources: dict[int, int]) -> None:
        """Add the calls of a graph.

        Parameters
        ----------
        graph
            The graph with the shapes that it is called with.
        own
            The same graph with its own tensors, by which parts name their calls.
        path
            The nested models around it.
        sources
            Nodes by the tensors of the graph, which the new ones are added to.
        """
        places: dict[int, tuple[int, ...]] = {}
        self._copies.setdefault(path, []).append(places)
        for call, known in zip(graph.calls, own.calls, strict=True):
            start = len(self.nodes)
            found = self._call(call, path, sources)
            sources |= {id(out): node for out, node in zip(call.outputs, found, strict=True)}
            places[id(known.outputs[0])] = tuple(range(start, len(self.nodes)))

    def _call(self, call: Call, path: Path, sources: Mapping[int, int]) -> Sequence[int]:
        """Add a call, and return the nodes of its outputs."""
        inputs = [sources[id(tensor)] for tensor in call.tensors]
        inner = _inside(call)
        if inner is None:
            node = self._node(_described(call, path, tuple(dict.fromkeys(inputs))))
            return [node] * len(call.outputs)
        inside = {id(t): node for t, node in zip(inner.inputs, inputs, strict=True)}
        self._add(inner, graph_of(call.layer), (*path, call.layer), inside)
        return [inside[id(tensor)] for tensor in inner.outputs]


def _inside(call: Call) -> Graph | None:
    """Return the graph of a nested model with the shapes of a call; None if it is not opened."""
    if not isinstance(call.layer, keras.Model):
        return None
    try:
        graph = graph_of(call.layer, [tuple(tensor.shape) for tensor in call.tensors])
    except GraphError:
        return None
    fits = len(graph.inputs) == len(call.tensors) and len(graph.outputs) == len(call.outputs)
    return graph if fits and graph.calls else None


def _described(call: Call, path: Path, inputs: tuple[int, ...]) -> Node:
    layer = call.layer
    name = "".join(f"{model.name}/" for model in path) + layer.name
    try:
        macs: int | None = count_call(call)
    except UncountedError:
        macs = None
    params = layer.count_params() if isinstance(layer, keras.Layer) else 0
    return Node(name, type(layer).__name__, inputs, params, macs, call.output_shape[1:])
