"""The plan of a study for the terminal: its trials, their cost and how long they will take."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from ablations.report.numbers import brief
from ablations.report.wording import count_of
from cnnzoo.runtime.console import table
from cnnzoo.runtime.progress import duration

ROUGH = "multiply-accumulates"
"""Value of ``seconds_from`` if no trial gives the time."""

EARLIER = "earlier runs"
"""Beginning of ``seconds_from`` if trials of other studies give the time."""

MEASURE = " To measure it, add --measure, which trains one trial."
"""Remedy for a rough estimate."""


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
    times = zip(pending["seconds"], pending["seconds_from"], strict=True)
    known = [(None if pd.isna(seconds) else seconds, source) for seconds, source in times]
    yield from time_lines(known, workers, MEASURE)


def time_lines(
    times: Sequence[tuple[float | None, str]], workers: int, remedy: str = ""
) -> Iterator[str]:
    r"""Yield how long trials will take, and what that is from.

    Parameters
    ----------
    times
        Expected seconds of each trial, None if unknown; and a
        `ablations.running.expected_time.Source`.
    workers
        Number of parallel trials.
    remedy
        What to do about a rough estimate.

    Examples
    --------
    >>> print(*time_lines([(None, "")], workers=2), sep="\n")
    1 trial to run.
    There is no estimate of the time, because no trial of this model ran on this machine and its
    multiply-accumulates are unknown.
    """
    trials = f"{count_of(len(times), 'trial')} to run"
    known = [seconds for seconds, _ in times if seconds is not None]
    if not known:
        yield f"{trials}."
    else:
        total, busy = sum(known), max(1, min(workers, len(times)))
        missing = len(times) - len(known)
        unknown = f" and {count_of(missing, 'trial')} of unknown time" * bool(missing)
        yield (
            f"{trials}: about {duration(total / busy)} with {count_of(busy, 'worker')}, "
            f"{duration(total)} of computing{unknown}."
        )
    yield _source_words({source for seconds, source in times if seconds is not None}, remedy)


def _source_words(sources: set[str], remedy: str) -> str:
    if not sources:
        return (
            "There is no estimate of the time, because no trial of this model ran on this machine "
            "and its multiply-accumulates are unknown."
        )
    if ROUGH in sources:
        return "The time is a rough estimate from multiply-accumulates and a typical core." + remedy
    earlier = "earlier " if any(source.startswith(EARLIER) for source in sources) else ""
    of, scaled = "these variants", ""
    if f"{EARLIER} of the model" in sources:
        of, scaled = "this model", ", scaled by multiply-accumulates"
    elif "other trials" in sources:
        of, scaled = "some of the variants", ", scaled to the others by multiply-accumulates"
    return f"The time is from {earlier}trials of {of} on this machine{scaled}."
