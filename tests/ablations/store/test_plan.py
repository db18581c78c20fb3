"""The stored plan, and the studies that were run."""

import sqlite3
from dataclasses import replace

import pytest
from helpers.stored_trials import CONTEXT, OTHER, result
from helpers.stub_trials import STUDY

from ablations.store import Planned, Store

ONE, TWO, THREE = (replace(STUDY, name=name) for name in ("one", "two", "three"))


def test_plan_keeps_the_types_of_its_levels(store):
    levels = [1, True, 1.0, "1", "max"]
    plan = [
        Planned(f"a={level!r}", {"a": level}, "a", level, levels[0], 0, f"key{index}", "")
        for index, level in enumerate(levels)
    ]
    plan.append(Planned("baseline", {}, None, None, None, 0, "base", "it cannot be"))
    study = replace(STUDY, seeds="auto")
    store.begin(study, CONTEXT, plan)
    again = store.plan()
    assert again == plan
    assert [*map(repr, (row.level for row in again))] == [*map(repr, (row.level for row in plan))]
    assert [*map(repr, (row.changes for row in again))] == [
        *map(repr, (row.changes for row in plan))
    ]
    assert (store.study, store.context, store.weights) == (study, CONTEXT, {})


def test_studies_are_kept_from_the_first_result_on(store):
    for study in (ONE, TWO, TWO):
        store.begin(study, CONTEXT, [])
    assert store.studies == [TWO]
    store.add(result(), CONTEXT, {})
    for study in (TWO, THREE, THREE, TWO):
        store.begin(study, CONTEXT, [])
    assert store.studies == [TWO, THREE, TWO]


def test_loaded_weights_are_stored_with_the_study(store):
    store.begin(ONE, CONTEXT, [], {"key": "digest"})
    assert (store.study, store.weights) == (ONE, {"key": "digest"})
    assert store.studies == [ONE]


def test_new_plan_replaces_the_old_one_but_no_result(store):
    store.begin(ONE, CONTEXT, [Planned("a", {}, None, None, None, 0, "k")])
    store.add(result(), CONTEXT, {})
    store.begin(TWO, OTHER, [Planned("b", {}, None, None, None, 1, "l")])
    assert [row.variant for row in store.plan()] == ["b"]
    assert store.study == TWO
    assert store.results(CONTEXT)


def test_failed_plan_leaves_the_old_one(store):
    row = Planned("a", {}, None, None, None, 0, "k")
    store.begin(ONE, CONTEXT, [row])
    with pytest.raises(sqlite3.IntegrityError):
        store.begin(TWO, CONTEXT, [row, row])
    store.close()
    with Store(store.directory, write=True) as again:
        assert again.study == ONE
        assert again.plan() == [row]
