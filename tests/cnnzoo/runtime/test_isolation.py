"""Each kind of global state, changed as a builder may change it, and put back."""

import os
import random
import sys
import tempfile
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import config

from cnnzoo.runtime.isolation import isolated


def _patched_call(layer, inputs):
    return inputs


class _Dense(keras.layers.Dense):
    pass


def _register(registry, name, value):
    registry[name] = value


CHANGES = {
    "dtype policy": (
        lambda: keras.config.set_dtype_policy("mixed_bfloat16"),
        lambda: keras.config.dtype_policy().name,
    ),
    "floatx": (lambda: keras.config.set_floatx("float64"), keras.config.floatx),
    "epsilon": (lambda: keras.config.set_epsilon(0.1), keras.config.epsilon),
    "image data format": (
        lambda: keras.config.set_image_data_format("channels_first"),
        keras.config.image_data_format,
    ),
    "limit of epochs": (lambda: keras.config.set_max_epochs(1), keras.config.max_epochs),
    "limit of steps": (
        lambda: keras.config.set_max_steps_per_epoch(1),
        keras.config.max_steps_per_epoch,
    ),
    "flash attention": (
        keras.config.disable_flash_attention,
        keras.config.is_flash_attention_enabled,
    ),
    "traceback filtering": (
        keras.config.disable_traceback_filtering,
        keras.config.is_traceback_filtering_enabled,
    ),
    "custom object added": (
        lambda: _register(keras.saving.get_custom_objects(), "relu", _patched_call),
        lambda: dict(keras.saving.get_custom_objects()),
    ),
    "custom object by decorator": (
        lambda: keras.saving.register_keras_serializable("ours")(_Dense),
        lambda: keras.saving.get_registered_name(_Dense),
    ),
    "custom object scope": (
        lambda: keras.saving.custom_object_scope({"relu": _patched_call}).__enter__(),
        lambda: keras.saving.get_registered_object("relu"),
    ),
    "layer's method patched": (
        lambda: setattr(keras.layers.Dense, "call", _patched_call),
        lambda: keras.layers.Dense.call,
    ),
    "layer's attribute added": (
        lambda: setattr(keras.layers.Dense, "gain", 2),
        lambda: hasattr(keras.layers.Dense, "gain"),
    ),
    "inherited method overridden": (
        lambda: setattr(keras.layers.Dense, "__call__", _patched_call),
        lambda: keras.layers.Dense.__call__,
    ),
    "layer replaced": (
        lambda: setattr(keras.layers, "Dense", _Dense),
        lambda: keras.layers.Dense,
    ),
    "function replaced": (
        lambda: setattr(keras.ops, "relu", _patched_call),
        lambda: keras.ops.relu,
    ),
    "functions run eagerly": (
        lambda: tf.config.run_functions_eagerly(True),
        tf.config.functions_run_eagerly,
    ),
    "soft placement": (
        lambda: tf.config.set_soft_device_placement(False),
        tf.config.get_soft_device_placement,
    ),
    "XLA": (lambda: tf.config.optimizer.set_jit(True), tf.config.optimizer.get_jit),
    "TensorFloat-32": (
        lambda: tf.config.experimental.enable_tensor_float_32_execution(False),
        tf.config.experimental.tensor_float_32_execution_enabled,
    ),
    "op determinism": (
        tf.config.experimental.enable_op_determinism,
        config.is_op_determinism_enabled,
    ),
    "TensorFlow's seed": (lambda: tf.random.set_seed(977), context.global_seed),
    "environment variable set": (
        lambda: os.environ.update(CNNZOO_TEST="1"),
        lambda: os.environ.get("CNNZOO_TEST"),
    ),
    "environment variable removed": (
        lambda: os.environ.pop("PATH"),
        lambda: os.environ.get("PATH"),
    ),
    "working folder": (lambda: os.chdir("/"), os.getcwd),
    "import path": (lambda: sys.path.insert(0, "/"), lambda: [*sys.path]),
    "warning filters": (
        lambda: warnings.simplefilter("ignore"),
        lambda: [*warnings.filters],
    ),
    "Python's random stream": (lambda: random.seed(977), random.getstate),
    "NumPy's random stream": (
        lambda: np.random.seed(977),  # noqa: NPY002
        lambda: np.random.get_state()[1].tolist(),  # noqa: NPY002
    ),
    "NumPy's error handling": (lambda: np.seterr(all="raise"), np.geterr),
}
"""A change, and what tells whether it is there, by the kind of state."""


@pytest.mark.parametrize("kind", CHANGES)
def test_what_a_trial_changes_is_put_back(kind):
    change, read = CHANGES[kind]
    before = read()
    with isolated() as unrestored:
        change()
        assert read() != before
    assert read() == before
    assert unrestored == []


def _fail_in_half_precision():
    with isolated():
        keras.config.set_dtype_policy("mixed_bfloat16")
        raise ValueError("no such model")


def test_files_of_traced_code_are_removed(tmp_path, monkeypatch):
    """TensorFlow leaves them until Python exits, which worker processes do not."""

    @tf.function
    def halved(value):
        while value > 1:
            value = value / 2
        return value

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with isolated() as unrestored:
        assert halved(tf.constant(3.0)) == 0.75
        assert len(list(tmp_path.glob("*.py"))) == 1
    assert list(tmp_path.iterdir()) == []
    assert unrestored == []
    with isolated():
        assert halved(tf.constant(3.0, tf.float64)) == 0.75  # traced once more, for another type


def test_state_is_put_back_after_a_failure():
    with pytest.raises(ValueError, match="no such model"):
        _fail_in_half_precision()
    assert keras.config.dtype_policy().name == "float32"


def test_a_session_that_a_trial_clears_is_put_back(mixed_precision):
    keras.config.disable_flash_attention()
    with keras.saving.custom_object_scope({"ours": _Dense}):
        with isolated():
            keras.utils.clear_session()
            assert keras.config.dtype_policy().name == "float32"
        assert keras.config.dtype_policy().name == "mixed_float16"
        assert keras.config.is_flash_attention_enabled() is False
        assert keras.saving.get_registered_object("ours") is _Dense
    keras.config.enable_flash_attention()


def test_a_name_registered_by_an_imported_module_stays(tmp_path, monkeypatch):
    code = (
        "import keras\n"
        "@keras.saving.register_keras_serializable('late')\n"
        "class Layer(keras.layers.Layer): pass\n"
    )
    (tmp_path / "late_layers.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with isolated():
        import late_layers
    assert keras.saving.get_registered_object("late>Layer") is late_layers.Layer
    del keras.saving.get_custom_objects()["late>Layer"]


def test_a_state_that_cannot_be_put_back_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated() as unrestored:
        os.chdir(tmp_path)
        folder.rmdir()
        sys.path.insert(0, "/")
    assert unrestored == [
        f"the working folder (FileNotFoundError: [Errno 2] No such file or directory: '{folder}')"
    ]
    assert sys.path[0] != "/"  # the others are put back all the same


def test_threads_of_tensorflow_cannot_be_put_back(monkeypatch):
    tf.zeros(())  # it has started
    threads = iter([977, 3])  # neither is the number that it has
    monkeypatch.setattr(
        tf.config.threading, "get_intra_op_parallelism_threads", lambda: next(threads)
    )
    with isolated() as unrestored:
        pass
    assert unrestored == [
        "TensorFlow's settings (RuntimeError: Intra op parallelism cannot be modified after "
        "initialization.)"
    ]
