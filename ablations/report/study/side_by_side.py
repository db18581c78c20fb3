"""Two studies side by side: one table and one forest plot per metric."""

from typing import Any

from ablations.report.figure import (
    Figure,
    Theme,
    chart_of,
    label_of,
    layer,
    legend_of,
    names_axis,
    nominal,
    quantitative,
    row_height,
    slug,
    zero_line,
)
from ablations.report.metric_axis import delta_title
from ablations.report.numbers import CI, is_number, size_words, usual_decimals
from ablations.report.study.contents import ReportContents
from ablations.report.study.forest import ROW
from ablations.report.study.tables import secondary
from ablations.report.table import Cell, Table, rows_of, sort_key, text_cell
from ablations.report.wording import metric_words
from ablations.stats.caveats import unseen_skew

LOOKS = (("series1", "circle"), ("series5", "diamond"))
"""Colour and shape of this study and of the other one."""

SIDES = ("here", "there")


def beside_metrics(contents: ReportContents) -> list[str]:
    """Return the metrics of both studies, this one's first."""
    return [] if contents.beside is None else list(dict.fromkeys(contents.beside["metric"]))


def beside_table(contents: ReportContents, metric: str) -> Table:
    """Return the deltas of a metric in both studies, one row per variant."""
    both = contents.deltas.head(0) if contents.beside is None else contents.beside
    of_metric = both[both["metric"] == metric]
    rows = rows_of(of_metric)
    usual = usual_decimals(of_metric)
    names = contents.beside_names or ()
    row_of = {(row["variant"], row["study"]): row for row in rows}
    cells = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        sides = (
            _cells(row_of.get((variant, name)), usual, marked=metric in contents.secondary)
            for name in names
        )
        cells.append((text_cell(variant), *(cell for three in sides for cell in three)))
    headers = [f"{word} {side}" for side in SIDES for word in ("Verdict", "Delta", "Pairs")]
    title = f"{metric_words(metric)}, here and there"
    below = unseen_skew(of_metric["n_pairs"], looks=contents.looked)
    return Table(title[:1].upper() + title[1:], ("Variant", *headers), tuple(cells), below=below)


def beside_figure(contents: ReportContents, metric: str, theme: Theme) -> Figure | None:
    """Draw the deltas of a metric in both studies, one below the other."""
    if contents.beside is None:
        return None
    of_metric = contents.beside[contents.beside["metric"] == metric].dropna(subset="delta")
    if of_metric.empty:
        return None
    usual = usual_decimals(of_metric)
    rows: list[dict[str, Any]] = [
        {
            "variant": row["variant"],
            "label": label_of(row["variant"]),
            "study": row["study"],
            "delta": row["delta"],
            "low": row["ci_low"],
            "high": row["ci_high"],
            "size": _size(row, usual),
            "verdict": _verdict(row, marked=metric in contents.secondary),
        }
        for row in rows_of(of_metric)
    ]
    studies = list(contents.beside_names or ())
    words = metric_words(metric)
    colours, shapes = (
        nominal("study", scale={"domain": studies, "range": looks}, legend=legend)
        for looks, legend in (
            ([theme[colour] for colour, _ in LOOKS], legend_of(theme)),
            ([shape for _, shape in LOOKS], legend_of(theme)),
        )
    )
    names = list(dict.fromkeys(row["label"] for row in rows))
    base = {
        "y": nominal("label", sort=names, title=None, axis=names_axis()),
        "yOffset": nominal("study", scale={"domain": studies, "paddingOuter": 0.4}),
        "color": colours,
        "tooltip": [
            nominal("variant"),
            nominal("study"),
            nominal("size", title=f"delta, {CI}"),
            nominal("verdict"),
        ],
    }
    x = quantitative(
        "delta", title=delta_title(metric), scale={"nice": True, "zero": True, "padding": 10}
    )
    points = layer("point", base | {"x": x, "shape": shapes}, size=80, filled=True, opacity=1)
    layers = [zero_line(theme), points]
    if any(is_number(row["low"]) for row in rows):
        ends = {"x": quantitative("low"), "x2": {"field": "high"}}
        layers.insert(1, layer("rule", base | ends, strokeWidth=2, strokeCap="round"))
    return Figure(
        name=slug("beside", metric),
        title=f"{words.capitalize()}: both studies",
        caption=f"Mean delta over paired seeds with its {CI}; each study has its own baseline. "
        "Whether two intervals overlap is no test of a difference.",
        section="beside",
        metric=metric,
        chart=chart_of(layers, row_height(names, ROW + 10) * len(names)),
        rows=rows,
    )


def _cells(row: dict[str, Any] | None, usual: int, *, marked: bool) -> tuple[Cell, Cell, Cell]:
    if row is None:
        return text_cell("not in study"), text_cell(""), Cell("", sort_key(None))
    verdict = _verdict(row, marked=marked)
    return (
        Cell(verdict, verdict, verdict=not marked),
        Cell(_size(row, usual), sort_key(row["delta"])),
        Cell(str(row["n_pairs"]), float(row["n_pairs"])),
    )


def _verdict(row: dict[str, Any], *, marked: bool) -> str:
    verdict = row["verdict"] or row["status"] or "none"
    return secondary(verdict) if marked else verdict


def _size(row: dict[str, Any], usual: int) -> str:
    return size_words(row["delta"], row["ci_low"], row["ci_high"], usual)
