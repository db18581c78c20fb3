"""Interventions: outputs of a trained model while the output of a part is replaced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.analysis.graph import Graph
from cnnzoo.parts.names import PartError
from cnnzoo.parts.operation import kept_branch
from cnnzoo.parts.part import Part
from cnnzoo.parts.structure import kind_of
from cnnzoo.parts.width import MAKERS

Maps = NDArray[Any]

Replace = Callable[[Maps, Maps], Maps]
"""Returns the replaced output of a part for a batch, from the output and its mean."""


def zeros(maps: Maps, _: Maps) -> Maps:
    """Return maps of zeros."""
    return np.zeros_like(maps)


def means(maps: Maps, mean: Maps) -> Maps:
    """Return the mean over the examples, for each of them."""
    return np.broadcast_to(mean, maps.shape).astype(maps.dtype)


def of_others(maps: Maps, _: Maps) -> Maps:
    """Return the maps of other examples, in an order that depends on their number only."""
    order = np.random.default_rng(len(maps)).permutation(len(maps))
    found = np.empty_like(maps)
    found[order] = maps[np.roll(order, 1)]  # one cycle, so that no example keeps its own
    return found


REPLACEMENTS: dict[str, Replace] = {"zero": zeros, "mean": means, "resample": of_others}
"""The replacement of an output, by name."""


@dataclass(frozen=True)
class Cut:
    """A model in two functions: up to some tensors, and from there to its output.

    Parameters
    ----------
    before
        Returns the tensors, and all others that the second function needs, for inputs.
    after
        Returns the model's outputs for them.
    count
        Number of the tensors.
    """

    before: keras.Function
    after: keras.Function
    count: int

    @classmethod
    def at(cls, graph: Graph, tensors: Sequence[Any]) -> "Cut":
        """Cut the graph of a model at some tensors."""
        replaced = {id(tensor) for tensor in tensors}
        later, border = set(replaced), dict[int, Any]()
        for call in graph.calls:
            if not any(id(tensor) in later for tensor in call.tensors):
                continue
            if all(id(output) in replaced for output in call.outputs):
                continue
            later |= {id(output) for output in call.outputs}
            border |= {id(t): t for t in call.tensors}
        border |= {id(tensor): tensor for tensor in graph.outputs}
        others = [tensor for key, tensor in border.items() if key not in later]
        given = [*tensors, *others]
        return cls(
            keras.Function(list(graph.inputs), given),
            keras.Function(given, list(graph.outputs)),
            len(tensors),
        )


def outputs_of_part(part: Part) -> list[Any]:
    """Return the tensors that carry what a part does.

    Of a residual block they are the branch that is added to the shortcut, of a dense block the
    maps that are concatenated with it, and of all other parts their outputs.

    Raises
    ------
    PartError
        If replacing them is not possible; the message is a reason.
    """
    if part.path:
        raise PartError(f"it is inside the nested model `{part.path[0].name}`")
    if any(span.gives_output for span in part.spans):
        raise PartError("it gives the model's output")
    region = part.region
    if region is not None and part.level == "blocks":
        new = [tensor for tensor in region.last.tensors if tensor is not region.entry]
        if kind_of(region.last) == "Concatenate" and len(new) < len(region.last.tensors):
            return new
        branch = kept_branch(region)
        if branch is not None:
            return [branch]
    return [output for span in part.spans for output in span.calls[-1].outputs]


def channels_of(part: Part) -> int:
    """Return the number of channels of a layer that makes them; 0 if it makes none.

    Raises
    ------
    PartError
        If the layer is called several times; the message is a reason.
    """
    (layer, *others) = part.layers
    if others or type(layer) not in MAKERS:
        return 0
    if len(part.spans) > 1:
        raise PartError(f"it is called {len(part.spans)} times")
    return int(getattr(layer, MAKERS[type(layer)]))


def given_to(model: keras.Model, batch: Maps) -> list[Any]:
    """Return a batch as a functional model takes it for its input, with the rank of the input."""
    graph: Any = getattr(model, "_functional", None) or model
    found: list[Any] = graph._standardize_inputs(
        keras.tree.pack_sequence_as(graph._inputs_struct, [batch])
    )
    return found
