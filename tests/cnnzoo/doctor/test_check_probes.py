"""Findings of short trainings on a copy: each fault beside a sound twin."""

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype("float32")
Y = np.digitize(X[:, 0], [-0.5, 0.5])

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


def model(optimizer, *, activation="relu", depth=2, initializer="he_normal", **how):
    keras.utils.set_random_seed(0)
    hidden = [
        layers.Dense(16, activation, kernel_initializer=initializer, name=f"hidden{n}", **how)
        for n in range(depth)
    ]
    built = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(3, "softmax", name="head")])
    built.compile(optimizer, "sparse_categorical_crossentropy")
    return built


def findings(built, x=X, y=Y, **how):
    return cnnzoo.check(built, (x, y), **how)


def codes(table, severities=("error", "warning")):
    return table.loc[table["severity"].isin(severities), "code"].tolist()


@pytest.mark.parametrize(
    "optimizer",
    [Adam(1e-3), Adam(1e-2), SGD(0.01), SGD(0.1, momentum=0.9), SGD(0.1, clipnorm=1.0)],
    ids=lambda optimizer: f"{optimizer.name}-{float(optimizer.learning_rate):.3g}",
)
def test_sound_rates_have_no_finding(optimizer):
    assert findings(model(optimizer), epochs=20).empty


def test_high_rate_is_named_with_one_that_falls():
    table = findings(model(SGD(1000.0)))
    assert codes(table) == ["rate-high"]
    assert table["remedy"][0] in ("Set the learning rate to 1", "Set the learning rate to 10")
    assert " at the learning rate 1e+03, and to " in table["evidence"][0]


def test_low_rate_is_named_with_one_that_falls():
    table = findings(model(Adam(1e-7)), epochs=10, batch_size=8)
    assert codes(table) == ["rate-low"]
    assert table["remedy"][0] == "Set the learning rate to 0.001"
    assert table["evidence"][0].endswith("would halve it, where the planned 250 are there")


def test_default_rate_of_adadelta_is_low():
    assert codes(findings(model(keras.optimizers.Adadelta()), epochs=10, batch_size=8)) == [
        "rate-low"
    ]


def test_large_inputs_are_a_note_if_a_batch_is_fitted():
    fitted = findings(model(Adam(1e-2)), X * 12)
    assert codes(fitted, ("note",))[:1] == ["inputs-unscaled"]
    assert "all the same" in fitted.set_index("code").loc["inputs-unscaled", "evidence"]


def test_large_inputs_stay_a_warning_if_scaling_lets_the_batch_be_fitted():
    table = findings(model(SGD(0.1), initializer="glorot_uniform"), X * 1000)
    assert codes(table)[0] == "inputs-unscaled"
    assert "rate-high" not in table["code"].tolist()


def test_clipping_that_keeps_nothing_is_found():
    table = findings(model(SGD(0.1, clipnorm=1e-5)))
    assert codes(table) == ["gradient-clipped"]
    assert table["evidence"][0].startswith("clipnorm=1e-05 keeps ")
    # Adam divides by the size of the gradient, whatever it is
    assert "gradient-clipped" not in findings(model(Adam(1e-3, clipnorm=1e-5)))["code"].tolist()


def test_penalty_beyond_the_loss_is_found():
    heavy = findings(model(Adam(1e-3), kernel_regularizer=keras.regularizers.L2(10.0)))
    assert "penalty-high" in codes(heavy)
    light = findings(model(Adam(1e-3), kernel_regularizer=keras.regularizers.L2(1e-4)))
    assert light.empty


def test_vanishing_gradient_of_deep_sigmoids_is_found():
    table = findings(
        model(Adam(1e-3), activation="sigmoid", depth=10, initializer="glorot_uniform")
    )
    assert {"gradient-vanishing", "hidden-activation"} <= set(codes(table))
    row = table.set_index("code").loc["gradient-vanishing"]
    assert row["layer"] == "hidden0"


def test_layer_beside_the_loss_gets_no_gradient():
    inputs = keras.Input((6,))
    dead = layers.Dense(16, "relu", name="dead", bias_initializer=keras.initializers.Constant(-99))
    hidden = layers.Concatenate()([dead(inputs), layers.Dense(16, "relu")(inputs)])
    built = keras.Model(inputs, layers.Dense(3, "softmax")(hidden))
    built.compile("adam", "sparse_categorical_crossentropy")
    table = findings(built)
    assert codes(table) == ["gradient-missing"]
    assert table["layer"][0] == "dead"
    assert table["evidence"][0] == (
        "the gradient of 1 of 3 kernels is 0 for 32 examples (of `dead`)"
    )


def test_gradient_of_a_model_of_dead_units_is_an_error():
    built = model(Adam(1e-3), bias_initializer=keras.initializers.Constant(-99))
    table = findings(built)
    assert codes(table) == ["gradient-missing"]
    assert table["severity"][0] == "error"


def test_initial_loss_far_above_that_of_equal_shares_is_found():
    built = model(Adam(1e-3), initializer=keras.initializers.RandomNormal(0, 5.0))
    assert "initial-loss" in codes(findings(built))


def test_loss_that_is_not_finite_at_the_start_is_an_error():
    built = model(Adam(1e-3))
    built.compile("adam", lambda y, outputs: keras.ops.log(keras.ops.sum(outputs) * 0 - 1))
    table = findings(built)
    assert codes(table) == ["loss-nonfinite"]
    assert table["evidence"][0] == "the loss of 32 examples is nan before the first step"


def test_step_that_fails_is_told_in_one_line():
    built = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    built.compile("adam", lambda y, outputs: keras.ops.matmul(outputs, outputs))
    table = findings(built, X[:40], Y[:40])
    assert table["name"].tolist() == ["A training step fails"]
    assert "\n" not in table["evidence"][0]


def test_range_test_places_the_rate():
    high = findings(model(SGD(1000.0)), probes=False, range_test=True)
    assert codes(high) == ["rate-high"]
    assert high["evidence"][0].startswith("in a range test of 1e-06 to 10 the loss falls fastest")
    assert findings(model(SGD(0.1)), probes=False, range_test=True).empty


def test_large_models_get_fewer_steps():
    from cnnzoo.doctor.plan import make_plan
    from cnnzoo.doctor.probes import MAX_MACS, make_probes

    inputs = keras.Input((512, 512, 3))
    maps = layers.Conv2D(64, 7, padding="same")(inputs)  # 512 * 512 * 49 * 3 * 64 = 2.5e9
    outputs = layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(maps))
    built = keras.Model(inputs, outputs)
    built.compile("adam", "sparse_categorical_crossentropy")
    probes = make_probes(make_plan(built, (np.zeros((8, 512, 512, 3), "uint8"), Y[:8])))
    assert probes.steps * len(probes.batch[0]) * 3 * 2.466e9 <= MAX_MACS
    assert probes.steps == 3


def test_rate_after_whose_jump_the_loss_stays_at_chance_is_high():
    digits = cnnzoo.load_data("digits")
    keras.utils.set_random_seed(0)
    built = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    built.compile(Adam(1.0), "sparse_categorical_crossentropy")
    table = findings(built, *digits.train)
    assert codes(table) == ["rate-high"]
    assert table["remedy"].tolist() == ["Set the learning rate to 0.1"]
