"""The compact table of a study for a paper: one row per variant, one column per metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.figure import slug
from ablations.report.latex import (
    BREAKING,
    COLUMN_SEP,
    FONT_SIZE,
    HANG,
    SETUP,
    broken,
    filled_lines,
    header_cell,
    latex_float,
    latex_text,
    pieces_of,
    text_width,
)
from ablations.report.numbers import CI, CONFIDENCE, decimals_for, fixed
from ablations.report.page import ReportError
from ablations.report.paper import POINTS_PER_MM, checked_width
from ablations.report.wording import (
    about_study,
    better_when,
    count_of,
    joined,
    metric_words,
    settings_words,
)
from ablations.stats.metrics import Better
from ablations.stats.paired_t import paired_t
from ablations.stats.shared_blocks import shared_blocks
from ablations.stats.verdicts import Verdict
from ablations.study import BASELINE
from cnnzoo.toggle import did_you_mean, listed

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

SPREADS = ("sd", "ci")

SIGNIFICANT = (Verdict.BETTER, Verdict.WORSE)
MARK = "*"
"""Mark of the variants whose verdict is better or worse."""

ARROWS = {
    Better.LOWER: " \N{DOWNWARDS ARROW}",
    Better.HIGHER: " \N{UPWARDS ARROW}",
    "": "",
}
"""Arrow behind the name of a metric, by its direction."""

MISSING = "\N{EN DASH}"

SPREAD_SIZE = 7.0
"""Size of \\scriptsize in an article of 10 points."""

BOLD, SMALL = 1.16, 1.08
"""Factors for bold type, and for type of 7 points, which is wider for its size."""

PLUS_MINUS, STAR = 6.3, 4.4
"""Widths of the two marks in points."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its spread over seeds, as text.

    Parameters
    ----------
    mean, spread
        Numbers as they are printed; empty if there are none.
    significant
        Whether the verdict on the difference from the baseline is better or worse.
    best
        Whether no printed mean of the metric is better.
    """

    mean: str
    spread: str = ""
    significant: bool = False
    best: bool = False

    @property
    def text(self) -> str:
        """Plain text."""
        return (
            (self.mean or MISSING)
            + (f" \N{PLUS-MINUS SIGN} {self.spread}" if self.spread else "")
            + (MARK if self.significant else "")
        )

    @property
    def latex(self) -> str:
        """LaTeX in which the mean is bold if it is the best."""
        mean = latex_text(self.mean) or "--"
        # the empty mark keeps the digits of a column below each other
        mark = r"$^{*}$" if self.significant else r"\phantom{$^{*}$}"
        return (
            (rf"\textbf{{{mean}}}" if self.best else mean)
            + (rf"{{\scriptsize$\pm${latex_text(self.spread)}}}" if self.spread else "")
            + mark
        )

    @property
    def width(self) -> float:
        """Upper bound of the width in LaTeX, in points."""
        mean = text_width(self.mean) * FONT_SIZE * (BOLD if self.best else 1)
        spread = text_width(self.spread) * SPREAD_SIZE * SMALL
        return mean + (PLUS_MINUS + spread if self.spread else 0) + STAR


@dataclass(frozen=True)
class SummaryTable:
    """Means of all variants and metrics, with what a caption has to say.

    Parameters
    ----------
    name
        Name of the study.
    metrics
        Metrics, one column each.
    rows
        Estimates of each variant, the baseline first, one per metric.
    caption
        What the numbers, the marks and bold type are.
    notes
        Why variants have no numbers.
    spread
        "sd" or "ci".
    """

    name: str
    metrics: Sequence[str]
    rows: Mapping[str, Sequence[Estimate]]
    caption: str
    notes: Sequence[str] = ()
    spread: str = "sd"

    @property
    def headers(self) -> list[str]:
        """Metrics as words, with the direction that is better."""
        return [metric_words(name) + ARROWS[better_when(name)] for name in self.metrics]

    def style(self) -> "Styler":
        """Return the table as a pandas Styler, with bold type for the best means."""
        from html import escape

        frame = pd.DataFrame(
            {
                header: [row[at].text for row in self.rows.values()]
                for at, header in enumerate(self.headers)
            },
            index=pd.Index(list(self.rows), name="variant"),
        )
        weights = pd.DataFrame(
            [["font-weight: bold" if it.best else "" for it in row] for row in self.rows.values()],
            index=frame.index,
            columns=frame.columns,
        )
        return (
            frame.style.apply(lambda _: weights, axis=None)
            .format(escape="html")
            .format_index(escape="html", axis="index")
            .format_index(escape="html", axis="columns")
            .set_caption(escape(" ".join([self.caption, *self.notes])))
        )

    def latex(self, width: str | float, caption: str | None, label: str | None) -> str:
        """Return the table in LaTeX, at most as wide as a column, a page or a number of mm.

        Raises
        ------
        ReportError
            If the metrics leave no room for the names of the variants.
        """
        room = checked_width(width) * POINTS_PER_MM
        numbers = [
            max(row[at].width for row in self.rows.values()) for at in range(len(self.metrics))
        ]
        heads = [
            filled_lines(header, size) for header, size in zip(self.headers, numbers, strict=True)
        ]
        widths = [
            max(size, *(FONT_SIZE * text_width(line) for line in lines))
            for size, lines in zip(numbers, heads, strict=True)
        ]
        for_name = room - sum(widths) - 2 * COLUMN_SEP * len(widths)
        pieces = [pieces_of(name) for name in self.rows]
        least = HANG + FONT_SIZE * max(text_width(piece) for of_one in pieces for piece in of_one)
        if for_name < least:
            most = max(int((room - least) // (max(widths) + 2 * COLUMN_SEP)), 1)
            raise ReportError(
                f"`metrics`: expected at most {most} in a table of {room / POINTS_PER_MM:.0f} mm; "
                f"got {len(widths)}. Give fewer metrics or a larger width, such as 'page'."
            )
        names, name_column = [latex_text(name) for name in self.rows], "l"
        if FONT_SIZE * max(map(text_width, self.rows)) > for_name:
            name_column = f"p{{{for_name:.1f}pt}}"
            names = [BREAKING + broken(name) for name in self.rows]
        rows = [
            [name, *(it.latex for it in row)]
            for name, row in zip(names, self.rows.values(), strict=True)
        ]
        return latex_float(
            rows,
            ["", *map(header_cell, heads)],
            f"@{{}}{name_column}{'r' * len(widths)}@{{}}",
            caption=self.caption if caption is None else caption,
            label=label or f"{slug(self.name, *self.metrics, self.spread)}".lower(),
            notes=self.notes,
            wide=room > checked_width("column") * POINTS_PER_MM,
            setup=SETUP,
        )


def summary_table(
    trials: pd.DataFrame,
    deltas: pd.DataFrame,
    metrics: Sequence[str],
    study: Mapping[str, Any],
    *,
    spread: str = "sd",
    rule: str,
) -> SummaryTable:
    """Return means over the seed blocks that all variants share, with their spread over seeds.

    Parameters
    ----------
    trials
        One row per trial.
    deltas
        Verdicts by variant and metric.
    metrics
        Columns of ``trials``.
    study
        The stored study.
    spread
        "sd" for the standard deviation over seeds, or "ci" for half the 95% interval of the mean.
    rule
        Sentence that says what the marks mean.

    Raises
    ------
    ReportError
        If ``spread`` is another text.
    """
    if spread not in SPREADS:
        near = did_you_mean(str(spread), list(SPREADS), "'")
        raise ReportError(f"`spread`: expected one of {listed(SPREADS)}; got {spread!r}{near}")
    variants = list(dict.fromkeys([BASELINE, *trials["variant"]]))
    significant = {
        (row.variant, row.metric) for row in deltas.itertuples() if row.verdict in SIGNIFICANT
    }
    columns, counts, reasons = [], {}, dict[str, str]()
    for metric in metrics:
        shared = shared_blocks(trials, metric)
        counts[metric] = len(shared.table)
        reasons |= shared.left_out
        columns.append(_estimates(shared.table, variants, metric, spread, significant))
    rows = {name: [column[name] for column in columns] for name in variants}
    marked = any(it.significant for row in rows.values() for it in row)
    directed = any(map(better_when, metrics))
    caption = " ".join(
        [
            f"{about_study(study)}.",
            f"Baseline: {settings_words(study.get('baseline', {})) or 'the defaults'}.",
            _numbers_words(counts, spread),
            rule if marked or not deltas["verdict"].isin(SIGNIFICANT).any() else "",
            "Bold: the best printed mean of each column, without a test." if directed else "",
        ]
    )
    notes = [f"{name}: {reason}." for name, reason in reasons.items()]
    name = str(study.get("name") or study.get("model") or "study")
    return SummaryTable(name, list(metrics), rows, " ".join(caption.split()), notes, spread)


def _estimates(
    table: pd.DataFrame,
    variants: Sequence[str],
    metric: str,
    spread: str,
    significant: set[tuple[str, str]],
) -> dict[str, Estimate]:
    """Return the estimate of each variant in one metric, all with the same decimals."""
    means, spreads = table.mean(), table.std()
    if spread == "ci":
        halves = {name: paired_t(table[name].to_numpy()) for name in table}
        spreads = pd.Series({name: float(it.high - it.low) / 2 for name, it in halves.items()})
    decimals = _decimals(float(spreads.median()), float(means.abs().max()) / 10)
    printed = {name: fixed(float(means[name]), decimals) for name in table}
    best = _best(means.round(decimals), metric)
    return {
        name: Estimate(
            printed.get(name, ""),
            fixed(float(spreads[name]), decimals) if name in table else "",
            (name, metric) in significant and name in table,
            name in best,
        )
        for name in variants
    }


def _decimals(spread: float, other: float) -> int:
    """Return the decimals of a mean: two digits of its spread up to 35, else one.

    The rule of the Particle Data Group, Review of Particle Physics, section 5.3.

    Examples
    --------
    >>> _decimals(0.0352, 0.1), _decimals(0.0361, 0.1), _decimals(23.0, 100.0)
    (3, 2, 0)
    """
    decimals = decimals_for(spread, other)
    return max(decimals - int(spread * 10**decimals > 35.5), 0)


def _best(means: "pd.Series[float]", metric: str) -> set[str]:
    """Return the variants with the best mean; none if the direction is unknown or all are alike."""
    better = better_when(metric)
    if not better or means.nunique() < 2:
        return set()
    best = means.min() if better == Better.LOWER else means.max()
    return set(means.index[means == best])


def _numbers_words(counts: Mapping[str, int], spread: str) -> str:
    """Say what the numbers are, and over how many seeds."""
    if len(set(counts.values())) == 1:
        seeds = count_of(next(iter(counts.values())), "seed")
    else:
        seeds = joined(f"{count} ({metric_words(name)})" for name, count in counts.items())
        seeds += " seeds"
    if max(counts.values()) < 2:
        return f"Values of {seeds}."
    if spread == "sd":
        return f"Mean \N{PLUS-MINUS SIGN} SD over {seeds}."
    return (
        f"Mean \N{PLUS-MINUS SIGN} half of its {CI} (Student's t) over {seeds}. These intervals "
        "include what seeds have in common, so their overlap tells nothing about differences."
    )


def rule_words(kind: str, *, together: str = "") -> str:
    """Say what a mark means.

    Parameters
    ----------
    kind
        What p is from, such as "paired t test over seeds".
    together
        Metric whose p is corrected over all claims of the report; empty if there is none.

    Examples
    --------
    >>> print(rule_words("paired t test over seeds"))
    *: better or worse than the baseline by a paired t test over seeds, p < 0.05 after Holm's
    correction over the variants.
    """
    over = "over the variants"
    if together:
        over += f", for {metric_words(together)} over all claims of the report"
    return (
        f"{MARK}: better or worse than the baseline by a {kind}, p < {1 - CONFIDENCE:.2f} after "
        f"Holm's correction {over}."
    )
