"""Isolation of trials: restore the global state that a trial changes.

A builder may set Keras's dtype policy, patch a layer or change the working folder for one level.
Without this module, the result of a trial would depend on the trials that its process ran before.

Limits: patches of packages other than Keras are not restored. State that a module sets when it is
first imported inside a builder is restored with the rest. The builder's own module is imported
before the first trial, so the state that it sets holds for all trials.
"""

import contextlib
import copy
import functools
import operator
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnnzoo.runtime.error_text import reason_of

GENERATED = "__autograph_generated_file"
"""Beginning of the names of TensorFlow's modules of traced code."""

PutBack = Callable[[], None]
"""Restores a state, or raises if that is impossible."""

SET_BY_PYTHON = {"__annotations__"}
"""Attributes that appear in a class when they are first read."""


@contextlib.contextmanager
def isolated() -> Iterator[list[str]]:
    """Restore the global state that the block changes, also if the block raises.

    Yields
    ------
    list of str
        Empty during the block. At the end it holds the states of `STATES` that could not be
        restored, each with the reason; such a process must run no further trial.

    Examples
    --------
    >>> import keras
    >>> with isolated() as unrestored:
    ...     keras.config.set_dtype_policy("mixed_bfloat16")
    >>> keras.config.dtype_policy().name, unrestored
    ('float32', [])
    """
    unrestored: list[str] = []
    put_backs = {name: capture() for name, capture in STATES.items()}
    try:
        yield unrestored
    finally:
        for name, put_back in put_backs.items():
            try:
                put_back()
            except Exception as error:  # whatever the error, the state stays changed
                unrestored.append(f"{name} ({reason_of(error)})")


def _environment() -> PutBack:
    before = dict(os.environ)

    def put_back() -> None:
        for name in [name for name in os.environ if name not in before]:
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

    return put_back


def _working_folder() -> PutBack:
    before = os.getcwd()  # noqa: PTH109 # which may be gone when it is put back

    def put_back() -> None:
        if not os.path.exists(".") or os.getcwd() != before:  # noqa: PTH109, PTH110
            os.chdir(before)

    return put_back


def _import_path() -> PutBack:
    before = [*sys.path]

    def put_back() -> None:
        sys.path[:] = before

    return put_back


def _warning_filters() -> PutBack:
    before = [*warnings.filters]

    def put_back() -> None:
        if warnings.filters != before:
            warnings.resetwarnings()  # also resets the decisions of the changed filters
            warnings.filters[:] = before  # type: ignore[index]

    return put_back


def _random_streams() -> PutBack:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002

    def put_back() -> None:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002

    return put_back


def _numpy_errors() -> PutBack:
    before = np.geterr()

    def put_back() -> None:
        np.seterr(**before)

    return put_back


def _keras_settings() -> PutBack:
    from keras import config

    names = ("floatx", "epsilon", "image_data_format", "max_epochs", "max_steps_per_epoch")
    before = {name: getattr(config, name)() for name in names}

    def put_back() -> None:
        for name, value in before.items():
            if getattr(config, name)() != value:
                getattr(config, f"set_{name}")(value)

    return put_back


def _keras_session() -> PutBack:
    """Capture the state that ``keras.utils.clear_session`` clears.

    It holds the dtype policy, the use of flash attention, the active scopes, the seed of
    ``keras.utils.set_random_seed`` and the counters of layer names.
    """
    from keras.src.backend.common import global_state  # no public function covers all of it

    before = {
        name: copy.copy(value) if isinstance(value, dict | list) else value
        for name, value in vars(global_state.GLOBAL_STATE_TRACKER).items()
    }

    def put_back() -> None:
        now = vars(global_state.GLOBAL_STATE_TRACKER)
        now.clear()
        now.update(before)

    return put_back


def _custom_objects() -> PutBack:
    """Capture the objects that are registered for deserialization.

    Objects that a module registers on import stay, because it would not register them again.
    """
    from keras.src.saving import (
        object_registration,
    )  # no public access to the names

    registries = (
        object_registration.GLOBAL_CUSTOM_OBJECTS,
        object_registration.GLOBAL_CUSTOM_NAMES,
    )
    before = [dict(registry) for registry in registries]
    modules = set(sys.modules)

    def put_back() -> None:
        for registry, known in zip(registries, before, strict=True):
            imported = {
                key: value
                for key, value in registry.items()
                if key not in known
                and getattr(key if callable(key) else value, "__module__", None) not in modules
            }
            registry.clear()
            registry.update({**known, **imported})

    return put_back


def _keras_code() -> PutBack:
    """Capture the functions and classes of Keras, with the attributes of the classes."""
    owners = _owners(tuple(name for name in [*sys.modules] if name.partition(".")[0] == "keras"))
    before = _Attributes(owners)

    def put_back() -> None:
        now = _Attributes(owners)
        if now.same(before):
            return
        for owner, own, other in zip(owners, before.tables(), now.tables(), strict=True):
            is_class = isinstance(owner, type)  # a module gains names as its parts are imported
            for name in other.keys() - own.keys() - SET_BY_PYTHON if is_class else ():
                delattr(owner, name)
            for name, value in own.items():
                if other.get(name) is not value and (is_class or callable(value)):
                    setattr(owner, name, value)

    return put_back


@functools.lru_cache(maxsize=1)
def _owners(names: tuple[str, ...]) -> list[Any]:
    """Return modules and the classes of Keras in them."""
    modules = [sys.modules[name] for name in names if sys.modules[name] is not None]
    values = (value for module in modules for value in vars(module).values())
    kinds = {value: None for value in values if isinstance(value, type)}
    return [*modules, *(kind for kind in kinds if kind.__module__.partition(".")[0] == "keras")]


class _Attributes:
    """Attributes of modules and classes in three flat lists, which are fast to compare."""

    def __init__(self, owners: list[Any]) -> None:
        self._counts: list[int] = []
        self._names: list[str] = []
        self._values: list[Any] = []
        for owner in owners:
            attributes = vars(owner)
            self._counts.append(len(attributes))
            self._names += attributes
            self._values += attributes.values()

    def same(self, other: "_Attributes") -> bool:
        """Return whether all attributes are identical objects."""
        if self._counts != other._counts or self._names != other._names:
            return False
        return all(map(operator.is_, self._values, other._values))

    def tables(self) -> Iterator[dict[str, Any]]:
        """Yield the attributes of each owner."""
        end = 0
        for count in self._counts:
            start, end = end, end + count
            yield dict(zip(self._names[start:end], self._values[start:end], strict=True))


def _tensorflow_settings() -> PutBack:
    import keras

    if keras.config.backend() != "tensorflow":
        return lambda: None
    import tensorflow as tf
    from tensorflow.python.eager import context  # no public function returns the seed
    from tensorflow.python.framework import config  # or disables determinism

    def set_determinism(wanted: bool) -> None:
        (config.enable_op_determinism if wanted else config.disable_op_determinism)()

    def set_eager(_: bool) -> None:
        raise RuntimeError("eager execution was switched, which cannot be undone")

    settings: list[tuple[Callable[[], Any], Callable[[Any], None]]] = [
        (tf.executing_eagerly, set_eager),
        (tf.config.functions_run_eagerly, tf.config.run_functions_eagerly),
        (tf.config.get_soft_device_placement, tf.config.set_soft_device_placement),
        (tf.config.optimizer.get_jit, tf.config.optimizer.set_jit),
        (
            tf.config.experimental.tensor_float_32_execution_enabled,
            tf.config.experimental.enable_tensor_float_32_execution,
        ),
        (config.is_op_determinism_enabled, set_determinism),
        (context.global_seed, tf.random.set_seed),
        (
            tf.config.threading.get_intra_op_parallelism_threads,
            tf.config.threading.set_intra_op_parallelism_threads,
        ),
        (
            tf.config.threading.get_inter_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
        ),
    ]
    before = [read() for read, _ in settings]

    def put_back() -> None:
        for (read, write), value in zip(settings, before, strict=True):
            if read() != value:
                write(value)

    return put_back


def _generated_files() -> PutBack:
    """Remove the temporary files of code that TensorFlow traced.

    TensorFlow removes them when Python exits, which worker processes do not: they are ended.
    """

    def put_back() -> None:
        for name in [name for name in sys.modules if name.startswith(GENERATED)]:
            with contextlib.suppress(OSError):  # it is gone
                os.remove(sys.modules[name].__file__ or "")  # noqa: PTH107

    return put_back


STATES: dict[str, Callable[[], PutBack]] = {
    "environment variables": _environment,
    "the working folder": _working_folder,
    "Python's import path": _import_path,
    "Python's warning filters": _warning_filters,
    "the random streams of Python and NumPy": _random_streams,
    "NumPy's error handling": _numpy_errors,
    "Keras's settings": _keras_settings,
    "Keras's session": _keras_session,
    "Keras's custom objects": _custom_objects,
    "Keras's functions and classes": _keras_code,
    "TensorFlow's settings": _tensorflow_settings,
    "TensorFlow's temporary files": _generated_files,
}
"""Functions that capture a kind of state and return the function that restores it, by name."""
