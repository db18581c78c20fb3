"""The contents of a search's report, gathered from its results."""

from dataclasses import replace
from functools import partial
from typing import Protocol

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
from ablations.results import Results
from ablations.results.report_contents import contents_of as study_contents
from ablations.study import Status
from cnnzoo.doctor.codes import CODES
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.reading.surface import surface
from cnnzoo.tuning.reading.tables import column_of
from cnnzoo.tuning.records import Hyperparameter, Objective

UNKNOWN_SEEDS = "The seeds of the search are unknown, so it may have used some of these."
"""Note on a search made elsewhere, which stores no seeds."""


class AblatedSearch(Protocol):
    """What the report shows of an `ablations.SearchAblation`."""

    @property
    def one_at_a_time(self) -> Results | None:
        """Results of the study of the winner's choices."""

    @property
    def path(self) -> Results | None:
        """Results of the study of the path from the defaults to the winner."""

    def optimism(self) -> pd.DataFrame:
        """Compare the search's scores with the means over fresh seeds."""


def contents_of(search: SearchResults, ablation: AblatedSearch | None = None) -> SearchContents:
    """Gather the contents of a search's report, with its best configurations on fresh seeds."""
    objective = search.objective
    importance = search.importance()
    optimism = ablation.optimism() if ablation else pd.DataFrame()
    hyperparameters = search.project.hyperparameters
    one_at_a_time = _study_contents(ablation.one_at_a_time) if ablation else None
    path = _study_contents(ablation.path) if ablation else None
    tables = {}
    if one_at_a_time:
        for metric in one_at_a_time.metrics:
            tables[choices_title(metric)] = one_at_a_time.deltas_of(metric)
    if path and PATH_STEPS in path.tables:
        tables[path_title(path)] = path.tables[PATH_STEPS]
    return SearchContents(
        name=search.model.rpartition(":")[2] or search.directory.resolve().name,
        facts=_facts(search),
        objective=_metric(objective),
        metric=objective.name if objective else "",
        lower=objective is None or objective.lower,
        trials=search.trials,
        best=search.best(10),
        importance=importance,
        hyperparameters={column_of(name): hyperparameters[name] for name in importance["toggle"]},
        compared=frozenset(trial.name for trial in search.comparable),
        warnings=(
            *search.notes,
            *(() if search.hyperparameters else (VARIED_NOTHING,)),
            *_findings(search.trials),
            *_optimism_words(search, optimism),
        ),
        in_order=search.project.in_order,
        history=search.history,
        surface=_surface(search, importance),
        optimism=optimism,
        seeds_note="" if search.seeds else UNKNOWN_SEEDS,
        one_at_a_time=one_at_a_time,
        path=path,
        tables=tables,
        line=search.best_line() if objective and len(search.comparable) else "",
        code=_code(search),
        versions=search.project.search.get("versions", {}),
        directory=search.directory,
    )


def _surface(search: SearchResults, importance: pd.DataFrame) -> pd.DataFrame:
    """Predict the scores over the two most important hyperparameters, if there are two."""
    measured = importance.dropna(subset="importance")
    if len(measured) < 2 or importance["note"].str.startswith("too few").any():
        return pd.DataFrame()
    first, second = measured["toggle"].head(2)
    table, known = search.configurations, search.project.hyperparameters
    settings = table[[column_of(name) for name in search.hyperparameters]]
    return surface(
        settings,
        table["score"],
        (column_of(first), column_of(second)),
        (known[first].log, known[second].log),
    )


def _findings(trials: pd.DataFrame) -> list[str]:
    """Return one sentence per code of the doctor's findings, with an example."""
    sentences = []
    codes = trials["codes"].str.split()
    for code in dict.fromkeys(code for row in codes for code in row):
        marked = trials[[code in row for row in codes]]
        first = marked.iloc[0]
        what = CODES[code].name if code in CODES else code
        sentences.append(
            f"{what} in {len(marked):,} of {len(trials):,} trainings, for instance trial "
            f"{first['trial']}: {first['findings']}"
        )
    return sentences


def _metric(objective: Objective | None) -> str:
    return "score" if objective is None else metric_words(objective.name)


def _study_contents(results: Results | None) -> ReportContents | None:
    """Return the contents of a study's report; None if no trial is done."""
    if results is None or not (results.trials["status"] == Status.DONE).any():
        return None
    # findings are in the study's own report, and this one has no place to point to
    return replace(study_contents(results), variant_findings={})


def _facts(search: SearchResults) -> dict[str, str]:
    manifest, hyperparameters = search.project.search, search.project.hyperparameters
    searched, objective = search.hyperparameters, search.objective
    unsearched = {name: hp.default for name, hp in hyperparameters.items() if name not in searched}
    recipe = manifest.get("recipe", {}).items()
    ranges = [f"{name} ({_range(hyperparameters[name])})" for name in searched]
    facts = {
        "Model": search.model,
        "Data": search.data or search.about_data,
        "Tuner": manifest.get("tuner"),
        "Objective": f"{objective.name} ({objective.direction})" if objective else "",
        "Searched": ", ".join(ranges) or "nothing",
        "Fixed": settings_words({**unsearched, **search.fixed}),
        "Recipe": settings_words({name: value for name, value in recipe if name not in searched}),
        "Seeds": seed_words({"seeds": search.seeds}),
        "Directory": search.directory,
    }
    return {name: str(value) for name, value in facts.items() if value}


def _range(hp: Hyperparameter) -> str:
    if hp.low is None or hp.high is None:
        return ", ".join(map(level_words, hp.levels))
    return f"{hp.low:g} to {hp.high:g}{', log' if hp.log else ''}"


def _optimism_words(search: SearchResults, optimism: pd.DataFrame) -> list[str]:
    """Return a sentence on how much too good the best score is, as far as that is known."""
    count = len(search.configurations)
    if len(optimism) and optimism["note"].iloc[0]:
        return [optimism["note"].iloc[0]]
    if len(optimism) and optimism["seeds"].iloc[0]:
        return [_gap_words(optimism.iloc[0], search.objective, fresh=bool(search.seeds))]
    if count < 2:
        return []
    seeds = "fresh seeds" if search.seeds else "further seeds"
    return [
        f"The best score is the best of {count:,} configurations and so too good on average. "
        f"ablations.from_search trains the winner and its rivals again on {seeds} and estimates "
        "by how much."
    ]


def _gap_words(row: pd.Series, objective: Objective | None, *, fresh: bool) -> str:
    """Compare the winner's mean on seeds that are fresh, as far as known, with its score."""
    gap, low, high = row["optimism"], row["ci_low"], row["ci_high"]
    text = partial(fixed, decimals=decimals_of(gap, low, high))
    mean, score = text(row["fresh_mean"]), text(row["search_score"])
    count = int(row["seeds"])
    seeds = f"{count} {'fresh ' * fresh}seed{'s' * (count != 1)}"
    start = f"On {seeds} the search's best configuration scored a {_metric(objective)} of {mean}"
    no_interval = "one seed gives" if count == 1 else "scores that are all alike give"
    interval = f"{no_interval} no interval"
    if mean == score or low <= 0 <= high:
        scores = f"{start} again" if mean == score else f"{start}, and {score} in the search"
        interval = f"95% CI {text(low)} to {text(high)}" if is_number(low) else interval
        return f"{scores}: no optimism is shown (difference {text(gap)}, {interval})."
    lower = objective is None or objective.lower
    wrong = "too good" if gap >= 0 else "too high" if lower else "too low"
    if is_number(low):
        ends = (low, high) if gap >= 0 else (-high, -low)
        interval = f"95% CI {text(ends[0])} to {text(ends[1])}"
    return f"{start}, not {score}: the search's score was {wrong} by {text(abs(gap))} ({interval})."


def _code(search: SearchResults) -> str:
    """Return the Python that runs the studies of a search and writes their report."""
    arguments = ["search"]
    arguments += [] if search.model else ['model="package.module:build"']
    arguments += [] if search.data else ['data="npz:PATH"']
    return "\n".join(
        [
            "import ablations",
            "import cnnzoo",
            "",
            f"search = cnnzoo.open_search({str(search.directory)!r})",
            f"studies = ablations.from_search({', '.join(arguments)})",
            "ablation = studies.run()  # run it again to resume",
            'ablation.report("search.html")',
        ]
    )
