"""What a study cannot be is refused, by its whole sentence."""

import pytest
import stub_builders

import cnnzoo
from ablations import Study, StudyError


def refusal(**given):
    with pytest.raises(StudyError) as refused:
        Study(**{"model": "mlp", "factors": {"units": [8, 16]}, **given})
    return str(refused.value)


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


def test_an_unknown_field_is_answered_with_the_nearest():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        Study("mlp", factor={"units": [1, 2]})
    assert str(refused.value) == (
        "`Study` takes no `factor`; did you mean `factors`? It takes model, data, factors, "
        "baseline, design, variants, seeds, recipe, metrics, margins, timeout, retries, "
        "max_seeds, name."
    )
