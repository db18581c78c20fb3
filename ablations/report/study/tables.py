"""The tables of a study's deltas, and of what is not done."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.report.numbers import (
    bracket,
    brief,
    decimals_of,
    fixed,
    is_number,
    p_value,
    usual_decimals,
)
from ablations.report.study.contents import (
    EFFECTS,
    EPOCHS,
    PATH_STEPS,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.table import (
    NOTE_BREAK,
    NOTES,
    Cell,
    Table,
    any_table,
    level_cell,
    number_cell,
    p_cell,
    share_cell,
    size_cells,
    sort_key,
    text_cell,
)
from ablations.report.wording import (
    SEE_FINDING,
    better_or_worse,
    changes_several,
    joined,
    listed,
    metric_words,
    rows_of,
)
from ablations.stats.barring import barred
from ablations.stats.caveats import unseen_skew
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW

STATISTICS = {
    "p": "p (paired t)",
    "p_adjusted": "p (Holm)",
    "p_sign_flip": "p (sign flips)",
    "p_wilcoxon": "p (Wilcoxon)",
    "p_equivalence_adjusted": "p (equivalence, Holm)",
    "p_better": "Share of pairs better",
    "sd": "SD of deltas",
    "bca_low": "BCa low",
    "bca_high": "BCa high",
    "detectable": "Detectable with 80% power",
    "seeds_needed": "Seeds to settle it",
}
"""What the second table of a metric shows, where there is any of it."""


def deltas_table(contents: ReportContents, metric: str) -> Table:
    """Return what each variant changes in a metric.

    A narrow screen shows the first columns: the verdict and the delta are among them. Where a
    variant changes several factors its name says all, and the study what the baseline is.
    """
    frame = contents.deltas_of(metric)
    rows, usual = rows_of(frame), usual_decimals(frame)
    several = any(map(changes_several, rows))
    headers = [
        *(("Variant",) if several else ("Factor", "Level")),
        *("Verdict", "Delta", contents.interval),
        *(() if several else ("Baseline",)),
        *("p (Holm)", "Pairs", "Baseline mean", "Level mean", NOTES),
    ]
    cells = tuple(_delta_cells(contents, row, usual, several) for row in rows)
    below = unseen_skew(frame["n_pairs"], looks="look" in frame)
    table = Table(f"Deltas of {metric_words(metric)}", tuple(headers), cells, below=below)
    # one seed gives neither, and most studies need no notes
    optional = (contents.interval, "p (Holm)", NOTES)
    told = {headers[at] for row in cells for at, cell in enumerate(row) if cell.text}
    return table.without(*(header for header in optional if header not in told))


def _delta_cells(
    contents: ReportContents, row: dict[str, Any], usual: int, several: bool
) -> tuple[Cell, ...]:
    delta, low, high = row["delta"], row["ci_low"], row["ci_high"]
    decimals = decimals_of(delta, low, high, usual, abs(row["baseline_mean"]) / 10)
    undone = contents.undone.get(str(row["variant"]))
    verdict = row["verdict"] or (undone.status if undone else "none")
    planned = int(row["n_pairs"]) + int(row["n_failed"])
    pairs = f"{row['n_pairs']}" + (f" of {planned}" if row["n_failed"] else "")
    numbers = [row[name] for name in ("baseline_mean", "level_mean")]
    changed = (text_cell(row["factor"]), level_cell(row["level"]))
    named = (text_cell(row["variant"]),)
    said = [] if undone else contents.notes_of(row)  # the reason is in the table of its own
    said += [SEE_FINDING] if contents.has_finding(row) else []
    return (
        *(named if several else changed),
        Cell(verdict, verdict, verdict=True),
        Cell(fixed(delta, decimals, signed=True), sort_key(delta)),
        Cell(bracket(low, high, decimals), sort_key(low)),
        *(() if several else (level_cell(row["baseline"]),)),
        Cell(p_value(row["p_adjusted"]), sort_key(row["p_adjusted"])),
        Cell(pairs, float(row["n_pairs"])),
        *(Cell(_mean(number, decimals), sort_key(number)) for number in numbers),
        text_cell(NOTE_BREAK.join(said)),
    )


def _mean(number: float, decimals: int) -> str:
    """Write a mean as its delta is; beside a far larger one in its own digits, and never as 0."""
    written = fixed(number, decimals)
    return brief(number) if number and not written.strip("0.") else written


def statistics_table(contents: ReportContents, metric: str) -> Table:
    """Return the further statistics of a metric's deltas, of variants with more than one pair."""
    frame = contents.deltas_of(metric)
    frame = frame[frame["n_pairs"] > 1]
    shown = [name for name in STATISTICS if name in frame and frame[name].notna().any()]
    rows = tuple(
        (text_cell(row["variant"]), *(_statistic(name, row[name]) for name in shown))
        for row in rows_of(frame)
    )
    headers = ("Variant", *(STATISTICS[name] for name in shown))
    return Table(f"Further statistics of {metric_words(metric)}", headers, rows)


def _statistic(name: str, value: Any) -> Cell:
    if name == "p_better":  # a share, for all its name
        return share_cell(value)
    return p_cell(value) if name[:2] == "p_" or name == "p" else number_cell(value)


def failures_table(contents: ReportContents) -> Table:
    """Return the trials that failed, alike ones together, with their reasons."""
    return _by_reason("Failed trials", contents.with_status(Status.FAILED))


def infeasible_table(contents: ReportContents) -> Table:
    """Return the variants that cannot be built, with their reasons."""
    return _by_reason("Infeasible variants", contents.with_status(Status.INFEASIBLE)).without(
        "Seeds"
    )


def pending_table(contents: ReportContents) -> Table:
    """Return the trials that have not run."""
    return _by_reason("Pending trials", contents.with_status(Status.PENDING)).without("Reason")


def _by_reason(title: str, trials: pd.DataFrame) -> Table:
    rows = []
    for (variant, reason), group in trials.groupby(["variant", "reason"], sort=False, dropna=False):
        rows.append(
            (
                text_cell(variant),
                text_cell(listed(group["seed"].tolist())),
                Cell(str(len(group)), float(len(group))),
                text_cell(reason),
            )
        )
    return Table(title, ("Variant", "Seeds", "Trials", "Reason"), tuple(rows))


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    header
        Its name to a reader.
    source
        Its name in the DataFrame.
    kind
        How its values are written: of `WRITERS`, or "delta", which has a column for its interval
        beside it.
    ends
        The columns of that interval's ends.
    """

    header: str
    source: str
    kind: str = "number"
    ends: tuple[str, str] = ("ci_low", "ci_high")


@dataclass(frozen=True)
class Shape:
    """What a reader sees of a table.

    Parameters
    ----------
    columns
        In their order: what the table concludes first.
    lead
        How to read it.
    """

    columns: tuple[Column, ...]
    lead: str


LOOKED = "Seeds were added where a verdict was open, which these p do not allow for."

METRIC = Column("Metric", "metric", "metric")

SHAPES = {
    TRENDS: Shape(
        (
            Column("Factor", "factor", "text"),
            METRIC,
            Column("Trend", "trend", "trend"),
            Column("Slope per unit", "slope", "delta", ("slope_low", "slope_high")),
            Column("p (Holm)", "p_adjusted", "p"),
            Column("Mean rank correlation", "rho", "correlation"),
            Column("Levels", "levels", "text"),
            Column("Seed blocks", "n_blocks"),
            Column(NOTES, "notes", "text"),
        ),
        "Page's test over whole seed blocks: whether the metric rises or falls in the order of the "
        "levels. p is corrected by Holm over the factors' trends of one metric; the slope is of a "
        "straight line, with an interval of its own.",
    ),
    PATH_STEPS: Shape(
        (
            Column("Step", "step"),
            Column("Factor", "factor", "text"),
            Column("From", "from_level", "level"),
            Column("To", "to_level", "level"),
            Column("It gets", "gets", "verdict"),
            Column("Delta", "delta", "delta"),
            Column("p (corrected)", "p_adjusted", "p"),
            Column("Share", "share", "share"),
            Column("Mean after it", "mean"),
            Column("Pairs", "n_pairs"),
            Column("Next best", "runner_up", "text"),
            Column("Its mean", "runner_up_mean"),
            Column(NOTES, "notes", "text"),
        ),
        "Each step is the change that helped most of those that were left, chosen by the same "
        "trials that measure it: its delta is optimistic. Each interval is its own step's; p is "
        "corrected for all the changes that were tried, and what a step gets is by it. Means are "
        "over the seed blocks that all steps share.",
    ),
    EFFECTS: Shape(
        (
            Column("Term", "term", "text"),
            METRIC,
            Column("Shown", "shown", "text"),
            Column("Delta", "delta", "delta"),
            Column("p (Holm)", "p_adjusted", "p"),
            Column("Share of variance", "share", "share"),
            Column("F", "F"),
            Column("Degrees of freedom", "df"),
            Column("Error degrees of freedom", "df_error", "freedom"),
            Column("Epsilon", "epsilon", "correlation"),
            Column(NOTES, "notes", "text"),
        ),
        "Each term is tested against how much it differs between seeds. A factor's delta is over "
        "the mean of the other factors' levels; an interaction's is by how much one factor's delta "
        "grows where the other is at its other level. p is corrected by Holm over the terms of one "
        "metric.",
    ),
    STABILITY: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("SD over seeds", "sd"),
            Column("Times the baseline's", "sd_ratio"),
            Column("p (Holm)", "p_adjusted", "p"),
            Column("Middle half", "iqr"),
            Column("Least", "min"),
            Column("Mean", "mean"),
            Column("Most", "max"),
            Column("Seeds", "n"),
            Column(NOTES, "notes", "text"),
        ),
        "How much a result depends on the seed, over the seed blocks that all variants here "
        "finished. \"Times the baseline's\" and p use each variant's own pairs with the baseline. "
        'p tests equal variances (Pitman and Morgan) and assumes normal values. "Middle half" '
        "is the interquartile range.",
    ),
    EPOCHS: Shape(
        (
            Column("Variant", "variant", "text"),
            Column("Delta in epochs", "delta", "delta"),
            Column("Median delta", "median_delta", "epochs"),
            Column("p (paired t)", "p", "p"),
            Column("Sooner", "n_sooner"),
            Column("Later", "n_later"),
            Column("p (signs)", "p_sign", "p"),
            Column("Baseline's epochs", "baseline_epochs", "epochs"),
            Column("Its epochs", "level_epochs", "epochs"),
            Column("Pairs", "n_pairs"),
            Column(NOTES, "notes", "text"),
        ),
        "The epoch in which a trial is first as good in {metric} as the baseline of its seed block "
        'is at its end. "Never" is a trial that did not get there.',
    ),
}
"""By title. Other tables are shown as they are."""


def shaped_table(contents: ReportContents, title: str, frame: pd.DataFrame) -> Table:
    """Return a further table of a study as a reader sees it."""
    shape = SHAPES.get(title)
    if shape is None:
        return any_table(title, frame)
    if title == STABILITY:
        # What did not run is listed elsewhere, with its reason.
        frame = frame[~frame["variant"].isin(contents.undone)]
    rows = [row | _concluded(contents, title, row) for row in rows_of(frame)]
    headers: list[str] = []
    columns: list[list[Cell]] = []
    for column in shape.columns:
        if not _told(rows, column.source):
            continue
        headers.append(column.header)
        if column.kind == "delta":
            low, high = column.ends
            cells = [size_cells(row[column.source], row[low], row[high]) for row in rows]
            columns.append([size for size, _ in cells])
            if any(interval.text for _, interval in cells):
                headers.append(contents.interval)
                columns.append([interval for _, interval in cells])
        else:
            write = WRITERS[column.kind]
            columns.append([write(row[column.source]) for row in rows])
    lead = shape.lead.format(
        metric=joined(dict.fromkeys(metric_words(row["metric"]) for row in rows))
    )
    if "look" in contents.deltas and any(header.startswith("p ") for header in headers):
        lead += f" {LOOKED}"
    return Table(title, tuple(headers), tuple(zip(*columns, strict=True)), lead=lead)


def _told(rows: list[dict[str, Any]], name: str) -> bool:
    """Tell whether a column says anything."""
    values = [row.get(name) for row in rows]
    return any(
        value is not None and value is not pd.NA and value == value and value != ""
        for value in values
    )


def _concluded(contents: ReportContents, title: str, row: Row) -> dict[str, Any]:
    """Return what a table concludes from a row, for columns that its DataFrame does not have."""
    if title == EFFECTS and is_number(row["p_adjusted"]):
        words = "no verdict" if is_exploratory(row) else "no"
        return {"shown": "yes" if is_shown(contents, row) else words}
    if title == TRENDS and is_exploratory(row):
        return {"trend": "no verdict"}
    if title == PATH_STEPS:  # the start changes nothing
        start = {"factor": "the start", "from_level": None, "to_level": None, "gets": ""}
        without = "none" if _is_barred(row) else ""
        return {"gets": gets(contents, row) or without} if row["step"] else start
    return {"shown": ""}


def is_shown(contents: ReportContents, row: Row) -> bool:
    """Tell whether an effect is shown once p is corrected, by enough seed blocks."""
    return bool(row["p_adjusted"] < 1 - contents.confidence) and not is_exploratory(row)


def is_exploratory(row: Row) -> bool:
    """Tell whether an effect or a trend has too few seed blocks for anything to be shown."""
    return bool(row.get("n_blocks", EXPLORATORY_BELOW) < EXPLORATORY_BELOW)


def gets(contents: ReportContents, row: Row) -> str:
    """Say what a step of a path makes of its metric, as far as its corrected p tells."""
    if _is_barred(row):
        return ""
    if not row["p_adjusted"] < 1 - contents.confidence:
        return Verdict.INCONCLUSIVE
    return better_or_worse(contents, row["metric"], row["delta"])


def _is_barred(row: Row) -> bool:
    return bool(barred([row.get("notes") or ""])[0])


def _epochs_cell(value: Any) -> Cell:
    return number_cell(value) if math.isinf(value) else Cell(fixed(value, 1), sort_key(value))


WRITERS: dict[str, Callable[[Any], Cell]] = {
    "number": number_cell,
    "epochs": _epochs_cell,
    "freedom": lambda value: Cell(fixed(value, 1).removesuffix(".0"), sort_key(value)),
    "correlation": lambda value: Cell(fixed(value, 2), sort_key(value)),
    "text": text_cell,
    "level": level_cell,
    "p": p_cell,
    "metric": lambda metric: text_cell(metric_words(metric)),
    "trend": lambda trend: text_cell(trend or "none shown"),
    "verdict": lambda word: Cell(word, word, verdict=bool(word)),
    "share": share_cell,
}
