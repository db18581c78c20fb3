"""A builder of a user's own whose loss and metric are toggles, for searches by any objective."""

import keras

METRICS = {
    "binary": lambda: "binary_accuracy",
    "binary at 0.9": lambda: keras.metrics.BinaryAccuracy(name="binary_accuracy", threshold=0.9),
    "categorical": lambda: "categorical_accuracy",
    "sparse": lambda: keras.metrics.SparseCategoricalAccuracy(name="hits"),
    "macro": lambda: keras.metrics.F1Score(average="macro"),
    "weighted": lambda: keras.metrics.F1Score(average="weighted"),
    "auc": lambda: keras.metrics.AUC(),
}


def measured(
    input_shape, classes, *, units=4, loss="categorical_crossentropy", metric="macro", decay=0.0
):
    penalty = keras.regularizers.L2(decay) if decay else None
    binary = loss == "binary_crossentropy"
    outputs, activation = (1, "sigmoid") if binary else (classes, "softmax")
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(units, kernel_regularizer=penalty),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    model.compile("adam", loss, metrics=[METRICS[metric]()])
    return model
