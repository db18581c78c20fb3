"""Every registered model, with default and random values of its toggles."""

import json
import math
from typing import Any

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import cnnzoo
from cnnzoo.models.losses import LOSSES
from cnnzoo.models.model_loss import encode_labels
from cnnzoo.toggle import Toggle, ToggleError

MODELS = cnnzoo.list_models()

# What a test can afford, where a search would go further.
CHEAP = {
    "filters": (1, 8),
    "units": (1, 16),
    "depth": (1, 4),
    "kernel_size": (1, 5),
    "dilation": (1, 2),
    "pool_stages": (1, 3),
    "growth": (0.25, 2.0),
}
CHEAP_LEVELS = {
    "residual": {"depth": (8,)},
    "efficientnet": {"depth": (1, 2)},
    "vgg": {"depth": (11,)},
    "transfer": {"backbone": ("mobilenet_v2",)},
}
SHAPES = {
    "vgg": [(32, 32, 1), (33, 32, 3), (32, 2)],
    "transfer": [(32, 32, 3), (40, 32, 1)],
}
ANY_SHAPE = [(12, 12, 1), (16, 11, 3), (24, 2), (7, 7, 2)]
WITHOUT_SHRINKING = (Phase.explicit, Phase.generate)  # a hundred more models for a failure
PRESETS = ("downsampling", "feature_maps", "batch_norm", "loss_choice", "classic", "simple_cnn")
PRESETS += ("depthwise_separable", "sequence")  # defaults of one family, which share its examples
EXAMPLES = {
    **dict.fromkeys(PRESETS, 3),
    "transfer": 2,
    "conv_stack": 5,
    "mlp": 5,
    "residual": 4,
    "vgg": 4,
    "mobilenet": 4,
    "efficientnet": 4,
}


def levels(model: str, toggle: Toggle) -> st.SearchStrategy[Any]:
    """Levels of a toggle that a test can afford."""
    cheap = CHEAP_LEVELS.get(model, {}).get(toggle.name, toggle.levels)
    if cheap:
        return st.sampled_from(cheap)
    low, high = toggle.search_range
    low = max(toggle.low, min(low, CHEAP.get(toggle.name, (low, high))[0]))
    high = min(high, CHEAP.get(toggle.name, (low, high))[1])
    if toggle.type is int:
        return st.integers(int(low), int(high))
    if toggle.log:
        return st.floats(math.log(low), math.log(high)).map(
            lambda power: min(max(math.exp(power), low), high)
        )
    return st.floats(low, high)


@st.composite
def random_settings(draw, model: str) -> dict[str, Any]:
    """Random arguments of a model, including toggles that are switched off."""
    toggles = cnnzoo.toggles(model)
    must = {name for name in toggles if name in CHEAP or name in CHEAP_LEVELS.get(model, {})}
    chosen = draw(st.sets(st.sampled_from(sorted(set(toggles) - must)), max_size=8))
    given = {name: draw(levels(model, toggles[name])) for name in toggles if name in must | chosen}
    given["input_shape"] = draw(st.sampled_from(SHAPES.get(model, ANY_SHAPE)))
    loss = given.get("loss", toggles["loss"].default)
    if loss == "binary_crossentropy":
        given["classes"] = 2
    else:
        given["classes"] = draw(st.sampled_from([1, 2, 3] if LOSSES[loss].regression else [2, 3]))
    if model == "transfer":
        given["weights"] = None
    return given


def labels(classes: int, n: int) -> np.ndarray:
    if classes == 1:
        return np.linspace(-1, 1, n)
    return np.arange(n) % classes


def images(model, n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, *model.input_shape[1:])).astype("float32")


def assert_round_trips(model, folder) -> None:
    """Check that a model is restored from its file, which holds its configuration."""
    model.run_eagerly = True
    path = folder / "model.keras"
    model.save(path)
    loaded = cnnzoo.load_model(path)
    loaded.run_eagerly = True
    for first, second in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    x = images(model, 3)
    np.testing.assert_allclose(  # threads may add in another order
        loaded.predict_on_batch(x), model.predict_on_batch(x), rtol=1e-4, atol=1e-6
    )
    assert loaded.to_json() == model.to_json()  # the compilation too


def configuration(model) -> str:
    return json.dumps(model.get_config())


def blank(name: str, **given: Any) -> Any:
    """Build a zoo model without pretrained weights."""
    return cnnzoo.build(name, **{"weights": None} if name == "transfer" else {}, **given)


@pytest.mark.parametrize("name", MODELS)
def test_default_model_trains_and_is_saved(name, tmp_path):
    model = blank(name, seed=0)
    model.run_eagerly = len(model.variables) > 60  # tracing a deep one takes half a minute
    n = 4
    before = model.get_weights()
    history = model.fit(
        images(model, n), encode_labels(labels(10, n), model), batch_size=n, verbose=0
    )
    assert set(history.history) == {"loss", "accuracy"}
    assert all(np.isfinite(values).all() for values in history.history.values())
    changed = [
        (old != new).any() for old, new in zip(before, model.get_weights(), strict=True)
    ]  # fmt: skip
    assert any(changed)
    p = model.predict_on_batch(images(model, n))
    assert p.shape == (n, 10)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert_round_trips(model, tmp_path)
    assert configuration(keras.models.clone_model(model)) == configuration(model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("name", MODELS)
def test_model_with_valid_settings_trains_and_is_saved(name, folder):
    @hypothesis.seed(MODELS.index(name))  # else presets of a family would get the same examples
    @settings(
        max_examples=EXAMPLES.get(name, 10),
        phases=WITHOUT_SHRINKING,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(given=random_settings(name), seed=st.integers(0, 3))
    def check(given, seed):
        try:
            model = cnnzoo.build(name, seed=seed, **given)
        except ToggleError:
            hypothesis.reject()
        model.run_eagerly = True
        classes = given["classes"]
        target = encode_labels(labels(classes, 4), model)
        assert target.shape[1:] in ((), model.output_shape[1:])
        step = model.train_on_batch(images(model, 4), target, return_dict=True)
        assert math.isfinite(step["loss"])
        assert set(step) == {"loss", "accuracy"} if classes > 1 else {"loss", "mae", "rmse"}
        assert_round_trips(model, folder)

    check()


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"transfer"}))
def test_any_settings_build_or_raise_toggle_error(name):
    toggles = cnnzoo.toggles(name)
    small = {"filters": 8, "units": 16, "depth": 12, "kernel_size": 31}

    def anything(toggle):
        if toggle.levels:
            return st.sampled_from(toggle.levels)
        high = min(toggle.high, small.get(toggle.name, toggle.high))
        if toggle.type is int:
            return st.integers(int(toggle.low), int(high))
        return st.floats(toggle.low, high)

    @settings(max_examples=12, phases=WITHOUT_SHRINKING)
    @given(
        given=st.fixed_dictionaries(
            {
                "filters": st.integers(1, 8),
                "units": st.integers(1, 16),
                "input_shape": st.sampled_from([(1, 1, 1), (2, 5, 1), (9, 9, 2), (13, 1), (1, 2)]),
                "classes": st.integers(1, 3),
            },
            optional={
                key: anything(toggle)
                for key, toggle in toggles.items()
                if key not in ("filters", "units")
            },
        )
    )
    def check(given):
        given = {
            key: value
            for key, value in given.items()
            if key in toggles or key not in ("filters", "units")
        }
        try:
            model = cnnzoo.build(name, **given)
        except ToggleError:
            return
        assert model.input_shape[1:] == given["input_shape"]

    check()
