"""How a study compares: its rules, fixed before its first trial, for results and for progress."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablations import stats
from ablations.results.choice import PATH
from ablations.study.checks import AUTO, MAX_SEEDS

UNKNOWN = "how often {} is known only where such rules are fixed beforehand."

AGAIN = (
    "a verdict that is looked at more than once errs more often than in 5%, at five looks in up to "
    "15%; seeds='auto' looks as often and keeps the 5%."
)
"""Of normal deltas: see tests/benchmarks/results/statistics.md."""


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


def changed_rules(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which rules were changed after there were results.

    Parameters
    ----------
    specs
        The study as it was run, from the first run with results on.

    Examples
    --------
    >>> first = {"seeds": [0], "margins": {}}
    >>> changed_rules([first, {**first, "margins": {"accuracy": 0.005}}])[0][:78]
    'The margins were changed after there were results, from none to accuracy 0.005'
    """
    margins = [
        ", ".join(f"{name} {margin:g}" for name, margin in spec["margins"].items()) or "none"
        for spec in specs
    ]
    auto = [spec for spec in specs if spec["seeds"] == AUTO]
    caps = [str(looks_of(spec)[-1]) for spec in auto]
    seeds = [
        AUTO if spec in auto else _written(spec["seeds"])
        for spec in specs
        if spec in auto or len(spec["seeds"]) > 1  # one seed has no verdict
    ]
    first = [spec["metrics"][0] for spec in specs if spec in auto or spec.get("design") == PATH]
    unknown = UNKNOWN.format("verdicts err")
    said = []
    for what, values, so in (
        ("margins were", margins, UNKNOWN.format('"equivalent" errs')),
        ("seeds were", seeds, unknown if auto else AGAIN),
        ("cap of the seed blocks was", caps, unknown),
        ("first metric, which decides what is run next, was", first, unknown),
    ):
        then = [value for place, value in enumerate(values) if values[place - 1 : place] != [value]]
        if len(then) > 1:
            said.append(
                f"The {what} changed after there were results, from {' to '.join(then)}: {so}"
            )
    return said


def _written(seeds: Sequence[int]) -> str:
    """Write how many seeds there are, and which if they are not the first."""
    first = list(seeds) == list(range(len(seeds)))
    return f"{len(seeds)}" if first else f"{len(seeds)} ({', '.join(map(str, seeds))})"
