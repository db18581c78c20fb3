"""The private parts of KerasTuner that searches use: attributes, overridden methods, files.

All of them are here, so that a new version of KerasTuner can break this module only. `SURFACE`
lists them, `check_surface` is called at the beginning of each search, and a test compares the
source code of each with the version that this module was written for.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cmp_to_key
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

from cnnzoo.runtime.seeding import stream
from cnnzoo.tuning.objective import score_failures
from cnnzoo.tuning.records import ORACLE, TRIAL, TUNER, SearchError, write_json
from cnnzoo.tuning.space import at_most

KNOWN_VERSIONS = ("1.4.8",)
"""Versions of KerasTuner that the tests of this package passed with."""

SURFACE: Mapping[type, Sequence[str]] = {
    keras_tuner.Oracle: (
        *("create_trial", "update_trial", "end_trial", "get_space", "update_space", "get_state"),
        *("save", "reload", "trials", "ongoing_trials", "start_order", "end_order", "tuner_ids"),
        *("max_consecutive_failed_trials", "verbose", "_set_project_dir", "_project_dir"),
        *("_get_oracle_fname", "_get_trial_dir", "_save_trial", "_retry", "_retry_queue"),
    ),
    keras_tuner.oracles.GridSearchOracle: (
        *("_compare", "_get_next_combination", "_ordered_ids", "_populate_next"),
    ),
    keras_tuner.oracles.BayesianOptimizationOracle: ("_random_state", "_vectorize_trials"),
    keras_tuner.oracles.HyperbandOracle: (
        *("hyperband_iterations", "_get_size", "_get_num_brackets", "_get_num_rounds"),
    ),
}
"""Attributes and methods that are used or overridden here, by class."""


def check_surface(oracle: Any) -> None:
    """Refuse a version of KerasTuner that lacks a part that searches use.

    Parameters
    ----------
    oracle
        The oracle of the search.

    Raises
    ------
    SearchError
        If a part is missing. The message names the versions that are known to work.
    """
    missing = [
        f"{kind.__name__}.{name}"
        for kind, names in SURFACE.items()
        if isinstance(oracle, kind)
        for name in names
        if name not in dir(oracle)
    ]
    if missing:
        raise SearchError(
            f"KerasTuner {version('keras-tuner')} has no {', '.join(missing)}, which searches "
            f"use. They are known to work with KerasTuner {', '.join(KNOWN_VERSIONS)}: run "
            f"pip install keras-tuner=={KNOWN_VERSIONS[-1]}."
        )


class ResumableOracle(keras_tuner.Oracle):
    """Mixin that lets an oracle of KerasTuner survive failing trials and killed processes.

    It changes how an oracle writes and reads its files, and never what it proposes. The only
    exception: a number above its range is moved to its end.
    """

    trials: dict[str, Any]
    _files: dict[Path, Callable[[], Any]] | None = None

    def create_trial(self, tuner_id: str) -> Any:
        """Propose a trial."""
        with self._written_once():
            return super().create_trial(tuner_id)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Propose values. A number above its range is moved to its end."""
        if isinstance(self, keras_tuner.oracles.BayesianOptimizationOracle):
            # KerasTuner does not store the state of this stream
            self._random_state = np.random.RandomState(stream(self.seed, trial_id))
        response: dict[str, Any] = super().populate_space(trial_id)
        values = response.get("values")
        if values:
            response["values"] = {
                name: at_most(value, name, self.hyperparameters.space)
                for name, value in values.items()
            }
        return response

    def _vectorize_trials(self) -> Any:
        """Give the Bayesian model the failed trials too, with the worst score."""
        trials, self.trials = self.trials, score_failures(self.trials, self.objective.direction)
        try:
            return super()._vectorize_trials()
        finally:
            self.trials = trials

    def end_trial(self, trial: Any) -> None:
        """End a trial and write it down."""
        with self._written_once():
            super().end_trial(trial)

    def end_with_metrics(self, trial: Any, metrics: Mapping[str, float]) -> None:
        """Report the metrics of a trial and end it.

        Parameters
        ----------
        trial
            The trial, with its status.
        metrics
            Metrics by name; empty for a trial without a score.
        """
        with self._written_once():
            if metrics:
                trial.metrics = type(trial.metrics)()  # an earlier run may have reported them too
                self.update_trial(trial.trial_id, dict(metrics))
            self.end_trial(trial)

    @contextmanager
    def _written_once(self) -> Iterator[dict[Path, Callable[[], Any]]]:
        """Write each file once, at the end and atomically, however often KerasTuner would.

        Yields
        ------
        dict
            By file, what returns its contents. The oracle's file is written last.
        """
        if self._files is not None:
            yield self._files
            return
        self._files = {}
        try:
            yield self._files
            for path in sorted(self._files, key=lambda path: path.name == ORACLE):
                write_json(path, self._files[path]())
        finally:
            self._files = None

    def _save_trial(self, trial: Any) -> None:
        with self._written_once() as files:
            files[Path(self._get_trial_dir(trial.trial_id)) / TRIAL] = trial.get_state

    def save(self) -> None:
        """Write the state of the oracle."""
        with self._written_once() as files:
            files[Path(self._get_oracle_fname())] = self.get_state

    def reload(self) -> None:
        """Read the files of an earlier run.

        Raises
        ------
        SearchError
            If a file is damaged. A search that is killed leaves no damaged file.
        """
        place = Path(self._project_dir)
        for path in (place / ORACLE, *sorted(place.glob(f"trial_*/{TRIAL}"))):
            try:
                json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SearchError(
                    f"{path} cannot be read ({error}). Restore it from a copy, or choose another "
                    "directory."
                ) from error
        iterations = getattr(self, "hyperband_iterations", None)  # of this run
        super().reload()
        if iterations is not None:
            self.hyperband_iterations = iterations
        # a trial that the oracle's file does not name was never started: it will be proposed again
        self.trials = {name: self.trials[name] for name in self.start_order}
        self._retry_queue.sort(reverse=True)  # KerasTuner takes from its end
        if isinstance(self, keras_tuner.oracles.GridSearchOracle):
            self._restore_grid()

    def _restore_grid(self) -> None:
        """Rebuild what KerasTuner does not store of a grid: the order of its trials."""

        def order(one: str, other: str) -> Any:
            return self._compare(*(self.trials[n].hyperparameters.values for n in (one, other)))

        sorted_trials = sorted(self.trials, key=cmp_to_key(order))
        for previous, trial_id in zip([None, *sorted_trials], sorted_trials, strict=False):
            self._ordered_ids.insert(trial_id, previous)
        self._populate_next = sorted_trials

    def _get_next_combination(self, values: dict[str, Any]) -> Any:
        return super()._get_next_combination(self._with_new_defaults(values))

    def _compare(self, one: dict[str, Any], other: dict[str, Any]) -> Any:
        return super()._compare(self._with_new_defaults(one), self._with_new_defaults(other))

    def _with_new_defaults(self, values: dict[str, Any]) -> dict[str, Any]:
        """Add the hyperparameters that were found after these values were tried, at defaults."""
        hp = self.get_space()
        hp.values = dict(values)
        for found in hp.space:
            if hp.is_active(found):
                hp.values.setdefault(found.name, found.default)
        complete: dict[str, Any] = hp.values
        return complete

    def _retry(self, trial: Any) -> bool:
        """Never run a trial again: the same seeds would give the same result."""
        return False


def make_resumable(oracle: Any) -> Any:
    """Make an oracle of KerasTuner a `ResumableOracle` as well.

    Parameters
    ----------
    oracle
        The oracle, which is changed.

    Returns
    -------
    keras_tuner.Oracle
        The same oracle.

    Raises
    ------
    SearchError
        As `check_surface`.
    """
    check_surface(oracle)
    name = f"Resumable{type(oracle).__name__}"
    oracle.__class__ = type(name, (ResumableOracle, type(oracle)), {})
    oracle.verbose = 0
    oracle.max_consecutive_failed_trials = math.inf
    return oracle


def open_project(oracle: Any, directory: Path, hypermodel: keras_tuner.HyperModel) -> None:
    """Let an oracle work in a directory: resume the search there, or begin one.

    Parameters
    ----------
    oracle
        The oracle, as `make_resumable` returns it.
    directory
        Directory of the search.
    hypermodel
        Declares the hyperparameters of a new search.
    """
    oracle._set_project_dir(str(directory.parent), directory.name)
    if (directory / ORACLE).exists():
        oracle.reload()
        return
    space = oracle.get_space()
    hypermodel.declare_hyperparameters(space)
    oracle.update_space(space)
    oracle.save()
    write_json(directory / TUNER, {})  # without it KerasTuner's own tuners do not open a project


def trials_per_iteration(oracle: Any) -> int:
    """Return how many trials Hyperband makes while it goes through its brackets once."""
    return sum(
        oracle._get_size(bracket, number)
        for bracket in range(oracle._get_num_brackets())
        for number in range(oracle._get_num_rounds(bracket))
    )
