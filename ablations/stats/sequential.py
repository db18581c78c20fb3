"""The sequential rule: looks, their boundaries, and verdicts while seeds are added."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from ablations.stats import caveats as notes
from ablations.stats.barring import FEW_PAIRS, barred
from ablations.stats.deltas import CONTRACT, FURTHER, SEQUENTIAL, deltas
from ablations.stats.lost_seeds import LOST
from ablations.stats.metrics import Better, direction
from ablations.stats.pairs import Array, StatisticsError, check_trials
from ablations.stats.verdicts import Verdict, holm, verdicts
from ablations.study import BASELINE, ENDED
from ablations.study.checks import EXPLORATORY_BELOW, MAX_SEEDS

LOOKS = (EXPLORATORY_BELOW, 10, 15, 20, MAX_SEEDS)
"""Default looks, in seed blocks; fewer than the first would be exploratory."""


def looks(cap: int = MAX_SEEDS) -> tuple[int, ...]:
    """Return the looks of a study with at most ``cap`` seed blocks.

    Examples
    --------
    >>> looks()
    (6, 10, 15, 20, 30)
    >>> looks(12)
    (6, 10, 12)
    """
    if cap < 2:
        raise StatisticsError(f"`cap`: expected at least 2 seed blocks; got {cap!r}.")
    return (*(look for look in LOOKS if look < cap), cap)


def boundaries(
    at: Sequence[int] = LOOKS, *, confidence: float = 0.95, comparisons: int = 1
) -> pd.DataFrame:
    """Return the level and the t at which a verdict closes at each look.

    The looks divide the error alpha = 1 - confidence in proportion to their new seed blocks: look k
    may spend share_k = (new blocks at k) / (blocks at the last look) of it. By Bonferroni's
    inequality the chance that any look of one comparison errs is at most alpha, for any dependence
    between the looks and any rule for adding seeds. Boundaries from normal theory (Lan and DeMets
    1983) are slightly lower but assume a known variance. With the same shares (calibrated on
    400,000 draws, tested on two million) and the t statistics of `LOOKS`, they err in 5.3% for
    alpha = 5% and in 0.55% for 0.5%; the boundaries here err in 3.7% and 0.43%. See
    docs/decisions/0014-sequential-rule.md.

    Parameters
    ----------
    at
        Numbers of seed blocks, in ascending order.
    confidence
        1 - error over all looks and comparisons.
    comparisons
        Number of open variants; Holm's step-down divides the error among them.

    Returns
    -------
    DataFrame
        look, blocks, share, level (the verdict closes if p is below), t (the same limit for |t|).

    Examples
    --------
    >>> boundaries((6, 12)).round(3)
       look  blocks  share  level      t
    0     1       6    0.5  0.025  3.163
    1     2      12    0.5  0.025  2.593
    """
    blocks = checked_looks(at)
    share = shares_of(blocks)
    level = (1 - confidence) * share / comparisons
    return pd.DataFrame(
        {
            "look": np.arange(1, len(blocks) + 1),
            "blocks": blocks,
            "share": share,
            "level": level,
            "t": special.stdtrit(blocks - 1, 1 - level / 2),
        }
    )


def checked_looks(at: Sequence[int]) -> NDArray[np.int64]:
    """Return the looks as an array; raise StatisticsError if they are not valid."""
    blocks = np.asarray(at, dtype=np.int64)
    if len(blocks) == 0 or blocks[0] < 2 or (np.diff(blocks) <= 0).any():
        raise StatisticsError(
            f"`at`: expected ascending numbers of seed blocks from 2 on; got {list(at)!r}."
        )
    return blocks


def shares_of(blocks: NDArray[np.int64]) -> Array:
    """Return the share of the error of each look: its new seed blocks over all blocks."""
    return np.asarray(np.diff(blocks, prepend=0) / blocks[-1])


def sequential(
    trials: pd.DataFrame,
    metrics: Sequence[str],
    at: Sequence[int] = LOOKS,
    *,
    seeds: Sequence[int] | None = None,
    confidence: float = 0.95,
    margins: Mapping[str, float] | None = None,
    directions: Mapping[str, str] | None = None,
    loss_kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the deltas of a study that adds seeds where a verdict is open, valid at every look.

    Each row is that of `deltas` at the last look k of the variant, with these changes. ``p`` and
    ``p_equivalence`` are `sequential_p`. ``p_adjusted``, ``p_equivalence_adjusted`` and ``verdict``
    follow from them, with Holm's correction over all feasible variants, including those without a
    look. ``ci_low`` and ``ci_high`` have the confidence 1 - alpha share_k, so the intervals of all
    looks hold at once with 95%. ``detectable`` and ``seeds_needed`` are at the level of that look.
    For normal deltas, the chance of any false "better" or "worse" in a metric is at most alpha over
    all looks and variants. The same holds for a false "equivalent".

    Delta, interval, p and verdict come from the same look, so they agree: the interval of a
    "better" or "worse" excludes 0. The result of an earlier look does not count if later seeds do
    not confirm it. A closed verdict stays closed unless its variant gets more seeds for another
    reason, such as an open verdict on the validation split; then that of the last look counts.

    Parameters
    ----------
    trials, metrics, confidence, margins, directions, loss_kinds
        As for `deltas`. Trials after the last look are ignored.
    at
        Numbers of seed blocks at which to look, fixed before the first trial; see `looks`.
    seeds
        Seeds in the order in which blocks are added. Default: ascending order.

    Returns
    -------
    DataFrame
        Columns `CONTRACT` and `FURTHER`, then ``look`` (number of looks so far), ``blocks`` (seed
        blocks at the last look), ``next_blocks`` (seed blocks for the next look, 0 if there is
        none) and ``open`` (whether more seeds can still close the verdict).

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 6 + ["skip=True"] * 6,
    ...         "factor": [None] * 6 + ["skip"] * 6,
    ...         "level": pd.Series([None] * 6 + [True] * 6, dtype=object),
    ...         "baseline": pd.Series([None] * 6 + [False] * 6, dtype=object),
    ...         "seed": [0, 1, 2, 3, 4, 5] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.2, 0.3, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3, 0.2, 0.2, 0.2],
    ...     }
    ... )
    >>> table = sequential(trials, ["test_loss"])
    >>> table[["variant", "verdict", "look", "blocks", "next_blocks", "open"]]
         variant       verdict  look  blocks  next_blocks  open
    0  skip=True  inconclusive     1       6           10  True
    """
    blocks = checked_looks(at)
    check_trials(trials, metrics, "factor", "level", "baseline")
    alpha = 1 - confidence
    ran = trials["status"].isin(ENDED)
    order = list(seeds) if seeds is not None else sorted(set(trials.loc[ran, "seed"]))

    def table_of(first: Sequence[int], certainty: float) -> pd.DataFrame:
        # Another status instead of fewer rows, so that every variant keeps its row.
        later = ran & ~trials["seed"].isin(first)
        return deltas(
            trials.assign(status=trials["status"].mask(later, "later")),
            metrics,
            confidence=certainty,
            margins=margins,
            directions=directions,
            loss_kinds=loss_kinds,
        )

    now = table_of([], confidence).assign(look=0, blocks=0)
    compared = now["notes"] == notes.NO_PAIRS  # the others have another reason
    for k, (look, share) in enumerate(zip(blocks, shares_of(blocks), strict=True), start=1):
        count = trials.loc[ran & trials["seed"].isin(order[:look]), "variant"].value_counts()
        complete = count.get(BASELINE, 0) >= look  # whether the baseline has run in all blocks
        reached = compared & complete & (now["variant"].map(count).fillna(0) >= look)
        table = table_of(order[:look], 1 - alpha * share).assign(look=k, blocks=int(look))
        for name in ("p", "p_equivalence"):
            table[name] = (table[name] / share).clip(upper=1)
        now = pd.concat([now[~reached], table[reached]]).sort_index()
    for metric in metrics:
        rows = now["metric"] == metric
        lower = direction(metric, directions) == Better.LOWER
        now.loc[rows] = _judge(now[rows], compared[rows], alpha, lower)
    settled = ~now["verdict"].isin(["", Verdict.INCONCLUSIVE])
    waiting = compared & (now["look"] == 0)
    now["notes"] = now["notes"].mask(waiting, f"before the first look, at {blocks[0]} seed blocks")
    ended = (now["look"] == len(blocks)) | ((now["look"] > 0) & (now["n_pairs"] == 0))
    now["seeds_needed"] = now["seeds_needed"].where(~settled, now["n_pairs"].astype(float))
    ended |= barred(now["notes"], but=(FEW_PAIRS, *LOST))  # more seeds would not change the others
    now["open"] = compared & ~settled & ~ended
    now["next_blocks"] = np.where(now["open"], np.append(blocks, 0)[now["look"]], 0)
    return now[[*CONTRACT, *FURTHER, *SEQUENTIAL]]


def open_variants(
    trials: pd.DataFrame, metric: str, at: Sequence[int] = LOOKS, **options: object
) -> dict[str, int]:
    """Return the variants whose verdict is open, with the number of seed blocks of the next look.

    The baseline needs the largest of these numbers. Empty if the study is finished.

    Parameters
    ----------
    trials, metric, at, options
        As for `sequential`, with one metric: the one that decides.

    Examples
    --------
    >>> columns = ["variant", "factor", "level", "baseline", "seed", "status", "loss"]
    >>> trials = pd.DataFrame([["skip=True", "skip", True, False, 0, "done", 0.1]], columns=columns)
    >>> open_variants(trials, "loss")
    {'skip=True': 6}
    """
    table = sequential(trials, [metric], at, **options)  # type: ignore[arg-type]
    waiting = table[table["open"]]
    return dict(zip(waiting["variant"], waiting["next_blocks"].astype(int), strict=True))


def _judge(
    rows: pd.DataFrame, compared: "pd.Series[bool]", alpha: float, lower: bool
) -> pd.DataFrame:
    """Apply Holm's correction and the verdicts; a variant without a look counts with p = 1."""
    adjusted = {}
    for name in ("p", "p_equivalence"):
        known = rows[name].notna()
        counted = rows[name].where(known, 1.0 if known.any() else np.nan).where(compared)
        adjusted[f"{name}_adjusted"] = np.where(known, holm(counted), np.nan)
    return rows.assign(
        **adjusted,
        verdict=verdicts(
            rows["delta"],
            adjusted["p_adjusted"],
            adjusted["p_equivalence_adjusted"],
            alpha=alpha,
            lower_is_better=lower,
            barred=barred(rows["notes"]),
        ),
    )
