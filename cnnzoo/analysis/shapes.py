"""Table of a model's layers with shapes, parameters and multiply-accumulates."""

from typing import Any

import keras
import pandas as pd

from cnnzoo.analysis.cost import macs_by_layer


def describe(model: keras.Model) -> pd.DataFrame:
    """Return a table of a model's layers, one row per layer.

    Parameters
    ----------
    model
        A built ``keras.Model``; a nested model is one row.

    Returns
    -------
    pandas.DataFrame
        With the columns ``layer`` (its name), ``kind`` (its class), ``output_shape`` (without
        the batch axis), ``params`` (weights, trainable or not), ``macs`` (multiply-accumulates of
        a forward pass of one example, summed over the layer's calls; NaN if they are unknown) and
        ``note`` (why they are unknown).

    Raises
    ------
    TypeError
        If `model` is not a ``keras.Model``.

    Examples
    --------
    >>> import cnnzoo
    >>> layers = describe(cnnzoo.build("downsampling")).set_index("layer")
    >>> layers["output_shape"]["stage1_conv"], int(layers["params"]["stage1_conv"])
    ((26, 26, 32), 320)
    """
    if not isinstance(model, keras.Model):
        received = type(model).__name__
        if isinstance(model, str):
            received = f"{model!r}. Build it first: cnnzoo.build({model!r})"
        raise TypeError(f"`describe`: expected a keras.Model; got {received}.")
    counts = macs_by_layer(model)
    rows = [
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output_shape": _output_shape(layer),
            "params": layer.count_params(),
            "macs": counts[layer.name].macs,
            "note": counts[layer.name].reason,
        }
        for layer in model.layers
    ]
    columns = ["layer", "kind", "output_shape", "params", "macs", "note"]
    return pd.DataFrame(rows, columns=columns)


def _output_shape(layer: keras.Layer) -> Any:
    shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape)[1:], layer.output)
    return tuple(shapes) if isinstance(shapes, list) else shapes
