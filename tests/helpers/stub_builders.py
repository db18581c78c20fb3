"""Builders of a user's own, in every form that a study takes."""

import functools
import os
from typing import Annotated, Literal

import keras
import keras_tuner
import numpy as np

from cnnzoo.toggle import Toggle
from cnnzoo.vocabulary import Units


def _dense(input_shape, classes, units, rate=0.0):
    layers = [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(units)]
    if rate:
        layers.append(keras.layers.Dropout(rate))
    model = keras.Sequential([*layers, keras.layers.Dense(classes, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def annotated(
    *,
    input_shape,
    classes,
    units: Units = 8,
    rate: Annotated[float, Toggle("dropout rate", low=0, high=0.9)] = 0,
):
    return _dense(input_shape, classes, units, rate)


def plain(input_shape, classes, units=8, rate=0.0, wide=False, kind="relu"):
    return _dense(input_shape, classes, units * (4 if wide else 1), rate)


def typed(
    input_shape, classes, units: int = 8, rate: "float" = 0.0, wide: bool = False, kind: str = "a"
):
    return _dense(input_shape, classes, units * (4 if wide else 1), rate)


def listing(
    input_shape,
    classes,
    units: int = 8,
    kind: Literal["low", "high"] = "low",
    wide: "bool" = False,
    mixed: Literal["none", 1] = 1,
): ...


def needy(input_shape, width, classes, units=8): ...


def whole(units=8):
    return units


def inputless(classes, units=8):
    """A Sequential that learns only from its first batch what it is given."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(units)]
    model = keras.Sequential([*layers, keras.layers.Dense(classes, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def reshaping(input_shape, classes, size=8):
    """What Keras says of a wrong size comes wrapped."""
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Reshape((size, 8))])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(classes, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def objective(input_shape, classes, *, objective="crossentropy", units=8):
    """A builder whose loss is chosen under a name of its own."""
    model = _dense(input_shape, classes, units)
    losses = {
        "crossentropy": "sparse_categorical_crossentropy",
        "squares": "mean_squared_error",
        "focal": keras.losses.CategoricalFocalCrossentropy(gamma=3.0),
    }
    model.compile("adam", losses[objective])
    return model


def unnamed(input_shape, classes, *, extra=0):
    return _dense(input_shape, classes, 8)


def refusing(input_shape, classes, *, units=8):
    if units > 8:
        raise ValueError(f"{units} are too many\nfor this builder")
    return _dense(input_shape, classes, units)


def leaving(input_shape, classes, *, units=8):
    if units > 8:
        raise SystemExit(3)
    return _dense(input_shape, classes, units)


def tuned(hp):
    """The way KerasTuner's guide writes it, with a branch that the defaults do not take."""
    units = hp.Int("units", 4, 16, step=4, default=8)
    wide = hp.Boolean("wide")
    kind = hp.Choice("kind", ["dense", "dropout"])
    rate = 0.0
    with hp.conditional_scope("kind", ["dropout"]):
        if kind == "dropout":
            rate = hp.Float("rate", 0.1, 0.5, default=0.2)
    return _dense((8, 8, 1), 10, units * (4 if wide else 1), rate)


def tutorial(hp):
    """The way KerasTuner's first guide writes it: choices under a plain ``for`` and ``if``."""
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten()]
    for place in range(hp.Int("num_layers", 1, 3)):
        units = hp.Int(f"units_{place}", 4, 16, step=4)
        layers.append(keras.layers.Dense(units, activation="relu"))
    if hp.Boolean("dropout"):
        layers.append(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)))
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    rate = hp.Float("lr", 1e-4, 1e-2, sampling="log")
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def spelled(parameters: keras_tuner.HyperParameters):
    return tutorial(parameters)


def quoted(parameters: "keras_tuner.HyperParameters"):
    return tutorial(parameters)


class Tuned(keras_tuner.HyperModel):
    def build(self, hp):
        return tuned(hp)


def paired(hp):
    """Two choices decide together whether a third one counts."""
    both = [hp.Boolean("wide"), hp.Boolean("deep")]
    return _dense((8, 8, 1), 10, hp.Int("units", 4, 16, step=4) if all(both) else 8)


class Sized(keras_tuner.HyperModel):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, hp):
        return _dense((8, 8, 1), 10, self.units, hp.Float("rate", 0.0, 0.5))


sized = Sized(4)


class Fitting(Sized):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, shuffle=hp.Boolean("shuffled"), **kwargs)


fitting = Fitting(4)


class Looping:
    """A builder with a training loop of its own, which counts the steps of an epoch."""

    def __init__(self, scale=1):
        self.scale = scale

    def build(self, input_shape, classes, units=4):
        return _dense(input_shape, classes, units * self.scale)

    def fit(self, model, data, seed, steps: int = 2):
        draws = np.random.default_rng(seed)
        losses = []
        for _ in range(steps):
            rows = draws.integers(len(data.train.x), size=8)
            losses.append(model.train_on_batch(data.train.x[rows], data.train.y[rows]))
        return {"loss": losses}


class Silent(Looping):
    """One whose `fit` returns what is no history."""

    def fit(self, model, data, seed, answer: str = "text"):
        return 3.5 if answer == "number" else None


class Plain(keras.layers.Layer):
    """A layer of a function, without a configuration."""

    def __init__(self, function, units, **keywords):
        super().__init__(**keywords)
        self.function, self.units = function, units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, inputs):
        return self.function(keras.ops.matmul(inputs, self.kernel))


class Whole(keras.Model):
    """A subclass of keras.Model with a custom call and a layer without a configuration."""

    def __init__(self, units, classes):
        super().__init__()
        self.flat = keras.layers.Flatten(name="flat")
        self.hidden = Plain(keras.ops.relu, units, name="hidden")
        self.head = keras.layers.Dense(classes, "softmax", name="head")

    def call(self, inputs):
        return self.head(self.hidden(self.flat(inputs)))


def subclassing(input_shape, classes, units=4):
    model = Whole(units, classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


Normalization = Annotated[
    object,
    Toggle("normalization", objects={"batch": keras.layers.BatchNormalization, "none": None}),
]


def uncompiled(
    input_shape,
    classes,
    activation=keras.activations.relu,
    size=(2, 2),
    norm: Normalization = None,
    units: int | None = None,
):
    layers = [keras.Input(input_shape), keras.layers.MaxPooling2D(size), keras.layers.Flatten()]
    layers += [Plain(activation, units or 4, name="hidden"), *([norm()] if norm else [])]
    return keras.Sequential([*layers, keras.layers.Dense(classes, name="head")])


def switched(hp):
    """A Choice of booleans, with the first as default."""
    wide = hp.Choice("wide", [True, False])
    if type(wide) is not bool:
        raise TypeError(f"{wide!r} is no bool")
    return _dense((8, 8, 1), 10, 16 if wide else 4)


wide = functools.partial(plain, wide=True)
wide_typed = functools.partial(typed, wide=True)


class Subclassed(keras.Model):
    """What is itself a model, and whose method `build` is Keras's."""


subclassed = Subclassed()

SIZES = [4, 8]


class Outer:
    @staticmethod
    def build_inner(input_shape, classes, units=8):
        return _dense(input_shape, classes, units)


def vast(hp):
    """A builder whose larger end no memory holds."""
    units = hp.Int("units", 8, 2**40)
    if units > 8:
        hp.Boolean("deep")
    return _dense((8, 8, 1), 10, units)


def setting(hp):
    """A builder that sets weights, for which they must be there."""
    wide = False
    model = _dense((8, 8, 1), 10, hp.Int("units", 4, 8))
    model.set_weights(model.get_weights())
    if hp["units"] == 8:
        wide = hp.Boolean("wide")
    return model if not wide else _dense((8, 8, 1), 10, 16)


def scored(input_shape, classes, head="linear"):
    """Scores where the loss takes probabilities, a common mistake."""
    layers = [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(classes, head)]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


MADE = []


def backbone_of(input_shape, name="backbone"):
    layers = [keras.Input(input_shape), keras.layers.Flatten()]
    layers += [keras.layers.Dense(6, activation="relu", name="features")]
    return keras.Sequential([*layers, keras.layers.BatchNormalization(name="norm")], name=name)


def frozen(input_shape, classes, rate=0.0):
    """A head on a frozen backbone, whose weights come from the file that BACKBONE names."""
    backbone = backbone_of(input_shape)
    backbone.load_weights(os.environ["BACKBONE"])
    backbone.trainable = False
    head = [keras.layers.Dropout(rate), keras.layers.Dense(classes, "softmax", name="head")]
    model = keras.Sequential([keras.Input(input_shape), backbone, *head])
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    MADE.append(model)
    return model


def _doubled(layer, inputs):
    return 2 * keras.layers.Dense.original(layer, inputs)


def leaking(input_shape, classes, *, leak="none", units=8):
    """A builder one of whose levels changes what all models depend on, and leaves it so."""
    if leak == "policy":
        keras.config.set_dtype_policy("mixed_bfloat16")
    if leak == "floatx":
        keras.config.set_floatx("float64")
    if leak == "epsilon":
        keras.config.set_epsilon(0.3)
    if leak == "patch":
        keras.layers.Dense.original = keras.layers.Dense.call
        keras.layers.Dense.call = _doubled
    width = units + np.random.randint(3) if leak == "draw" else units  # noqa: NPY002
    layers = [
        keras.Input(input_shape),
        keras.layers.Flatten(),
        keras.layers.Dense(width),
        keras.layers.LayerNormalization(epsilon=keras.config.epsilon()),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    return model
