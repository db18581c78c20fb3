"""Toggles become KerasTuner's hyperparameters and come back unchanged."""

from typing import Annotated, Literal

import hypothesis.strategies as st
import keras_tuner
import pytest
from helpers import stub_builders
from hypothesis import given, settings

import cnnzoo
from cnnzoo.toggle import Toggle, ToggleError, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.space import make_space

KINDS = {"Boolean": bool, "Int": int, "Float": float}


def discovered(space):
    """The hyperparameters that KerasTuner's own discovery finds, by name."""

    class Anything(keras_tuner.HyperModel):
        def build(self, hp):
            space.declare(hp)

    class Nothing(keras_tuner.engine.base_tuner.BaseTuner):
        def _get_tuner_fname(self):
            return "/nowhere"

    oracle = keras_tuner.oracles.RandomSearchOracle("loss", max_trials=1)
    Nothing(oracle, Anything(), directory="/nowhere")
    assert len({hp.name for hp in oracle.hyperparameters.space}) == len(
        oracle.hyperparameters.space
    )
    return {hp.name: hp for hp in oracle.hyperparameters.space}


def toggles_of(model):
    """The toggles that a model, the recipe and the data have, and that may vary."""
    groups = (cnnzoo.toggles(model), read_toggles(Recipe), read_toggles(cnnzoo.load_data))
    return {name: toggle for group in groups for name, toggle in group.items() if not toggle.fixed}


def everything(model):
    """A search over each toggle that a model, the recipe and the data have."""
    return make_space(model, [*toggles_of(model)])


def fill(space, probabilities):
    """Set every hyperparameter as an oracle does: where it is active, in the order declared."""
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    proposed = hp.space
    hp.values.clear()
    for parameter in proposed:
        if hp.is_active(parameter):
            hp.values[parameter.name] = parameter.prob_to_value(next(probabilities))
    return hp


@pytest.mark.parametrize("model", cnnzoo.list_models())
def test_the_space_that_kerastuner_discovers_is_what_the_toggles_declare(model):
    space = everything(model)
    found = discovered(space)
    declared = toggles_of(model)
    assert set(found) == set(declared)
    for name, toggle in declared.items():
        hp = found[name]
        conditions = [(condition.name, tuple(condition.values)) for condition in hp.conditions]
        assert conditions == ([toggle.when] if toggle.when_among(declared) else [])
        if toggle.type is bool:
            assert type(hp).__name__ == "Boolean"
        elif toggle.levels:
            assert type(hp).__name__ == "Choice"
            assert tuple(hp.values) == toggle.levels
            assert [type(value) for value in hp.values] == [type(v) for v in toggle.levels]
        else:
            assert KINDS[type(hp).__name__] is toggle.type
            assert (hp.min_value, hp.max_value) == toggle.search_range
            assert hp.sampling == ("log" if toggle.log else "linear")


@pytest.mark.parametrize("model", cnnzoo.list_models())
@settings(max_examples=25)
@given(st.data())
def test_proposals_keep_value_and_type(model, data):
    space = everything(model)
    ends = st.one_of(st.just(0.0), st.floats(0, 1, exclude_max=True))
    hp = fill(space, iter(lambda: data.draw(ends), None))
    levels = space.read(hp)
    assert levels == hp.values
    groups = (cnnzoo.toggles(model), read_toggles(Recipe), read_toggles(cnnzoo.load_data))
    for name, level in levels.items():
        toggle = next(group[name] for group in groups if name in group)
        assert type(level) is toggle.type
        assert toggle.check(level, model) == level


def test_defaults_of_hyperparameters_are_those_of_toggles():
    hp = keras_tuner.HyperParameters()
    space = everything("downsampling")
    space.declare(hp)
    toggles = cnnzoo.toggles("downsampling")
    for name, level in space.chosen(space.model, space.read(hp)).items():
        low = None if toggles[name].levels else toggles[name].search_range[0]
        assert level in (toggles[name].default, low)


def test_integer_at_a_limit_stays_in_range():
    space = make_space("downsampling", {"filters": (8, 32)})
    assert fill(space, iter([1.0])).values == {"filters": 33}  # KerasTuner's own doing
    assert space.read(fill(space, iter([1.0]))) == {"filters": 32}


def nested(
    *,
    c: Annotated[int, Toggle("third", low=1, high=9, when=("b", ("on",)))] = 2,
    b: Annotated[Literal["on", "off"], Toggle("second", when=("a", (True,)))] = "on",
    a: Annotated[bool, Toggle("first")] = False,
):
    """Whose conditions hang on each other, declared from the last to the first."""


def test_nested_conditions_stand_inside_one_another():
    found = discovered(make_space(nested, ["c", "b", "a"]))
    conditions = {
        name: [(condition.name, condition.values) for condition in hp.conditions]
        for name, hp in found.items()
    }
    assert conditions == {
        "a": [],
        "b": [("a", [True])],
        "c": [("a", [True]), ("b", ["on"])],
    }


def test_condition_passes_through_a_fixed_toggle():
    space = make_space(nested, ["c", "a"], fixed={"b": "on"})
    assert space.conditions("c") == (("a", (True,)),)
    assert space.chosen(space.model, {"a": False}) == {"a": False}
    assert space.chosen(space.model, {"a": True, "c": 3}) == {"b": "on", "a": True, "c": 3}


def test_condition_names_explored_levels_only():
    space = make_space("downsampling", {"pool": ["max", "none"], "pool_size": [2, 3]})
    assert space.conditions("pool_size") == (("pool", ("max",)),)


def test_default_search_has_all_toggles_with_comparable_scores():
    space = make_space("downsampling")
    dependent = {"loss", "label_smoothing", "logits"}
    assert set(space.searched) == set(cnnzoo.toggles("downsampling")) - dependent
    space = make_space("downsampling", fixed={"pool": "none"})
    assert set(space.searched).isdisjoint({"pool", "pool_size", "pool_stages"})


def test_parameters_without_a_toggle_are_searched_by_their_types():
    assert make_space(stub_builders.listing).describe() == {
        "kind": {"levels": ["low", "high"]},
        "wide": {"levels": [False, True]},
    }
    space = make_space(stub_builders.typed, {"units": (4, 16)}, fixed={"kind": "b"})
    assert space.describe() == {"units": {"range": [4, 16]}}
    assert (space.held, space.others) == ({"kind": "b"}, {})


def test_levels_ranges_and_combinations_are_accepted():
    wanted = {
        "filters": (8, 16),
        "dropout": [0, 0.5],
        "augment": ["none", "crop+flip"],
        "skip": [True, False],
    }
    assert make_space("residual", wanted).describe() == {
        "filters": {"range": [8, 16]},
        "dropout": {"levels": [0.0, 0.5]},
        "augment": {"levels": ["none", "crop+flip"]},
        "skip": {"levels": [True, False]},
    }


GROUPS = (
    f"Toggles of the model: {', '.join(cnnzoo.toggles('mlp'))}; of the recipe: "
    f"{', '.join(read_toggles(Recipe))}; of the data: "
    f"{', '.join(read_toggles(cnnzoo.load_data))}."
)


@pytest.mark.parametrize(
    ("model", "search", "fixed", "sentence"),
    [
        (
            "mlp",
            ["unit"],
            {},
            "`unit`: expected a toggle of `mlp`, its recipe or its data; did you mean `units`? "
            + GROUPS,
        ),
        (
            "mlp",
            ["units"],
            {"batchsize": 3},
            "`batchsize`: expected a toggle of `mlp`, its recipe or its data; did you mean "
            "`batch_size`? " + GROUPS,
        ),
        (
            "downsampling",
            {"pool_size": [2, 5]},
            {},
            "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5.",
        ),
        (
            "downsampling",
            {"filters": (0, 5)},
            {},
            "`filters` of `downsampling` must be a whole number from 1 to 4096; got 0.",
        ),
        (
            "downsampling",
            {"filters": (9, 5)},
            {},
            "`filters` in `search` of `downsampling`: expected (low, high) with low < high; got "
            "(9, 5).",
        ),
        (
            "downsampling",
            {"filters": [9, 9]},
            {},
            "`filters` in `search` of `downsampling`: expected at least two levels, each once; "
            "got 9, 9.",
        ),
        (
            "downsampling",
            {"filters": 9},
            {},
            "`filters` in `search` of `downsampling`: expected a list of levels or a range (low, "
            "high); got 9.",
        ),
        (
            "downsampling",
            {"pool": "max"},
            {},
            "`pool` in `search` of `downsampling`: expected a list of levels; got 'max'.",
        ),
        (
            "downsampling",
            ["filters"],
            {"filters": 8},
            "`filters` of `downsampling` is both searched and fixed to 8. Remove one of them.",
        ),
        (
            "downsampling",
            ["filters"],
            {"pool_size": 5},
            "`pool_size` of `downsampling` must be one of 1, 2, 3, 4; got 5.",
        ),
        (
            "downsampling",
            ["pool_size"],
            {"pool": "none"},
            "`pool_size` of `downsampling` has no effect unless pool is max or average; got "
            "`pool_size` to search with pool='none'.",
        ),
        (
            "downsampling",
            ["filters"],
            {"pool": "none", "pool_size": 3},
            "`pool_size` of `downsampling` has no effect unless pool is max or average; got "
            "pool_size=3 with pool='none'.",
        ),
        (
            "downsampling",
            {"normalization": ["none", "layer"], "norm_momentum": (0.5, 0.9)},
            {},
            "`norm_momentum` of `downsampling` has no effect unless normalization is batch; got "
            "`norm_momentum` to search with normalization='none' or 'layer'.",
        ),
        (
            "downsampling",
            [],
            {},
            "`search` of `downsampling`: expected at least one toggle; got none. Name one, or one "
            "with its levels: search={'filters': [...]}.",
        ),
        (
            stub_builders.typed,
            ["units"],
            {},
            "`units` of `typed`: expected levels to search, because the toggle allows a whole "
            "number; got none. Write search={'units': [...]}.",
        ),
        (
            stub_builders.plain,
            None,
            {},
            "`search` of `plain`: expected at least one toggle; got none. Name one, or one with "
            "its levels: search={'units': [...]}.",
        ),
        (
            stub_builders.listing,
            {"kind": ["low", "middle"]},
            {},
            "`kind` of `listing` must be one of 'low', 'high'; got 'middle'.",
        ),
    ],
)
def test_invalid_searches_are_refused(model, search, fixed, sentence):
    with pytest.raises(ToggleError) as refusal:
        make_space(model, search, fixed=fixed)
    assert str(refusal.value) == sentence


def flexible(input_shape, classes, units: int | None = None):
    """Take a number of units, or None for no layer."""


def test_levels_of_several_types_are_texts_for_kerastuner():
    space = make_space(flexible, {"units": [None, 8, 16]})
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    assert hp.space[0].values == ["None", "8", "16"]
    assert space.describe() == {"units": {"levels": ["None", 8, 16]}}
    assert space.read(hp) == {"units": "None"}
    hp.values["units"] = "8"
    assert space.read(hp) == {"units": 8}


def test_levels_with_one_text_are_refused():
    with pytest.raises(ToggleError) as caught:
        make_space(flexible, {"units": ["8", 8]})
    assert str(caught.value) == (
        "`units` in `search` of `flexible`: expected levels with different texts; got '8', 8."
    )
