"""Searches of models with several outputs."""

import pytest
from helpers.two_heads import images, labels, two_heads

import cnnzoo
from cnnzoo import Recipe, ToggleError

DATA = images(), {name: labels()[name] for name in ("column", "side")}


def search(folder, **options):
    return cnnzoo.tune(
        two_heads,
        DATA,
        {"units": [2, 6]},
        tuner="grid",
        recipe=Recipe(epochs=2, batch_size=8),
        directory=folder,
        progress=False,
        **options,
    )


def test_objective_is_the_metric_of_an_output(tmp_path, unexplained):
    options = {"objective": "val_side_accuracy", "metrics": ["column_macro_recall"]}
    results = search(tmp_path / "search", **options)
    trial = results.trials.iloc[0]
    trained = cnnzoo.train(
        two_heads,
        cnnzoo.load_data(DATA),
        Recipe(epochs=2, batch_size=8),
        metrics=["column_macro_recall"],
        units=int(trial["units"]),
        verbose=0,
    )
    assert results.best_line() == (
        "cnnzoo.train('helpers.two_heads:two_heads', cnnzoo.load_data(data), "
        f"cnnzoo.Recipe(epochs=2, batch_size=8), seed=0, units={results.best()['units']})"
    )
    assert not any("classes" in line for line in results.project.notes)
    assert trial["score"] == trained.metrics["validation_side_accuracy"]
    assert trial["val_column_macro_recall"] == pytest.approx(
        trained.metrics["validation_column_macro_recall"]
    )


def test_usual_objective_is_the_total_loss(tmp_path, unexplained):
    results = search(tmp_path / "search")
    assert results.trials["score"].tolist() == results.trials["val_loss"].tolist()


def test_unknown_objective_names_those_of_the_outputs(tmp_path):
    with pytest.raises(ToggleError) as caught:
        search(tmp_path / "search", objective="val_accuracy")
    assert str(caught.value) == (
        "`objective`: expected one of val_loss, val_column_loss, val_column_accuracy, "
        "val_column_macro_f1, val_column_minority_f1, val_column_nll, val_side_loss, "
        "val_side_accuracy, val_side_macro_f1, val_side_minority_f1, val_side_nll for several "
        "outputs; got 'val_accuracy'; did you mean 'val_side_accuracy'?"
    )
