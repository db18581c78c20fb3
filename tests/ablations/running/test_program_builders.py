"""Trials of custom builders, also those of the program itself in worker processes."""

import pytest
from helpers.programs import said_by

from ablations.running.trial import measure_trial, run_trial
from ablations.study import Settings, Status, Trial
from cnnzoo import Recipe

PROGRAM = """
import keras
import ablations, cnnzoo

dropout = keras.layers.Dropout(0.0, seed=1)  # has variables, so that reading it starts TensorFlow


def make(scale):
    def build(input_shape, classes, units=4):
        layers = [dropout, keras.layers.Flatten(), keras.layers.Dense(units * scale + bonus)]
        return keras.Sequential(
            [keras.Input(input_shape), *layers, keras.layers.Dense(classes, "softmax")]
        )

    return build


class Looping:
    build = staticmethod(make(2))

    def fit(self, model, data, seed):
        model.train_on_batch(data.train.x[:8], data.train.y[:8])


once = cnnzoo.Recipe(epochs=1)
for bonus in (0, 1):
    study = ablations.Study(
        make(3), "digits", {"units": [4, 8]}, {"train_size": 40}, seeds=1, recipe=once,
    )
    results = ablations.run(study, "study", workers=1)
    print(results.trials["params"].to_list(), results.best("model")["units"] in (4, 8))
    search = cnnzoo.tune(
        Looping(), "digits", {"units": [4, 8]}, tuner="grid", workers=2, progress=False,
        directory=f"search-{bonus}",
    )
    print(search.trials["status"].to_list())
"""


def test_builders_of_a_program_run_in_workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # 64 pixels, units * 3 + bonus hidden units, 10 classes
    expected = [
        line
        for bonus in (0, 1)
        for line in (
            f"{[75 * (units * 3 + bonus) + 10 for units in (4, 8)]} True",
            "['done', 'done']",
        )
    ]
    assert said_by(PROGRAM).splitlines() == expected


@pytest.mark.parametrize(
    ("builder", "notes"),
    [("subclassing", set()), ("uncompiled", set()), ("Silent", {"own-fit"})],
)
def test_trial_of_a_model_that_hides_its_layers_or_its_history(builder, notes):
    recipe = Recipe() if builder == "Silent" else Recipe(epochs=1)
    settings = Settings(train_size=40)
    trial = Trial(f"helpers.stub_builders:{builder}", "digits", settings, recipe, seed=1)
    measured, result = measure_trial(trial), run_trial(trial)
    assert (measured.status, measured.reason) == (Status.DONE, "")
    assert (result.status, result.reason) == (Status.DONE, "")
    assert measured.params == result.params
    assert bool(result.history) == (builder != "Silent")
    assert {finding.code for finding in result.findings} >= notes
    assert run_trial(trial).metrics == result.metrics
