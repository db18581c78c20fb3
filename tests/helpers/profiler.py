"""TensorFlow's profiler as an independent count of multiply-accumulates."""

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.profiler import model_analyzer
from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

MULTIPLYING = ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2")
"""Operations that multiply and accumulate; the profiler also counts biases and means."""


def profiled_macs(model):
    """Return half of the floating-point operations in the frozen graph of one example."""
    specs = [tf.TensorSpec((1, *one.shape[1:]), one.dtype) for one in model.inputs]
    function = tf.function(
        lambda *given: model(given[0] if len(given) == 1 else list(given), training=False),
        autograph=False,
    )
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(*specs))
    options = ProfileOptionBuilder.float_operation()
    options |= {"output": "none", "account_type_regexes": [f"^{kind}$" for kind in MULTIPLYING]}
    profile = model_analyzer.profile(frozen.graph, options=options)
    return profile.total_float_ops // 2
