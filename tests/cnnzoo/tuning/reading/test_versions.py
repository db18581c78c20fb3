"""Projects of every version of KerasTuner since 1.0.0."""

import pandas as pd
import pytest
from helpers.old_projects import TRIALS, add_epochs, write_project

import cnnzoo
from cnnzoo.tuning.records import Objective

UNORDERED = "The order of the trials was not stored; they are listed by name."


@pytest.mark.parametrize("version", TRIALS)
def test_every_version_is_read(tmp_path, version):
    results = cnnzoo.open_search(write_project(tmp_path / "a", version))
    assert results.objective == Objective("val_accuracy", "max")
    assert results.hyperparameters == ("pool", "pool_size", "learning_rate", "head/skip")
    trials = results.trials.set_index("trial")
    assert set(trials["status"]) == {"done"}
    assert trials["score"].to_dict() == {name: s for name, (_, s) in TRIALS[version].items()}
    # 0.9 - 0.02 * (log10(1e-2) + 2)^2, and with a rate of 1e-4 and a size of 3: 0.9 - 0.08 + 0.03
    sizes = trials.set_index("score")["pool_size"]
    assert pd.isna(sizes[0.9])
    assert sizes[0.85] == 3
    assert results.best() == {
        "pool": "none",
        "learning_rate": 0.01,
        "head/skip": False,
        "width": 8,
    }


@pytest.mark.parametrize("version", TRIALS)
def test_missing_order_is_noted(tmp_path, version):
    results = cnnzoo.open_search(write_project(tmp_path / "a", version))
    ordered = version >= "1.1.2"
    assert results.project.in_order == ordered
    assert results.notes == (() if ordered else (UNORDERED,))


def test_score_is_the_best_of_reported_epochs(tmp_path):
    place = write_project(tmp_path / "a", "1.0.4")
    add_epochs(place, "max")
    results = cnnzoo.open_search(place)
    assert results.configurations["score"].tolist() == [0.9, 0.85]
    assert results.trials["val_accuracy"].tolist() == results.trials["score"].tolist()
