"""Fixtures of the tests of searches."""

import pytest
from helpers.search_files import trials_of

import cnnzoo
from cnnzoo.runtime import isolation


def pytest_collection_modifyitems(items):
    """Ignore that KerasTuner 1.4.8 asks for its thread's name in a deprecated way."""
    for item in items:
        if "cnnzoo/tuning" in str(item.path):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")
            )


@pytest.fixture
def searched(tmp_path, unexplained):
    """Return a function that searches in a temporary directory and returns `trials_of` it."""

    def search(*arguments, directory=tmp_path / "search", **options):
        settings = {"progress": False, "directory": directory, **options}
        cnnzoo.tune(*arguments, **settings)
        return trials_of(directory)

    return search


@pytest.fixture
def stub_training(monkeypatch):
    """Return a function that replaces training by a response function, and returns its calls."""
    calls = []

    def install(response):
        def train(trainer, levels, seed, epochs, save_to):
            calls.append((dict(levels), seed, epochs))
            score = response(levels, seed)
            metrics = {"val_accuracy": score, "val_loss": 1 - score}
            return {"status": "done", "score": score, "metrics": metrics, "epochs": epochs or 1}

        monkeypatch.setattr("cnnzoo.tuning.trainer.Trainer._train", train)
        # a formula patches nothing, and to compare all of Keras takes longer than it
        monkeypatch.delitem(isolation.STATES, "Keras's functions and classes", raising=False)
        return calls

    return install
