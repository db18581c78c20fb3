"""The rounds of a run: each trains the planned trials without results, and may add trials."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ablations.designs.planner import Planner
from ablations.results import Results, open_results
from ablations.running.expected_time import estimate, expected_times, of_this_machine
from ablations.running.feasibility import Measure, check_task, infeasible, measured
from ablations.running.past_times import PastTimes, keep_times
from ablations.running.progress import StudyProgress
from ablations.store import Planned, Store, StoredResults
from ablations.store.provenance import (
    PACKAGES,
    RUN_TRIAL,
    changes,
    context_of,
    mixed_machines,
    other_machine,
)
from ablations.study import BASELINE, Status, Study, Trial, TrialResult, Variant
from ablations.study.checks import AUTO, PATH
from cnnzoo.data import DataInfo, load_data
from cnnzoo.doctor.finding import Severity
from cnnzoo.parts.names import is_part
from cnnzoo.runtime.code_version import trial_versions
from cnnzoo.runtime.interrupts import Interruption
from cnnzoo.runtime.machine import describe_machine
from cnnzoo.shared_toggles import by_group

Train = Callable[[Sequence[Trial], Callable[[], bool]], Iterator[TrialResult]]
"""Trains trials and yields their results, until the given function says to start no more."""


class Rounds:
    """The rounds of one run, which end when the results lead to no further trials.

    Parameters
    ----------
    planner
        The checked study.
    store
        The store of its results.
    shown
        The display of progress.
    measure, draw, train
        Functions that measure trials, describe their models and train them on the engine.
    retry_failed
        Whether to retry trials that failed, and variants that could not be built, in an earlier
        run.
    workers
        Number of parallel trials, for the expected time.
    """

    def __init__(
        self,
        planner: Planner,
        store: Store,
        shown: StudyProgress,
        measure: Measure,
        draw: Measure,
        train: Train,
        *,
        retry_failed: bool = False,
        workers: int = 1,
    ) -> None:
        self._workers = workers
        self._planner = planner
        self._store = store
        self._shown = shown
        self._measure = measure
        self._draw = draw
        self._train = train
        self._retry_failed = retry_failed
        self._tried = set[str]()
        self._refused = {} if retry_failed else _refused(store)
        self._measured: dict[str, TrialResult] = {}
        self._rough: dict[str, float | None] = {}
        self._weights = store.weights
        self._variants = list(planner.layout.variants)
        self._blocks = dict[str, range]()
        self._machine = describe_machine()
        self._context = self._find_context()
        if self._context != store.context:
            self._refused = {}

    def run(self, interruption: Interruption) -> bool:
        """Run all rounds.

        Parameters
        ----------
        interruption
            Tells whether the user wants to stop.

        Returns
        -------
        bool
            Whether the user stopped it before all trials were done.
        """
        for change in changes(self._store, self._planner.study, self._context, self._machine):
            self._shown.say(change)
        while True:
            interruption.raise_lost()
            trials = self._next()
            interruption.raise_lost()
            with interruption.draining():  # until it is known whether trials follow
                if not self._one(trials, interruption):
                    return False
                if not self._tried.issuperset(trial.key for trial in trials):
                    return interruption.asked()
                if not self._grow():
                    self._shown.say_once(self._left_out())
                    return False
                if interruption.asked():
                    return True

    def _next(self) -> list[Trial]:
        """Return the planned trials without a result."""
        stored = self._store.results(self._context)
        rows = self._plan(stored)
        if not self._grows:
            self._shown.say_once(self._left_out())
        trials = _pending(rows, stored, self._tried if self._retry_failed else None)
        self._shown.start_round(rows, stored, trials)
        self._rough = {
            row.key: estimate(self._measured.get(row.label), trial) for row, trial in rows
        }
        known = of_this_machine(stored)
        times = expected_times(rows, self._measured, known, PastTimes.stored())
        self._shown.expect_times([times[trial.key] for trial in trials], self._workers)
        return trials

    def _one(self, trials: Sequence[Trial], interruption: Interruption) -> bool:
        """Train trials and store their results; return whether the data stayed the same."""
        data = self._context["data"]
        fingerprints: list[str] = []
        results: list[TrialResult] = []

        def stopping() -> bool:
            self._shown.beat()
            return bool(fingerprints) or interruption.asked()

        try:
            for result in self._train(trials, stopping):
                self._tried.add(result.trial.key)
                machine = result.machine or self._machine
                if other := other_machine(machine, self._machine):
                    self._shown.say_once(mixed_machines(other))
                else:
                    took = TrialResult(result.trial, result.status, seconds=result.seconds)
                    results.append(took)  # the rest would fill the memory
                if result.fingerprint in ("", *data.split()):
                    self._store.add(result, self._context, machine)
                    self._shown.ended(result)
                else:  # files changed since the study was checked
                    changed = {**self._context, "data": result.fingerprint}
                    self._store.add(result, changed, machine)
                    fingerprints.append(result.fingerprint)
                interruption.raise_lost()
        finally:
            keep_times(results, self._rough)
        if fingerprints:
            self._shown.say(
                f"The data changed during the run, from {data} to {fingerprints[0]}: no more "
                f"trials were started. The results of {len(fingerprints)} on the changed data are "
                "kept apart; run the study again to use the changed data."
            )
        return not fingerprints

    def _grow(self) -> bool:
        """Plan the trials that the results so far lead to; return whether there are any."""
        if not self._grows:
            return False
        results = open_results(self._store.directory)
        study = self._planner.study
        more = self._planner.layout.grow(results.losses()) if study.design == PATH else []
        wanted = _open_blocks(study, results)
        self._variants += more
        self._blocks |= wanted
        return bool(more or wanted)

    @property
    def _grows(self) -> bool:
        """Return True if further trials may be planned from the results."""
        return self._planner.study.seeds == AUTO or self._planner.study.design == PATH

    def _left_out(self) -> str:
        """Return a sentence on stored trials that are not in the plan; empty if all are."""
        count = self._store.unplanned(self._context)
        if not count:
            return ""
        trials, they = ("trial is", "it stays") if count == 1 else ("trials are", "they stay")
        return (
            f"{count:,} stored {trials} not part of this study; {they} stored. To separate two "
            "studies, give this one another name or directory (--to on the command line)."
        )

    def _plan(self, stored: Collection[str]) -> list[tuple[Planned, Trial]]:
        """Store the plan, after measuring the variants that are not known to be feasible."""
        planner = self._planner
        unknown = [
            variant
            for variant in self._variants
            if not self._measured.keys() >= {*planner.labels(variant)}
            and not any(
                row.key in stored for row, _ in planner.each_row([variant], self._blocks, {})
            )
        ]
        measurements = measured(planner, unknown, self._measure, self._refused)
        self._measured |= measurements
        self._weights |= _weights_of(measurements)
        rows = planner.rows(self._variants, self._blocks, infeasible(self._measured))
        self._shown.say_once(planner.orthogonality([row for row, _ in rows]))
        for finding in dict.fromkeys(f for one in self._measured.values() for f in one.findings):
            if finding.severity != Severity.NOTE:
                self._shown.say_once(str(finding))
        factors = planner.space.factors(planner.study)
        study = replace(planner.study, factors=factors, baseline=planner.layout.baseline)
        self._store.begin(study, self._context, [row for row, _ in rows], self._weights)
        return rows

    def _find_context(self) -> dict[str, str]:
        """Return the context of the results to come, measuring the baseline if necessary."""
        context = _unchanged(self._planner, self._store, self._refused)
        if context is None:
            trial_versions(RUN_TRIAL, PACKAGES)  # read now, while TensorFlow loads in the workers
            variants = self._to_measure()
            self._measured = measured(self._planner, variants, self._measure)
            baselines = [self._measured[label] for label in self._planner.labels(Variant())]
            for baseline in baselines:
                for note in baseline.data_notes:
                    self._shown.say(f"{baseline.trial.data}: {note}.")
                if baseline.data_description is not None:
                    self._store.describe(baseline.data_description)
            self._draw_network(baselines[0].trial)
            context = context_of(
                self._planner.study.model_name,
                " ".join(baseline.fingerprint for baseline in baselines),
                baselines[0].arithmetic,
                self._weights_version(_weights_of(self._measured)),
                self._planner.study.metrics,
            )
        return context

    def _draw_network(self, baseline: Trial) -> None:
        """Store the graph of the model if the study changes its parts."""
        changed = {name for variant in self._variants for name in variant.changes}
        if any(map(is_part, changed)):
            for result in self._draw([baseline]):
                if result.network is not None:
                    self._store.draw(result.network)
                else:
                    self._shown.say(f"There is no picture of the network: {result.reason}")

    def _to_measure(self) -> list[Variant]:
        """Return the baseline and the variants that load weights; all if none is stored."""
        if not self._store.context:
            return self._variants
        rows = self._planner.each_row(self._variants, {}, {}) if self._weights else ()
        loading = {row.variant for row, _ in rows if row.key in self._weights}
        return [one for one in self._variants if one.name in {BASELINE, *loading}]

    def _weights_version(self, weights: Mapping[str, str]) -> str:
        """Return the last run's digest of loaded weights, or a new one if the weights changed."""
        before = self._weights
        if self._store.context and all(
            before.get(key, weights[key]) == weights[key] for key in weights
        ):
            self._weights = {**before, **weights}
            return str(self._store.context.get("weights", ""))
        self._weights = dict(weights)
        digest = hashlib.sha256(json.dumps(weights, sort_keys=True).encode())
        return digest.hexdigest()[:12] if weights else ""


def _refused(store: Store) -> dict[str, str]:
    """Return by trial why its model could not be built in the last run's context."""
    plan = store.plan()
    reasons = zip(plan.keys, plan.column("infeasible"), strict=True)
    return {key: reason for key, reason in reasons if reason}


def _weights_of(measurements: Mapping[str, TrialResult]) -> dict[str, str]:
    """Return the digests of loaded weights, by trial."""
    return {one.trial.key: one.weights for one in measurements.values() if one.weights}


def _unchanged(planner: Planner, store: Store, refused: Mapping[str, str]) -> dict[str, str] | None:
    """Return the last run's context if it is unchanged and every planned trial has a result.

    So a run without trials to do does not load TensorFlow. If there are trials to do, the workers
    load the data.
    """
    study, stored = planner.study, store.keys(store.context)
    rows = planner.each_row(planner.layout.variants, {}, {})
    over = (row.infeasible or row.key in stored or row.key in refused for row, _ in rows)
    if not all(over) or any(data.startswith("tfds:") for data in study.data_sets):  # by TensorFlow
        return None
    if store.weights:  # only the builder knows their files
        return None
    _, toggles = by_group(planner.layout.baseline)  # images of several sizes need one
    try:
        infos: dict[str, DataInfo] = {
            data: load_data(data, **toggles).info  # type: ignore[arg-type]
            for data in study.data_sets
        }
    except (ValueError, OSError):  # a worker will report it with the baseline's trial
        return None
    # no process computes anything, so its arithmetic does not matter
    arithmetic = store.context.get("arithmetic", "")
    fingerprints = " ".join(info.fingerprint for info in infos.values())
    context = context_of(study.model_name, fingerprints, arithmetic, metrics=study.metrics)
    if context != store.context:
        return None
    for data, info in infos.items():
        check_task(study, data, info)
    return context


def _pending(
    rows: list[tuple[Planned, Trial]],
    stored: StoredResults,
    tried: Collection[str] | None,
) -> list[Trial]:
    """Return the trials without a result and, unless `tried` is None, the failed ones not in it."""
    over = {
        key
        for key, status in stored.statuses.items()
        if status == Status.DONE or tried is None or key in tried
    }
    trials = {row.key: trial for row, trial in rows if not row.infeasible and row.key not in over}
    return list(trials.values())


def _open_blocks(study: Study, results: Results) -> dict[str, range]:
    """Return the seeds of the variants without a final verdict, and of the baseline."""
    if study.seeds != AUTO:
        return {}
    wanted = results.open_variants()
    if not wanted:
        return {}
    return {
        name: range(count) for name, count in (wanted | {BASELINE: max(wanted.values())}).items()
    }
