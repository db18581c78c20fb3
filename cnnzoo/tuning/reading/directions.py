"""Correction of objectives whose direction KerasTuner inferred wrongly.

If an objective is a name, KerasTuner minimizes each Keras metric that is not in its list
``_MAX_METRICS`` (``engine/metrics_tracking.py``, 1.0.0 to 1.4.8). It stores the direction, but not
whether the user chose it. A "max" is always right or chosen, and so is a "min" of a metric in that
list. A "min" of one of the metrics below is assumed to be inferred.
"""

from collections.abc import Sequence
from dataclasses import replace

from cnnzoo.training.metric_names import Direction, better_direction
from cnnzoo.tuning.reading.kerastuner_json import State
from cnnzoo.tuning.records import Objective

WRONGLY_MINIMIZED = (
    "f1_score",
    "f_beta_score",
    "r2_score",
    "binary_io_u",
    "cosine_similarity",
    "concordance_correlation",
    "pearson_correlation",
    "top_k_categorical_accuracy",  # with Keras 2
    "sparse_top_k_categorical_accuracy",
)
"""Metrics that KerasTuner minimizes by default although higher is better."""

WORDS = {Direction.MIN: "lower", Direction.MAX: "higher"}


def read_direction(objective: Objective, states: Sequence[State]) -> tuple[Objective, str]:
    """Return the objective with the direction for ranking trials, and a note if it is unusual.

    Parameters
    ----------
    objective
        Objective with the direction that KerasTuner stored.
    states
        States of the trials.

    Returns
    -------
    Objective, str
        The note is empty if the metric has its usual direction.

    Examples
    --------
    >>> read_direction(Objective("val_f1_score", Direction.MIN), [])[0]
    Objective(name='val_f1_score', direction='max')
    """
    name, stored = objective.name, objective.direction
    plain_name = name.removeprefix("val_").removeprefix("weighted_")
    better = better_direction(plain_name)
    if better is None or better == stored:
        return objective, ""
    scores = [state.score for state in states if state.score is not None]
    if plain_name == "cosine_similarity" and scores and max(scores) < 0:
        return objective, (
            f"All values of {name} are negative, as for Keras's loss of that name; trials are "
            "ranked by the lowest value."
        )
    if stored == Direction.MAX or plain_name not in WRONGLY_MINIMIZED:
        verb, rank = ("minimized", "lowest") if objective.lower else ("maximized", "highest")
        return objective, (
            f"The search {verb} {name} as its Objective requires, although {WORDS[better]} is "
            f"better; trials are ranked by the {rank} value."
        )
    metrics = [state.metrics[name] for state in states if name in state.metrics]
    has_epochs = any(len(metric.steps) > 1 for metric in metrics)
    return Objective(name, Direction.MAX), (
        f"KerasTuner minimized {name} although higher is better, because it inferred the direction "
        "from the name; here trials are ranked by the highest value. If its tuner learns from "
        "scores, it searched for the lowest"
        + (
            "."
            if has_epochs
            else "; if KerasTuner's `fit` trained a trial, its score is the lowest of its epochs, "
            "because no other is stored."
        )
    )


def maximized_score(state: State, name: str) -> State:
    """Return a state with the highest value of its objective as score instead of the lowest.

    They differ if a trial reported several epochs, as in KerasTuner 1.0.
    """
    if state.score is None:
        return state
    metric = replace(state.metrics[name], direction=Direction.MAX)
    metrics = {**state.metrics, name: metric}
    return replace(state, score=metric.best, best_step=metric.best_step, metrics=metrics)
