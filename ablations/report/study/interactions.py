"""Interactions: what a factor does at each level of another one."""

from itertools import combinations
from typing import Any

from ablations.report.figure import Figure, Theme, chart_of, layer, shown, slug
from ablations.report.numbers import is_number, p_value, size_words
from ablations.report.study.contents import EFFECTS, ReportContents
from ablations.report.theme import DASHES, SERIES
from ablations.report.wording import level_words, metric_words, rows_of
from ablations.stats.pairs import by_seed
from ablations.study import BASELINE, Status

MOST_FIGURES = 6
HEIGHT = 220


def interactions(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw pairs of factors that were changed together, in every combination, at one metric."""
    factors = [name for name, levels in contents.study.get("factors", {}).items() if len(levels)]
    if not contents.metrics or not any(len(changes) > 1 for changes in contents.changes.values()):
        return []
    figures = []
    for across, along in combinations(factors, 2):
        for metric in contents.metrics[:1]:
            cells = _cells(contents, across, along, metric)
            if cells:
                tested = _tested(contents, across, along, metric)
                figures.append(_figure(across, along, metric, cells, tested, theme))
    return figures[:MOST_FIGURES]


def _cells(
    contents: ReportContents, across: str, along: str, metric: str
) -> list[dict[str, Any]] | None:
    """Return the mean of each combination over the seeds in which all of them are done.

    A value that is not finite counts as not done, as in every comparison.
    """
    factors, baseline = contents.study["factors"], contents.study.get("baseline", {})
    done = contents.with_status(Status.DONE)
    if metric not in done or BASELINE not in set(done["variant"]):
        return None
    held = _baseline_levels(contents)
    table = by_seed(done, metric).dropna(axis=1, how="all")
    # By combination, and by what else is changed: only what is there in every combination counts,
    # or the means would differ by what else was tried.
    where: dict[tuple[str, str], dict[str, str]] = {}
    for variant in table.columns:
        changes = {} if variant == BASELINE else contents.changes.get(variant)
        if changes is None:
            continue
        levels = [changes.get(name, held.get(name, baseline.get(name))) for name in (across, along)]
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
    """Return the baseline's level of each factor, which variants of that factor alone name."""
    single = contents.trials.drop_duplicates("variant")
    pairs = zip(single["factor"], single["baseline"], strict=True)
    return {factor: level for factor, level in pairs if isinstance(factor, str)}


def _tested(contents: ReportContents, across: str, along: str, metric: str) -> str:
    """Say how large the interaction is, with what it may be instead, where that was estimated."""
    from ablations.stats.contrasts import TOGETHER

    terms = (f"{across}{TOGETHER}{along}", f"{along}{TOGETHER}{across}")
    found = [
        row
        for row in rows_of(contents.tables.get(EFFECTS, contents.deltas.head(0)))
        if row["term"] in terms and row["metric"] == metric and is_number(row["p_adjusted"])
    ]
    if not found:
        return "Nothing is tested here: lines that are not quite parallel may be chance."
    row = found[0]
    size = ""
    if is_number(row["delta"]):
        size = f"{size_words(row['delta'], row['ci_low'], row['ci_high'])}, "
    return f"Here the interaction is {size}p {p_value(row['p_adjusted'])} (Holm)."


def _figure(
    across: str,
    along: str,
    metric: str,
    cells: list[dict[str, Any]],
    tested: str,
    theme: Theme,
) -> Figure:
    levels = list(dict.fromkeys(cell["along"] for cell in cells))
    order = list(dict.fromkeys(cell["across"] for cell in cells))
    names = [*SERIES, "baseline", "other"]
    colours = [theme[names[at % len(names)]] for at in range(len(levels))]
    dashes = [DASHES[at % len(DASHES)] for at in range(len(levels))]
    legend = {"title": along, "symbolType": "stroke", "symbolStrokeWidth": 2.5}
    colour, dash = (
        shown("along", "nominal", scale={"domain": levels, "range": looks}, legend=legend)
        for looks in (colours, dashes)
    )
    words = metric_words(metric)
    x = shown(
        "across",
        "ordinal",
        sort=order,
        title=across,
        axis={"labelAngle": 0},
        scale={"padding": 0.4},
    )
    encoding = {
        "x": x,
        "y": shown("mean", "quantitative", title=words, scale={"zero": False}),
        "color": colour,
        "strokeDash": dash,
        "tooltip": [
            shown("across", "nominal", title=across),
            shown("along", "nominal", title=along),
            shown("mean", "quantitative", title=words, format=".4g"),
        ],
    }
    line = layer("line", encoding, strokeWidth=2.2, point={"size": 60, "filled": True})
    return Figure(
        name=slug("interaction", across, along),
        title=f"{across} by {along}",
        caption=(
            f"Mean {words} of each combination, over the seeds that all of them finished. Where "
            f"lines are parallel the two factors do not interact. {tested}"
        ),
        section="interactions",
        metric=metric,
        chart=chart_of([line], HEIGHT),
        rows=cells,
    )
