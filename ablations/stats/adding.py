"""Deltas of a study that adds seeds only where a verdict is open, valid at every look."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ablations.stats import notes
from ablations.stats.barring import FEW_PAIRS, barred
from ablations.stats.columns import CONTRACT, FURTHER, SEQUENTIAL
from ablations.stats.comparisons import deltas
from ablations.stats.metrics import Direction, direction
from ablations.stats.pairs import check_trials
from ablations.stats.spending import LOOKS, checked_looks, shares_of
from ablations.stats.verdicts import holm, verdicts
from ablations.study import BASELINE


def sequential(
    trials: pd.DataFrame,
    metrics: Sequence[str],
    at: Sequence[int] = LOOKS,
    *,
    seeds: Sequence[int] | None = None,
    confidence: float = 0.95,
    margins: Mapping[str, float] | None = None,
    directions: Mapping[str, Direction] | None = None,
    loss_kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the deltas of a study that adds seeds where a verdict is open: valid at every look.

    The table of `deltas` at the last look k that a variant had, of which these differ: ``p`` and
    ``p_equivalence`` are `sequential_p`; ``p_adjusted``, ``p_equivalence_adjusted`` and ``verdict``
    follow from them, with Holm's correction over all feasible variants whether looked at or not;
    ``ci_low`` and ``ci_high`` have the confidence 1 - alpha share_k, so that with 95% all looks'
    intervals hold at once. ``detectable`` and ``seeds_needed`` are at that look's level. Under
    normal deltas the chance of any false "better" or "worse" in a metric is at most alpha, over all
    looks and variants; so is that of any false "equivalent".

    Delta, interval, p and verdict are all from that one look, so none contradicts another: the
    interval of a "better" or "worse" excludes 0. What an earlier look showed no longer counts if
    later seeds do not show it. A closed verdict stays closed, because its variant gets no more
    seeds.

    Parameters
    ----------
    trials, metrics, confidence, margins, directions, loss_kinds
        As for `deltas`. Trials beyond the last look are not read.
    at
        The looks, fixed before the first trial; see `looks`.
    seeds
        The seeds in the order in which blocks are added; in rising order if left out.

    Returns
    -------
    DataFrame
        `CONTRACT`, `FURTHER`, then ``look`` (how many looks the variant had), ``blocks`` (at the
        last of them), ``next_blocks`` (how many seed blocks it should have next, 0 if none more)
        and ``open`` (whether more seeds may yet close the verdict).

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
    ran = trials["status"].isin(["done", "failed"])
    order = list(seeds) if seeds is not None else sorted(set(trials.loc[ran, "seed"]))

    def table_of(first: Sequence[int], certainty: float) -> pd.DataFrame:
        # A status that nobody counts, rather than fewer rows, so that every variant keeps its row.
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
    compared = now["notes"] == notes.NO_PAIRS  # before any look: the others have a reason
    for k, (look, share) in enumerate(zip(blocks, shares_of(blocks), strict=True), start=1):
        count = trials.loc[ran & trials["seed"].isin(order[:look]), "variant"].value_counts()
        whole = count.get(BASELINE, 0) >= look  # a block whose baseline still runs is not there yet
        reached = compared & whole & (now["variant"].map(count).fillna(0) >= look)
        table = table_of(order[:look], 1 - alpha * share).assign(look=k, blocks=int(look))
        for name in ("p", "p_equivalence"):
            table[name] = (table[name] / share).clip(upper=1)
        now = pd.concat([now[~reached], table[reached]]).sort_index()
    for metric in metrics:
        rows = now["metric"] == metric
        lower = direction(metric, directions) == "lower"
        now.loc[rows] = _judge(now[rows], compared[rows], alpha, lower)
    settled = ~now["verdict"].isin(["", "inconclusive"])
    waiting = compared & (now["look"] == 0)
    now["notes"] = now["notes"].mask(waiting, f"before the first look, at {blocks[0]} seed blocks")
    ended = (now["look"] == len(blocks)) | ((now["look"] > 0) & (now["n_pairs"] == 0))
    now["seeds_needed"] = now["seeds_needed"].where(~settled, now["n_pairs"].astype(float))
    ended |= barred(now["notes"], but=FEW_PAIRS)  # more seeds would not change that
    now["open"] = compared & ~settled & ~ended
    now["next_blocks"] = np.where(now["open"], np.append(blocks, 0)[now["look"]], 0)
    return now[[*CONTRACT, *FURTHER, *SEQUENTIAL]]


def open_variants(
    trials: pd.DataFrame, metric: str, at: Sequence[int] = LOOKS, **options: object
) -> dict[str, int]:
    """Return the variants whose verdict is open, and how many seed blocks each should have next.

    The baseline needs as many as the most of them. Empty once the study is finished.

    Parameters
    ----------
    trials, metric, at, options
        As for `sequential`, with the one metric that decides.

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
    """Apply Holm and the verdict, with a variant not looked at yet counted as a comparison."""
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
