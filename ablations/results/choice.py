"""Choices by results: the best variant, and the steps of a path. Never the best seed."""

import math
from collections.abc import Mapping

import pandas as pd

from ablations import stats
from ablations.designs.path import steps
from ablations.stats.metrics import Better
from ablations.stats.pairs import by_seed, noise_of, untied_sum
from ablations.stats.shared_blocks import compared_blocks, done_blocks, mostly_done
from ablations.study import BASELINE, Status, Study
from ablations.study.errors import StudyError
from cnnzoo.toggle import Level

PATH = "path"

PATH_COLUMNS = [
    "step",
    "factor",
    "from_level",
    "to_level",
    "metric",
    "mean",
    "delta",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
    "n_pairs",
    "share",
    "runner_up",
    "runner_up_mean",
    "variant",
    "notes",
]


def losses_of(
    trials: pd.DataFrame, metric: str, changes: Mapping[str, Mapping[str, Level]]
) -> dict[str, float]:
    """Return the mean of each variant without pending trials; lower is better.

    A step of a path chooses among variants with equally many changes, so these are compared over
    the seed blocks that they share: see `compared_blocks`. A variant that is done in less than
    half of its seeds counts as the worst. A trial whose metric is not finite counts as not done.
    """
    sign = _sign(metric)
    pending = trials.loc[trials["status"] == Status.PENDING, "variant"]
    ended = trials[~trials["variant"].isin(pending)]
    losses = dict.fromkeys(ended["variant"].astype(str), math.inf)
    if metric not in ended:
        return losses
    for _, step in ended.groupby(ended["variant"].map(lambda name: len(changes[name]))):
        variants, blocks = compared_blocks(done_blocks(step, metric))
        if blocks:
            rows = step[step["variant"].isin(variants) & step["seed"].isin(blocks)]
            losses |= (rows.groupby("variant")[metric].mean() * sign).to_dict()
    return losses


def best_variant(trials: pd.DataFrame, metric: str) -> str:
    """Return the variant with the best mean over the seed blocks that all compared ones share.

    Only variants that are done in at least half of the planned seeds are compared, over the seeds
    in which all of these are done. So no variant wins because it failed or has not run in hard
    seeds. Among variants that differ only by rounding the first one wins, so that the baseline is
    preferred to a change without effect.

    Raises
    ------
    StudyError
        If there is no such seed.
    """
    done = done_blocks(trials, metric)
    compared = mostly_done(done)
    blocks = done.index[done[compared].all(axis=1)].tolist()
    if not compared or not blocks:
        raise StudyError(
            "There is no best variant: no seed block has all compared variants done. Complete the "
            "study, or retry its failed trials."
        )
    values = by_seed(trials, metric).loc[blocks]
    best, *others = [str(name) for name in dict.fromkeys(trials["variant"]) if name in compared]
    for name in others:
        noise = noise_of(values[name], values[best])
        if _sign(metric) * untied_sum(values[name] - values[best], noise) < 0:
            best = name
    return best


def path_table(
    study: Study,
    trials: pd.DataFrame,
    changes: Mapping[str, Mapping[str, Level]],
    metric: str,
    deciding_metric: str,
) -> pd.DataFrame:
    """Return the steps of a path so far by one metric, as another one decided them.

    See `Results.path`.

    Raises
    ------
    StudyError
        If the design is not "path".
    """
    if study.design != PATH:
        raise StudyError(f"The study has no path: its design is {study.design}.")
    target = {name: levels[-1] for name, levels in study.factors.items()}
    losses = losses_of(trials, deciding_metric, changes)
    path_steps = steps(target, losses)
    names = [BASELINE, *(step.variant.name for step in path_steps)]
    # Each step chooses among one factor less; the steps to come count as well.
    table = stats.steps(trials, names, metric, choices=range(len(target), 0, -1))
    rows: list[dict[str, Level]] = [{}]
    for step in path_steps:
        factor = step.factor
        row = {
            "factor": factor,
            "from_level": study.baseline[factor],
            "to_level": target[factor],
        }
        if step.runner_up is not None:
            row["runner_up"], variant = step.runner_up
            loss = losses[variant.name]
            row["runner_up_mean"] = (
                _sign(deciding_metric) * loss if math.isfinite(loss) else math.nan
            )
        rows.append(row)
    for name in ("factor", "from_level", "to_level", "runner_up"):
        table[name] = pd.Series([row.get(name, "") for row in rows], dtype=object)
    table["runner_up_mean"] = [row.get("runner_up_mean", math.nan) for row in rows]
    return table[PATH_COLUMNS]


def _sign(metric: str) -> float:
    return 1.0 if stats.direction(metric) == Better.LOWER else -1.0
