"""What a report shows, gathered from the results of a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations import stats
from ablations.choosing import PATH
from ablations.report.contents import ReportContents, ReportError
from ablations.report.rerun import command
from ablations.report.tables import seed_words
from ablations.report.words import level_words
from ablations.settings import StudyError, same
from ablations.study import BASELINE

if TYPE_CHECKING:
    from ablations.results import Results

MOST_ALIASES = 12


def contents_of(results: "Results", beside: "Results | None" = None) -> ReportContents:
    """Gather what a report shows.

    Parameters
    ----------
    results
        Of the study.
    beside
        Of another study, whose deltas are to stand beside this one's.

    Raises
    ------
    ReportError
        If a study is to stand beside itself.
    """
    columns = results.compared()
    trials = results.trials
    differences: list[str] = []
    known = [name for name in columns if name in trials and trials[name].notna().any()]
    tables: dict[str, pd.DataFrame] = {}
    if known:
        tables["Trends over ordered levels"] = _trends(results)
        if results.study["design"] == PATH:
            tables["The path, step by step"] = results.path()
        if results.crossed:
            tables["Main effects and interactions"] = results.effects()
        tables["Stability over seeds"] = results.stability()
    if len(results.history):
        tables["Epochs to where the baseline ends"] = results.convergence()
    if beside is not None:
        title = f"Side by side with {beside.study['name']} ({beside.directory})"
        tables[title] = side_by_side(results, beside)
        differences = _differences(results, beside)
    found = _findings(trials)
    return ReportContents(
        study=results.study,
        deltas=results.deltas(),
        trials=trials,
        history=results.history,
        directory=results.directory,
        findings=[
            *results.changed_rules,
            *_of_design(results),
            *differences,
            *(f"Baseline: {said}" for said in found.pop(BASELINE, [])),
        ],
        variant_findings=found,
        changes=results.changes,
        costs=pd.concat([stats.pareto(trials, name) for name in known]) if known else None,
        tables={title: table for title, table in tables.items() if len(table)},
        versions=results.versions,
        machine=results.machine,
        rerun=command(results.study, results.directory),
    )


def side_by_side(first: "Results", second: "Results") -> pd.DataFrame:
    """Set the deltas of two studies beside each other, a row a variant and metric of either.

    Raises
    ------
    ReportError
        If both are in one directory.
    """
    if Path(first.directory).resolve() == Path(second.directory).resolve():
        raise ReportError(
            f"a study stands side by side with another one; {second.directory} is the study itself."
        )
    shown = ["delta", "ci_low", "ci_high", "n_pairs", "verdict"]
    both = (first, second)
    names = [results.study["name"] for results in both]
    if names[0] == names[1]:
        names = [str(results.directory) for results in both]
    own, other = (
        results.deltas().set_index(["variant", "metric"])[shown].add_suffix(f" ({name})")
        for results, name in zip(both, names, strict=True)
    )
    return own.join(other, how="outer").reset_index()


def _differences(first: "Results", second: "Results") -> list[str]:
    """Say what two studies that stand side by side do not share, in a sentence if anything."""
    pairs = [
        *((name, first.study[name], second.study[name]) for name in ("model", "data")),
        *_settings_of_both(first.study, second.study),
        ("seeds", seed_words(first.study), seed_words(second.study)),
    ]
    said = [
        f"{name} {level_words(own)} here and {level_words(other)} there"
        for name, own, other in pairs
        if not same(own, other)
    ]
    name = f"{second.study['name']} ({second.directory})"
    return [f"Side by side with {name}, these differ: {'; '.join(said)}."] if said else []


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
    from ablations.space import Space

    try:
        toggle = Space.of(study["model"]).toggle(name)
    except StudyError:
        return "no such toggle"
    return None if toggle.default is None else toggle.check(toggle.default, study["model"])


def _trends(results: "Results") -> pd.DataFrame:
    trends = results.trend()
    return trends[trends["p"].notna()]


def _findings(trials: pd.DataFrame) -> dict[str, list[str]]:
    """Return by variant what the doctor found, in how many of its trials."""
    found = trials[trials["findings"] != ""]
    done = trials[trials["status"] == "done"].groupby("variant").size()
    return {
        str(variant): [
            f"{len(rows)} of {done.get(variant, len(rows))} trials: {rows['findings'].iloc[0]}"
        ]
        for variant, rows in found.groupby("variant", sort=False)
    }


def _of_design(results: "Results") -> list[str]:
    """Say what the design cannot tell apart."""
    aliases = results.aliases()
    size = aliases["correlation"].abs()
    whole, part = aliases[size == 1], size[size < 1]
    said = [results.orthogonality] if results.orthogonality else []
    if len(whole):
        pairs = zip(whole["effect"], whole["aliased_with"], strict=True)
        listed = "; ".join(f"{first} and {second}" for first, second in [*pairs][:MOST_ALIASES])
        more = len(whole) - MOST_ALIASES
        rest = f"; and {more:,} more pairs that `results.aliases()` lists" if more > 0 else ""
        said.append(f"The design cannot tell apart: {listed}{rest}.")
    if len(part):
        said.append(
            f"The design tells {len(part):,} pairs of main effects and two-way interactions apart "
            f"only in part: their columns correlate by up to {part.max():.2f}, and each carries "
            "that share of the other; `results.aliases()` lists them."
        )
    return said
