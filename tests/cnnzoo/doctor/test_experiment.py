"""Short trainings on a copy: they agree with ``fit``, and leave the model as it was."""

import random

import keras
import numpy as np
import pytest
from keras import layers

import cnnzoo
from cnnzoo.doctor.experiment import (
    Experiment,
    ExperimentError,
    batches_of,
    default_weights,
    repeat,
    standardized,
)
from cnnzoo.doctor.record import Change

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(64, 6)).astype("float32")
Y = np.arange(64) % 3


def model(optimizer="adam", loss="sparse_categorical_crossentropy", dropout=0.0):
    keras.utils.set_random_seed(0)
    built = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(12, "relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
            layers.BatchNormalization(),
            layers.Dropout(dropout),
            layers.Dense(3, "softmax"),
        ]
    )
    built.compile(optimizer, loss)
    return built


class Losses(keras.callbacks.Callback):
    """Loss of each step, penalties included."""

    def __init__(self):
        super().__init__()
        self.values = []
        self.total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"] * (batch + 1) - self.total)  # Keras logs the mean
        self.total += self.values[-1]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 8)),
    ],
)
def test_copy_takes_the_steps_of_fit(optimizer):
    built = model(optimizer())
    batches = batches_of(X, Y, 8, 8, shuffle=False)
    course = Experiment(built).run(batches)
    losses = Losses()
    penalty = [0.0]

    class Penalty(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            penalty.append(float(sum(built.losses)))

    penalty[0] = float(sum(built.losses))
    built.fit(X, Y, batch_size=8, shuffle=False, verbose=0, callbacks=[losses, Penalty()])
    expected = np.array(losses.values) - penalty[:-1]
    np.testing.assert_allclose(course.losses, expected, rtol=5e-4)  # float32, compiled and eager


def test_check_leaves_everything_as_it_was():
    built = model(dropout=0.3)
    built.fit(X, Y, epochs=1, verbose=0)
    policy = keras.config.dtype_policy()
    variables = [*built.variables, *built.optimizer.variables]
    before = [np.array(variable.numpy()) for variable in variables]
    states = (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
    cnnzoo.check(built, (X * 300, Y), range_test=True)
    after = [np.array(variable.numpy()) for variable in variables]
    assert all((first == last).all() for first, last in zip(before, after, strict=True))
    assert (random.getstate(), str(np.random.get_state())) == states  # noqa: NPY002
    assert keras.config.dtype_policy() is policy


def test_model_trains_alike_after_a_check():
    def trained(checked):
        built = model(dropout=0.3)
        if checked:
            cnnzoo.check(built, (X, Y), range_test=True)
        built.fit(X, Y, epochs=2, verbose=0)
        return built.get_weights()

    pairs = zip(trained(False), trained(True), strict=True)
    assert all((first == second).all() for first, second in pairs)


def test_runs_start_from_the_same_state():
    experiment = Experiment(model(dropout=0.3))
    batch = (X[:16], Y[:16])
    first = experiment.run(repeat(batch, 6)).losses
    experiment.run(repeat(batch, 6), Change(rate=10))
    assert experiment.run(repeat(batch, 6)).losses.tolist() == first.tolist()


def test_rates_are_those_of_the_optimizer_times_the_factor():
    experiment = Experiment(model(keras.optimizers.SGD(0.25)))
    batch = repeat((X, Y), 3)
    assert experiment.run(batch).rates.tolist() == [0.25] * 3
    assert experiment.run(batch, Change(rate=2)).rates.tolist() == [0.5] * 3
    assert experiment.run(batch, rates=[0.5, 0.125]).rates.tolist() == [0.5, 0.125]


def test_schedule_is_replaced_only_for_other_rates():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    experiment = Experiment(model(keras.optimizers.SGD(schedule)))
    batch = repeat((X, Y), 3)
    assert experiment.run(batch).rates.tolist() == [0.5, 0.25, 0.125]
    assert experiment.run(batch, Change(rate=0.5)).rates.tolist() == [0.25] * 3
    assert experiment.run(batch).rates.tolist() == [0.5, 0.25, 0.125]


def test_gradient_without_clipping_is_that_of_the_loss():
    built = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    built.compile(keras.optimizers.SGD(1.0), "mse")
    x, y = np.array([[1.0, 2.0]], "float32"), np.array([1.0], "float32")
    gradient = Experiment(built).gradient((x, y))
    # output 3, error 2, gradient 2 * 2 * x
    assert gradient.loss == 4.0
    assert [round(norm, 4) for norm in gradient.norms.values()] == [round(4 * 5**0.5, 4), 4.0]


def test_clipping_can_be_left_out():
    clipped = model(keras.optimizers.SGD(0.5, clipnorm=1e-6))
    batch = repeat((X, Y), 10)
    assert abs(Experiment(clipped).run(batch).fall) < 1e-3
    assert Experiment(clipped).run(batch, Change(clipping=False)).fall > 0.02


def test_other_initial_weights():
    built = model()
    constant = [np.zeros_like(values) for values in default_weights(built)]
    course = Experiment(built).run([(X, Y)], weights=constant)
    assert abs(course.start - np.log(3)) < 1e-6


def test_tables_are_standardized_by_feature_and_images_as_a_whole():
    images = standardized(RNG.normal(5, 3, size=(20, 4, 4, 1)))
    assert abs(images.mean()) < 1e-6
    assert abs(images.std() - 1) < 1e-6
    assert abs(standardized(X).std(axis=0) - 1).max() < 1e-5


def test_model_without_a_loss_is_refused():
    built = keras.Sequential([keras.Input((2,)), layers.Dense(1)], name="bare")
    with pytest.raises(ExperimentError) as error:
        Experiment(built)
    assert str(error.value) == ("`bare`: expected a compiled model.")
