"""The doctor in real trainings: it changes nothing, and says what is wrong."""

import copy
import random
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from helpers.two_heads import COUNT, images, labels, two_heads

from cnnzoo import Doctor, ToggleError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype("float32")
Y = (X[:, :3].argmax(axis=1)).astype("int64")


class Custom(keras.Model):
    """A model with a training step of its own."""

    def train_step(self, data):
        return {**super().train_step(data), "more": keras.ops.zeros(())}


def model_of(kind=keras.Model, optimizer=None, units=8, activation="relu", **options):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(
        units, activation, kernel_regularizer=keras.regularizers.L2(1e-3), name="hidden"
    )(inputs)
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    hidden = keras.layers.Dropout(0.3)(hidden)
    model = kind(inputs, keras.layers.Dense(3, "softmax", name="head")(hidden))
    model.compile(
        optimizer or keras.optimizers.Adam(1e-2),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **options,
    )
    return model


def batches():
    while True:
        yield X[:16], Y[:16]


def state_of(model, history):
    random_state = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    variables = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    variables += [v.numpy() for v in model.metrics_variables]
    return variables, history.history, random_state


@pytest.mark.parametrize(
    ("build", "fit"),
    [
        ({}, {}),
        ({"steps_per_execution": 3}, {"validation_split": 0.25}),
        ({"kind": Custom}, {"sample_weight": np.linspace(0.5, 2, 48)}),
        ({}, {"class_weight": {0: 1.0, 1: 3.0}, "probe": (X[:8], Y[:8])}),
        (
            {},
            {
                "x": batches(),
                "y": None,
                "steps_per_epoch": 3,
                "shuffle": False,
                "probe": (X[:8], Y[:8]),
            },
        ),
        ({"optimizer": keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.1)}, {}),
    ],
    ids=["arrays", "steps per execution", "custom step", "class weights", "generator", "clipping"],
)
def test_training_is_bit_for_bit_the_same(build, fit):
    probe = fit.pop("probe", None)
    arguments = {"x": X, "y": Y, "batch_size": 16, "epochs": 3, "verbose": 0, **fit}
    if not isinstance(arguments["x"], np.ndarray):
        del arguments["batch_size"]
    ends = []
    for doctors in ([], [Doctor(probe, cadence="epochs")]):
        if "optimizer" in build:
            config = build["optimizer"].get_config()
            build = {**build, "optimizer": keras.optimizers.SGD.from_config(config)}
        model = model_of(**build)
        ends.append(state_of(model, model.fit(**arguments, callbacks=doctors)))
    without, with_doctor = ends
    for one, other in zip(without[0], with_doctor[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert without[1:] == with_doctor[1:]
    (doctor,) = doctors
    assert doctor.measurements()["step"].unique().tolist() == [0, 3, 6, 9]
    assert doctor.watched.startswith("the curves of the loss and the metrics, and the model on")
    doctor.findings()
    np.testing.assert_array_equal(ends[1][0][0], model.variables[0].numpy())


def test_example_weights_of_each_output_are_measured():
    """Each loss of an output is the mean of weight x -log(p), over the examples of the probe."""
    y = {"column": labels()["column"], "side": (labels()["side"] == "left").astype("float32")}
    weights = {"column": np.linspace(0.5, 2, COUNT), "side": np.linspace(3, 1, COUNT)}
    model, doctor = two_heads(), Doctor()
    outputs = model.predict(images(), verbose=0)
    model.fit(images(), y, sample_weight=weights, verbose=0, callbacks=[doctor])
    chosen = np.linspace(0, COUNT - 1, 32).astype(int)
    column = -np.log(outputs["column"][np.arange(COUNT), y["column"]])
    right = np.where(y["side"] == 1, outputs["side"][:, 0], 1 - outputs["side"][:, 0])
    losses = column * weights["column"] - np.log(right) * weights["side"]
    assert doctor.measurements()["loss"][0] == pytest.approx(losses[chosen].mean(), rel=1e-4)


@pytest.fixture(scope="module")
def watched():
    model, doctor = model_of(), Doctor(cadence="epochs")
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[doctor])
    return model, doctor


def test_measurements_agree_with_a_hand_made_gradient():
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, name="head")])
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=True)
    kernel, bias = (weight.copy() for weight in model.get_weights())
    targets = np.eye(3)[Y].astype("float32")
    doctor = Doctor((X[:8], targets[:8]), cadence="epochs")
    model.fit(X[:8], targets[:8], verbose=0, callbacks=[doctor])
    error = X[:8] @ kernel + bias - targets[:8]
    gradient, of_bias = 2 * X[:8].T @ error / error.size, 2 * error.sum(axis=0) / error.size
    row = doctor.measurements().iloc[0]
    assert row["loss"] == pytest.approx((error**2).mean(), rel=1e-5)
    norm = np.sqrt((gradient**2).sum() + (of_bias**2).sum())
    assert row["gradient"] == pytest.approx(norm, rel=1e-5)
    ratio = 0.5 * np.linalg.norm(gradient) / np.linalg.norm(kernel)
    assert row["update"] == pytest.approx(ratio, rel=1e-4)
    assert tf.executing_eagerly()


def test_tables_and_plot(watched):
    _, doctor = watched
    table = doctor.measurements()
    assert table["layer"].unique().tolist() == ["hidden", "norm", "head"]
    assert table.loc[table["layer"] == "hidden", "dead"].between(0, 1).all()
    # before training the moving mean is 0; the batch mean of a ReLU is above it
    assert table.loc[table["layer"] == "norm", "shift"].iloc[0] > 0
    assert doctor.history()["epoch"].tolist() == [1, 2]
    assert list(doctor.findings()) == [
        *("code", "severity", "layer", "epoch", "evidence", "remedy", "source", "name")
    ]
    chart = doctor.plot().to_dict()
    titles = [part["encoding"]["y"]["title"] for part in chart["vconcat"]]
    assert titles == ["loss", "gradient norm", "update / weight"]


def test_copy_is_unused_and_equal_in_settings(watched):
    _, doctor = watched
    other = copy.deepcopy(doctor)
    assert other.watched == "nothing yet"
    assert (other._cadence, len(other.measurements())) == ("epochs", 0)


def test_optimizer_with_a_schedule_is_measured():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.5, staircase=True)
    model, doctor = model_of(optimizer=keras.optimizers.SGD(schedule)), Doctor(cadence="epochs")
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0, callbacks=[doctor])
    # 48 examples are 3 steps
    assert doctor.measurements().drop_duplicates("step")["rate"].tolist() == [0.5, 0.25]


def test_data_set_is_not_read():
    import tensorflow as tf

    model, doctor = model_of(run_eagerly=True), Doctor()
    data = tf.data.Dataset.from_tensors((X, Y))
    model.fit(data, shuffle=False, verbose=0, callbacks=[doctor])
    assert doctor.watched == (
        "the curves of the loss and the metrics only: the data are not arrays, so no probe batch "
        "was taken; give one with Doctor(probe=(x, y))"
    )
    assert not len(doctor.measurements())


def test_probe_that_does_not_fit_ends_no_training():
    model, doctor = model_of(run_eagerly=True), Doctor((X[:, :2], Y))
    model.fit(X, Y, verbose=0, callbacks=[doctor])
    assert doctor.watched.startswith(
        "the curves of the loss and the metrics only: the probe batch could not be measured ("
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"probe": X},
            "`probe` of `Doctor`: expected a tuple (x, y) or (x, y, example weights); got ndarray.",
        ),
        (
            {"cadence": "hours"},
            "`cadence` of `Doctor`: expected 'time', 'epochs' or 'ends'; got 'hours'.",
        ),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    with pytest.raises(ToggleError) as refusal:
        Doctor(**options)
    assert str(refusal.value) == message


# Diagnoses of real trainings


def diagnosed(layers, optimizer, x=X, y=Y, epochs=4):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    doctor = Doctor(cadence="epochs")
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, callbacks=[doctor])
    return {finding.code: finding for finding in doctor.diagnose()}, doctor


def dense(units, activation, count=1):
    return [keras.layers.Dense(units, activation, name=f"dense{i}") for i in range(count)]


def head():
    return keras.layers.Dense(3, "softmax", name="head")


def test_high_rate_kills_relus_and_is_named():
    found, doctor = diagnosed([*dense(16, "relu", 2), head()], keras.optimizers.SGD(30.0))
    assert found["rate-high"].evidence.startswith("one update changes the weights by ")
    table = doctor.measurements()
    dead = table[table["layer"] == "dense1"].set_index("step")["dead"]
    assert dead.iloc[0] < 0.5 < dead.iloc[-1]


def test_gradient_shrinks_with_depth_without_normalization():
    ratios = []
    for count in (2, 7):
        found, doctor = diagnosed(
            [*dense(8, "sigmoid", count), head()], keras.optimizers.SGD(0.01), epochs=1
        )
        ratios.append(doctor.measurements()["first_to_last"].iloc[0])
    assert ratios[1] < 1e-3 < ratios[0]
    assert found["gradient-vanishing"].layer == "dense0"


def test_first_layer_that_is_not_finite_is_found():
    layers = [*dense(8, "relu"), keras.layers.Lambda(lambda x: x * 1e30, name="huge")]
    layers += [keras.layers.Lambda(lambda x: x * 1e30, name="overflow"), head()]
    found, _ = diagnosed(layers, keras.optimizers.SGD(0.01), epochs=1)
    finding = found["loss-nonfinite"]
    assert (finding.layer, finding.epoch) == ("overflow", 1)
    assert "the output of `overflow` is the first that is not finite" in finding.evidence


def test_unscaled_inputs_saturate_tanh():
    found, _ = diagnosed(
        [*dense(16, "tanh"), head()], keras.optimizers.SGD(1e-4), x=X * 1000, epochs=1
    )
    assert found["saturated"].layer == "dense0"


def test_softmax_over_one_unit_is_found_by_its_accuracy():
    two = (Y > 0).astype("float32")
    keras.utils.set_random_seed(2)
    with warnings.catch_warnings():  # of Keras, which says it too
        warnings.simplefilter("ignore")
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, "softmax")])
        model.compile(keras.optimizers.Adam(0.3), "binary_crossentropy", metrics=["accuracy"])
        doctor = Doctor(cadence="epochs")
        model.fit(X, two, epochs=30, verbose=0, callbacks=[doctor])
    first = doctor.diagnose()[0]
    assert first.code == "at-chance"
    assert first.name in (
        "Perfect loss at chance accuracy",
        "Accuracy at chance level although the loss falls",
    )


@pytest.mark.parametrize(
    ("change", "expected", "evidence"),
    [
        (
            lambda x, y: (x[y > 0], y[y > 0]),
            "validation-differs",
            "validation labels would have to change for the shares of the training labels",
        ),
        (lambda x, y: (x * 0.01 - 40, y), "validation-differs", "validation inputs -40 to -40"),
        (lambda x, y: (x, RNG.permutation(y)), "labels-no-signal", "accuracy is "),
    ],
    ids=["other classes", "another scale", "no signal"],
)
def test_difference_of_splits_is_told_from_labels_without_signal(change, expected, evidence):
    x = np.random.default_rng(1).normal(size=(200, 6)).astype("float32")
    y = x[:, :3].argmax(axis=1)
    held = change(x, y)
    if "labels" in evidence:
        x, y = x[y < 2], y[y < 2]
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6,)), *dense(32, "relu"), head()])
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    doctor = Doctor(cadence="ends")
    model.fit(x, y, validation_data=held, epochs=8, verbose=0, callbacks=[doctor])
    found = {finding.code: finding for finding in doctor.diagnose()}
    assert set(found) & {"labels-no-signal", "validation-differs", "overfit"} == {expected}
    assert evidence in found[expected].evidence


def test_healthy_training_has_no_warning():
    x = np.tile(X, (4, 1))
    found, _ = diagnosed(
        [*dense(16, "relu"), head()], keras.optimizers.Adam(0.02), x, np.tile(Y, 4), epochs=8
    )
    assert [code for code, one in found.items() if one.severity != "note"] == []


def test_batch_normalization_with_unconverged_averages_is_named():
    layers = [keras.layers.BatchNormalization(), *dense(16, "relu"), head()]
    found, _ = diagnosed(layers, keras.optimizers.Adam(0.03), x=X * 5 + 50, epochs=12)
    assert found["modes-differ"].name == ("BatchNormalization's moving averages have not converged")


def test_measuring_the_ends_later_is_the_same():
    ends = []
    for cadence in ("epochs", "ends"):
        model, doctor = model_of(optimizer=keras.optimizers.Adam(0.02)), Doctor(cadence=cadence)
        model.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[doctor])
        if cadence == "ends":
            assert not len(doctor.measurements())
            doctor.measure_ends()
        table = doctor.measurements()
        ends.append(table[table["step"].isin([0, 6])].reset_index(drop=True))
    pd.testing.assert_frame_equal(*ends, rtol=1e-5)


def test_linear_layers_explain_a_poor_result():
    """A linear map gets at most three of the four corners of exclusive or."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(400, 2)).astype("float32")
    y = (x[:, 0] * x[:, 1] > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    doctor = Doctor()
    model.fit(x, y, epochs=8, callbacks=[doctor], verbose=0)
    found = doctor.findings().set_index("code")["severity"]
    assert found["no-nonlinearity"] == "warning"
    assert "too-small" not in found


@pytest.mark.parametrize(("apart", "expected"), [(0.0, ["imbalance"]), (6.0, [])])
def test_rare_class_that_is_never_answered_is_found(apart, expected):
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype("int64")
    x = (rng.normal(size=(400, 2)) + apart * y[:, None]).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    doctor = Doctor()
    model.fit(x, y, epochs=20, callbacks=[doctor], verbose=0)
    found = doctor.findings()
    assert [code for code in found["code"] if code == "imbalance"] == expected
    if expected:
        evidence = found.set_index("code").loc["imbalance", "evidence"]
        assert evidence == (
            "of 20 training examples of class 1 the model answers 0 rightly; class 0 has 380 "
            "examples"
        )
