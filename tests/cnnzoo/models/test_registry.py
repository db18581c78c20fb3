"""Registration, listing, help and argument checks of models."""

import inspect
import math
import pickle
from typing import Annotated, Literal, Unpack

import numpy as np
import pytest

import cnnzoo
from cnnzoo.models.registry import MODELS, preset, register
from cnnzoo.toggle import Toggle, ToggleError
from cnnzoo.vocabulary import Filters, Shared
from cnnzoo.zoo import get_model

NAMES = cnnzoo.list_models()
DOCUMENTED = {
    "batch_norm",
    "classic",
    "conv_stack",
    "depthwise_separable",
    "downsampling",
    "efficientnet",
    "feature_maps",
    "loss_choice",
    "mlp",
    "mobilenet",
    "residual",
    "sequence",
    "simple_cnn",
    "vgg",
}


@pytest.fixture
def own_registry():
    """Remove the models that a test registers."""
    models = dict(MODELS)
    yield
    MODELS.clear()
    MODELS.update(models)


def test_models_of_the_documents_are_listed():
    assert set(cnnzoo.list_models()) >= DOCUMENTED


def test_pattern_filters_the_list():
    assert cnnzoo.list_models("*_*stack") == ["conv_stack"]
    assert cnnzoo.list_models("RES*") == []
    assert cnnzoo.list_models() == sorted(cnnzoo.list_models())


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    def test_is_a_public_function(self, name):
        assert getattr(cnnzoo, name) is get_model(name).builder
        assert getattr(cnnzoo, name).__name__ == name

    def test_defaults_are_allowed(self, name):
        choices = cnnzoo.toggles(name)
        shared = {"dropout", "weight_decay", "kernel_initializer", "loss", "label_smoothing"}
        assert shared | {"logits", "optimizer", "learning_rate"} <= set(choices)
        for key, toggle in choices.items():
            assert toggle.name == key
            assert toggle.check(toggle.default, name) == toggle.default
            assert toggle.meaning

    def test_declared_parameters_are_those_of_the_model(self, name):
        model = get_model(name)
        assert model.blank(compile=False).count_params() == model.parameters

    def test_conditions_name_its_toggles_and_levels(self, name):
        choices = cnnzoo.toggles(name)
        for toggle in choices.values():
            if toggle.when_among(choices):
                parent, active = toggle.when
                assert set(active) <= set(choices[parent].levels)

    def test_signature_has_every_toggle_with_its_default(self, name):
        signature = inspect.signature(getattr(cnnzoo, name))
        choices = cnnzoo.toggles(name)
        purpose = ["input_shape", "classes", "compile", "seed", "name"]
        assert list(signature.parameters)[: len(purpose)] == purpose
        assert [key for key in signature.parameters if key in choices] == list(choices)
        for parameter in signature.parameters.values():
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        for key, toggle in choices.items():
            assert signature.parameters[key].default == toggle.default
        assert signature.return_annotation == "keras.Model"

    def test_help_describes_every_argument(self, name):
        builder = getattr(cnnzoo, name)
        lines = builder.__doc__.splitlines()
        text = " ".join(builder.__doc__.split())
        for key in inspect.signature(builder).parameters:
            assert key in lines
        for toggle in cnnzoo.toggles(name).values():
            assert " ".join(f"{toggle.meaning[1:]}: {toggle.allowed}".split()) in text
        assert "Returns" in lines
        assert "Raises" in lines
        assert all(len(line) <= 100 for line in lines)

    def test_summary_is_one_sentence(self, name):
        summary = get_model(name).summary
        assert summary.endswith(".")
        assert get_model(name).document

    def test_is_pickled_by_name(self, name):
        builder = getattr(cnnzoo, name)
        assert pickle.loads(pickle.dumps(builder)) is builder  # noqa: S301

    def test_positional_arguments_are_refused(self, name):
        with pytest.raises(ToggleError) as caught:
            getattr(cnnzoo, name)((28, 28, 1))
        assert str(caught.value) == (f"`{name}`: expected keyword arguments only; got (28, 28, 1).")


def test_toggles_is_the_public_function_after_any_import():
    import importlib

    from cnnzoo.builders import toggles

    for module in ("cnnzoo.data", "cnnzoo.toggle", "cnnzoo.models.registry"):
        importlib.import_module(module)
    assert cnnzoo.toggles is toggles


def test_toggles_of_a_custom_builder():
    def mine(*, filters: Filters = 8): ...

    assert list(cnnzoo.toggles(mine)) == ["filters"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pool_size": 5}, "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5."),
        (
            {"pool_size": 3, "pool": "none"},
            "`pool_size` of `downsampling` has no effect unless pool is max or average; "
            "got pool_size=3 with pool='none'.",
        ),
        (
            {"padding_mode": "reflect"},
            "`padding_mode` of `downsampling` has no effect unless padding is same; "
            "got padding_mode='reflect' with padding='valid'.",
        ),
        (
            {"norm_momentum": 0.5, "normalization": "group"},
            "`norm_momentum` of `downsampling` has no effect unless normalization is batch; "
            "got norm_momentum=0.5 with normalization='group'.",
        ),
        (
            {"label_smoothing": 0.1},
            "`label_smoothing` of `downsampling` has no effect unless loss is "
            "categorical_crossentropy or binary_crossentropy or focal; "
            "got label_smoothing=0.1 with loss='sparse_categorical_crossentropy'.",
        ),
        ({"classes": 0}, "`classes` of `downsampling` must be a whole number from 1 up; got 0."),
        (
            {"classes": 2.0},
            "`classes` of `downsampling` must be a whole number from 1 up; got 2.0 (float).",
        ),
        (
            {"classes": True},
            "`classes` of `downsampling` must be a whole number from 1 up; got True (bool).",
        ),
        (
            {"classes": None},
            "`classes` of `downsampling` must be a whole number from 1 up; got None (NoneType).",
        ),
        ({"seed": -1}, "`seed` of `downsampling` must be a whole number from 0 up; got -1."),
        (
            {"seed": "0"},
            "`seed` of `downsampling` must be a whole number from 0 up; got '0' (str).",
        ),
        ({"name": "a/b"}, "`name` of `downsampling`: expected a text without '/'; got 'a/b'."),
        ({"name": 7}, "`name` of `downsampling`: expected a text without '/'; got 7."),
    ],
)
def test_invalid_arguments_are_refused(settings, sentence):
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build("downsampling", **settings)
    assert str(caught.value) == sentence


def test_unknown_argument_is_refused_with_the_nearest_name():
    with pytest.raises(ToggleError) as caught:
        cnnzoo.downsampling(pool_sise=2)
    names = ", ".join(cnnzoo.toggles("downsampling"))
    assert str(caught.value) == (
        f"`downsampling` has no toggle `pool_sise`; did you mean `pool_size`? Its toggles: {names}."
    )


@pytest.mark.parametrize(
    "shape",
    [
        28,
        (),
        (28,),
        (1, 28, 28, 1),
        (0, 28, 1),
        (28, -1, 1),
        (28.5, 28, 1),
        (None, None, 3),
        "281",
        "28,28,1",
        None,
        (math.nan, 28, 1),
        (math.inf, 28, 1),
        ((28, 28), 1),
    ],
)  # fmt: skip
def test_invalid_input_shape_is_refused(shape):
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build("mlp", input_shape=shape)
    assert str(caught.value) == (
        "`input_shape` of `mlp`: expected (height, width, channels) or (length, channels), "
        f"whole numbers from 1; got {shape!r}."
    )


@pytest.mark.parametrize("shape", [[8, 6, 2], np.array([8, 6, 2]), (np.int64(8), 6, 2)])
def test_sequence_of_integers_is_an_input_shape(shape):
    assert cnnzoo.build("mlp", input_shape=shape, units=2).input_shape == (None, 8, 6, 2)


@pytest.mark.parametrize("name", ["downsampling", "mlp", "vgg"])
def test_image_shape_without_channels_is_refused(name):
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build(name, input_shape=(28, 28))
    assert str(caught.value) == (
        f"`input_shape` of `{name}`, a model of images: expected (height, width, channels); got "
        "(28, 28); did you mean (28, 28, 1)? For sequences of 28 steps and 28 channels give the "
        "`info.input_shape` of data loaded with kind='sequences'."
    )


def test_square_sequences_are_accepted_if_unambiguous():
    x, y = np.zeros((20, 8, 8)), np.arange(20) % 2
    shape = cnnzoo.load_data((x, y), kind="sequences").info.input_shape
    assert cnnzoo.build("mlp", input_shape=shape, units=2).input_shape == (None, 8, 8)
    assert cnnzoo.build("sequence", input_shape=(28, 28), filters=2).input_shape == (None, 28, 28)
    assert cnnzoo.build("mlp", input_shape=(98, 40), units=2).input_shape == (None, 98, 40)


def test_file_of_a_builder_is_refused_with_the_path_of_its_function():
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build("nets/mine.py")
    assert str(caught.value) == (
        "The zoo has no model `nets/mine.py`; a builder in that file is 'mine:build', if the "
        "function is called build."
    )


def test_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(ToggleError) as caught:
        cnnzoo.build("downsamplin")
    names = ", ".join(cnnzoo.list_models())
    assert str(caught.value) == (
        f"The zoo has no model `downsamplin`; did you mean `downsampling`? Its models: {names}."
    )


def test_build_and_function_return_equal_models():
    by_name = cnnzoo.build("downsampling", filters=2, seed=5, name="one")
    by_function = cnnzoo.downsampling(filters=2, seed=5, name="one")
    assert by_name.get_config() == by_function.get_config()
    assert by_name.name == "one"
    for first, second in zip(by_name.get_weights(), by_function.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_default_name_is_that_of_the_builder():
    assert cnnzoo.build("downsampling", filters=1).name == "downsampling"
    assert cnnzoo.build("feature_maps", filters=1, name="other").name == "other"


def test_compilation_is_optional():
    assert not cnnzoo.build("downsampling", filters=1, compile=False).compiled
    assert cnnzoo.build("downsampling", filters=1).compiled


# Registering


def test_duplicate_name_is_refused(own_registry):
    def downsampling(**shared: Unpack[Shared]):
        """Has the name of a zoo model."""

    with pytest.raises(ValueError, match="registered") as caught:
        register("nowhere")(downsampling)
    assert str(caught.value) == ("Model `downsampling` is already registered; choose another name.")


def test_family_gets_checked_and_complete_arguments(own_registry):
    @register("nowhere", activation="tanh", classes=3)
    def family(
        *,
        filters: Filters = 8,
        taste: Annotated[Literal["sweet", "sour"], Toggle("taste of it")] = "sour",
        **shared: Unpack[Shared],
    ):
        """Return the arguments."""
        return {"filters": filters, "taste": taste, **shared}

    assert "family" in cnnzoo.list_models()
    given = cnnzoo.build("family", filters=np.int16(3), learning_rate=1, seed=np.int64(0))
    assert given["filters"] == 3
    assert type(given["filters"]) is int
    assert (given["taste"], given["activation"], given["classes"]) == ("sour", "tanh", 3)
    assert (given["seed"], given["name"], given["compile"]) == (0, "family", True)
    assert (given["learning_rate"], type(given["learning_rate"])) == (1.0, float)
    assert set(given) == {"filters", "taste", *inspect.get_annotations(Shared)}


def test_preset_differs_only_in_its_defaults(own_registry):
    @register("nowhere")
    def family(*, filters: Filters = 8, **shared: Unpack[Shared]):
        """Return the arguments."""
        return {"filters": filters, **shared}

    @preset(family, "elsewhere", filters=2, activation="gelu", input_shape=(4, 4, 1))
    def wide_family() -> None:
        """The same, wider."""

    assert wide_family.__doc__.startswith("The same, wider.\n")
    assert get_model("wide_family").document == "elsewhere"
    first, second = family(), wide_family()
    assert {key for key in first if first[key] != second[key]} == {
        "filters",
        "activation",
        "input_shape",
        "name",
    }
    assert (second["filters"], second["activation"]) == (2, "gelu")


def test_default_of_an_unknown_toggle_is_refused(own_registry):
    def family(**shared: Unpack[Shared]):
        """Nothing."""

    with pytest.raises(ValueError, match="take") as caught:
        register("nowhere", filters=2, pool="max")(family)
    assert str(caught.value) == "family does not take filters, pool."


def test_invalid_default_is_refused_at_registration(own_registry):
    def family(*, filters: Filters = 8, **shared: Unpack[Shared]):
        """Nothing."""

    with pytest.raises(ToggleError) as caught:
        register("nowhere", filters=0)(family)
    assert str(caught.value) == (
        "`filters` of `family` must be a whole number from 1 to 4096; got 0."
    )
    assert "family" not in cnnzoo.list_models()
