"""The graph of a model for a picture: its calls and parts as plain values, without Keras."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

INPUT = "Input"
"""Kind of the nodes that are inputs of the model."""


@dataclass(frozen=True)
class Node:
    """A call of a layer or an operation, or an input of the model.

    Parameters
    ----------
    name
        Name of the layer, with those of the nested models around it.
    kind
        Class of the layer.
    inputs
        Places of the nodes whose outputs it takes, all of them before its own.
    params, macs
        Its weights and multiply-accumulates; the latter are None if unknown.
    shape
        Shape of its first output, without the batch axis.
    """

    name: str
    kind: str
    inputs: tuple[int, ...] = ()
    params: int = 0
    macs: int | None = 0
    shape: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part of the model as places of nodes.

    Parameters
    ----------
    name, level, kind
        As in `ablations.parts`.
    spans
        Places of its nodes; those of a layer that is called several times are several spans.
    """

    name: str
    level: str
    kind: str
    spans: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Network:
    """The nodes of a model, each after its inputs, and its parts.

    Parameters
    ----------
    nodes, pieces
        The nodes and the parts.
    """

    nodes: tuple[Node, ...]
    pieces: tuple[Piece, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the network as values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Network":
        """Return the network that `to_dict` wrote.

        Raises
        ------
        ValueError, TypeError, KeyError
            If it is no network: a node's input is not before it, or a part has no such node.

        Examples
        --------
        >>> network = Network((Node("images", INPUT), Node("head", "Dense", (0,), 90)), ())
        >>> Network.from_dict(network.to_dict()) == network
        True
        """
        nodes = tuple(_node(place, each) for place, each in enumerate(values["nodes"]))
        pieces = tuple(_piece(each, len(nodes)) for each in values["pieces"])
        return cls(nodes, pieces)


def _node(place: int, values: Mapping[str, Any]) -> Node:
    node = Node(**{**values, "inputs": tuple(values["inputs"]), "shape": tuple(values["shape"])})
    _check_texts(node.name, node.kind)
    _check_places(node.inputs, place)
    counts = [node.params, *([] if node.macs is None else [node.macs])]
    sides = [side for side in node.shape if side is not None]
    if not all(isinstance(number, int) and number >= 0 for number in (*counts, *sides)):
        raise ValueError(f"node {place} has no valid cost or shape")
    return node


def _piece(values: Mapping[str, Any], nodes: int) -> Piece:
    piece = Piece(**{**values, "spans": tuple(tuple(span) for span in values["spans"])})
    _check_texts(piece.name, piece.level, piece.kind)
    for span in piece.spans:
        _check_places(span, nodes)
    return piece


def _check_texts(*texts: object) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a name in the network is no text")


def _check_places(places: tuple[object, ...], end: int) -> None:
    if not all(isinstance(place, int) and 0 <= place < end for place in places):
        raise ValueError(f"a node is not among the {end} nodes before")
