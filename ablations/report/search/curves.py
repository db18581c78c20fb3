"""Learning curves of a search: one line per trial and seed."""

from ablations.report.figure import (
    Figure,
    Spec,
    Theme,
    chart_of,
    layer,
    nominal,
    quantitative,
    whole_ticks,
)
from ablations.report.numbers import is_number
from ablations.report.search.contents import SearchContents
from ablations.report.search.score_axis import best_trials, scored_trials
from ablations.report.table import rows_of
from ablations.report.wording import count_of, metric_words

HEIGHT = 300
MOST_LINES = 400
LOG_FROM = 8
"""Ratio of the largest to the smallest value of a loss from which its axis is logarithmic."""


def learning_curves(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw the objective by epoch or, if it was measured at the end only, the training loss."""
    history = contents.history
    metric = next((name for name in (contents.metric, "loss") if name in history), None)
    if metric is None or history["epoch"].max() < 2:
        return None
    scored = scored_trials(contents)
    best = best_trials(contents, scored)
    scores = dict(zip(scored["trial"], scored["score"], strict=True))
    kept = history.dropna(subset=metric)
    runs = list(dict.fromkeys(zip(kept["trial"], kept["execution"], strict=True)))
    shown = {*runs[:MOST_LINES]}
    rows = [
        {
            "run": f"{row['trial']}/{row['execution']}",
            "trial": row["trial"],
            "seed": str(row["seed"]),
            "epoch": row["epoch"],
            "value": row[metric],
            "score": scores.get(row["trial"]),
            "group": "best" if row["trial"] in best else "rest",
        }
        for row in rows_of(kept[["trial", "execution", "seed", "epoch", metric]])
        if (row["trial"], row["execution"]) in shown and is_number(row[metric])
    ]
    if not rows:
        return None
    values = [row["value"] for row in rows]
    log = metric.endswith("loss") and min(values) > 0 and max(values) > LOG_FROM * min(values)
    words = metric_words(metric)
    scale: Spec = {"type": "log", "nice": False} if log else {"zero": False, "nice": True}
    last = int(max(row["epoch"] for row in rows))
    encoding = {
        "x": quantitative(
            "epoch",
            title="epoch",
            scale={"zero": False, "nice": False},
            axis={"grid": False, "format": "d", "values": whole_ticks(last)},
        ),
        "y": quantitative("value", title=words + (" (log scale)" if log else ""), scale=scale),
        "detail": nominal("run"),
        "tooltip": [
            nominal("trial"),
            nominal("seed"),
            quantitative("epoch"),
            quantitative("value", title=words, format=".4g"),
            quantitative("score", title=contents.objective, format=".4g"),
        ],
    }
    layers = [
        layer(
            "line",
            encoding,
            only=f"datum.group === '{group}'",
            color=theme[colour],
            opacity=opacity,
            strokeWidth=width,
        )
        for group, colour, opacity, width in (
            ("rest", "other", 0.5, 1.2),
            ("best", "accent", 0.95, 2.0),
        )
    ]
    note = f" Only {count_of(MOST_LINES, 'training')} are drawn." * (len(runs) > MOST_LINES)
    return Figure(
        "curves",
        "Learning curves",
        f"{words.capitalize()} of each training; the best {count_of(len(best), 'trial')} "
        f"{'is' if len(best) == 1 else 'are'} blue.{note}",
        "curves",
        metric,
        chart_of(layers, HEIGHT),
        rows,
    )
