"""What a builder of one's own takes by the name of a toggle of the recipe or the data."""

from typing import Annotated

import pytest
from helpers import search_hyperparameters as own

import cnnzoo
from cnnzoo import Toggle

Units = Annotated[int, Toggle("width", low=1, high=64)]
Epochs = Annotated[int, Toggle("of its own", low=1, high=9)]

SENTENCE = "`{}` is a {} of `{}` and also a toggle of the recipe or the data. Rename the {}."


def toggle_of_its_own(units: Units = 8, epochs: Epochs = 3): ...


def plain_argument(units: Units = 8, batch_size=32): ...


def hidden(hp):
    if hp.Int("size", 4, 5) == 5:
        hp.Float("label_noise", 0.0, 0.5)
    return own.guide(hp)


@pytest.mark.parametrize(
    ("builder", "name"), [(toggle_of_its_own, "epochs"), (plain_argument, "batch_size")]
)
@pytest.mark.parametrize(
    "start",
    [
        lambda builder, **more: cnnzoo.tune(builder, "digits", **more),
        lambda builder, **more: cnnzoo.hypermodel(builder, **more),
    ],
    ids=["tune", "hypermodel"],
)
def test_parameter_named_like_a_toggle_is_refused(start, builder, name):
    for options in ({}, {"search": ["units", name]}, {"search": ["units"], name: 4}):
        with pytest.raises(cnnzoo.ToggleError) as refused:
            start(builder, **options)
        assert str(refused.value) == SENTENCE.format(
            name, "parameter", builder.__name__, "parameter"
        )


def test_hyperparameter_named_like_a_toggle_is_refused(searched, tmp_path):
    with pytest.raises(cnnzoo.ToggleError) as refused:
        searched(own.two_names, "digits")
    assert str(refused.value) == SENTENCE.format(
        "batch_size", "hyperparameter", "two_names", "hyperparameter"
    )
    assert list(tmp_path.iterdir()) == []


def test_hidden_hyperparameter_named_like_a_toggle_makes_its_trial_invalid(searched):
    recipe = cnnzoo.Recipe(epochs=1)
    trials = searched(hidden, "digits", trials=6, seed=1, recipe=recipe, train_size=40)
    wide = [trial for trial in trials if trial["values"]["size"] == 5]
    assert 0 < len(wide) < len(trials)
    sentence = SENTENCE.format("label_noise", "hyperparameter", "hidden", "hyperparameter")
    assert {(trial["status"], trial["message"]) for trial in wide} == {("INVALID", sentence)}
