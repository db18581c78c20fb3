"""Shared seed blocks: the seeds over which the means of variants can be compared."""

from dataclasses import dataclass

import pandas as pd

from ablations.stats.pairs import by_seed
from ablations.study import Status

NOTHING_DONE = "no trial is done in a seed block that all variants have"


@dataclass(frozen=True, eq=False)
class SharedBlocks:
    """Values of a metric in the seed blocks in which all compared variants are done.

    Parameters
    ----------
    table
        One row per shared seed block, one column per compared variant.
    left_out
        Reason why a variant is not compared, by variant.
    """

    table: pd.DataFrame
    left_out: dict[str, str]


def shared_blocks(trials: pd.DataFrame, metric: str) -> SharedBlocks:
    """Return the values of the variants in the seed blocks in which all of them are done.

    A variant that is done in less than half of the planned seed blocks is left out, because it
    would remove most blocks of the others. If the remaining variants share no block, the one with
    the fewest blocks is left out until they do.

    Parameters
    ----------
    trials
        One row per trial. A trial whose value is not finite counts as not done.
    metric
        Column of ``trials``.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 3 + ["a"] * 3 + ["b"] * 3,
    ...         "seed": [0, 1, 2] * 3,
    ...         "status": ["done"] * 5 + ["failed", "done", "failed", "failed"],
    ...         "test_loss": [0.1, 0.2, 0.9, 0.2, 0.3, None, 0.1, None, None],
    ...     }
    ... )
    >>> shared = shared_blocks(trials, "test_loss")
    >>> shared.table.mean().round(2).to_dict()
    {'a': 0.25, 'baseline': 0.15}
    >>> shared.left_out
    {'b': 'left out: done in 1 of 3 seed blocks'}
    """
    done = done_blocks(trials, metric)
    done = done[done.any(axis=1)]
    compared, blocks = compared_blocks(done)
    counts = done.sum()
    left_out = {
        str(name): f"left out: done in {counts.get(name, 0)} of {len(done)} seed blocks"
        if len(done)
        else NOTHING_DONE
        for name in dict.fromkeys(trials["variant"])
        if name not in compared
    }
    return SharedBlocks(by_seed(trials, metric).loc[blocks, compared], left_out)


def done_blocks(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return which trials are done with a finite metric.

    The result has one row per seed that is planned for all feasible variants and one column per
    variant.
    """
    feasible = trials[trials["status"] != Status.INFEASIBLE]
    names = sorted(set(feasible["variant"]))
    planned = feasible[["seed", "variant"]].drop_duplicates()["seed"].value_counts()
    seeds = sorted(planned.index[planned == len(names)])
    return by_seed(trials, metric).notna().reindex(index=seeds, columns=names, fill_value=False)


def mostly_done(done: pd.DataFrame) -> list[str]:
    """Return the variants that are done in at least half of the seed blocks."""
    return [str(name) for name, share in done.astype(bool).mean().items() if share >= 0.5]


def compared_blocks(done: pd.DataFrame) -> tuple[list[str], list[int]]:
    """Return the variants that can be compared and the seeds in which all of them are done.

    Variants need at least half of the seeds. If they share no seed, the variant with the fewest
    seeds is left out until they do.
    """
    compared = mostly_done(done)
    while compared:
        blocks: list[int] = done.index[done[compared].all(axis=1)].tolist()
        if blocks:
            return compared, blocks
        compared.remove(min(reversed(compared), key=lambda name: int(done[name].sum())))
    return [], []
