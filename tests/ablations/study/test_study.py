"""Values of studies, and which studies are equal."""

import copy
import dataclasses
import functools
import json
import pickle
import tomllib

import pytest
from helpers import stub_builders
from helpers.programs import said_by

import cnnzoo
from ablations import Settings, Study, Variant
from cnnzoo import Recipe
from cnnzoo.builders import find_builder

FACTORS = {"units": [8, 16]}

FULL = Study(
    "mlp",
    data="digits",
    baseline={"units": 8, "train_size": 100},
    design="list",
    variants=[{"units": 16}, {"units": 16, "dropout": 0.5}],
    seeds=[3, 1, 2],
    recipe=Recipe(epochs=2, class_weight={0: 2.0, 3: 0.5}),
    metrics=["accuracy", "loss"],
    margins={"accuracy": 0.01},
    timeout=60,
    retries=2,
    max_seeds=12,
    name="my study",
    cpus=2,
    gpus=0.25,
)


# Equality


def test_study_survives_json():
    again = Study.from_dict(json.loads(json.dumps(FULL.to_dict())))
    assert again == FULL
    assert hash(again) == hash(FULL)
    assert again.to_dict() == FULL.to_dict()


def test_study_in_toml():
    written = """
        model = "mlp"
        data = "digits"
        design = "list"
        variants = [{units = 16}, {units = 16, dropout = 0.5}]
        seeds = [3, 1, 2]
        metrics = ["accuracy", "loss"]
        timeout = 60
        retries = 2
        max_seeds = 12
        name = "my study"
        cpus = 2
        gpus = 0.25
        [baseline]
        units = 8
        train_size = 100
        [recipe]
        epochs = 2
        class_weight = {0 = 2.0, 3 = 0.5}
        [margins]
        accuracy = 0.01
        """
    assert Study.from_dict(tomllib.loads(written)) == FULL


def test_missing_field_has_its_default():
    values = FULL.to_dict()
    del values["max_seeds"]
    assert Study.from_dict(values).max_seeds == 30


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))],  # noqa: S301
)
def test_study_can_be_copied_and_pickled(copied):
    assert copied(FULL) == FULL
    assert hash(copied(FULL)) == hash(FULL)


def test_int_bool_and_float_make_three_studies():
    studies = [Study("mlp", factors={"a": [level, 5]}) for level in (1, True, 1.0)]
    assert len(set(studies)) == 3
    assert studies[0] != studies[1] != studies[2] != studies[0]
    assert Study("mlp", factors={"a": [1, True, 1.0]}).factors["a"] == (1, True, 1.0)


def test_equal_studies_have_one_hash():
    one = Study("mlp", factors=FACTORS, timeout=60, margins={"loss": 1})
    other = Study("mlp", factors=FACTORS, timeout=60.0, margins={"loss": 1.0})
    assert one == other
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"data": "rotation"},
        {"factors": {"units": [8, 32]}, "design": "path", "variants": ()},
        {"baseline": {"units": 16}},
        {"variants": [{"units": 32}]},
        {"seeds": "auto"},
        {"recipe": Recipe(epochs=3)},
        {"metrics": ["accuracy"]},
        {"margins": {}},
        {"timeout": 1},
        {"retries": 0},
        {"max_seeds": 6},
        {"name": "another"},
        {"cpus": 1},
        {"gpus": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_studies_that_differ_in_one_field(change):
    assert dataclasses.replace(FULL, **change) != FULL


def test_study_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.seeds = 3
    study = Study("mlp", factors=FACTORS, baseline={"units": 8})
    for changing in (
        lambda: study.factors.__setitem__("units", (1,)),
        lambda: study.factors.update(units=(1,)),
        lambda: study.factors.pop("units"),
        lambda: study.baseline.__setitem__("units", 1),
    ):
        with pytest.raises(AttributeError):
            changing()
    assert dict(study.factors) == {"units": (8, 16)}


def test_study_copies_its_arguments():
    factors, levels = {}, [8, 16]
    factors["units"] = levels
    study = Study("mlp", factors=factors)
    levels.append(32)
    factors["dropout"] = [0.5]
    assert dict(study.factors) == {"units": (8, 16)}


# Values


def test_default_name_is_the_model():
    assert Study("mlp", factors=FACTORS).name == "mlp"
    assert Study(stub_builders.plain, factors=FACTORS).name == "plain"
    assert Study(stub_builders.Outer.build_inner, factors=FACTORS).name == "Outer.build_inner"
    assert FULL.name == "my study"


def test_partial_of_a_zoo_model_is_no_zoo_model():
    deep = functools.partial(cnnzoo.mlp, depth=3)
    study = Study(deep, factors={"units": [8, 16]})
    assert study.model == "cnnzoo.models.mlp:mlp"
    assert study.model.builder is deep
    builder = find_builder(study.model)
    assert builder.version != find_builder(functools.partial(cnnzoo.mlp, depth=2)).version
    built = builder.build({"units": 8}, (4, 4, 1), 3)
    assert [layer.units for layer in built.layers if hasattr(layer, "units")] == [8, 8, 8, 3]


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("downsampling", "downsampling"),
        ("my.module:build", "my.module:build"),
        (cnnzoo.downsampling, "downsampling"),
        (stub_builders.plain, "helpers.stub_builders:plain"),
        (stub_builders.Tuned, "helpers.stub_builders:Tuned"),
        (stub_builders.Outer.build_inner, "helpers.stub_builders:Outer.build_inner"),
    ],
)
def test_model_is_kept_as_text(model, text):
    assert Study(model, factors=FACTORS).model == text
    assert Study(model, factors=FACTORS).model_name == text


@pytest.mark.parametrize(
    ("seeds", "kept", "blocks"),
    [
        (3, (0, 1, 2), (0, 1, 2)),
        ([5, 0, 7], (5, 0, 7), (5, 0, 7)),
        ((4,), (4,), (4,)),
        (range(2, 5), (2, 3, 4), (2, 3, 4)),
        ("auto", "auto", (0, 1, 2, 3, 4, 5)),
    ],
)
def test_seeds(seeds, kept, blocks):
    study = Study("mlp", factors=FACTORS, seeds=seeds)
    assert study.seeds == kept
    assert study.seed_blocks == blocks


def test_single_metric_as_str():
    assert Study("mlp", factors=FACTORS, metrics="accuracy").metrics == ("accuracy",)


def test_name_of_a_variant_is_its_changes():
    assert Variant().name == "baseline"
    assert Variant(Settings(units=8, skip=True)).name == "units=8, skip=True"


def test_study_loads_no_framework():
    code = (
        "from ablations import Study; Study('mlp', factors={'units': [1]}).to_dict(); import sys; "
        "print([n for n in ('keras', 'tensorflow', 'pandas', 'ray') if n in sys.modules])"
    )
    assert said_by(code).strip() == "[]"
