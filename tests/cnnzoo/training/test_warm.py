"""The compiled model that trials of one configuration share."""

import weakref

import pytest
from helpers.small_trainings import assert_same, digits, quick, weights_of

from cnnzoo import Recipe
from cnnzoo.training.train import fit
from cnnzoo.training.warm import WarmModels

RECIPE = Recipe(epochs=1, batch_size=12)


def trained(warm, key, seed, **options):
    model = warm.get(key, lambda: quick(seed, dropout=0.5), seed, **options)
    fit(model, digits(), RECIPE, seed=seed)
    return model


def test_kept_model_trains_as_a_new_one():
    warm = WarmModels()
    first = trained(warm, "a", seed=0)
    again = trained(warm, "a", seed=1)
    assert again is first
    assert_same(weights_of(again), weights_of(trained(WarmModels(), "a", seed=1)))


def test_kept_model_takes_over_another_learning_rate():
    def trained_at(warm, rate):
        model = warm.get("a", lambda: quick(0, learning_rate=rate), 0, rate=rate)
        fit(model, digits(), RECIPE, seed=0)
        return model

    warm = WarmModels()
    first = trained_at(warm, 0.1)
    again = trained_at(warm, 0.003)
    assert again is first
    assert_same(weights_of(again), weights_of(trained_at(WarmModels(), 0.003)))


def test_another_configuration_frees_the_kept_model():
    warm = WarmModels()
    first = weakref.ref(trained(warm, "a", seed=0))
    assert first() is not None

    def build():
        assert first() is None  # before the next one takes memory
        return quick()

    second = warm.get("b", build, 0)
    assert warm.keys == ["b"]
    assert warm.get("b", build, 1) is second


def test_models_trained_by_turns_train_as_new_ones():
    warm = WarmModels(capacity=2)
    models = {(key, seed): trained(warm, key, seed) for seed in (0, 1) for key in "ab"}
    assert models["a", 0] is models["a", 1] is not models["b", 1]
    new = trained(WarmModels(), "a", seed=1)
    for key in "ab":  # the same model under two keys
        assert_same(weights_of(models[key, 1]), weights_of(new))
    trained(warm, "a", seed=0)
    trained(warm, "c", seed=0)
    assert warm.keys == ["a", "c"]  # b was not used for the longest time


def test_large_models_are_not_kept_beside_others(monkeypatch):
    monkeypatch.setattr("cnnzoo.training.warm.MAX_WEIGHTS", 10)
    warm = WarmModels(capacity=2)
    for key in "ab":
        warm.get(key, quick, 0)
    assert warm.keys == ["b"]


def test_unkept_model_is_rebuilt_and_leaves_the_kept_one():
    warm = WarmModels()
    kept = trained(warm, "a", seed=0)
    one, other = (trained(warm, "a", seed=0, keep=False) for _ in range(2))
    assert one is not other
    assert kept not in (one, other)
    assert warm.get("a", quick, 0) is kept


def test_cleared_model_is_built_again():
    warm = WarmModels()
    first = trained(warm, "a", seed=0)
    warm.clear()
    assert warm.keys == []
    assert trained(warm, "a", seed=0) is not first


def test_failed_build_keeps_nothing():
    warm = WarmModels()
    trained(warm, "a", seed=0)
    with pytest.raises(ZeroDivisionError):
        warm.get("b", lambda: 1 / 0, 0)
    assert warm.keys == []
