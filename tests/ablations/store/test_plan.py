"""The plan, and what was said of a study each time it was run."""

import sqlite3

import pytest
from stored_trials import CONTEXT, OTHER, result

from ablations.store import Planned, Store


def test_a_plan_comes_back_with_the_types_of_its_levels(store):
    levels = [1, True, 1.0, "1", "max"]
    plan = [
        Planned(f"a={level!r}", {"a": level}, "a", level, levels[0], 0, f"key{index}", "")
        for index, level in enumerate(levels)
    ]
    plan.append(Planned("baseline", {}, None, None, None, 0, "base", "it cannot be"))
    store.begin({"name": "s", "seeds": "auto"}, CONTEXT, plan)
    again = store.plan()
    assert again == plan
    assert [*map(repr, (row.level for row in again))] == [*map(repr, (row.level for row in plan))]
    assert [*map(repr, (row.changes for row in again))] == [
        *map(repr, (row.changes for row in plan))
    ]
    assert (store.spec, store.context) == ({"name": "s", "seeds": "auto"}, CONTEXT)


def test_what_was_run_is_kept_from_the_first_result_on(store):
    for name in ("one", "two", "two"):
        store.begin({"name": name}, CONTEXT, [])
    assert store.specs == [{"name": "two"}]
    store.add(result(), CONTEXT, {})
    for name in ("two", "three", "three", "two"):
        store.begin({"name": name}, CONTEXT, [])
    assert store.specs == [{"name": "two"}, {"name": "three"}, {"name": "two"}]


def test_a_file_of_an_earlier_version_has_what_was_last_run(store, tmp_path):
    store.begin({"name": "one"}, CONTEXT, [])
    store.add(result(), CONTEXT, {})
    store._connection.execute("DROP TABLE specs")
    assert store.specs == [{"name": "one"}]
    directory = store.directory
    store.close()
    with Store(directory, write=True) as again:
        again.begin({"name": "two"}, CONTEXT, [])
        assert again.specs == [{"name": "one"}, {"name": "two"}]


def test_a_new_plan_replaces_the_old_one_and_no_result(store):
    store.begin({"name": "one"}, CONTEXT, [Planned("a", {}, None, None, None, 0, "k")])
    store.add(result(), CONTEXT, {})
    store.begin({"name": "two"}, OTHER, [Planned("b", {}, None, None, None, 1, "l")])
    assert [row.variant for row in store.plan()] == ["b"]
    assert store.spec == {"name": "two"}
    assert store.results(CONTEXT)


def test_a_plan_that_cannot_be_written_leaves_the_old_one(store):
    row = Planned("a", {}, None, None, None, 0, "k")
    store.begin({"name": "one"}, CONTEXT, [row])
    with pytest.raises(sqlite3.IntegrityError):
        store.begin({"name": "two"}, CONTEXT, [row, row])
    store.close()
    with Store(store.directory, write=True) as again:
        assert again.spec == {"name": "one"}
        assert again.plan() == [row]
