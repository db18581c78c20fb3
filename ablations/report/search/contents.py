"""The contents of a search's report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.study.contents import PATH_STEPS, ReportContents
from ablations.report.wording import metric_words
from cnnzoo.tuning.records import Hyperparameter

if TYPE_CHECKING:
    pass


DELTAS = ["variant", "metric", "delta", "ci_low", "ci_high", "p_adjusted", "n_pairs", "verdict"]

VARIED_NOTHING = "The search varied nothing, so that there are no choices to compare."

STEPS = [
    *("step", "factor", "from_level", "to_level", "metric", "mean", "delta", "ci_low", "ci_high"),
    *("p_adjusted", "n_pairs", "share", "runner_up"),
]


@dataclass(frozen=True)
class SearchContents:
    """Everything that the report of a search shows.

    Parameters
    ----------
    name
        Of the search.
    facts
        What was searched, by word.
    objective
        The metric in words.
    lower
        Whether lower is better.
    trials, best, importance
        As of `cnnzoo.SearchResults`.
    hyperparameters
        What was searched, by the name of its column, the most important first.
    compared
        The ids of the trials whose scores can be compared.
    warnings
        What must be said before the numbers.
    optimism
        As of `SearchAblation.optimism`; empty if that was not tried.
    seeds_note
        Whether the search may have used the seeds on which its best was tried again; empty if not.
    one_at_a_time, path
        What the reports of those two studies show, where they were run.
    tables
        What became of the winner's choices, by title, every digit.
    line
        The best configuration, as a line of Python.
    code
        How to go on, as Python.
    versions
        Of what computed it.
    directory
        Where the search is.
    in_order
        Whether the order of the trials is known.
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
    line: str = ""
    code: str = ""
    versions: Mapping[str, Any] = field(default_factory=dict)
    directory: Path = Path()
    in_order: bool = True

    @property
    def hint(self) -> str:
        """Which direction is better."""
        return "lower is better" if self.lower else "higher is better"

    @property
    def too_few(self) -> bool:
        """Whether the trials are too few to say what matters."""
        return bool(self.importance["note"].str.startswith("too few").any())

    @property
    def not_done(self) -> pd.DataFrame:
        """The executions without a score."""
        return self.trials[self.trials["status"] != "done"]


def choices_title(metric: str) -> str:
    """Return what a table of the winner's choices one at a time is called."""
    return f"The winner with one choice at its default: {metric_words(metric)}"


def path_title(path: ReportContents) -> str:
    """Return what the table of the path is called."""
    metric = metric_words(path.tables[PATH_STEPS]["metric"].iloc[0])
    return f"The path from the defaults to the winner, step by step: {metric}"
