"""What is written is there."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from stored_trials import CONTEXT, OTHER, result, trial

from ablations import TrialResult
from ablations.store import FILE, Store
from cnnzoo.doctor.finding import Finding


def test_a_result_is_there_for_others_as_soon_as_it_was_added(store):
    store.begin({"name": "s"}, CONTEXT, [])
    with Store(store.directory) as reader:
        for seed in range(3):
            store.add(result(seed), CONTEXT, {})
            assert set(reader.results(CONTEXT)) == {trial(s).key for s in range(seed + 1)}


def test_everything_of_a_result_comes_back(store):
    given = TrialResult(
        trial(1, units=8, rate=1.0, skip=True),
        "done",
        metrics={"test_loss": 0.1 + 0.2, "test_accuracy": 1.0},
        history={"loss": [0.30000000000000004, 1e-300], "val_loss": [1.0, 2.0]},
        seconds=1.25,
        fit_seconds=0.75,
        loss="mse",
        params=7,
        macs=8,
        fingerprint="f",
        findings=(Finding("one", "One", "1", "Do"), Finding("two", "Two", "2", "Do not")),
        reason="",
    )
    store.add(given, CONTEXT, {"python": "3"})
    row = store.results(CONTEXT)[given.trial.key]
    assert row["metrics"] == given.metrics
    assert row["history"] == given.history
    assert row["trial"] == given.trial.to_dict()
    assert [*map(repr, row["trial"]["settings"].values())] == ["8", "1.0", "True"]
    assert [Finding(**one) for one in row["findings"]] == list(given.findings)
    assert row["machine"] == {"python": "3"}
    assert [row[name] for name in ("status", "seconds", "params", "macs")] == ["done", 1.25, 7, 8]
    assert row["fit_seconds"] == 0.75
    assert row["loss"] == "mse"
    finished = datetime.fromisoformat(row["finished"])
    assert abs(datetime.now(UTC) - finished) < timedelta(minutes=2)


@pytest.mark.parametrize(("column", "value"), [("fit_seconds", 1.5), ("loss", "mse")])
def test_a_file_without_a_column_of_today_is_read_and_added_to(tmp_path, column, value):
    """As files were before that column."""
    with Store(tmp_path, write=True) as store:
        store.add(result(0, seconds=2.0), CONTEXT, {})
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"ALTER TABLE results DROP COLUMN {column}")
    connection.close()
    with Store(tmp_path) as store:
        assert column not in store.results(CONTEXT)[trial(0).key]
    with Store(tmp_path, write=True) as store:
        store.add(result(1, **{column: value}), CONTEXT, {})
        rows = store.results(CONTEXT)
    assert [rows[trial(seed).key][column] for seed in (0, 1)] == [None, value]
    assert rows[trial(0).key]["seconds"] == 2.0


def test_numbers_that_are_none_come_back(store):
    store.add(result(metrics={"test_loss": float("inf")}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["metrics"]["test_loss"] == float("inf")


def test_nothing_that_was_added_is_written_twice_as_done(store):
    store.add(result(), CONTEXT, {})
    with pytest.raises(sqlite3.IntegrityError):
        store.add(result(metrics={"test_loss": 9.0}), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["metrics"] == {"test_loss": 0.5}


def test_a_trial_may_fail_often_and_be_done_once(store):
    store.add(result(status="failed", reason="one"), CONTEXT, {})
    store.add(result(status="failed", reason="two"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["reason"] == "two"
    store.add(result(), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["status"] == "done"
    store.add(result(status="failed", reason="three"), CONTEXT, {})
    assert store.results(CONTEXT)[trial().key]["status"] == "done"


def test_contexts_are_kept_apart(store):
    store.add(result(metrics={"test_loss": 1.0}), CONTEXT, {})
    store.add(result(metrics={"test_loss": 2.0}), OTHER, {})
    assert store.results(CONTEXT)[trial().key]["metrics"] == {"test_loss": 1.0}
    assert store.results(OTHER)[trial().key]["metrics"] == {"test_loss": 2.0}
    assert store.results({}) == {}
    assert store.contexts() == [CONTEXT, OTHER]


def test_the_order_in_which_a_context_is_written_does_not_matter(store):
    store.add(result(), CONTEXT, {})
    assert store.results(dict(reversed(CONTEXT.items()))).keys() == {trial().key}
