"""Initial weights as a function of the seed and the names of the layers."""

import re

import keras
import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.initialization import complete, initialize
from cnnzoo.models.model_loss import encode_labels
from cnnzoo.models.optimizers import make_optimizer


def state(model) -> dict[str, np.ndarray]:
    """The weights, statistics and random streams of a model."""
    found: dict[str, np.ndarray] = {}
    for layer in model.layers:
        for variable in layer.variables:
            # Keras counts seed generators over the whole process.
            path = re.sub(r"^seed_generator(_\d+)?", f"{layer.name}/seed_generator", variable.path)
            while path in found:
                path += "'"
            found[path] = keras.ops.convert_to_numpy(variable)
    return found


def assert_same(first, second):
    assert first.keys() == second.keys()
    for path in first:
        np.testing.assert_array_equal(first[path], second[path], err_msg=path)


def train(model, steps=3):
    rng = np.random.default_rng(0)
    model.run_eagerly = True
    for _ in range(steps):
        x = rng.normal(loc=1.0, size=(4, *model.input_shape[1:]))
        model.train_on_batch(x, encode_labels(rng.integers(0, 2, 4), model))


SMALL = {
    "residual": {"input_shape": (8, 8, 1), "filters": 4, "depth": 8, "dropout": 0.5},
    "batch_norm": {"input_shape": (8, 8, 1), "filters": 4, "dropout": 0.5},
    "depthwise_separable": {"input_shape": (6, 6, 2), "filters": 4, "dropout": 0.5},
    "sequence": {"filters": 4, "normalization": "group", "dropout": 0.5},
    "mlp": {"input_shape": (4, 4, 1), "units": 8, "normalization": "layer", "dropout": 0.5},
}
INITIALIZERS = cnnzoo.toggles("mlp")["kernel_initializer"].levels


@pytest.mark.parametrize("name", SMALL)
class TestASmallModel:
    def test_same_seed_gives_the_same_weights(self, name):
        first = cnnzoo.build(name, seed=7, **SMALL[name])
        second = cnnzoo.build(name, seed=7, **SMALL[name])
        assert_same(state(first), state(second))

    def test_another_seed_gives_other_weights(self, name):
        first = state(cnnzoo.build(name, seed=0, **SMALL[name]))
        second = state(cnnzoo.build(name, seed=1, **SMALL[name]))
        for path in first:
            drawn = "kernel" in path or "seed_generator" in path
            assert (first[path] != second[path]).any() == drawn, path

    def test_initialize_resets_a_trained_model(self, name):
        model = cnnzoo.build(name, seed=3, **SMALL[name])
        start = state(model)
        train(model)
        trained = state(model)
        assert any((trained[path] != start[path]).any() for path in start)
        initialize(model, 3)
        assert_same(state(model), start)

    def test_initialize_equals_building_with_the_seed(self, name):
        model = cnnzoo.build(name, seed=3, **SMALL[name])
        train(model)
        initialize(model, 4)
        assert_same(state(model), state(cnnzoo.build(name, seed=4, **SMALL[name])))

    def test_seed_can_be_set_after_building(self, name):
        model = cnnzoo.build(name, **SMALL[name])
        initialize(model, 3)
        assert_same(state(model), state(cnnzoo.build(name, seed=3, **SMALL[name])))


def test_sequential_without_an_input_is_completed(request):
    def completed():
        model = keras.Sequential([keras.layers.Flatten()])
        complete(model, (8, 9, 3))
        complete(model, (5, 5, 3))  # it is complete already
        return model.input_shape

    assert completed() == (None, 8, 9, 3)
    request.getfixturevalue("channels_first")
    assert completed() == (None, 3, 8, 9)


def test_repeated_training_gives_the_same_weights():
    ends = []
    model = cnnzoo.build("batch_norm", seed=0, **SMALL["batch_norm"])
    for _ in range(2):
        initialize(model, 0)
        model.optimizer = make_optimizer("adam", 1e-3)
        train(model)
        ends.append(state(model))
    assert_same(*ends)


def test_keras_draws_weights_without_a_seed():
    keras.utils.set_random_seed(0)
    first = cnnzoo.build("mlp", units=4).get_weights()
    second = cnnzoo.build("mlp", units=4).get_weights()
    keras.utils.set_random_seed(0)
    again = cnnzoo.build("mlp", units=4).get_weights()
    assert (first[0] != second[0]).any()
    np.testing.assert_array_equal(first[0], again[0])


@pytest.mark.parametrize(
    ("name", "baseline", "variant"),
    [
        ("downsampling", {}, {"normalization": "batch"}),
        ("downsampling", {}, {"normalization": "group", "norm_position": "after"}),
        ("downsampling", {"pool_size": 2}, {"pool_size": 3}),
        ("downsampling", {"pool": "max"}, {"pool": "none"}),
        ("downsampling", {"depth": 2}, {"depth": 3}),
        ("downsampling", {}, {"dropout": 0.5}),
        ("downsampling", {}, {"loss": "mse"}),
        ("downsampling", {}, {"padding": "same"}),
        ("downsampling", {}, {"activation": "tanh", "optimizer": "sgd", "weight_decay": 0.1}),
        ("residual", {"depth": 8}, {"depth": 8, "skip": False}),
        ("residual", {"depth": 8}, {"depth": 14}),
        ("residual", {"depth": 8}, {"depth": 8, "normalization": "none"}),
        ("efficientnet", {"depth": 2}, {"depth": 2, "squeeze_excite": False}),
        ("mobilenet", {"depth": 2}, {"depth": 3}),
        ("simple_cnn", {}, {"padding_mode": "reflect"}),
        ("mlp", {"depth": 1}, {"depth": 2}),
    ],
)
def test_variants_share_the_initial_weights_of_equal_layers(name, baseline, variant):
    size = {"units": 4} if name == "mlp" else {"filters": 4}
    common = {"input_shape": (12, 12, 1), "seed": 11, **size}
    first = state(cnnzoo.build(name, **common, **baseline))
    second = state(cnnzoo.build(name, **common, **variant))
    shared = [path for path in first if path in second]
    shared = [path for path in shared if first[path].shape == second[path].shape]
    assert any("kernel" in path for path in shared)
    for path in shared:
        np.testing.assert_array_equal(first[path], second[path], err_msg=path)


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_initializers_follow_the_seed(initializer):
    def kernel(seed):
        model = cnnzoo.build("mlp", units=16, kernel_initializer=initializer, seed=seed)
        return model.get_layer("stage1_dense").get_weights()[0]

    np.testing.assert_array_equal(kernel(0), kernel(0))
    assert (kernel(0) != kernel(1)).any()


def test_layers_with_different_names_get_different_weights():
    model = cnnzoo.build("mlp", input_shape=(4, 4, 1), units=16, depth=3, seed=0)
    first = model.get_layer("stage1_dense").get_weights()[0]
    second = model.get_layer("stage2_dense").get_weights()[0]
    assert (first != second).any()


def test_weights_have_the_standard_deviation_of_the_initializer():
    # He et al. (2015), "Delving deep into rectifiers": variance 2 / fan-in
    model = cnnzoo.build(
        "mlp", input_shape=(20, 20, 1), units=200, kernel_initializer="he_normal", seed=0
    )
    kernel = model.get_layer("stage1_dense").get_weights()[0]
    assert kernel.std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert abs(kernel.mean()) < 0.001


def test_batch_normalization_statistics_are_reset():
    model = cnnzoo.build("batch_norm", seed=0, **SMALL["batch_norm"])
    train(model)
    norm = model.get_layer("stage1_norm")
    assert (norm.get_weights()[2] != 0).any()
    initialize(model, 0)
    gamma, beta, mean, variance = norm.get_weights()
    np.testing.assert_array_equal(gamma, 1)
    np.testing.assert_array_equal(beta, 0)
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_array_equal(variance, 1)


def test_reset_dropout_repeats_its_draws():
    model = cnnzoo.build("mlp", units=64, dropout=0.5, seed=5)
    x = np.ones((2, 28, 28, 1), "float32")

    def twice():
        initialize(model, 5)
        return [keras.ops.convert_to_numpy(model(x, training=True)) for _ in range(2)]

    first, second = twice(), twice()
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert (first[0] != first[1]).any()


def test_nested_model_is_initialized_by_its_path():
    def nested():
        inner = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(3, name="dense")], name="inner"
        )
        return keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(3, name="dense"), inner], name="outer"
        )

    first, second = nested(), nested()
    initialize(first, 0)
    initialize(second, 0)
    assert_same(state(first), state(second))
    outer_kernel, inner_kernel = first.get_weights()[0], first.get_weights()[2]
    assert (outer_kernel != inner_kernel).any()


def test_layers_in_a_wrapper_are_seeded():
    def wrapped():
        cell = keras.layers.LSTM(2, name="cell", recurrent_dropout=0.5)
        return keras.Sequential(
            [keras.Input((4, 3)), keras.layers.Bidirectional(cell, name="both")], name="m"
        )

    first, second = wrapped(), wrapped()
    initialize(first, 0)
    initialize(second, 0)
    assert_same(state(first), state(second))
    initialize(second, 1)
    assert (first.get_weights()[0] != second.get_weights()[0]).any()


def test_shared_layer_is_initialized_once():
    dense = keras.layers.Dense(3, name="dense")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, dense(dense(inputs)))
    initialize(model, 0)
    start = state(model)
    initialize(model, 0)
    assert_same(state(model), start)
