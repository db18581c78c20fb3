"""Choices by results: the best variant, and the steps of a path. Never the best seed.

Variants are chosen by a validation metric and measured by a test metric. Both are of the same
trained models, so they correlate; what is measured is corrected for the choice.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ablations import stats
from ablations.designs.path import Step, steps
from ablations.stats.metrics import Better
from ablations.stats.pairs import by_seed, noise_of, untied_sum
from ablations.stats.selection import held_out, luck
from ablations.stats.shared_blocks import compared_blocks, done_blocks, mostly_done
from ablations.study import BASELINE, Status, Study
from ablations.study.checks import PATH
from ablations.study.errors import StudyError
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import TEST, validation_column_of

NO_VALIDATION = "chosen by {}, because the study has no validation split"
"""Note on a choice by the metric that also measures."""

BASELINE_IS_BEST = "the baseline is the best variant"

BEST_COLUMNS = [
    "variant",
    "metric",
    "chosen_by",
    "n_variants",
    "n_seeds",
    "uncorrected",
    "delta",
    "ci_low",
    "ci_high",
    "chosen_again",
    "notes",
]
"""Columns of `Results.best_delta`."""

PATH_COLUMNS = [
    "step",
    "factor",
    "from_level",
    "to_level",
    "metric",
    "mean",
    "delta",
    "uncorrected",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
    "n_pairs",
    "share",
    "runner_up",
    "runner_up_mean",
    "variant",
    "chosen_by",
    "notes",
]


def choosing_metric(trials: pd.DataFrame, metric: str) -> str:
    """Return the validation metric that variants are chosen by.

    It is the test metric itself if a done trial has no validation metric, as in a study without a
    validation split.

    Raises
    ------
    StudyError
        If the metric is not of a split.

    Examples
    --------
    >>> trials = pd.DataFrame({"status": ["done"], "test_loss": [0.2], "validation_loss": [0.3]})
    >>> choosing_metric(trials, "test_loss")
    'validation_loss'
    >>> choosing_metric(trials.drop(columns="validation_loss"), "test_loss")
    'test_loss'
    """
    name = validation_column_of(metric)
    if name is None:
        raise StudyError(
            f"`metrics`: expected a metric of the validation split first, such as loss, because it "
            f"chooses the best variant; got {metric}, which has no value on it."
        )
    done = trials["status"] == Status.DONE
    known = name in trials and done.any() and trials.loc[done, name].notna().all()
    return name if known else metric


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


def best_table(trials: pd.DataFrame, metrics: Sequence[str], chosen_by: str) -> pd.DataFrame:
    """Compare the best variant with the baseline, corrected for its choice.

    See `Results.best_delta`.

    Raises
    ------
    StudyError
        As `best_variant`.
    """
    best = best_variant(trials, chosen_by)
    done = done_blocks(trials, chosen_by)
    # in the order of the trials, as `best_variant` prefers the first of tied variants
    candidates = {*mostly_done(done)}
    compared = [name for name in dict.fromkeys(trials["variant"]) if name in candidates]
    rows = []
    for metric in metrics:
        blocks = done.index[done[compared].all(axis=1)].tolist()
        row: dict[str, object] = {"variant": best, "metric": metric, "chosen_by": chosen_by}
        row |= {"n_variants": len(compared), "n_seeds": len(blocks)}
        notes = [NO_VALIDATION.format(chosen_by)] if chosen_by.startswith(TEST) else []
        if BASELINE in compared:
            losses = _sign(chosen_by) * by_seed(trials, chosen_by).loc[blocks, compared]
            values = by_seed(trials, metric).loc[blocks, compared]
            deltas = values.sub(values[BASELINE], axis=0)
            value = held_out(losses, deltas)
            row |= {"uncorrected": float(deltas[best].mean()), "delta": value.mean}
            row |= {"ci_low": value.low, "ci_high": value.high}
            row["chosen_again"] = value.chosen_again
            notes += [BASELINE_IS_BEST] if best == BASELINE else []
        else:
            notes.append("the baseline is done in less than half of the seed blocks")
        rows.append(row | {"notes": "; ".join(notes)})
    return pd.DataFrame(rows, columns=BEST_COLUMNS)


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
    shown = losses_of(trials, metric, changes)
    path_steps = steps(target, losses)
    names = [BASELINE, *(step.variant.name for step in path_steps)]
    # Each step chooses among one factor less; the steps to come count as well.
    table = stats.steps(
        trials,
        names,
        metric,
        choices=range(len(target), 0, -1),
        lucks=_lucks(trials, changes, path_steps, metric, deciding_metric),
    )
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
            loss = shown[variant.name]
            row["runner_up_mean"] = _sign(metric) * loss if math.isfinite(loss) else math.nan
        rows.append(row)
    for name in ("factor", "from_level", "to_level", "runner_up"):
        table[name] = pd.Series([row.get(name, "") for row in rows], dtype=object)
    table["chosen_by"] = deciding_metric
    table["runner_up_mean"] = [row.get("runner_up_mean", math.nan) for row in rows]
    return table[PATH_COLUMNS]


def _lucks(
    trials: pd.DataFrame,
    changes: Mapping[str, Mapping[str, Level]],
    path_steps: Sequence[Step],
    metric: str,
    deciding_metric: str,
) -> list[float]:
    """Return by how much the mean after each step is too low or too high, because it was chosen."""
    choosing, measured = by_seed(trials, deciding_metric), by_seed(trials, metric)
    lucks = [0.0]
    for number, step in enumerate(path_steps, 1):
        before = {change.factor for change in path_steps[: number - 1]}
        tried = [
            name
            for name, levels in changes.items()
            if len(levels) == number and before <= {*levels} and name in choosing
        ]
        rows = trials[trials["variant"].isin(tried)]
        compared, blocks = compared_blocks(done_blocks(rows, deciding_metric))
        if step.variant.name not in compared:  # every change mostly failed
            lucks.append(0.0)
            continue
        losses = _sign(deciding_metric) * choosing.loc[blocks, compared]
        lucks.append(luck(losses, measured.loc[blocks, compared]))
    return lucks


def _sign(metric: str) -> float:
    return 1.0 if stats.direction(metric) == Better.LOWER else -1.0
