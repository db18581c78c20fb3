"""A builder one of whose levels is None."""

import keras


def build(input_shape, classes, units: int | None = None):
    """Build a compiled model with a hidden layer, unless `units` is None."""
    hidden = [] if units is None else [keras.layers.Dense(units, "relu", name="hidden")]
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(name="flat"),
            *hidden,
            keras.layers.Dense(classes, "softmax", name="head"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
