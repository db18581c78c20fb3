"""Parts of a model: its blocks, their branches, and its layers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras

from cnnzoo.analysis.graph import (
    Call,
    Graph,
    GraphError,
    functional_graph,
    graph_of,
    has_keras_call,
    is_graph,
)
from cnnzoo.parts.blocks import Block, branches_of, describe_kind, find_blocks
from cnnzoo.parts.names import PartError
from cnnzoo.parts.structure import Structure, Unit, has_kernel, structure_of
from cnnzoo.parts.width import Channels

UNNAMED = "block"
"""Name of blocks whose layers have no name in common, before their number."""


@dataclass(frozen=True, eq=False)
class Span:
    """The calls of a part between two tensors.

    Parameters
    ----------
    entry, exit
        Tensors at the ends; None if there are several.
    calls
        The calls.
    gives_output
        Whether the model has `exit` as an output.
    """

    entry: Any
    exit: Any
    calls: tuple[Call, ...]
    gives_output: bool

    @property
    def ends(self) -> str:
        """Number of inputs and outputs in words."""
        tensors = {id(tensor) for tensor in self.calls[0].tensors}
        outputs = len(self.calls[-1].outputs)
        return f"{len(tensors)} inputs" if self.entry is None else f"{outputs} outputs"


@dataclass(frozen=True, eq=False)
class Scene:
    """A graph of the model: its own, or that of a nested model.

    Parameters
    ----------
    model
        The model.
    path
        The nested models around the graph, from the outermost one on.
    is_end
        Whether the outputs of the graph are outputs of the whole model.
    """

    model: keras.Model
    path: tuple[keras.Model, ...] = ()
    is_end: bool = True

    @cached_property
    def graph(self) -> Graph:
        """The calls."""
        return graph_of(self.model)

    @cached_property
    def structure(self) -> Structure:
        """Chains and regions."""
        return structure_of(self.graph)

    @cached_property
    def channels(self) -> Channels:
        """Groups of channels of one width."""
        return Channels(self.graph)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks, without those of nested models."""
        return find_blocks(self.structure)

    @cached_property
    def _calls(self) -> dict[int, list[Call]]:
        found: dict[int, list[Call]] = {}
        for call in self.graph.calls:
            found.setdefault(id(call.layer), []).append(call)
        return found

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Number of each call in order, by its id."""
        return {id(call): number for number, call in enumerate(self.graph.calls)}

    def calls_of(self, layer: keras.Layer) -> list[Call]:
        """Return the calls of a layer in the graph."""
        return self._calls.get(id(layer), [])

    def gives_output(self, tensors: Iterable[Any]) -> bool:
        """Return whether one of some tensors is an output of the whole model."""
        return self.is_end and any(map(self.structure.is_output, tensors))

    def inside(self, model: keras.Model) -> "Scene":
        """Return the graph of a nested model."""
        outputs = [output for call in self.calls_of(model) for output in call.outputs]
        return Scene(model, (*self.path, model), self.gives_output(outputs))

    @property
    def prefix(self) -> str:
        """Beginning of the names of its parts."""
        return "".join(f"{model.name}/" for model in self.path)

    @cached_property
    def depths(self) -> dict[int, int]:
        """Largest number of layers with kernels on a path to a tensor, by its id."""
        depths = dict.fromkeys(map(id, self.graph.inputs), 0)
        for call in self.graph.calls:
            before = max((depths[id(tensor)] for tensor in call.tensors), default=0)
            for output in call.outputs:
                depths[id(output)] = before + has_kernel(call)
        return depths


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a model.

    Parameters
    ----------
    name
        Name, unique in the model.
    level
        "blocks", "branches" or "layers".
    kind
        Kind of a block, "branch", "gate" or the class of a layer.
    scene
        The graph that it is in.
    spans
        Its calls; those of a layer that is called several times are several spans.
    region
        The region of a residual block.
    """

    name: str
    level: str
    kind: str
    scene: Scene
    spans: tuple[Span, ...]
    region: Unit | None = field(default=None, repr=False)

    @property
    def path(self) -> tuple[keras.Model, ...]:
        """The nested models around it."""
        return self.scene.path

    @property
    def layer_name(self) -> str:
        """Name without those of nested models, with which names of layers may begin."""
        return self.name.rpartition("/")[2]

    @property
    def layers(self) -> tuple[Any, ...]:
        """Its layers and operations, each once."""
        return tuple(dict.fromkeys(call.layer for span in self.spans for call in span.calls))

    @property
    def is_code(self) -> bool:
        """Whether it is one custom layer with several kernels, whose call cannot be changed."""
        return len(self.layers) == 1 and has_inner_kernels(self.layers[0])

    @property
    def depth(self) -> int:
        """Largest number of layers with kernels on a path to its output."""
        depths = self.scene.depths
        return max(depths[id(out)] for span in self.spans for out in span.calls[-1].outputs)


def parts_of(model: keras.Model) -> list[Part]:
    """Return the parts of a model: blocks, their branches and layers, each in order.

    Raises
    ------
    PartError
        If the model is neither functional nor sequential, or not built.

    Examples
    --------
    >>> import cnnzoo
    >>> [part.name for part in parts_of(cnnzoo.build("downsampling")) if part.level == "blocks"]
    ['stage1', 'stage2']
    """
    try:
        functional_graph(model, "model")
    except TypeError as error:
        named = [layer.name for layer in getattr(model, "layers", ())]
        seen = f" Its layers are {', '.join(named)}." if named else ""
        raise PartError(f"{error}{seen}") from None
    found = list(_parts(Scene(model)))
    return [
        part for level in ("blocks", "branches", "layers") for part in found if part.level == level
    ]


def of_level(parts: Sequence[Part], level: str) -> list[Part]:
    """Return the parts of a level. Blocks and branches of one layer are among the layers too.

    Examples
    --------
    >>> import cnnzoo
    >>> parts = parts_of(cnnzoo.build("conv_stack"))
    >>> [part.name for part in of_level(parts, "blocks")]
    ['stage1_conv', 'stage2_conv']
    >>> [part.name for part in of_level(parts, "layers")]
    ['stage1_conv', 'stage2_conv', 'average', 'head']
    """
    if level != "layers":
        return [part for part in parts if part.level == level]
    places = {id(c.layer): n for part in parts for n, c in enumerate(part.scene.graph.calls)}
    single = (p for p in parts if len(p.layers) == 1 and isinstance(p.layers[0], keras.Layer))
    by_layer = {id(part.layers[0]): part for part in single}
    return sorted(
        by_layer.values(), key=lambda part: (part.scene.prefix, places[id(part.layers[0])])
    )


def _parts(scene: Scene) -> Iterator[Part]:
    """Yield the parts of a graph, and then those of the models nested in it.

    A nested model is opened if it has several blocks; otherwise it is a block itself. So is a
    custom layer with several kernels, whose call is code and cannot be opened.
    """
    nested = {model: list(_parts(scene.inside(model))) for model in _nested(scene)}
    opened = {m for m, inner in nested.items() if sum(p.level == "blocks" for p in inner) > 1}
    covered: set[keras.Operation] = set()
    listed: list[Part] = []
    for block in scene.blocks:
        inside = [call.layer for call in block.calls]
        if all(map(has_inner_kernels, inside)):
            continue  # they are blocks themselves
        if len(inside) > 1:
            listed += _of_block(block, scene)
        elif inside[0] not in covered | opened:
            listed.append(_of_layer(inside[0], "blocks", scene))
        covered |= set(inside)
    for layer in scene.model.layers:
        is_whole = (
            layer not in opened and _is_large(layer)
            if layer in nested
            else has_inner_kernels(layer)
        )
        if is_whole and layer not in covered and scene.calls_of(layer):
            listed.append(_of_layer(layer, "blocks", scene))
            covered.add(layer)
    listed = list(_unique(sorted(listed, key=_end)))
    single_layers = [_of_layer(n, "layers", scene) for n in scene.model.layers if scene.calls_of(n)]
    yield from _apart(listed, {part.name: part for part in single_layers})
    named = {part.name for part in listed}
    whole = {part.name for part in listed if len(part.layers) == 1}
    for part in single_layers:
        if part.name not in whole and not (part.name in named and _is_covered(part)):
            yield part
    for model, inner in nested.items():
        keeps_blocks = model in opened and model not in covered
        yield from (part for part in inner if keeps_blocks or part.level == "layers")


def _end(part: Part) -> int:
    """Return the number of the last call of a part in its graph."""
    calls = part.scene.numbers
    return max(calls[id(span.calls[-1])] for span in part.spans)


def _is_large(model: keras.Model) -> bool:
    """Return whether a nested model has several kernels."""
    return sum(len(weight.shape) > 1 for weight in model.weights) > 1


def has_inner_kernels(layer: keras.Operation) -> bool:
    """Return whether a layer with a custom call, other than a model, has several kernels inside."""
    if not isinstance(layer, keras.Layer) or is_graph(layer) or has_keras_call(layer):
        return False
    inside = [inner for inner in layer._flatten_layers(include_self=False) if not inner._layers]
    kernels = (
        any(len(weight.shape) > 1 for weight in inner.weights)
        for inner in inside
        if not isinstance(inner, keras.layers.Embedding)
    )
    return sum(kernels) > 1


def _nested(scene: Scene) -> Iterator[keras.Model]:
    """Yield the models in a graph whose own graph is known."""
    for layer in scene.model.layers:
        if isinstance(layer, keras.Model) and scene.calls_of(layer):
            try:
                graph_of(layer)
            except GraphError:
                continue
            yield layer


def _unique(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield parts with numbers after the names that several of them have, or that are none."""
    counts = Counter(part.name for part in parts)
    taken, numbers = set(counts), Counter[str]()
    for part in parts:
        name = part.name
        is_unnamed = part.layer_name == UNNAMED
        if counts[name] > 1 or is_unnamed:
            joint = "" if is_unnamed else "_"
            numbers[name] += 1
            while f"{name}{joint}{numbers[name]}" in taken:
                numbers[name] += 1
            name = f"{name}{joint}{numbers[name]}"
            taken.add(name)
        yield replace(part, name=name)


def _apart(parts: Sequence[Part], by_name: Mapping[str, Part]) -> Iterator[Part]:
    """Yield parts, with another name if a layer has the name and is listed itself."""
    for part in parts:
        layer = by_name.get(part.name)
        if layer is None or _is_covered(layer) or layer.layers == part.layers:
            yield part
        else:
            yield replace(part, name=f"{part.name}_block")


def _is_covered(layer: Part) -> bool:
    """Return whether a layer may be listed as the block that has its name: it merges maps."""
    return all(span.entry is None for span in layer.spans)


def _of_block(block: Block, scene: Scene) -> Iterator[Part]:
    """Yield a block and its branches."""
    name = f"{scene.prefix}{block.name or UNNAMED}"
    kind, spans = describe_kind(block), (_span(block.units, scene),)
    yield Part(name, "blocks", kind, scene, spans, block.region)
    for kind, units in branches_of(block):
        chain = (units,) if isinstance(units, Unit) else units
        yield Part(f"{name}_{kind}", "branches", kind, scene, (_span(chain, scene),))


def _of_layer(layer: Any, level: str, scene: Scene) -> Part:
    """Return a layer, with all its calls, as a part."""
    spans = tuple(_span_of_call(call, scene) for call in scene.calls_of(layer))
    return Part(f"{scene.prefix}{layer.name}", level, type(layer).__name__, scene, spans)


def _span(units: Sequence[Unit], scene: Scene) -> Span:
    calls = tuple(call for unit in units for call in unit.calls)
    end = units[-1].exit
    return Span(units[0].entry, end, calls, scene.gives_output([end]))


def _span_of_call(call: Call, scene: Scene) -> Span:
    tensors = list({id(tensor): tensor for tensor in call.tensors}.values())
    entry = tensors[0] if len(tensors) == 1 else None
    end = call.outputs[0] if len(call.outputs) == 1 else None
    return Span(entry, end, (call,), scene.gives_output(call.outputs))
