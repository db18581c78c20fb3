"""Which backend Keras computes with, read as Keras reads it."""

import sys
from importlib.metadata import version

import keras
import pytest

from cnnzoo.runtime.keras_backend import backend_name, backend_version, configured_backend


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
