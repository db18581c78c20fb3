"""Figures of a search: its progress, the importance of each choice, and scores by choice."""

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    every_tick,
    layer,
    nominal,
    quantitative,
    slug,
    whole_ticks,
    with_distinct_names,
    zero_line,
)
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.curves import learning_curves
from ablations.report.search.parallel import parallel
from ablations.report.search.score_axis import TICKS, ordered, score_axis, scored_trials
from ablations.report.search.surface import surface_figure
from ablations.report.search.timeline import timeline
from ablations.report.table import rows_of
from ablations.report.wording import count_of, level_words
from cnnzoo.tuning.records import Hyperparameter

MOST_SLICES = 12
MOST_TICKS = 6
"""Number of levels up to which each has a tick on an axis of numbers."""


def draw_figures(contents: SearchContents, theme: Theme) -> list[Figure]:
    """Draw all figures that the contents allow."""
    drawn = [_progress(contents, theme), _importance(contents, theme)]
    drawn.append(surface_figure(contents, theme))
    columns = list(contents.hyperparameters.items())
    drawn += [_slice(contents, column, hp, theme) for column, hp in columns[:MOST_SLICES]]
    drawn += [draw(contents, theme) for draw in (parallel, learning_curves, timeline)]
    return with_distinct_names(figure for figure in drawn if figure is not None)


def _progress(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw each score and the best so far by trial, if the order of the trials is known."""
    scored = scored_trials(contents)
    if scored.empty or not contents.in_order:
        return None
    compared = scored["score"].where(scored["compared"])
    best = compared.cummin() if contents.lower else compared.cummax()
    best = best.ffill()
    rows = [
        {
            "place": place,
            "trial": trial,
            "score": score,
            "best": so_far,
            "kind": "compared" if is_compared else "fewer epochs",
        }
        for place, trial, score, so_far, is_compared in zip(
            scored["place"], scored["trial"], scored["score"], best, scored["compared"], strict=True
        )
    ]
    y, note = score_axis(contents, scored["score"].tolist())
    last = max(row["place"] for row in rows)
    x = quantitative(
        "place",
        title="trial, in the order of the search",
        scale={"nice": False, "padding": 8, "domain": [1, last] if last > 1 else [0.5, 1.5]},
        axis={"grid": False, "format": "d", "values": whole_ticks(last)},
    )
    tooltip = [
        nominal("trial"),
        quantitative("score", title=contents.objective, format=".4g"),
        quantitative("best", title="best so far", format=".4g"),
        nominal("kind"),
    ]
    points = {"x": x, "y": y, "tooltip": tooltip}
    dot = {"size": 42, "opacity": 0.8, "color": theme["muted"]}
    layers = [
        layer(
            "line",
            {"x": x, "y": {**y, "field": "best"}},
            only="isValid(datum.best)",
            interpolate="step-after",
            strokeWidth=2.5,
            color=theme["accent"],
        ),
        layer("point", points, only="datum.kind === 'compared'", filled=True, **dot),
    ]
    fewer = int((~scored["compared"]).sum())
    if fewer:
        layers.append(layer("point", points, only="datum.kind !== 'compared'", filled=False, **dot))
        note += f" Hollow: {count_of(fewer, 'trial')} with fewer epochs or a missing execution."
    without_score = contents.without_score["trial"].nunique()
    if without_score:
        note += f" Not drawn: {count_of(without_score, 'trial')} without a score."
    return Figure(
        "progress",
        "Best so far",
        "One point per trial, the mean of its executions; the line is the best score so far."
        + note,
        "progress",
        contents.objective,
        chart_of(layers, 300),
        rows,
    )


def _importance(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw the importance of each hyperparameter with its interval."""
    measured = contents.importance.dropna(subset="importance")
    if measured.empty:
        return None
    rows = [
        {**row, "sure": row["low"] > 0 and not contents.too_few}
        for row in rows_of(measured.drop(columns="note"))
    ]
    for row in rows:
        row["meaning"] = "its line is above 0" if row["sure"] else "it may not matter"
    base = {
        "y": nominal(
            "toggle", sort=[row["toggle"] for row in rows], title=None, axis={"labelLimit": 220}
        ),
        "tooltip": [
            nominal("toggle"),
            *(quantitative(name, format=".1%") for name in ("importance", "low", "high")),
            nominal("meaning"),
        ],
        "color": _if_sure(theme["accent"], theme["inconclusive"]),
    }
    # padding keeps the marks off the names
    axis = {"axis": {"format": "%"}, "scale": {"zero": True, "nice": True, "padding": 10}}
    axis |= {"title": "share of the variance of scores"}
    ends = {"x": quantitative("low", **axis), "x2": {"field": "high"}}
    points = {
        "x": quantitative("importance", **axis),
        "fill": _if_sure(theme["accent"], theme["surface"]),
    }
    layers = [
        zero_line(theme),
        layer("rule", base | ends, strokeWidth=2.5, strokeCap="round"),
        layer("point", base | points, size=110, strokeWidth=2, opacity=1),
    ]
    note = " Here all are hollow because there are too few trials." if contents.too_few else ""
    return Figure(
        "importance",
        "Importance of each choice",
        "Share of the variance of scores that a choice has a part in, alone or with others, as far "
        "as a random forest finds it. The line says how far this depends on the folds. From few "
        f"trials use the order only; a choice with a hollow mark may not matter at all.{note}",
        "importance",
        contents.objective,
        chart_of(layers, 34 * len(rows) + 16),
        rows,
    )


def _if_sure(colour: str, other: str) -> Spec:
    return {"condition": {"test": "datum.sure", "value": colour}, "value": other}


def _slice(
    contents: SearchContents, column: str, hp: Hyperparameter, theme: Theme
) -> Figure | None:
    """Draw the scores by level of one hyperparameter."""
    scored = scored_trials(contents)
    scored = scored[scored["compared"]]
    if column not in scored or scored[column].nunique() < 2:
        return None
    tried = scored.dropna(subset=column)
    values = tried[column].tolist()
    along = all(map(is_number, values))
    few = len(set(values)) <= MOST_TICKS
    rows = [
        {
            "level": value if along else level_words(value),
            "score": score,
            "trial": trial,
            "place": place,
        }
        for value, score, trial, place in zip(
            values, tried["score"], tried["trial"], tried["place"], strict=True
        )
    ]
    y, note = score_axis(contents, tried["score"].tolist())
    if along:
        kind = {"type": "log"} if hp.log and min(values) > 0 else {"zero": False}
        x = quantitative(
            "level",
            title=hp.name,
            scale={**kind, "nice": False, "padding": 16},
            axis={"grid": False, "format": TICKS, "tickCount": 4}
            | (every_tick(sorted(set(values))) if few else {}),
        )
    else:
        order = [level_words(level) for level in ordered(set(values), hp)]
        axis = {"labelAngle": 0, "labelLimit": 90}
        x = nominal("level", title=hp.name, sort=order, axis=axis)
    inactive = len(scored) - len(tried)
    if inactive:
        note += f" {count_of(inactive, 'trial')} in which it is inactive are left out."
    tooltip = [
        nominal("trial"),
        (quantitative if along else nominal)("level", title=hp.name),
        quantitative("score", title=contents.objective, format=".4g"),
    ]
    dot: Spec = {"filled": True, "size": 46, "opacity": 0.55, "color": theme["accent"]}
    layers = [layer("point", {"x": x, "y": y, "tooltip": tooltip}, **dot)]
    if few or not along:
        bar: Spec = {"color": theme["ink"], "thickness": 2.5, "width": 22, "orient": "horizontal"}
        layers.append(layer("tick", {"x": x, "y": {**y, "aggregate": "median"}}, **bar))
        note += " The bars are medians."
    return Figure(
        slug("slice", column),
        f"Score by {hp.name}",
        f"One point per trial; the other choices vary too.{note}",
        "slices",
        contents.objective,
        chart_of(layers, 220),
        rows,
    )
