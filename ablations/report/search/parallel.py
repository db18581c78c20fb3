"""Parallel coordinates: all configurations of a search at once."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations.report.figure import Figure, Spec, Theme, chart_of, layer, nominal, quantitative
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.score_axis import best_trials, ordered, scored_trials
from ablations.report.table import rows_of
from ablations.report.wording import level_words
from cnnzoo.tuning.records import Hyperparameter

MOST_AXES = 12

HEIGHT = 84
"""Height of an axis in pixels."""

BUNDLE = 0.08
"""Share of an axis over which the lines of one of few levels are spread, the best first."""

MOST_LABELS = 5
"""Number of levels up to which all are named on an axis; else only the first and the last."""

SHORT = 6
"""Number of characters up to which a number is not shortened."""


def parallel(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw one line per configuration through all hyperparameters, one below the other."""
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
    best = best_trials(contents, scored)
    names = [hp.name for hp in axes.values()]
    rows: list[dict[str, Any]] = []
    positions: dict[str, Mapping[Any, float]] = {
        hp.name: _positions(scored[column].dropna().tolist(), hp) for column, hp in axes.items()
    }
    for rank, row in enumerate(rows_of(scored)):
        aside = BUNDLE * (rank / (len(scored) - 1) - 0.5)
        for column, hp in axes.items():
            value = row[column]
            active = value is not None and value is not pd.NA and value == value
            bundled = len(positions[hp.name]) <= MOST_LABELS
            rows.append(
                {
                    "trial": row["trial"],
                    "toggle": hp.name,
                    "axis": names.index(hp.name),
                    "at": positions[hp.name][value] + aside * bundled if active else None,
                    "level": level_words(value) if active else "off",
                    "score": row["score"],
                    "group": "best" if row["trial"] in best else "rest",
                }
            )
    labels = [
        {"toggle": name, **label}
        for name, at_level in positions.items()
        for label in labelled(at_level)
    ]
    # Names are written above their axes, which leaves a phone's width to the lines.
    y = nominal("toggle", sort=names, title=None, axis=None)
    scale = {"domain": [0, 1], "nice": False, "padding": 34}
    x = quantitative("at", scale=scale, axis=None)
    across = {
        "x": x,
        "y": y,
        "detail": nominal("trial"),
        "order": quantitative("axis"),
        "tooltip": [
            nominal("trial"),
            nominal("toggle"),
            nominal("level"),
            quantitative("score", title=contents.objective, format=".4g"),
        ],
    }
    style = {"fontSize": 11, "color": theme["muted"], "baseline": "top", "dy": 6}
    level = style | {"align": {"expr": "datum.align"}, "limit": {"expr": "datum.room * width"}}
    title = style | {"color": theme["ink"], "fontSize": 12, "fontWeight": 600, "align": "left"}
    title |= {"baseline": "bottom", "dy": -7, "dx": -8}
    heads = [{"toggle": name, "at": 0} for name in names]
    axis = layer("rule", {"y": y, "x": x, "x2": {"field": "end"}}, color=theme["line"])
    layers: list[Spec] = [
        axis | {"data": {"values": [{"toggle": name, "at": 0, "end": 1} for name in names]}},
        *(
            layer(
                "line",
                across,
                only=f"datum.group === '{group}'",
                orient="vertical",
                color=theme[colour],
                opacity=opacity,
                strokeWidth=width,
            )
            for group, colour, opacity, width in (
                ("rest", "other", 0.35, 1.2),
                ("best", "accent", 0.9, 2.2),
            )
        ),
        *_over(labels, {"x": x, "y": y, "text": nominal("level")}, level, theme),
        *_over(heads, {"x": x, "y": y, "text": nominal("toggle")}, title, theme),
    ]
    return Figure(
        "parallel",
        "All configurations",
        f"One line per configuration; the best {len(best):,} of {len(scored):,} are blue. A line "
        "has a gap where a choice is inactive. On axes of "
        f"at most {MOST_LABELS} levels, lines are spread around their level.",
        "parallel",
        contents.objective,
        chart_of(layers, HEIGHT * len(names)),
        rows,
    )


def _over(values: list[Spec], encoding: Spec, style: Spec, theme: Theme) -> list[Spec]:
    """Return text with a rim in the background colour, so that it is legible over the lines."""
    rim: Spec = {
        "stroke": theme["surface"],
        "strokeWidth": 4,
        "strokeJoin": "round",
        "opacity": 0.9,
    }
    data: Spec = {"data": {"values": values}}
    return [layer("text", encoding, **style, **rim) | data, layer("text", encoding, **style) | data]


def _positions(values: list[Any], hp: Hyperparameter) -> dict[Any, float]:
    """Return the position of each tried level on its axis, from 0 to 1."""
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
    """Return the labels of an axis: of all levels if they are few, else of the first and the last.

    Of numbers there are always the first and the last only, because others might overlap. Names of
    levels are cut if they are long.

    Returns
    -------
    list of dict
        The ``level`` in words, its position ``at``, its ``align``, and the share of the axis that
        it has ``room`` for.

    Examples
    --------
    >>> [label["level"] for label in labelled({1: 0.0, 2: 0.02, 3: 0.5, 50: 1.0})]
    ['1', '50']
    """
    levels = list(positions)
    numbers = all(map(is_number, levels))
    if len(levels) > 2 and (numbers or len(levels) > MOST_LABELS):
        levels = [levels[0], levels[-1]]
    room = 0.65 / max(len(levels) - 1, 1.35)
    labels = []
    for level in levels:
        at = positions[level]
        align = "left" if at == 0 else "right" if at == 1 else "center"
        words = _short(level) if numbers else level_words(level)
        labels.append({"level": words, "at": at, "align": align, "room": room})
    return labels


def _short(level: float) -> str:
    words = level_words(level)
    return words if isinstance(level, int) or len(words) <= SHORT else f"{level:.3g}"
