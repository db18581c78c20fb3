"""All figures of a report, for the page and as files."""

from typing import Any

from ablations.report import beside, costs, curves, effects, interactions
from ablations.report.contents import ReportContents, ReportError
from ablations.report.drawing import (
    ROWS,
    Figure,
    Theme,
    palette,
    plain,
    with_distinct_names,
)
from ablations.report.theme import LIGHT, config
from ablations.report.words import about_study

FILE_WIDTH = 560

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def figures(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw all that the contents allow."""
    colours = palette(contents)
    drawn: list[Figure | None] = []
    for metric in contents.metrics:
        drawn += [effects.forest(contents, metric, theme), effects.pairs(contents, metric, theme)]
    drawn += curves.curves(contents, colours, theme)
    drawn += interactions.interactions(contents, theme)
    drawn += costs.costs(contents, colours, theme)
    metrics = beside.beside_metrics(contents)
    drawn += [beside.beside_figure(contents, metric, theme) for metric in metrics]
    return with_distinct_names(figure for figure in drawn if figure is not None)


def spec(figure: Figure, theme: Theme) -> dict[str, Any]:
    """Return a figure as Vega-Lite has it, for the page."""
    rows = [{key: plain(value) for key, value in row.items()} for row in figure.rows]
    about = {"$schema": SCHEMA, "config": config(theme), "datasets": {ROWS: rows}}
    return figure.chart | about


def file_spec(figure: Figure, about: str) -> dict[str, Any]:
    """Return a figure as Vega-Lite has it, for a file: with its words, and a width of its own.

    Parameters
    ----------
    figure
        What is drawn.
    about
        Of which study it is, which a figure on its own does not tell.
    """
    import textwrap

    subtitle = [*([about] if about else []), *textwrap.wrap(figure.caption, 90)]
    title = {"text": figure.title, "subtitle": subtitle}
    return spec(figure, LIGHT) | {"width": FILE_WIDTH, "title": title, "padding": 16}


def forest_chart(contents: ReportContents, metric: str) -> Any:
    """Draw the deltas of a metric as a chart for a notebook.

    Returns
    -------
    altair.Chart

    Raises
    ------
    ReportError
        If the contents have no delta of the metric.
    """
    import altair as alt

    figure = effects.forest(contents, metric, LIGHT)
    if figure is None:
        raise ReportError(f"There is no delta of {metric} to draw.")
    return alt.Chart.from_dict(file_spec(figure, about_study(contents.study)))
