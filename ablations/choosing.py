"""What results choose: the best variant, and the steps of a path. Never the best seed."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations import stats
from ablations.designs.path import steps
from ablations.settings import StudyError
from ablations.study import BASELINE

PATH = "path"

PATH_COLUMNS = (
    *("step", "factor", "from_level", "to_level", "metric", "mean", "delta", "ci_low", "ci_high"),
    *("n_pairs", "share", "runner_up", "runner_up_mean", "variant"),
)


def losses_of(trials: pd.DataFrame, metric: str) -> dict[str, float]:
    """Return what each variant that ended came to, lower being better.

    A variant of which nothing is done counts as the worst.
    """
    sign = 1.0 if stats.direction(metric) == "lower" else -1.0
    ended = trials[trials["status"].isin(["done", "failed", "infeasible"])]
    if metric not in ended:
        return dict.fromkeys(ended["variant"], float("inf"))
    means = ended.assign(value=ended[metric].where(ended["status"] == "done"))
    means = means.groupby("variant")["value"].mean() * sign
    return {str(name): float(mean) for name, mean in means.fillna(float("inf")).items()}


def best_variant(trials: pd.DataFrame, metric: str) -> str:
    """Return the variant with the best mean over the seed blocks that all compared ones share.

    Compared are the variants that are done in at least half of the seeds that all variants were
    to have; the mean is over the seeds in which all of these are done. So no variant is ahead for
    having failed, or not run yet, where it is hard.

    Raises
    ------
    StudyError
        If there is no such seed.
    """
    feasible = trials[trials["status"] != "infeasible"]
    planned = feasible.pivot(index="seed", columns="variant", values="status")  # noqa: PD010
    done = planned[planned.notna().all(axis=1)] == "done"
    compared = done.columns[done.mean() >= 0.5]
    blocks = done.index[done[compared].all(axis=1)]
    if not len(compared) or not len(blocks):
        raise StudyError(
            "There is no best variant: in no seed block are all variants done that could be "
            "compared, and one seed is not held against another."
        )
    rows = feasible[feasible["seed"].isin(blocks) & feasible["variant"].isin(compared)]
    losses = losses_of(rows, metric)
    names: list[str] = rows["variant"].tolist()
    return min(names, key=lambda name: losses[name])


def path_table(
    study: Mapping[str, Any], trials: pd.DataFrame, metric: str, decisive: str
) -> pd.DataFrame:
    """Return the steps that the path has taken so far; see `Results.path`.

    Parameters
    ----------
    study
        As `Study.to_dict` gives it.
    trials
        A row a trial.
    metric, decisive
        Columns: the one to show the steps by, and the one that chose them.
    """
    if study["design"] != PATH:
        raise StudyError(f"The design of the study is {study['design']}: it has no path.")
    target = {name: levels[-1] for name, levels in study["factors"].items()}
    losses = losses_of(trials, decisive)
    made = steps(target, losses)
    table = stats.steps(trials, [BASELINE, *(step.variant.name for step in made)], metric)
    sign = 1.0 if stats.direction(decisive) == "lower" else -1.0
    changed: list[dict[str, Any]] = [{}]
    for step in made:
        factor, level = step.factor, target[step.factor]
        change = {"factor": factor, "from_level": study["baseline"][factor], "to_level": level}
        if step.runner_up is not None:
            second, variant = step.runner_up
            loss = losses[variant.name]
            mean = sign * loss if math.isfinite(loss) else math.nan
            change |= {"runner_up": second, "runner_up_mean": mean}
        changed.append(change)
    for name in ("factor", "from_level", "to_level", "runner_up"):
        table[name] = pd.Series([row.get(name, "") for row in changed], dtype=object)
    table["runner_up_mean"] = [row.get("runner_up_mean", math.nan) for row in changed]
    return table[list(PATH_COLUMNS)]
