"""The plan of a study for the terminal: its trials, their cost and how long they will take."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ablations.report.numbers import brief
from ablations.report.wording import count_of
from cnnzoo.runtime.console import table
from cnnzoo.runtime.progress import duration

ROUGH = "multiply-accumulates"
"""Value of ``seconds_from`` if no trial gives the time."""


def plan_table(plan: pd.DataFrame) -> Any:
    """Return a table of rich with a row per variant.

    Parameters
    ----------
    plan
        As returned by `ablations.plan`.
    """
    names = ["variant", *(["data"] if "data" in plan else [])]
    cells = []
    for group, rows in plan.groupby(names, sort=False):
        first = rows.iloc[0]
        seconds = "" if pd.isna(first["seconds"]) else f"{first['seconds']:.1f}"
        cost = (brief(first["params"]), brief(first["macs"]), seconds)
        cells.append((*group, len(rows), *cost))
    columns = (*names, "trials", "parameters", "MACs", "seconds")
    return table(columns, cells, right=columns[len(names) :])


def plan_lines(plan: pd.DataFrame, workers: int) -> Iterator[str]:
    r"""Yield sentences about a plan.

    Parameters
    ----------
    plan
        As returned by `ablations.plan`.
    workers
        Number of parallel trials.

    Examples
    --------
    >>> rows = {"variant": ["baseline", "units=8"], "seconds": [90.0, 90.0], "key": [1, 2]}
    >>> rows |= {"seconds_from": "trials of the variant", "infeasible": "", "status": ""}
    >>> plan = pd.DataFrame(rows)
    >>> print(*plan_lines(plan, workers=2), sep="\n")
    2 trials to run: about 1:30 with 2 workers, 3:00 of computing.
    The time is from trials of these variants on this machine.
    """
    for variant, rows in plan[plan["infeasible"] != ""].groupby("variant", sort=False):
        yield f"{variant} cannot be built: {rows['infeasible'].iloc[0]}"
    feasible = plan[plan["infeasible"] == ""].drop_duplicates("key")
    pending = feasible[feasible["status"] == ""]
    stored = len(feasible) - len(pending)
    if stored:
        have = "has a stored result" if stored == 1 else "have stored results"
        yield (
            f"{count_of(stored, 'trial')} {have}, if the code, the packages and the data are "
            "unchanged."
        )
    if pending.empty:
        yield "No trial is left to run."
        return
    known = pending["seconds"].notna()
    total = float(pending["seconds"].sum())
    busy = max(1, min(workers, len(pending)))
    unknown = f" and {count_of(int((~known).sum()), 'trial')} of unknown time" * (not known.all())
    yield (
        f"{count_of(len(pending), 'trial')} to run: about {duration(total / busy)} with "
        f"{count_of(busy, 'worker')}, {duration(total)} of computing{unknown}."
    )
    yield _source_words(set(pending.loc[known, "seconds_from"]))


def _source_words(sources: set[str]) -> str:
    if ROUGH in sources or not sources:
        return (
            "The time is a rough estimate from multiply-accumulates and a typical core. To measure "
            "it, add --measure, which trains one trial."
        )
    of = "these variants" if sources == {"trials of the variant"} else "some of the variants"
    scaled = "" if of == "these variants" else ", scaled to the others by multiply-accumulates"
    return f"The time is from trials of {of} on this machine{scaled}."
