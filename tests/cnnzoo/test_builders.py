import math

import numpy as np
import pytest
from helpers import stub_builders

import cnnzoo
from ablations import Study, StudyError, plan
from ablations.designs.planner import Planner
from ablations.study.space import Space
from cnnzoo import ToggleError
from cnnzoo.builders import find_builder
from cnnzoo.model_paths import BuilderError
from cnnzoo.toggle_groups import ToggleGroups

SHAPE = (8, 8, 1)


def kernels(model):
    return [np.asarray(variable) for variable in model.trainable_variables]


def build(name, levels=None, seed=0):
    return find_builder(name).build(levels or {}, SHAPE, 10, seed)


def units_of(model):
    import keras

    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


# Where models are found


def test_zoo_model_is_built_for_the_data():
    builder = find_builder("mlp")
    model = builder.build({"units": 8}, SHAPE, 3, 0)
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 3)
    assert (builder.reusable, builder.version) == (True, "")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "nowhere.at.all:build",
            "`model`: cannot import 'nowhere.at.all:build' (No module named 'nowhere'). Expected "
            "'package.module:function'.",
        ),
        (
            "helpers.stub_builders:nothing",
            "`model`: cannot import 'helpers.stub_builders:nothing' (module "
            "'helpers.stub_builders' has no attribute 'nothing'). Expected "
            "'package.module:function'.",
        ),
    ],
)
def test_model_that_cannot_be_imported(name, sentence):
    with pytest.raises(BuilderError) as refused:
        find_builder(name)
    assert str(refused.value) == sentence


def test_study_raises_its_own_error():
    with pytest.raises(StudyError) as refused:
        plan(Study("helpers.stub_builders:nothing", factors={"units": [4, 8]}))
    assert str(refused.value) == (
        "`model`: cannot import 'helpers.stub_builders:nothing' (module 'helpers.stub_builders' "
        "has no attribute 'nothing'). Expected 'package.module:function'."
    )


def test_unknown_zoo_model_names_the_nearest():
    with pytest.raises(ToggleError, match="did you mean `downsampling`"):
        find_builder("downsamplin")


def test_function_in_a_class():
    assert units_of(build("helpers.stub_builders:Outer.build_inner", {"units": 4})) == [4, 10]


def test_custom_builder_has_a_code_version(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "versioned_builder.py"
    path.write_text("def build(input_shape, classes, units=8): ...\n")
    before = find_builder("versioned_builder:build").version
    assert len(before) == 12
    assert find_builder("versioned_builder:build").version == before
    path.write_text("def build(input_shape, classes, units=9): ...\n")
    assert find_builder("versioned_builder:build").version != before


# Custom builders


def test_annotated_builder_has_its_toggles():
    toggles = find_builder("helpers.stub_builders:annotated").toggles()
    assert {name: toggle.default for name, toggle in toggles.items()} == {"units": 8, "rate": 0}
    assert toggles["units"].allowed == "a whole number from 1 to 65536"
    with pytest.raises(ToggleError) as refused:
        toggles["rate"].check(0.95, "annotated")
    assert str(refused.value) == "`rate` of `annotated` must be a number from 0 to 0.9; got 0.95."


def test_plain_parameters_take_any_level():
    toggles = find_builder("helpers.stub_builders:plain").toggles()
    assert {name: toggle.default for name, toggle in toggles.items()} == {
        "units": 8,
        "rate": 0.0,
        "wide": False,
        "kind": "relu",
    }
    study = Study(stub_builders.plain, factors={"units": [8, 16], "kind": ["relu", 7, True]})
    assert Space.of(study.model_name).factors(study) == {
        "units": (8, 16),
        "kind": ("relu", 7, True),
    }


def test_plain_annotation_is_the_type_of_levels():
    toggles = find_builder("helpers.stub_builders:typed").toggles()
    assert {name: toggle.allowed for name, toggle in toggles.items()} == {
        "units": "a whole number",
        "rate": "a number",
        "wide": "one of False, True",
        "kind": "a text",
    }
    assert toggles["units"].check(-3, "typed") == -3
    assert repr(toggles["rate"].check(1, "typed")) == "1.0"
    assert toggles["kind"].check("any", "typed") == "any"


def test_types_of_parameters_list_their_levels():
    toggles = find_builder("helpers.stub_builders:listing").toggles()
    assert {name: toggle.allowed for name, toggle in toggles.items()} == {
        "units": "a whole number",
        "kind": "one of 'low', 'high'",
        "wide": "one of False, True",
        "mixed": "one of 'none', 1",
    }
    assert [toggle.type for toggle in toggles.values()] == [int, str, bool, object]


@pytest.mark.parametrize("model", ["helpers.stub_builders:listing", stub_builders.listing])
def test_toggles_are_those_that_a_study_sees(model):
    assert cnnzoo.toggles(model) == find_builder(model).toggles()
    assert [*cnnzoo.toggles(model)] == ["units", "kind", "wide", "mixed"]


def test_toggles_of_what_trains_and_loads():
    assert [*cnnzoo.toggles(cnnzoo.Recipe)][:2] == ["epochs", "batch_size"]
    assert [*cnnzoo.toggles(cnnzoo.load_data)][:2] == ["image_size", "interpolation"]


def test_partial_of_a_typed_function_keeps_its_types():
    toggles = find_builder("helpers.stub_builders:wide_typed").toggles()
    assert (toggles["rate"].type, toggles["wide"].default) == (float, True)


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (
            {"units": 1.5},
            "`units` of `helpers.stub_builders:typed` must be a whole number; got 1.5 (float).",
        ),
        (
            {"units": True},
            "`units` of `helpers.stub_builders:typed` must be a whole number; got True (bool).",
        ),
        ({"rate": math.inf}, "`rate` of `helpers.stub_builders:typed` must be a number; got inf."),
        (
            {"rate": -math.inf},
            "`rate` of `helpers.stub_builders:typed` must be a number; got -inf.",
        ),
        (
            {"wide": 1},
            "`wide` of `helpers.stub_builders:typed` must be one of False, True; got 1 (int).",
        ),
        ({"kind": 1}, "`kind` of `helpers.stub_builders:typed` must be a text; got 1 (int)."),
    ],
)
def test_level_of_another_type(levels, sentence):
    with pytest.raises(ToggleError) as refused:
        Planner.of(
            Study("helpers.stub_builders:typed", factors={n: [v] for n, v in levels.items()})
        )
    assert str(refused.value) == sentence.format("`helpers.stub_builders:typed`")


def test_required_parameter_of_a_custom_builder():
    with pytest.raises(StudyError) as refused:
        Planner.of(Study("helpers.stub_builders:needy", factors={"units": [8, 16]}))
    assert str(refused.value) == (
        "`model`: the parameter `width` of 'helpers.stub_builders:needy' has no default. "
        "Give it one, "
        "which the baseline uses. Only input_shape, classes, seed need none."
    )


def test_builder_that_returns_no_model():
    with pytest.raises(BuilderError) as refused:
        build("helpers.stub_builders:whole")
    assert str(refused.value) == (
        "`helpers.stub_builders:whole`: expected a keras.Model as result; got 8 (int)."
    )


def test_sequential_without_input_is_built_for_the_data():
    model = build("helpers.stub_builders:inputless")
    assert model.input_shape == (None, *SHAPE)
    assert [kernel.shape for kernel in kernels(model)] == [(64, 8), (8,), (8, 10), (10,)]
    assert (kernels(build("helpers.stub_builders:inputless"))[0] == kernels(model)[0]).all()


def test_only_accepted_arguments_reach_a_builder():
    assert units_of(build("helpers.stub_builders:plain", {"units": 4, "wide": True})) == [16, 10]


# Objects as levels, and models that come uncompiled


def test_objects_are_levels_by_name_and_by_text():
    groups = ToggleGroups.of("helpers.stub_builders:uncompiled")
    assert {name: toggle.default for name, toggle in groups.model.items()} == {
        "activation": "keras.activations:relu",
        "size": "(2, 2)",
        "norm": "none",
        "units": "None",
    }
    import keras

    assert groups.check("norm", keras.layers.BatchNormalization) == "batch"
    assert groups.check("norm", "keras.layers:BatchNormalization") == "batch"
    assert [groups.check("units", level) for level in (None, 8)] == ["None", 8]
    assert groups.model["units"].value("None") is None
    with pytest.raises(ToggleError) as refused:
        groups.check("activation", "helpers.programs:run")
    assert str(refused.value) == (
        "`activation` of `helpers.stub_builders:uncompiled`: expected an object of an installed "
        "package or of the builder's module; got helpers.programs:run, whose code may change "
        "unnoticed. Give it a name by `objects` of a cnnzoo.Toggle of the builder."
    )


def test_uncompiled_model_is_compiled_by_toggles():
    levels = {"activation": "keras.activations:gelu", "size": "(4, 4)", "norm": "batch"}
    model = build("helpers.stub_builders:uncompiled", {**levels, "optimizer": "sgd"})
    assert [layer.name for layer in model.layers][2:] == ["hidden", "batch_normalization", "head"]
    assert kernels(model)[0].shape == (4, 4)
    assert (model.optimizer.name, model.loss.name) == ("sgd", "sparse_categorical_crossentropy")
    assert model.loss.get_config()["from_logits"]
    regression = find_builder("helpers.stub_builders:uncompiled").build({}, SHAPE, 1)
    assert regression.loss.name == "mean_squared_error"
    with pytest.raises(ToggleError) as refused:
        build("helpers.stub_builders:plain", {"optimizer": "sgd"})
    assert str(refused.value) == (
        "`optimizer` of `helpers.stub_builders:plain`: expected no level, because the builder "
        "compiles its models itself; got 'sgd'. Return them uncompiled, or make `optimizer` a "
        "parameter of the builder."
    )


@pytest.mark.parametrize("name", ["subclassing", "uncompiled"])
def test_layers_without_configuration_start_by_seed_and_name(name):
    from cnnzoo.models.compiled_loss import outputs_of

    first, again = (build(f"helpers.stub_builders:{name}", seed=0) for _ in range(2))
    other = build(f"helpers.stub_builders:{name}", seed=1)
    assert outputs_of(first)[0].shape == (None, 10)
    assert all((one == two).all() for one, two in zip(kernels(first), kernels(again), strict=True))
    assert not (kernels(first)[0] == kernels(other)[0]).any()
    bound = math.sqrt(6 / sum(kernels(first)[0].shape))  # of glorot_uniform, Keras's default
    assert 0 < np.abs(kernels(first)[0]).max() <= bound


# Objects with methods, and functions that cannot be imported


def test_builder_object_has_the_toggles_of_its_methods():
    builder = find_builder(stub_builders.Looping(2))
    assert builder.name == "helpers.stub_builders:Looping"
    assert {n: t.default for n, t in builder.toggles().items()} == {"units": 4, "steps": 2}
    assert units_of(builder.build({"units": 3, "steps": 9}, SHAPE, 10)) == [6, 10]
    assert builder.fitter({"steps": 9}).levels == {"steps": 9}
    assert builder == find_builder(builder.owner)
    versions = {find_builder(stub_builders.Looping(scale)).version for scale in (1, 2, 2)}
    assert len(versions) == 2


def test_custom_fit_needs_its_three_parameters():
    class Short(stub_builders.Looping):
        def fit(self, model, data): ...

    with pytest.raises(BuilderError) as refused:
        find_builder(Short())
    assert str(refused.value) == (
        "`fit` of `Short`: expected fit(model, data, seed), and after these any of recipe, "
        "callbacks, verbose and parameters with defaults; got fit(model, data)."
    )


def test_function_of_a_function_is_found_by_its_path():
    def local(input_shape, classes, units=8):
        return stub_builders._dense(input_shape, classes, units)

    study = Study(local, "digits", factors={"units": [8, 4]})
    assert (
        study.model == f"{__name__}:test_function_of_a_function_is_found_by_its_path.<locals>.local"
    )
    assert study.name == "local"
    assert find_builder(study.model).function is local
    assert find_builder(str(study.model)).function is local  # as read from a store
    assert Study.from_dict(study.to_dict()) == study
    with pytest.raises(BuilderError) as refused:
        find_builder("helpers.stub_builders:plain.<locals>.other")
    assert str(refused.value).endswith("Give the function itself.")


# KerasTuner


def test_choice_of_booleans_keeps_them():
    toggles = find_builder("helpers.stub_builders:switched").toggles()
    assert (toggles["wide"].levels, toggles["wide"].default) == ((True, False), True)
    assert units_of(build("helpers.stub_builders:switched")) == [16, 10]
    assert units_of(build("helpers.stub_builders:switched", {"wide": False})) == [4, 10]


@pytest.mark.parametrize("name", ["helpers.stub_builders:tuned", "helpers.stub_builders:Tuned"])
def test_hyperparameters_are_toggles(name):
    toggles = find_builder(name).toggles()
    assert {n: t.default for n, t in toggles.items()} == {
        "units": 8,
        "wide": False,
        "kind": "dense",
        "rate": 0.2,  # of a branch that the defaults do not take
    }
    assert {n: t.allowed for n, t in toggles.items()} == {
        "units": "a whole number from 4 to 16",
        "wide": "one of True, False",
        "kind": "one of 'dense', 'dropout'",
        "rate": "a number from 0.1 to 0.5",
    }
    assert toggles["rate"].condition == "kind is dropout"


@pytest.mark.parametrize("name", ["tutorial", "spelled", "quoted"])
def test_hyperparameters_under_a_plain_for_and_if(name):
    toggles = find_builder(f"helpers.stub_builders:{name}").toggles()
    assert {n: (t.allowed, t.condition) for n, t in toggles.items()} == {
        "num_layers": ("a whole number from 1 to 3", ""),
        "units_0": ("a whole number from 4 to 16", ""),
        "dropout": ("one of True, False", ""),
        "lr": ("a number from 0.0001 to 0.01", ""),
        "units_1": ("a whole number from 4 to 16", "num_layers is 2 or 3"),
        "units_2": ("a whole number from 4 to 16", "num_layers is 3"),
        "rate": ("a number from 0.1 to 0.5", "dropout is True"),
    }


@pytest.mark.parametrize("name", ["helpers.stub_builders:tuned", "helpers.stub_builders:Tuned"])
def test_levels_reach_build_hp(name):
    import keras

    assert units_of(build(name)) == [8, 10]
    assert units_of(build(name, {"units": 4, "wide": True})) == [16, 10]
    model = build(name, {"kind": "dropout", "rate": 0.4})
    (dropout,) = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropout.rate == 0.4


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        (
            {"units": [8, 64]},
            "`units` of `helpers.stub_builders:tuned` must be a whole number from 4 to 16; got 64.",
        ),
        (
            {"wide": [False, 1]},
            "`wide` of `helpers.stub_builders:tuned` must be one of True, False; got 1 (int).",
        ),
        (
            {"kind": ["dense", "drop"]},
            "`kind` of `helpers.stub_builders:tuned` must be one of 'dense', 'dropout'; "
            "got 'drop'; did "
            "you mean 'dropout'?",
        ),
    ],
)
def test_level_outside_the_range_of_a_hyperparameter(factors, sentence):
    study = Study(stub_builders.tuned, factors=factors)
    with pytest.raises(ToggleError) as refused:
        Space.of(study.model_name).factors(study)
    assert str(refused.value) == sentence


def test_hypermodel_instance():
    assert list(find_builder("helpers.stub_builders:sized").toggles()) == ["rate"]
    assert units_of(build("helpers.stub_builders:sized")) == [4, 10]


def test_hypermodel_declares_before_it_builds(monkeypatch):
    class Declaring(stub_builders.Sized):
        def declare_hyperparameters(self, hp):
            hp.Fixed("units", 6)

        def build(self, hp):
            return stub_builders._dense((8, 8, 1), 10, hp.get("units"))

    monkeypatch.setattr(stub_builders, "sized", Declaring(4))
    assert list(find_builder("helpers.stub_builders:sized").toggles()) == ["units"]
    assert units_of(build("helpers.stub_builders:sized")) == [6, 10]


def test_hypermodel_that_cannot_be_hashed(monkeypatch):
    class Comparable(stub_builders.Sized):
        def __eq__(self, other):
            return isinstance(other, Comparable)

    monkeypatch.setattr(stub_builders, "sized", Comparable(4))
    assert list(find_builder("helpers.stub_builders:sized").toggles()) == ["rate"]


def test_same_builder_by_name_and_by_object():
    by_name = find_builder("helpers.stub_builders:tuned")
    by_object = find_builder(stub_builders.tuned)
    assert by_object.name == by_name.name == "helpers.stub_builders:tuned"
    assert by_object == by_name
    assert by_object.version == by_name.version
    assert by_object.takes_hp


def test_built_hp_holds_what_the_builder_asked_for():
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hp.values["num_layers"] = 2
    find_builder(stub_builders.tutorial).build_hp(hp, SHAPE, 0)
    assert [one.name for one in hp.space] == ["num_layers", "units_0", "units_1", "dropout", "lr"]


def test_partial_function():
    assert units_of(build("helpers.stub_builders:wide", {"units": 4})) == [16, 10]


EXPECTED = (
    "`model`: expected the name of a zoo model, a function that returns a keras.Model, an object "
    "with a method `build` that does, KerasTuner's build(hp) or a keras_tuner.HyperModel; got "
)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Subclassed", f"{EXPECTED}'helpers.stub_builders:Subclassed', the class Subclassed."),
        (
            "subclassed",
            f"{EXPECTED}'helpers.stub_builders:subclassed', an object of type Subclassed.",
        ),
        ("SIZES", f"{EXPECTED}'helpers.stub_builders:SIZES', an object of type list."),
        (
            "Sized",
            "`model`: the class 'helpers.stub_builders:Sized' cannot be created without arguments "
            "(Sized.__init__() missing 1 required positional argument: 'units'). Give an instance "
            "of it.",
        ),
    ],
)
def test_object_that_is_no_builder(name, sentence):
    with pytest.raises(BuilderError) as refused:
        find_builder(f"helpers.stub_builders:{name}")
    assert str(refused.value) == sentence


# Initial weights


@pytest.mark.parametrize("name", ["helpers.stub_builders:unnamed", "helpers.stub_builders:tuned"])
def test_unnamed_layers_start_alike_after_any_build(name):
    import keras

    first = kernels(build(name))
    for _ in range(3):
        keras.layers.Dense(3)  # moves Keras's name counters on
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    again = kernels(build(name))
    other = kernels(build(name, seed=1))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert not (first[0] == other[0]).all()


def test_building_keeps_the_dtype_policy(mixed_precision):
    import keras

    build("helpers.stub_builders:unnamed")
    assert keras.config.dtype_policy().name == "mixed_float16"


# Toggle groups


def test_unknown_toggle_of_a_model():
    with pytest.raises(ToggleError) as refused:
        ToggleGroups.of("helpers.stub_builders:typed").check("unit", 4)
    assert type(refused.value) is ToggleError
    assert str(refused.value) == (
        "`unit`: expected a toggle of `helpers.stub_builders:typed`, its recipe or its "
        "data; did you mean "
        "`units`? Toggles of the model: units, rate, wide, kind; of the recipe: epochs, "
        "batch_size, schedule, augment, class_weight, early_stopping, precision; of the data: "
        "image_size, interpolation, skip_bad, normalize, train_size, label_noise, "
        "target_outliers, imbalance, validation, test."
    )


def test_levels_of_all_groups_are_checked_for_their_owner():
    groups = ToggleGroups.of("helpers.stub_builders:annotated")
    assert repr(groups.check("rate", 0)) == repr(groups.default("rate")) == "0.0"
    for name, level, sentence in (
        (
            "units",
            0,
            "`units` of `helpers.stub_builders:annotated` must be a whole number from 1 to 65536",
        ),
        ("epochs", 0, "`epochs` of `Recipe` must be a whole number from 1 to 100000"),
        ("label_noise", 2, "`label_noise` of `load_data` must be a number from 0 to 1"),
    ):
        with pytest.raises(ToggleError) as refused:
            groups.check(name, level)
        assert str(refused.value).partition(";")[0] == sentence


def test_given_input_shape_replaces_that_of_the_data():
    for name in ("mlp", "helpers.stub_builders:plain"):
        model = find_builder(name).build({"input_shape": (4, 4, 1)}, SHAPE, 3, 0)
        assert model.input_shape == (None, 4, 4, 1)
