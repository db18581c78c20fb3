"""Notes on scores that KerasTuner or Keras computed."""

import json

import pytest
from helpers.old_projects import write_project
from helpers.project_files import edit

import cnnzoo

TIES = " counts every tied class as a hit (Keras 3.15.1): a model with constant outputs scores 1."
THRESHOLDS = (
    " is computed at 200 fixed thresholds (Keras 3.15.1): scores that lie close together, as for "
    "rare classes, give 0.5 however well they are ranked."
)


def by_metric(place, name):
    """Return a search elsewhere with two trials by a metric of which higher is better."""
    write_project(place, "1.3.5")
    for trial, score in enumerate((0.7, 0.8)):
        path = place / f"trial_{trial}" / "trial.json"
        state = json.loads(path.read_text())
        history = [{"value": [score], "step": 0}]
        state["metrics"]["metrics"] = {name: {"direction": "max", "observations": history}}
        path.write_text(json.dumps({**state, "score": score}))
    return cnnzoo.open_search(place)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("val_sparse_top_k_categorical_accuracy", TIES),
        ("val_top_5", TIES),
        ("val_top5_accuracy", TIES),
        ("val_auc", THRESHOLDS),
        ("val_auc_1", THRESHOLDS),
        ("val_accuracy", ""),
        ("val_sauce", ""),
    ],
)
def test_scores_of_metrics_with_traps_carry_a_note(tmp_path, name, note):
    assert by_metric(tmp_path / "a", name).notes == ((name + note,) if note else ())


def test_search_of_this_project_needs_no_note(copied):
    place = copied("hyperband")
    assert len(cnnzoo.open_search(place).notes) == 2
    (place / "search.json").write_text("{}")
    edit(place / "search.json", objective={"name": "val_accuracy", "direction": "max"})
    (note,) = cnnzoo.open_search(place).notes
    assert "before 9 epochs; their scores are not compared" in note
