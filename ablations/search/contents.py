"""What the report of a search shows, gathered once."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ablations.report.numbers import decimals_of, fixed, is_number
from ablations.report.search.contents import (
    VARIED_NOTHING,
    SearchContents,
    choices_title,
    path_title,
)
from ablations.report.study.contents import PATH_STEPS, ReportContents
from ablations.report.wording import level_words, metric_words, seed_words, settings_words
from ablations.search.studies import UNKNOWN_SEEDS
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import Hyperparameter, Objective

if TYPE_CHECKING:
    from ablations.results import Results
    from ablations.search.studies import SearchAblation


def contents_of(results: SearchResults, ablation: "SearchAblation | None" = None) -> SearchContents:
    """Gather what the report of a search shows.

    Parameters
    ----------
    results
        The search.
    ablation
        What became of its best on fresh seeds.
    """
    from cnnzoo.tuning.reading.tables import column_of

    objective = results.objective
    importance = results.importance()
    optimism = ablation.optimism() if ablation else pd.DataFrame()
    known = results.project.hyperparameters
    one_at_a_time = _study(ablation.one_at_a_time) if ablation else None
    path = _study(ablation.path) if ablation else None
    tables = {}
    if one_at_a_time:
        for metric in one_at_a_time.metrics:
            tables[choices_title(metric)] = one_at_a_time.deltas_of(metric)
    if path and PATH_STEPS in path.tables:
        tables[path_title(path)] = path.tables[PATH_STEPS]
    return SearchContents(
        name=results.model.rpartition(":")[2] or results.directory.resolve().name,
        facts=_facts(results),
        objective=_metric(objective),
        lower=objective is None or objective.lower,
        trials=results.trials,
        best=results.best(10),
        importance=importance,
        hyperparameters={column_of(name): known[name] for name in importance["toggle"]},
        compared=frozenset(trial.name for trial in results.comparable),
        warnings=(
            *results.notes,
            *(() if results.hyperparameters else (VARIED_NOTHING,)),
            *_optimism_words(results, optimism),
        ),
        in_order=results.project.in_order,
        optimism=optimism,
        seeds_note="" if results.seeds else UNKNOWN_SEEDS,
        one_at_a_time=one_at_a_time,
        path=path,
        tables=tables,
        line=results.best_line() if objective and len(results.comparable) else "",
        code=_code(results),
        versions=results.project.search.get("versions", {}),
        directory=results.directory,
    )


def _metric(objective: Objective | None) -> str:
    """Return what was looked for in words."""
    return "score" if objective is None else metric_words(objective.name)


def _study(results: "Results | None") -> ReportContents | None:
    """Return what the report of a study shows; None of one in which nothing is done."""
    from ablations.results.report_contents import contents_of

    if results is None or not (results.trials["status"] == "done").any():
        return None
    # the doctor's findings are in the study's own report, and nowhere here to be pointed to
    return replace(contents_of(results), variant_findings={})


def _facts(results: SearchResults) -> dict[str, str]:
    said, known = results.project.search, results.project.hyperparameters
    searched = results.hyperparameters
    objective = results.objective
    fixed_levels = {
        **{
            hp.name: hp.default
            for hp in results.project.hyperparameters.values()
            if hp.name not in searched
        },
        **results.fixed,
    }
    found = {
        "Model": results.model,
        "Data": results.data or results.about_data,
        "Tuner": said.get("tuner"),
        "Objective": f"{objective.name} ({objective.direction})" if objective else "",
        "Searched": ", ".join(f"{name} ({_range(known[name])})" for name in searched) or "nothing",
        "Fixed": settings_words(fixed_levels),
        "Recipe": settings_words(
            {name: at for name, at in said.get("recipe", {}).items() if name not in searched}
        ),
        "Seeds": seed_words({"seeds": results.seeds}),
        "Directory": results.directory,
    }
    return {word: str(value) for word, value in found.items() if value}


def _range(hp: Hyperparameter) -> str:
    if hp.low is None or hp.high is None:
        return ", ".join(map(level_words, hp.levels))
    return f"{hp.low:g} to {hp.high:g}{', log' if hp.log else ''}"


def _optimism_words(results: SearchResults, optimism: pd.DataFrame) -> list[str]:
    """Say that the best of many is too good on average, and by how much if that is known."""
    count = len(results.configurations)
    if len(optimism) and optimism["note"].iloc[0]:
        return [optimism["note"].iloc[0]]
    if len(optimism) and optimism["seeds"].iloc[0]:
        return [_gap_words(optimism.iloc[0], results.objective, known=bool(results.seeds))]
    if count < 2:
        return []
    fresh = "fresh" if results.seeds else "further"
    return [
        f"The best score is the best of {count:,} configurations and so too good on average: the "
        "winner was also the luckiest. ablations.from_search tries it and its rivals again on "
        f"{fresh} seeds, and says by how much."
    ]


def _gap_words(row: pd.Series, objective: Objective | None, *, known: bool) -> str:
    """Compare the winner's mean over fresh seeds with its score; tell if its seeds are known."""
    gap, low, high = row["optimism"], row["ci_low"], row["ci_high"]
    told = partial(fixed, decimals=decimals_of(gap, low, high))
    fresh, searched = told(row["fresh_mean"]), told(row["search_score"])
    count = int(row["seeds"])
    seeds = f"{count} {'fresh ' * known}seed{'s' * (count != 1)}"
    start = f"On {seeds} the search's best configuration scored a {_metric(objective)} of {fresh}"
    no_interval = "one seed gives" if count == 1 else "scores that are all alike give"
    end = f"{no_interval} no interval"
    if fresh == searched or low <= 0 <= high:
        scored = f"{start} again" if fresh == searched else f"{start}, and {searched} in the search"
        end = f"95% CI {told(low)} to {told(high)}" if is_number(low) else end
        return f"{scored}: no optimism is shown (difference {told(gap)}, {end})."
    lower = objective is None or objective.lower
    wrong = "too good" if gap >= 0 else "too high" if lower else "too low"
    if is_number(low):
        ends = (low, high) if gap >= 0 else (-high, -low)
        end = f"95% CI {told(ends[0])} to {told(ends[1])}"
    return f"{start}, not {searched}: the search's score was {wrong} by {told(abs(gap))} ({end})."


def _code(results: SearchResults) -> str:
    place = str(results.directory)
    lines = ["import ablations", "import cnnzoo", "", f"search = cnnzoo.open_search({place!r})"]
    missing = {"model": (results.model, "package.module:build"), "data": (results.data, "npz:PATH")}
    given = [f'{name}="{usual}"' for name, (known, usual) in missing.items() if not known]
    return "\n".join(
        [
            *lines,
            f"studies = ablations.from_search({', '.join(['search', *given])})",
            "found = studies.run()  # goes on where it was",
            'found.report("search.html")',
        ]
    )
