"""A reset model trains as a new one."""

import numpy as np
import pytest
from helpers.small_trainings import (
    NOISY,
    RECIPE,
    assert_same,
    differ,
    digits,
    ended,
    quick,
    weights_of,
)

from cnnzoo import Recipe
from cnnzoo.models.initialization import restart
from cnnzoo.training.train import fit, train


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "momentum", "rmsprop"])
def test_reset_model_trains_as_a_new_one(optimizer):
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


def test_reset_model_is_not_traced_again():
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


def test_reset_model_in_mixed_precision_trains_as_a_new_one(mixed_precision):
    fresh, used = quick(seed=1), quick(seed=0)
    recipe = Recipe(epochs=1, schedule="cosine", augment="cutout")
    expected = fit(fresh, digits(), recipe, seed=1)
    fit(used, digits(), recipe, seed=0)
    restart(used, 1)
    assert fit(used, digits(), recipe, seed=1) == expected
    assert_same(weights_of(used), weights_of(fresh))


def test_untrained_model_is_reset():
    model = quick(seed=0)
    restart(model, 1)
    assert_same(weights_of(model), weights_of(quick(seed=1)))


def test_result_does_not_depend_on_earlier_trials():
    """On jax and torch too, where the first ``fit`` of a model reads and draws more."""
    recipe = Recipe(epochs=2, batch_size=12, augment="crop+cutout")
    toggles = {"dropout": 0.5, "optimizer": "adam"}
    expected = train(quick(seed=0, **toggles), digits(), recipe, seed=0)
    used = quick(seed=1, **toggles)
    train(used, digits(), recipe, seed=1)
    restart(used, 0)
    found = train(used, digits(), recipe, seed=0)
    assert (found.history, found.metrics) == (expected.history, expected.metrics)
