"""Analysis of variance: main effects and two-way interactions, blocked by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ablations.stats.contrasts import TOGETHER, Array, BlockedFit, Model, TermTest, model_of
from ablations.stats.pairs import (
    StatisticsError,
    all_alike,
    check_trials,
    level_key,
    noise_of,
)
from ablations.stats.verdicts import holm
from ablations.study import BASELINE, ENDED, Status
from ablations.study.checks import EXPLORATORY_BELOW
from cnnzoo.toggle import Level

EFFECTS = (
    "metric",
    "term",
    "kind",
    "df",
    "df_error",
    "epsilon",
    "ss",
    "ss_error",
    "F",
    "p",
    "p_adjusted",
    "share",
    "partial_share",
    "delta",
    "ci_low",
    "ci_high",
    "n_trials",
    "n_blocks",
    "notes",
)

_NUMBERS = ("df_error", "epsilon", "ss_error", "F", "p", "partial_share")


def effects(
    trials: pd.DataFrame,
    factors: Sequence[str] | Mapping[str, str],
    metrics: Sequence[str],
    *,
    interactions: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return the analysis of variance of a factorial design with seeds as blocks.

    The model is seed + factors + two-way interactions, sum-coded, with sums of squares of type
    III. The effect of a factor varies between seeds, and more for some factors than for others. So
    each term is tested against its own variation between seed blocks, not against one pooled
    residual. Kirk calls this model RBF-pq, non-additive; Barr et al. a random slope for each term.

    .. math:: F_A = \frac{SS_A / df_A}{SS_{seed \times A} / df_{seed \times A}}

    With complete blocks, a term with one degree of freedom has the paired t test of its contrast
    over the n seeds, so :math:`F = t^2` on 1 and n - 1 degrees of freedom. This also holds in
    fractions and screening designs. A term with more degrees of freedom is tested on
    :math:`\epsilon\,df` and :math:`\epsilon\,df_{error}` degrees of freedom with the epsilon of
    Greenhouse and Geisser, because contrasts among levels seldom have equal variances.
    (Hotelling's :math:`T^2` needs no such correction, but more seeds than contrasts.) If trials
    are missing, the variance between blocks is the cluster-robust CR2 with Satterthwaite's degrees
    of freedom, and ``notes`` gives the number of blocks; see ``ablations.stats.contrasts``. The
    estimates then depend on the model, which has no interaction of three factors; with complete
    blocks of a full factorial they do not.

    A term that is aliased with earlier ones has a row without numbers and with a note. The term
    that carries it has a note, too.

    Parameters
    ----------
    trials
        One row per trial, with one column per factor that holds its level.
    factors
        Names of the factors, whose columns are "factor:NAME", or a mapping from names to columns.
    metrics
        Columns of ``trials``.
    interactions
        Whether to estimate two-way interactions.
    confidence
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        One row per metric and term with the columns `EFFECTS`. ``kind``: "main", "interaction",
        "block" or "residual". ``ss_error`` and ``df_error`` are those of seed x term, which are a
        part of the row "residual". ``df`` and ``df_error`` are before the correction by
        ``epsilon``, which a term with one degree of freedom does not need. ``p_adjusted``: Holm's
        correction over the terms of a metric. ``share``: eta squared, SS over the total SS.
        ``partial_share``: partial eta squared, SS over SS + ``ss_error``. ``delta``, for factors
        with two levels: for a main effect the other level minus the baseline's, averaged over the
        levels of the other factors; for an interaction the change of one factor's delta between
        the levels of the other. Intervals are t with ``df_error`` degrees of freedom. ``n_blocks``:
        number of seed blocks with at least two trials. If there is no test, ``notes`` gives the
        reason and its numbers are NaN.

    References
    ----------
    Kirk (2013), "Experimental design", 4th ed., on randomized block factorial designs.
    Greenhouse and Geisser (1959), "On methods in the analysis of profile data", Psychometrika 24.
    Barr, Levy, Scheepers and Tily (2013), "Random effects structure for confirmatory hypothesis
    testing: keep it maximal", J. Mem. Lang. 68.
    Hagmann, Meier and Riezler (2023), "Towards inferential reproducibility of machine learning
    research", ICLR.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline", "a", "b", "a + b"] * 3,
    ...         "factor:skip": [False, True, False, True] * 3,
    ...         "factor:pool": ["max", "max", "average", "average"] * 3,
    ...         "seed": np.repeat([0, 1, 2], 4),
    ...         "status": "done",
    ...         "test_loss": [4.0, 3.0, 6.0, 2.0, 4.2, 3.1, 6.1, 2.0, 3.9, 3.0, 6.0, 2.1],
    ...     }
    ... )
    >>> table = effects(trials, ["skip", "pool"], ["test_loss"])
    >>> table[["term", "kind", "share", "delta"]].round(3)
              term         kind  share  delta
    0         skip         main  0.712   -2.5
    1         pool         main  0.028    0.5
    2  skip x pool  interaction  0.256   -3.0
    3         seed        block  0.001    NaN
    4     residual     residual  0.002    NaN
    """
    columns = (
        dict(factors)
        if isinstance(factors, Mapping)
        else {name: f"factor:{name}" for name in factors}
    )
    if not columns:
        raise StatisticsError("`factors`: expected at least one factor; got none.")
    check_trials(trials, metrics, *columns.values())
    ran = trials[trials["status"].isin(ENDED)]
    frames = []
    for metric in metrics:
        values = ran[metric].to_numpy(dtype=float, na_value=np.nan)
        usable = (ran["status"] == Status.DONE).to_numpy() & np.isfinite(values)
        usable &= ran[list(columns.values())].notna().all(axis=1).to_numpy()
        rows = ran[usable]
        if rows.empty:
            continue
        model = model_of(rows, columns, interactions)
        frame = _anova(model, values[usable], confidence, _incomplete(ran, rows))
        frames.append(frame.assign(metric=metric, n_blocks=_block_count(rows)))
    if not frames:
        return pd.DataFrame(columns=list(EFFECTS))
    return pd.concat(frames, ignore_index=True)[list(EFFECTS)]


def interactions(
    trials: pd.DataFrame,
    changes: Mapping[str, Mapping[str, Level]],
    metrics: Sequence[str],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return the interaction of each two changes that were trained alone and together.

    .. math:: (y_{AB} - y_0) - (y_A - y_0) - (y_B - y_0)

    is what both changes do together beyond the sum of what each does alone. It is the interaction
    of `effects` for the baseline and the three variants, tested over seed blocks.

    Parameters
    ----------
    trials
        One row per trial.
    changes
        Changed levels by factor, of each variant.
    metrics
        Columns of ``trials``.
    confidence
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        As of `effects`, with one row per metric and pair of changes. ``term``: the names of both
        variants. ``share``: share of the variance of the baseline and the three variants.
        ``p_adjusted``: Holm's correction over the pairs of a metric.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline", "a", "b", "both"] * 3,
    ...         "seed": np.repeat([0, 1, 2], 4),
    ...         "status": "done",
    ...         "test_loss": [1.0, 1.2, 1.1, 2.0, 1.1, 1.2, 1.2, 2.2, 0.9, 1.1, 1.1, 2.1],
    ...     }
    ... )
    >>> changes = {"a": {"skip": False}, "b": {"depth": 2}, "both": {"skip": False, "depth": 2}}
    >>> interactions(trials, changes, ["test_loss"])[["term", "delta", "n_blocks"]].round(2)
        term  delta  n_blocks
    0  a x b    0.8         3
    """
    alone = {_changed(levels): name for name, levels in changes.items() if len(levels) == 1}
    frames = []
    for both, levels in changes.items():
        pair = [alone.get(_changed({factor: level})) for factor, level in levels.items()]
        if len(pair) != 2 or None in pair:
            continue
        rows = trials[trials["variant"].isin([BASELINE, *pair, both])]
        columns = {name: rows["variant"].isin([name, both]) for name in pair}
        factors = {str(name): f"factor:{name}" for name in columns}
        rows = rows.assign(**{factors[str(name)]: column for name, column in columns.items()})
        table = effects(rows, factors, metrics, confidence=confidence)
        frames.append(table[table["kind"] == "interaction"])
    if not frames:
        return pd.DataFrame(columns=list(EFFECTS))
    found = pd.concat(frames, ignore_index=True)
    found = found.iloc[found["metric"].map(list(metrics).index).argsort(kind="stable")]
    found["p_adjusted"] = found.groupby("metric")["p"].transform(lambda p: holm(p.astype(float)))
    return found.reset_index(drop=True)


def _changed(levels: Mapping[str, Level]) -> tuple[tuple[str, Any], ...]:
    """Return changes as a key, in which 1 and True are two levels."""
    return tuple((factor, level_key(level)) for factor, level in sorted(levels.items()))


def _incomplete(ran: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Return notes on missing trials and on the number of seed blocks."""
    notes = []
    if len(rows) < len(ran):
        notes.append(f"{len(ran) - len(rows)} of {len(ran)} trials are missing")
    sizes = rows.groupby("seed").size()
    complete, used = int((sizes == rows["variant"].nunique()).sum()), _block_count(rows)
    if complete < len(sizes):
        notes.append(
            f"{complete} of {len(sizes)} seed blocks are complete, and {used} are used with "
            "cluster-robust errors (CR2)"
        )
    if 1 < used < EXPLORATORY_BELOW:
        notes.append(f"exploratory: fewer than {EXPLORATORY_BELOW} seed blocks")
    return notes


def _block_count(rows: pd.DataFrame) -> int:
    """Return the number of seed blocks with at least two trials."""
    return int((rows.groupby("seed").size() > 1).sum())


def _anova(model: Model, y: Array, confidence: float, notes: Sequence[str]) -> pd.DataFrame:
    matrix = model.matrix()
    rss = _rss(matrix, y)
    total = float(((y - y.mean()) ** 2).sum())
    if all_alike(y, noise_of(y)):  # differences within rounding are no variance
        total = 0.0
    rows = [
        _row(name, test.df, float(test.ss[0]), total)
        | _tested(name, test, confidence)
        | {"notes": "; ".join([*notes, *_untested(test), *_carried(model, name)])}
        for name, test in BlockedFit(model).tests(y[:, None])
    ]
    rows += [
        {"term": term, "kind": _kind(term), "notes": reason}
        for term, reason in model.refused.items()
    ]
    rows.sort(key=lambda row: row["kind"] == "interaction")
    blocks = model.blocks.shape[1]
    unblocked_rss = _rss(np.hstack([np.ones((len(y), 1)), matrix[:, blocks:]]), y)
    seed_ss = max(unblocked_rss - rss, 0.0)
    rows += [
        _row("seed", blocks - 1, seed_ss, total) | {"kind": "block", "notes": ""},
        _row("residual", len(y) - matrix.shape[1], rss, total) | {"kind": "residual", "notes": ""},
    ]
    frame = pd.DataFrame(rows, columns=list(EFFECTS))
    frame["n_trials"] = len(y)
    frame["p_adjusted"] = holm(frame["p"].astype(float))
    return frame.astype({"df": "Int64", **dict.fromkeys(_NUMBERS, float)})


def _tested(term: str, test: TermTest, confidence: float) -> dict[str, Any]:
    """Return the test of a term and, if its factors have two levels, its delta."""
    row: dict[str, Any] = {"df_error": test.df_error}
    reach = np.nan
    if not _untested(test):
        ss, ss_error = float(test.ss[0]), float(test.ss_error[0])
        row |= {"ss_error": ss_error, "F": float(test.F[0])}
        row |= {"p": float(test.p[0]), "partial_share": ss / (ss + ss_error)}
        half = special.stdtrit(test.df_error, (1 + confidence) / 2)
        reach = half * float(np.sqrt(test.variance[0, 0]))
    if test.df > 1:
        return row | {"epsilon": float(test.epsilon[0])}
    # Sum coding puts the levels 2 apart, and a product of two of them 4.
    scale = 4 if _kind(term) == "interaction" else 2
    delta, reach = scale * float(test.coefficients[0, 0]), scale * reach
    return row | {"delta": delta, "ci_low": delta - reach, "ci_high": delta + reach}


def _untested(test: TermTest) -> list[str]:
    """Return the reasons why a term has no test; empty if it has one."""
    if np.isnan(test.df_error):
        return ["it rests on one seed block alone: no test"]
    return ["the same in every seed block: no test"] if test.alike[0] else []


def _carried(model: Model, term: str) -> list[str]:
    return [f"also carries {name}" for name in model.carries.get(term, ())]


def _kind(term: str) -> str:
    return "interaction" if TOGETHER in term else "main"


def _row(term: str, df: int, ss: float, total: float) -> dict[str, Any]:
    share = ss / total if total > 0 else np.nan
    return {"term": term, "kind": _kind(term), "df": df, "ss": ss, "share": share}


def _rss(columns: Array, y: Array) -> float:
    residuals = y - columns @ np.linalg.lstsq(columns, y)[0]
    return float(residuals @ residuals)
