"""Anytime-valid verdicts: an e-process of the t test, which may be looked at after every pair."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ablations.stats.barring import barred, marks_of, notes_of_marks
from ablations.stats.lost_seeds import ended_seeds, notes_of_lost
from ablations.stats.metrics import Better, direction
from ablations.stats.pairs import (
    Array,
    all_alike,
    by_seed,
    check_trials,
    noise_of,
    untied,
    variants,
)
from ablations.stats.verdicts import Verdict, holm
from ablations.study import BASELINE
from ablations.study.checks import EXPLORATORY_BELOW

EFFECT_VARIANCE = 1.0
"""Variance of the effects that the e-process mixes, in standard deviations of a delta."""

ANYTIME = ("variant", "metric", "n_pairs", "delta", "e_value", "p", "p_adjusted", "verdict")


def e_process(deltas: ArrayLike, noise: ArrayLike = 0.0) -> Array:
    r"""Return the e-value of the t test after each delta, along the last axis.

    With a normal prior of variance g on the effect delta / sd, and the right Haar prior 1 / sd,

    .. math:: e_n = \frac{1}{\sqrt{1 + n g}} \left(\frac{1 + t_n^2 / (n - 1)}
              {1 + t_n^2 / ((n - 1)(1 + n g))}\right)^{n / 2}

    For normal deltas with mean 0 and any standard deviation this is a nonnegative martingale that
    begins at 1, so by Ville's inequality the chance that it ever reaches 1 / alpha is at most
    alpha, however often it is looked at. Deltas that are alike are no evidence: e is 1.

    Parameters
    ----------
    deltas
        Deltas in the order in which their seeds were planned.
    noise
        Rounding noise of each delta; see `ablations.stats.pairs.noise_of`.

    References
    ----------
    Lai (1976), "On confidence sequences", Ann. Statist. 4. Wang and Ramdas (2025), "Anytime-valid
    t-tests and confidence sequences for Gaussian means with unknown variance", Sequential Analysis
    44. Grünwald, de Heide and Koolen (2024), "Safe testing", JRSS B 86.

    Examples
    --------
    >>> e_process([0.1, 0.3, 0.2, 0.2, 0.25, 0.15, 0.2]).round(2).tolist()
    [1.0, 1.24, 2.34, 5.36, 14.13, 33.76, 104.71]
    """
    values = untied(deltas, noise)
    n = np.arange(1, values.shape[-1] + 1)
    mean = np.cumsum(values, axis=-1) / n
    # Deviations are from the first delta, so that a large mean costs no digits.
    start = values[..., :1]
    squares = np.cumsum((values - start) ** 2, axis=-1) - n * (mean - start) ** 2
    squares = np.maximum(squares, 0.0)
    middle = n * mean**2
    top, bottom = squares + middle, squares + middle / (1 + n * EFFECT_VARIANCE)
    reach = np.broadcast_to(np.asarray(noise, dtype=float), values.shape)
    alike = np.ones(values.shape, dtype=bool)
    for k in n[1:]:
        alike[..., k - 1] = all_alike(values[..., :k], reach[..., :k])
    ratio = np.where(alike | (bottom <= 0), 1.0, top / np.where(bottom > 0, bottom, 1.0))
    log_e = n / 2 * np.log(ratio) - 0.5 * np.log1p(n * EFFECT_VARIANCE)
    return np.asarray(np.where(alike, 1.0, np.exp(np.minimum(log_e, 700.0))))


def anytime(
    trials: pd.DataFrame,
    metric: str,
    *,
    confidence: float = 0.95,
    directions: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return verdicts on one metric that hold whenever a study is looked at.

    The pairs of a variant count in the order of their seeds, up to the first seed of which a trial
    has not run, so the order in which trials end does not matter. ``p`` is 1 over the largest
    e-value so far, and ``p_adjusted`` is Holm's correction over all variants. For normal deltas,
    the chance that any variant without effect is ever called better or worse is at most 1 -
    confidence.

    Parameters
    ----------
    trials
        One row per planned trial.
    metric
        Column of ``trials``.
    confidence, directions
        As for `ablations.stats.deltas`.

    Returns
    -------
    DataFrame
        One row per variant with the columns `ANYTIME`. ``verdict`` is empty below six pairs, and
        where `ablations.stats.deltas` gives none because of failed or marked trials;
        "inconclusive" also stands where the delta has changed its sign since its largest e-value.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 7 + ["pool_size=4"] * 7,
    ...         "seed": [0, 1, 2, 3, 4, 5, 6] * 2,
    ...         "status": "done",
    ...         "test_loss": [0.2] * 7 + [0.3, 0.5, 0.4, 0.4, 0.45, 0.35, 0.4],
    ...     }
    ... )
    >>> anytime(trials, "test_loss")[["variant", "n_pairs", "p_adjusted", "verdict"]].round(4)
           variant  n_pairs  p_adjusted verdict
    0  pool_size=4        7      0.0096   worse
    """
    check_trials(trials, [metric])
    better = direction(metric, directions)
    table = by_seed(trials, metric)
    ran, marks = ended_seeds(trials), marks_of(trials)
    seeds = sorted(set(trials["seed"]))
    rows, notes = [], []
    for name in variants(trials):
        ended = ran.get(name, set()) & ran.get(BASELINE, set())
        first = next((place for place, seed in enumerate(seeds) if seed not in ended), len(seeds))
        rows.append(
            {"variant": name, "metric": metric} | _row(table.reindex(seeds[:first]), name, better)
        )
        pairs = table.index[table.reindex(columns=[BASELINE, name]).notna().all(axis=1)]
        marked = notes_of_marks(marks, name, pairs)
        notes.append("; ".join([*marked, *notes_of_lost(table, name, ran)]))
    frame = pd.DataFrame(rows, columns=[*ANYTIME[:-2], "sign"])
    frame["p_adjusted"] = holm(frame["p"].astype(float))
    alpha = 1 - confidence
    clear = (frame["p_adjusted"] < alpha) & (frame["sign"] != 0)
    word = np.where(frame["sign"] > 0, Verdict.BETTER, Verdict.WORSE)
    verdict = np.where(clear, word, str(Verdict.INCONCLUSIVE))
    none = (frame["n_pairs"] < EXPLORATORY_BELOW) | barred(notes)
    frame["verdict"] = np.where(none, "", verdict)
    return frame[list(ANYTIME)]


def _row(table: pd.DataFrame, name: str, better: Better) -> dict[str, object]:
    """Return the evidence on one variant; a sign above 0 means better."""
    nothing: dict[str, object] = {
        "n_pairs": 0,
        "delta": np.nan,
        "e_value": 1.0,
        "p": 1.0,
        "sign": 0.0,
    }
    if name not in table.columns or BASELINE not in table.columns:
        return nothing
    values = table[[BASELINE, name]].dropna().to_numpy(float)
    if not len(values):
        return nothing
    deltas, noise = values[:, 1] - values[:, 0], noise_of(values[:, 1], values[:, 0])
    evidence = e_process(deltas, noise)
    place = int(evidence.argmax())
    signs = np.sign([deltas[: place + 1].sum(), deltas.sum()])
    sign = signs[1] * (-1 if better == Better.LOWER else 1) if signs[0] == signs[1] else 0.0
    largest = float(evidence[place])
    return {
        "n_pairs": len(deltas),
        "delta": float(deltas.mean()),
        "e_value": largest,
        "p": min(1.0, 1 / largest),
        "sign": float(sign),
    }
