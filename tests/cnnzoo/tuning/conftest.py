"""What the tests of the searches share."""

import socket
import sys
from pathlib import Path

import pytest

import cnnzoo

sys.path.insert(0, str(Path(__file__).parent))  # workers import the stubs by their names

from search_files import trials_of


def pytest_collection_modifyitems(items):
    """KerasTuner 1.4.8 asks for the current thread's name in a way that Python 3.10 gave up."""
    for item in items:
        if "cnnzoo/tuning" in str(item.path):
            item.add_marker(
                pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")
            )


@pytest.fixture
def searched(tmp_path):
    """What `trials_of` gives of a search in a directory of the test's own."""

    def search(*arguments, directory=tmp_path / "search", **options):
        settings = {"progress": False, "directory": directory, **options}
        cnnzoo.tune(*arguments, **settings)
        return trials_of(directory)

    return search


@pytest.fixture
def port():
    """A free port, held so that nobody else is given it before the chief listens there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def stub_training(monkeypatch):
    """Instead of training, look up how good a configuration is; with its calls."""
    calls = []

    def install(response):
        def train(trainer, levels, seed, epochs, save_to):
            calls.append((dict(levels), seed, epochs))
            score = response(levels, seed)
            metrics = {"val_accuracy": score, "val_loss": 1 - score}
            return {"status": "done", "score": score, "metrics": metrics, "epochs": epochs or 1}

        monkeypatch.setattr("cnnzoo.tuning.execution.Trainer._train", train)
        return calls

    return install
