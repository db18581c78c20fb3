"""The boxes of a network's picture and the edges between them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from cnnzoo.parts.network import INPUT, Network, Node, Piece

SHORTCUTS = ("residual", "dense")
"""Kinds of blocks that have a shortcut around their layers."""


@dataclass(frozen=True)
class Box:
    """Nodes that are drawn as one box.

    Parameters
    ----------
    name
        Label.
    part
        Name of the part of the study that it is; empty if it is none.
    kind
        Kind of the part, or class of the layer; "layers" for several that are no part.
    nodes
        Number of nodes.
    params, macs
        Sum of their costs; the multiply-accumulates are None if those of a node are unknown.
    shape
        Shape of its output.
    shortcut
        Whether a shortcut leads around the layers inside of it.
    """

    name: str
    part: str
    kind: str
    nodes: int
    params: int
    macs: int | None
    shape: tuple[int | None, ...]
    shortcut: bool


@dataclass(frozen=True)
class Diagram:
    """Boxes, each after those that it takes tensors from.

    Parameters
    ----------
    boxes
        The boxes.
    edges
        Pairs of places in `boxes`, the earlier one first.
    """

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]


def diagram_of(network: Network, parts: Collection[str]) -> Diagram:
    """Group the nodes of a network into boxes.

    Each part of the study is a box, and so is each other block. What is left is grouped as far as
    it forms chains. A part around another one is drawn as what surrounds that.

    Parameters
    ----------
    network
        The network.
    parts
        Names of the parts of the study.

    Examples
    --------
    >>> nodes = [Node("images", INPUT), Node("conv", "Conv2D", (0,)), Node("pool", "MaxPooling2D",
    ...     (1,)), Node("block1", "Dense", (2,), 90), Node("head", "Dense", (3,), 30)]
    >>> network = Network(tuple(nodes), (Piece("block1", "layers", "Dense", ((3,),)),))
    >>> diagram = diagram_of(network, ["block1"])
    >>> [(box.name, box.nodes) for box in diagram.boxes]
    [('input', 1), ('conv', 2), ('block1', 1), ('head', 1)]
    >>> diagram.edges
    ((0, 1), (1, 2), (2, 3))
    """
    owners = _owners(network, parts)
    groups = _Groups(network.nodes, owners)
    ordered = _in_order(groups)
    places = {group: place for place, group in enumerate(ordered)}
    edges = sorted(
        {(places[source], places[group]) for group in ordered for source in groups.before[group]}
    )
    inputs = sum(node.kind == INPUT for node in network.nodes)
    boxes = (
        _box([network.nodes[n] for n in groups.members[group]], owners[groups.members[group][0]],
             parts, single_input=inputs == 1)
        for group in ordered
    )  # fmt: skip
    return Diagram(tuple(boxes), tuple(edges))


Owner = tuple[Piece, int]
"""A part, and which of its spans."""


def _owners(network: Network, parts: Collection[str]) -> list[Owner | None]:
    """Return the part that each node is drawn in: the smallest one of the study, else a block."""
    owners: list[Owner | None] = [None] * len(network.nodes)
    studied = [piece for piece in network.pieces if piece.name in parts]
    for piece in sorted(studied, key=lambda piece: sum(map(len, piece.spans))):
        for number, span in enumerate(piece.spans):
            for node in span:
                owners[node] = owners[node] or (piece, number)
    for piece in network.pieces:
        if piece.level == "blocks" and piece.name not in parts:
            for number, span in enumerate(piece.spans):
                if not any(owners[node] for node in span):
                    for node in span:
                        owners[node] = (piece, number)
    return owners


class _Groups:
    """Nodes by box, so that no two boxes lead to each other."""

    def __init__(self, nodes: Sequence[Node], owners: Sequence[Owner | None]) -> None:
        self.members: list[list[int]] = []
        self.before: list[set[int]] = []
        self.of_node: list[int] = []
        latest: dict[tuple[str, int], int] = {}
        for place, node in enumerate(nodes):
            sources = {self.of_node[source] for source in node.inputs}
            owner = owners[place]
            key = (owner[0].name, owner[1]) if owner else None
            if key is not None:
                joined = latest.get(key)
                if joined is not None and self._leads_back(joined, sources):
                    joined = None
            else:
                joined = self._chain(nodes, owners, sources)
            if joined is None:
                joined = len(self.members)
                self.members.append([])
                self.before.append(set())
            if key is not None:
                latest[key] = joined
            self.members[joined].append(place)
            self.before[joined] |= sources - {joined}
            self.of_node.append(joined)

    def _chain(
        self, nodes: Sequence[Node], owners: Sequence[Owner | None], sources: set[int]
    ) -> int | None:
        """Return the group that alone leads to a node without a part, if it has none either."""
        if len(sources) != 1:
            return None
        (source,) = sources
        first = self.members[source][0]
        return source if owners[first] is None and nodes[first].kind != INPUT else None

    def _leads_back(self, group: int, sources: set[int]) -> bool:
        """Return whether a way leads from a group through others to one of the sources."""
        waiting, seen = [source for source in sources if source != group], set[int]()
        while waiting:
            at = waiting.pop()
            if at == group:
                return True
            if at not in seen:
                seen.add(at)
                waiting += self.before[at]
        return False


def _in_order(groups: _Groups) -> list[int]:
    """Return the groups branch by branch, each after those before it."""
    after: list[list[int]] = [[] for _ in groups.members]
    missing = [len(before) for before in groups.before]
    for group, before in enumerate(groups.before):
        for source in before:
            after[source].append(group)
    first_node = [members[0] for members in groups.members]
    waiting = sorted(
        (g for g, count in enumerate(missing) if not count), key=first_node.__getitem__
    )
    waiting.reverse()
    ordered = []
    while waiting:
        group = waiting.pop()
        ordered.append(group)
        ready = []
        for following in after[group]:
            missing[following] -= 1
            if not missing[following]:
                ready.append(following)
        waiting += sorted(ready, key=first_node.__getitem__, reverse=True)
    return ordered


def _box(
    nodes: Sequence[Node], owner: Owner | None, parts: Collection[str], *, single_input: bool
) -> Box:
    macs = [node.macs for node in nodes]
    if owner:
        name, kind = owner[0].name, owner[0].kind
    elif nodes[0].kind == INPUT:
        name, kind = "input" if single_input else nodes[0].name, INPUT
    else:
        name, kind = _name(nodes), nodes[0].kind if len(nodes) == 1 else "layers"
    return Box(
        name=name,
        part=owner[0].name if owner and owner[0].name in parts else "",
        kind=kind,
        nodes=len(nodes),
        params=sum(node.params for node in nodes),
        macs=None if None in macs else sum(count or 0 for count in macs),
        shape=nodes[-1].shape,
        shortcut=bool(owner) and owner[0].level == "blocks" and owner[0].kind in SHORTCUTS,  # type: ignore[index]
    )


def _name(nodes: Sequence[Node]) -> str:
    """Return the beginning that all names share, else the name of the node with most weights."""
    tokens = list(_shared(re.split(r"(?<=[_.\-/])", node.name) for node in nodes))
    shared = "".join(tokens).rstrip("_.-/")
    return shared or max(nodes, key=lambda node: node.params).name


def _shared(names: Iterator[list[str]]) -> Iterator[str]:
    for column in zip(*names, strict=False):
        if len({token.rstrip("_.-/") for token in column}) > 1:
            return
        yield column[0]
