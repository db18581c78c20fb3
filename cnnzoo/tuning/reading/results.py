"""Results of a search, returned by `cnnzoo.tune` and `cnnzoo.open_search`."""

from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from cnnzoo.toggle import Level, Toggle, ToggleError, did_you_mean, read_toggles
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.project import read_project
from cnnzoo.tuning.reading.score_notes import foreign_notes
from cnnzoo.tuning.records import Objective, SearchError, SearchTrial, TrialStatus
from cnnzoo.zoo import get_model

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 60
"""Most trials of the text of a search; those in the middle are left out."""


class SearchResults:
    """Results of a search as tables, read without TensorFlow.

    Parameters
    ----------
    directory
        Project directory of KerasTuner, of `cnnzoo.tune` or any other search. It is not modified.

    Attributes
    ----------
    project
        Content of the directory.

    Raises
    ------
    SearchError
        If the directory contains no search.
    """

    def __init__(self, directory: str | Path) -> None:
        self.project = read_project(directory)
        self.directory = self.project.directory

    def __repr__(self) -> str:
        statuses = [trial.status for trial in self.project.trials]
        counts = ", ".join(f"{statuses.count(name)} {name}" for name in dict.fromkeys(statuses))
        return f"<SearchResults in {self.directory}: {counts or 'no trials'}>"

    def __str__(self) -> str:
        if not self.project.trials:
            return repr(self)
        return f"{self!r}\n{self._short_trials().to_string(max_rows=MAX_ROWS, index=False)}"

    def _repr_html_(self) -> str:
        table = self._short_trials()._repr_html_() if self.project.trials else None
        return f"<p>{escape(repr(self))}</p>{table or ''}"

    def _short_trials(self) -> "pd.DataFrame":
        """Return the trials with their levels and scores, without metrics and findings."""
        from cnnzoo.tuning.reading.tables import column_of

        trials = self.trials
        repeated = [name for name in ("execution", "seed") if len(set(trials[name])) > 1]
        levels = map(column_of, self.hyperparameters)
        return trials[["trial", *repeated, "status", *levels, "score"]]

    @property
    def objective(self) -> Objective | None:
        """The optimized metric and its direction; None while no trial has a score.

        KerasTuner does not store it. For other searches than those of `cnnzoo.tune` it is the
        metric whose best values are the scores; a loss is then Keras's, with penalties.
        """
        return self.project.objective

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The names of the searched hyperparameters, in order; fixed ones are left out."""
        hyperparameters = self.project.hyperparameters
        return tuple(name for name, hp in hyperparameters.items() if hp.kind != "Fixed")

    @property
    def model(self) -> str:
        """The name of the model or builder; empty if it was not stored."""
        return str(self.project.search.get("model", ""))

    @property
    def zoo_toggles(self) -> Mapping[str, Toggle] | None:
        """The toggles of the model if it is one of the zoo; None otherwise."""
        try:
            return get_model(self.model).toggles
        except ToggleError:
            return None

    @property
    def data(self) -> str:
        """The data as a name for ``cnnzoo.load_data``; empty for arrays or if it was not stored."""
        return str(self.project.search.get("data", ""))

    @property
    def about_data(self) -> str:
        """Description of the data; empty if it was not stored."""
        return str(self.project.search.get("about_data", ""))

    @property
    def fixed(self) -> dict[str, Any]:
        """The levels that were the same for all trials."""
        return dict(self.project.search.get("fixed", {}))

    @property
    def others(self) -> dict[str, Any]:
        """The other arguments of the builder in all trials, such as a name."""
        return dict(self.project.search.get("others", {}))

    @property
    def recipe(self) -> dict[str, Any]:
        """The levels of the recipe that were not searched; defaults of `Recipe` if not stored."""
        stored = self.project.search.get("recipe", {})
        return {name: stored.get(name, default) for name, default in asdict(Recipe()).items()}

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the trainings, as far as they were stored."""
        executed = [e.seed for trial in self.project.trials for e in trial.executions]
        planned = self.project.search.get("seeds", ())
        return tuple(sorted({seed for seed in (*planned, *executed) if seed is not None}))

    @property
    def trials(self) -> "pd.DataFrame":
        """Table with one row per execution, or per trial if its executions were not stored.

        Columns: ``trial`` (KerasTuner's id), ``execution`` and ``seed`` (empty if the row is a
        trial), ``status`` ("done"; "failed" or "invalid" with a ``reason``; "unfinished";
        "unreadable"), ``score``, one column per hyperparameter (empty if another one switches it
        off), one column per metric, ``seconds``, ``started`` (seconds since 1970), ``worker`` (id
        of its process), ``trained_epochs``, and for Hyperband
        ``bracket``, ``round`` and ``partial``: whether the trial had fewer epochs than a full
        training, so that its score is not comparable. ``findings`` of the doctor without its
        notes, and their ``codes`` separated by blanks, are empty if none were stored.

        A hyperparameter or metric with the name of another column gets the prefix "hp:" or
        "metric:".
        """
        from cnnzoo.tuning.reading.tables import trials_frame

        return trials_frame(self.project)

    @property
    def history(self) -> "pd.DataFrame":
        """The training curves, one row per epoch: ``trial``, ``execution``, ``seed``, ``epoch``.

        One more column per metric. The table is empty if no curves were stored: KerasTuner alone
        stores none.
        """
        from cnnzoo.tuning.reading.tables import history_frame

        return history_frame(self.project)

    @property
    def comparable(self) -> tuple[SearchTrial, ...]:
        """The trials with comparable scores.

        These are the trials whose executions are all done; in Hyperband those of them with the
        largest number of epochs.
        """
        completed = [
            trial
            for trial in self.project.trials
            if {trial.status, *(e.status for e in trial.executions)} == {TrialStatus.DONE}
        ]
        longest = max((trial.budget or 0 for trial in completed), default=0)
        return tuple(trial for trial in completed if (trial.budget or 0) == longest)

    @property
    def stopped_early(self) -> tuple[SearchTrial, ...]:
        """The completed trials with fewer epochs of Hyperband than the comparable ones."""
        longest = max((trial.budget or 0 for trial in self.comparable), default=0)
        completed = (trial for trial in self.project.trials if trial.status == TrialStatus.DONE)
        return tuple(trial for trial in completed if (trial.budget or 0) < longest)

    @property
    def configurations(self) -> "pd.DataFrame":
        """Table of the comparable configurations by mean score, the best first.

        Columns: ``rank``, ``trial`` (the first with the configuration), ``score`` (mean over the
        executions), ``sd`` (their standard deviation; empty for one execution), ``executions``
        (their number), and one column per hyperparameter. Executions of a configuration with the
        same seed count once, with their mean.
        """
        from cnnzoo.tuning.reading.tables import configurations_frame

        trials = self.comparable
        lower = self.objective is None or self.objective.lower
        return configurations_frame(self.project, trials, lower)

    @overload
    def best(self, which: Literal["model", "recipe", "data"] | None = None) -> dict[str, Level]: ...

    @overload
    def best(self, which: int) -> "pd.DataFrame": ...

    def best(self, which: str | int | None = None) -> "dict[str, Level] | pd.DataFrame":
        """Return the configurations with the best mean scores over seeds.

        Parameters
        ----------
        which
            None for all levels of the best configuration. "model" for those of the model, the
            arguments of ``cnnzoo.build``; "recipe" for those of the recipe, with what the search
            was given, the arguments of ``cnnzoo.Recipe``; "data" for those of the data, the
            arguments of ``cnnzoo.load_data``. A number for a table of so many configurations.

        Returns
        -------
        dict or pandas.DataFrame
            Levels by name, both searched and fixed; with a number, the first rows of
            `configurations`. `best_line` returns the best one as code.

        Raises
        ------
        SearchError
            If no trial is done, or `which` is invalid.
        """
        if which is None:
            return self.levels_of(self.winner)
        if isinstance(which, str):
            return self._best_of(which)
        if type(which) is not int or which < 1:
            raise SearchError(f"`which` of `best`: expected an integer from 1; got {which!r}.")
        return self.configurations.head(which)

    def _best_of(self, group: str) -> dict[str, Level]:
        from cnnzoo.data import load_data

        levels = self.levels_of(self.winner)
        names = {"recipe": {*asdict(Recipe())}, "data": {*read_toggles(load_data)}}
        if group == "model":
            outside = {*names["recipe"], *names["data"]}
            toggles = {*levels} - outside if self.zoo_toggles is None else self.zoo_toggles.keys()
            return {name: level for name, level in levels.items() if name in toggles}
        if group not in names:
            near = did_you_mean(group, ("model", *names), '"')
            raise SearchError(
                f'`which` of `best`: expected "model", "recipe", "data" or a number; got '
                f"{group!r}{near}"
            )
        stored = self.project.search.get("recipe", {}) if group == "recipe" else {}
        return {name: it for name, it in {**stored, **levels}.items() if name in names[group]}

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
        """Return the first trial of each of the best configurations; of all if `count` is None.

        Raises
        ------
        SearchError
            If no trial is done, or the objective is unknown.
        """
        if not self.comparable:
            raise SearchError(f"No trial of the search in {self.directory} is done.")
        if self.objective is None:
            raise SearchError(
                f"The objective of the search in {self.directory} is unknown, because no metric "
                "equals the scores of all trials."
            )
        by_name = {trial.name: trial for trial in self.project.trials}
        return [by_name[name] for name in self.configurations["trial"][:count]]

    def levels_of(self, trial: SearchTrial) -> dict[str, Level]:
        """Return the levels of a trial, both fixed and searched."""
        return {**self.fixed, **trial.levels}

    def best_line(self) -> str:
        """Return code that trains the best configuration.

        Raises
        ------
        SearchError
            If no trial is done.
        """
        from cnnzoo.tuning.reading.as_code import train_line

        return train_line(self.project.search, self.levels_of(self.winner))

    def importance(self) -> "pd.DataFrame":
        """Estimate the importance of each hyperparameter by permutation.

        Returns
        -------
        pandas.DataFrame
            One row per hyperparameter, the most important first: ``toggle``, ``importance`` (its
            share of the scores' variance), ``low``, ``high``, ``levels_tried`` and ``note``. The
            numbers are missing for fewer than 20 configurations. ``low`` and ``high`` say how far
            the share depends on the folds of the estimate; they are no confidence interval of the
            true share.
        """
        from cnnzoo.tuning.reading.importance import importance
        from cnnzoo.tuning.reading.tables import column_of

        names = {column_of(name): name for name in self.hyperparameters}
        table = self.configurations
        return importance(table[list(names)].rename(columns=names), table["score"])

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the tables, such as unreadable files and scores that are not compared."""
        notes = [*self.project.notes, *foreign_notes(self.project, self.hyperparameters)]
        comparable = self.comparable
        if not (self.project.budget and comparable):
            return tuple(notes)
        longest = max(trial.budget or 0 for trial in comparable)
        shorter = len(self.stopped_early)
        if shorter:
            trials = f"{shorter} trial{'s' * (shorter != 1)}"
            scores = "its score is" if shorter == 1 else "their scores are"
            notes.append(
                f"Hyperband stopped {trials} before {longest} epochs; {scores} not compared with "
                "the others."
            )
        if longest < self.project.budget:
            notes.append(
                f"No trial has completed a full training of {self.project.budget} epochs; trials "
                f"of {longest} epochs are compared."
            )
        return tuple(notes)


def open_search(directory: str | Path) -> SearchResults:
    """Open the results of a search, without TensorFlow.

    Parameters
    ----------
    directory
        Project directory of KerasTuner, of `cnnzoo.tune` or any other search. It is not modified.

    Returns
    -------
    SearchResults

    Raises
    ------
    SearchError
        If the directory contains no search.

    Examples
    --------
    >>> open_search("missing")
    Traceback (most recent call last):
    cnnzoo.tuning.records.SearchError: missing contains no search: it has no oracle.json of
    KerasTuner.
    """
    return SearchResults(directory)
