"""Per-seed contrasts: the model matrix of a design, and tests that hold with holes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from ablations.stats.pairs import all_alike, level_key, noise_of
from ablations.study import BASELINE

Array = NDArray[np.float64]

TOGETHER = " x "
"""Separator between the two factors of an interaction."""

_ZERO = 1e-8


@dataclass(frozen=True)
class Model:
    """Seed blocks and the terms that can be estimated in addition to them.

    Parameters
    ----------
    blocks
        One indicator column per seed.
    terms
        Columns by term: a factor, or two factors joined by " x ".
    refused
        Reason why a term cannot be estimated, by term.
    carries
        Aliases by term: its estimate is the sum of its own effect and theirs.
    """

    blocks: Array
    terms: Mapping[str, Array]
    refused: Mapping[str, str] = field(default_factory=dict)
    carries: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def matrix(self, without: str | None = None) -> Array:
        """Return all columns, optionally without those of one term."""
        return np.hstack([self.blocks, *(x for name, x in self.terms.items() if name != without)])


def sum_coded(levels: Sequence[object], first: object | None = None) -> Array:
    """Return sum-coded columns: k - 1 for k levels, each with sum 0. 1 and True are two levels.

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

    Terms are added in this order. A term is refused if its columns depend on earlier ones: it is
    aliased, or combinations of its levels were never trained.
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
    dependent = {}
    for name, columns in candidates.items():
        before = np.hstack([blocks, *taken.values()])
        rank = np.linalg.matrix_rank(np.hstack([before, columns]))
        if columns.shape[1] and rank == before.shape[1] + columns.shape[1]:
            taken[name] = columns
        else:
            dependent[name] = columns
    refused: dict[str, str] = {}
    carries: dict[str, list[str]] = {}
    for name, columns in dependent.items():
        if not columns.shape[1]:
            refused[name] = "one level only"
            continue
        partners, unit_weights = _partners(blocks, taken, columns)
        if partners is None:
            refused[name] = "combinations of its levels were never trained: not estimated"
        elif not unit_weights and any(TOGETHER in partner for partner in partners):
            refused[name] = "cannot be told from other interactions"
        else:
            refused[name] = f"aliased with {', '.join(partners)}: not estimated apart"
            for partner in partners:
                carries.setdefault(partner, []).append(name)
    return Model(blocks, taken, refused, carries)


def _partners(
    blocks: Array, taken: Mapping[str, Array], columns: Array
) -> tuple[list[str] | None, bool]:
    """Return the terms that the columns combine, and whether all weights are 0, 1 or -1.

    None if the columns are no linear combination of the terms.
    """
    estimated = np.hstack([blocks, *taken.values()])
    weights = np.linalg.lstsq(estimated, columns)[0]
    if np.abs(estimated @ weights - columns).max() > _ZERO:
        return None, False
    partners, start = [], blocks.shape[1]
    if np.ptp(weights[:start], axis=0).max() > _ZERO:
        partners.append("seed")
    for name, term_columns in taken.items():
        if np.abs(weights[start : start + term_columns.shape[1]]).max() > _ZERO:
            partners.append(name)
        start += term_columns.shape[1]
    sizes = np.abs(weights[blocks.shape[1] :])
    return partners, bool(np.all((sizes < _ZERO) | (np.abs(sizes - 1) < _ZERO)))


_ZERO = 1e-8
"""Eigenvalues below this are 0 up to rounding; the others are of the size of 1."""


@dataclass(frozen=True)
class TermTest:
    """Test of one term; arrays have one value per column of y.

    Parameters
    ----------
    coefficients
        Estimates for the term's columns, one row each.
    ss
        Sum of squares of type III.
    ss_error
        Sum of squares of seed x term.
    df, df_error
        Degrees of freedom of the two, before the correction. ``df_error`` is NaN if the term
        cannot be estimated without one of the blocks: that block has no residual.
    epsilon
        Factor of Greenhouse and Geisser, by which both are multiplied for p; 1 if ``df`` is 1.
    variance
        Estimated variance of each coefficient.
    F, p
        NaN if ``df_error`` is NaN or the blocks are alike.
    alike
        Whether all blocks give the same estimate up to rounding.
    """

    coefficients: Array
    ss: Array
    ss_error: Array
    df: int
    df_error: float
    epsilon: Array
    variance: Array
    F: Array
    p: Array
    alike: NDArray[np.bool_]


class BlockedFit:
    r"""Least squares with seeds as blocks and errors that are independent between blocks only.

    The contribution of a block to the estimate of a term, minus the prediction of the mean over
    blocks, is one draw of the error that the term is tested against. With :math:`\tilde X_s` the
    rows of block s after removal of the block means,
    :math:`M = (\sum_s \tilde X_s' \tilde X_s)^{-1}`, :math:`H_s = \tilde X_s M \tilde X_s'` and
    residuals e

    .. math:: c_s = M \tilde X_s' (I - H_s)^{-1/2} e_s, \qquad \hat V = \sum_s c_s c_s'

    If all n blocks have the same rows and b_s is the estimate from block s alone, this is
    :math:`\hat V = \sum_s (b_s - \bar b)(b_s - \bar b)' / (n (n - 1))`: a term with one degree of
    freedom has the paired t test of its contrast, with n - 1 degrees of freedom, and a term with
    more has its own seed x term mean square below its F. If rows are missing, it is the
    cluster-robust variance CR2, with the degrees of freedom by Satterthwaite's approximation.

    The alternative for missing rows is a mixed model with a random slope for each term. With 12
    seeds half of its fits do not converge and its z tests err in more than 5%; cluster-robust
    tests keep to 5% with nearly the same power. See tests/benchmarks/results/mixed_models.md.

    Parameters
    ----------
    model
        Blocks and terms.

    References
    ----------
    Kirk (2013), "Experimental design", 4th ed., section 10.5 (RBF-pq, non-additive model).
    Bell and McCaffrey (2002), "Bias reduction in standard errors for linear regression with
    multi-stage samples", Survey Methodology 28.
    Pustejovsky and Tipton (2018), "Small-sample methods for cluster-robust variance estimation and
    hypothesis testing in fixed effects models", J. Bus. Econ. Statist. 36.
    Greenhouse and Geisser (1959), "On methods in the analysis of profile data", Psychometrika 24.
    """

    def __init__(self, model: Model) -> None:
        self._blocks = [np.flatnonzero(column) for column in model.blocks.T]
        self._widths = {name: columns.shape[1] for name, columns in model.terms.items()}
        x = np.hstack([np.empty((len(model.blocks), 0)), *model.terms.values()])
        self._x = self._within(x)
        self._inverse = np.linalg.inv(self._x.T @ self._x)
        # Residuals to contributions: one row per coefficient, one column per row of the block.
        self._weights = [self._inverse @ self._x[rows].T for rows in self._blocks]
        self._adjusted_weights = [
            weights @ _root_inverse(np.eye(len(rows)) - self._x[rows] @ weights)
            for weights, rows in zip(self._weights, self._blocks, strict=True)
        ]

    def tests(self, y: Array) -> Iterator[tuple[str, TermTest]]:
        """Test each term.

        Parameters
        ----------
        y
            One row per trial, one column per metric or per repetition of a simulation.
        """
        within = self._within(y)
        coefficients = self._inverse @ (self._x.T @ within)
        residuals = within - self._x @ coefficients
        parts = self._parts(self._adjusted_weights, residuals)
        # Coefficients estimated from each block alone; their mean over blocks is the estimate.
        count = len(self._blocks)
        estimates = coefficients + count * self._parts(self._weights, residuals)
        sizes = [np.abs(weights) for weights in self._weights]
        noise = count * self._parts(sizes, noise_of(y)) / 2
        start = 0
        for name, df in self._widths.items():
            columns = slice(start, start + df)
            alike = np.asarray(all_alike(estimates[:, columns].T, noise[:, columns].T).all(axis=1))
            yield name, self._test(columns, coefficients[columns], parts[:, columns], alike)
            start += df

    def _parts(self, weights: list[Array], values: Array) -> Array:
        """Return the weighted sums of each block's values: block, coefficient, column of y."""
        return np.stack(
            [each @ values[rows] for each, rows in zip(weights, self._blocks, strict=True)]
        )

    def _test(
        self, columns: slice, coefficients: Array, parts: Array, alike: NDArray[np.bool_]
    ) -> TermTest:
        df = len(coefficients)
        # Scale that makes the coefficients of the term independent with variance 1.
        scale = np.linalg.cholesky(np.linalg.inv(self._inverse[columns, columns]))
        ss = ((scale.T @ coefficients) ** 2).sum(axis=0)
        scaled = np.einsum("ji,bjm->bim", scale, parts)
        error = np.einsum("bim,bjm->mij", scaled, scaled)
        trace = np.trace(error, axis1=1, axis2=2)
        df_error = self._satterthwaite(columns, scale)
        trace = np.where(alike, np.nan, trace)
        ratio = ss / trace
        epsilon = trace**2 / (df * (error**2).sum(axis=(1, 2)))
        p = special.fdtrc(epsilon * df, epsilon * df_error, ratio)
        return TermTest(
            coefficients=coefficients,
            ss=ss,
            ss_error=trace / df * df_error,
            df=df,
            df_error=df_error,
            epsilon=epsilon,
            variance=(parts**2).sum(axis=0),
            F=ratio,
            p=p,
            alike=alike,
        )

    def _satterthwaite(self, columns: slice, scale: Array) -> float:
        count, df = len(self._blocks), scale.shape[1]
        root = np.linalg.cholesky(self._inverse)
        projected = []
        covariance = np.zeros((count, count, df, df))
        for block, (weights, rows) in enumerate(
            zip(self._adjusted_weights, self._blocks, strict=True)
        ):
            scaled = scale.T @ weights[columns]
            projected.append(scaled @ self._x[rows] @ root)
            covariance[block, block] = scaled @ scaled.T
        stacked = np.stack(projected)
        covariance -= np.einsum("bip,cjp->bcij", stacked, stacked)
        expected = np.einsum("bbii->", covariance)
        if expected < (1 - _ZERO) * df:
            return np.nan
        return float(expected**2 / (covariance**2).sum())

    def _within(self, values: Array) -> Array:
        """Remove the block means."""
        centred = np.array(values, dtype=float)
        for rows in self._blocks:
            centred[rows] -= centred[rows].mean(axis=0)
        return centred


def _root_inverse(matrix: Array) -> Array:
    """Return the symmetric square root of the inverse, or of the pseudo-inverse."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.where(values > _ZERO, 1 / np.sqrt(np.maximum(values, _ZERO)), 0.0)
    return np.asarray((vectors * values) @ vectors.T)
