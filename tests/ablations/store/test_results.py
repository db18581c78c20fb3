"""Results in the store."""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from helpers.stored_trials import CONTEXT, OTHER, result, trial
from helpers.stub_trials import STUDY

from ablations import TrialResult
from ablations.store import FILE, Store
from ablations.study.timing import Timing
from cnnzoo.data import load_data
from cnnzoo.data.description import describe_data
from cnnzoo.doctor.finding import Finding
from cnnzoo.folds import HeldOut
from cnnzoo.training.outcomes import pack


def test_readers_see_a_result_as_soon_as_it_is_added(store):
    store.begin(STUDY, CONTEXT, [])
    with Store(store.directory) as reader:
        for seed in range(3):
            store.add(result(seed), CONTEXT, {})
            assert set(reader.results(CONTEXT)) == {trial(s).key for s in range(seed + 1)}


def test_stored_result_equals_the_added_one(store):
    given = TrialResult(
        trial(1, units=8, rate=1.0, skip=True),
        "done",
        metrics={"test_loss": 0.1 + 0.2, "test_accuracy": 1.0},
        history={"loss": [0.30000000000000004, 1e-300], "val_loss": [1.0, 2.0]},
        seconds=1.25,
        fit_seconds=0.75,
        timing=Timing(7, 12.5, {"load": 0.25, "train": 0.75}, traced=False),
        loss="mse",
        params=7,
        macs=8,
        fingerprint="f",
        findings=(Finding("one", "One", "1", "Do"), Finding("two", "Two", "2", "Do not")),
        held_out=HeldOut(size=3, pool=30, train=24),
        load=1.5,
        outcomes=pack({"correct": [True, False, True]}),
        reason="",
    )
    store.add(given, CONTEXT, {"python": "3"})
    stored = store.results(CONTEXT)[given.trial.key]
    assert stored == replace(given, fingerprint="")  # the context holds the fingerprint
    assert [*map(repr, stored.trial.settings.values())] == ["8", "1.0", "True"]
    assert store.machines(CONTEXT) == [{"python": "3"}]


def test_time_of_a_result_is_stored_in_utc(store):
    store.add(result(), CONTEXT, {})
    with sqlite3.connect(store.directory / FILE) as connection:
        ((finished,),) = connection.execute("SELECT finished FROM results")
    connection.close()
    assert abs(datetime.now(UTC) - datetime.fromisoformat(finished)) < timedelta(minutes=2)


def test_machines_of_a_context_are_listed_once(store):
    for seed, python in enumerate(("3.11", "3.12", "3.11")):
        store.add(result(seed), CONTEXT, {"python": python})
    assert store.machines(CONTEXT) == [{"python": "3.11"}, {"python": "3.12"}]
    assert store.machines(OTHER) == []


def test_infinite_metrics_are_stored(store):
    store.add(result(metrics={"test_loss": float("inf")}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key].metrics["test_loss"] == float("inf")


def test_done_trial_cannot_be_added_twice(store):
    store.add(result(), CONTEXT, {})
    with pytest.raises(sqlite3.IntegrityError):
        store.add(result(metrics={"test_loss": 9.0}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key].metrics == {"test_loss": 0.5}


def test_trial_may_fail_often_and_be_done_once(store):
    store.add(result(status="failed", reason="one"), CONTEXT, {})
    store.add(result(status="failed", reason="two"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key].reason == "two"
    store.add(result(), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key].status == "done"
    store.add(result(status="failed", reason="three"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key].status == "done"


def test_contexts_are_kept_apart(store):
    store.add(result(metrics={"test_loss": 1.0}), CONTEXT, {})
    store.add(result(metrics={"test_loss": 2.0}), OTHER, {})
    assert store.results(CONTEXT)[trial().key].metrics == {"test_loss": 1.0}
    assert store.results(OTHER)[trial().key].metrics == {"test_loss": 2.0}
    assert store.results({}) == {}
    assert store.contexts() == [CONTEXT, OTHER]


def test_order_of_context_keys_does_not_matter(store):
    store.add(result(), CONTEXT, {})
    assert store.results(dict(reversed(CONTEXT.items()))).keys() == {trial().key}


def test_description_of_the_data_is_stored(store):
    described = describe_data("digits", load_data("digits"))
    store.describe(described)
    store.describe(replace(described, name="other"))
    store.describe(described)
    with Store(store.directory) as reader:
        found = reader.descriptions
    assert found == {"digits": described, "other": replace(described, name="other")}


def test_study_without_load_and_descriptions_opens_and_goes_on(store):
    """Studies of earlier versions have neither these columns nor the table."""
    store.begin(STUDY, CONTEXT, [])
    store.add(result(0), CONTEXT, {})
    directory = store.directory
    store.close()
    with contextlib.closing(sqlite3.connect(directory / FILE)) as file:
        file.execute("ALTER TABLE results DROP COLUMN load")
        file.execute("ALTER TABLE results DROP COLUMN timing")
        file.execute("DROP TABLE data")
        file.commit()
    with Store(directory) as old:
        assert [one.load for one in old.results(CONTEXT).values()] == [None]
        assert old.descriptions == {}
    with Store(directory, write=True) as writer:
        writer.add(replace(result(1), load=0.5), CONTEXT, {})
        loads = {one.trial.seed: one.load for one in writer.results(CONTEXT).values()}
    assert loads == {0: None, 1: 0.5}
