"""Optimizers and their weight decay."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import ops

import cnnzoo
from cnnzoo.models.optimizers import OF_TORCH, make_optimizer

KINDS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "momentum": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def model():
    built = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, bias_initializer="ones", name="dense"),
            keras.layers.BatchNormalization(beta_initializer="ones", name="norm"),
        ]
    )
    return built.trainable_variables


def values(variables) -> dict[str, np.ndarray]:
    return {variable.path: ops.convert_to_numpy(variable) for variable in variables}


@pytest.mark.parametrize("name", KINDS)
def test_optimizer_is_new_and_has_the_learning_rate(name):
    first, second = make_optimizer(name, 0.125), make_optimizer(name, 0.125)
    assert type(first) is KINDS[name]
    assert first is not second
    assert float(first.learning_rate) == 0.125


def test_momentum_is_sgd_with_momentum_0_9():
    assert make_optimizer("momentum", 0.1).momentum == 0.9
    assert make_optimizer("sgd", 0.1).momentum == 0.0


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum", "rmsprop"])
def test_only_adamw_decays_weights(name):
    variables = model()
    before = values(variables)
    optimizer = make_optimizer(name, 0.5, weight_decay=0.5)
    optimizer.apply([ops.zeros_like(variable) for variable in variables], variables)
    for path, value in values(variables).items():
        np.testing.assert_array_equal(value, before[path])


def test_adamw_decays_only_kernels():
    variables = model()
    before = values(variables)
    optimizer = make_optimizer("adamw", 0.5, weight_decay=0.25)
    optimizer.apply([ops.zeros_like(variable) for variable in variables], variables)
    for path, value in values(variables).items():
        factor = 1 - 0.5 * 0.25 if path.endswith("kernel") else 1
        np.testing.assert_allclose(value, factor * before[path], rtol=1e-6)


def test_adamw_without_decay_is_adam():
    x = np.random.default_rng(0).normal(size=(4,)).astype("float32")
    ends = []
    for name in ("adam", "adamw"):
        variable = keras.Variable(x, name="kernel")
        optimizer = make_optimizer(name, 0.1, weight_decay=0.0)
        for _ in range(3):
            optimizer.apply([2 * ops.convert_to_tensor(variable)], [variable])
        ends.append(ops.convert_to_numpy(variable))
    np.testing.assert_array_equal(*ends)


def saved_on_torch(path, saved):
    """Let a file name the optimizer as Keras does that saves on torch."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                optimizer = config["compile_config"]["optimizer"]
                optimizer["module"] = f"{OF_TORCH}.torch_adam"
                optimizer["registered_name"] = "Adam"
                content = json.dumps(config).encode()
            target.writestr(name, content)


def test_optimizer_saved_on_torch_becomes_general(tmp_path):
    built = cnnzoo.build("mlp", units=2, input_shape=(2, 2, 1), classes=3, optimizer="adam")
    built.save(tmp_path / "here.keras")
    saved_on_torch(tmp_path / "torch.keras", tmp_path / "here.keras")
    loaded = cnnzoo.load_model(tmp_path / "torch.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert loaded.optimizer.get_config() == built.optimizer.get_config()
