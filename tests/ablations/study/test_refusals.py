"""Error sentences of studies that are declared wrongly."""

import pytest
from helpers import stub_builders

import cnnzoo
from ablations import Study, StudyError

OTHER_LEVEL = (
    "`{field}`: expected a bool, a number, a str, None, a tuple of these, or a function or class "
    "that can be imported as level of `units`; got {{1}}. Give other objects names by `objects` of "
    "a cnnzoo.Toggle of the builder."
)


def refusal(**given):
    with pytest.raises(StudyError) as refused:
        Study(**{"model": "mlp", "factors": {"units": [8, 16]}, **given})
    return str(refused.value)


@pytest.mark.parametrize("model", ["", 3, None, stub_builders])
def test_model_that_is_no_builder(model):
    assert refusal(model=model) == (
        "`model`: expected the name of a zoo model, 'package.module:function', a function, an "
        f"object with a method `build`, or a keras.Model; got {model!r}."
    )


@pytest.mark.parametrize(
    "seeds",
    [
        0,
        -1,
        True,
        2.0,
        "10",
        "",
        [],
        [1, 1],
        [-1],
        [True, 2],
        [1.0],
        None,
        {"a": 1},
        10**6 + 1,
        2**80,
        [2**63],
    ],
)
def test_wrong_seeds(seeds):
    assert refusal(seeds=seeds) == (
        "`seeds`: expected a number of seeds (1 to 1,000,000), a list of different whole numbers "
        f"from 0 to below 2**63, or 'auto'; got {seeds!r}."
    )


METRICS = (
    "loss, accuracy, macro_f1, minority_f1, nll, gap, loss_gap, gradient_ratio, dead_units, mae, "
    "rmse, macro_precision, weighted_precision, macro_recall, weighted_recall, weighted_f1, "
    "macro_auc, weighted_auc, precision[CLASS], recall[CLASS], f1[CLASS], auc[CLASS], "
    "top_k_accuracy[K], ece, ece[BINS], brier; a metric of keras.metrics; or a custom function, "
    "as in ('module:function', 'max')"
)

REFUSED = [
    (
        {"factors": {}},
        "`factors`: expected at least one toggle with its levels, as in "
        "{'pool_size': [1, 2, 3, 4]}; got {}.",
    ),
    (
        {"factors": ["units"]},
        "`factors`: expected at least one toggle with its levels, as in "
        "{'pool_size': [1, 2, 3, 4]}; got ['units'].",
    ),
    (
        {"factors": {"units": 8}},
        "`factors`: expected a list of levels of `units`; got 8.",
    ),
    (
        {"factors": {"pool": "max"}},
        "`factors`: expected a list of levels of `pool`; got 'max'.",
    ),
    (
        {"factors": {"units": []}},
        "`factors`: expected a list of levels of `units`; got [].",
    ),
    (
        {"factors": {1: [8, 16]}},
        "`factors`: expected a str as name of a toggle; got 1.",
    ),
    (
        {"factors": {"units": [8, {1}]}},
        OTHER_LEVEL.format(field="factors"),
    ),
    (
        {"factors": {"units": ["a", "\x1b[31m"]}},
        r"`factors`: expected a text of characters that print as level of `units`; got '\x1b[31m'.",
    ),
    (
        {"baseline": {"units": "\ud800"}},
        r"`baseline`: expected a text of characters that print as level of `units`; got '\ud800'.",
    ),
    (
        {"factors": {"units": [8, 16, 8]}},
        "`factors`: expected different levels of `units`; got 8 twice.",
    ),
    (
        {"baseline": {3: 1}},
        "`baseline`: expected a str as name of a toggle; got 3.",
    ),
    (
        {"baseline": {"units": {1}}},
        OTHER_LEVEL.format(field="baseline"),
    ),
    (
        {"baseline": 3},
        "`baseline`: expected levels by toggle, as in {'pool_size': 2}; got 3.",
    ),
    (
        {"variants": [{"units": 8}]},
        "`variants`: expected with the design 'list' and with no other; got 1 variants and the "
        "design 'one-at-a-time'.",
    ),
    (
        {"factors": {}, "design": "list"},
        "`variants`: expected with the design 'list' and with no other; got 0 variants and the "
        "design 'list'.",
    ),
    (
        {"design": "list", "variants": [{"units": 8}], "factors": {"depth": [1, 2]}},
        "`factors`: expected none with the design 'list', whose `variants` list what varies; got "
        "depth.",
    ),
    (
        {"factors": {}, "design": "list", "variants": "units"},
        "`variants`: expected a list of levels by toggle, as in [{'pool_size': 2}]; got 'units'.",
    ),
    (
        {"factors": {}, "design": "list", "variants": [8]},
        "`variants`: expected levels by toggle, as in {'pool_size': 2}; got 8.",
    ),
    (
        {"factors": {}, "design": "list", "variants": [{"units": {1}}]},
        OTHER_LEVEL.format(field="variants"),
    ),
    (
        {"design": "full-factorials"},
        "There is no design `full-factorials`; did you mean `full-factorial`? Known: "
        "one-at-a-time, leave-one-out, add-one-in, full-factorial, fractional-factorial, "
        "plackett-burman, path, list, pairs, progressive.",
    ),
    ({"design": 3}, "`design`: expected a str; got 3."),
    (
        {"data": [1, 2]},
        "`data`: expected a name, a path, a tuple (x, y), a tuple of two of these for train and "
        "test, a stream of batches, or a mapping of splits to them; got int. A list of batches is "
        "a stream as iter(batches).",
    ),
    ({"recipe": {"epochs": 3}}, "`recipe`: expected a Recipe; got {'epochs': 3}."),
    (
        {"metrics": []},
        "`metrics`: expected at least one metric, such as loss or accuracy; got [].",
    ),
    (
        {"metrics": 3},
        f"`metrics`: expected at least one of {METRICS}; got 3.",
    ),
    (
        {"metrics": ["bleu"]},
        f"`metrics`: there is no metric `bleu`. Known: {METRICS}.",
    ),
    (
        {"metrics": ["acuracy"]},
        f"`metrics`: there is no metric `acuracy`; did you mean `accuracy`? Known: {METRICS}.",
    ),
    (
        {"metrics": ["gap", "loss"], "seeds": "auto"},
        "`metrics`: expected a metric of the validation split first, such as loss, because it "
        "decides what seeds='auto' runs next; got gap, which has no value on it.",
    ),
    (
        {"metrics": ["loss_gap"], "design": "path"},
        "`metrics`: expected a metric of the validation split first, such as loss, because it "
        "decides what the design 'path' runs next; got loss_gap, which has no value on it.",
    ),
    (
        {"margins": {"nll": 0.1}},
        "`margins`: the study has no metric `nll`. Known: loss, accuracy.",
    ),
    (
        {"margins": {"loss": 0}},
        "`margins`: expected a finite number above 0 for loss; got 0.",
    ),
    *(
        (
            {"margins": {"loss": margin}},
            f"`margins`: expected a finite number above 0 for loss; got {margin!r}.",
        )
        for margin in (True, "0.1", float("nan"), float("inf"), 10**400)
    ),
    (
        {"margins": 0.1},
        "`margins`: expected margins by metric, as in {'accuracy': 0.005}; got 0.1.",
    ),
    (
        {"name": "../up"},
        "`name`: expected letters, digits, '_', '-', '.' and spaces, because a folder gets this "
        "name; got '../up'.",
    ),
    (
        {"name": 3},
        "`name`: expected letters, digits, '_', '-', '.' and spaces, because a folder gets this "
        "name; got 3.",
    ),
    *(
        (
            {"timeout": timeout},
            f"`timeout`: expected a finite number of seconds, or 0 for no limit; got {timeout!r}.",
        )
        for timeout in (-1, "1 h", True, float("nan"), float("inf"))
    ),
    ({"retries": -1}, "`retries`: expected a whole number from 0 up; got -1."),
    ({"cpus": 0}, "`cpus`: expected a number of cores above 0; got 0."),
    ({"cpus": True}, "`cpus`: expected a number of cores above 0; got True."),
    ({"cpus": float("nan")}, "`cpus`: expected a number of cores above 0; got nan."),
    ({"gpus": -0.5}, "`gpus`: expected a number from 0 to 1; got -0.5."),
    ({"gpus": 2}, "`gpus`: expected a number from 0 to 1; got 2."),
    ({"gpus": "all"}, "`gpus`: expected a number from 0 to 1; got 'all'."),
    ({"retries": 0.5}, "`retries`: expected a whole number from 0 up; got 0.5."),
    *(
        (
            {"max_seeds": count},
            f"`max_seeds`: expected a whole number from 6 up; got {count!r}.",
        )
        for count in (5, True, 20.0, "30")
    ),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED, ids=[str(given) for given, _ in REFUSED])
def test_wrong_values(given, sentence):
    assert refusal(**given) == sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "A Study needs a `model`."),
        (
            {"model": "mlp", "seed": 3},
            "A Study has no `seed`; did you mean `seeds`? Known: model, data, factors, baseline, "
            "design, variants, seeds, recipe, metrics, margins, timeout, retries, "
            "max_seeds, name, parts, ops, cpus, gpus.",
        ),
        (
            {"model": "mlp", "recipe": 3},
            "`recipe`: expected a table; got 3.",
        ),
        (
            {"model": "mlp", "recipe": {"epoch": 3}},
            "A Recipe has no `epoch`; did you mean `epochs`? Known: epochs, batch_size, schedule, "
            "augment, class_weight, early_stopping, precision.",
        ),
    ],
)
def test_wrong_tables(values, sentence):
    with pytest.raises(StudyError) as refused:
        Study.from_dict(values)
    assert str(refused.value) == sentence


def test_wrong_recipe_raises_its_own_error():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        Study.from_dict({"model": "mlp", "recipe": {"epochs": 0}})
    assert str(refused.value) == (
        "`epochs` of `Recipe` must be a whole number from 1 to 100000; got 0."
    )


def test_unknown_field_names_the_nearest():
    with pytest.raises(cnnzoo.ToggleError) as refused:
        Study("mlp", factor={"units": [1, 2]})
    assert str(refused.value) == (
        "`Study` takes no `factor`; did you mean `factors`? It takes model, data, factors, "
        "baseline, design, variants, seeds, recipe, metrics, margins, timeout, retries, "
        "max_seeds, name, parts, ops, cpus, gpus."
    )
