"""The claims of one page, corrected together: deltas, trends, effects and steps of one metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ablations.stats.verdicts import Array, Verdict, holm

ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class Claims:
    """Tables of one page whose rows of the primary metric carry its verdicts.

    Parameters
    ----------
    deltas
        Table of `ablations.stats.deltas` or `ablations.stats.sequential`.
    trends, effects, steps
        Tables of `ablations.stats.trend`, `effects` and `steps`; None if the page has none.
    metric
        The primary metric.
    counts
        Number of claims by kind, set by `page_wide`.
    """

    deltas: pd.DataFrame
    metric: str
    trends: pd.DataFrame | None = None
    effects: pd.DataFrame | None = None
    steps: pd.DataFrame | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def page_wide(claims: Claims) -> Claims:
    r"""Correct the claims of one page on its primary metric together.

    Deltas, trends and effects of the primary metric form one family of Holm's correction. Their
    adjusted p replaces that of each table, which was corrected for the table alone. Steps of a path
    were chosen by the values that measure them and have a correction of their own, so they share
    the error with the rest by Bonferroni: if there are steps, every p is doubled. A verdict whose p
    no longer is below 5% becomes inconclusive, and a trend without it is not significant. Rows of
    other metrics keep what their table says.

    If nothing has an effect, the chance that a page claims anything is at most 5%: Holm's
    correction needs no assumption on how the claims depend on each other. Splitting the error
    between the kinds instead finds less where several variants have an effect; see
    docs/decisions/0023-claims-of-a-page.md.

    Comparisons without a look yet count with p = 1, as in `ablations.stats.sequential`.
    "equivalent" has a family of its own and is not changed.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6.
    """
    kinds = {"delta": claims.deltas, "trend": claims.trends, "effect": claims.effects}
    tables = {kind: table for kind, table in kinds.items() if table is not None}
    p_of = {
        kind: table.loc[table["metric"] == claims.metric, "p"].astype(float)
        for kind, table in tables.items()
    }
    counts = {kind: int(p.notna().sum()) for kind, p in p_of.items()}
    share = 1
    steps = claims.steps
    if steps is not None:
        own = (steps["metric"] == claims.metric) & steps["p_adjusted"].notna()
        counts["step"] = int(own.sum())
        if counts["step"]:
            share = 2
            doubled = (share * steps["p_adjusted"]).clip(upper=1)
            steps = steps.assign(p_adjusted=steps["p_adjusted"].mask(own, doubled))
    adjusted = _family(list(p_of.values()), share, _waiting(claims.deltas, claims.metric))
    corrected = {
        kind: _with(table, values)
        for (kind, table), values in zip(tables.items(), adjusted, strict=True)
    }
    trends = corrected.get("trend")
    if trends is not None:
        lost = (trends["metric"] == claims.metric) & ~(trends["p_adjusted"] < ALPHA)
        trends = trends.assign(trend=trends["trend"].mask(lost, ""))
    deltas = corrected["delta"]
    decided = deltas["verdict"].isin([Verdict.BETTER, Verdict.WORSE])
    lost = (deltas["metric"] == claims.metric) & decided & ~(deltas["p_adjusted"] < ALPHA)
    deltas = deltas.assign(verdict=deltas["verdict"].mask(lost, str(Verdict.INCONCLUSIVE)))
    return replace(
        claims,
        deltas=deltas,
        trends=trends,
        effects=corrected.get("effect"),
        steps=steps,
        counts={kind: count for kind, count in counts.items() if count},
    )


def _family(p: Sequence["pd.Series[float]"], share: int, waiting: int) -> list["pd.Series[float]"]:
    """Return Holm's adjusted p of several tables together."""
    known = [each.to_numpy() for each in p]
    together: Array = np.concatenate([*known, np.ones(waiting)])
    adjusted = np.minimum(share * holm(together), 1.0)
    ends = np.cumsum([len(each) for each in p])
    parts = np.split(adjusted, ends)
    return [pd.Series(part, each.index) for part, each in zip(parts, p, strict=False)]


def _waiting(deltas: pd.DataFrame, metric: str) -> int:
    """Return the number of comparisons of a sequential study that had no look yet."""
    if "look" not in deltas:
        return 0
    rows = deltas[deltas["metric"] == metric]
    return int(((rows["look"] == 0) & rows["open"].astype(bool) & rows["p"].isna()).sum())


def _with(table: pd.DataFrame, values: "pd.Series[float]") -> pd.DataFrame:
    adjusted = table["p_adjusted"].astype(float).copy()
    adjusted.loc[values.index] = values
    return table.assign(p_adjusted=adjusted)
