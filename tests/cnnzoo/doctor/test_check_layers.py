"""Findings about layers, initial weights and steps: each fault beside a sound twin."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(60, 8, 8, 1)).astype("float32")
Y = np.arange(60) % 3


def model(*hidden, optimizer="adam", classes=3):
    built = keras.Sequential(
        [keras.Input((8, 8, 1)), *hidden, layers.Dense(classes, "softmax", name="head")]
    )
    built.compile(optimizer, "sparse_categorical_crossentropy")
    return built


def findings(built, x=X, y=Y, **how):
    return cnnzoo.check(built, (x, y), probes=False, **how)


def codes(built, severities=("error", "warning"), **how):
    table = findings(built, **how)
    return table.loc[table["severity"].isin(severities), "code"].tolist()


def conv(activation="relu", name=None, **how):
    return layers.Conv2D(4, 3, padding="same", activation=activation, name=name, **how)


def dense(activation="relu", units=16, name=None, **how):
    return layers.Dense(units, activation, name=name, **how)


def squeeze_and_excite():
    inputs = keras.Input((8, 8, 1))
    maps = conv()(inputs)
    gate = layers.Dense(4, "sigmoid")(layers.GlobalAveragePooling2D()(maps))
    outputs = layers.Dense(3, "softmax")(layers.Flatten()(layers.Multiply()([maps, gate])))
    built = keras.Model(inputs, outputs)
    built.compile("adam", "sparse_categorical_crossentropy")
    return built


@pytest.mark.parametrize(
    "hidden",
    [
        [conv(), layers.Flatten()],
        [conv(), layers.MaxPooling2D(), conv(), layers.GlobalAveragePooling2D()],
        [conv(None), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), dense()],
        [layers.Flatten(), dense(), layers.Dropout(0.5), dense(), layers.Dropout(0.2)],
        [layers.Flatten(), *[dense("tanh") for _ in range(4)]],
        [layers.Flatten()],
        [layers.Flatten(), dense(kernel_initializer="orthogonal")],
    ],
)
def test_sound_layers_have_no_finding(hidden):
    assert codes(model(*hidden), ("error", "warning", "note")) == []


def averaged(size, *maps):
    built = keras.Sequential(
        [
            keras.Input((size, size, 1)),
            *maps,
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(3, "softmax", name="head"),
        ]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    return findings(built, np.repeat(np.repeat(X, size // 8, 1), size // 8, 2))


def test_average_of_small_patches_is_a_note():
    (row,) = averaged(32, conv(), conv(), conv()).itertuples()  # 1 + 3 * 2 = 7 of 32 pixels
    assert (row.code, row.severity, row.layer) == ("receptive-field-small", "note", "average")
    assert row.evidence == (
        "each unit that `average` averages sees 7 x 7 of 32 x 32 pixels, and no later layer sees "
        "how these patches lie"
    )


def test_quarter_of_the_image_is_no_small_patch():
    assert averaged(32, conv(), layers.MaxPooling2D(), conv()).empty  # 3 + 1 + 2 * 2 = 8 pixels
    assert averaged(8, conv()).empty


def test_gates_and_attention_are_no_hidden_activation():
    assert codes(squeeze_and_excite()) == []


@pytest.mark.parametrize(
    ("hidden", "code"),
    [
        ([layers.Flatten(), dense("softmax")], "hidden-activation"),
        ([conv(activation="softmax"), layers.MaxPooling2D(2), conv()], "hidden-activation"),
        ([layers.Flatten(), *[dense("sigmoid") for _ in range(6)]], "hidden-activation"),
        (
            [layers.Flatten(), *[dense("exponential") for _ in range(3)]],
            "hidden-activation",
        ),
        (
            [
                layers.Flatten(),
                *[
                    dense("exponential", kernel_initializer=keras.initializers.RandomNormal(0, 9))
                    for _ in range(3)
                ],
            ],
            "hidden-activation",  # whose outputs are infinite
        ),
        ([layers.Flatten(), *[dense(None) for _ in range(3)]], "no-nonlinearity"),
        (
            [conv(), layers.MaxPooling2D(8), conv(), conv(), layers.Flatten()],
            "pooled-early",
        ),
        ([layers.Flatten(), dense(units=4), layers.Dropout(0.5)], "dropout-high"),
        (
            [
                layers.Flatten(),
                *[part for _ in range(3) for part in (dense(), layers.Dropout(0.6))],
            ],
            "dropout-high",
        ),
        ([layers.Flatten(), dense(kernel_initializer="zeros")], "equal-weights"),
        (
            [conv(kernel_initializer=keras.initializers.Constant(0.1)), layers.Flatten()],
            "equal-weights",
        ),
        (
            [
                layers.Flatten(),
                *[
                    dense(kernel_initializer=keras.initializers.RandomNormal(0, 1e-3))
                    for _ in range(3)
                ],
            ],
            "init-scale",
        ),
        (
            [
                layers.Flatten(),
                dense("tanh", kernel_initializer=keras.initializers.RandomNormal(0, 9)),
            ],
            "saturated",
        ),
    ],
)
def test_faulty_layers_are_found(hidden, code):
    assert code in codes(model(*hidden))


def test_dropout_behind_the_head_is_found():
    built = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
            layers.Dropout(0.3, name="late"),
        ]
    )
    built.compile("adam", "sparse_categorical_crossentropy")
    finding = findings(built).iloc[0]
    assert (finding["code"], finding["layer"]) == ("dropout-high", "late")
    assert finding["evidence"] == (
        "`late` follows the last layer and replaces 30% of the outputs in training"
    )
    assert finding["remedy"] == "Move `late` before the last layer"


def test_shallow_linear_model_is_a_note():
    built = model(layers.Flatten(), dense(None, name="first"))
    finding = findings(built).iloc[0]
    assert (finding["code"], finding["severity"]) == ("no-nonlinearity", "note")
    assert finding["evidence"] == (
        "none of the 2 weighted layers (`first`, ...) is followed by a nonlinearity, so together "
        "they are one linear map"
    )


def test_equal_weights_say_which_units_are_equal():
    built = model(layers.Flatten(), dense(name="first", kernel_initializer="ones"))
    finding = findings(built).iloc[0]
    assert finding["evidence"] == (
        "the 16 units of `first` have equal weights (all are 1), so they get equal gradients and "
        "stay equal"
    )


def test_residual_branch_that_starts_at_zero_is_sound():
    inputs = keras.Input((8, 8, 1))
    start = conv()(inputs)
    branch = conv(None, kernel_initializer="zeros")(conv()(start))
    outputs = layers.Dense(3, "softmax")(layers.Flatten()(layers.Add()([start, branch])))
    built = keras.Model(inputs, outputs)
    built.compile("adam", "sparse_categorical_crossentropy")
    assert codes(built) == []


def test_frozen_new_layers_are_found_and_trained_ones_are_not():
    built = model(layers.Flatten(), dense(name="first"))
    built.get_layer("first").trainable = False
    finding = findings(built).iloc[0]
    assert (finding["code"], finding["severity"]) == ("not-trainable", "warning")
    assert finding["evidence"] == (
        "`first` is frozen, and its weights still have the distribution of the initializer, with "
        "biases of 0"
    )
    layer = built.get_layer("first")
    layer.set_weights([RNG.laplace(size=(64, 16)) / 10, RNG.normal(size=16)])
    assert codes(built) == []


def test_model_without_trainable_weights_cannot_learn():
    built = model(layers.Flatten())
    built.trainable = False
    finding = findings(built).iloc[0]
    assert (finding["code"], finding["severity"]) == ("not-trainable", "error")
    assert finding["evidence"] == "none of the 195 weights is trainable"  # 64 * 3 + 3


def test_trainable_pretrained_layers_are_a_note():
    built = model(*[conv() for _ in range(4)], layers.Flatten())
    for layer in built.layers[:4]:
        layer.set_weights([RNG.laplace(size=w.shape) / 9 for w in layer.get_weights()])
    table = findings(built)
    assert table[["code", "severity"]].to_numpy().tolist() == [["not-trainable", "note"]]
    assert table["name"][0] == "Pretrained layers are not frozen"


NORM = (layers.Flatten(), dense(None), layers.BatchNormalization(name="norm"), layers.ReLU())


@pytest.mark.parametrize(
    ("how", "code", "severity"),
    [
        ({"batch_size": 1}, "norm-batch-small", "error"),
        ({"batch_size": 3}, "norm-batch-small", "warning"),
        ({"batch_size": 59}, "norm-batch-small", "note"),
        ({"batch_size": 10, "epochs": 2}, "modes-differ", "warning"),
        ({"batch_size": 10, "epochs": 20}, "modes-differ", "note"),
        ({"batch_size": 60, "epochs": 49}, "few-steps", "warning"),
        ({"batch_size": 60, "epochs": 50}, "few-steps", "note"),
    ],
)
def test_steps_that_do_not_fit_are_found(how, code, severity):
    built = model(layers.Flatten(), dense(None), layers.BatchNormalization(), layers.ReLU())
    table = findings(built, **how)
    assert [code, severity] in table[["code", "severity"]].to_numpy().tolist()


@pytest.mark.parametrize("how", [{"batch_size": 4}, {"batch_size": 10, "epochs": 60}, {}])
def test_steps_that_fit_are_no_finding(how):
    built = model(layers.Flatten(), dense(None), layers.BatchNormalization(), layers.ReLU())
    assert codes(built, ("error", "warning", "note"), **how) == []


def test_averages_hold_the_power_of_the_momentum():
    built = model(*NORM)
    finding = findings(built, batch_size=10, epochs=2).set_index("code").loc["modes-differ"]
    # 0.99^12 = 0.886
    assert finding["evidence"] == (
        "after 12 steps at momentum 0.99 the moving averages of `norm` still hold 89% of their "
        "initial values, so the model acts otherwise in inference than in training"
    )


def test_rate_of_zero_changes_nothing():
    table = findings(model(layers.Flatten(), optimizer=keras.optimizers.SGD(0.0)))
    assert table["evidence"].tolist() == ["the learning rate of SGD is 0, so no weight changes"]


def test_decay_that_removes_the_weights_is_found():
    built = model(layers.Flatten(), optimizer=keras.optimizers.AdamW(0.01, weight_decay=20.0))
    assert findings(built)["evidence"].tolist() == [
        "each step removes 0.2 of every weight (learning rate 0.01 times weight decay 20)"
    ]
