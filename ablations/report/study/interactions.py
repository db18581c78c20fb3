"""Interaction plots: the effect of a factor at each level of another factor."""

from itertools import combinations
from typing import Any

from ablations.report.figure import Figure, Theme, chart_of, layer, nominal, quantitative, slug
from ablations.report.metric_axis import metric_scale, metric_title
from ablations.report.numbers import estimate, is_number, p_words
from ablations.report.study.contents import EFFECTS, ReportContents
from ablations.report.table import rows_of
from ablations.report.theme import DASHES, SERIES
from ablations.report.wording import level_words, metric_words
from ablations.stats.contrasts import TOGETHER
from ablations.stats.pairs import by_seed
from ablations.study import BASELINE, Status

MOST_FIGURES = 6
HEIGHT = 220


def interactions(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw the first metric for each pair of factors of which all combinations were trained."""
    factors = [name for name, levels in contents.study.get("factors", {}).items() if len(levels)]
    if not contents.metrics or not any(len(changes) > 1 for changes in contents.changes.values()):
        return []
    metric, figures = contents.metrics[0], []
    for across, along in combinations(factors, 2):
        cells = _cells(contents, across, along, metric)
        if cells:
            test = _test(contents, across, along, metric)
            figures.append(_figure(across, along, metric, cells, test, theme))
    return figures[:MOST_FIGURES]


def _cells(
    contents: ReportContents, across: str, along: str, metric: str
) -> list[dict[str, Any]] | None:
    """Return the mean of each combination over the seeds in which all of them finished.

    A value that is not finite counts as unfinished, as in every comparison.
    """
    factors, baseline = contents.study["factors"], contents.study.get("baseline", {})
    finished = contents.with_status(Status.DONE)
    if metric not in finished or BASELINE not in set(finished["variant"]):
        return None
    start = _baseline_levels(contents)
    table = by_seed(finished, metric).dropna(axis=1, how="all")
    # The other changes must be the same in every combination, or the means would differ by them.
    where: dict[tuple[str, str], dict[str, str]] = {}
    for variant in table.columns:
        changes = {} if variant == BASELINE else contents.changes.get(variant)
        if changes is None:
            continue
        levels = [
            changes.get(name, start.get(name, baseline.get(name))) for name in (across, along)
        ]
        rest = {name: level for name, level in changes.items() if name not in (across, along)}
        cell = (level_words(levels[0]), level_words(levels[1]))
        where.setdefault(cell, {})[repr(sorted(rest.items()))] = variant
    grid = [
        (level_words(first), level_words(second))
        for first in factors[across]
        for second in factors[along]
    ]
    shared = set.intersection(*(set(where.get(cell, ())) for cell in grid))
    if not shared:
        return None
    members = {cell: [where[cell][rest] for rest in sorted(shared)] for cell in grid}
    used = table[[variant for cell in grid for variant in members[cell]]].dropna()
    if used.empty:
        return None
    return [
        {"across": cell[0], "along": cell[1], "mean": float(used[members[cell]].mean(axis=None))}
        for cell in grid
    ]


def _baseline_levels(contents: ReportContents) -> dict[str, Any]:
    """Return the baseline's level of each factor that a variant changes alone."""
    single = contents.trials.drop_duplicates("variant")
    pairs = zip(single["factor"], single["baseline"], strict=True)
    return {factor: level for factor, level in pairs if isinstance(factor, str)}


def _test(contents: ReportContents, across: str, along: str, metric: str) -> str:
    """Write the size and the p value of the interaction, if it was estimated."""
    terms = (f"{across}{TOGETHER}{along}", f"{along}{TOGETHER}{across}")
    for row in rows_of(contents.tables.get(EFFECTS, contents.deltas.head(0))):
        if row["term"] in terms and row["metric"] == metric and is_number(row["p_adjusted"]):
            p = p_words(row["p_adjusted"])
            if not is_number(row["delta"]):
                return f"The interaction has {p}."
            size = estimate(row["delta"], row["ci_low"], row["ci_high"], p)
            return f"The interaction is {size}."
    return "The interaction was not tested."


def _figure(
    across: str, along: str, metric: str, cells: list[dict[str, Any]], test: str, theme: Theme
) -> Figure:
    levels = list(dict.fromkeys(cell["along"] for cell in cells))
    order = list(dict.fromkeys(cell["across"] for cell in cells))
    names = [*SERIES, "baseline", "other"]
    colours = [theme[names[at % len(names)]] for at in range(len(levels))]
    dashes = [DASHES[at % len(DASHES)] for at in range(len(levels))]
    legend = {"title": along, "symbolType": "stroke", "symbolStrokeWidth": 2.5}
    colour, dash = (
        nominal("along", scale={"domain": levels, "range": looks}, legend=legend)
        for looks in (colours, dashes)
    )
    words = metric_words(metric)
    x = nominal("across", sort=order, title=across, axis={"labelAngle": 0}, scale={"padding": 0.4})
    encoding = {
        "x": x,
        "y": quantitative(
            "mean",
            title=metric_title(metric),
            scale=metric_scale(metric, (cell["mean"] for cell in cells)),
        ),
        "color": colour,
        "strokeDash": dash,
        "tooltip": [
            nominal("across", title=across),
            nominal("along", title=along),
            quantitative("mean", title=words, format=".4g"),
        ],
    }
    line = layer("line", encoding, strokeWidth=2.2, point={"size": 60, "filled": True})
    return Figure(
        name=slug("interaction", across, along),
        title=f"{across} by {along}",
        caption=(f"Mean {words} over shared seeds; parallel lines mean no interaction. {test}"),
        section="interactions",
        metric=metric,
        chart=chart_of([line], HEIGHT),
        rows=cells,
    )
