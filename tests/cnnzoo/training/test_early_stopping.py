"""Early end of a training and the weights that it leaves."""

import math

import pytest
from helpers.small_trainings import examples, quick, refusal
from helpers.watched import watch

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.training.train import train


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
def test_early_stopping_restores_the_best_weights(patience, losses, epochs, best):
    recipe = Recipe(epochs=len(losses), batch_size=5, early_stopping=patience)
    model, history = watch(recipe, validation_losses=losses)
    assert history["val_loss"] == losses[:epochs]
    assert len(model.batches) == epochs * 4
    assert model.steps == best * 4


def test_last_weights_stay_without_early_stopping():
    model, history = watch(Recipe(epochs=3), validation_losses=[1.0, 2.0, 3.0])
    assert history["val_loss"] == [1.0, 2.0, 3.0]
    assert model.steps == 3


@pytest.mark.parametrize(
    ("choice", "value"),
    [("schedule", "'reduce-on-plateau'"), ("early_stopping", "3")],
)
def test_missing_validation_loss_is_refused(choice, value):
    data = cnnzoo.load_data(examples(), validation=0.0)
    recipe = Recipe(**{choice: {"3": 3}.get(value, value.strip("'"))})
    assert refusal("mlp", data, recipe) == (
        f"`{choice}` of `Recipe`: {value} needs the validation loss, but `arrays` has no "
        "validation split. Load it with validation=0.1."
    )


@pytest.mark.parametrize("steps_per_execution", [1, 25])
def test_training_stops_at_a_loss_that_is_not_finite(steps_per_execution, capsys):
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
