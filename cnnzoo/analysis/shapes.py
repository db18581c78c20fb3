"""The layers of a model, their shapes and their parameters."""

from typing import Any

import keras
import pandas as pd

from cnnzoo.analysis.cost import macs_by_layer


def describe(model: Any) -> pd.DataFrame:
    """Tabulate the layers of a model, a row a layer.

    Parameters
    ----------
    model
        A built ``keras.Model``; a model nested in it is one row.

    Returns
    -------
    pandas.DataFrame
        With the columns ``layer`` (its name), ``kind`` (its class), ``output_shape`` (without
        the batch axis), ``params`` (weights, trainable or not), ``macs`` (multiply-accumulates of
        a forward pass of one example, over all calls of the layer; NaN where they cannot be told)
        and ``note`` (why they cannot).

    Examples
    --------
    >>> import cnnzoo
    >>> layers = describe(cnnzoo.build("downsampling")).set_index("layer")
    >>> layers["output_shape"]["stage1_conv"], int(layers["params"]["stage1_conv"])
    ((26, 26, 32), 320)
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`describe` takes a keras.Model, as cnnzoo.build({model!r}) makes one; got {model!r}."
            if isinstance(model, str)
            else f"`describe` takes a keras.Model; got {type(model).__name__}."
        )
    counts = macs_by_layer(model)
    rows = [
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output_shape": _output_shape(layer),
            "params": layer.count_params(),
            "macs": counts[layer.name][0],
            "note": counts[layer.name][1],
        }
        for layer in model.layers
    ]
    columns = ["layer", "kind", "output_shape", "params", "macs", "note"]
    return pd.DataFrame(rows, columns=columns)


def _output_shape(layer: Any) -> Any:
    shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape)[1:], layer.output)
    return tuple(shapes) if isinstance(shapes, list) else shapes
