"""Objectives whose direction KerasTuner inferred wrongly.

Given an objective by name, KerasTuner takes each metric of Keras for one to minimize that is not
in its list ``_MAX_METRICS`` (``engine/metrics_tracking.py``, 1.0.0 to 1.4.8). It keeps the
direction and not who chose it. A "max" is always right or the user's own choice, and so is a "min"
of a metric in that list. A "min" of one of the metrics here is taken for inferred.
"""

from collections.abc import Sequence
from dataclasses import replace

from cnnzoo.training.metric_names import Direction, better_direction
from cnnzoo.tuning.reading.kerastuner_json import State
from cnnzoo.tuning.records import Objective

WRONGLY_MINIMIZED = (
    *("f1_score", "f_beta_score", "r2_score", "binary_io_u"),
    *("cosine_similarity", "concordance_correlation", "pearson_correlation"),
    # where Keras 2 is behind it
    *("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
)
"""Metrics that KerasTuner takes for something to minimize, of which higher is better."""

COSINE = "cosine_similarity"


WORDS = {Direction.MIN: "lower", Direction.MAX: "higher"}


def read_direction(objective: Objective, states: Sequence[State]) -> tuple[Objective, str]:
    """Return the objective with the direction in which trials are to be ranked, and why.

    Parameters
    ----------
    objective
        With the direction that KerasTuner kept.
    states
        The trials.

    Returns
    -------
    Objective, str
        The sentence is empty where the direction is the usual one of the metric.

    Examples
    --------
    >>> read_direction(Objective("val_f1_score", "min"), [])[0]
    Objective(name='val_f1_score', direction='max')
    """
    name, kept = objective.name, objective.direction
    plain = name.removeprefix("val_").removeprefix("weighted_")
    better = better_direction(plain)
    if better is None or better == kept:
        return objective, ""
    scores = [state.score for state in states if state.score is not None]
    if plain == COSINE and scores and max(scores) < 0:
        return objective, (
            f"All values of {name} are negative, as of Keras's loss of that name; trials are "
            "ranked by the lowest."
        )
    if kept == Direction.MAX or plain not in WRONGLY_MINIMIZED:
        done, ranked = ("minimized", "lowest") if objective.lower else ("maximized", "highest")
        return objective, (
            f"The search {done} {name}, of which {WORDS[better]} is better, because its Objective "
            f"says so; trials are ranked by the {ranked}."
        )
    several = any(len(state.metrics[name].steps) > 1 for state in states if name in state.metrics)
    return Objective(name, Direction.MAX), (
        f"KerasTuner minimized {name}, of which higher is better, because it inferred the "
        "direction from the name; trials are ranked here by the highest. Its proposals looked for "
        "the lowest, if its tuner learns from scores"
        + (
            "."
            if several
            else "; a score is the lowest of a trial's epochs, if KerasTuner's own `fit` trained "
            "it, because no other is stored."
        )
    )


def maximized(state: State, name: str) -> State:
    """Return a trial whose score is the highest value of its objective instead of the lowest.

    They differ where a trial reported several epochs, as to KerasTuner 1.0.
    """
    if state.score is None:
        return state
    metric = replace(state.metrics[name], direction=Direction.MAX)
    metrics = {**state.metrics, name: metric}
    return replace(state, score=metric.best, best_step=metric.best_step, metrics=metrics)
