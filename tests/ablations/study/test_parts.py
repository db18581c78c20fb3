"""Studies whose factors are parts of the model."""

import keras
import numpy as np
import pytest
from helpers.given_model import given
from keras import layers

import ablations
import cnnzoo
from ablations import PartError, Study, StudyError
from ablations.study.parts import with_parts
from ablations.study.toml_file import read_study
from cnnzoo.builders import find_builder


def build(input_shape, classes, filters: int = 4):
    """Build a residual net of three blocks, uncompiled."""
    inputs = keras.Input(input_shape, name="images")
    x = layers.Conv2D(filters, 3, padding="same", name="stem")(inputs)
    for number in (1, 2, 3):
        y = layers.Conv2D(filters, 3, padding="same", name=f"block{number}_conv")(x)
        y = layers.Activation("relu", name=f"block{number}_relu")(y)
        x = layers.Add(name=f"block{number}_add")([x, y])
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, layers.Dense(classes, name="head")(x), name="net")


TINY = {"data": "digits", "seeds": 2, "recipe": cnnzoo.Recipe(epochs=1)}


def study(**options):
    return Study(build, **{**TINY, "parts": "blocks", **options})


def variants(planned):
    return [dict(each) for each in planned.variants]


def test_blocks_are_factors_with_the_possible_operations():
    found = with_parts(study(ops=["remove", "no_norm", "linear"]))
    levels = ("keep", "remove", "linear")  # there is no normalization
    assert dict(found.factors) == {f"part:block{n}": levels for n in (1, 2, 3)}
    assert (found.design, found.parts) == ("one-at-a-time", ())


def test_named_parts_and_other_factors():
    found = with_parts(study(parts=["block2", "stem"], factors={"filters": [4, 8]}))
    assert dict(found.factors) == {
        "filters": (4, 8),
        "part:block2": ("keep", "remove"),
        "part:stem": ("keep", "remove"),
    }


def test_pairs_change_each_part_and_each_two():
    found = with_parts(study(design="pairs"))
    one, two, three = ({f"part:block{n}": "remove"} for n in (1, 2, 3))
    assert variants(found) == [one, two, three, one | two, one | three, two | three]
    assert (found.design, found.parts) == ("pairs", ())
    assert with_parts(found) == found == Study.from_dict(found.to_dict())


def test_progressive_removal_begins_at_the_top():
    found = with_parts(study(design="progressive"))
    one, two, three = ({f"part:block{n}": "remove"} for n in (1, 2, 3))
    assert variants(found) == [three, two | three, one | two | three]


@pytest.mark.parametrize(
    ("design", "baseline", "variant"),
    [("leave-one-out", "keep", "remove"), ("add-one-in", "remove", "keep")],
)
def test_designs_of_one_operation(design, baseline, variant):
    table = ablations.plan(study(design=design, seeds=1), engine="serial")
    assert table["variant"].tolist() == [
        "baseline",
        *(f"part:block{n}={variant}" for n in (1, 2, 3)),
    ]
    assert set(table["baseline"].dropna()) == {baseline}
    assert not table["infeasible"].any()
    removed = 3 * 3 * 4 * 4 + 4
    full = 3 * 3 * 4 + 4 + 4 * 10 + 10 + 3 * removed
    expected = {"leave-one-out": [full, full - removed], "add-one-in": [full - 3 * removed]}
    assert table["params"].tolist()[: len(expected[design])] == expected[design]


def test_leave_one_out_with_several_operations_is_one_at_a_time():
    found = with_parts(study(design="leave-one-out", ops=["remove", "linear"]))
    assert found.design == "one-at-a-time"


@pytest.mark.parametrize("operation", ["remove", "linear", "freeze"])
def test_parts_that_stay_have_the_same_initial_weights(operation):
    builder = find_builder(build)
    shape = {"input_shape": (8, 8, 1), "classes": 10}
    whole = builder.build({}, **shape, seed=3)
    changed = builder.build({"part:block2": operation}, **shape, seed=3)
    names = {layer.name for layer in whole.layers} - {layer.name for layer in changed.layers}
    assert names <= {"block2_conv", "block2_relu", "block2_add"}
    for layer in changed.layers:
        for one, other in zip(
            layer.get_weights(), whole.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_added_layers_follow_the_seed_and_their_name():
    builder = find_builder("downsampling")
    levels = {"part:stage2": "remove"}
    first, again, other = (
        builder.build(levels, (28, 28, 1), 10, seed).get_layer("stage2_projection").get_weights()
        for seed in (1, 1, 2)
    )
    assert (first[0] == again[0]).all()
    assert (first[0] != other[0]).any()


def test_toml_study_of_parts(tmp_path):
    path = tmp_path / "parts.toml"
    path.write_text(
        'model = "residual"\ndata = "digits"\nparts = "blocks"\nops = ["remove", "halve"]\n'
    )
    declared = read_study(path)
    assert (declared.parts, declared.ops) == ("blocks", ("remove", "halve"))
    assert Study.from_dict(declared.to_dict()) == declared
    assert "part:stage1_block1" in with_parts(declared).factors


def test_factors_may_name_parts_themselves():
    named = Study(build, **TINY, factors={"part:block1": ["keep", "linear"], "filters": [4, 8]})
    table = ablations.plan(named, engine="serial")
    assert table["variant"].unique().tolist() == ["baseline", "part:block1=linear", "filters=8"]


def test_impossible_operation_of_a_factor_is_infeasible():
    named = Study(build, **TINY, factors={"part:block1": ["keep", "no_norm"]})
    table = ablations.plan(named, engine="serial").set_index("variant")
    assert table.loc["part:block1=no_norm", "infeasible"].iloc[0] == (
        "PartError: `block1`: no_norm is not possible, because it has no normalization."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"parts": "block"},
            "`parts`: expected 'blocks', 'branches', 'layers' or a list of names of parts; got "
            "'block'; did you mean 'blocks'?",
        ),
        (
            {"parts": 3},
            "`parts`: expected 'blocks', 'branches', 'layers' or a list of names of parts; got 3.",
        ),
        (
            {"ops": "remove"},
            "`ops`: expected a list of operations out of remove, linear, no_norm, no_skip, "
            "no_bias, freeze, shuffle, halve, double; got 'remove'.",
        ),
        (
            {"ops": ["cut"]},
            "`ops`: expected operations out of remove, linear, no_norm, no_skip, no_bias, freeze, "
            "shuffle, halve, double; got 'cut'.",
        ),
        (
            {"design": "pairs", "ops": ["remove", "linear"]},
            "`ops`: expected one operation with the design 'pairs'; got 'remove', 'linear'.",
        ),
        (
            {"parts": (), "factors": {"filters": [4, 8]}, "ops": ["linear"]},
            "`ops`: expected with `parts`, the parts that they change; got 'linear' and no parts.",
        ),
        (
            {"parts": (), "factors": {"filters": [4, 8]}, "design": "pairs"},
            "`parts`: expected parts for the design 'pairs'; got none.",
        ),
        (
            {"parts": (), "design": "pairs"},
            "`parts`: expected parts for the design 'pairs'; got none.",
        ),
        (
            {"parts": (), "design": "pairs", "variants": [{"filters": 8}]},
            "`variants`: expected parts such as 'part:NAME' with the design 'pairs'; got "
            "'filters'.",
        ),
        (
            {"design": "pairs", "variants": [{"part:block1": "remove"}]},
            "`variants`: expected with the design 'list' and with no other; got 1 variants and "
            "the design 'pairs'.",
        ),
        (
            {"design": "progressive", "factors": {"filters": [4, 8]}},
            "`factors`: expected none with the design 'progressive'; got {'filters': [4, 8]}.",
        ),
        (
            {"design": "list", "variants": [{"part:block1": "remove"}]},
            "`parts`: expected none with the design 'list', whose `variants` name parts as "
            "'part:NAME'; got 'blocks'.",
        ),
    ],
)
def test_declarations_are_refused(options, message):
    with pytest.raises(StudyError) as error:
        study(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"parts": "branches"},
            "`parts`: `{}` has no branches; it has 3 blocks, 0 branches, 12 layers.",
        ),
        (
            {"parts": ["block4"]},
            "`parts`: `{}` has no part `block4`; did you mean `block3`? `ablations.parts` lists "
            "its 15 parts.",
        ),
        (
            {"ops": ["no_norm"]},
            "`parts`: `block1`: no_norm is not possible, because it has no normalization (3 such "
            "refusals).",
        ),
        (
            {"parts": ["block1"], "ops": ["shuffle"]},
            "`parts`: `block1`: shuffle is not possible, because its weights are initial ones, "
            "whose permutation is no other choice; freeze it instead.",
        ),
    ],
)
def test_studies_are_refused_before_training(options, message):
    one = study(**options)
    with pytest.raises(StudyError) as error:
        ablations.plan(one, engine="serial")
    assert str(error.value) == message.format(one.model_name)


def test_data_of_another_shape_than_the_given_model():
    one = Study(given(), data="mnist1d", parts="blocks")
    with pytest.raises(StudyError) as error:
        ablations.plan(one, engine="serial")
    assert str(error.value) == "`mine`: expected data of shape (8, 8, 1); got (40, 1)."


def test_subclassed_model_is_refused():
    class Net(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(StudyError) as error:
        Study(Net(name="net"), parts="blocks")
    assert str(error.value) == (
        "`model`: expected a functional or sequential keras.Model; got `net`, and its `call` is "
        "custom. Build it with keras.Model(inputs, outputs)."
    )


def test_table_of_a_builder_with_settings():
    table = ablations.parts(build, input_shape=(8, 8, 1), classes=3, settings={"filters": 2})
    assert table["part"].tolist()[:3] == ["block1", "block2", "block3"]
    assert table.set_index("part").loc["block1", "params"] == 3 * 3 * 2 * 2 + 2


def test_table_of_a_builder_that_needs_a_shape():
    with pytest.raises(PartError) as error:
        ablations.parts(build, classes=3)
    assert str(error.value) == (
        f"`input_shape`: expected a value, because `{build.__module__}:build` takes it; got none."
    )


def test_parts_of_a_given_model_with_two_outputs(tmp_path):
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    for number in (1, 2):
        y = layers.Conv2D(4, 3, padding="same", activation="relu", name=f"block{number}_conv")(x)
        x = layers.Add(name=f"block{number}_add")([x, y])
    x = layers.Flatten(name="flat")(x)
    ends = {
        "kind": layers.Dense(3, activation="softmax", name="kind")(x),
        "size": layers.Dense(1, name="size")(x),
    }
    model = keras.Model(inputs, ends, name="two")
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses, loss_weights={"kind": 1.0, "size": 0.5})
    random = np.random.default_rng(0)
    labels = {
        "kind": random.integers(0, 3, 60),
        "size": random.normal(size=60).astype("float32"),
    }
    images = random.normal(size=(60, 6, 6, 1)).astype("float32")
    one = Study(model, data=(images, labels), parts="blocks", seeds=1, ops=["remove", "halve"])
    table = ablations.plan(one, engine="serial", directory=tmp_path)
    assert not table["infeasible"].any()
    removed = 3 * 3 * 4 * 4 + 4
    whole = model.count_params()
    assert table["params"].tolist() == [whole, whole - removed, whole - removed]


def test_given_model_keeps_its_adapted_statistics():
    scaled = layers.Normalization(name="scaled")
    scaled.adapt(np.random.default_rng(0).normal(5, 3, size=(50, 8, 8, 1)).astype("float32"))
    inputs = keras.Input((8, 8, 1))
    inner = keras.Sequential([keras.Input((8, 8, 1)), scaled], name="inner")
    x = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")(inner(inputs))
    x = layers.Dense(3, activation="softmax", name="head")(layers.Flatten(name="flat")(x))
    one = Study(keras.Model(inputs, x, name="mine"), **TINY, parts=["conv"])
    built = find_builder(one.model_name).build({"part:conv": "linear"}, (8, 8, 1), 3, seed=1)
    images = np.random.default_rng(1).normal(5, 3, size=(4, 8, 8, 1)).astype("float32")
    mean, variance, _ = scaled.get_weights()
    np.testing.assert_allclose(
        built.get_layer("inner")(images), (images - mean) / np.sqrt(variance), rtol=1e-5
    )


def test_blocks_of_one_layer_are_layers_too():
    found = with_parts(Study("conv_stack", **TINY, parts="layers"))
    assert list(found.factors) == ["part:stage1_conv", "part:stage2_conv"]
