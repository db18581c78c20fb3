"""The tables of a study's deltas, and of what is not done."""

from typing import Any

import pandas as pd

from ablations.report.contents import ReportContents
from ablations.report.rounding import bracket, brief, decimals_of, fixed, p_value, usual_decimals
from ablations.report.tables import (
    NOTE_BREAK,
    NOTES,
    Cell,
    Table,
    level_cell,
    number_cell,
    p_cell,
    share_cell,
    sort_key,
    text_cell,
)
from ablations.report.words import SEE_FINDING, changes_several, listed, metric_words, rows_of
from ablations.stats.notes import unseen_skew

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
    return _by_reason("Failed trials", contents.with_status("failed"))


def infeasible_table(contents: ReportContents) -> Table:
    """Return the variants that cannot be built, with their reasons."""
    return _by_reason("Infeasible variants", contents.with_status("infeasible")).without("Seeds")


def pending_table(contents: ReportContents) -> Table:
    """Return the trials that have not run."""
    return _by_reason("Pending trials", contents.with_status("pending")).without("Reason")


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
