"""Tables of a study: its deltas, further statistics, unfinished trials and further analyses."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ablations.report.numbers import (
    CI,
    CONFIDENCE,
    bracket,
    brief,
    decimals_of,
    fixed,
    is_number,
    p_value,
    usual_decimals,
)
from ablations.report.study.contents import (
    BY_DATA,
    EFFECTS,
    EPOCHS,
    NEW_DATA,
    PATH_STEPS,
    POSTERIOR,
    SO_FAR,
    STABILITY,
    TRENDS,
    ReportContents,
)
from ablations.report.study.new_data import missing
from ablations.report.study.paper_table import MARK
from ablations.report.table import (
    NOTE_BREAK,
    NOTES,
    SEE_FINDING,
    Cell,
    Table,
    any_table,
    level_cell,
    number_cell,
    p_cell,
    rows_of,
    share_cell,
    size_cells,
    sort_key,
    text_cell,
)
from ablations.report.wording import JOINED, Row, better_or_worse, joined, listed, metric_words
from ablations.stats.barring import barred
from ablations.stats.caveats import unseen_skew
from ablations.stats.trends import UNCERTAIN
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from ablations.study.checks import EXPLORATORY_BELOW

STATISTICS = {
    "baseline_mean": "Baseline mean",
    "level_mean": "Level mean",
    "ci_method": "Interval and p",
    "p": "p (paired t)",
    "p_adjusted": "p (Holm)",
    "p_sign_flip": "p (sign flips)",
    "p_wilcoxon": "p (Wilcoxon)",
    "p_equivalence_adjusted": "p (equivalence, Holm)",
    "p_better": "Share of pairs better",
    "sd": "SD of deltas",
    "bca_low": "BCa low",
    "bca_high": "BCa high",
    "new_data_low": "New data low",
    "new_data_high": "New data high",
    "new_data_p": "p (new data)",
    "detectable": "Detectable with 80% power",
    "seeds_needed": "Seeds to settle it",
}
"""Columns of the second table of a metric; those without values are left out."""

SECONDARY = " (secondary)"
"""Mark of a verdict, a trend or an effect that the claims of the page do not include."""

PAPER_MARKS: dict[str, tuple[str, str]] = {
    Verdict.BETTER: (MARK, "better or worse than the baseline"),
    Verdict.WORSE: (MARK, "better or worse than the baseline"),
    Verdict.EQUIVALENT: ("=", "equivalent within the margin"),
}
"""Marks of verdicts in a paper, with their meaning."""


def deltas_table(contents: ReportContents, metric: str) -> Table:
    """Return the deltas of a metric, one row per variant.

    The verdict and the delta come first because a narrow screen shows only the first columns. If a
    variant changes several factors, the table has its name instead of factor, level and baseline.
    """
    frame = contents.deltas_of(metric)
    rows, usual = rows_of(frame), usual_decimals(frame)
    several = any(JOINED in str(row["factor"]) for row in rows)
    named, baseline = (("Variant",), ()) if several else (("Factor", "Level"), ("Baseline",))
    headers = (
        *named,
        "Verdict",
        "Delta",
        CI,
        *baseline,
        "p (Holm)",
        "Pairs",
        "Baseline mean",
        "Level mean",
        NOTES,
    )
    cells = tuple(_delta_cells(contents, row, usual, several) for row in rows)
    below = unseen_skew(frame["n_pairs"], looks=contents.looked)
    table = Table(f"Deltas of {metric_words(metric)}", headers, cells, below=below)
    return table.without_empty(CI, "p (Holm)", NOTES)


def paper_deltas(contents: ReportContents, metric: str) -> tuple[Table, str, str]:
    """Return the deltas of a metric for a paper, and what its caption says of the baseline.

    The columns are those that a column of an article has room for: a mark stands for the verdict.

    Returns
    -------
    table, baseline, marks
        The table; the mean of the baseline and the number of pairs if they are the same for all
        variants, which then have no column; and what the marks in the table mean.
    """
    table = deltas_table(contents, metric)
    table = table.without("Factor", "Level", "Baseline", "Variant", "Level mean", NOTES)
    names = [text_cell(row["variant"]) for row in rows_of(contents.deltas_of(metric))]
    marks = [PAPER_MARKS.get(str(row[0].value), ("", "")) for row in table.rows]
    rows = tuple(
        (name, *row, text_cell(mark))
        for name, (_, *row), (mark, _) in zip(names, table.rows, marks, strict=True)
    )
    table = replace(table, headers=("Variant", *table.headers[1:], ""), rows=rows)
    shared = []
    for header, phrase in (("Baseline mean", "mean {}"), ("Pairs", "{} pairs")):
        at = table.headers.index(header)
        if len({row[at].value for row in table.rows}) == 1:
            most = max((row[at].text for row in table.rows), key=len)  # with the most decimals
            shared.append(phrase.format(most))
            table = table.without(header)
    meanings = dict.fromkeys(f"{mark}: {meaning}." for mark, meaning in marks if mark)
    return table.without_empty(""), ", ".join(shared), " ".join(meanings)


def _delta_cells(
    contents: ReportContents, row: dict[str, Any], usual: int, several: bool
) -> tuple[Cell, ...]:
    delta, low, high = row["delta"], row["ci_low"], row["ci_high"]
    decimals = decimals_of(delta, low, high, usual, abs(row["baseline_mean"]) / 10)
    unfinished = contents.unfinished.get(str(row["variant"]))
    verdict = row["verdict"] or (unfinished.status if unfinished else "none")
    written = secondary(verdict) if row["metric"] in contents.secondary else verdict
    planned = int(row["n_pairs"]) + int(row["n_failed"])
    pairs = f"{row['n_pairs']}" + (f" of {planned}" if row["n_failed"] else "")
    means = [row[name] for name in ("baseline_mean", "level_mean")]
    changed = (text_cell(row["factor"]), level_cell(row["level"], row["factor"]))
    notes = (
        [] if unfinished else contents.notes_of(row)
    )  # the table of failed trials has the reason
    notes += [SEE_FINDING] if contents.has_finding(row) else []
    return (
        *((text_cell(row["variant"]),) if several else changed),
        Cell(written, verdict, verdict=written == verdict),
        Cell(fixed(delta, decimals, signed=True), sort_key(delta)),
        Cell(bracket(low, high, decimals), sort_key(low)),
        *(() if several else (level_cell(row["baseline"], row["factor"]),)),
        Cell(p_value(row["p_adjusted"]), sort_key(row["p_adjusted"])),
        Cell(pairs, float(row["n_pairs"])),
        *(Cell(_mean(mean, decimals), sort_key(mean)) for mean in means),
        text_cell(NOTE_BREAK.join(notes)),
    )


def secondary(verdict: str) -> str:
    """Mark a verdict, a trend or an effect that the claims of the page do not include.

    Words for a missing result stay as they are.

    Examples
    --------
    >>> secondary("better"), secondary("rises"), secondary("pending"), secondary("")
    ('better (secondary)', 'rises (secondary)', 'pending', 'none')
    """
    concluded = verdict in (*Verdict, *TREND_WORDS, *SIGNIFICANCE)
    return f"{verdict}{SECONDARY}" if concluded else verdict or "none"


def _mean(mean: float, decimals: int) -> str:
    """Write a mean with the decimals of its delta, or with more if it would read as 0."""
    written = fixed(mean, decimals)
    return brief(mean) if mean and not written.strip("0.") else written


def statistics_table(contents: ReportContents, metric: str) -> Table:
    """Return further statistics of a metric, for variants with more than one pair."""
    frame = contents.deltas_of(metric)
    frame = frame[frame["n_pairs"] > 1]
    columns = [name for name in STATISTICS if name in frame and frame[name].notna().any()]
    rows = tuple(
        (text_cell(row["variant"]), *(_statistic(name, row[name]) for name in columns))
        for row in rows_of(frame)
    )
    headers = ("Variant", *(STATISTICS[name] for name in columns))
    title = f"Further statistics of {metric_words(metric)}"
    return Table(title, headers, rows, below=missing(rows_of(frame)))


def _statistic(name: str, value: Any) -> Cell:
    if name == "p_better":  # a share, in spite of its name
        return share_cell(value)
    if name == "ci_method":
        return text_cell(value)
    return p_cell(value) if name[:2] == "p_" or name in ("p", "new_data_p") else number_cell(value)


def failures_table(contents: ReportContents) -> Table:
    """Return the failed trials by variant and reason."""
    return _by_reason("Failed trials", contents.with_status(Status.FAILED))


def infeasible_table(contents: ReportContents) -> Table:
    """Return the variants that cannot be built, with the reasons."""
    infeasible = contents.with_status(Status.INFEASIBLE)
    return _by_reason("Infeasible variants", infeasible).without("Seeds")


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


@dataclass(frozen=True)
class Column:
    """A column of a table: its header, and its source in the DataFrame.

    ``kind`` is a key of `WRITERS`, or "delta" for a value with its interval in the next column;
    ``ends`` are the sources of that interval and ``interval`` its header.
    """

    header: str
    source: str
    kind: str = "number"
    ends: tuple[str, str] = ("ci_low", "ci_high")
    interval: str = CI


@dataclass(frozen=True)
class Shape:
    """Layout of a table: its columns, conclusions first, and the text above it."""

    columns: tuple[Column, ...]
    lead: str


SIGNIFICANCE = ("yes", "no")
NO_TREND, SLOPE_UNCERTAIN = "not significant", "slope uncertain"
TREND_WORDS = ("rises", "falls", SLOPE_UNCERTAIN, NO_TREND)
"""Words of the columns on effects and trends."""

LOOKED = "These p values do not account for the seeds that were added while verdicts were open."

METRIC = Column("Metric", "metric", "metric")

SHAPES = {
    TRENDS: Shape(
        (
            Column("Factor", "factor", "text"),
            METRIC,
            Column("Trend", "trend", "trend"),
            Column("Slope per unit", "slope", "delta", ("slope_low", "slope_high")),
            Column("p (Holm)", "p_adjusted", "p"),
            Column(NOTES, "notes", "text"),
        ),
        "Page's test over complete seed blocks: does the metric rise or fall in the order of the "
        "levels? p is Holm-corrected over the trends and, unless seeds were added, over all claims "
        "of this page. The slope is that of a straight line, with its own interval. A trend rises "
        "or falls only if this interval also excludes 0.",
    ),
    PATH_STEPS: Shape(
        (
            Column("Step", "step"),
            Column("Factor", "factor", "text"),
            Column("From", "from_level", "level"),
            Column("To", "to_level", "level"),
            Column("Verdict", "verdict", "verdict"),
            Column("Delta", "delta", "delta"),
            Column("p (corrected)", "p_adjusted", "p"),
            Column("Share", "share", "share"),
            Column("Mean after step", "mean"),
            Column("Pairs", "n_pairs"),
            Column("Next best", "runner_up", "text"),
            Column("Mean of next best", "runner_up_mean"),
            Column(NOTES, "notes", "text"),
        ),
        "Each step is the change that helped most {chosen}among those left. Deltas and means are "
        "corrected for this choice by seeds that did not make it; the last step, which has no "
        "choice, can still look too bad. The intervals hold for all steps at once, with p "
        "corrected for all changes that were tried. Means are over the seed blocks that all steps "
        "share.",
    ),
    EFFECTS: Shape(
        (
            Column("Term", "term", "text"),
            METRIC,
            Column("Significant", "significant", "text"),
            Column("Delta", "delta", "delta"),
            Column("p (Holm)", "p_adjusted", "p"),
            Column("Share of variance", "share", "share"),
            Column("F", "F"),
            Column("Degrees of freedom", "df"),
            Column("Error degrees of freedom", "df_error", "freedom"),
            Column("Epsilon", "epsilon", "correlation"),
            Column(NOTES, "notes", "text"),
        ),
        "Each term is tested against its variation between seeds. The delta of a factor is "
        "averaged over the levels of the other factors. The delta of an interaction is the change "
        "of one factor's delta when the other factor changes its level. p is Holm-corrected over "
        "the terms of a secondary metric, and over all claims of this page for the primary one.",
    ),
    BY_DATA: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("Data", "data", "text"),
            Column("Verdict", "verdict", "text"),
            Column("Delta", "delta", "delta"),
            Column("p (Holm)", "p_adjusted", "p"),
            Column("Pairs", "n_pairs"),
            Column("Baseline mean", "baseline_mean"),
            Column("Level mean", "level_mean"),
            Column(NOTES, "notes", "text"),
        ),
        "Each data set by itself. These verdicts are secondary: their p is Holm-corrected over all "
        "variants and data sets of one metric, and not with the claims of the page.",
    ),
    NEW_DATA: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("SD between data sets", "tau"),
            Column("Not due to seeds (I\N{SUPERSCRIPT TWO})", "i2", "share"),
            Column("p (Welch)", "p_heterogeneity", "p"),
            Column(
                "Delta on new data",
                "new_mean",
                "delta",
                ("new_low", "new_high"),
                interval="95% prediction interval",
            ),
            Column("Better on new data", "p_better_new", "share"),
            Column("Data sets", "data_sets"),
        ),
        "Does a variant have the same delta on all data sets? p is for the same delta and is not "
        "corrected. The delta on new data is that expected on one more data set like these, with a "
        "95% prediction interval; with few data sets it is wide.",
    ),
    POSTERIOR: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("Better", "p_better", "share"),
            Column("Equivalent", "p_equivalent", "share"),
            Column("Worse", "p_worse", "share"),
            Column(
                "Pooled delta",
                "pooled",
                "delta",
                ("pooled_low", "pooled_high"),
                interval="95% credible interval",
            ),
            Column("Delta", "delta"),
            Column("Pairs", "n_pairs"),
        ),
        "The probability that the true delta is better or worse by more than the margin, or within "
        "it, after partial pooling: each delta is shrunk towards 0 by as much as all deltas of the "
        "metric and their spread over seeds tell. The interval is a 95% credible interval. "
        "These are no verdicts; verdicts follow p.",
    ),
    STABILITY: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("SD over seeds", "sd"),
            Column("Ratio to baseline", "sd_ratio"),
            Column("p (Holm)", "p_adjusted", "p"),
            Column(NOTES, "notes", "text"),
        ),
        "How much a result depends on the seed, over the seed blocks that all variants finished. "
        "The ratio and p use each variant's own pairs with the baseline. p tests equal variances "
        "(Pitman-Morgan) and assumes normal values.",
    ),
    SO_FAR: Shape(
        (
            Column("Variant", "variant", "text"),
            METRIC,
            Column("Verdict", "verdict", "verdict"),
            Column("Delta", "delta"),
            Column("Anytime p (Holm)", "p_adjusted", "p"),
            Column("e-value", "e_value"),
            Column("Pairs", "n_pairs"),
        ),
        "The study is not finished, so its verdicts are by an e-process of the t test: however "
        "often it is looked at, at most 5% of studies without any effect ever have one. Pairs "
        "count up to the first seed with a pending trial.",
    ),
    EPOCHS: Shape(
        (
            Column("Variant", "variant", "text"),
            Column("Delta in epochs", "delta", "delta"),
            Column("Median delta", "median_delta", "epochs"),
            Column("p (paired t)", "p", "p"),
            Column("Sooner", "n_sooner"),
            Column("Later", "n_later"),
            Column("p (sign test)", "p_sign", "p"),
            Column("Baseline epochs", "baseline_epochs", "epochs"),
            Column("Level epochs", "level_epochs", "epochs"),
            Column("Pairs", "n_pairs"),
            Column(NOTES, "notes", "text"),
        ),
        "The first epoch in which a trial is as good in {metric} as the baseline of its seed block "
        'is at its end. "never": the trial did not reach that value.',
    ),
}
"""Layouts by title. Tables with another title are shown as they are."""


def shaped_table(contents: ReportContents, title: str, frame: pd.DataFrame) -> Table:
    """Return a further table of a study in its layout."""
    shape = SHAPES.get(title)
    if shape is None:
        return any_table(title, frame)
    if title == STABILITY:
        # the table of failed trials has the others
        frame = frame[~frame["variant"].isin(contents.unfinished)]
    rows = [row | _conclusion(contents, title, row) for row in rows_of(frame)]
    headers: list[str] = []
    columns: list[list[Cell]] = []
    for column in shape.columns:
        if not _has_values(rows, column.source):
            continue
        headers.append(column.header)
        if column.kind == "delta":
            low, high = column.ends
            cells = [size_cells(row[column.source], row[low], row[high]) for row in rows]
            columns.append([size for size, _ in cells])
            if any(interval.text for _, interval in cells):
                headers.append(column.interval)
                columns.append([interval for _, interval in cells])
        else:
            write = WRITERS[column.kind]
            columns.append([write(row[column.source]) for row in rows])
    return Table(
        title,
        tuple(headers),
        tuple(zip(*columns, strict=True)),
        lead=lead_of(contents, title, frame),
    )


def lead_of(contents: ReportContents, title: str, frame: pd.DataFrame) -> str:
    """Say how to read a further table; "" for one without a known layout."""
    shape = SHAPES.get(title)
    if shape is None:
        return ""
    rows = rows_of(frame)
    lead = shape.lead.format(
        metric=joined(dict.fromkeys(metric_words(row["metric"]) for row in rows)),
        chosen="".join(dict.fromkeys(chosen_words(row) for row in rows)),
    )
    has_p = any(
        column.header.startswith("p ") and _has_values(rows, column.source)
        for column in shape.columns
    )
    return f"{lead} {LOOKED}" if contents.looked and has_p else lead


def chosen_words(row: Row) -> str:
    """Return the words on what a choice was made by, such as "by validation loss "; else ""."""
    metric = row.get("chosen_by") or ""
    return f"by {metric_words(metric)} " if metric else ""


def _has_values(rows: list[dict[str, Any]], name: str) -> bool:
    return any(brief(row.get(name)) for row in rows)


def _conclusion(contents: ReportContents, title: str, row: Row) -> dict[str, Any]:
    """Return the columns of a row that the report concludes from the others."""
    if title in (EFFECTS, TRENDS) and is_number(row["p_adjusted"]) and not contents.claims(row):
        if row["metric"] not in contents.secondary or is_exploratory(row):
            return {"significant": "no verdict", "trend": "no verdict"}
        if title == EFFECTS:
            return {"significant": secondary(SIGNIFICANCE[not is_significant(row)])}
        trend = SLOPE_UNCERTAIN if row["notes"] in UNCERTAIN else row["trend"]
        return {"trend": secondary(trend or NO_TREND)}
    if title == EFFECTS and is_number(row["p_adjusted"]):
        if is_exploratory(row):
            return {"significant": "no verdict"}
        return {"significant": SIGNIFICANCE[not is_significant(row)]}
    if title == BY_DATA:
        return {"verdict": secondary(row["verdict"])}
    if title == TRENDS and is_exploratory(row):
        return {"trend": "no verdict"}
    if title == TRENDS and row["notes"] in UNCERTAIN:
        return {"trend": SLOPE_UNCERTAIN}
    if title == PATH_STEPS and row["step"]:
        return {"verdict": step_verdict(row) or ("none" if _is_barred(row) else "")}
    if title == PATH_STEPS:
        return {"factor": "the start", "from_level": None, "to_level": None, "verdict": ""}
    return {"significant": ""}


def is_significant(row: Row) -> bool:
    """Tell whether the corrected p of an effect is below 0.05, with enough seed blocks."""
    return bool(row["p_adjusted"] < 1 - CONFIDENCE) and not is_exploratory(row)


def is_exploratory(row: Row) -> bool:
    """Tell whether an effect or a trend has too few seed blocks for a verdict."""
    return bool(row.get("n_blocks", EXPLORATORY_BELOW) < EXPLORATORY_BELOW)


def step_verdict(row: Row) -> str:
    """Return the verdict on a step of a path by its corrected p."""
    if _is_barred(row):
        return ""
    if not row["p_adjusted"] < 1 - CONFIDENCE:
        return Verdict.INCONCLUSIVE
    return better_or_worse(row["metric"], row["delta"])


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
    "trend": lambda trend: text_cell(trend or NO_TREND),
    "verdict": lambda word: Cell(word, word, verdict=bool(word)),
    "share": share_cell,
}
