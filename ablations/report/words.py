"""What a study says, in sentences."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.declared import EXPLORATORY_BELOW as SEEDS
from ablations.report.contents import ReportContents
from ablations.report.rounding import bracket, decimals_for, fixed, is_number, p_value

Row = Mapping[str, Any]

JOINED = " + "
"""Between the factors, and between the levels, of a variant that changes several."""


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings, each value with its own type."""
    names = [str(name) for name in frame.columns]
    columns = [frame[name].tolist() for name in frame.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def metric_words(metric: str) -> str:
    """Return a metric as words.

    Examples
    --------
    >>> metric_words("test_loss")
    'test loss'
    """
    return metric.replace("_", " ")


def level_words(level: Any) -> str:
    """Return a level such that 1, True and the text "1" read differently.

    Examples
    --------
    >>> [level_words(level) for level in (1, True, "1", "batch", 0.5)]
    ['1', 'True', "'1'", 'batch', '0.5']
    """
    if not isinstance(level, str):
        return str(level)
    try:
        float(level)
    except ValueError:
        return repr(level) if level in ("True", "False", "None", "") else level
    return repr(level)


def comparison(row: Row) -> str:
    """Name what is compared, levels and baseline.

    Examples
    --------
    >>> comparison({"factor": "pool_size", "level": 4, "baseline": 2})
    'pool_size 4 instead of 2'
    >>> comparison({"factor": "filters + skip", "level": "8 + True", "baseline": "32 + False"})
    'filters 8 and skip True instead of 32 and False'
    """
    factors = str(row["factor"]).split(JOINED)
    levels, baselines = (
        row[name].split(JOINED) if len(factors) > 1 else [level_words(row[name])]
        for name in ("level", "baseline")
    )
    if len(factors) == len(levels) == len(baselines):
        changed = (f"{factor} {level}" for factor, level in zip(factors, levels, strict=True))
        return f"{_and(changed)} instead of {_and(baselines)}"
    return f"{row['factor']} {row['level']} instead of {row['baseline']}"


def sentence(row: Row) -> str:
    """Say what one row of the deltas shows.

    Examples
    --------
    >>> sentence(
    ...     {
    ...         "factor": "pool_size", "level": 4, "baseline": 2, "metric": "test_loss",
    ...         "delta": 0.1084, "ci_low": 0.0899, "ci_high": 0.1302, "n_pairs": 10,
    ...         "verdict": "worse",
    ...     }
    ... )
    'pool_size 4 instead of 2 raises test loss by 0.108 [0.090, 0.130] over 10 paired seeds: worse'
    """
    what, metric, verdict = comparison(row), metric_words(row["metric"]), row["verdict"]
    n = int(row["n_pairs"])
    if n == 0:
        return f"{what}: {row.get('notes') or 'no pairs, nothing to compare'} ({metric})"
    delta, low, high, unit = _scaled(row)
    decimals = decimals_for(high - low, abs(delta))
    if n == 1:
        size = fixed(delta, decimals, signed=True) + unit
        return f"{what}: {metric} {size} with one seed, which gives neither interval nor verdict"
    seeds = f"over {n} paired seeds"
    few = f" (exploratory: fewer than {SEEDS} seeds)" if n < SEEDS else ""
    if verdict in ("better", "worse"):
        verb = ("raise" if delta > 0 else "lower") + "s" * (JOINED not in str(row["factor"]))
        if delta < 0:
            delta, low, high = -delta, -high, -low
        size = _size(fixed(delta, decimals), unit, bracket(low, high, decimals))
        return f"{what} {verb} {metric} by {size} {seeds}: {verdict}{few}"
    size = _size(fixed(delta, decimals, signed=True), unit, bracket(low, high, decimals))
    start = f"{what}: {metric} {size} {seeds}"
    if verdict == "equivalent":
        return f"{start}, equivalent: the difference is shown to be within the margin{few}"
    return f"{start}, {verdict or 'no verdict'}{_doubt(row, low, high)}{few}"


@dataclass(frozen=True)
class Said:
    """A sentence with what it is about.

    Parameters
    ----------
    verdict
        Of the comparison.
    subject
        Its start: what is compared.
    rest
        What follows.
    notes
        What must be said beside it, and is not said of all.
    """

    verdict: str
    subject: str
    rest: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentence."""
        return self.subject + self.rest


def summary(contents: ReportContents) -> dict[str, list[Said]]:
    """Return a sentence a comparison, by metric."""
    found: dict[str, list[Said]] = {metric: [] for metric in contents.metrics}
    known = _of_all(contents)
    for row in rows_of(contents.deltas):
        subject = comparison(row)
        rest = sentence(row).removeprefix(subject)
        if row["verdict"] and contents.variant_findings.get(str(row["variant"])):
            rest += ", but see its finding"
        notes = tuple(
            note for note in contents.notes_of(row) if note not in known and note not in rest
        )
        found[row["metric"]].append(Said(str(row["verdict"]), subject, rest, notes))
    return found


def _of_all(contents: ReportContents) -> list[str]:
    """Return the notes that all comparisons share, and need only once."""
    rows = [row for row in rows_of(contents.deltas) if row["n_pairs"] > 1]
    if len(rows) < 2:
        return []
    first, *others = (contents.notes_of(row) for row in rows)
    return [note for note in first if all(note in notes for notes in others)]


def biggest(contents: ReportContents) -> dict[str, Any] | None:
    """Return the largest delta with a verdict of better or worse, of the first metric with one."""
    for metric in contents.metrics:
        table = contents.deltas_of(metric)
        shown = rows_of(table[table["verdict"].isin(["better", "worse"])])
        if shown:
            return max(shown, key=lambda row: abs(row["delta"]))
    return None


def delta_words(row: Row) -> str:
    """Write the delta alone, with its sign and, for accuracies, its unit.

    Examples
    --------
    >>> delta_words({"metric": "test_accuracy", "delta": 0.02, "ci_low": 0.01, "ci_high": 0.03})
    '+2.0 pp'
    """
    delta, low, high, unit = _scaled(row)
    short = unit.replace(" percentage points", " pp")
    return fixed(delta, decimals_for(high - low, abs(delta)), signed=True) + short


def warnings(contents: ReportContents) -> list[str]:
    """Return what a reader must know before the numbers."""
    said = list(contents.findings)
    pairs = contents.deltas["n_pairs"]
    few, compared = (int(((pairs > 0) & (pairs < most)).sum()) for most in (SEEDS, math.inf))
    if few:
        which = "All" if few == compared else f"{few:,} of {compared:,}"
        said.append(
            f"{which} comparisons are exploratory: they have fewer than {SEEDS} paired seeds."
        )
    said += [
        f"Of every comparison: {note}."
        for note in _of_all(contents)
        if not note.startswith("exploratory")
    ]
    for status, words in (
        ("failed", "failed; what they lack is shown, never filled in."),
        ("pending", "have not run yet; the numbers may still change."),
    ):
        count = len(contents.with_status(status))
        if count:
            said.append(f"{count:,} of {len(contents.trials):,} trials {words}")
    return said


def better_when(contents: ReportContents, metric: str) -> str:
    """Return "lower", "higher", or "" where neither the report nor the name tells."""
    if metric in contents.directions:
        return contents.directions[metric]
    from ablations.stats.errors import StatisticsError
    from ablations.stats.metrics import direction

    try:
        return direction(metric)
    except StatisticsError:
        return ""


def _doubt(row: Row, low: float, high: float) -> str:
    if not row["verdict"]:
        return ""
    said = ""
    if is_number(low) and is_number(high):
        if low <= 0 <= high:
            said = ": the interval includes no difference"
        else:
            adjusted = p_value(row.get("p_adjusted"))
            said = ": not shown once corrected for the other comparisons"
            said += f" (adjusted p {adjusted})" if adjusted else ""
    needed = row.get("seeds_needed")
    if is_number(needed) and needed > row["n_pairs"]:
        more = math.ceil(needed - row["n_pairs"])
        # seeds_needed is of 80% power, with the delta and the spread that were seen
        said += (
            f"; about {more:,} more seed{'s' * (more > 1)} would settle it in 4 of 5 tries, if the "
            "effect and the spread are as they look"
        )
    return said


def _scaled(row: Row) -> tuple[float, float, float, str]:
    """Return delta, its interval and its unit: shares of examples in percentage points."""
    values = (float(row["delta"]), float(row["ci_low"]), float(row["ci_high"]))
    if str(row["metric"]).endswith("accuracy"):
        delta, low, high = (100 * value for value in values)
        return delta, low, high, " percentage points"
    return *values, ""


def _size(delta: str, unit: str, interval: str) -> str:
    return f"{delta}{unit} {interval}".rstrip()


def _and(texts: Any) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else str(last)
