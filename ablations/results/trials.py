"""Tables of a study's trials: one row per trial, and one row per epoch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ablations.store import Plan, StoredResults
from ablations.study import Status
from cnnzoo.doctor.finding import COLUMNS, Finding, Severity
from cnnzoo.doctor.table import by_severity, rows_of_findings
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import column_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ablations.store.columns import Column

COSTS = ["params", "macs", "seconds", "fit_seconds"]
FIRST_COLUMNS = ["variant", "factor", "level", "baseline", "data", "seed", "status", *COSTS]
LAST_COLUMNS = ["findings", "codes", "reason", "key"]


def trials_table(plan: Plan, results: StoredResults, metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per planned trial; see `Results.trials`.

    The study's metrics are columns even before a trial is done. A column ``data``
    is there only if the study has several data sets.
    """
    rows = rows_of(plan, results)
    ended = rows[rows >= 0]
    infeasible = plan.column("infeasible")
    columns: dict[str, Any] = {"variant": plan.column("variant")}
    # As object columns, because pandas would give levels such as 1 and True one type.
    for name in ("factor", "level", "baseline"):
        columns[name] = pd.Series(plan.column(name), dtype=object)
    if any(variant.data for variant in plan.variants):
        columns["data"] = plan.column("data")
    columns["seed"] = plan.seeds
    status = _at(results.plain["status"], rows, str(Status.PENDING))
    columns["status"] = [
        str(Status.INFEASIBLE) if reason else each
        for each, reason in zip(status, infeasible, strict=True)
    ]
    columns |= {name: _at(results.plain[name], rows, None) for name in COSTS}
    for name in dict.fromkeys([*results.metrics.names(ended), *map(column_of, metrics)]):
        column = results.metrics.columns.get(name)
        columns[name] = [np.nan] * len(rows) if column is None else _at(column, rows, np.nan)
    distinct = {id(found): found for found in results.findings}  # trials share most of them
    for name, words in (("findings", _sentences), ("codes", _codes)):
        texts = {number: words(found) for number, found in distinct.items()}
        known = [texts[id(found)] for found in results.findings]
        columns[name] = [known[row] if row >= 0 else "" for row in rows]
    reasons = zip(_at(results.plain["reason"], rows, ""), infeasible, strict=True)
    columns["reason"] = [why or reason for reason, why in reasons]
    columns["key"] = plan.keys
    return pd.DataFrame(columns)


def rows_of(plan: Plan, results: StoredResults) -> "NDArray[np.int64]":
    """Return for each row of the plan the row of its result; -1 if it has none."""
    known = results.rows
    return np.fromiter((known.get(key, -1) for key in plan.keys), np.int64, len(plan))


def losses_of_plan(
    plan: Plan, results: StoredResults
) -> Iterator[tuple[str, Mapping[str, Level], str | None]]:
    """Yield for each row of the plan its variant, the levels that it changes and its loss.

    The loss is that of the trained model; None without a result.
    """
    losses = _at(results.plain["loss"], rows_of(plan, results), None)
    yield from zip(plan.column("variant"), plan.column("changes"), losses, strict=True)


def _at(column: "Column", rows: "NDArray[np.int64]", missing: object) -> Any:
    """Return the values of some rows, and another one for those that are -1."""
    values = column.array
    if values.dtype != object and (rows >= 0).any():
        return np.where(rows >= 0, values[rows], np.nan)
    known = values.tolist()
    return [known[row] if row >= 0 else missing for row in rows]  # pandas finds the dtype


def _sentences(findings: tuple[Finding, ...]) -> str:
    return " ".join(str(one) for one in findings if one.severity != Severity.NOTE)


def _codes(findings: tuple[Finding, ...]) -> str:
    codes = (one.code for one in findings if one.severity != Severity.NOTE)
    return " ".join(dict.fromkeys(codes))


def history_table(plan: Plan, results: StoredResults) -> pd.DataFrame:
    """Return one row per epoch of each trial; see `Results.history`."""
    found = rows_of(plan, results)
    starts = np.asarray(results.history.starts)
    epochs = np.where(found >= 0, np.diff(starts, append=0)[found], 0)
    trials = np.repeat(np.arange(len(plan)), epochs)
    if not len(trials):
        return pd.DataFrame(columns=["variant", "seed", "epoch"])
    numbers = np.arange(len(trials)) - np.repeat(epochs.cumsum() - epochs, epochs)
    columns = _of_trials(plan, trials) | {"epoch": numbers + 1}
    for name in results.history.names(found[epochs > 0]):
        column = results.history.columns[name]
        columns[name] = _at(column, starts[found[trials]] + numbers, np.nan)
    return pd.DataFrame(columns)


def timings_table(plan: Plan, results: StoredResults) -> pd.DataFrame:
    """Return one row per trial whose timing is known, in the order in which they started.

    Columns: ``variant``, ``data`` if there are several data sets, ``seed``, ``process``,
    ``started`` in seconds since 1970, and ``seconds``.
    """
    found, shapes = rows_of(plan, results), results.timings.shapes
    known = [place for place, row in enumerate(found) if row >= 0 and shapes[row]]
    columns = _of_trials(plan, known)
    for name in ("process", "started"):
        column = results.timings.columns.get(name)
        columns[name] = [] if column is None else _at(column, found[known], None)
    columns["seconds"] = _at(results.plain["seconds"], found[known], None)
    table = pd.DataFrame(columns).astype({"started": float, "seconds": float})
    return table.sort_values("started", kind="stable", ignore_index=True)


def all_findings(plan: Plan, results: StoredResults) -> pd.DataFrame:
    """Return one row per finding of each trial; see `Results.findings`."""
    found = rows_of(plan, results)
    having = [place for place, row in enumerate(found) if row >= 0 and results.findings[row]]
    columns = [*_of_trials(plan, []), *COLUMNS]
    if not having:
        return pd.DataFrame(columns=columns)
    each = [results.findings[found[place]] for place in having]
    distinct = {id(findings): findings for findings in each}  # trials share some of them
    sizes = np.array([len(findings) for findings in distinct.values()])
    starts = dict(zip(distinct, sizes.cumsum() - sizes, strict=True))
    rows = [starts[id(findings)] + number for findings in each for number in range(len(findings))]
    ordered = [one for findings in distinct.values() for one in by_severity(findings)]
    table = rows_of_findings(ordered).iloc[rows].reset_index(drop=True)
    trials = np.repeat(having, [len(findings) for findings in each])
    return table.assign(**_of_trials(plan, trials))[columns]


def _of_trials(plan: Plan, rows: "Sequence[int] | NDArray[np.int64]") -> dict[str, Any]:
    """Return the columns that say which trials some rows of the plan are."""
    names = ["variant", *(["data"] if any(one.data for one in plan.variants) else [])]
    columns = {name: pd.Series(plan.column(name)).array for name in names}
    return {
        name: column.take(np.asarray(rows, dtype=int))
        for name, column in (columns | {"seed": np.asarray(plan.seeds)}).items()
    }
