import pytest

from ablations import Study
from ablations.designs.planner import Planner
from cnnzoo import Recipe
from cnnzoo.builders import find_builder
from cnnzoo.hp_discovery import MOST_CALLS, discover, explore


def conditions(make, tried=()):
    return {name: toggle.condition for name, toggle in discover(make, tried).items()}


def counted(make):
    calls = []

    def build(hp):
        calls.append(hp)
        return make(hp)

    return build, calls


def test_nested_ifs_name_the_nearest_choice():
    def build(hp):
        if hp.Boolean("dropout") and hp.Choice("kind", ["plain", "spatial"]) == "spatial":
            hp.Float("rate", 0.1, 0.5)

    assert conditions(build) == {
        "dropout": "",
        "kind": "dropout is True",
        "rate": "kind is spatial",
    }


def test_each_branch_of_a_choice_is_entered():
    def build(hp):
        kind = hp.Choice("kind", ["a", "b", "c"])
        hp.Int("size", 1, 4) if kind == "b" else hp.Boolean("flat")

    assert conditions(build) == {"kind": "", "flat": "kind is a or c", "size": "kind is b"}


def test_scope_under_an_if_keeps_its_condition():
    def build(hp):
        if hp.Boolean("head"):
            kind = hp.Choice("kind", ["dense", "dropout"])
            with hp.conditional_scope("kind", ["dropout"]):
                if kind == "dropout":
                    hp.Float("rate", 0.1, 0.5)

    assert conditions(build)["rate"] == "kind is dropout"


def test_two_deciding_choices_give_no_condition():
    def build(hp):
        both = [hp.Boolean("wide"), hp.Boolean("deep")]
        if all(both):
            hp.Int("size", 1, 2)

    assert list(discover(build)) == ["wide", "deep"]
    assert conditions(build, [{"wide": True, "deep": True}]) == {"wide": "", "deep": "", "size": ""}


def test_long_range_is_tried_at_its_ends_only():
    def build(hp):
        if hp.Int("width", 1, 1000) > 10:
            hp.Boolean("split")

    build, calls = counted(build)
    assert conditions(build) == {"width": "", "split": ""}
    assert len(calls) == 3


def test_each_level_of_a_layer_count_is_tried():
    def build(hp):
        for place in range(hp.Int("layers", 2, 20)):
            hp.Int(f"units_{place}", 32, 512, step=32)

    build, calls = counted(build)
    toggles = discover(build)
    assert len(toggles) == 21
    assert toggles["units_1"].when is None
    assert toggles["units_18"].when == ("layers", (19, 20))
    assert len(calls) <= MOST_CALLS


def test_endless_builder_is_called_a_limited_number_of_times():
    def build(hp):
        place = 0
        while hp.Boolean(f"another_{place}"):
            place += 1

    build, calls = counted(build)
    discover(build)
    assert len(calls) == MOST_CALLS


def test_failed_calls_count_with_what_they_asked_for():
    def build(hp):
        for place in range(hp.Int("layers", 1, 5)):
            hp.Int(f"units_{place}", 4, 8)
            if place == 2:
                raise ValueError("too deep")

    assert conditions(build) == {
        "layers": "",
        "units_0": "",
        "units_1": "layers is 2 or 3 or 4 or 5",
        "units_2": "layers is 3 or 4 or 5",
    }


def test_builder_that_always_fails_raises_its_error():
    def build(hp):
        raise AttributeError("no such thing")

    with pytest.raises(AttributeError, match="no such thing"):
        discover(build)


def test_name_with_two_ranges_takes_any_level():
    def build(hp):
        wide = hp.Boolean("wide")
        hp.Int("units", 8, 64 if wide else 16)

    assert discover(build)["units"].allowed == "a bool, a number or a text"


def test_scopes_only_leaves_out_what_an_if_hides():
    def build(hp):
        kind = hp.Choice("kind", ["adam", "sgd"])
        with hp.conditional_scope("kind", ["sgd"]):
            if kind == "sgd":
                hp.Float("momentum", 0.0, 0.9)
        if hp.Boolean("wide"):
            hp.Int("units", 4, 8)

    calls = explore(build, scopes_only=True)
    assert [dict(call.given) for call in calls] == [{}, {"kind": "sgd"}]
    assert [{*call.asked} for call in calls] == [{"kind", "wide"}, {"kind", "momentum", "wide"}]
    everything = {name for call in explore(build) for name in call.asked}
    assert everything == {"kind", "wide", "momentum", "units"}


def test_discovery_allocates_no_weights():
    builder = find_builder("helpers.stub_builders:vast")
    assert all(call.error is None for call in explore(builder.try_hp))
    assert list(builder.toggles()) == ["units", "deep"]


def test_discovery_of_a_builder_that_sets_weights():
    assert list(find_builder("helpers.stub_builders:setting").toggles()) == ["units", "wide"]


def test_plan_marks_a_choice_without_effect_infeasible():
    factors = {"num_layers": [1, 2], "units_1": [4, 8]}
    study = Study(
        "helpers.stub_builders:tutorial",
        data="digits",
        factors=factors,
        seeds=1,
        recipe=Recipe(epochs=1),
    )
    planner = Planner.of(study)
    rows = [row for row, _ in planner.rows(planner.layout.variants, {}, {})]
    assert {row.variant: row.infeasible for row in rows} == {
        "baseline": "",
        "num_layers=2": "",
        "units_1=8": "`units_1` of `helpers.stub_builders:tutorial` has no effect unless "
        "num_layers is 2 "
        "or 3; got units_1=8 with num_layers=1.",
    }
