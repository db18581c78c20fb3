"""How a study compares: its rules, fixed before its first trial, for results and for progress."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablations import stats
from ablations.declared import AUTO, MAX_SEEDS


def compare(
    study: Mapping[str, Any],
    trials: pd.DataFrame,
    metrics: Sequence[str],
    loss_kinds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the deltas by the study's rules.

    Parameters
    ----------
    study
        As `Study.to_dict` gives it: its seeds, with their cap, and its margins.
    trials, metrics, loss_kinds
        As of `ablations.stats.deltas`.

    Returns
    -------
    pandas.DataFrame
        Of `ablations.stats.sequential` where the seeds are "auto", else of
        `ablations.stats.deltas`.
    """
    rules: dict[str, Any] = {"margins": margins_of(study), "loss_kinds": loss_kinds}
    if study["seeds"] == AUTO:
        return stats.sequential(trials, metrics, looks_of(study), **rules)
    return stats.deltas(trials, metrics, **rules)


def looks_of(study: Mapping[str, Any]) -> tuple[int, ...]:
    """Return at how many seed blocks a study with "auto" seeds looks."""
    return stats.looks(study.get("max_seeds", MAX_SEEDS))  # an older study has no cap of its own


def margins_of(study: Mapping[str, Any]) -> dict[str, float]:
    """Return the margins by column."""
    return {f"test_{name}": margin for name, margin in study["margins"].items()}
