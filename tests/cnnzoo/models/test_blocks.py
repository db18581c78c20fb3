"""Effects of the shared toggles."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import cnnzoo
from cnnzoo.toggle import ToggleError


@pytest.mark.parametrize(
    ("given", "units", "activation"),
    [
        ({}, 10, "softmax"),
        ({"logits": True}, 10, "linear"),
        ({"loss": "categorical_hinge"}, 10, "linear"),
        ({"loss": "binary_crossentropy", "classes": 2}, 1, "sigmoid"),
        ({"loss": "binary_crossentropy", "classes": 2, "logits": True}, 1, "linear"),
        ({"loss": "mse", "classes": 2}, 2, "softmax"),
        ({"loss": "mse", "classes": 1}, 1, "linear"),
        ({"loss": "huber", "classes": 1}, 1, "linear"),
        ({"loss": "focal", "classes": 3}, 3, "softmax"),
    ],
)
def test_head_follows_the_loss(given, units, activation):
    head = cnnzoo.build("mlp", units=2, **given).get_layer("head")
    assert head.units == units
    assert head.activation.__name__ == activation


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"loss": "binary_crossentropy"},
            "`loss` of `mlp`: binary_crossentropy needs 2 classes; got classes=10. "
            "Pass classes=2 or a categorical loss.",
        ),
        (
            {"loss": "binary_crossentropy", "classes": 1, "name": "mine"},
            "`loss` of `mine`: binary_crossentropy needs 2 classes; got classes=1. "
            "Pass classes=2 or a categorical loss.",
        ),
        (
            {"classes": 1},
            "`loss` of `mlp`: sparse_categorical_crossentropy needs at least 2 classes; "
            "got classes=1, a regression. Pass one of mse, mae, huber, or more classes.",
        ),
        (
            {"classes": 1, "loss": "categorical_hinge"},
            "`loss` of `mlp`: categorical_hinge needs at least 2 classes; "
            "got classes=1, a regression. Pass one of mse, mae, huber, or more classes.",
        ),
    ],
)
def test_loss_that_does_not_fit_the_classes_is_refused(given, sentence):
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build("mlp", **given)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("position", "order"),
    [
        ("before", ["stage1_conv", "stage1_norm", "stage1_activation"]),
        ("after", ["stage1_conv", "stage1_activation", "stage1_norm"]),
    ],
)
@pytest.mark.parametrize("normalization", ["batch", "layer", "group"])
def test_normalization_is_at_the_chosen_position(normalization, position, order):
    model = cnnzoo.build(
        "downsampling", filters=4, normalization=normalization, norm_position=position
    )
    names = [layer.name for layer in model.layers]
    assert names[1:4] == order


@pytest.mark.parametrize("shape", [(5, 4, 3), (6, 3)])
@pytest.mark.parametrize("filters", [6, 8, 12, 16])
@pytest.mark.parametrize("normalization", ["layer", "group"])
def test_group_is_normalized_over_positions_and_channels(normalization, filters, shape):
    model = cnnzoo.build(
        "simple_cnn",
        input_shape=shape,
        filters=filters,
        normalization=normalization,
        activation="linear",
        seed=0,
    )
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    conv, norm = model.get_layer("stage1_conv"), model.get_layer("stage1_norm")
    groups = 1 if normalization == "layer" else {6: 2, 8: 8, 12: 4, 16: 8}[filters]
    before = ops.convert_to_numpy(conv(x))
    after = ops.convert_to_numpy(norm(conv(x)))
    split = before.reshape(2, -1, groups, filters // groups)
    mean = split.mean(axis=(1, 3), keepdims=True)
    deviation = np.sqrt(split.var(axis=(1, 3), keepdims=True) + norm.epsilon)
    np.testing.assert_allclose(
        after, ((split - mean) / deviation).reshape(before.shape), rtol=1e-3, atol=1e-4
    )


def test_batch_normalization_has_the_chosen_momentum():
    model = cnnzoo.build("downsampling", filters=2, normalization="batch", norm_momentum=0.5)
    assert model.get_layer("stage1_norm").momentum == 0.5


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum", "rmsprop"])
def test_weight_decay_penalizes_only_kernels(optimizer):
    model = cnnzoo.build(
        "depthwise_separable",
        input_shape=(5, 5, 2),
        filters=3,
        weight_decay=0.25,
        optimizer=optimizer,
        seed=0,
    )
    kernels = [w for w in model.trainable_weights if "kernel" in w.name]
    assert len(kernels) == 3
    expected = sum(0.25 * np.square(ops.convert_to_numpy(w)).sum() for w in kernels)
    np.testing.assert_allclose(float(sum(model.losses)), expected, rtol=1e-5)


def test_adamw_decays_without_a_penalty():
    model = cnnzoo.build("mlp", units=2, weight_decay=0.25, optimizer="adamw")
    assert model.losses == []
    assert model.optimizer.weight_decay == 0.25


def test_dropout_is_before_the_last_layer():
    model = cnnzoo.build("downsampling", filters=1, dropout=0.25)
    assert [layer.name for layer in model.layers][-2:] == ["dropout", "head"]
    assert model.get_layer("dropout").rate == 0.25
    assert "dropout" not in [layer.name for layer in cnnzoo.build("mlp", units=1).layers]


@pytest.mark.parametrize("initializer", list(cnnzoo.toggles("mlp")["kernel_initializer"].levels))
def test_kernels_have_the_chosen_initializer(initializer):
    model = cnnzoo.build(
        "depthwise_separable", input_shape=(5, 5, 2), filters=3, kernel_initializer=initializer
    )
    chosen = type(keras.initializers.get(initializer))
    assert type(model.get_layer("stage1_depthwise").depthwise_initializer) is chosen
    assert type(model.get_layer("stage1_pointwise").kernel_initializer) is chosen
    assert type(model.get_layer("head").kernel_initializer) is chosen


@pytest.mark.parametrize(("pool", "value"), [("max", 4.0), ("average", 2.5)])
def test_pooling_returns_the_maximum_or_mean(pool, value):
    model = cnnzoo.build("simple_cnn", input_shape=(2, 2, 1), filters=1, pool=pool)
    layer = model.get_layer("stage1_pool")
    window = ops.convert_to_tensor(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]], "float32"))
    assert ops.convert_to_numpy(layer(window)).item() == value


def test_squeeze_and_excitation_scales_each_channel():
    model = cnnzoo.build("efficientnet", input_shape=(8, 8, 1), filters=8, depth=1, seed=0)
    before = model.get_layer("stage1_block1_spatial_activation").output
    after = model.get_layer("stage1_block1_scale").output
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    before, after = map(ops.convert_to_numpy, keras.Model(model.input, [before, after])(x))
    ratio = after / before
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], ratio.shape), rtol=1e-3)
    assert ((ratio > 0) & (ratio < 1)).all()


def test_disabled_squeeze_and_excitation_removes_only_its_layers():
    settings = {"input_shape": (8, 8, 1), "filters": 8, "depth": 2}
    names = {layer.name for layer in cnnzoo.build("efficientnet", **settings).layers}
    without = cnnzoo.build("efficientnet", squeeze_excite=False, **settings)
    gone = names - {layer.name for layer in without.layers}
    assert gone
    assert all("squeeze" in name or "excite" in name or "scale" in name for name in gone)


# Compiling


def test_gpu_models_are_not_compiled_with_xla(monkeypatch, tmp_path):
    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [gpu])
    model = cnnzoo.build("mlp")
    model.save(tmp_path / "mlp.keras")
    loaded = cnnzoo.load_model(tmp_path / "mlp.keras")
    of_keras = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    of_keras.compile(loss="mse")
    assert [m.jit_compile for m in (model, loaded, of_keras)] == [False, False, True]
