"""Which GPUs are used, and when TensorFlow is not asked."""

import pytest
import tensorflow as tf

from cnnzoo.engine import resources as module
from cnnzoo.engine.resources import count_gpus, find_gpus


@pytest.fixture
def driver(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "DRIVERS", (tmp_path / "none", tmp_path))


@pytest.mark.parametrize(
    ("visible", "usable", "gpus"),
    [
        (None, 2, ["0", "1"]),
        (None, 0, []),  # there are some, but TensorFlow was built without CUDA
        ("2,3", 2, ["2", "3"]),
        ("2,3", 0, []),
        (" GPU-8a1, MIG-f07 ", 2, ["GPU-8a1", "MIG-f07"]),
        ("1,0,3", 2, ["1", "0"]),
        ("0,-1,1", 1, ["0"]),  # for CUDA the list ends there
        ("0,,1", 1, ["0"]),
    ],
)
def test_gpus_of_the_variable_are_read_as_tensorflow_does(
    driver, monkeypatch, visible, usable, gpus
):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_gpus(lambda: usable) == gpus


@pytest.mark.parametrize("visible", ["", "-1", " "])
def test_tensorflow_is_not_asked_where_gpus_are_hidden(driver, monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_gpus(pytest.fail) == []


def test_tensorflow_is_not_asked_where_there_is_no_driver(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "DRIVERS", (tmp_path / "none",))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert find_gpus(pytest.fail) == []


@pytest.mark.parametrize("gpus", [[], ["a", "b"]])
def test_tensorflow_counts_those_that_it_can_use(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert count_gpus() == len(gpus)
