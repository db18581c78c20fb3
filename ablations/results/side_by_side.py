"""Two studies side by side: their deltas, and the differences between the studies."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from ablations.report.page import ReportError
from ablations.report.study.contents import unfinished_variants
from ablations.report.wording import level_words, metric_words, seed_words, short_digest
from ablations.results.analysis import Analysis
from ablations.study import Study
from ablations.study.errors import StudyError
from ablations.study.space import Space
from cnnzoo.levels import same
from cnnzoo.toggle import ToggleError

COLUMNS = [
    "study",
    "metric",
    "variant",
    "delta",
    "ci_low",
    "ci_high",
    "n_pairs",
    "verdict",
    "status",
]


def both_deltas(first: Analysis, second: Analysis) -> pd.DataFrame:
    """Return the deltas of two studies, one row per study, variant and metric.

    The ``status`` is "failed", "infeasible" or "pending" if no trial of the variant is done, else
    empty.

    Raises
    ------
    ReportError
        If both are in one directory.
    """
    if first.directory.resolve() == second.directory.resolve():
        raise ReportError(
            f"`beside`: expected another study; got {second.directory}, the study itself."
        )
    tables = []
    for results, name in zip((first, second), both_names(first, second), strict=True):
        deltas = results.overall_deltas()
        unfinished = unfinished_variants(results.overall_trials)
        # variants that did not run have no verdict, and readers ask why
        status = [unfinished[row].status if row in unfinished else "" for row in deltas["variant"]]
        tables.append(deltas.assign(study=name, status=status)[COLUMNS])
    return pd.concat(tables, ignore_index=True)


def both_names(first: Analysis, second: Analysis) -> tuple[str, str]:
    """Return the names of two studies, or their directories if the names are equal."""
    names = first.study.name, second.study.name
    return (str(first.directory), str(second.directory)) if names[0] == names[1] else names


def differences(first: Analysis, second: Analysis) -> list[str]:
    """Return a sentence on what differs between two studies; no sentence if nothing does."""
    study, other = first.study, second.study
    pairs = [
        *(
            (name, getattr(study, name), getattr(other, name))
            for name in ("model", "data", "design")
        ),
        ("factors", _factors(study), _factors(other)),
        *_both_settings(study, other),
        ("seeds", seed_words(study.to_dict()), seed_words(other.to_dict())),
        ("margins", _margins(study), _margins(other)),
        *_both_versions(first.versions, second.versions),
    ]
    parts = [
        f"{name} {level_words(value)} here and {level_words(other_value)} there"
        for name, value, other_value in pairs
        if not same(value, other_value)
    ]
    if not parts:
        return []
    return [f"Differences from {other.name} ({second.directory}): {'; '.join(parts)}."]


def _factors(study: Study) -> str:
    return ", ".join(
        f"{name} ({', '.join(map(level_words, levels))})" for name, levels in study.factors.items()
    )


def _margins(study: Study) -> str:
    margins = study.margins.items()
    return ", ".join(f"{metric_words(name)} {margin:g}" for name, margin in margins) or "none"


def _both_versions(
    versions: Mapping[str, str], other_versions: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Return the versions of packages and code, and the fingerprints of the data."""
    words = {"data": "the fingerprint of the data", "model": "the code of the model"}
    return [
        (
            words.get(name, name),
            short_digest(versions.get(name, "none")),
            short_digest(other_versions.get(name, "none")),
        )
        for name in {**versions, **other_versions}
    ]


def _both_settings(study: Study, other: Study) -> list[tuple[str, Any, Any]]:
    """Return the settings of both baselines, recipe included, by toggle."""
    settings, other_settings = ({**asdict(one.recipe), **one.baseline} for one in (study, other))
    return [
        (
            name,
            settings[name] if name in settings else _default(study, name),
            other_settings[name] if name in other_settings else _default(other, name),
        )
        for name in {**settings, **other_settings}
    ]


def _default(study: Study, name: str) -> Any:
    if ":" in study.model_name:
        return "the default"  # which only the user's own code knows, and reports do not run it
    try:
        toggle = Space.of(study.model_name).toggle(name)
    except (StudyError, ToggleError):
        return "no such toggle"
    return None if toggle.default is None else toggle.check(toggle.default, study.model_name)
