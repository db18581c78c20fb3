"""KerasTuner's oracles, made to survive: failing trials, dying processes, being gone on with.

An oracle proposes configurations and keeps the trials. What is changed here is how it writes its
files and what it makes of them, never what it proposes.
"""

import json
import math
import threading
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.src.engine.metrics_tracking import MetricsTracker

from cnnzoo.runtime.seeding import stream
from cnnzoo.tuning.filenames import ORACLE, TRIAL
from cnnzoo.tuning.objective import at_most, score_failures
from cnnzoo.tuning.records import Execution, SearchError
from cnnzoo.tuning.space import within
from cnnzoo.tuning.writing import read_executions, write_json


class SafeOracle(keras_tuner.Oracle):
    """What goes in front of an oracle of KerasTuner; see `make_safe`."""

    trials: dict[str, Any]
    report: Callable[[Any, Sequence[Execution]], None] | None
    broken: Exception | None
    patient: bool

    def create_trial(self, tuner_id: str) -> Any:
        """Propose a trial, or stop everything where that fails."""
        with self._guard:
            try:
                trial = self._at_once(super().create_trial, tuner_id)
            except Exception as error:  # KerasTuner would keep its lock and wait for ever
                self.broken = error
                return Trial(keras_tuner.HyperParameters(), trial_id="", status="STOPPED")
            if trial.status == "STOPPED" and self.patient and self.ongoing_trials:
                self.tuner_ids.add(tuner_id)  # whoever has them may die, and this one be needed
                trial.status = "IDLE"
            return trial

    def drop(self, tuner_id: str) -> Any:
        """Forget a worker, and return the trial that it had: whoever asks next gets that."""
        with self._guard:
            self.tuner_ids.discard(tuner_id)
            trial = self.ongoing_trials.pop(tuner_id, None)
            if trial is not None:
                self._retry_queue.append(trial.trial_id)
            self.save()
            return trial

    @property
    def waiting(self) -> list[str]:
        """The names of trials that were begun and that no worker has."""
        return list(self._retry_queue)

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
                name: within(value, known[name])
                if name in known
                else at_most(value, name, self.hyperparameters.space)
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

    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Any:
        """Take the metrics as they were written down; what comes by network is rounded."""
        with self._guard:
            if trial_id in self.end_order:
                return self.trials[trial_id]
            executions = read_executions(self._get_trial_dir(trial_id))
            self.trials[trial_id].metrics = MetricsTracker()
            return super().update_trial(trial_id, mean_metrics(executions) or dict(metrics), step)

    def end_trial(self, trial: Any) -> None:
        """End a trial, with the reason where it failed, and write everything down at once.

        Once: a worker that was thought dead may come back with a trial that another one has ended.
        """
        with self._guard:
            if trial.trial_id in self.end_order:
                return
            if trial.trial_id in self._retry_queue:
                self._retry_queue.remove(trial.trial_id)
            executions = read_executions(self._get_trial_dir(trial.trial_id))
            # by network come hyperparameters in another order, and no message
            known = self.trials[trial.trial_id].hyperparameters
            take_in(known, trial.hyperparameters)
            trial.hyperparameters = known
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

    def _get_next_combination(self, values: dict[str, Any]) -> Any:
        return super()._get_next_combination(self._grown(values))

    def _compare(self, one: dict[str, Any], other: dict[str, Any]) -> Any:
        return super()._compare(self._grown(one), self._grown(other))

    def _grown(self, values: dict[str, Any]) -> dict[str, Any]:
        """Add what a grid came by after it tried these values: it was at its default."""
        hp = self.get_space()
        hp.values = dict(values)
        for found in hp.space:
            if hp.is_active(found):
                hp.values.setdefault(found.name, found.default)
        grown: dict[str, Any] = hp.values
        return grown

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


def take_in(hp: Any, others: Any) -> None:
    """Add hyperparameters that are not there yet, with their values.

    Parameters
    ----------
    hp
        A ``keras_tuner.HyperParameters``, which is changed.
    others
        Another one. By network its hyperparameters come in an order of their own, so each is
        added after those that switch it on.
    """
    new = [found for found in others.space if not hp._exists(found.name, found.conditions)]
    while new:
        known = {found.name for found in hp.space}
        ready = [found for found in new if {c.name for c in found.conditions} <= known]
        found = (ready or new)[0]
        new.remove(found)
        if found.name in others.values:
            hp.values.setdefault(found.name, others.values[found.name])
        hp._register(found)


def make_safe(oracle: Any, toggles: Sequence[Any], *, patient: bool = False) -> Any:
    """Make an oracle of KerasTuner a `SafeOracle` as well.

    Parameters
    ----------
    oracle
        Which proposes; it is changed.
    toggles
        What is searched.
    patient
        Whether workers with nothing more to do are kept until all trials have ended.
    """
    oracle.__class__ = type(f"Safe{type(oracle).__name__}", (SafeOracle, type(oracle)), {})
    oracle.toggles, oracle.report, oracle.broken = toggles, None, None
    oracle.patient = patient
    oracle._busy, oracle._guard = False, threading.RLock()
    oracle.verbose = 0
    oracle.max_consecutive_failed_trials = math.inf
    return oracle
