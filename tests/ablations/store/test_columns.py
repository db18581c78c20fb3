"""Results and plans as columns, against the rows that they are made of."""

from dataclasses import replace

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations import Settings, Trial, TrialResult
from ablations.results.trials import history_table, trials_table
from ablations.store import Plan, Planned, Store, StoredResults
from ablations.store import store as module
from ablations.study import Status
from ablations.study.timing import Timing
from cnnzoo import Recipe
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.folds import HeldOut

CONTEXT = {"data": "abc"}
NAMES = st.sampled_from(["test_loss", "test_accuracy", "gap"])
NUMBERS = st.floats(allow_nan=False) | st.integers(-5, 5)
FINDING = st.builds(
    Finding,
    code=st.sampled_from(["slow", "wide"]),
    name=st.just('A "name"'),
    evidence=st.sampled_from(["1", "2 \u00e4"]),
    remedy=st.just("Wait"),
    severity=st.sampled_from(list(Severity)),
    epoch=st.none() | st.integers(1, 3),
)


@st.composite
def results(draw):
    """Draw results of different trials, with all kinds of missing values."""
    trials = draw(
        st.lists(
            st.tuples(st.sampled_from([8, 8.0, True, '"seed": 3}']), st.integers(0, 3)),
            unique_by=repr,
            max_size=9,
        )
    )
    drawn = []
    for level, seed in trials:
        epochs = draw(st.integers(0, 3))
        curves = draw(st.sets(st.sampled_from(["loss", "val_loss"])))
        values = st.lists(st.floats(allow_nan=False), min_size=epochs, max_size=epochs)
        timing = Timing(7, 1.5, {"train": 0.5}, traced=False)
        drawn.append(
            TrialResult(
                Trial("mlp", "digits", Settings(units=level), Recipe(), seed),
                draw(st.sampled_from([Status.DONE, Status.FAILED])),
                metrics=draw(st.dictionaries(NAMES, NUMBERS)),
                history={name: draw(values) for name in sorted(curves)} if epochs else {},
                seconds=draw(st.floats(0, 9)),
                fit_seconds=draw(st.none() | st.floats(0, 9)),
                params=draw(st.none() | st.integers(0, 9)),
                findings=tuple(draw(st.lists(FINDING, max_size=2))),
                held_out=draw(st.none() | st.just(HeldOut(3, 30, 24))),
                timing=draw(st.none() | st.just(timing)),
                outcomes=b"",
                reason=draw(st.sampled_from(["", "no"])),
            )
        )
    return drawn


@given(drawn=results())
@settings(max_examples=40, deadline=None)
def test_columns_hold_what_was_added(drawn):
    stored = StoredResults.of(drawn)
    assert len(stored) == len(drawn)
    for result in drawn:
        assert stored[result.trial.key] == result
        assert repr(stored[result.trial.key].metrics) == repr(result.metrics)
        assert repr(stored[result.trial.key].trial) == repr(result.trial)


@given(drawn=results(), at_once=st.integers(1, 4))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_stored_results_are_read_as_they_were_added(drawn, at_once, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    with Store(tmp_path_factory.mktemp("study"), write=True) as store:
        for result in drawn:
            store.add(result, CONTEXT, {"python": "3"})
        stored = store.results(CONTEXT)
        assert dict(stored) == {result.trial.key: result for result in drawn}
        assert stored.machines == ([{"python": "3"}] if drawn else [])


def by_row(plan, found):
    """Return the tables of trials and of epochs row by row."""
    trials, epochs = [], []
    for row in plan:
        result = found.get(row.key)
        trial = {"variant": row.variant, "seed": row.seed, "status": "pending", "codes": ""}
        if result is not None:
            serious = [one for one in result.findings if one.severity != Severity.NOTE]
            codes = " ".join(dict.fromkeys(one.code for one in serious))
            trial |= {"status": str(result.status), "codes": codes, "params": result.params}
            trial |= result.metrics
            curves = zip(*result.history.values(), strict=True)
            epochs += [
                {"variant": row.variant, "seed": row.seed, "epoch": epoch}
                | dict(zip(result.history, values, strict=True))
                for epoch, values in enumerate(curves, 1)
            ]
        trials.append(trial)
    return pd.DataFrame(trials), pd.DataFrame(epochs)


@given(drawn=results(), shown=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_tables_equal_those_made_row_by_row(drawn, shown):
    plan = [
        Planned(str(one.trial.settings), {}, None, None, None, one.trial.seed, one.trial.key)
        for one in drawn
    ]
    plan.append(Planned("other", {}, None, None, None, 0, "none"))
    known = drawn[:shown]
    trials, epochs = by_row(plan, {one.trial.key: one for one in known})
    made = trials_table(Plan(plan), StoredResults.of(known), [])
    assert set(made) >= {name for name in trials if name not in ("params",)}
    for name in trials:
        wanted = trials[name].tolist()
        assert [*map(repr, _numbers(made[name]))] == [*map(repr, _numbers(pd.Series(wanted)))]
    curves = history_table(Plan(plan), StoredResults.of(known))
    pd.testing.assert_frame_equal(
        curves, epochs.reindex(columns=curves.columns), check_dtype=bool(len(epochs))
    )


def _numbers(column):
    return [None if value != value or value is None else value for value in column.tolist()]


def test_plan_is_the_sequence_of_its_rows():
    rows = [
        Planned(name, {"units": 8}, "units", 8, 16, seed, f"{name}{seed}", infeasible)
        for name, infeasible in (("a", ""), ("b", "no"))
        for seed in range(3)
    ]
    plan = Plan(iter(rows))
    assert [*plan] == rows
    assert plan[-1] == rows[-1]
    assert plan[1:3] == rows[1:3]
    assert plan == rows
    assert plan != rows[:-1]
    assert len(plan.variants) == 2
    assert plan.column("infeasible") == [row.infeasible for row in rows]


def test_later_result_replaces_a_failed_one():
    trial = Trial("mlp", "digits", Settings(), Recipe(), 0)
    stored = StoredResults()
    for status, loss in (("failed", 1.0), ("done", 2.0), ("failed", 3.0)):
        stored.add(TrialResult(trial, status, metrics={"test_loss": loss}))
    assert stored[trial.key].metrics == {"test_loss": 2.0}
    assert stored.statuses == {trial.key: "done"}
    stored.forget([trial.key, "another"])
    assert trial.key not in stored
    stored.add(replace(TrialResult(trial, "failed"), reason="again"))
    assert stored[trial.key].reason == "again"
