"""Learning rates of each schedule, step by step."""

import math

import keras
import pytest
from helpers.watched import Watched, numbered, watch

from cnnzoo import Recipe, ToggleError
from cnnzoo.training.train import fit


def rates_of(schedule, epochs, batch_size=5, rate=0.1, n=20, **options):
    optimizer = keras.optimizers.SGD(rate)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, schedule=schedule)
    model, history = watch(recipe, numbered(n), optimizer=optimizer, units=n, **options)
    assert float(optimizer.learning_rate) == pytest.approx(rate)  # put back
    return model.rates, history["learning_rate"]


def test_constant_schedule_keeps_the_rate():
    rates, logged = rates_of("constant", epochs=2)
    assert rates == pytest.approx([0.1] * 8)
    assert logged == pytest.approx([0.1] * 2)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 20), (3, 5), (4, 6)])
def test_cosine_schedule_follows_its_formula_at_every_step(epochs, batch_size):
    rates, logged = rates_of("cosine", epochs, batch_size)
    a_pass = math.ceil(20 / batch_size)
    total = epochs * a_pass
    expected = [0.1 * (1 + math.cos(math.pi * step / total)) / 2 for step in range(total)]
    assert rates == pytest.approx(expected, rel=1e-5)
    assert logged == pytest.approx(expected[a_pass - 1 :: a_pass], rel=1e-5)


@pytest.mark.parametrize(("epochs", "batch_size"), [(1, 20), (1, 10), (1, 7), (4, 5), (5, 3)])
def test_step_schedule_divides_by_ten_twice(epochs, batch_size):
    rates, logged = rates_of("step", epochs, batch_size)
    a_pass = math.ceil(20 / batch_size)
    total = epochs * a_pass
    tenths = [(step / total >= 0.5) + (step / total >= 0.75) for step in range(total)]
    assert rates == pytest.approx([0.1 / 10**count for count in tenths])
    assert logged == pytest.approx(rates[a_pass - 1 :: a_pass])


def test_reduce_on_plateau_halves_after_two_epochs():
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
def test_interrupted_schedule_restores_the_rate(schedule):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    model = Watched(optimizer=keras.optimizers.SGD(0.5))
    with pytest.raises(KeyboardInterrupt):
        fit(model, numbered(), Recipe(epochs=9, schedule=schedule), seed=0, callbacks=[Interrupt()])
    assert float(model.optimizer.learning_rate) == 0.5


def test_rate_set_by_a_callback_is_restored():
    model = Watched(optimizer=keras.optimizers.SGD(0.5))
    halve = keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
    history = fit(model, numbered(), Recipe(epochs=2), seed=0, callbacks=[halve])
    assert history["learning_rate"] == model.rates == [0.25, 0.125]
    assert float(model.optimizer.learning_rate) == 0.5


def own_schedule():
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    return keras.optimizers.SGD(decay)


def test_optimizer_with_its_own_schedule_keeps_it():
    model = Watched(optimizer=own_schedule())
    history = fit(model, numbered(), Recipe(epochs=1), seed=0)
    assert "learning_rate" not in history
    assert model.rates == pytest.approx([0.1])


@pytest.mark.parametrize("schedule", ["cosine", "step", "reduce-on-plateau"])
def test_two_schedules_at_once_are_refused(schedule):
    with pytest.raises(ToggleError) as caught:
        fit(Watched(optimizer=own_schedule()), numbered(), Recipe(schedule=schedule), seed=0)
    assert str(caught.value) == (
        f"`schedule` of `Recipe`: '{schedule}' sets the learning rate, but the optimizer of "
        "`watched` has its own schedule. Compile the model with a number, or pass "
        "schedule='constant'."
    )
