"""Exact claims of the documents: functions that return the numbers of both sides of each claim.

Each function computes its claim twice, by Keras and by arithmetic in NumPy, so that the two can be
compared to rounding. Sizes are arguments, to try others.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from cnnzoo.analysis.gradients import gradients

Array = NDArray[np.float64]

Numbers = dict[str, float]
"""Named numbers of a claim."""


def separable_parameters(kernel_size: int = 3, channels: int = 32, filters: int = 64) -> Numbers:
    r"""Count the weights of a standard and of a depthwise separable convolution, without biases.

    The ratio is :math:`1/N + 1/k^2` for N filters and kernel size k (Howard et al. 2017,
    "MobileNets", section 3.1; claim C08).

    Parameters
    ----------
    kernel_size, channels, filters
        Size of the kernel, and number of input and output channels.

    Examples
    --------
    >>> numbers = separable_parameters()
    >>> numbers["standard"], numbers["separable"], round(numbers["ratio"], 4)
    (18432, 2336, 0.1267)
    """
    shape = (kernel_size, kernel_size, channels)
    standard = layers.Conv2D(filters, kernel_size, use_bias=False)
    separable = layers.SeparableConv2D(filters, kernel_size, use_bias=False)
    for layer in (standard, separable):
        layer.build((None, *shape))
    counts = standard.count_params(), separable.count_params()
    return {
        "standard": counts[0],
        "separable": counts[1],
        "ratio": counts[1] / counts[0],
        "formula": 1 / filters + 1 / kernel_size**2,
    }


def output_size(
    size: int = 64, kernel_size: int = 3, stride: int = 2, padding: str = "valid"
) -> Numbers:
    r"""Return the size of a convolution's output along one axis, by Keras and by formula.

    :math:`\lfloor (n - k) / s \rfloor + 1` with "valid" padding and :math:`\lceil n / s \rceil`
    with "same" padding (Dumoulin and Visin 2016, "A guide to convolution arithmetic"; claim C09).

    Parameters
    ----------
    size, kernel_size, stride
        Sizes in pixels.
    padding
        "valid" or "same".

    Examples
    --------
    >>> output_size()
    {'keras': 31, 'formula': 31}
    >>> output_size(stride=1, padding="same")
    {'keras': 64, 'formula': 64}
    """
    layer = layers.Conv1D(1, kernel_size, strides=stride, padding=padding)
    computed = layer.compute_output_shape((None, size, 1))[1]
    formula = -(-size // stride) if padding == "same" else (size - kernel_size) // stride + 1
    return {"keras": computed, "formula": formula}


def border_values(size: int = 5, kernel_size: int = 3) -> dict[str, list[float]]:
    """Average an image that brightens from left to right, with each way to treat the border.

    "valid" shrinks the image; the others keep its size and differ at its ends (claim C10).

    Parameters
    ----------
    size, kernel_size
        Side of the image, whose columns are 1, 2, ..., and the odd side of the averaging kernel.

    Returns
    -------
    dict
        The middle row of the output by way to pad: "valid", "zeros", "reflect", "replicate".

    Examples
    --------
    >>> for mode, row in border_values().items():
    ...     print(mode, [round(value, 2) for value in row])
    valid [2.0, 3.0, 4.0]
    zeros [1.0, 2.0, 3.0, 4.0, 3.0]
    reflect [1.67, 2.0, 3.0, 4.0, 4.33]
    replicate [1.33, 2.0, 3.0, 4.0, 4.67]
    """
    from cnnzoo.models.layers import BorderPadding

    mean = keras.initializers.Constant(1 / kernel_size**2)
    image = np.tile(np.arange(1, size + 1, dtype="float32"), (size, 1)).reshape(1, size, size, 1)
    margin = kernel_size // 2
    found = {}
    for mode in ("valid", "zeros", "reflect", "replicate"):
        padding = "same" if mode == "zeros" else "valid"
        conv = layers.Conv2D(1, kernel_size, padding=padding, kernel_initializer=mean)
        padded = image
        if mode in ("reflect", "replicate"):
            padded = BorderPadding([(margin, margin)] * 2, mode)(image)
        averages = keras.ops.convert_to_numpy(conv(padded))[0, :, :, 0]
        found[mode] = [float(value) for value in averages[len(averages) // 2]]
    return found


def sparse_and_one_hot_loss(examples: int = 64, classes: int = 10, seed: int = 0) -> Numbers:
    """Compute the crossentropy of the same labels as class ids and as one-hot rows.

    Also the bytes of both encodings: ids of 8 bytes against rows of float32 (claim C14).

    Parameters
    ----------
    examples, classes
        Numbers of random labels and of classes.
    seed
        Seed of the labels and logits.

    Examples
    --------
    >>> numbers = sparse_and_one_hot_loss()
    >>> abs(numbers["sparse"] - numbers["one_hot"]) < 1e-6
    True
    >>> numbers["sparse_bytes"], numbers["one_hot_bytes"]
    (512, 2560)
    """
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(examples, classes))
    ids = generator.integers(classes, size=examples)
    rows = np.eye(classes, dtype="float32")[ids]
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(ids, logits)
    one_hot = keras.losses.CategoricalCrossentropy(from_logits=True)(rows, logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    likelihood = shifted[np.arange(examples), ids] - np.log(np.exp(shifted).sum(axis=1))
    return {
        "sparse": float(sparse),
        "one_hot": float(one_hot),
        "formula": -float(likelihood.mean()),
        "sparse_bytes": ids.nbytes,
        "one_hot_bytes": rows.nbytes,
    }


def pooled_edge(size: int = 8, pool_size: int = 2) -> Numbers:
    """Pool an image with a vertical edge that is one pixel wide.

    Max pooling keeps the peak of 1; average pooling divides it by the pool size (claim C17).

    Parameters
    ----------
    size, pool_size
        Side of the image and of the pooling window, in pixels.

    Examples
    --------
    >>> pooled_edge()
    {'peak': 1.0, 'max': 1.0, 'average': 0.5}
    """
    image = np.zeros((1, size, size, 1), "float32")
    image[:, :, size // 2] = 1.0
    pooled = {
        "max": layers.MaxPooling2D(pool_size)(image),
        "average": layers.AveragePooling2D(pool_size)(image),
    }
    peaks = {kind: float(keras.ops.max(value)) for kind, value in pooled.items()}
    return {"peak": float(image.max()), **peaks}


def shifted_image(size: int = 16, shift: int = 3, kernel_size: int = 3, seed: int = 0) -> Numbers:
    """Compare a convolution of a shifted image with the shifted convolution of the image.

    The image is surrounded by zeros, so that the shift moves nothing out. The maps are equal up to
    the shift, and their global averages are equal (claim C18).

    Parameters
    ----------
    size, shift
        Side of the image's content, and the shift along both axes, in pixels.
    kernel_size, seed
        Size of the random kernel, and the seed of kernel and image.

    Returns
    -------
    dict
        Largest absolute differences: ``equivariance`` of the maps after shifting one back,
        ``invariance`` of the globally averaged maps, and, for comparison, ``unshifted`` of the maps
        as they are.

    Examples
    --------
    >>> numbers = shifted_image()
    >>> numbers["equivariance"] < 1e-5, numbers["invariance"] < 1e-5, numbers["unshifted"] > 0.1
    (True, True, True)
    """
    generator = np.random.default_rng(seed)
    margin = shift + kernel_size
    whole = size + 2 * margin
    image = np.zeros((1, whole, whole, 1), "float32")
    image[:, margin : margin + size, margin : margin + size] = generator.random((1, size, size, 1))
    conv = layers.Conv2D(4, kernel_size, padding="same")
    conv.build(image.shape)
    conv.set_weights([generator.normal(size=weight.shape) for weight in conv.get_weights()])
    maps, of_shifted = (
        keras.ops.convert_to_numpy(conv(each))
        for each in (image, np.roll(image, (shift, shift), axis=(1, 2)))
    )
    back = np.roll(of_shifted, (-shift, -shift), axis=(1, 2))
    return {
        "equivariance": float(np.abs(back - maps).max()),
        "invariance": float(np.abs(of_shifted.mean((1, 2)) - maps.mean((1, 2))).max()),
        "unshifted": float(np.abs(of_shifted - maps).max()),
    }


def shared_parameters(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    units: int = 1000,
    filters: int = 64,
    kernel_size: int = 3,
) -> Numbers:
    """Count the parameters of a dense layer on all pixels and of a convolution that is shared.

    Biases are included (claim C19).

    Parameters
    ----------
    input_shape
        Height, width and channels of the image.
    units
        Units of the dense layer.
    filters, kernel_size
        Of the convolution, whose count does not depend on height and width.

    Examples
    --------
    >>> shared_parameters()
    {'inputs': 150528, 'dense': 150529000, 'convolution': 1792}
    """
    conv = layers.Conv2D(filters, kernel_size)
    conv.build((None, *input_shape))
    inputs = int(np.prod(input_shape))
    return {
        "inputs": inputs,
        "dense": (inputs + 1) * units,
        "convolution": conv.count_params(),
    }


def batch_norm_modes(
    examples: int = 32, features: int = 4, momentum: float = 0.9, seed: int = 0
) -> Numbers:
    r"""Normalize one batch in training and in inference mode, after one training step.

    In training the batch's own mean and variance are used. The moving averages m become
    :math:`\mu\, m + (1 - \mu)\, b` for a batch statistic b and momentum :math:`\mu`, and inference
    uses them (Ioffe and Szegedy 2015, algorithms 1 and 2; claim C24).

    Parameters
    ----------
    examples, features, seed
        Size and seed of the random batch, whose mean is 5 and standard deviation 2.
    momentum
        Momentum of the moving averages.

    Returns
    -------
    dict
        ``training_mean`` and ``inference_mean`` of the outputs, and the largest differences from
        the formulas, ``training_error`` and ``inference_error``.

    Examples
    --------
    >>> numbers = batch_norm_modes()
    >>> abs(numbers["training_mean"]) < 1e-5, numbers["inference_mean"] > 2
    (True, True)
    >>> max(numbers["training_error"], numbers["inference_error"]) < 1e-4
    True
    """
    batch = np.random.default_rng(seed).normal(5.0, 2.0, (examples, features)).astype("float32")
    layer = layers.BatchNormalization(momentum=momentum)
    in_training = keras.ops.convert_to_numpy(layer(batch, training=True))
    in_inference = keras.ops.convert_to_numpy(layer(batch, training=False))
    mean, variance = batch.mean(axis=0), batch.var(axis=0)
    moving_mean = (1 - momentum) * mean
    moving_variance = momentum + (1 - momentum) * variance
    expected = (
        (batch - mean) / np.sqrt(variance + layer.epsilon),
        (batch - moving_mean) / np.sqrt(moving_variance + layer.epsilon),
    )
    return {
        "training_mean": float(in_training.mean()),
        "inference_mean": float(in_inference.mean()),
        "training_error": float(np.abs(in_training - expected[0]).max()),
        "inference_error": float(np.abs(in_inference - expected[1]).max()),
    }


def composed_linear_maps(depth: int = 3, units: int = 16, seed: int = 0) -> Numbers:
    """Compare a deep stack of dense layers without activation with a single matrix.

    The product of the matrices gives the same outputs, whatever the depth. With ReLU between the
    layers no matrix does (claim C26).

    Parameters
    ----------
    depth, units, seed
        Number of layers, their width, and the seed of weights and inputs.

    Returns
    -------
    dict
        Largest difference from the best matrix: ``linear``, and ``relu`` for the same weights
        with ReLU, where the matrix is fitted by least squares.

    Examples
    --------
    >>> numbers = composed_linear_maps()
    >>> numbers["linear"] < 1e-4, numbers["relu"] > 0.1
    (True, True)
    """
    generator = np.random.default_rng(seed)
    scale = np.sqrt(2 / units)
    weights = [generator.normal(scale=scale, size=(units, units)) for _ in range(depth)]
    inputs = generator.normal(size=(4 * units, units)).astype("float32")
    outputs = {}
    for activation in ("linear", "relu"):
        stack = keras.Sequential([keras.Input((units,))])
        for place in range(depth):
            between = activation if place < depth - 1 else "linear"
            stack.add(layers.Dense(units, use_bias=False, activation=between))
        stack.set_weights(weights)
        outputs[activation] = keras.ops.convert_to_numpy(stack(inputs))
    product = np.linalg.multi_dot(weights) if depth > 1 else weights[0]
    fitted = np.linalg.lstsq(inputs, outputs["relu"], rcond=None)[0]
    return {
        "linear": float(np.abs(inputs @ product - outputs["linear"]).max()),
        "relu": float(np.abs(inputs @ fitted - outputs["relu"]).max()),
    }


def convolution_gradients(
    size: int = 8, kernel_size: int = 3, channels: int = 2, filters: int = 3, seed: int = 0
) -> Numbers:
    r"""Compare the gradients of a convolution by formula with automatic differentiation.

    For outputs Y = X * W without padding, and the gradient G of a loss with respect to Y, the
    gradient of W is the correlation of X and G, and that of X is the full convolution of G with the
    flipped kernel (LeCun et al. 1998; claim C27).

    Parameters
    ----------
    size, kernel_size, channels, filters
        Side of the image and of the kernel, and the numbers of input and output channels.
    seed
        Seed of image, kernel and G.

    Returns
    -------
    dict
        Largest differences: ``kernel`` and ``input``.

    Examples
    --------
    >>> numbers = convolution_gradients()
    >>> max(numbers.values()) < 1e-4
    True
    """
    generator = np.random.default_rng(seed)
    out = size - kernel_size + 1
    image = generator.normal(size=(1, size, size, channels))
    kernel = generator.normal(size=(kernel_size, kernel_size, channels, filters))
    upstream = generator.normal(size=(1, out, out, filters)).astype("float32")

    def loss(x: object, w: object) -> object:
        return keras.ops.sum(keras.ops.conv(x, w) * upstream)

    by_image, by_kernel = gradients(loss, image, kernel)
    of_kernel, of_image = np.zeros_like(kernel), np.zeros_like(image)
    for row in range(kernel_size):
        for column in range(kernel_size):
            window = image[0, row : row + out, column : column + out]
            of_kernel[row, column] = np.einsum("hwc,hwf->cf", window, upstream[0])
            spread = upstream[0] @ kernel[row, column].T
            of_image[0, row : row + out, column : column + out] += spread
    return {
        "kernel": float(np.abs(of_kernel - by_kernel).max()),
        "input": float(np.abs(of_image - by_image).max()),
    }
