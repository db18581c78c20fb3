"""Which backend Keras computes with, read as Keras reads it."""

import sys
from importlib.metadata import version

import keras
import pytest

from cnnzoo.runtime.keras_backend import (
    backend_name,
    backend_version,
    configured_backend,
    refusal_of_backend,
)


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """An empty folder for Keras's file, without the environment variable."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, "tensorflow"),
        ('{"backend": "torch", "floatx": "float32"}', "torch"),
        ('{"floatx": "float32"}', "tensorflow"),
        ("{", "tensorflow"),
        ("[]", "tensorflow"),
    ],
)
def test_the_backend_is_read_from_the_file_of_keras(keras_home, written, expected):
    if written is not None:
        (keras_home / "keras.json").write_text(written)
    assert configured_backend() == expected


def test_the_environment_variable_is_read_before_the_file(keras_home, monkeypatch):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert configured_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert configured_backend() == "torch"


def test_the_backend_is_that_of_the_loaded_keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert backend_name() == keras.config.backend() == "tensorflow"
    monkeypatch.delitem(sys.modules, "keras")
    assert backend_name() == "jax"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("numpy", f"numpy {version('numpy')}"), ("not-a-package", "not-a-package")],
)
def test_version_of_the_backend_is_reported_if_present(monkeypatch, name, expected):
    monkeypatch.setattr(keras.config, "backend", lambda: name)
    assert backend_version() == expected


@pytest.fixture
def unloaded(monkeypatch):
    """A process that has not loaded Keras."""
    monkeypatch.delitem(sys.modules, "keras")


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_installed_backends_that_train_are_accepted(unloaded, monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: "a spec")
    assert refusal_of_backend() == ""


@pytest.mark.parametrize(
    ("name", "question"), [("openvino", "."), ("pytorch", "; did you mean `torch`?")]
)
def test_backend_that_cannot_train_is_refused(unloaded, monkeypatch, name, question):
    monkeypatch.setenv("KERAS_BACKEND", name)
    assert refusal_of_backend() == (
        f"The Keras backend: expected one of tensorflow, jax, torch; got {name!r}{question} Set "
        "the environment variable KERAS_BACKEND=tensorflow before Python starts."
    )


def test_backend_that_is_not_installed_is_refused(unloaded, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert refusal_of_backend() == (
        "The Keras backend 'jax' is not installed. Install it with `pip install jax`, or set the "
        "environment variable KERAS_BACKEND=tensorflow before Python starts."
    )


def test_workers_that_would_load_another_backend_are_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: "a spec")
    assert refusal_of_backend() == (
        "Keras has loaded the backend 'tensorflow' in this process, but worker processes would "
        "load 'jax'. Set the environment variable KERAS_BACKEND=tensorflow before Python starts."
    )
