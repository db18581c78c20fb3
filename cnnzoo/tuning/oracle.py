"""KerasTuner's oracles, made to survive: failing trials, dying processes, being gone on with.

An oracle proposes configurations and keeps the trials. What is changed here is how it writes its
files and what it makes of them, never what it proposes.
"""

import inspect
import json
import math
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from cnnzoo.seeding import stream
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.tuning.filenames import ORACLE, TRIAL
from cnnzoo.tuning.records import Execution, Objective, SearchError
from cnnzoo.tuning.space import within
from cnnzoo.tuning.writing import read_executions, write_json

TRIALS = 20
"""Of a random or Bayesian search, if nobody says how many."""


class SafeOracle(keras_tuner.Oracle):
    """What goes in front of an oracle of KerasTuner; see `make_safe`."""

    trials: dict[str, Any]
    report: Callable[[Any, Sequence[Execution]], None] | None
    broken: Exception | None

    def create_trial(self, tuner_id: str) -> Any:
        """Propose a trial, or stop everything where that fails."""
        with self._guard:
            try:
                trial = self._at_once(super().create_trial, tuner_id)
            except Exception as error:  # KerasTuner would keep its lock and wait for ever
                self.broken = error
                return Trial(keras_tuner.HyperParameters(), trial_id="", status="STOPPED")
            return trial

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Propose values, those at the end of a range within it."""
        if isinstance(self, keras_tuner.oracles.BayesianOptimizationOracle):
            # KerasTuner forgets what it drew when a search is gone on with
            self._random_state = np.random.RandomState(stream(self.seed, trial_id))
        response: dict[str, Any] = super().populate_space(trial_id)
        values = response.get("values")
        if values:
            known = {toggle.name: toggle for toggle in self.toggles}
            response["values"] = {
                name: within(value, known[name]) if name in known else value
                for name, value in values.items()
            }
        return response

    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Any:
        """Take the metrics as they were written down; what comes by network is rounded."""
        with self._guard:
            executions = read_executions(self._get_trial_dir(trial_id))
            self.trials[trial_id].metrics = MetricsTracker()
            return super().update_trial(trial_id, mean_metrics(executions) or dict(metrics), step)

    def end_trial(self, trial: Any) -> None:
        """End a trial, with the reason where it failed, and write everything down at once."""
        with self._guard:
            executions = read_executions(self._get_trial_dir(trial.trial_id))
            # by network come hyperparameters in another order, and no message
            trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
            trial.message = next((row.reason for row in executions if row.reason), None)
            self._at_once(super().end_trial, trial)
            if self.report is not None:
                self.report(self.trials[trial.trial_id], executions)

    def save(self) -> None:
        """Write the oracle's file in one piece, once for each thing that it does."""
        if not self._busy:
            write_json(self._get_oracle_fname(), self.get_state())

    def reload(self) -> None:
        """Take up a search where its files left it.

        Raises
        ------
        SearchError
            If a file is not whole, which no death of a search leads to.
        """
        place = Path(self._project_dir)
        for path in (place / ORACLE, *sorted(place.glob(f"trial_*/{TRIAL}"))):
            try:
                json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SearchError(
                    f"{path} cannot be read ({error}). Put a copy of it back, or give another "
                    "directory."
                ) from error
        rounds = getattr(self, "hyperband_iterations", None)  # as asked for now
        super().reload()
        if rounds is not None:
            self.hyperband_iterations = rounds
        # A trial of which the oracle had not written yet was never begun: it comes again.
        self.trials = {name: self.trials[name] for name in self.start_order}
        self._retry_queue.sort(reverse=True)  # which is taken from its end
        if isinstance(self, keras_tuner.oracles.GridSearchOracle):
            self._recall_grid()

    def _recall_grid(self) -> None:
        """Put together again what KerasTuner does not write down of a grid."""

        def order(one: str, other: str) -> Any:
            return self._compare(*(self.trials[n].hyperparameters.values for n in (one, other)))

        done = sorted(self.trials, key=cmp_to_key(order))
        for previous, trial_id in zip([None, *done], done, strict=False):
            self._ordered_ids.insert(trial_id, previous)
        self._populate_next = done

    def _at_once(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Call what writes several times along the way, and write at the end."""
        self._busy = True
        try:
            result = function(argument)
        finally:
            self._busy = False
        self.save()
        return result

    def _save_trial(self, trial: Any) -> None:
        path = Path(self._get_trial_dir(trial.trial_id)) / TRIAL
        write_json(path, trial.get_state())

    def _retry(self, trial: Any) -> bool:
        """Leave a trial as it ended: to train it again with the same seeds changes nothing."""
        return False


def mean_metrics(executions: Sequence[Execution]) -> dict[str, float]:
    """Return the mean over the seeds of every metric that all of them have."""
    names = list(executions[0].metrics) if executions else []
    return {
        name: float(np.mean([row.metrics[name] for row in executions]))
        for name in names
        if all(name in row.metrics for row in executions)
    }


def make_safe(oracle: Any, toggles: Sequence[Any]) -> Any:
    """Make an oracle of KerasTuner a `SafeOracle` as well.

    Parameters
    ----------
    oracle
        Which proposes; it is changed.
    toggles
        What is searched.
    """
    oracle.__class__ = type(f"Safe{type(oracle).__name__}", (SafeOracle, type(oracle)), {})
    oracle.toggles, oracle.report, oracle.broken = toggles, None, None
    oracle._busy, oracle._guard = False, threading.RLock()
    oracle.verbose = 0
    oracle.max_consecutive_failed_trials = math.inf
    return oracle


def make_oracle(
    tuner: Any,
    objective: Objective,
    trials: int | None,
    epochs: int,
    seed: int,
    hypermodel: Any,
) -> Any:
    """Make what proposes configurations.

    Parameters
    ----------
    tuner
        "random", "grid", "bayesian", "hyperband", or a Tuner of KerasTuner, class or instance.
    objective
        What is optimized.
    trials
        How many at most. If left out, a grid is searched to its end, Hyperband goes through its
        brackets once, and the others make `TRIALS`.
    epochs
        The most that Hyperband trains a configuration.
    seed
        0 is a seed like any other.
    hypermodel
        For the Tuner classes, which ask for it.

    Raises
    ------
    ToggleError
        If there is no such tuner.
    """
    given = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "max_trials": trials,
        "max_epochs": epochs,
        "seed": stream(seed, "search"),  # to KerasTuner 0 is none
    }
    if isinstance(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        oracle = tuner.oracle
        oracle.objective = given["objective"]
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if isinstance(tuner, type) and issubclass(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        with tempfile.TemporaryDirectory() as nowhere:
            known = _taken(tuner, {**given, "hypermodel": hypermodel, "directory": nowhere})
            oracle = tuner(**known).oracle
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if tuner not in TUNERS:
        raise ToggleError(
            f"`tuner` of a search must be one of {', '.join(TUNERS)}, or a Tuner of KerasTuner; "
            f"got {tuner!r}{did_you_mean(str(tuner), TUNERS, quote='')}"
        )
    if tuner in ("random", "bayesian"):
        given["max_trials"] = trials or TRIALS
    oracle = TUNERS[tuner](**_taken(TUNERS[tuner], given))
    if tuner == "hyperband" and trials is not None:
        oracle.hyperband_iterations = math.ceil(trials / _one_round(oracle))
        oracle.max_trials = trials
    return oracle


TUNERS: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


def _taken(maker: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a class takes."""
    parameters = inspect.signature(maker).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = {*parameters, *(("directory",) if anything else ())}
    return {name: value for name, value in given.items() if name in names}


def _one_round(oracle: Any) -> int:
    """Return how many trials Hyperband makes in going through its brackets once."""
    return sum(
        oracle._get_size(bracket, number)
        for bracket in range(oracle._get_num_brackets())
        for number in range(oracle._get_num_rounds(bracket))
    )
