"""Processes that train: how they compute, so that the same trial gives the same numbers."""

THREADS = 1
"""Of a trial's own computation. Their number changes the order of sums and with it the last bits
of a result, so it does not depend on how many trials run at a time."""

STEPS_PER_EXECUTION = 25
"""Steps that run without coming back to Python; nothing in a trial happens between them."""


def fix_arithmetic() -> None:
    """Have TensorFlow compute alike each time: on `THREADS` threads; on GPUs in a fixed order.

    GPU memory is taken only as it is needed, as this package has TensorFlow do everywhere, so that
    several processes may share one. Whether
    oneDNN computes is left to TensorFlow: where that leaves it out, it is faster on one thread, and
    some gradients of convolutions end in a segmentation fault.

    Raises
    ------
    RuntimeError
        If TensorFlow has computed something in this process before.
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
    """Say how this process computes: what may change the last bits of a result on one machine.

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
    from tensorflow.python.util import _pywrap_util_port  # no public name tells

    if tf.config.list_physical_devices("GPU"):
        return "GPU"
    threads = tf.config.threading.get_intra_op_parallelism_threads() or "as many as cores"
    kernels = "oneDNN" if _pywrap_util_port.IsMklEnabled() else "Eigen"
    return f"threads: {threads}, kernels: {kernels}"
