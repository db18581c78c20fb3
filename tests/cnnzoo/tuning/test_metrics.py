"""Requested metrics and objectives of searches."""

import json

import pytest
from helpers import own_metrics

import cnnzoo
from cnnzoo.toggle import ToggleError

SMALL = {"tuner": "grid", "recipe": cnnzoo.Recipe(epochs=1), "train_size": 60, "progress": False}


def test_custom_metric_is_the_objective_and_others_are_stored(tmp_path):
    found = cnnzoo.tune(
        "mlp",
        "digits",
        {"units": [4, 8]},
        objective=(own_metrics.share, "max"),
        metrics=["macro_auc", "AUC"],
        directory=tmp_path / "search",
        **SMALL,
    )
    assert (found.objective.name, found.objective.direction) == ("val_share[max]", "max")
    manifest = json.loads((tmp_path / "search" / "search.json").read_text())
    assert manifest["metrics"] == ["AUC", "helpers.own_metrics:share[max]", "macro_auc"]
    assert "helpers.own_metrics:share[max]" in manifest["versions"]
    names = ["val_share[max]", "val_macro_auc", "val_auc"]
    assert found.trials[names].notna().all(axis=None)
    assert found.trials["score"].equals(found.trials["val_share[max]"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"objective": "val_recall[cat]"},
            "`metrics`: expected a class in recall[...], one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got "
            "cat.",
        ),
        (
            {"objective": "val_recall"},
            "`objective`: expected one of val_loss, val_accuracy, val_macro_f1, val_nll for a "
            "classification; got 'val_recall'; did you mean 'val_nll'?",
        ),
        (
            {"metrics": [("__main__:share", "max")], "workers": 2},
            "`metrics`: expected, with workers=2, metrics that worker processes can import; got "
            "__main__:share[max]. Define it in a module, or use workers=1.",
        ),
    ],
)
def test_metric_that_cannot_be_measured_is_refused(tmp_path, options, message):
    with pytest.raises(ToggleError) as refused:
        cnnzoo.tune(
            "mlp", "digits", {"units": [4, 8]}, directory=tmp_path / "search", **SMALL, **options
        )
    assert str(refused.value) == message
    assert not (tmp_path / "search").exists()
