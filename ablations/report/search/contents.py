"""The contents of a search's report: data frames and sentences, all computed beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.report.study.contents import PATH_STEPS, ReportContents
from ablations.report.wording import metric_words
from cnnzoo.tuning.records import Hyperparameter, TrialStatus

VARIED_NOTHING = "The search varied nothing, so there are no choices to compare."


@dataclass(frozen=True)
class SearchContents:
    """Everything that the report of a search shows.

    Parameters
    ----------
    name
        Name of the search.
    facts
        What was searched, by name.
    objective
        Words for the metric.
    metric
        Name of the metric; "" if it is unknown.
    lower
        Whether lower is better.
    trials, best, importance
        Tables of `cnnzoo.SearchResults`.
    hyperparameters
        Hyperparameters by the name of their column, the most important first.
    compared
        Ids of the trials whose scores are comparable.
    warnings
        Warnings at the top of the page.
    optimism
        Table of `SearchAblation.optimism`; empty if the best trials were not trained again.
    seeds_note
        Sentence if the search may have used the seeds of that training; else "".
    one_at_a_time, path
        Contents of the reports of those two studies, if they were run.
    tables
        Tables of these studies by title, with all digits.
    line
        The best configuration as a line of Python.
    code
        Python code for the next step.
    versions
        Versions of the software.
    directory
        Folder of the search.
    in_order
        Whether the order of the trials is known.
    history
        Table of `cnnzoo.SearchResults`: one row per epoch; empty if no curves were stored.
    surface
        Table of `cnnzoo.tuning.reading.surface.surface` over the two most important
        hyperparameters; empty if they are unknown.
    """

    name: str
    facts: Mapping[str, str]
    objective: str
    lower: bool
    trials: pd.DataFrame
    best: pd.DataFrame
    importance: pd.DataFrame
    hyperparameters: Mapping[str, Hyperparameter]
    compared: frozenset[str]
    warnings: tuple[str, ...]
    optimism: pd.DataFrame = field(default_factory=pd.DataFrame)
    seeds_note: str = ""
    one_at_a_time: ReportContents | None = None
    path: ReportContents | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    metric: str = ""
    line: str = ""
    code: str = ""
    versions: Mapping[str, Any] = field(default_factory=dict)
    directory: Path = Path()
    in_order: bool = True
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    surface: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def hint(self) -> str:
        """Words for the better direction."""
        return "lower is better" if self.lower else "higher is better"

    @property
    def too_few(self) -> bool:
        """True if there are too few trials to rank the hyperparameters by importance."""
        return bool(self.importance["note"].str.startswith("too few").any())

    @property
    def without_score(self) -> pd.DataFrame:
        """The executions without a score."""
        return self.trials[self.trials["status"] != TrialStatus.DONE]


def choices_title(metric: str) -> str:
    """Return the title of a table of the winner's choices one at a time."""
    return f"The winner with one choice at its default: {metric_words(metric)}"


def path_title(path: ReportContents) -> str:
    """Return the title of the table of the path."""
    metric = metric_words(path.tables[PATH_STEPS]["metric"].iloc[0])
    return f"The path from the defaults to the winner, step by step: {metric}"
