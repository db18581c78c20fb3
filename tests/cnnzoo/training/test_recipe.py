"""The recipe: defaults, checks and value semantics."""

import dataclasses
import inspect
import json
import pickle

import numpy as np
import pytest

from cnnzoo import Recipe, ToggleError
from cnnzoo.toggle import read_toggles


def refusal(**choices) -> str:
    with pytest.raises(ToggleError) as caught:
        Recipe(**choices)
    return str(caught.value)


def test_default_recipe_is_plain_training():
    assert dataclasses.asdict(Recipe()) == {
        "epochs": 10,
        "batch_size": 32,
        "schedule": "constant",
        "augment": "none",
        "class_weight": "none",
        "early_stopping": 0,
        "precision": "float32",
    }


def test_every_field_is_a_toggle_with_the_same_default():
    toggles = read_toggles(Recipe)
    assert {name: toggle.default for name, toggle in toggles.items()} == dataclasses.asdict(
        Recipe()
    )


AUGMENTATIONS = (
    "one of 'none', 'crop', 'flip', 'vertical_flip', 'color_jitter', 'cutout', 'cutmix', 'mixup', "
    "or several joined by '+'"
)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("epochs", 0, "a whole number from 1 to 100000; got 0."),
        ("epochs", -1, "a whole number from 1 to 100000; got -1."),
        ("epochs", 100_001, "a whole number from 1 to 100000; got 100001."),
        ("epochs", 1.0, "a whole number from 1 to 100000; got 1.0 (float)."),
        ("epochs", True, "a whole number from 1 to 100000; got True (bool)."),
        ("epochs", "3", "a whole number from 1 to 100000; got '3' (str)."),
        ("epochs", None, "a whole number from 1 to 100000; got None (NoneType)."),
        ("batch_size", 0, "a whole number from 1 to 65536; got 0."),
        ("batch_size", 65537, "a whole number from 1 to 65536; got 65537."),
        ("batch_size", float("nan"), "a whole number from 1 to 65536; got nan (float)."),
        ("early_stopping", -1, "a whole number from 0 to 100000; got -1."),
        ("early_stopping", False, "a whole number from 0 to 100000; got False (bool)."),
        (
            "schedule",
            "cosin",
            "one of 'constant', 'cosine', 'step', 'reduce-on-plateau'; got 'cosin'; "
            "did you mean 'cosine'?",
        ),
        (
            "schedule",
            "reduce_on_plateau",
            "one of 'constant', 'cosine', 'step', 'reduce-on-plateau'; got 'reduce_on_plateau'; "
            "did you mean 'reduce-on-plateau'?",
        ),
        (
            "schedule",
            0.1,
            "one of 'constant', 'cosine', 'step', 'reduce-on-plateau'; got 0.1 (float).",
        ),
        ("augment", "flp", f"{AUGMENTATIONS}; got 'flp'; did you mean 'flip'?"),
        ("augment", "flip+flip", f"{AUGMENTATIONS}; got 'flip+flip'; did you mean 'flip'?"),
        ("augment", "none+flip", f"{AUGMENTATIONS}; got 'none+flip'; did you mean 'none'?"),
        ("augment", "+flip", f"{AUGMENTATIONS}; got '+flip'; did you mean 'flip'?"),
        ("augment", "", f"{AUGMENTATIONS}; got ''."),
        ("augment", ["crop", "flip"], f"{AUGMENTATIONS}; got ['crop', 'flip'] (list)."),
        (
            "class_weight",
            "balance",
            "one of 'none', 'balanced'; got 'balance'; did you mean 'balanced'?",
        ),
    ],
)
def test_invalid_value_is_refused(name, value, sentence):
    assert refusal(**{name: value}) == f"`{name}` of `Recipe` must be {sentence}"


def test_unknown_toggle_is_refused_with_the_nearest_name():
    assert refusal(epoch=3) == (
        "`Recipe` takes no `epoch`; did you mean `epochs`? It takes epochs, batch_size, schedule, "
        "augment, class_weight, early_stopping, precision."
    )
    with pytest.raises(ToggleError, match="takes no `epoch`"):
        dataclasses.replace(Recipe(), epoch=3)


def test_recipe_is_a_dataclass_with_a_signature():
    parameters = list(inspect.signature(Recipe).parameters)
    assert parameters == [field.name for field in dataclasses.fields(Recipe)]
    assert pickle.loads(pickle.dumps(Recipe(epochs=3))) == Recipe(3)  # noqa: S301


@pytest.mark.parametrize(
    "names",
    ["crop", "crop+flip", "flip+crop", "crop+flip+vertical_flip+color_jitter+cutout+cutmix+mixup"],
)
def test_augmentations_may_be_joined_in_any_order(names):
    assert Recipe(augment=names).augment == names


def test_numpy_numbers_become_python_numbers():
    recipe = Recipe(epochs=np.int64(3), batch_size=np.int32(8))
    assert type(recipe.epochs) is int
    assert recipe == Recipe(epochs=3, batch_size=8)


# Class weights


@pytest.mark.parametrize(
    "given", [[1, 2.5], (1.0, 2.5), np.array([1.0, 2.5]), np.array([1.0, 2.5], "float32")]
)
def test_class_weight_sequence_becomes_a_tuple_of_floats(given):
    weights = Recipe(class_weight=given).class_weight
    assert weights == (1.0, 2.5)
    assert all(type(weight) is float for weight in weights)


@pytest.mark.parametrize(
    "given", [{3: 2, 0: 0.5}, {"3": 2.0, "0": 0.5}, {np.int64(0): np.float32(0.5), 3: 2}]
)
def test_class_weight_mapping_becomes_pairs_sorted_by_id(given):
    assert Recipe(class_weight=given).class_weight == ((0, 0.5), (3, 2.0))


def test_large_class_id_needs_no_memory():
    assert Recipe(class_weight={10**12: 2}).class_weight == ((10**12, 2.0),)


@pytest.mark.parametrize("given", ["none", "balanced", [1, 2], {0: 3.0}, {5: 0.0, 2: 1.0}])
def test_recipe_survives_replace_and_json(given):
    recipe = Recipe(class_weight=given)
    assert dataclasses.replace(recipe) == recipe
    assert Recipe(**json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


@pytest.mark.parametrize(
    "given",
    [
        [],
        {},
        [1, -1],
        [1, float("nan")],
        [1, float("inf")],
        [10**400],
        ["a", "b"],
        [[1, 2, 3]],
        {-1: 2},
        {0: -2},
        {0.5: 1},
        {"cat": 1},
        {0: "much"},
        {"0": 1, 0: 2},
        {float("inf"): 1},
        [(0, 1), (0, 2)],
        {1.0, 2.0},
        None,
        2.0,
    ],
    ids=repr,
)
def test_invalid_class_weights_are_refused(given):
    assert refusal(class_weight=given) == (
        "`class_weight` of `Recipe`: expected 'none', 'balanced' or one weight of at least 0 per "
        f"class; got {given!r}."
    )


# Value semantics


def test_recipe_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@pytest.mark.parametrize("weights", ["none", [1, 2], {0: 2}])
def test_equal_recipes_are_the_same_key(weights):
    first, second = (Recipe(epochs=3, class_weight=weights) for _ in range(2))
    assert first == second
    assert {first: "x"}[second] == "x"
    assert first != Recipe(epochs=4, class_weight=weights)
    assert pickle.loads(pickle.dumps(first)) == first  # noqa: S301
