"""Contour of the score over the two most important choices of a search."""

from typing import Any

from ablations.report.figure import Figure, Spec, Theme, chart_of, layer, nominal, quantitative
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.score_axis import TICKS, ordered, scored_trials
from ablations.report.table import rows_of
from ablations.report.wording import level_words

HEIGHT = 360
STEPS = 9
"""Number of colours between contour lines."""

SCHEME = "viridis"


def surface_figure(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw the predicted score as coloured cells, with the trials as points."""
    if contents.surface.empty:
        return None
    (x_column, x_hp), (y_column, y_hp) = list(contents.hyperparameters.items())[:2]
    cells: list[dict[str, Any]] = [
        {"kind": "cell"}
        | {name: level_words(value) if name in "xy" else value for name, value in row.items()}
        for row in rows_of(contents.surface)
    ]
    scored = scored_trials(contents)
    tried = scored[scored["compared"]].dropna(subset=[x_column, y_column])
    points = [
        {
            "kind": "trial",
            "trial": row["trial"],
            "x": level_words(row[x_column]),
            "y": level_words(row[y_column]),
            "x_at": row[x_column],
            "y_at": row[y_column],
            "score": row["score"],
        }
        for row in rows_of(tried)
    ]
    is_range = {end: is_number(contents.surface[f"{end}_low"].iloc[0]) for end in "xy"}
    channels: dict[str, Spec] = {}
    marks: dict[str, Spec] = {}
    for end, hp, column in (("x", x_hp, x_column), ("y", y_hp, y_column)):
        if is_range[end]:
            kind: Spec = {"type": "log"} if hp.log else {"zero": False}
            scale = {**kind, "nice": False}
            axis = {"grid": False, "format": TICKS, "tickCount": 5}
            both = {"title": hp.name, "scale": scale, "axis": axis}
            channels[end] = quantitative(f"{end}_low", **both)
            channels[f"{end}2"] = {"field": f"{end}_high"}
            marks[end] = quantitative(f"{end}_at", **both)
        else:
            names = [level_words(level) for level in ordered(set(tried[column]), hp)]
            channels[end] = marks[end] = nominal(
                end, title=hp.name, sort=names, axis={"labelAngle": 0}
            )
    colour = quantitative(
        "score",
        title="predicted score",
        bin={"maxbins": STEPS},
        scale={"scheme": SCHEME, "reverse": contents.lower},
        legend={"orient": "right", "direction": "vertical"},
    )

    tooltip = [nominal("x", title=x_hp.name), nominal("y", title=y_hp.name)]
    tooltip.append(quantitative("score", title=contents.objective, format=".4g"))
    layers = [
        layer(
            "rect",
            {**channels, "color": colour, "stroke": colour, "tooltip": tooltip},
            only="datum.kind === 'cell'",
            strokeWidth=1,
        ),
        layer(
            "point",
            {**marks, "tooltip": [nominal("trial"), *tooltip]},
            only="datum.kind === 'trial'",
            filled=True,
            size=30,
            color=theme["surface"],
            stroke=theme["ink"],
            strokeWidth=1,
            opacity=0.9,
        ),
    ]
    return Figure(
        "surface",
        f"Score by {x_hp.name} and {y_hp.name}",
        "Score that a random forest predicts, averaged over the other choices; dots are the "
        "trials. Far from dots it is a guess.",
        "surface",
        contents.objective,
        chart_of(layers, HEIGHT),
        [*cells, *points],
    )
