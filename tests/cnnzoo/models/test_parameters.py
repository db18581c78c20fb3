"""Parameters and shapes of the models, compared with documents, papers and formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnzoo


def conv(kernel: int, inputs: int, outputs: int) -> int:
    """Weights and biases of a convolution."""
    return (kernel * kernel * inputs + 1) * outputs


def dense(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def separable(kernel: int, inputs: int, outputs: int) -> int:
    """Depthwise and pointwise convolution with a bias each."""
    return (kernel * kernel + 1) * inputs + dense(inputs, outputs)


def count(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def before_the_head(model) -> int:
    return model.count_params() - model.get_layer("head").count_params()


@pytest.mark.parametrize(
    ("name", "expected", "formula"),
    [
        ("downsampling", 96_266, conv(3, 1, 32) + conv(3, 32, 64) + dense(11 * 11 * 64, 10)),
        ("feature_maps", 94_650, conv(3, 1, 16) + conv(3, 16, 16) + dense(24 * 24 * 16, 10)),
        (
            "batch_norm",
            387_850,
            conv(3, 1, 32) + 4 * 32 + conv(3, 32, 64) + 4 * 64 + dense(24 * 24 * 64, 10),
        ),
        ("simple_cnn", 41_418, conv(3, 3, 16) + dense(16 * 16 * 16, 10)),
        ("conv_stack", 5_088 + dense(32, 10), conv(3, 3, 16) + conv(3, 16, 32) + dense(32, 10)),
        ("depthwise_separable", 2_432 + dense(64, 10), separable(3, 32, 64) + dense(64, 10)),
    ],
)
def test_document_model_has_the_parameters_of_its_document(name, expected, formula):
    assert formula == expected
    assert cnnzoo.build(name).count_params() == expected


def test_batch_norm_has_192_untrained_parameters():
    model = cnnzoo.build("batch_norm")
    assert count(model.non_trainable_weights) == 192 == 2 * 32 + 2 * 64
    assert count(model.trainable_weights) == 387_850 - 192


def test_conv_stack_has_5088_parameters_before_the_head():
    model = cnnzoo.build("conv_stack")
    assert before_the_head(model) == 5_088
    assert model.get_layer("stage1_conv").count_params() == 448
    assert model.get_layer("stage2_conv").count_params() == 4_640


def test_depthwise_separable_has_2432_parameters_before_the_head():
    # 001 ex. 3: 32 * 9 + 32 and 32 * 64 + 64, against one convolution of 32 * 64 * 9 + 64
    model = cnnzoo.build("depthwise_separable")
    assert before_the_head(model) == 2_432
    assert model.get_layer("stage1_depthwise").count_params() == 320
    assert model.get_layer("stage1_pointwise").count_params() == 2_112
    assert before_the_head(cnnzoo.build("depthwise_separable", conv="standard")) == 18_496


@given(
    kernel_size=st.sampled_from([1, 3, 5]), channels=st.integers(1, 8), filters=st.integers(1, 12)
)
@settings(max_examples=15)
def test_separable_convolution_saves_the_share_of_the_formula(kernel_size, channels, filters):
    def weights(kind):
        model = cnnzoo.build(
            "depthwise_separable",
            input_shape=(5, 5, channels),
            filters=filters,
            kernel_size=kernel_size,
            conv=kind,
            compile=False,
        )
        kernels = [weight for weight in model.weights if weight.name == "kernel"]
        return count(kernels) - channels_of_head(model)

    def channels_of_head(model):
        return model.get_layer("head").kernel.shape[0] * 10

    # C08. Equality of whole numbers: N k^2 times the separable weights is (k^2 + N) the others.
    standard, both = weights("standard"), weights("separable")
    assert both * filters * kernel_size**2 == standard * (kernel_size**2 + filters)


def test_dense_layer_on_a_large_image_has_150_million_parameters():
    # 003 step 1, by the formula that small models follow: building it takes 0.6 GB.
    assert dense(224 * 224 * 3, 1000) == 150_529_000
    for size, units in (((32, 32, 3), 100), ((5, 4, 2), 7), ((9, 3), 11)):
        model = cnnzoo.build("mlp", input_shape=size, units=units)
        hidden = model.get_layer("stage1_dense").count_params()
        assert hidden == dense(int(np.prod(size)), units)
        assert model.count_params() == hidden + dense(units, 10)


def test_mlp_without_hidden_layers_is_a_linear_classifier():
    model = cnnzoo.build("mlp", depth=0)
    assert model.count_params() == dense(784, 10) == 7_850


# He et al. (2015), table 6: parameters of ResNets on CIFAR-10, in millions
HE = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}


@pytest.mark.parametrize("depth", HE)
def test_resnet_has_the_parameters_of_the_paper(depth):
    # The paper cuts rather than rounds (56: 0.857, 110: 1.736), hence a unit of the last digit;
    # we also count the moving averages, which add 0.5%.
    millions = cnnzoo.build("residual", depth=depth, compile=False).count_params() / 1e6
    unit = 0.1 if depth == 110 else 0.01
    assert abs(millions - HE[depth]) < unit


@pytest.mark.parametrize("depth", [20, 32])
def test_resnet_parameters_are_the_sum_over_blocks(depth):
    n = (depth - 2) // 6
    weights = 9 * (3 * 16 + 2 * n * 16**2 + (16 * 32 + (2 * n - 1) * 32**2))
    weights += 9 * (32 * 64 + (2 * n - 1) * 64**2)
    norms = 16 + 2 * n * (16 + 32 + 64)
    model = cnnzoo.build("residual", depth=depth, compile=False)
    assert count(model.trainable_weights) == weights + 2 * norms + dense(64, 10)
    assert count(model.non_trainable_weights) == 2 * norms


@pytest.mark.parametrize("depth", [8, 14, 20])
def test_plain_net_has_the_parameters_of_the_resnet(depth):
    skip, plain = (
        cnnzoo.build("residual", depth=depth, filters=4, skip=skip, compile=False)
        for skip in (True, False)
    )
    assert skip.count_params() == plain.count_params()


@pytest.mark.parametrize("depth", [8, 14])
def test_resnet_depth_counts_layers_with_weights(depth):
    model = cnnzoo.build("residual", depth=depth, filters=4)
    assert sum("kernel" in w.name for w in model.weights) == depth


# Simonyan and Zisserman (2015), table 1: the convolutions, and the last one replaces three
@pytest.mark.parametrize(("depth", "convolutions"), [(11, 8), (13, 10), (16, 13), (19, 16)])
def test_vgg_has_the_convolutions_of_the_paper(depth, convolutions):
    model = cnnzoo.build("vgg", depth=depth, filters=2)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == convolutions == depth - 3
    assert kinds.count("MaxPooling2D") == 5


def test_vgg16_has_the_convolutional_parameters_of_the_paper():
    # torchvision's and keras.applications' VGG16 without its top: 14,714,688
    model = cnnzoo.build("vgg", depth=16, filters=64, compile=False)
    assert before_the_head(model) == 14_714_688


def test_mobilenet_has_the_weights_of_the_paper():
    # keras.applications.MobileNet without its top, which leaves the biases out, has 3,228,864
    # parameters: 3,206,976 trained. Ours has a bias in each of its 27 convolutions besides.
    model = cnnzoo.build("mobilenet", filters=32, compile=False)
    biases = [
        weight
        for layer in model.layers
        if layer.name.endswith(("_conv", "_depthwise"))
        for weight in layer.weights
        if weight.name == "bias"
    ]
    assert len(biases) == 27
    assert before_the_head(model) - count(biases) == 3_228_864


# Shapes


@pytest.mark.parametrize(
    ("name", "given", "shapes"),
    [
        ("conv_stack", {}, {"stage1_conv": (31, 31, 16), "stage2_conv": (31, 31, 32)}),
        (
            "conv_stack",
            {"depth": 1, "strides": 1, "padding": "same"},
            {"stage1_conv": (64, 64, 16)},
        ),
        (
            "downsampling",
            {},
            {
                "stage1_conv": (26, 26, 32),
                "stage1_pool": (13, 13, 32),
                "stage2_conv": (11, 11, 64),
                "flatten": (7744,),
            },
        ),
        ("feature_maps", {}, {"stage1_conv": (26, 26, 16), "stage2_conv": (24, 24, 16)}),
        (
            "simple_cnn",
            {},
            {"stage1_conv": (32, 32, 16), "stage1_pool": (16, 16, 16), "flatten": (4096,)},
        ),
        ("depthwise_separable", {}, {"stage1_pointwise": (64, 64, 64)}),
        ("classic", {}, {"stage1_pool": (16, 16, 32), "stage3_conv": (8, 8, 128)}),
        (
            "residual",
            {},
            {
                "stem_conv": (32, 32, 16),
                "stage1_block3_add": (32, 32, 16),
                "stage2_block3_add": (16, 16, 32),
                "stage3_block3_add": (8, 8, 64),
                "average": (64,),
            },
        ),
        ("vgg", {}, {"stage1_pool": (16, 16, 16), "stage5_pool": (1, 1, 128)}),
        ("mobilenet", {}, {"stem_conv": (32, 32, 8), "block13_channel_conv": (2, 2, 256)}),
        (
            "efficientnet",
            {},
            {
                "stage1_block1_project_conv": (32, 32, 8),
                "stage2_block2_project_conv": (16, 16, 12),
                "stage3_block2_project_conv": (8, 8, 20),
                "stage4_block3_project_conv": (4, 4, 40),
            },
        ),
        ("sequence", {}, {"stage1_pool": (20, 16), "stage2_pool": (10, 32), "flatten": (640,)}),
    ],
)
def test_maps_have_the_sizes_of_the_documents(name, given, shapes):
    model = cnnzoo.build(name, compile=False, **given)
    found = {layer: model.get_layer(layer).output.shape[1:] for layer in shapes}
    assert found == shapes


@given(
    size=st.integers(1, 20),
    kernel_size=st.integers(1, 7),
    strides=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]),
)
@settings(max_examples=40)
def test_map_has_the_size_of_the_formula(size, kernel_size, strides, padding):
    # C09, C10: floor((n - k) / s) + 1 where it shrinks, ceil(n / s) where it is kept
    if kernel_size > size:
        return
    model = cnnzoo.build(
        "conv_stack",
        input_shape=(size, size, 1),
        depth=1,
        filters=1,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        compile=False,
    )
    expected = (size - kernel_size) // strides + 1 if padding == "valid" else -(-size // strides)
    assert model.get_layer("stage1_conv").output.shape[1:3] == (expected, expected)
