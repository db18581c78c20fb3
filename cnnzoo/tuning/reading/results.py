"""The results of a search: what `cnnzoo.tune` returns and `cnnzoo.open_search` opens."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from cnnzoo.toggle import Level, Toggle, ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.project import read_project
from cnnzoo.tuning.records import Objective, SearchError, SearchTrial
from cnnzoo.zoo import get_model

if TYPE_CHECKING:
    import pandas as pd

PENALTY = re.compile(
    "(?<![a-z])(l[12]|wd|reg)(?![a-z0-9])|weights?.?decay|regulari[sz]|penalty", re.IGNORECASE
)
"""What the names of hyperparameters that set a penalty on weights contain."""


class SearchResults:
    """A search, as tables. Its directory is read, never written to, and TensorFlow is not loaded.

    Parameters
    ----------
    directory
        KerasTuner's project directory, of `cnnzoo.tune` or of any tuner elsewhere.

    Attributes
    ----------
    project
        What was read, as plain values.

    Raises
    ------
    SearchError
        If there is no search.
    """

    def __init__(self, directory: str | Path) -> None:
        self.project = read_project(directory)
        self.directory = self.project.directory

    def __repr__(self) -> str:
        statuses = [trial.status for trial in self.project.trials]
        counts = ", ".join(f"{statuses.count(name)} {name}" for name in dict.fromkeys(statuses))
        return f"<SearchResults in {self.directory}: {counts or 'no trials'}>"

    @property
    def objective(self) -> Objective | None:
        """The metric that was looked at and its direction; None while no trial has a score.

        KerasTuner writes it into no file. In searches made elsewhere it is the metric whose best
        value is each trial's score; a loss there is Keras's own, with penalties on weights in it.
        """
        return self.project.objective

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The names of what was searched, in order; what is fixed is not among them."""
        known = self.project.hyperparameters
        return tuple(name for name, hp in known.items() if hp.kind != "Fixed")

    @property
    def model(self) -> str:
        """The model as a text; empty for a search made elsewhere."""
        return str(self.project.search.get("model", ""))

    @property
    def zoo_toggles(self) -> Mapping[str, Toggle] | None:
        """The toggles of a model of the zoo; None for any other."""
        try:
            return get_model(self.model).toggles
        except ToggleError:
            return None

    @property
    def data(self) -> str:
        """What ``cnnzoo.load_data`` takes; empty for arrays and for a search made elsewhere."""
        return str(self.project.search.get("data", ""))

    @property
    def about_data(self) -> str:
        """The data in words; empty for a search made elsewhere."""
        return str(self.project.search.get("about_data", ""))

    @property
    def fixed(self) -> dict[str, Any]:
        """The levels that were held for all trials."""
        return dict(self.project.search.get("fixed", {}))

    @property
    def others(self) -> dict[str, Any]:
        """What else the builder was given in all trials, such as a name."""
        return dict(self.project.search.get("others", {}))

    @property
    def recipe(self) -> dict[str, Any]:
        """How trials were trained where the search did not choose; Recipe's own where unsaid."""
        kept = self.project.search.get("recipe", {})
        return {name: kept.get(name, usual) for name, usual in asdict(Recipe()).items()}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that the search trained with, as far as they were kept."""
        kept = [e.seed for trial in self.project.trials for e in trial.executions]
        said = self.project.search.get("seeds", ())
        return tuple(sorted({seed for seed in (*said, *kept) if seed is not None}))

    @property
    def trials(self) -> "pd.DataFrame":
        """A row an execution where the scores were kept, else a row a trial.

        Columns: ``trial`` (KerasTuner's id), ``execution`` and ``seed`` (empty where the row is
        the whole trial), ``status`` ("done"; "failed" or "invalid" with the ``reason``;
        "unfinished"; "unreadable"), ``score``, a column a hyperparameter (empty where another one
        switches it off), a column a metric, ``seconds``, ``trained_epochs``, and of Hyperband
        ``bracket``, ``round`` and ``partial``: whether it was given fewer epochs than a whole
        training, so that its score is not to be compared with the others'.

        A hyperparameter or a metric that is called like a column before it has "hp:" or "metric:"
        before its name.
        """
        from cnnzoo.tuning.reading.tables import trials_frame

        return trials_frame(self.project)

    @property
    def comparable(self) -> tuple[SearchTrial, ...]:
        """The trials whose scores can be compared.

        Those that are done, with every execution; in Hyperband, with as many epochs as any of
        them was given.
        """
        done = [
            trial
            for trial in self.project.trials
            if {trial.status, *(e.status for e in trial.executions)} == {"done"}
        ]
        longest = max((trial.budget or 0 for trial in done), default=0)
        return tuple(trial for trial in done if (trial.budget or 0) == longest)

    @property
    def stopped_early(self) -> tuple[SearchTrial, ...]:
        """The trials that are done after fewer epochs of Hyperband than the comparable ones."""
        compared = self.comparable
        longest = max((trial.budget or 0 for trial in compared), default=0)
        done = (trial for trial in self.project.trials if trial.status == "done")
        return tuple(trial for trial in done if (trial.budget or 0) < longest)

    @property
    def configurations(self) -> "pd.DataFrame":
        """The configurations that can be compared, by their mean score, the best first.

        Columns: ``rank``, ``trial`` (the first that tried it), ``score`` (the mean over its
        executions), ``sd`` over them (empty for one), ``executions``, a column a hyperparameter.
        Executions of one configuration with the same seed count once, by their mean.
        """
        from cnnzoo.tuning.reading.tables import configurations_frame

        trials = self.comparable
        lower = self.objective is None or self.objective.lower
        return configurations_frame(self.project, trials, lower)

    @overload
    def best(self, count: None = None) -> dict[str, Level]: ...

    @overload
    def best(self, count: int) -> "pd.DataFrame": ...

    def best(self, count: int | None = None) -> "dict[str, Level] | pd.DataFrame":
        """Return what has the best mean score over executions; there is no best seed.

        Parameters
        ----------
        count
            How many configurations. Left out, the best one as levels by name: of a model of the
            zoo what ``cnnzoo.build`` takes, what the search fixed included; `best_line` has the
            recipe's and the data's levels too.

        Returns
        -------
        dict, or pandas.DataFrame with the columns of `configurations`

        Raises
        ------
        SearchError
            If no trial is done, or the count is none.
        """
        if count is not None:
            if type(count) is not int or count < 1:
                raise SearchError(
                    f"`count` of `best` must be a whole number from 1 up; got {count!r}."
                )
            return self.configurations.head(count)
        known = self.zoo_toggles
        levels = self.levels_of(self.winner)
        return {name: level for name, level in levels.items() if known is None or name in known}

    @property
    def winner(self) -> SearchTrial:
        """The first trial of the best configuration.

        Raises
        ------
        SearchError
            If no trial is done.
        """
        return self.ranked(1)[0]

    def ranked(self, count: int | None = None) -> list[SearchTrial]:
        """Return the first trial of each of the best configurations, of all if none is counted.

        Raises
        ------
        SearchError
            If no trial is done, or nothing says what was looked for.
        """
        if not self.comparable:
            raise SearchError(f"No trial of the search in {self.directory} is done.")
        if self.objective is None:
            raise SearchError(
                f"The search in {self.directory} does not say what it looked for: no metric is "
                "the score of all its trials."
            )
        by_name = {trial.name: trial for trial in self.project.trials}
        return [by_name[name] for name in self.configurations["trial"][:count]]

    def levels_of(self, trial: SearchTrial) -> dict[str, Level]:
        """Return all that a trial set: what the search fixed, and what it chose."""
        return {**self.fixed, **trial.levels}

    def best_line(self) -> str:
        """Write the best configuration as Python that can be pasted.

        Raises
        ------
        SearchError
            If no trial is done.
        """
        from cnnzoo.tuning.reading.as_code import train_line

        return train_line(self)

    def importance(self) -> "pd.DataFrame":
        """Estimate how much each hyperparameter matters, by permutation importance.

        Returns
        -------
        pandas.DataFrame
            One row per hyperparameter, the most important first: ``toggle``, ``importance`` (its
            share of the scores' variance), ``ci_low``, ``ci_high``, ``levels_tried`` and ``note``.
            The numbers are missing for fewer than 20 configurations.
        """
        from cnnzoo.tuning.reading.importance import importance
        from cnnzoo.tuning.reading.tables import column_of

        names = {column_of(name): name for name in self.hyperparameters}
        table = self.configurations
        return importance(table[list(names)].rename(columns=names), table["score"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the tables must know: files that could not be read, scores set aside."""
        said = [*self.project.notes, *self._penalty_notes()]
        compared = self.comparable
        if not (self.project.budget and compared):
            return tuple(said)
        longest = max(trial.budget or 0 for trial in compared)
        shorter = len(self.stopped_early)
        if shorter:
            trials, their = (
                ("trial was", "its score is")
                if shorter == 1
                else ("trials were", "their scores are")
            )
            said.append(
                f"{shorter} {trials} given fewer than {longest} epochs by Hyperband; {their} not "
                "compared with the others'."
            )
        if longest < self.project.budget:
            said.append(
                f"No trial has had the {self.project.budget} epochs of a whole training yet; "
                f"compared are those of {longest}."
            )
        return tuple(said)

    def _penalty_notes(self) -> list[str]:
        """Say that a loss that was not measured here may contain penalties."""
        objective = self.project.objective
        if self.project.search or objective is None or not objective.name.endswith("loss"):
            return []
        named = [f"`{name}`" for name in self.hyperparameters if PENALTY.search(name)]
        if not named:
            return []
        return [
            f"{objective.name} is Keras's own, which contains penalties on weights: where "
            f"{', '.join(named)} sets one, scores compare the penalties too."
        ]


def open_search(directory: str | Path) -> SearchResults:
    """Open a search, without TensorFlow and without changing it.

    Parameters
    ----------
    directory
        KerasTuner's project directory, of `cnnzoo.tune` or of any tuner elsewhere.

    Raises
    ------
    SearchError
        If there is none.
    """
    return SearchResults(directory)
