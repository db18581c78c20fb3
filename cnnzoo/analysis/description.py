"""Table of a model's layers: shapes, parameters, cost, memory and receptive fields."""

import math
from typing import Any

import keras
import pandas as pd

from cnnzoo.analysis.cost import macs_by_layer
from cnnzoo.analysis.graph import (
    GraphError,
    graph_of,
    inner_graph,
    is_graph,
    refuse_other_models,
)
from cnnzoo.analysis.receptive_field import ReceptiveField, field_of
from cnnzoo.analysis.tracing import Tracer

COLUMNS = (
    "layer",
    "kind",
    "output_shape",
    "params",
    "macs",
    "receptive_field",
    "jump",
    "activation_bytes",
    "offset",
    "padding_in_view",
    "note",
)
"""Columns of the table."""


def describe(model: keras.Model) -> pd.DataFrame:
    """Return a table of a model's layers, one row per layer.

    Parameters
    ----------
    model
        A built ``keras.Model``; a nested model is one row.

    Returns
    -------
    pandas.DataFrame
        With the columns

        - ``layer`` (its name), ``kind`` (its class), ``output_shape`` (without the batch axis) and
          ``params`` (weights, trainable or not);
        - ``macs``: multiply-accumulates of a forward pass of one example, summed over the layer's
          calls; NaN if they are unknown;
        - ``receptive_field``: the largest number of input positions in view of a unit, for images
          (height, width); None on an axis where it is unknown. See `receptive_field`;
        - ``jump``: input positions between adjacent units, per axis;
        - ``activation_bytes``: bytes of the layer's outputs for one example, which training keeps
          for the gradients; of a nested model, those of its layers; NaN if a size is unknown;
        - ``offset``: centre of the first unit's receptive field, per axis;
        - ``padding_in_view``: whether a unit sees zeros that a layer padded;
        - ``note``: what is unknown or measured, and why.

    Raises
    ------
    TypeError
        If `model` is not a built ``keras.Model``.

    Examples
    --------
    >>> import cnnzoo
    >>> layers = describe(cnnzoo.build("downsampling")).set_index("layer")
    >>> layers["output_shape"]["stage1_conv"], int(layers["params"]["stage1_conv"])
    ((26, 26, 32), 320)
    >>> layers["receptive_field"]["stage2_conv"], layers["jump"]["stage2_conv"]
    ((8, 8), (2.0, 2.0))
    """
    refuse_other_models(model, "describe")
    counts = macs_by_layer(model)
    fields, reason = _fields(model)
    activations = _activation_bytes(model)
    rows = []
    for layer in model.layers:
        count, field = counts[layer.name], fields.get(layer.name)
        shape = _output_shape(layer, model)
        notes = {"macs": count.reason, "receptive_field": field.note if field else reason}
        rows.append(
            {
                "layer": layer.name,
                "kind": type(layer).__name__,
                "output_shape": shape,
                "params": layer.count_params(),
                "macs": None if shape is None else count.macs,
                "receptive_field": field and field.size,
                "jump": field and field.jump,
                "activation_bytes": activations.get(layer.name),
                "offset": field and field.offset,
                "padding_in_view": None if field is None else any(field.padding_in_view),
                "note": "; ".join(f"{k}: {note}" for k, note in notes.items() if note),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _fields(model: keras.Model) -> tuple[dict[str, ReceptiveField], str]:
    """Return the receptive field of each layer, and why there are none."""
    try:
        tracer = Tracer(model)
    except GraphError as error:
        return {}, str(error)
    return {name: field_of(tracer, name) for name in tracer.states if "/" not in name}, ""


def _activation_bytes(model: keras.Model) -> dict[str, int | None]:
    """Return the bytes of the outputs of each layer for one example, summed over its calls."""
    try:
        graph = graph_of(model)
    except GraphError:
        return {}
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.InputLayer)]
    totals: dict[str, int | None] = {
        name: _bytes_of([tensor]) for name, tensor in zip(names, graph.inputs, strict=False)
    }
    for call in graph.calls:
        before, added = totals.get(call.layer.name, 0), _bytes_inside(call)
        total = None if before is None or added is None else before + added
        totals[call.layer.name] = total
    return totals


def _bytes_inside(call: Any) -> int | None:
    if not is_graph(call.layer):
        return _bytes_of(call.outputs)
    try:
        counts = [_bytes_inside(inner) for inner in inner_graph(call).calls]
    except GraphError:
        return None
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _bytes_of(tensors: Any) -> int | None:
    total = 0
    for tensor in tensors:
        shape = tuple(tensor.shape)[1:]
        if None in shape:
            return None
        total += math.prod(shape) * _item_size(tensor.dtype)
    return total


def _item_size(dtype: str) -> int:
    """Return the bytes of a value.

    Examples
    --------
    >>> _item_size("float32"), _item_size("bfloat16"), _item_size("bool")
    (4, 2, 1)
    """
    digits = "".join(character for character in dtype if character.isdigit())
    return max(int(digits) // 8, 1) if digits and not dtype.startswith("float8") else 1


def _output_shape(layer: keras.Layer, model: keras.Model) -> Any:
    """Return the shape of a layer's output; None in a model whose `call` hides its layers."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        if layer.built:
            return None
        raise TypeError(
            f"`describe`: expected a built keras.Model; got `{model.name}`, whose layer "
            f"`{layer.name}` has no weights yet. Call the model on a keras.Input, or build it with "
            "keras.Model(inputs, outputs)."
        ) from None
    shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape)[1:], output)
    return tuple(shapes) if isinstance(shapes, list) else shapes
