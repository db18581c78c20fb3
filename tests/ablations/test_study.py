import copy
import dataclasses
import json
import pickle
import subprocess
import sys
import tomllib

import pytest
import stub_builders

import cnnzoo
from ablations import Settings, Study, StudyError, Variant
from cnnzoo import Recipe

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
)


def refusal(**given):
    with pytest.raises(StudyError) as refused:
        Study(**{"model": "mlp", "factors": FACTORS, **given})
    return str(refused.value)


# What is the same, and what is not


def test_a_study_comes_back_from_json_equal():
    again = Study.from_dict(json.loads(json.dumps(FULL.to_dict())))
    assert again == FULL
    assert hash(again) == hash(FULL)
    assert again.to_dict() == FULL.to_dict()


def test_a_study_says_the_same_in_toml():
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


def test_a_study_stored_before_it_had_a_cap_has_the_usual_one():
    values = FULL.to_dict()
    del values["max_seeds"]
    assert Study.from_dict(values).max_seeds == 30


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))],  # noqa: S301
)
def test_a_study_can_be_copied_and_sent(copied):
    assert copied(FULL) == FULL
    assert hash(copied(FULL)) == hash(FULL)


def test_levels_one_true_and_one_point_nought_make_three_studies():
    studies = [Study("mlp", factors={"a": [level, 5]}) for level in (1, True, 1.0)]
    assert len(set(studies)) == 3
    assert studies[0] != studies[1] != studies[2] != studies[0]
    assert Study("mlp", factors={"a": [1, True, 1.0]}).factors["a"] == (1, True, 1.0)


def test_studies_that_are_equal_have_one_hash():
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
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_study_that_differs_in_anything_is_another(change):
    assert dataclasses.replace(FULL, **change) != FULL


def test_a_study_is_frozen():
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


def test_a_study_keeps_no_link_to_what_it_was_made_of():
    factors, levels = {}, [8, 16]
    factors["units"] = levels
    study = Study("mlp", factors=factors)
    levels.append(32)
    factors["dropout"] = [0.5]
    assert dict(study.factors) == {"units": (8, 16)}


def test_a_studys_name_is_its_models_unless_given():
    assert Study("mlp", factors=FACTORS).name == "mlp"
    assert Study(stub_builders.plain, factors=FACTORS).name == "plain"
    assert Study(stub_builders.Outer.build_inner, factors=FACTORS).name == "Outer.build_inner"
    assert FULL.name == "my study"


def test_a_study_loads_no_framework():
    code = (
        "from ablations import Study; Study('mlp', factors={'units': [1]}).to_dict(); import sys; "
        "print([n for n in ('keras', 'tensorflow', 'pandas', 'ray') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"


# The model


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("downsampling", "downsampling"),
        ("my.module:build", "my.module:build"),
        (cnnzoo.downsampling, "downsampling"),
        (stub_builders.plain, "stub_builders:plain"),
        (stub_builders.Tuned, "stub_builders:Tuned"),
        (stub_builders.Outer.build_inner, "stub_builders:Outer.build_inner"),
    ],
)
def test_a_model_is_kept_as_the_text_that_finds_it(model, text):
    assert Study(model, factors=FACTORS).model == text
    assert Study(model, factors=FACTORS).model_name == text


def local_function():
    def build():
        pass

    return build


@pytest.mark.parametrize("model", ["", 3, None, lambda: None, local_function(), stub_builders])
def test_a_model_that_another_process_could_not_find_is_refused(model):
    assert refusal(model=model) == (
        "`model` of a Study must be a name of the zoo, 'package.module:function', or a function "
        f"defined at the top of a module; got {model!r}."
    )


# Seeds


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
def test_seeds_are_how_many_or_which_or_auto(seeds, kept, blocks):
    study = Study("mlp", factors=FACTORS, seeds=seeds)
    assert study.seeds == kept
    assert study.seed_blocks == blocks


@pytest.mark.parametrize(
    "seeds",
    [
        *(0, -1, True, 2.0, "10", "", [], [1, 1], [-1], [True, 2], [1.0], None, {"a": 1}),
        *(10**6 + 1, 2**80, [2**63]),
    ],
)
def test_other_seeds_are_refused(seeds):
    assert refusal(seeds=seeds) == (
        "`seeds` of a Study must be how many (1 to 1,000,000), different whole numbers from 0 to "
        f"below 2**63, or 'auto'; got {seeds!r}."
    )


# Everything else that is refused, by its whole sentence

REFUSED = [
    (
        {"factors": {}},
        "`factors` of a Study must name at least one toggle with its levels, as in "
        "{'pool_size': [1, 2, 3, 4]}; got {}.",
    ),
    (
        {"factors": ["units"]},
        "`factors` of a Study must name at least one toggle with its levels, as in "
        "{'pool_size': [1, 2, 3, 4]}; got ['units'].",
    ),
    (
        {"factors": {"units": 8}},
        "`factors` of a Study: `units` needs a list of levels; got 8.",
    ),
    (
        {"factors": {"pool": "max"}},
        "`factors` of a Study: `pool` needs a list of levels; got 'max'.",
    ),
    (
        {"factors": {"units": []}},
        "`factors` of a Study: `units` needs a list of levels; got [].",
    ),
    (
        {"factors": {1: [8, 16]}},
        "`factors` of a Study: the name of a toggle must be a text; got 1.",
    ),
    (
        {"factors": {"units": [8, None]}},
        "`factors` of a Study: a level of `units` must be a bool, a number or a text; got None.",
    ),
    (
        {"factors": {"units": [8, 16, 8]}},
        "`factors` of a Study: `units` has the level 8 twice.",
    ),
    (
        {"baseline": {3: 1}},
        "`baseline` of a Study: the name of a toggle must be a text; got 3.",
    ),
    (
        {"baseline": {"units": [8, 16]}},
        "`baseline` of a Study: a level of `units` must be a bool, a number or a text; got "
        "[8, 16].",
    ),
    (
        {"baseline": 3},
        "`baseline` of a Study must give levels by toggle, as in {'pool_size': 2}; got 3.",
    ),
    (
        {"variants": [{"units": 8}]},
        "`variants` of a Study go with the design 'list' and with no other; got 1 variants and "
        "the design 'one-at-a-time'.",
    ),
    (
        {"factors": {}, "design": "list"},
        "`variants` of a Study go with the design 'list' and with no other; got 0 variants and "
        "the design 'list'.",
    ),
    (
        {"design": "list", "variants": [{"units": 8}], "factors": {"depth": [1, 2]}},
        "`factors` of a Study go with every design but 'list', whose `variants` say what is "
        "varied; got depth.",
    ),
    (
        {"factors": {}, "design": "list", "variants": "units"},
        "`variants` of a Study must be a list of levels by toggle, as in [{'pool_size': 2}]; got "
        "'units'.",
    ),
    (
        {"factors": {}, "design": "list", "variants": [8]},
        "`variants` of a Study must give levels by toggle, as in {'pool_size': 2}; got 8.",
    ),
    (
        {"factors": {}, "design": "list", "variants": [{"units": None}]},
        "`variants` of a Study: a level of `units` must be a bool, a number or a text; got None.",
    ),
    (
        {"design": "full-factorials"},
        "There is no design `full-factorials`; did you mean `full-factorial`? Known: "
        "one-at-a-time, leave-one-out, add-one-in, full-factorial, fractional-factorial, "
        "plackett-burman, path, list.",
    ),
    ({"design": 3}, "`design` of a Study must be a text; got 3."),
    (
        {"data": [1, 2]},
        "`data` of a Study must be a text that `load_data` takes; to study arrays, save them with "
        "numpy.savez and give 'npz:PATH'; got list.",
    ),
    ({"recipe": {"epochs": 3}}, "`recipe` of a Study must be a Recipe; got {'epochs': 3}."),
    (
        {"metrics": []},
        "`metrics` of a Study must name at least one of loss, accuracy, macro_f1, nll, mae, rmse; "
        "got [].",
    ),
    (
        {"metrics": 3},
        "`metrics` of a Study must name at least one of loss, accuracy, macro_f1, nll, mae, rmse; "
        "got 3.",
    ),
    (
        {"metrics": [1]},
        "`metrics` of a Study: there is no metric `1`. Known: loss, accuracy, macro_f1, nll, mae, "
        "rmse.",
    ),
    (
        {"metrics": ["acuracy"]},
        "`metrics` of a Study: there is no metric `acuracy`; did you mean `accuracy`? Known: "
        "loss, accuracy, macro_f1, nll, mae, rmse.",
    ),
    (
        {"margins": {"nll": 0.1}},
        "`margins` of a Study: the study has no metric `nll`. Known: loss, accuracy.",
    ),
    (
        {"margins": {"loss": 0}},
        "`margins` of a Study: the margin of loss must be a finite number above 0; got 0.",
    ),
    *(
        (
            {"margins": {"loss": margin}},
            "`margins` of a Study: the margin of loss must be a finite number above 0; got "
            f"{margin!r}.",
        )
        for margin in (True, "0.1", float("nan"), float("inf"), 10**400)
    ),
    (
        {"margins": 0.1},
        "`margins` of a Study must give a margin by metric, as in {'accuracy': 0.005}; got 0.1.",
    ),
    (
        {"name": "../up"},
        "`name` of a Study must be of letters, digits, '_', '-', '.' and blanks, since its folder "
        "is called so; got '../up'.",
    ),
    (
        {"name": 3},
        "`name` of a Study must be of letters, digits, '_', '-', '.' and blanks, since its folder "
        "is called so; got 3.",
    ),
    *(
        (
            {"timeout": timeout},
            "`timeout` of a Study must be a finite number of seconds from 0 up, 0 for never; got "
            f"{timeout!r}.",
        )
        for timeout in (-1, "1 h", True, float("nan"), float("inf"))
    ),
    ({"retries": -1}, "`retries` of a Study must be a whole number from 0 up; got -1."),
    ({"retries": 0.5}, "`retries` of a Study must be a whole number from 0 up; got 0.5."),
    *(
        (
            {"max_seeds": count},
            "`max_seeds` of a Study must be a whole number from 6 up, at which seeds='auto' looks "
            f"first; got {count!r}.",
        )
        for count in (5, True, 20.0, "30")
    ),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED, ids=[str(given) for given, _ in REFUSED])
def test_what_a_study_cannot_be_is_refused_with_a_sentence(given, sentence):
    assert refusal(**given) == sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "A Study needs a `model`."),
        (
            {"model": "mlp", "seed": 3},
            "A Study has no `seed`; did you mean `seeds`? Known: model, data, factors, baseline, "
            "design, variants, seeds, recipe, metrics, margins, timeout, retries, "
            "max_seeds, name.",
        ),
        (
            {"model": "mlp", "recipe": 3},
            "`recipe` of a Study must be a table; got 3.",
        ),
        (
            {"model": "mlp", "recipe": {"epoch": 3}},
            "A Recipe has no `epoch`; did you mean `epochs`? Known: epochs, batch_size, schedule, "
            "augment, class_weight, early_stopping.",
        ),
    ],
)
def test_what_a_table_cannot_say_is_refused_with_a_sentence(values, sentence):
    with pytest.raises(StudyError) as refused:
        Study.from_dict(values)
    assert str(refused.value) == sentence


def test_a_recipe_that_cannot_be_is_refused_as_everywhere():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        Study.from_dict({"model": "mlp", "recipe": {"epochs": 0}})
    assert str(refused.value) == (
        "`epochs` of `Recipe` must be a whole number from 1 to 100000; got 0."
    )


def test_one_metric_may_be_given_as_a_text():
    assert Study("mlp", factors=FACTORS, metrics="accuracy").metrics == ("accuracy",)


def test_a_variant_is_called_by_its_changes():
    assert Variant().name == "baseline"
    assert Variant(Settings(units=8, skip=True)).name == "units=8, skip=True"


def test_an_unknown_field_is_answered_with_the_nearest():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        Study("mlp", factor={"units": [1, 2]})
    assert str(refused.value) == (
        "`Study` takes no `factor`; did you mean `factors`? It takes model, data, factors, "
        "baseline, design, variants, seeds, recipe, metrics, margins, timeout, retries, "
        "max_seeds, name."
    )
