"""Main effects and two-way interactions of factors, blocked by seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from ablations.stats.design import TOGETHER, Array, Model, model_of
from ablations.stats.errors import StatisticsError
from ablations.stats.pairs import RESOLUTION, check_trials
from ablations.stats.verdicts import holm

EFFECTS = (
    "metric",
    "term",
    "kind",
    "df",
    "ss",
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


def effects(
    trials: pd.DataFrame,
    factors: Sequence[str] | Mapping[str, str],
    metrics: Sequence[str],
    *,
    interactions: bool = True,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return the analysis of variance of a factorial design with seeds as blocks.

    The model is seed + factors + two-way interactions, sum-coded; sums of squares are of type III:
    a term's is what the residual sum of squares grows by without it,

    .. math:: SS_A = RSS_{-A} - RSS, \qquad F = \frac{SS_A / df_A}{RSS / df_{res}}

    In a balanced design types I, II and III are the same. A term that the design cannot tell from
    earlier ones has a row that says so and no numbers, and the term that carries it says that too.

    Parameters
    ----------
    trials
        A row a trial, with a column for each factor that holds its level.
    factors
        Names of the factors, whose columns are "factor:NAME", or columns by name.
    metrics
        Columns of ``trials``.
    interactions
        Whether to estimate two-way interactions.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        For each metric a row a term with the columns `EFFECTS`. ``kind``: "main", "interaction",
        "block" or "residual". ``p_adjusted``: Holm's over a metric's terms. ``share``: eta
        squared, SS over the total SS. ``partial_share``: SS over SS + RSS. ``delta``, where
        factors have two levels: of a main effect the other level minus the baseline's, over the
        mean of the other factors' levels; of an interaction how much one factor's delta grows when
        the other goes to its other level. Intervals are t with the residual's freedom.

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
        raise StatisticsError("`factors` names no factor: give at least one.")
    check_trials(trials, metrics, *columns.values())
    ran = trials[trials["status"].isin(["done", "failed"])]
    frames = []
    for metric in metrics:
        values = ran[metric].to_numpy(dtype=float, na_value=np.nan)
        usable = (ran["status"] == "done").to_numpy() & np.isfinite(values)
        usable &= ran[list(columns.values())].notna().all(axis=1).to_numpy()
        rows = ran[usable]
        missing = f"{len(ran) - len(rows)} of {len(ran)} trials are missing"
        if rows.empty:
            continue
        model = model_of(rows, columns, interactions)
        frame = _anova(model, values[usable], confidence, missing if len(rows) < len(ran) else "")
        frames.append(frame.assign(metric=metric, n_blocks=model.blocks.shape[1]))
    if not frames:
        return pd.DataFrame(columns=list(EFFECTS))
    return pd.concat(frames, ignore_index=True)[list(EFFECTS)]


def _anova(model: Model, y: Array, confidence: float, missing: str) -> pd.DataFrame:
    whole = model.matrix()
    rss = _rss(whole, y)
    total = float(((y - y.mean()) ** 2).sum())
    freedom = len(y) - whole.shape[1]
    # What is left of an exact fit is rounding, not spread.
    exact = rss <= RESOLUTION**2 * float(y @ y)
    error = rss / freedom if freedom > 0 and not exact else np.nan
    why = "no residual spread: no test" if np.isnan(error) else ""
    inverse = np.linalg.inv(whole.T @ whole)
    found = inverse @ (whole.T @ y)
    half = special.stdtrit(max(freedom, 1), (1 + confidence) / 2)
    rows: list[dict[str, Any]] = []
    start = model.blocks.shape[1]
    for term, own in model.terms.items():
        df = own.shape[1]
        ss = max(_rss(model.matrix(without=term), y) - rss, 0.0)
        ratio = ss / df / error
        kind = "interaction" if TOGETHER in term else "main"
        row = _row(term, kind, df, ss, total) | {
            "F": ratio,
            "p": float(special.fdtrc(df, freedom, ratio)) if freedom > 0 else np.nan,
            "partial_share": ss / (ss + rss) if ss + rss > 0 else np.nan,
        }
        if df == 1:
            # Sum coding puts the levels 2 apart, and a product of two of them 4.
            scale = 4 if kind == "interaction" else 2
            delta = scale * float(found[start])
            reach = half * scale * np.sqrt(error * inverse[start, start])
            row |= {"delta": delta, "ci_low": delta - reach, "ci_high": delta + reach}
        also = [f"also carries {name}" for name in model.carries.get(term, ())]
        rows.append(row | {"notes": "; ".join(filter(None, [missing, why, *also]))})
        start += df
    for term, reason in model.refused.items():
        kind = "interaction" if TOGETHER in term else "main"
        rows.append({"term": term, "kind": kind, "notes": reason})
    rows.sort(key=lambda row: row["kind"] == "interaction")
    blocked = _rss(np.hstack([np.ones((len(y), 1)), whole[:, model.blocks.shape[1] :]]), y)
    rows.append(
        _row("seed", "block", model.blocks.shape[1] - 1, max(blocked - rss, 0.0), total)
        | {"notes": ""}
    )
    rows.append(_row("residual", "residual", freedom, rss, total) | {"notes": ""})
    frame = pd.DataFrame(rows, columns=list(EFFECTS))
    frame["n_trials"] = len(y)
    frame["p_adjusted"] = holm(frame["p"].astype(float))
    return frame.astype({"df": "Int64", "F": float, "p": float, "partial_share": float})


def _row(term: str, kind: str, df: int, ss: float, total: float) -> dict[str, Any]:
    share = ss / total if total > 0 else np.nan
    return {"term": term, "kind": kind, "df": df, "ss": ss, "share": share}


def _rss(columns: Array, y: Array) -> float:
    left = y - columns @ np.linalg.lstsq(columns, y)[0]
    return float(left @ left)
