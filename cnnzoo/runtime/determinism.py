"""Determinism: make Keras's backend compute the same numbers in every process."""

import os
from typing import Any

THREADS = 1
"""Threads of one trial. The number changes the order of sums and so the last bits of a result;
it must not depend on the number of parallel trials."""

STEPS_PER_EXECUTION = 25
"""Steps that run without returning to Python; a trial does nothing between them."""

JAX_THREADS = "NPROC"
"""Environment variable that sets the number of threads of XLA, which JAX computes with
(``xla/pjrt/utils.cc``, ``DefaultThreadPoolSize``). It is read with the first computation."""


def fix_arithmetic() -> None:
    """Make Keras's backend deterministic: `THREADS` threads, deterministic operations on GPUs.

    TensorFlow reads and augments the batches on every backend. GPU memory grows on demand, so that
    several processes can share a GPU. Whether oneDNN is used is left to TensorFlow: where
    TensorFlow does not use it, forcing it on crashed some gradients of convolutions.

    Raises
    ------
    RuntimeError
        If TensorFlow or JAX has already computed in this process.
    """
    import keras
    import tensorflow as tf

    backend = keras.config.backend()
    if backend == "torch":
        _fix_torch()
    elif backend == "jax":
        _fix_jax()
    if tf.config.list_physical_devices("GPU"):
        if backend == "tensorflow":
            tf.config.experimental.enable_op_determinism()
        else:
            tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def _fix_torch() -> None:
    import torch

    torch.set_num_threads(THREADS)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as torch asks for
        torch.use_deterministic_algorithms(True, warn_only=True)


def _fix_jax() -> None:
    from jax._src import xla_bridge  # no public function tells whether JAX has computed

    if xla_bridge.backends_are_initialized():
        raise RuntimeError("JAX has already computed in this process.")
    os.environ[JAX_THREADS] = str(THREADS)


def arithmetic() -> str:
    """Describe how this process computes: what may change the last bits of a result.

    Examples
    --------
    >>> arithmetic().startswith(("threads: ", "GPU"))
    True
    """
    import keras

    describe = {"tensorflow": _of_tensorflow, "torch": _of_torch, "jax": _of_jax}
    backend: str = keras.config.backend()
    return describe[backend]() if backend in describe else backend


def _of_tensorflow() -> str:
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_util_port  # no public function

    if tf.config.list_physical_devices("GPU"):
        return "GPU"
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    kernels = "oneDNN" if _pywrap_util_port.IsMklEnabled() else "Eigen"
    return f"{_words(threads)}, kernels: {kernels}"


def _of_torch() -> str:
    import torch

    is_on_cpu = str(torch.get_default_device()) == "cpu" and not torch.cuda.is_available()
    return _words(torch.get_num_threads()) if is_on_cpu else "GPU"


def _of_jax() -> str:
    import jax

    return _words(os.environ.get(JAX_THREADS)) if jax.default_backend() == "cpu" else "GPU"


def _words(threads: Any) -> str:
    return f"threads: {threads or 'as many as cores'}"
