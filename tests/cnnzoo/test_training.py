"""The one training path: what it is a function of, and what a recipe does to it."""

import functools
import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight
from tensorflow.python.eager import context  # no public name tells the global seed

import cnnzoo
from cnnzoo import DataError, LabelError, Recipe, ToggleError
from cnnzoo.batches import batch_stream
from cnnzoo.data import Data, Split
from cnnzoo.initialization import initialize, restart
from cnnzoo.training import fit, train
from cnnzoo.weighting import class_weights

SHAPE, CLASSES = (6, 6, 1), 3


def examples(n=40, shape=SHAPE, classes=CLASSES):
    """Noise with a bright pixel where the class is."""
    rng = np.random.default_rng(0)
    x = rng.random((n, *shape)).astype("float32") / 2
    y = np.arange(n) % classes
    x.reshape(n, -1)[np.arange(n), y] = 1
    return x, y


@functools.cache
def digits(**choices) -> Data:
    return cnnzoo.load_data(examples(), **{"validation": 0.2, "test": 0.2, **choices})


@functools.cache
def numbered(n=20) -> Data:
    """Each example is its label, and its label is its number."""
    x, y = np.arange(n, dtype="float32")[:, None, None], np.arange(n)
    split = (x, y)
    return cnnzoo.load_data({"train": split, "validation": split, "test": split}, normalize="none")


class Watched(keras.Sequential):
    """A model that remembers what each step of Keras's own loop brings, and learns nothing.

    Its one weight counts the steps, and its validation losses are made up.
    """

    def __init__(self, units=20, shape=(1, 1), validation_losses=(), optimizer="sgd"):
        layers = [keras.layers.Flatten(), keras.layers.Dense(units, kernel_initializer="zeros")]
        super().__init__([keras.Input(shape), *layers], name="watched")
        self.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
        self.validation_losses = iter(validation_losses)
        self.batches, self.rates = [], []

    def train_step(self, data):
        x, y, *_ = data
        self.batches.append((x.numpy(), y.numpy()))
        self.rates.append(float(self.optimizer.learning_rate))
        bias = self.layers[-1].bias
        bias.assign_add(keras.ops.ones_like(bias))
        return {"loss": 1.0, "watched": 1.0}

    def test_step(self, data):
        return {"loss": next(self.validation_losses, 1.0), "watched": 1.0}

    @property
    def steps(self):
        return int(self.get_weights()[1][0])


def watch(recipe, data=None, seed=0, **options):
    """The watched model after a training, and its history."""
    model = Watched(**options)
    return model, fit(model, data or numbered(), recipe, seed=seed)


def orders(model, epochs):
    """The numbers of the examples in the order in which each epoch brought them."""
    return np.concatenate([y for _, y in model.batches]).reshape(epochs, -1).tolist()


def weights_of(model):
    return [np.asarray(weight) for weight in model.get_weights()]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def differ(first, second):
    return any((one != other).any() for one, other in zip(first, second, strict=True))


# The order of the examples


def test_an_epoch_brings_every_example_once_with_its_own_label():
    model, _ = watch(Recipe(epochs=2, batch_size=7))
    assert [len(y) for _, y in model.batches] == [7, 7, 6] * 2
    for x, y in model.batches:
        np.testing.assert_array_equal(x[:, 0, 0], y)
    for order in orders(model, 2):
        assert sorted(order) == list(range(20))


def test_each_epoch_has_an_order_of_its_own():
    model, _ = watch(Recipe(epochs=4))
    assert len({tuple(order) for order in orders(model, 4)} | {tuple(range(20))}) == 5


def test_the_order_is_a_function_of_the_seed_and_0_is_a_seed():
    found = {}
    for run, seed in (("first", 0), ("again", 0), ("other", 1)):
        keras.utils.set_random_seed(len(found))
        found[run] = orders(watch(Recipe(epochs=2), seed=seed)[0], 2)
    assert found["first"] == found["again"]
    assert found["first"] != found["other"]


def test_the_order_does_not_depend_on_the_global_seed_of_tensorflow():
    data, found = numbered(), []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        batches = batch_stream(*data.train, data, Recipe(batch_size=8), seed=0)
        found.append([list(y) for _ in range(2) for _, y in batches.as_numpy_iterator()])
    assert found[0] == found[1]
    assert [len(batch) for batch in found[0]] == [8, 8, 4] * 2


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ({"batch_size": 5}, {}),
        ({"batch_size": 64}, {}),
        ({"schedule": "cosine"}, {}),
        ({"class_weight": "balanced"}, {}),
        ({"early_stopping": 5}, {}),
        ({}, {"units": 30}),
        ({}, {"optimizer": "adam"}),
    ],
    ids=str,
)
def test_variants_see_the_same_examples_in_the_same_order(recipe, options):
    baseline, _ = watch(Recipe(epochs=2, batch_size=8))
    variant, _ = watch(Recipe(**{"epochs": 2, "batch_size": 8, **recipe}), **options)
    assert orders(baseline, 2) == orders(variant, 2)


def test_a_prefix_of_the_epochs_is_the_same_however_many_follow():
    short, _ = watch(Recipe(epochs=1))
    long, _ = watch(Recipe(epochs=3))
    assert orders(short, 1)[0] == orders(long, 3)[0]


# Schedules


def rates_of(schedule, epochs, batch_size=5, rate=0.1, n=20, **options):
    optimizer = keras.optimizers.SGD(rate)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, schedule=schedule)
    model, history = watch(recipe, numbered(n), optimizer=optimizer, units=n, **options)
    assert float(optimizer.learning_rate) == pytest.approx(rate)  # put back
    return model.rates, history["learning_rate"]


def test_a_constant_schedule_leaves_the_rate_alone():
    rates, logged = rates_of("constant", epochs=2)
    assert rates == pytest.approx([0.1] * 8)
    assert logged == pytest.approx([0.1] * 2)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 20), (3, 5), (4, 6)])
def test_a_cosine_schedule_follows_its_formula_at_every_step(epochs, batch_size):
    rates, logged = rates_of("cosine", epochs, batch_size)
    a_pass = math.ceil(20 / batch_size)
    total = epochs * a_pass
    expected = [0.1 * (1 + math.cos(math.pi * step / total)) / 2 for step in range(total)]
    assert rates == pytest.approx(expected, rel=1e-5)
    assert logged == pytest.approx(expected[a_pass - 1 :: a_pass], rel=1e-5)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 20), (1, 10), (1, 7), (4, 5), (5, 3)])
def test_a_step_schedule_takes_a_tenth_at_half_and_again_at_three_quarters(epochs, batch_size):
    rates, logged = rates_of("step", epochs, batch_size)
    a_pass = math.ceil(20 / batch_size)
    total = epochs * a_pass
    tenths = [(step / total >= 0.5) + (step / total >= 0.75) for step in range(total)]
    assert rates == pytest.approx([0.1 / 10**count for count in tenths])
    assert logged == pytest.approx(rates[a_pass - 1 :: a_pass])


def test_reduce_on_plateau_halves_after_two_epochs_without_a_lower_loss():
    losses = [3.0, 2.0, 2.0, 2.5, 1.9999, 1.99985, 2.0, 1.99985, 2.0, 2.0]
    _, logged = rates_of("reduce-on-plateau", epochs=10, batch_size=20, validation_losses=losses)
    halvings, best, bad, expected = 0, math.inf, 0, []
    for loss in losses:
        expected.append(0.1 / 2**halvings)
        best, bad = (loss, 0) if loss < best else (best, bad + 1)
        if bad == 2:
            halvings, bad = halvings + 1, 0
    assert len(set(expected)) == 3
    assert logged == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "step", "reduce-on-plateau"])
def test_a_schedule_that_is_interrupted_puts_the_rate_back(schedule):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    model = Watched(optimizer=keras.optimizers.SGD(0.5))
    with pytest.raises(KeyboardInterrupt):
        fit(model, numbered(), Recipe(epochs=9, schedule=schedule), seed=0, callbacks=[Interrupt()])
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_rate_that_a_callback_sets_is_put_back_too():
    model = Watched(optimizer=keras.optimizers.SGD(0.5))
    halve = keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
    history = fit(model, numbered(), Recipe(epochs=2), seed=0, callbacks=[halve])
    assert history["learning_rate"] == model.rates == [0.25, 0.125]
    assert float(model.optimizer.learning_rate) == 0.5


def own_schedule():
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    return keras.optimizers.SGD(decay)


def test_a_model_with_a_schedule_of_its_own_keeps_it():
    model = Watched(optimizer=own_schedule())
    history = fit(model, numbered(), Recipe(epochs=1), seed=0)
    assert "learning_rate" not in history
    assert model.rates == pytest.approx([0.1])


@pytest.mark.parametrize("schedule", ["cosine", "step", "reduce-on-plateau"])
def test_two_schedules_at_once_are_refused(schedule):
    with pytest.raises(ToggleError) as caught:
        fit(Watched(optimizer=own_schedule()), numbered(), Recipe(schedule=schedule), seed=0)
    assert str(caught.value) == (
        f"`schedule` of `Recipe`: '{schedule}' sets the learning rate, and the optimizer of "
        "`watched` has a schedule of its own. Compile it with a number, or give 'constant'."
    )


# Early stopping


@pytest.mark.parametrize(
    ("patience", "losses", "epochs", "best"),
    [
        (1, [3.0, 2.0, 2.5, 1.0], 3, 2),
        (2, [3.0, 2.0, 2.5, 2.125, 1.0], 4, 2),
        (2, [3.0, 2.0, 2.5, 1.75, 1.5, 1.625, 1.875, 1.0], 7, 5),
        (1, [1.0, 1.0, 0.5], 2, 1),  # no lower
        (3, [3.0, 2.0, 2.5, 2.25], 4, 2),  # the epochs end first
    ],
)
def test_early_stopping_stops_and_brings_back_the_best_weights(patience, losses, epochs, best):
    recipe = Recipe(epochs=len(losses), batch_size=5, early_stopping=patience)
    model, history = watch(recipe, validation_losses=losses)
    assert history["val_loss"] == losses[:epochs]
    assert len(model.batches) == epochs * 4
    assert model.steps == best * 4


def test_without_early_stopping_the_last_weights_stay():
    model, history = watch(Recipe(epochs=3), validation_losses=[1.0, 2.0, 3.0])
    assert history["val_loss"] == [1.0, 2.0, 3.0]
    assert model.steps == 3


@pytest.mark.parametrize(
    ("choice", "value"),
    [("schedule", "'reduce-on-plateau'"), ("early_stopping", "3")],
)
def test_what_watches_the_validation_loss_is_refused_without_one(choice, value):
    data = cnnzoo.load_data(examples(), validation=0.0)
    recipe = Recipe(**{choice: {"3": 3}.get(value, value.strip("'"))})
    assert refusal("mlp", data, recipe) == (
        f"`{choice}` of `Recipe`: {value} watches the validation loss; `arrays` has no validation "
        "split. Load it with validation=0.1."
    )


def test_without_validation_data_there_are_no_numbers_of_it():
    data = cnnzoo.load_data(examples(), validation=0.0, test=0.0)
    trained = train(quick(), data, Recipe(epochs=1), seed=0)
    assert set(trained.history) == {"loss", "accuracy", "learning_rate"}
    assert {name.partition("_")[0] for name in trained.metrics} == {"train"}


# Real trainings


def quick(seed=0, model="mlp", **toggles):
    """A small model of the zoo that trains without being traced."""
    size = {"units": 4} if model == "mlp" else {"filters": 2}
    built = cnnzoo.build(
        model, input_shape=SHAPE, classes=CLASSES, seed=seed, **{**size, **toggles}
    )
    built.run_eagerly = True
    return built


RECIPE = Recipe(epochs=2, batch_size=8, augment="flip")
NOISY = {"model": "batch_norm", "dropout": 0.5}
"""A model with statistics, and with random numbers of its own."""


@functools.cache
def ended(seed=0):
    """The weights and the history of one training in a graph."""
    trained = train(
        "batch_norm", digits(), RECIPE, seed=seed, filters=2, dropout=0.5, steps_per_execution=25
    )
    return weights_of(trained.model), trained.history, trained.metrics


def test_a_trial_repeated_is_the_same_bit_for_bit_whatever_was_drawn_before():
    first = ended()
    ended.cache_clear()
    keras.utils.set_random_seed(123)
    random.random()  # noqa: S311
    np.random.default_rng().random()
    keras.random.uniform((3,))
    keras.layers.Dense(3).build((3, 3))
    weights, history, metrics = ended()
    assert_same(first[0], weights)
    assert history == first[1]
    assert metrics == first[2]


def test_another_seed_is_another_trial():
    recipe = Recipe(epochs=1, batch_size=12)
    first, second = (train(quick(0), digits(), recipe, seed=seed) for seed in (0, 1))
    assert differ(weights_of(first.model), weights_of(second.model))
    assert first.history != second.history


def noise(x):
    """Draw as users of TensorFlow do, from its global stream."""
    return x + tf.random.normal(tf.shape(x))


class Noise(keras.layers.Layer):
    def call(self, x):
        return noise(x)


def noisy_model(layer):
    flat = [keras.layers.Flatten(), keras.layers.Dense(3, name="head")]
    model = keras.Sequential([keras.Input(SHAPE), layer(), *flat])
    model.compile("sgd", "mse")
    initialize(model, 0)
    return model


@pytest.mark.parametrize(
    "layer",
    [Noise, lambda: keras.layers.Activation(noise), lambda: keras.layers.Lambda(noise)],
    ids=["layer", "activation", "lambda"],
)
def test_what_draws_from_the_global_stream_of_tensorflow_repeats_by_the_seed_too(layer):
    recipe = Recipe(epochs=1, batch_size=64)
    first, again, other = (
        train(noisy_model(layer), digits(), recipe, seed=seed).history["loss"] for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_of_a_model_of_the_zoo_what_is_traced_is_kept_from_seed_to_seed():
    tf.random.set_seed(7)
    train("batch_norm", digits(), Recipe(epochs=1), filters=2, dropout=0.5)
    assert context.global_seed() == 7  # to set it makes TensorFlow set up all functions anew


class Eager(keras.callbacks.Callback):
    """Spare a model that is built elsewhere its tracing."""

    def set_model(self, model):
        super().set_model(model)
        model.run_eagerly = True


def test_steps_per_execution_change_no_number():
    model = quick(**NOISY)
    model.run_eagerly = False
    trained = train(model, digits(), RECIPE, seed=0, steps_per_execution=1)
    weights, history, metrics = ended()
    assert_same(weights_of(model), weights)
    assert trained.history == history
    assert trained.metrics == metrics


def test_a_model_trained_again_with_other_steps_per_execution_sees_all_the_data():
    model = quick()
    model.run_eagerly = False
    counts = []
    for schedule, steps in (("constant", 1), ("constant", 25), ("cosine", 25), ("constant", 2)):
        fit(
            model,
            digits(),
            Recipe(epochs=1, batch_size=2, schedule=schedule),
            seed=0,
            steps_per_execution=steps,
        )
        counts.append(int(model.optimizer.iterations))
    size = len(digits().train.x)
    assert size == 24
    assert counts == [12, 24, 36, 48]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "momentum", "rmsprop"])
def test_a_model_started_anew_trains_as_a_new_one(optimizer):
    recipe = Recipe(epochs=2, batch_size=12)
    toggles = {"normalization": "batch", "dropout": 0.5, "optimizer": optimizer}
    fresh = quick(seed=1, **toggles)
    expected = fit(fresh, digits(), recipe, seed=1)
    used = quick(seed=0, **toggles)
    fit(used, digits(), Recipe(epochs=1, schedule="cosine"), seed=0)
    assert differ(weights_of(used), weights_of(fresh))
    restart(used, 1)
    assert fit(used, digits(), recipe, seed=1) == expected
    assert_same(weights_of(used), weights_of(fresh))
    assert_same(
        [np.asarray(variable) for variable in used.optimizer.variables],
        [np.asarray(variable) for variable in fresh.optimizer.variables],
    )


def test_a_traced_model_started_anew_trains_as_a_new_one_and_is_not_traced_again():
    model = quick(seed=7, **NOISY)
    model.run_eagerly = False
    fit(model, digits(), RECIPE, seed=7, steps_per_execution=25)
    traced = model.train_function
    restart(model, 0)
    trained = train(model, digits(), RECIPE, seed=0, steps_per_execution=25)
    weights, history, metrics = ended()
    assert model.train_function is traced
    assert_same(weights_of(model), weights)
    assert trained.history == history
    assert trained.metrics == metrics


def test_a_model_in_mixed_precision_started_anew_trains_as_a_new_one(mixed_precision):
    fresh, used = quick(seed=1), quick(seed=0)
    recipe = Recipe(epochs=1, schedule="cosine", augment="cutout")
    expected = fit(fresh, digits(), recipe, seed=1)
    fit(used, digits(), recipe, seed=0)
    restart(used, 1)
    assert fit(used, digits(), recipe, seed=1) == expected
    assert_same(weights_of(used), weights_of(fresh))


def test_a_model_that_never_trained_can_be_started_anew():
    model = quick(seed=0)
    restart(model, 1)
    assert_same(weights_of(model), weights_of(quick(seed=1)))


def test_sparse_and_categorical_crossentropy_train_to_the_same_bits():
    found = []
    for loss in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        model = quick(loss=loss, **NOISY)
        model.run_eagerly = False
        trained = train(model, digits(), Recipe(epochs=2, batch_size=8), seed=0)
        found.append((weights_of(model), trained.history["loss"], trained.metrics))
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert found[0][2] == pytest.approx(found[1][2], rel=1e-6)


def test_training_is_plain_gradient_descent_on_the_batches_that_the_seed_gives():
    data = digits()
    watched, _ = watch(Recipe(epochs=2, batch_size=8), data, units=CLASSES, shape=SHAPE)
    model = quick(depth=0, optimizer="sgd", learning_rate=0.5)
    kernel, bias = (weight.astype("float64") for weight in weights_of(model))
    fit(model, data, Recipe(epochs=2, batch_size=8), seed=0)
    for x, y in watched.batches:
        flat = x.reshape(len(x), -1).astype("float64")
        scores = np.exp(flat @ kernel + bias)
        error = scores / scores.sum(1, keepdims=True) - np.eye(CLASSES)[y]
        kernel -= 0.5 * flat.T @ error / len(x)
        bias -= 0.5 * error.mean(0)
    for found, expected in zip(weights_of(model), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_model_by_name_is_built_for_the_data_with_the_seed():
    trained = train("mlp", digits(), Recipe(epochs=1), seed=4, units=4, callbacks=[Eager()])
    model = quick(seed=4)
    again = train(model, digits(), Recipe(epochs=1), seed=4)
    assert_same(weights_of(trained.model), weights_of(model))
    assert trained.metrics == again.metrics
    assert trained.model.name == "mlp"


def test_every_split_is_measured_and_every_epoch_is_in_the_history():
    model = quick()
    trained = train(model, digits(), Recipe(epochs=3), seed=0)
    assert trained.model is model
    assert trained.seconds > 0
    assert set(trained.metrics) == {
        f"{split}_{metric}"
        for split in ("train", "validation", "test")
        for metric in ("loss", "accuracy", "macro_f1", "nll")
    }
    assert set(trained.history) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    }
    assert all(len(values) == 3 for values in trained.history.values())
    assert all(type(value) is float for values in trained.history.values() for value in values)
    assert trained.history["val_loss"][-1] == pytest.approx(
        trained.metrics["validation_loss"], rel=1e-5
    )


def test_training_learns(capsys):
    model = quick(depth=0, learning_rate=0.1)
    trained = train(model, digits(), Recipe(epochs=8, batch_size=8), seed=0)
    assert trained.metrics["train_accuracy"] == 1.0
    assert capsys.readouterr().out == ""


# Class weights


@pytest.mark.parametrize("counts", [(1, 1, 1), (8, 1, 3), (20, 4, 1)])
def test_balanced_weights_are_those_of_scikit_learn(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(labels)
    weights = class_weights(Recipe(class_weight="balanced"), labels, len(counts))
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    assert list(weights) == list(range(len(counts)))
    assert list(weights.values()) == pytest.approx(expected)


def test_a_class_without_examples_has_no_balanced_weight():
    weights = class_weights(Recipe(class_weight="balanced"), np.array([0, 2, 2]), 3)
    assert weights == {0: 1.0, 1: 0.0, 2: 0.5}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("none", None),
        ([1, 2, 3], {0: 1.0, 1: 2.0, 2: 3.0}),
        ({0: 5}, {0: 5.0, 1: 1.0, 2: 1.0}),
        ({2: 0}, {0: 1.0, 1: 1.0, 2: 0.0}),
    ],
    ids=str,
)
def test_weights_that_are_given_are_taken_and_absent_ones_are_1(given, expected):
    assert class_weights(Recipe(class_weight=given), np.array([0, 1, 2]), 3) == expected


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mse"]
)
def test_class_weights_weigh_each_example_of_a_class(loss):
    data, weights = digits(), np.array([1.0, 4.0, 0.25])
    model = quick(loss=loss)
    recipe = Recipe(epochs=1, batch_size=64, class_weight=weights)
    probabilities = model.predict_on_batch(data.train.x).astype("float64")
    history = fit(model, data, recipe, seed=0)
    one_hot = np.eye(CLASSES)[data.train.y]
    if loss == "mse":
        losses = ((probabilities - one_hot) ** 2).mean(1)
    else:
        losses = -np.log((probabilities * one_hot).sum(1))
    # one batch, so the epoch's loss is that of the initial weights
    assert history["loss"][0] == pytest.approx((losses * weights[data.train.y]).mean(), rel=1e-5)
    plain = quick(loss=loss)
    fit(plain, data, Recipe(epochs=1, batch_size=64), seed=0)
    assert differ(weights_of(plain), weights_of(model))


def test_class_weights_reach_a_binary_loss():
    x, y = examples(classes=2)
    data = cnnzoo.load_data((x, y), validation=0.2, test=0.2)
    model = cnnzoo.build(
        "mlp", units=2, input_shape=SHAPE, classes=2, loss="binary_crossentropy", seed=0
    )
    model.run_eagerly = True
    p = model.predict_on_batch(data.train.x)[:, 0].astype("float64")
    history = fit(model, data, Recipe(epochs=1, batch_size=64, class_weight={1: 3}), seed=0)
    losses = np.where(data.train.y == 1, -3 * np.log(p), -np.log(1 - p))
    assert history["loss"][0] == pytest.approx(losses.mean(), rel=1e-5)


def test_class_weights_leave_the_validation_loss_alone():
    data = digits()
    model = quick()
    history = fit(model, data, Recipe(epochs=1, class_weight=[9, 9, 9]), seed=0)
    assert history["val_loss"][0] == pytest.approx(
        cnnzoo.evaluate(model, *data.validation)["loss"], rel=1e-5
    )


# A loss that is no longer a number


@pytest.mark.parametrize("steps_per_execution", [1, 25])
def test_training_stops_where_the_loss_is_no_number_and_the_history_shows_it(
    steps_per_execution, capsys
):
    x, y = examples()
    data = cnnzoo.load_data((x * 1e20, y), normalize="none", validation=0.2, test=0.2)
    model = quick(optimizer="sgd", learning_rate=100.0, activation="linear")
    model.run_eagerly = steps_per_execution == 1
    recipe = Recipe(epochs=9, batch_size=2)
    trained = train(model, data, recipe, seed=0, steps_per_execution=steps_per_execution)
    assert len(trained.history["loss"]) == 1
    assert not math.isfinite(trained.history["loss"][0])
    assert math.isnan(trained.metrics["test_loss"])
    assert int(model.optimizer.iterations) < len(data.train.x) / 2 or steps_per_execution > 1
    assert capsys.readouterr().out == ""


# What does not go together


def refusal(model, data, recipe=None, error=ToggleError, **options) -> str:
    class Untrained(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise AssertionError("training began")

    with pytest.raises(error) as caught:
        train(model, data, recipe or Recipe(), callbacks=[Untrained()], **options)
    return str(caught.value)


def test_examples_of_another_shape_are_refused():
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 7, 1), classes=3)
    assert refusal(model, digits()) == (
        "`mlp` takes examples of shape (6, 7, 1); `arrays` has (6, 6, 1). "
        "Build it with input_shape=(6, 6, 1)."
    )


def test_sequences_for_a_model_of_images_are_refused():
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 6, 1), classes=20)
    assert refusal(model, numbered()) == (
        "`mlp` takes examples of shape (6, 6, 1); `arrays` has (1, 1). "
        "Build it with input_shape=(1, 1)."
    )


def test_with_channels_first_the_shape_is_still_told_channels_last(channels_first):
    model = cnnzoo.build("mlp", units=2, input_shape=(6, 7, 1), classes=3)
    assert refusal(model, digits()) == (
        "`mlp` takes examples of shape (6, 7, 1); `arrays` has (6, 6, 1). "
        "Build it with input_shape=(6, 6, 1)."
    )


def test_a_model_for_images_of_any_size_takes_these():
    model = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    assert len(fit(model, digits(), Recipe(epochs=1), seed=0)["loss"]) == 1


def test_a_model_of_several_inputs_is_refused():
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    x = keras.layers.Flatten()(keras.layers.Add()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(x), name="mine")
    model.compile("sgd", "mse")
    assert refusal(model, digits()) == "`mine` has 2 inputs; `arrays` has one."


def test_fewer_classes_than_the_data_has_are_refused():
    assert refusal("mlp", digits(), error=LabelError, classes=2) == (
        "`mlp` has classes=2 with sparse_categorical_crossentropy; `arrays` has 3 classes. "
        "Build it with classes=3."
    )


def test_more_classes_than_the_data_has_are_fine():
    model = cnnzoo.build("mlp", units=2, input_shape=SHAPE, classes=5, seed=0)
    model.run_eagerly = True
    assert train(model, digits(), Recipe(epochs=1), seed=0).metrics["test_nll"] > 0


def angles() -> Data:
    return cnnzoo.load_data((examples()[0], np.linspace(0.05, 0.95, 40)))


def test_a_regression_for_a_model_of_classes_is_refused():
    assert refusal("mlp", angles(), error=LabelError, classes=3) == (
        "`mlp` has classes=3 with sparse_categorical_crossentropy; `arrays` is a regression. "
        "Build it with classes=1 and loss='mse'."
    )


def test_classes_for_a_model_of_a_regression_are_refused():
    assert refusal("mlp", digits(), error=LabelError, classes=1, loss="huber") == (
        "`mlp` has classes=1 with huber; `arrays` has 3 classes. Build it with classes=3."
    )


def test_a_regression_with_a_loss_on_classes_is_refused_by_the_builder():
    assert refusal("mlp", angles()) == (
        "`loss` of `mlp`: sparse_categorical_crossentropy needs at least 2 classes; got "
        "classes=1, a regression. Give one of mse, mae, huber, or more classes."
    )


def one_hot_labels() -> Data:
    data = digits()
    splits = (data.train, data.validation, data.test)
    return Data(*(Split(x, np.eye(CLASSES)[y]) for x, y in splits), info=data.info)


def test_one_hot_labels_for_a_loss_on_ids_are_refused():
    size = len(digits().train.y)
    assert refusal("mlp", one_hot_labels(), error=LabelError) == (
        "sparse_categorical_crossentropy takes class ids of shape (n,); the labels are one-hot of "
        f"shape ({size}, 3). Give labels.argmax(-1), or a loss on one-hot labels, such as "
        "categorical_crossentropy."
    )


def test_class_weights_for_other_classes_are_refused():
    assert refusal("mlp", digits(), Recipe(class_weight=[1, 2])) == (
        "`class_weight` of `Recipe` must have a weight for each of the 3 classes of `mlp`; got 2."
    )
    assert refusal("mlp", digits(), Recipe(class_weight={0: 1, 3: 2})) == (
        "`class_weight` of `Recipe` has a weight for class 3; `mlp` has the classes 0 to 2."
    )


@pytest.mark.parametrize("weights", ["balanced", [1], {0: 1}])
def test_class_weights_for_a_regression_are_refused(weights):
    assert refusal("mlp", angles(), Recipe(class_weight=weights), loss="mse") == (
        "`class_weight` of `Recipe` weighs classes; `arrays` is a regression."
    )


def test_toggles_with_a_built_model_are_refused():
    assert refusal(quick(), digits(), units=3, dropout=0.5) == (
        "`train` takes toggles only with the name of a model to build; got units, dropout with "
        "the built model `mlp`."
    )


def test_a_model_that_is_not_compiled_is_refused():
    model = cnnzoo.build("mlp", units=2, input_shape=SHAPE, classes=3, compile=False)
    assert refusal(model, digits(), error=LabelError) == (
        "`mlp` is not compiled; build it with compile=True."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("mlp", "digits"),
            "`data` of `train` must be what `cnnzoo.load_data` returns, as in "
            "cnnzoo.load_data('mnist5k'); got str.",
        ),
        (
            (3, None),
            "`model` of `train` must be a name of the zoo or a compiled keras.Model; got 3.",
        ),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments, sentence):
    with pytest.raises((ToggleError, DataError)) as refusal:
        train(*arguments)
    assert str(refusal.value) == sentence
