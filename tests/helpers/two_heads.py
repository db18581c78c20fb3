"""Images of stripes with three labels each, and models with an output for each of them."""

import keras
import numpy as np
from keras import layers

import cnnzoo

SHAPE = (4, 4, 1)
COUNT = 60


def labels(count=COUNT):
    """Class ids of 3 classes, names of 2, and numbers."""
    column = np.arange(count) % 3
    rng = np.random.default_rng(1)
    return {
        "column": column,
        "side": np.where(column == 0, "left", "right"),
        "level": rng.uniform(0.2, 1, count),
    }


def images(count=COUNT):
    """An image for each of `labels`: the column is bright, as much as the level says."""
    y = labels(count)
    x = np.zeros((count, *SHAPE), "float32")
    x[np.arange(count), :, y["column"], 0] = y["level"][:, None]
    return x


def stripes(outputs=("column", "side", "level"), **options):
    """Loaded data with the given outputs."""
    y = labels()
    return cnnzoo.load_data((images(), {name: y[name] for name in outputs}), **options)


LOSSES = {
    "column": "sparse_categorical_crossentropy",
    "side": "binary_crossentropy",
    "level": "mse",
}
UNITS = {"column": 3, "side": 1, "level": 1}
ENDS = {"column": "softmax", "side": "sigmoid", "level": "linear"}


def two_heads(
    input_shape=SHAPE,
    classes=None,
    units: int = 4,
    side_weight: float = 1.0,
    form: str = "mapping",
    outputs: tuple = ("column", "side"),
    rate: float = 0.5,
):
    """Build a compiled model with a hidden layer and some outputs.

    The form is "mapping", "list", or for one output "tensor".
    """
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(units, "relu", name="hidden")(layers.Flatten(name="flat")(inputs))
    heads = {n: layers.Dense(UNITS[n], ENDS[n], name=n)(hidden) for n in outputs}
    forms = {"mapping": heads, "list": [*heads.values()], "tensor": heads[outputs[0]]}
    model = keras.Model(inputs, forms[form], name="heads")
    weights = {name: side_weight if name == "side" else 1.0 for name in outputs}
    model.compile(
        keras.optimizers.SGD(rate),
        loss={name: LOSSES[name] for name in outputs},
        loss_weights=weights,
        metrics={name: ["accuracy"] for name in outputs if name != "level"},
    )
    return model
