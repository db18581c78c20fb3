"""The figures of a search: how it went, what it tried, and what seems to matter."""

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    slug,
    whole_ticks,
    with_distinct_names,
)
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.parallel import parallel
from ablations.report.search.score_axis import ordered, score_axis, scored_trials, where
from ablations.report.wording import level_words, rows_of
from cnnzoo.tuning.records import Hyperparameter

MOST_SLICES = 12
MOST_LEVELS = 12
"""Levels that are set beside each other; more are drawn along an axis if they are numbers."""


def draw_figures(contents: SearchContents, theme: Theme) -> list[Figure]:
    """Draw all that the contents allow."""
    drawn = [_progress(contents, theme), _importance(contents, theme)]
    shown = list(contents.hyperparameters.items())
    drawn += [_slice(contents, column, hp, theme) for column, hp in shown[:MOST_SLICES]]
    drawn.append(parallel(contents, theme))
    return with_distinct_names(figure for figure in drawn if figure is not None)


def _progress(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw each score and the best so far against the trials, where their order is known."""
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
            "kind": "compared" if own else "fewer epochs",
        }
        for place, trial, score, so_far, own in zip(
            scored["place"], scored["trial"], scored["score"], best, scored["compared"], strict=True
        )
    ]
    y, said = score_axis(contents, scored["score"].tolist())
    last = max(row["place"] for row in rows)
    x = {
        "field": "place",
        "type": "quantitative",
        "title": "trial, in the order of the search",
        "scale": {"nice": False, "padding": 8, "domain": [1, last] if last > 1 else [0.5, 1.5]},
        "axis": {"grid": False, "format": "d", "values": whole_ticks(last)},
    }
    tooltip = [
        {"field": "trial", "type": "nominal"},
        {"field": "score", "type": "quantitative", "title": contents.objective, "format": ".4g"},
        {"field": "best", "type": "quantitative", "title": "best so far", "format": ".4g"},
        {"field": "kind", "type": "nominal"},
    ]
    both = {"x": x, "y": y, "tooltip": tooltip}
    point = {"type": "point", "size": 42, "opacity": 0.8}
    line = {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5}
    layers = [
        {
            "mark": {**line, "color": theme["accent"]},
            "encoding": {"x": x, "y": {**y, "field": "best"}},
        }
        | where("isValid(datum.best)"),
        {"mark": {**point, "color": theme["muted"], "filled": True}, "encoding": both}
        | where("datum.kind === 'compared'"),
    ]
    short = int((~scored["compared"]).sum())
    if short:
        hollow = {"mark": {**point, "color": theme["muted"], "filled": False}, "encoding": both}
        layers.append(hollow | where("datum.kind !== 'compared'"))
        said += f" Hollow: {short:,} trials that were given fewer epochs or lack an execution."
    lost = contents.not_done["trial"].nunique()
    if lost:
        said += f" {lost:,} trials have no score; they are below."
    return Figure(
        "progress",
        "Best so far",
        f"A point a trial, the mean of its executions; the line is the best so far.{said}",
        "progress",
        contents.objective,
        chart_of(layers, 300),
        rows,
    )


def _importance(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw the importance of each hyperparameter with its interval."""
    known = contents.importance.dropna(subset="importance")
    if known.empty:
        return None
    rows = [
        {**row, "sure": row["ci_low"] > 0 and not contents.too_few}
        for row in rows_of(known.drop(columns="note"))
    ]
    for row in rows:
        row["shown"] = "its interval is above 0" if row["sure"] else "it may be none"
    y = {
        "field": "toggle",
        "type": "nominal",
        "sort": [row["toggle"] for row in rows],
        "title": None,
        "axis": {"labelLimit": 220},
    }
    tooltip = [
        {"field": "toggle", "type": "nominal"},
        *(
            {"field": name, "type": "quantitative", "format": ".1%"}
            for name in ("importance", "ci_low", "ci_high")
        ),
        {"field": "shown", "type": "nominal", "title": "so"},
    ]
    title = "share of the scores' variance"
    said = " Here all are, for there are too few trials to tell." if contents.too_few else ""
    scale = {"zero": True, "nice": True, "padding": 10}  # or marks cover the names
    x = {"type": "quantitative", "title": title, "scale": scale, "axis": {"format": "%"}}
    colour = {
        "condition": {"test": "datum.sure", "value": theme["accent"]},
        "value": theme["inconclusive"],
    }
    fill = {
        "condition": {"test": "datum.sure", "value": theme["accent"]},
        "value": theme["surface"],
    }
    layers = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": theme["muted"], "strokeDash": [4, 3]},
            "encoding": {"x": {"field": "zero", "type": "quantitative"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2.5, "strokeCap": "round"},
            "encoding": {
                "y": y,
                "tooltip": tooltip,
                "color": colour,
                "x": {**x, "field": "ci_low"},
                "x2": {"field": "ci_high"},
            },
        },
        {
            "mark": {"type": "point", "size": 110, "strokeWidth": 2, "opacity": 1},
            "encoding": {
                "y": y,
                "tooltip": tooltip,
                "color": colour,
                "fill": fill,
                "x": {**x, "field": "importance"},
            },
        },
    ]
    return Figure(
        "importance",
        "Importance of each choice",
        "The share of the variance that a choice has a part in, alone or with others: by how much "
        "shuffling it spoils a random forest's predictions of scores that it has not seen, with "
        f"95% intervals. A hollow mark: it may not matter at all.{said}",
        "importance",
        contents.objective,
        chart_of(layers, 34 * len(rows) + 16),
        rows,
    )


def _slice(
    contents: SearchContents, column: str, hp: Hyperparameter, theme: Theme
) -> Figure | None:
    """Draw the scores against one hyperparameter."""
    scored = scored_trials(contents)
    scored = scored[scored["compared"]]
    if column not in scored or scored[column].nunique() < 2:
        return None
    tried = scored.dropna(subset=column)
    values = tried[column].tolist()
    along = all(map(is_number, values)) and (hp.kind == "Float" or len(set(values)) > MOST_LEVELS)
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
    y, said = score_axis(contents, tried["score"].tolist())
    if along:
        kind = {"type": "log"} if hp.log and min(values) > 0 else {"zero": False}
        x: Spec = {
            "type": "quantitative",
            "scale": {**kind, "nice": False, "padding": 10},
            "axis": {"grid": False, "format": "~g", "tickCount": 4},
        }
    else:
        order = [level_words(level) for level in ordered(set(values), hp)]
        x = {"type": "nominal", "sort": order, "axis": {"labelAngle": 0, "labelLimit": 90}}
    x |= {"field": "level", "title": hp.name}
    off = len(scored) - len(tried)
    if off:
        said += f" {off:,} in which it is switched off are left out."
    tooltip = [
        {"field": "trial", "type": "nominal"},
        {"field": "level", "type": "quantitative" if along else "nominal", "title": hp.name},
        {"field": "score", "type": "quantitative", "title": contents.objective, "format": ".4g"},
    ]
    dot = {"type": "point", "filled": True, "size": 46, "opacity": 0.55, "color": theme["accent"]}
    layers = [{"mark": dot, "encoding": {"x": x, "y": y, "tooltip": tooltip}}]
    if not along:
        mean = {"type": "tick", "color": theme["ink"], "thickness": 2.5, "width": 26}
        middle = {**y, "aggregate": "median"}
        layers.append({"mark": mean, "encoding": {"x": x, "y": middle}})
        said += " The bars are medians."
    return Figure(
        slug("slice", column),
        f"Score against {hp.name}",
        f"A point a trial; the other choices differ too.{said}",
        "slices",
        contents.objective,
        chart_of(layers, 220),
        rows,
    )
