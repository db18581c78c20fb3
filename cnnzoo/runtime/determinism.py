"""Determinism: make TensorFlow compute the same numbers in every process."""

THREADS = 1
"""Threads of one trial. The number changes the order of sums and so the last bits of a result;
it must not depend on the number of parallel trials."""

STEPS_PER_EXECUTION = 25
"""Steps that run without returning to Python; a trial does nothing between them."""


def fix_arithmetic() -> None:
    """Make TensorFlow deterministic: `THREADS` threads, and deterministic operations on GPUs.

    GPU memory grows on demand, so that several processes can share a GPU. Whether
    oneDNN is used is left to TensorFlow: where TensorFlow does not use it, forcing it on crashed
    some gradients of convolutions.

    Raises
    ------
    RuntimeError
        If TensorFlow has already computed in this process.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def arithmetic() -> str:
    """Describe how this process computes: what may change the last bits of a result.

    Examples
    --------
    >>> arithmetic().startswith(("threads: ", "GPU"))
    True
    """
    import keras

    backend: str = keras.backend.backend()
    if backend != "tensorflow":
        return backend
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_util_port  # no public function

    if tf.config.list_physical_devices("GPU"):
        return "GPU"
    threads = tf.config.threading.get_intra_op_parallelism_threads() or "as many as cores"
    kernels = "oneDNN" if _pywrap_util_port.IsMklEnabled() else "Eigen"
    return f"threads: {threads}, kernels: {kernels}"
