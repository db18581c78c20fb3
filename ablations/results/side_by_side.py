"""Two studies side by side: their deltas, and what differs between them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.page import ReportError
from ablations.report.study.contents import undone_of
from ablations.report.wording import level_words, metric_words, seed_words, short_digest
from ablations.study.settings import StudyError
from cnnzoo.levels import same
from cnnzoo.toggle import ToggleError

if TYPE_CHECKING:
    from ablations.results.results import Results


COLUMNS = [
    *("study", "metric", "variant", "delta", "ci_low", "ci_high", "n_pairs", "verdict", "status")
]


def both_deltas(first: "Results", second: "Results") -> pd.DataFrame:
    """Return the deltas of two studies, one below the other, a row a study, variant and metric.

    Returns
    -------
    pandas.DataFrame
        Columns of `Results.deltas` with the ``study``, and with the ``status`` of a variant of
        which no trial is done: "failed", "infeasible" or "pending"; else it is empty.

    Raises
    ------
    ReportError
        If both are in one directory.
    """
    if Path(first.directory).resolve() == Path(second.directory).resolve():
        raise ReportError(
            f"a study stands side by side with another one; {second.directory} is the study itself."
        )
    tables = []
    for results, name in zip((first, second), both_names(first, second), strict=True):
        deltas = results.deltas()
        undone = undone_of(results.trials)
        # what did not run has no verdict; why is what the reader asks
        status = [undone[row].status if row in undone else "" for row in deltas["variant"]]
        tables.append(deltas.assign(study=name, status=status)[COLUMNS])
    return pd.concat(tables, ignore_index=True)


def both_names(first: "Results", second: "Results") -> tuple[str, str]:
    """Return what two studies are called: by their directories where they share a name."""
    names = first.study["name"], second.study["name"]
    return (str(first.directory), str(second.directory)) if names[0] == names[1] else names


def differences(first: "Results", second: "Results") -> list[str]:
    """Say what two studies do not share, in a sentence if there is anything."""
    one, other = first.study, second.study
    pairs = [
        *((name, one[name], other[name]) for name in ("model", "data", "design")),
        ("factors", _levels(one), _levels(other)),
        *_settings_of_both(one, other),
        ("seeds", seed_words(one), seed_words(other)),
        ("margins", _margins(one), _margins(other)),
        *_versions_of_both(first.versions, second.versions),
    ]
    said = [
        f"{name} {level_words(own)} here and {level_words(theirs)} there"
        for name, own, theirs in pairs
        if not same(own, theirs)
    ]
    name = f"{other['name']} ({second.directory})"
    return [f"Side by side with {name}, these differ: {'; '.join(said)}."] if said else []


def _levels(study: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} ({', '.join(map(level_words, levels))})"
        for name, levels in study["factors"].items()
    )


def _margins(study: dict[str, Any]) -> str:
    margins = study["margins"].items()
    return ", ".join(f"{metric_words(name)} {margin:g}" for name, margin in margins) or "none"


def _versions_of_both(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return the versions of packages and code, and the fingerprints of the data."""
    words = {"data": "the fingerprint of the data", "model": "the code of the model"}
    return [
        (
            words.get(name, name),
            short_digest(first.get(name, "none")),
            short_digest(second.get(name, "none")),
        )
        for name in {**first, **second}
    ]


def _settings_of_both(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return what both baselines set, recipe included, by toggle; defaults where one says no."""
    own, other = ({**study["recipe"], **study["baseline"]} for study in (first, second))
    return [
        (
            name,
            own[name] if name in own else _default(first, name),
            other[name] if name in other else _default(second, name),
        )
        for name in {**own, **other}
    ]


def _default(study: dict[str, Any], name: str) -> Any:
    if ":" in study["model"]:
        return "the default"  # of the user's own code, which a report does not run
    from ablations.study.space import Space

    try:
        toggle = Space.of(study["model"]).toggle(name)
    except (StudyError, ToggleError):
        return "no such toggle"
    return None if toggle.default is None else toggle.check(toggle.default, study["model"])
