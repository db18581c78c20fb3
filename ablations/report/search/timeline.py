"""Timeline of a search: what each worker trained, and when."""

from ablations.report.figure import Figure, Theme, chart_of, layer, nominal, quantitative
from ablations.report.search.contents import SearchContents
from ablations.report.search.score_axis import best_trials, scored_trials
from ablations.report.table import rows_of
from cnnzoo.tuning.records import TrialStatus

ROW = 30

HOUR = 5400
"""Seconds from which the axis is in hours; below `MINUTE` it is in seconds."""

MINUTE = 240

COLOURS = {"best": "accent", "done": "other", "no score": "worse"}
"""Colour of the theme by the outcome of a training."""


def timeline(contents: SearchContents, theme: Theme) -> Figure | None:
    """Draw one bar per training, if it is known when and where they ran."""
    known = contents.trials.dropna(subset=["started", "worker", "seconds"])
    if known.empty:
        return None
    best = best_trials(contents, scored_trials(contents))
    start = known["started"].min()
    whole = float((known["started"] + known["seconds"]).max() - start)
    unit, size = ("h", 3600) if whole > HOUR else ("min", 60) if whole > MINUTE else ("s", 1)
    order = known.sort_values("started")["worker"].unique().tolist()
    names = {worker: f"worker {place}" for place, worker in enumerate(order, 1)}
    rows = [
        {
            "worker": names[row["worker"]],
            "trial": row["trial"],
            "seed": str(row["seed"]),
            "from": (row["started"] - start) / size,
            "to": (row["started"] + row["seconds"] - start) / size,
            "seconds": row["seconds"],
            "kind": _kind(row["status"], row["trial"], best),
        }
        for row in rows_of(known[["worker", "trial", "seed", "started", "seconds", "status"]])
    ]
    kinds = [kind for kind in COLOURS if kind in {row["kind"] for row in rows}]
    colours = {"domain": kinds, "range": [theme[COLOURS[kind]] for kind in kinds]}
    encoding = {
        "y": nominal("worker", sort=list(names.values()), title=None, scale={"padding": 0.25}),
        "x": quantitative("from", title=f"time since the first training began ({unit})"),
        "x2": {"field": "to"},
        "color": nominal("kind", scale=colours, legend={"title": None}),
        "tooltip": [
            nominal("trial"),
            nominal("seed"),
            quantitative("seconds", format=".3g"),
            nominal("kind"),
        ],
    }
    busy = sum(row["seconds"] for row in rows) / (whole * len(names)) if whole else 1.0
    bars = layer("bar", encoding, stroke=theme["surface"], strokeWidth=1, cornerRadius=2)
    return Figure(
        "timeline",
        "Workers over time",
        f"One bar per training; the workers trained for {min(busy, 1.0):.0%} of the time.",
        "timeline",
        contents.objective,
        chart_of([bars], ROW * len(names) + 20),
        rows,
    )


def _kind(status: str, trial: str, best: set[str]) -> str:
    if status != TrialStatus.DONE:
        return "no score"
    return "best" if trial in best else "done"
