"""Parallel coordinates: all configurations of a search at once."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.report.figure import Figure, Spec, Theme, chart_of
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.score_axis import ordered, scored_trials, where
from ablations.report.wording import level_words, rows_of
from cnnzoo.tuning.records import Hyperparameter

MOST_AXES = 12

MOST_LABELS = 5
"""Levels that are named on an axis; of more only the first and the last."""

SHORT = 6
"""Characters of a number that are never shortened."""

CHARACTER = 0.022
"""Of a name, as a share of the axis on a phone."""

BEST_SHARE = 10
"""One in so many configurations is drawn as one of the best."""


def parallel(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw a line a configuration through all hyperparameters, one below the other."""
    scored = scored_trials(contents)
    scored = scored[scored["compared"]].sort_values("score", ascending=contents.lower)
    axes = {
        column: hp
        for column, hp in contents.hyperparameters.items()
        if column in scored and len(set(scored[column].dropna())) > 1
    }
    if len(scored) < 2 or len(axes) < 2:
        return None
    axes = dict(list(axes.items())[:MOST_AXES])
    best = set(scored["trial"].head(max(len(scored) // BEST_SHARE, 1)))
    names = [hp.name for hp in axes.values()]
    rows: list[dict[str, Any]] = []
    ends: dict[str, Mapping[Any, float]] = {}
    for column, hp in axes.items():
        ends[hp.name] = _positions(scored[column].dropna().tolist(), hp)
    for row in rows_of(scored):
        for column, hp in axes.items():
            value = row[column]
            known = value is not None and value is not pd.NA and value == value
            rows.append(
                {
                    "trial": row["trial"],
                    "toggle": hp.name,
                    "axis": names.index(hp.name),
                    "at": ends[hp.name][value] if known else None,
                    "level": level_words(value) if known else "off",
                    "score": row["score"],
                    "group": "best" if row["trial"] in best else "rest",
                }
            )
    labels = [
        {"toggle": name, **label} for name, at_level in ends.items() for label in labelled(at_level)
    ]
    # The names stand as text above their axes, so that a phone's width is all for the lines.
    y = {"field": "toggle", "type": "nominal", "sort": names, "title": None, "axis": None}
    x = {
        "field": "at",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False, "padding": 14},
        "axis": None,
    }
    tooltip = [
        {"field": "trial", "type": "nominal"},
        {"field": "toggle", "type": "nominal"},
        {"field": "level", "type": "nominal"},
        {"field": "score", "type": "quantitative", "title": contents.objective, "format": ".4g"},
    ]
    across = {"x": x, "y": y, "detail": {"field": "trial", "type": "nominal"}, "tooltip": tooltip}
    across["order"] = {"field": "axis", "type": "quantitative"}
    line = {"type": "line", "orient": "vertical"}
    axis = {"type": "rule", "color": theme["line"]}
    text = {"type": "text", "fontSize": 11, "color": theme["muted"], "baseline": "top", "dy": 6}
    level = {**text, "align": {"expr": "datum.align"}, "limit": {"expr": "datum.room * width"}}
    title = {**text, "color": theme["ink"], "fontSize": 12, "fontWeight": 600, "align": "left"}
    title |= {"baseline": "bottom", "dy": -7, "dx": -8}
    heads = [{"toggle": name, "at": 0} for name in names]
    layers: list[Spec] = [
        {
            "data": {"values": [{"toggle": name, "at": 0, "end": 1} for name in names]},
            "mark": axis,
            "encoding": {"y": y, "x": x, "x2": {"field": "end"}},
        },
        {
            "mark": {**line, "color": theme["other"], "opacity": 0.35, "strokeWidth": 1.2},
            "encoding": across,
        }
        | where("datum.group === 'rest'"),
        {
            "mark": {**line, "color": theme["accent"], "opacity": 0.9, "strokeWidth": 2.2},
            "encoding": across,
        }
        | where("datum.group === 'best'"),
        *_over(
            labels, {"x": x, "y": y, "text": {"field": "level", "type": "nominal"}}, level, theme
        ),
        *_over(
            heads, {"x": x, "y": y, "text": {"field": "toggle", "type": "nominal"}}, title, theme
        ),
    ]
    return Figure(
        "parallel",
        "From choice to choice",
        f"A line a configuration; blue: the best {len(best):,} of "
        f"{len(scored):,}. A line has a gap where a choice is switched off.",
        "parallel",
        contents.objective,
        chart_of(layers, 70 * len(names)),
        rows,
    )


def _over(values: list[Spec], encoding: Spec, style: Spec, theme: Theme) -> list[Spec]:
    """Return text that can be read over the lines: on a rim of the page's colour."""
    rim = {"stroke": theme["surface"], "strokeWidth": 4, "strokeJoin": "round", "opacity": 0.9}
    about: Spec = {"data": {"values": values}, "encoding": encoding}
    return [about | {"mark": {**style, **rim}}, about | {"mark": style}]


def _positions(values: list[Any], hp: Hyperparameter) -> dict[Any, float]:
    """Return where on its axis, from 0 to 1, each level that was tried lies."""
    levels = ordered(set(values), hp)
    numbers = all(map(is_number, levels)) and hp.kind in ("Int", "Float")
    if numbers and levels[0] != levels[-1]:
        log = hp.log and levels[0] > 0
        at = [math.log(level) if log else level for level in levels]
        return {
            level: (place - at[0]) / (at[-1] - at[0])
            for level, place in zip(levels, at, strict=True)
        }
    return {level: at / max(len(levels) - 1, 1) for at, level in enumerate(levels)}


def labelled(positions: Mapping[Any, float]) -> list[dict[str, Any]]:
    """Return the names of levels that have room on an axis, even a phone's.

    Names of a few levels are all there, shortened where they are long; of numbers, which nobody
    can shorten, those that touch no other one. The outermost ones stay inside of the axis.

    Returns
    -------
    list of dict
        ``level`` in words, where it is ``at``, how to ``align`` it, and the share of the axis that
        it has ``room`` for.

    Examples
    --------
    >>> [label["level"] for label in labelled({1: 0.0, 2: 0.02, 3: 0.5, 50: 1.0})]
    ['1', '3', '50']
    """
    levels = list(positions)
    shown = levels if len(levels) <= MOST_LABELS else [levels[0], levels[-1]]
    if not all(map(is_number, levels)):
        room = 0.65 / max(len(shown) - 1, 1.35)
        return [_label(level_words(at), positions[at], room) for at in shown]
    found: list[dict[str, Any]] = []
    ends_first = sorted(shown, key=lambda level: positions[level] not in (0, 1))
    for level in ends_first:
        label = _label(_short(level), positions[level])
        if all(_apart(label, other) for other in found):
            found.append(label)
    return sorted(found, key=lambda label: float(label["at"]))


def _short(level: float) -> str:
    words = level_words(level)
    return words if isinstance(level, int) or len(words) <= SHORT else f"{level:.3g}"


def _label(words: str, at: float, room: float = 1.0) -> dict[str, Any]:
    align = "left" if at == 0 else "right" if at == 1 else "center"
    return {"level": words, "at": at, "align": align, "room": room}


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    first, second = sorted((_extent(one), _extent(other)))
    return first[1] < second[0]


def _extent(label: Mapping[str, Any]) -> tuple[float, float]:
    """Return from where to where a name reaches, with some room around it."""
    width = CHARACTER * (len(label["level"]) + 1)
    start = {"left": 0.0, "center": width / 2, "right": width}[label["align"]]
    return label["at"] - start, label["at"] - start + width
