"""What results choose: the best variant, and the steps of a path. Never the best seed."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablations import stats
from ablations.designs.path import steps
from ablations.stats.metrics import Better
from ablations.stats.pairs import by_seed, noise_of, untied_sum
from ablations.stats.shared_blocks import compared_blocks, done_blocks, mostly_done
from ablations.study import BASELINE, Status
from ablations.study.settings import StudyError

PATH = "path"

PATH_COLUMNS = (
    *("step", "factor", "from_level", "to_level", "metric", "mean", "delta", "ci_low", "ci_high"),
    *("p", "p_adjusted", "n_pairs", "share", "runner_up", "runner_up_mean", "variant", "notes"),
)


def losses_of(
    trials: pd.DataFrame, metric: str, changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Return what each variant that ended came to, lower being better.

    Variants that change equally many factors, which are what a step of a path chooses from, are
    compared over the seed blocks that they share: see `compared_blocks`. One that is done in less
    than half of its seeds, or in none, counts as the worst; one of which a trial is pending is left
    out. A trial whose metric is not finite counts as not done.

    Parameters
    ----------
    trials
        A row a planned trial, as `Results.trials`.
    metric
        A column.
    changes
        By variant, the levels that it changes.
    """
    sign = 1.0 if stats.direction(metric) == Better.LOWER else -1.0
    open_ones = trials.loc[trials["status"] == Status.PENDING, "variant"]
    ended = trials[~trials["variant"].isin(open_ones)]
    losses = dict.fromkeys(ended["variant"].astype(str), math.inf)
    if metric not in ended:
        return losses
    for _, step in ended.groupby(ended["variant"].map(lambda name: len(changes[name]))):
        compared, blocks = compared_blocks(done_blocks(step, metric))
        if blocks:
            losses |= _means(step, metric, compared, blocks, sign)
    return losses


def best_variant(trials: pd.DataFrame, metric: str) -> str:
    """Return the variant with the best mean over the seed blocks that all compared ones share.

    Compared are the variants that are done in at least half of the seeds that are planned for all
    variants; the mean is over the seeds in which all of these are done. So no variant is ahead
    because it failed, diverged or has not run yet where it is hard. Of variants that differ only by
    rounding, the first is the best: the baseline rather than a change that changes nothing.

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
            "There is no best variant: in no seed block are all variants done that could be "
            "compared, and one seed is not held against another."
        )
    sign = 1.0 if stats.direction(metric) == Better.LOWER else -1.0
    values = by_seed(trials, metric).loc[blocks]
    best, *others = [str(name) for name in dict.fromkeys(trials["variant"]) if name in compared]
    for name in others:
        noise = noise_of(values[name], values[best])
        if sign * untied_sum(values[name] - values[best], noise) < 0:
            best = name
    return best


def _means(
    trials: pd.DataFrame, metric: str, variants: list[str], blocks: list[int], sign: float
) -> dict[str, float]:
    rows = trials[trials["variant"].isin(variants) & trials["seed"].isin(blocks)]
    means = rows.groupby("variant")[metric].mean() * sign
    return {str(name): float(mean) for name, mean in means.items()}


def path_table(
    study: Mapping[str, Any],
    trials: pd.DataFrame,
    changes: Mapping[str, Mapping[str, Any]],
    metric: str,
    decisive: str,
) -> pd.DataFrame:
    """Return the steps that the path has taken so far; see `Results.path`.

    Parameters
    ----------
    study
        As `Study.to_dict` gives it.
    trials, changes
        As of `losses_of`.
    metric, decisive
        Columns: the one to show the steps by, and the one that chose them.
    """
    if study["design"] != PATH:
        raise StudyError(f"The design of the study is {study['design']}: it has no path.")
    target = {name: levels[-1] for name, levels in study["factors"].items()}
    losses = losses_of(trials, decisive, changes)
    made = steps(target, losses)
    names = [BASELINE, *(step.variant.name for step in made)]
    # Each step has one factor less to choose from; those to come count as well.
    choices = range(len(target), 0, -1)
    table = stats.steps(trials, names, metric, choices=choices)
    sign = 1.0 if stats.direction(decisive) == Better.LOWER else -1.0
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
