"""A factorial's trials as a linear model: columns for each term, and which terms can be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.stats.pairs import level_key
from ablations.study import BASELINE

Array = NDArray[np.float64]

TOGETHER = " x "
"""Joins the two factors of an interaction."""

_ZERO = 1e-8


@dataclass(frozen=True)
class Model:
    """Seed blocks and the terms that can be estimated beside them.

    Parameters
    ----------
    blocks
        An indicator column a seed.
    terms
        Columns by term: a factor, or two joined by " x ".
    refused
        Why a term is not among them.
    carries
        By term, those it cannot be told from: its estimate is the sum of theirs and its own.
    """

    blocks: Array
    terms: Mapping[str, Array]
    refused: Mapping[str, str] = field(default_factory=dict)
    carries: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def matrix(self, without: str | None = None) -> Array:
        """Return all columns, or all but a term's."""
        return np.hstack([self.blocks, *(x for name, x in self.terms.items() if name != without)])


def sum_coded(levels: Sequence[object], first: object | None = None) -> Array:
    """Return k - 1 columns for k levels that sum to 0 over them; 1 and True are two levels.

    Examples
    --------
    >>> sum_coded(["max", "average", "max"]).T.tolist()
    [[-1.0, 1.0, -1.0]]
    """
    keys = [level_key(level) for level in levels]
    order = list(dict.fromkeys(keys if first is None else [level_key(first), *keys]))
    places = np.array([order.index(key) for key in keys])
    columns: Array = (places[:, None] == np.arange(1, len(order))).astype(float)
    columns[places == 0] = -1.0
    return columns


def model_of(rows: pd.DataFrame, factors: Mapping[str, str], interactions: bool) -> Model:
    """Build the model of seed blocks, main effects and two-way interactions.

    Terms are taken in this order. One whose columns are not all free of those before it is
    refused: it is aliased, or combinations of its levels were never trained.
    """
    blocks = (rows["seed"].to_numpy()[:, None] == rows["seed"].unique()[None, :]).astype(float)
    base = rows[rows["variant"] == BASELINE]
    mains = {
        name: sum_coded(list(rows[column]), base[column].iloc[0] if len(base) else None)
        for name, column in factors.items()
    }
    products = {
        first + TOGETHER + second: np.hstack([mains[first] * x[:, None] for x in mains[second].T])
        for first, second in combinations(factors, 2)
        if interactions and mains[first].shape[1] and mains[second].shape[1]
    }
    model = _admit(blocks, mains | products)
    if any("cannot be told" in reason for reason in model.refused.values()):
        model = _admit(blocks, mains)
        reason = "the design cannot tell its interactions apart: none is estimated"
        return Model(blocks, model.terms, dict(model.refused) | dict.fromkeys(products, reason))
    return model


def _admit(blocks: Array, candidates: Mapping[str, Array]) -> Model:
    taken: dict[str, Array] = {}
    left = {}
    for name, columns in candidates.items():
        before = np.hstack([blocks, *taken.values()])
        rank = np.linalg.matrix_rank(np.hstack([before, columns]))
        if columns.shape[1] and rank == before.shape[1] + columns.shape[1]:
            taken[name] = columns
        else:
            left[name] = columns
    refused: dict[str, str] = {}
    carries: dict[str, list[str]] = {}
    for name, columns in left.items():
        if not columns.shape[1]:
            refused[name] = "one level only"
            continue
        partners, whole = _partners(blocks, taken, columns)
        if partners is None:
            refused[name] = "combinations of its levels were never trained: not estimated"
        elif not whole and any(TOGETHER in partner for partner in partners):
            refused[name] = "cannot be told from other interactions"
        else:
            refused[name] = f"aliased with {', '.join(partners)}: not estimated apart"
            for partner in partners:
                carries.setdefault(partner, []).append(name)
    return Model(blocks, taken, refused, carries)


def _partners(
    blocks: Array, taken: Mapping[str, Array], columns: Array
) -> tuple[list[str] | None, bool]:
    """Return the terms that columns are combinations of, and whether with weights of 0 and 1.

    None where the columns are no combination of them.
    """
    known = np.hstack([blocks, *taken.values()])
    weights = np.linalg.lstsq(known, columns)[0]
    if np.abs(known @ weights - columns).max() > _ZERO:
        return None, False
    partners, start = [], blocks.shape[1]
    if np.ptp(weights[:start], axis=0).max() > _ZERO:
        partners.append("seed")
    for name, own in taken.items():
        if np.abs(weights[start : start + own.shape[1]]).max() > _ZERO:
            partners.append(name)
        start += own.shape[1]
    sizes = np.abs(weights[blocks.shape[1] :])
    return partners, bool(np.all((sizes < _ZERO) | (np.abs(sizes - 1) < _ZERO)))
