"""Layers of the models, their order and their names."""

import re

import pytest

import cnnzoo

DOCUMENTS = {
    "downsampling": """
        stage1_conv Conv2D | stage1_activation Activation | stage1_pool MaxPooling2D
        | stage2_conv Conv2D | stage2_activation Activation | flatten Flatten | head Dense""",
    "feature_maps": """
        stage1_conv Conv2D | stage1_activation Activation | stage2_conv Conv2D
        | stage2_activation Activation | flatten Flatten | head Dense""",
    "batch_norm": """
        stage1_conv Conv2D | stage1_activation Activation | stage1_norm BatchNormalization
        | stage2_conv Conv2D | stage2_activation Activation | stage2_norm BatchNormalization
        | flatten Flatten | head Dense""",
    "conv_stack": """
        stage1_conv Conv2D | stage2_conv Conv2D | average GlobalAveragePooling2D | head Dense""",
    "depthwise_separable": """
        stage1_depthwise DepthwiseConv2D | stage1_pointwise Conv2D
        | average GlobalAveragePooling2D | head Dense""",
    "loss_choice": """
        stage1_conv Conv2D | stage1_activation Activation | stage1_pool MaxPooling2D
        | stage2_conv Conv2D | stage2_activation Activation | stage2_pool MaxPooling2D
        | flatten Flatten | head Dense""",
    "classic": """
        stage1_conv Conv2D | stage1_activation Activation | stage1_pool MaxPooling2D
        | stage2_conv Conv2D | stage2_activation Activation | stage2_pool MaxPooling2D
        | stage3_conv Conv2D | stage3_activation Activation
        | average GlobalAveragePooling2D | head Dense""",
    "simple_cnn": """
        stage1_conv Conv2D | stage1_activation Activation | stage1_pool MaxPooling2D
        | flatten Flatten | head Dense""",
    "mlp": "flatten Flatten | stage1_dense Dense | stage1_activation Activation | head Dense",
    "sequence": """
        stage1_conv Conv1D | stage1_activation Activation | stage1_pool MaxPooling1D
        | stage2_conv Conv1D | stage2_activation Activation | stage2_pool MaxPooling1D
        | stage3_conv Conv1D | stage3_activation Activation | flatten Flatten | head Dense""",
}


def layers(model) -> list[tuple[str, str]]:
    return [(layer.name, type(layer).__name__) for layer in model.layers]


def parsed(text: str) -> list[tuple[str, str]]:
    pairs = [("input", "InputLayer")]
    for entry in text.split("|"):
        name, kind = entry.split()
        pairs.append((name, kind))
    return pairs


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_model_has_the_layers_of_its_document(name):
    assert layers(cnnzoo.build(name)) == parsed(DOCUMENTS[name])


@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("downsampling", "stage1_conv", {"filters": 32, "kernel_size": (3, 3), "strides": (1, 1)}),
        ("downsampling", "stage1_conv", {"padding": "valid", "dilation_rate": (1, 1)}),
        ("downsampling", "stage1_pool", {"pool_size": (2, 2), "strides": (2, 2)}),
        ("downsampling", "stage2_conv", {"filters": 64, "padding": "valid"}),
        ("conv_stack", "stage1_conv", {"filters": 16, "strides": (2, 2), "padding": "valid"}),
        ("conv_stack", "stage2_conv", {"filters": 32, "strides": (1, 1), "padding": "same"}),
        ("depthwise_separable", "stage1_depthwise", {"use_bias": True, "padding": "same"}),
        ("depthwise_separable", "stage1_pointwise", {"use_bias": True, "kernel_size": (1, 1)}),
        ("simple_cnn", "stage1_conv", {"filters": 16, "padding": "same"}),
        ("residual", "stage1_block1_first_conv", {"use_bias": False, "padding": "same"}),
        ("sequence", "stage1_conv", {"filters": 16, "kernel_size": (5,), "padding": "same"}),
    ],
)
def test_layers_have_the_options_of_the_document(name, layer, options):
    found = cnnzoo.build(name).get_layer(layer).get_config()
    assert {option: found[option] for option in options} == options


@pytest.mark.parametrize("name", ["downsampling", "feature_maps", "batch_norm", "simple_cnn"])
def test_document_models_use_relu_and_softmax(name):
    model = cnnzoo.build(name)
    assert model.get_layer("stage1_activation").activation.__name__ == "relu"
    assert model.get_layer("head").activation.__name__ == "softmax"


RESIDUAL_BLOCK = ["first_conv", "first_norm", "first_activation", "second_conv", "second_norm"]


@pytest.mark.parametrize(
    ("given", "block"),
    [
        ({}, [*RESIDUAL_BLOCK, "add", "second_activation"]),
        ({"skip": False}, [*RESIDUAL_BLOCK, "second_activation"]),
        (
            {"norm_position": "after"},
            [
                "first_conv",
                "first_activation",
                "first_norm",
                "second_conv",
                "add",
                "second_activation",
                "second_norm",
            ],
        ),
        (
            {"normalization": "none"},
            ["first_conv", "first_activation", "second_conv", "add", "second_activation"],
        ),
    ],
)
def test_residual_block_has_its_layers_in_order(given, block):
    model = cnnzoo.build("residual", depth=8, filters=2, **given)
    names = [name for name, _ in layers(model) if name.startswith("stage1_block1_")]
    assert names == [f"stage1_block1_{part}" for part in block]


def test_shortcut_changes_the_size_without_weights():
    model = cnnzoo.build("residual", depth=14, filters=2)
    shortcuts = [name for name, kind in layers(model) if kind == "ZeroPadShortcut"]
    assert shortcuts == ["stage2_block1_shortcut", "stage3_block1_shortcut"]
    assert sum(kind == "Add" for _, kind in layers(model)) == 6


def test_mobilenet_block_is_depthwise_and_pointwise():
    model = cnnzoo.build("mobilenet", depth=1, filters=2)
    names = [name for name, _ in layers(model) if name.startswith("block1_")]
    assert names == [
        "block1_spatial_depthwise",
        "block1_spatial_norm",
        "block1_spatial_activation",
        "block1_channel_conv",
        "block1_channel_norm",
        "block1_channel_activation",
    ]


def test_inverted_bottleneck_has_its_layers_in_order():
    model = cnnzoo.build("efficientnet", depth=2, filters=8)
    names = [name for name, _ in layers(model) if name.startswith("stage2_block2_")]
    assert names == [
        f"stage2_block2_{part}"
        for part in (
            "expand_conv",
            "expand_norm",
            "expand_activation",
            "spatial_depthwise",
            "spatial_norm",
            "spatial_activation",
            "squeeze_average",
            "squeeze_conv",
            "squeeze_activation",
            "excite_conv",
            "excite_sigmoid",
            "scale",
            "project_conv",
            "project_norm",
            "add",
        )
    ]


ROLE = re.compile(
    r"input|flatten|average|dropout|head"
    r"|(stem|stage\d+|block\d+)(_block\d+)?"
    r"(_(first|second|spatial|channel|expand|project|squeeze|excite))?"
    r"(_(conv|depthwise|pointwise|dense))?"
    r"_(conv|depthwise|pointwise|dense|norm|activation|pool|padding|add|shortcut|scale|average"
    r"|sigmoid)"
)


@pytest.mark.parametrize("name", sorted(set(cnnzoo.list_models()) - {"transfer"}))
@pytest.mark.parametrize(
    "given", [{}, {"normalization": "batch", "dropout": 0.1, "padding_mode": "reflect"}]
)
def test_layers_are_named_by_role(name, given):
    given = {toggle: level for toggle, level in given.items() if toggle in cnnzoo.toggles(name)}
    if "padding" in cnnzoo.toggles(name):
        given["padding"] = "same"
    names = [layer for layer, _ in layers(cnnzoo.build(name, compile=False, **given))]
    assert len(set(names)) == len(names)
    assert [layer for layer in names if not ROLE.fullmatch(layer)] == []


@pytest.mark.parametrize("name", ["downsampling", "residual", "mlp", "mobilenet", "efficientnet"])
def test_names_do_not_depend_on_earlier_models(name):
    first, second = (cnnzoo.build(name, compile=False) for _ in range(2))
    assert layers(first) == layers(second)
