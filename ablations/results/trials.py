"""Tables of a study's trials: one row per trial, and one row per epoch."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ablations.store import Planned
from ablations.study import Status, TrialResult
from cnnzoo.doctor.finding import COLUMNS, Severity
from cnnzoo.doctor.table import findings_table
from cnnzoo.training.metric_names import column_of

COSTS = ["params", "macs", "seconds", "fit_seconds"]
FIRST_COLUMNS = ["variant", "factor", "level", "baseline", "data", "seed", "status", *COSTS]
LAST_COLUMNS = ["findings", "codes", "reason", "key"]


def trials_table(
    plan: Sequence[Planned], results: Mapping[str, TrialResult], metrics: Sequence[str]
) -> pd.DataFrame:
    """Return one row per planned trial; see `Results.trials`.

    The study's metrics are columns even before a trial is done. A column ``data``
    is there only if the study has several data sets.
    """
    rows = [_row(planned, results.get(planned.key)) for planned in plan]
    measures = dict.fromkeys(name for row in rows for name in row)
    measures |= dict.fromkeys(map(column_of, metrics))
    first = [name for name in FIRST_COLUMNS if name != "data" or name in measures]
    names = [name for name in measures if name not in (*FIRST_COLUMNS, *LAST_COLUMNS)]
    return pd.DataFrame(
        {
            # As object columns, because pandas would give levels such as 1 and True one type.
            name: pd.Series([row.get(name) for row in rows], dtype=object)
            if name in ("factor", "level", "baseline")
            else [row.get(name, float("nan")) for row in rows]
            for name in (*first, *names, *LAST_COLUMNS)
        }
    )


def history_table(plan: Sequence[Planned], results: Mapping[str, TrialResult]) -> pd.DataFrame:
    """Return one row per epoch of each trial; see `Results.history`."""
    rows = []
    for planned in plan:
        history = results[planned.key].history if planned.key in results else {}
        rows += [
            {"variant": planned.variant}
            | ({"data": planned.data} if planned.data else {})
            | {"seed": planned.seed, "epoch": epoch + 1}
            | {name: values[epoch] for name, values in history.items()}
            for epoch in range(max(map(len, history.values()), default=0))
        ]
    return pd.DataFrame(rows, columns=None if rows else ["variant", "seed", "epoch"])


def all_findings(plan: Sequence[Planned], results: Mapping[str, TrialResult]) -> pd.DataFrame:
    """Return one row per finding of each trial; see `Results.findings`."""
    tables = [
        findings_table(results[planned.key].findings).assign(
            variant=planned.variant, data=planned.data, seed=planned.seed
        )
        for planned in plan
        if planned.key in results and results[planned.key].findings
    ]
    several = any(planned.data for planned in plan)
    columns = ["variant", *(["data"] if several else []), "seed", *COLUMNS]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )


def _row(planned: Planned, result: TrialResult | None) -> dict[str, object]:
    row = {
        "variant": planned.variant,
        "factor": planned.factor,
        "level": planned.level,
        "baseline": planned.baseline,
        "seed": planned.seed,
        "status": str(Status.PENDING),
        **dict.fromkeys(COSTS),
        "findings": "",
        "codes": "",
        "reason": "",
        "key": planned.key,
    }
    if planned.data:
        row["data"] = planned.data
    if result is not None:
        row |= {name: getattr(result, name) for name in ("reason", *COSTS)}
        row |= result.metrics
        row["status"] = str(result.status)
        findings = [one for one in result.findings if one.severity != Severity.NOTE]
        row["findings"] = " ".join(map(str, findings))
        row["codes"] = " ".join(dict.fromkeys(finding.code for finding in findings))
    if planned.infeasible:
        row |= {"status": str(Status.INFEASIBLE), "reason": planned.infeasible}
    return row
