"""KerasTuner's ``build(hp)`` and hypermodels, as its guide has them."""

import os

import keras
import keras_tuner

SEEN = []


def build(hp):
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    if hp.Boolean("wide", default=False):
        layers.append(keras.layers.Dense(hp.Int("units", 4, 8, step=2), activation="relu"))
    kind = hp.Choice("kind", ["adam", "sgd", "refused"])
    if kind == "refused":
        raise keras_tuner.errors.FailedTrialError("it would be too slow.")
    with hp.conditional_scope("kind", ["sgd"]):
        momentum = hp.Float("momentum", 0.1, 0.9) if kind == "sgd" else 0.0
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    adam = keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.SGD(rate, momentum) if kind == "sgd" else adam
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    SEEN.append(dict(hp.values))
    return model


def guide(hp):
    """KerasTuner's first guide to the letter: without an Input."""
    model = keras.Sequential()
    model.add(keras.layers.Flatten())
    model.add(
        keras.layers.Dense(
            units=hp.Int("units", min_value=32, max_value=512, step=32), activation="relu"
        )
    )
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def reshaping(hp):
    """A model whose larger sizes do not fit the data, which Keras says in its own way."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Reshape((hp.Choice("size", [8, 9]), 8))]
    layers += [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def misshapen(hp):
    return reshaping(type("Nine", (), {"Choice": lambda *_: 9}))


class Hyper(keras_tuner.HyperModel):
    """One with a setting, and a size declared before it is built."""

    def __init__(self, largest):
        super().__init__()
        self.largest = largest

    def declare_hyperparameters(self, hp):
        hp.Int("units", 2, self.largest)

    def build(self, hp):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(hp.get("units")),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        return model


class WithFit(Hyper):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)


def broken(hp):
    raise OSError("no such file")


def for_others(hp):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(hp.Int("units", 2, 4))])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def two_names(hp):
    hp.Choice("batch_size", [1, 2])
    return build(hp)


def constant(hp):
    return build(keras_tuner.HyperParameters())


def backbone():
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(6, name="features"),
    ]
    return keras.Sequential(layers, name="backbone")


def frozen(hp):
    """A head on a frozen backbone, whose weights come from the file that BACKBONE names."""
    features = backbone()
    features.load_weights(os.environ["BACKBONE"])
    features.trainable = False
    head = keras.layers.Dense(10, activation="softmax", name="head")
    model = keras.Sequential([keras.Input((8, 8, 1)), features, head])
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def scored(hp):
    """Scores where the loss takes probabilities, a common mistake."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model
