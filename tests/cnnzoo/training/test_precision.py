"""Mixed precision as a toggle of the recipe: what changes with it and what does not."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from helpers.small_trainings import (
    CLASSES,
    SHAPE,
    assert_same,
    digits,
    quick,
    refusal,
    weights_of,
)

import cnnzoo
from cnnzoo import Recipe, encode_labels
from cnnzoo.builders import find_builder
from cnnzoo.doctor.probe import Probe
from cnnzoo.models.precision import building_in
from cnnzoo.toggle import ToggleError
from cnnzoo.training.train import fit
from cnnzoo.training.warm import WarmModels

MIXED = ("mixed_bfloat16", "mixed_float16")
RECIPE = Recipe(epochs=1, batch_size=12)
BFLOAT16 = replace(RECIPE, precision="mixed_bfloat16")


def plain(input_shape, classes, *, dtype=None, last="float32"):
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(4, "relu", dtype=dtype),
            keras.layers.Dense(classes, "softmax", dtype=last),
        ],
        name="plain",
    )


class Own:
    """Builds models and trains them itself."""

    def build(self, input_shape, classes):
        return plain(input_shape, classes)

    def fit(self, model, data, seed):
        return {"loss": [float(model.layers[1].compute_dtype == "bfloat16")]}


def built(precision, model="batch_norm", seed=0):
    return find_builder(model).build({"filters": 2}, SHAPE, CLASSES, seed, precision)


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("model", ["batch_norm", "depthwise_separable"])
def test_initial_weights_do_not_depend_on_the_precision(model, precision):
    mixed, full = built(precision, model), built("float32", model)
    assert {variable.dtype for variable in mixed.trainable_variables} == {"float32"}
    assert_same(weights_of(mixed), weights_of(full))
    assert keras.config.dtype_policy().name == "float32"


def test_training_is_that_of_keras_under_the_policy():
    levels = {"units": 4, "normalization": "batch"}
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = cnnzoo.mlp(input_shape=SHAPE, classes=CLASSES, seed=3, **levels)
    finally:
        keras.config.set_dtype_policy("float32")
    fit(model, digits(), RECIPE, seed=3)
    mixed = cnnzoo.train("mlp", digits(), BFLOAT16, seed=3, **levels).model
    assert_same(weights_of(mixed), weights_of(model))
    assert mixed.get_layer("stage1_dense").compute_dtype == "bfloat16"
    assert {metric.dtype for metric in mixed.metrics} == {"float32"}


def test_policy_is_restored_after_an_error():
    with pytest.raises(ToggleError):
        cnnzoo.train("mlp", digits(), BFLOAT16, depth=-1)
    assert keras.config.dtype_policy().name == "float32"


def test_scaled_losses_start_anew_in_a_kept_model():
    warm = WarmModels()

    def trained(warm, seed):
        model = warm.get("a", lambda: built("mixed_float16", seed=seed), seed)
        model.run_eagerly = True
        fit(model, digits(), RECIPE, seed=seed)
        return model

    kept = trained(warm, 0)
    kept.optimizer.dynamic_scale.assign(2.0)
    assert trained(warm, 1) is kept
    new = trained(WarmModels(), 1)
    assert_same(weights_of(kept), weights_of(new))
    assert float(kept.optimizer.dynamic_scale) == float(new.optimizer.dynamic_scale)


def test_saved_model_keeps_the_scaling_of_its_loss(tmp_path):
    model = built("mixed_float16")
    model.optimizer.dynamic_scale.assign(64.0)
    model.save(tmp_path / "model.keras")
    loaded = cnnzoo.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(loaded.optimizer.dynamic_scale) == 64.0
    assert float(loaded.optimizer.learning_rate) == pytest.approx(1e-3)


def test_probe_measures_gradients_without_the_scale_of_the_loss():
    norms = {}
    for precision in ("float32", *MIXED):
        model = built(precision)
        x, y = digits().train
        probe = Probe(model, np.asarray(x[:12]), encode_labels(y[:12], model))
        norms[precision] = probe.measure(0, 0).gradient
    assert norms["mixed_float16"] == pytest.approx(norms["float32"], rel=0.01)
    assert norms["mixed_bfloat16"] == pytest.approx(norms["float32"], rel=0.1)


def test_custom_fit_trains_a_model_in_the_precision():
    trained = cnnzoo.train(Own(), digits(), replace(Recipe(), precision="mixed_bfloat16"))
    assert trained.history == {"loss": [1.0]}


def test_softmax_in_half_precision_is_compiled_as_probabilities():
    with building_in("mixed_bfloat16"):
        model = find_builder(plain).build({"last": "bfloat16"}, SHAPE, CLASSES)
    assert model.loss.get_config()["from_logits"] is False


KEPT = (
    "`precision` of `Recipe`: expected 'float32' for `{}`, because its layers keep the precision "
    "that they were built in; got 'mixed_bfloat16'. Give a function that builds the model and sets "
    "no dtype, or build it under keras.config.set_dtype_policy('mixed_bfloat16')."
)


def test_models_of_another_precision_are_refused():
    assert refusal(quick(), digits(), BFLOAT16) == KEPT.format("mlp")


def test_rounded_outputs_are_refused():
    assert refusal(plain, digits(), BFLOAT16, last="bfloat16") == (
        "`precision` of `Recipe`: expected outputs of `plain` in float32, because losses and "
        "metrics are computed from them; got bfloat16 with 'mixed_bfloat16'. Give its last layer "
        "dtype='float32'."
    )


def test_policy_that_would_be_ignored_is_refused(mixed_precision):
    assert refusal("mlp", digits(), BFLOAT16) == (
        "`precision` of `Recipe`: expected 'mixed_float16', the dtype policy of Keras in this "
        "process; got 'mixed_bfloat16'. Call keras.config.set_dtype_policy('float32'), and give "
        "`precision` alone."
    )
