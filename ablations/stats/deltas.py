"""Paired deltas of all variants, with intervals, tests and verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablations.stats import caveats as notes
from ablations.stats import paired_t as student
from ablations.stats import resampling as signs
from ablations.stats.barring import barred, marks_of, notes_of_marks
from ablations.stats.lost_seeds import ended_seeds, notes_of_lost
from ablations.stats.metrics import Better, common_metrics, direction
from ablations.stats.pairs import (
    Pairs,
    StatisticsError,
    by_seed,
    check_trials,
    ended,
    pair,
    variants,
)
from ablations.stats.resampling import BCA_FROM, NO_INTERVAL, bca_interval
from ablations.stats.verdicts import Verdict, holm, holm_level, verdicts
from ablations.study import Status


def deltas(
    trials: pd.DataFrame,
    metrics: Sequence[str],
    *,
    confidence: float = 0.95,
    margins: Mapping[str, float] | None = None,
    directions: Mapping[str, str] | None = None,
    loss_kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the deltas of all variants against the baseline, paired by seed.

    A pair is a seed for which both the baseline and the variant are done and both values are
    finite. Missing values are not filled in. ``p`` is from the paired t test, which is modified for
    deltas that count as skewed (see ``ablations.stats.skew``), ``p_adjusted`` from Holm's
    correction over all variants for one metric. With alpha = 1 - confidence the verdict is

    0. "" if there are fewer than six pairs, if both trials are at chance level in every pair, if
       a trial of a pair diverged, or if trials failed in seeds that are not like those of the
       pairs; see ``notes``. These comparisons still count in Holm's
       correction, because the reason is seen in the trials.
    1. "equivalent" if the metric has a margin and the Holm-adjusted p of TOST is below alpha: the
       delta is shown to lie within the margin. This rule comes before rule 2, because a difference
       smaller than the margin is no reason to choose; ``p_adjusted`` still shows it.
    2. "better" or "worse", by the metric's direction, if ``p_adjusted`` is below alpha.
    3. "inconclusive" otherwise. ``detectable`` gives the delta that could have been shown.

    The chance of any false "better" or "worse" among a metric's variants is at most alpha. The
    same holds for a false "equivalent".

    Parameters
    ----------
    trials
        One row per trial: variant, factor, level, baseline, seed, status, the metrics and,
        optionally, ``codes``: the codes of its findings, separated by blanks.
    metrics
        Columns of ``trials``.
    confidence
        Confidence of each interval. Holm's correction applies to p, not to the intervals.
    margins
        Smallest delta that matters, by metric, fixed before the trials were seen.
    directions
        "lower" or "higher" for metrics that `direction` does not know.
    loss_kinds
        Loss that each variant minimizes; see `common_metrics`.

    Returns
    -------
    DataFrame
        One row per variant and metric with the columns `CONTRACT` and `FURTHER`. ``level`` keeps
        its type. ``n_failed``: trials of the variant without a pair. ``sd``: standard deviation of
        the deltas. ``ci_method``: "t", "modified t", or "" if there is no interval. ``bca_low``,
        ``bca_high``: bootstrap interval, from 20 pairs on. ``p_better``: share of pairs in
        which the variant is better. ``detectable``: smallest delta that this many pairs show with
        80% power at the comparison's level in Holm's correction. ``seeds_needed``: number of pairs
        that settles the verdict with 80% power if delta and sd stay the same; n_pairs if it is
        settled. ``notes``: sentences joined by "; ".

    Raises
    ------
    StatisticsError
        If a column is missing, a trial occurs twice, or a direction is not known.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 6 + ["pool_size=4"] * 6,
    ...         "factor": [None] * 6 + ["pool_size"] * 6,
    ...         "level": pd.Series([None] * 6 + [4] * 6, dtype=object),
    ...         "baseline": pd.Series([None] * 6 + [2] * 6, dtype=object),
    ...         "seed": [0, 1, 2, 3, 4, 5] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.2, 0.3, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.3, 0.3, 0.4, 0.4],
    ...     }
    ... )
    >>> table = deltas(trials, ["test_loss"])
    >>> table[["factor", "level", "delta", "ci_low", "ci_high", "verdict"]].round(3)
          factor level  delta  ci_low  ci_high verdict
    0  pool_size     4  0.133   0.079    0.188   worse
    """
    check_trials(trials, metrics, "factor", "level", "baseline")
    _check_numbers(confidence, margins or {})
    better = {metric: direction(metric, directions) for metric in metrics}
    names = variants(trials)
    reasons = _not_comparable(trials, metrics, loss_kinds)
    infeasible = set(trials.loc[trials["status"] == Status.INFEASIBLE, "variant"])
    planned, marks, ran = ended(trials), marks_of(trials), ended_seeds(trials)
    first = trials.drop_duplicates("variant")
    labels = {
        key: dict(zip(first["variant"], first[key], strict=True))
        for key in ("factor", "level", "baseline")
    }
    frames = []
    for metric in metrics:
        table = by_seed(trials, metric)
        rows = []
        for name in names:
            pairs = pair(table, name, planned.get(name, 0))
            reason = reasons.get((name, metric))
            if reason:
                pairs = Pairs(pairs.seeds[:0], pairs.baseline[:0], pairs.level[:0], 0)
            elif name in infeasible and not planned.get(name):
                reason = notes.INFEASIBLE
            label = {key: values[name] for key, values in labels.items()}
            margin = (margins or {}).get(metric)
            row = _compare(pairs, confidence, margin, better[metric] == Better.LOWER)
            row["notes"] = reason or "; ".join(
                [
                    *row["notes"],
                    *notes_of_marks(marks, name, pairs.seeds),
                    *(notes_of_lost(table, name, ran) if pairs.missing else ()),
                ]
            )
            rows.append(label | {"metric": metric, "variant": name} | row)
        if rows:
            frames.append(_judge(rows, metric, confidence, margins, better[metric]))
    if not frames:
        return typed(pd.DataFrame(columns=[*CONTRACT, *FURTHER]))
    combined = pd.concat(frames, ignore_index=True)
    order = {name: place for place, name in enumerate(names)}
    combined = combined.sort_values("variant", key=lambda name: name.map(order), kind="stable")
    return typed(combined.reset_index(drop=True)[[*CONTRACT, *FURTHER]])


def _compare(pairs: Pairs, confidence: float, margin: float | None, lower: bool) -> dict[str, Any]:
    values, n, noise = pairs.deltas, len(pairs.deltas), pairs.noise
    result = student.paired_t(values, confidence, noise, modified=True)
    bca = bca_interval(values, confidence) if n >= BCA_FROM and result.sd > 0 else NO_INTERVAL
    return {
        "baseline_mean": pairs.baseline.mean() if n else np.nan,
        "level_mean": pairs.level.mean() if n else np.nan,
        "delta": float(result.delta),
        "ci_low": float(result.low),
        "ci_high": float(result.high),
        "p": float(result.p),
        "n_pairs": n,
        "n_failed": pairs.missing,
        "sd": float(result.sd),
        "ci_method": _method(result),
        "bca_low": bca[0],
        "bca_high": bca[1],
        "p_sign_flip": signs.sign_flip_p(values, noise) if n > 1 else np.nan,
        "p_wilcoxon": signs.wilcoxon_p(values, noise) if n > 1 else np.nan,
        "p_better": signs.p_better(values, lower, noise),
        "p_equivalence": np.nan
        if margin is None
        else float(student.equivalence_p(values, margin, noise, modified=True)),
        "notes": notes.notes_of(pairs, result, 1 - confidence),
    }


def _method(result: student.PairedT) -> str:
    if not result.sd > 0:
        return ""
    return MODIFIED_T if result.gamma else STUDENT_T


def _judge(
    rows: list[dict[str, Any]],
    metric: str,
    confidence: float,
    margins: Mapping[str, float] | None,
    better: Better,
) -> pd.DataFrame:
    levels = pd.Series([row.pop("level") for row in rows], dtype=object)
    bases = pd.Series([row.pop("baseline") for row in rows], dtype=object)
    frame = pd.DataFrame(rows)
    frame["level"], frame["baseline"] = levels, bases
    alpha = 1 - confidence
    frame["p_adjusted"] = holm(frame["p"])
    frame["p_equivalence_adjusted"] = holm(frame["p_equivalence"])
    frame["verdict"] = verdicts(
        frame["delta"],
        frame["p_adjusted"],
        frame["p_equivalence_adjusted"],
        alpha=alpha,
        lower_is_better=better == Better.LOWER,
        barred=barred(frame["notes"]),
    )
    levels_difference = holm_level(frame["p_adjusted"], alpha)
    levels_equivalence = holm_level(frame["p_equivalence_adjusted"], alpha)
    margin = (margins or {}).get(metric)
    frame["detectable"] = [
        sd * student.detectable_effect(n, level) if n > 1 and sd > 0 else np.nan
        for n, sd, level in zip(frame["n_pairs"], frame["sd"], levels_difference, strict=True)
    ]
    frame["seeds_needed"] = [
        student.pairs_to_settle(n, delta, sd, level=level, margin=margin, level_within=level_within)
        if verdict == Verdict.INCONCLUSIVE
        else (float(n) if verdict else np.nan)
        for n, delta, sd, verdict, level, level_within in zip(
            frame["n_pairs"],
            frame["delta"],
            frame["sd"],
            frame["verdict"],
            levels_difference,
            levels_equivalence,
            strict=True,
        )
    ]
    return frame


def _not_comparable(
    trials: pd.DataFrame, metrics: Sequence[str], loss_kinds: Mapping[str, str] | None
) -> dict[tuple[str, str], str]:
    if not loss_kinds:
        return {}
    table = common_metrics(trials, metrics, loss_kinds)
    excluded = table[~table["comparable"].astype(bool)]
    return {(row.variant, row.metric): row.note for row in excluded.itertuples(index=False)}


def _check_numbers(confidence: float, margins: Mapping[str, float]) -> None:
    if not 0.5 <= confidence < 1:
        raise StatisticsError(f"`confidence`: expected 0.5 <= confidence < 1; got {confidence!r}.")
    for metric, margin in margins.items():
        if not (np.isfinite(margin) and margin > 0):
            raise StatisticsError(
                f"`margins`: expected a finite number above 0 for {metric}, the smallest delta "
                f"that matters; got {margin!r}."
            )


STUDENT_T, MODIFIED_T = "t", "modified t"
"""Methods of an interval and its p values; see `ablations.stats.skew` for the second."""

CONTRACT = (
    "factor",
    "level",
    "baseline",
    "metric",
    "n_pairs",
    "n_failed",
    "baseline_mean",
    "level_mean",
    "p",
    "p_adjusted",
    "delta",
    "ci_low",
    "ci_high",
    "verdict",
)
"""Columns of the public contract, in order.

pandas leaves out the columns in the middle if a terminal is too narrow for all of them: a reader
misses those least.
"""

FURTHER = (
    "variant",
    "sd",
    "ci_method",
    "bca_low",
    "bca_high",
    "p_sign_flip",
    "p_wilcoxon",
    "p_better",
    "p_equivalence",
    "p_equivalence_adjusted",
    "detectable",
    "seeds_needed",
    "notes",
)

SEQUENTIAL = ("look", "blocks", "next_blocks", "open")
"""Columns that a sequential study adds."""


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Set the types of the columns, which an empty table or a column of NaN would lose."""
    texts = ("factor", "metric", "verdict", "variant", "ci_method", "notes")
    kinds: dict[str, Any] = dict.fromkeys(texts, "str")
    kinds |= {"level": object, "baseline": object, "n_pairs": int, "n_failed": int}
    others = [name for name in table.columns if name not in kinds]
    return table.astype(kinds | dict.fromkeys(others, float))
