"""Models with the weights of the PyTorch examples of the documents give the same outputs."""

import keras
import numpy as np
import pytest

import cnnzoo

torch = pytest.importorskip("torch")
nn = torch.nn

MODES = {"zeros": "zeros", "reflect": "reflect", "replicate": "replicate"}


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def copy_conv(layer, conv: "nn.Conv2d") -> None:
    """Keras kernels are (height, width, in, out), depthwise ones (height, width, in, 1)."""
    kernel, bias = map(keras.ops.convert_to_numpy, layer.weights)
    order = (2, 3, 0, 1) if "depthwise" in layer.name else (3, 2, 0, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(kernel.transpose(order).copy()))
        conv.bias.copy_(torch.from_numpy(bias))


def randomize(model) -> None:
    """Set random biases, because zeros would hide errors."""
    rng = np.random.default_rng(1)
    model.set_weights(
        [rng.normal(scale=0.3, size=weight.shape).astype("float32") for weight in model.weights]
    )


def map_of(model, layer: str, x: np.ndarray) -> np.ndarray:
    """A layer's output, in PyTorch's order of axes."""
    part = keras.Model(model.input, model.get_layer(layer).output)
    return np.moveaxis(keras.ops.convert_to_numpy(part(x)), -1, 1)


def from_torch(module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(np.moveaxis(x, -1, 1).copy())).numpy()


def test_conv_stack_equals_the_pytorch_stack():
    model = cnnzoo.build("conv_stack", compile=False)
    randomize(model)
    first, second = nn.Conv2d(3, 16, 3, stride=2), nn.Conv2d(16, 32, 3, stride=1, padding=1)
    copy_conv(model.get_layer("stage1_conv"), first)
    copy_conv(model.get_layer("stage2_conv"), second)
    x = images(2, 64, 64, 3)
    stack = nn.Sequential(first, second)
    assert sum(parameter.numel() for parameter in stack.parameters()) == 5_088
    ours, theirs = map_of(model, "stage2_conv", x), from_torch(stack, x)
    assert ours.shape == theirs.shape == (2, 32, 31, 31)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)

    kernel, bias = model.get_layer("head").get_weights()
    scores = theirs.mean(axis=(2, 3)) @ kernel + bias
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(model(x)), p / p.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("padding_mode", MODES)
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_convolution_has_the_borders_of_pytorch(padding_mode, kernel_size, dilation):
    model = cnnzoo.build(
        "conv_stack",
        input_shape=(11, 9, 3),
        depth=1,
        strides=1,
        padding="same",
        padding_mode=padding_mode,
        kernel_size=kernel_size,
        dilation=dilation,
        compile=False,
    )
    randomize(model)
    conv = nn.Conv2d(
        3,
        16,
        kernel_size,
        padding=dilation * (kernel_size // 2),
        dilation=dilation,
        padding_mode=MODES[padding_mode],
    )
    copy_conv(model.get_layer("stage1_conv"), conv)
    x = images(2, 11, 9, 3)
    np.testing.assert_allclose(
        map_of(model, "stage1_conv", x), from_torch(conv, x), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("padding_mode", MODES)
def test_depthwise_separable_equals_the_pytorch_block(padding_mode):
    model = cnnzoo.build("depthwise_separable", padding_mode=padding_mode, compile=False)
    randomize(model)
    depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32, padding_mode=MODES[padding_mode])
    block = nn.Sequential(depthwise, nn.Conv2d(32, 64, 1))
    assert sum(parameter.numel() for parameter in block.parameters()) == 2_432
    copy_conv(model.get_layer("stage1_depthwise"), block[0])
    copy_conv(model.get_layer("stage1_pointwise"), block[1])
    x = images(2, 64, 64, 32)
    np.testing.assert_allclose(
        map_of(model, "stage1_pointwise", x), from_torch(block, x), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("groups", ["layer", "group"])
def test_group_normalization_equals_pytorch(groups):
    model = cnnzoo.build(
        "simple_cnn", input_shape=(6, 6, 3), normalization=groups, compile=False
    )  # fmt: skip
    randomize(model)
    ours = model.get_layer("stage1_norm")
    theirs = nn.GroupNorm(1 if groups == "layer" else 8, 16, eps=ours.epsilon)
    gamma, beta = ours.get_weights()
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(gamma))
        theirs.bias.copy_(torch.from_numpy(beta))
    x = images(2, 6, 6, 16)
    found = np.moveaxis(keras.ops.convert_to_numpy(ours(x)), -1, 1)
    np.testing.assert_allclose(found, from_torch(theirs, x), rtol=1e-4, atol=1e-4)
