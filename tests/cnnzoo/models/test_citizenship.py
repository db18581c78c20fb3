"""Models support what Keras users expect: summary, saving, plotting, mixed precision."""

import importlib.util
import shutil

import keras
import numpy as np
import pytest
from helpers.saved_models import names_of_models

import cnnzoo
from cnnzoo.engine import Limits, WorkerSetup, start_engine
from cnnzoo.models.model_loss import encode_labels

MODELS = cnnzoo.list_models()
SMALL = {  # deep enough to hold every kind of layer
    "residual": {"depth": 8, "filters": 4},
    "mobilenet": {"depth": 2, "filters": 4},
    "efficientnet": {"depth": 2, "filters": 4},
    "vgg": {"filters": 2},
}
PLAIN = sorted(set(MODELS) - {"transfer"})


def build(name, **given):
    weights = {"weights": None} if name == "transfer" else {}
    return cnnzoo.build(name, **weights, **SMALL.get(name, {}), **given)


def every_layer(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from every_layer(layer)
        else:
            yield layer


@pytest.mark.parametrize("name", MODELS)
def test_models_are_functional_without_lambda_layers(name):
    model = build(name, compile=False)
    assert type(model) is keras.Model or type(model).__name__ == "Functional"
    assert not [layer for layer in every_layer(model) if isinstance(layer, keras.layers.Lambda)]


@pytest.mark.parametrize("name", MODELS)
def test_summary_names_every_layer(name):
    model = build(name)
    lines = []
    model.summary(print_fn=lines.append, line_length=200)
    text = "\n".join(lines)
    assert f'Model: "{name}"' in text
    assert all(f"{layer.name} " in text for layer in model.layers)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert f"Trainable params: {trained:,} " in text


@pytest.mark.parametrize("name", PLAIN)
def test_head_keeps_full_precision_under_mixed_precision(name, mixed_precision):
    few = "filters" in cnnzoo.toggles(name) and name not in SMALL
    model = build(name, seed=0, **{"filters": 4} if few else {})
    assert model.get_layer("head").compute_dtype == "float32"
    assert model.output.dtype == "float32"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    inner = [layer for layer in model.layers if layer.name not in ("input", "head")]
    assert {layer.compute_dtype for layer in inner} == {"float16"}
    x = np.random.default_rng(0).random((4, *model.input_shape[1:]))
    model.run_eagerly = True
    y = encode_labels([0, 1, 2, 3], model)
    assert np.isfinite(model.train_on_batch(x, y, return_dict=True)["loss"])
    assert model.predict_on_batch(x).dtype == np.float32


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(
    "given", [{}, {"normalization": "group", "padding_mode": "reflect", "conv": "separable"}]
)
def test_channels_first_changes_only_the_order_of_axes(name, given, request):
    toggles = cnnzoo.toggles(name)
    given = {toggle: level for toggle, level in given.items() if toggle in toggles}
    if "padding" in toggles and given:
        given["padding"] = "same"
    last = build(name, compile=False, seed=0, **given)
    request.getfixturevalue("channels_first")
    first = build(name, compile=False, seed=0, **given)
    *spatial, channels = last.input_shape[1:]
    assert first.input_shape == (None, channels, *spatial)
    assert first.output_shape == last.output_shape
    assert [layer.name for layer in first.layers] == [layer.name for layer in last.layers]
    for layer in first.layers:
        *spatial, channels = last.get_layer(layer.name).output.shape[1:]
        expected = (None, channels, *spatial) if spatial else (None, channels)
        assert layer.output.shape == expected, layer.name
    for ours, theirs in zip(first.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["downsampling", "residual"])
def test_models_can_be_plotted(name, tmp_path):
    if importlib.util.find_spec("pydot") is None or shutil.which("dot") is None:
        pytest.skip("pydot or graphviz is missing")
    keras.utils.plot_model(build(name), to_file=tmp_path / "model.png", show_shapes=True)
    assert (tmp_path / "model.png").stat().st_size > 0


def test_saved_models_with_custom_layers_load_in_another_process(tmp_path):
    paths = [tmp_path / "shortcut.keras", tmp_path / "border.keras"]
    build("residual", compile=False).save(paths[0])
    build("simple_cnn", compile=False, padding_mode="replicate").save(paths[1])
    setup = WorkerSetup(preload=("cnnzoo.engine.lean_keras",))
    with start_engine("processes", Limits(workers=1), setup) as engine:
        ((_, outcome),) = engine.run(names_of_models, [paths])
    assert outcome.result == ["residual", "simple_cnn"]


def test_two_models_coexist():
    first = build("simple_cnn", seed=0)
    weights = first.get_weights()
    second = build("simple_cnn", seed=1)
    second.run_eagerly = True
    x = np.random.default_rng(0).random((4, 32, 32, 3))
    second.train_on_batch(x, encode_labels([0, 1, 2, 3], second))
    for before, now in zip(weights, first.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


def test_short_training_lowers_the_loss():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    x = (rng.normal(size=(64, 8, 8, 1)) + 2 * y[:, None, None, None]).astype("float32")
    model = cnnzoo.build(
        "simple_cnn", input_shape=(8, 8, 1), classes=2, filters=4, learning_rate=0.01, seed=0
    )
    history = model.fit(x, y, epochs=10, batch_size=16, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
