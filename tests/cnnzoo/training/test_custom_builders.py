"""Training of custom builders: functions, objects with a custom `fit`, subclasses of Model."""

import numpy as np
import pytest
from helpers import stub_builders

import cnnzoo
from cnnzoo import Recipe, ToggleError

ONCE = Recipe(epochs=1)


@pytest.fixture(scope="module")
def digits():
    return cnnzoo.load_data("digits", train_size=64)


def test_custom_fit_trains_instead_of_the_recipe(digits):
    first, again = (cnnzoo.train(stub_builders.Looping(), digits, seed=3, steps=3) for _ in "ab")
    assert first.history == again.history
    assert len(first.history["loss"]) == 3
    assert first.metrics == again.metrics
    assert first.model.optimizer.iterations == 3
    with pytest.raises(ToggleError) as refused:
        cnnzoo.train(stub_builders.Looping(), digits, Recipe(batch_size=8))
    assert str(refused.value) == (
        "`batch_size` of `Recipe`: the custom `fit` of `helpers.stub_builders:Looping` trains "
        "instead of the recipe, so it would have no effect. Add a parameter `recipe` to `fit` and "
        "use it there, or leave it out; got 8."
    )


def test_result_of_a_custom_fit(digits):
    assert cnnzoo.train("helpers.stub_builders:Silent", digits).history == {}
    with pytest.raises(ToggleError) as refused:
        cnnzoo.train("helpers.stub_builders:Silent", digits, answer="number")
    assert str(refused.value) == (
        "`fit` of `helpers.stub_builders:Silent`: expected a History, a mapping from names to one "
        "number per epoch, or None as result; got 3.5."
    )


def test_function_is_trained_as_the_model_that_it_builds(digits):
    trained = cnnzoo.train(stub_builders.plain, digits, ONCE, seed=2, units=4)
    from cnnzoo.builders import find_builder

    levels, info = {"units": 4}, digits.info
    model = find_builder(stub_builders.plain).build(levels, info.input_shape, info.classes, 2)
    assert cnnzoo.train(model, digits, ONCE, seed=2).metrics == trained.metrics
    with pytest.raises(ToggleError) as refused:
        cnnzoo.train(stub_builders.plain, digits, ONCE, unit=4)
    assert str(refused.value) == (
        "`helpers.stub_builders:plain` takes no `unit`; did you mean `units`? It takes units, "
        "rate, wide, kind."
    )


def test_function_is_checked_as_the_model_that_it_builds(digits):
    findings = cnnzoo.check(stub_builders.scored, digits, head="linear", probes=False)
    assert findings["code"].to_list() == ["loss-of-scores"] or len(findings)


def test_subclass_of_model_trains_as_in_keras(digits):
    trained = cnnzoo.train(stub_builders.subclassing, digits, ONCE, units=4)
    x, labels = digits.test
    keras_loss = trained.model.evaluate(x, labels, verbose=0)
    assert trained.metrics["test_loss"] == pytest.approx(keras_loss, rel=1e-4)
    accuracy = np.mean(trained.model.predict(x, verbose=0).argmax(1) == labels)
    assert trained.metrics["test_accuracy"] == pytest.approx(accuracy)
    cost = cnnzoo.describe(trained.model)
    assert len(cost)
