"""Interventions: outputs of a trained model while the output of a part is replaced."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

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


def given_to(model: keras.Model, batch: Maps) -> Any:
    """Return a batch as a model takes it for its only input: with its rank and its type."""
    (tensor,) = model.inputs
    spare = batch.ndim - len(tensor.shape)
    if spare == 1 and batch.shape[-1] == 1:
        batch = batch[..., 0]
    elif spare == -1:
        batch = batch[..., None]
    return keras.ops.convert_to_tensor(batch, tensor.dtype)
