"""The rounds of a run: each trains what is planned and not stored, and may lead to another."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ablations.designs.planner import Planner
from ablations.results import Results, open_results
from ablations.results.choice import PATH
from ablations.running.feasibility import Measure, check_task, infeasible, measured
from ablations.running.progress import Progress
from ablations.store import Planned, Store
from ablations.store.provenance import changes, context_of, describe_machine
from ablations.study import BASELINE, Status, Study, Trial, TrialResult, Variant
from ablations.study.checks import AUTO
from cnnzoo.data import load_data
from cnnzoo.runtime.interrupts import Interruption

Train = Callable[[Sequence[Trial], Callable[[], bool]], Iterator[TrialResult]]
"""What trains some trials and yields what comes of each, until it is told to start no more."""


class Rounds:
    """What one run does to a store, round by round, until the results ask for nothing more.

    Parameters
    ----------
    planner
        The checked study.
    store
        Where its results are and go.
    shown
        What tells how it gets on.
    measure, train
        What is done with trials, by the engine.
    retry_failed
        Whether to try again what has failed, or could not be built, in an earlier run.
    """

    def __init__(
        self,
        planner: Planner,
        store: Store,
        shown: Progress,
        measure: Measure,
        train: Train,
        *,
        retry_failed: bool = False,
    ) -> None:
        self._planner = planner
        self._store = store
        self._shown = shown
        self._measure = measure
        self._train = train
        self._retry_failed = retry_failed
        self._tried = set[str]()
        self._refused = {} if retry_failed else _refused(store)
        self._measured: dict[str, TrialResult] = {}
        self._weights = _loaded_weights(store)
        self._variants = list(planner.layout.variants)
        self._blocks = dict[str, range]()
        self._machine = describe_machine()
        self._context = self._find_context()
        if self._context != store.context:
            self._refused = {}

    def run(self, interruption: Interruption) -> bool:
        """Go round by round.

        Parameters
        ----------
        interruption
            Whether the user wants it to end.

        Returns
        -------
        bool
            Whether it ended for that before all was done.
        """
        for said in changes(self._store, self._planner.study, self._context, self._machine):
            self._shown.say(said)
        while True:
            interruption.raise_lost()
            trials = self._next()
            interruption.raise_lost()
            with interruption.draining():  # until it is known whether that was all
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
        """Return the trials that are planned and not stored."""
        stored = self._store.results(self._context)
        rows = self._plan(stored)
        if not self._grows:
            self._shown.say_once(self._left_out())
        trials = _pending(rows, stored, self._tried if self._retry_failed else None)
        self._shown.expect(rows, stored, trials)
        return trials

    def _one(self, trials: Sequence[Trial], interruption: Interruption) -> bool:
        """Train, and store what comes of it; return whether the data stayed the same."""
        data = self._context["data"]
        apart: list[str] = []
        for result in self._train(trials, lambda: bool(apart) or interruption.asked()):
            self._tried.add(result.trial.key)
            if result.fingerprint in ("", data):
                self._store.add(result, self._context, self._machine)
                self._shown.ended(result)
            else:  # files changed since the study was checked
                changed = {**self._context, "data": result.fingerprint}
                self._store.add(result, changed, self._machine)
                apart.append(result.fingerprint)
            interruption.raise_lost()
        if apart:
            self._shown.say(
                f"The data changed during the run, from {data} to {apart[0]}: no "
                f"more trials were started. {len(apart)} on the changed data are kept apart; "
                "the same command goes on with the data as they are then."
            )
        return not apart

    def _grow(self) -> bool:
        """Plan what the results so far lead to; return whether that is anything."""
        results = open_results(self._store.directory)
        more = self._planner.layout.grow(results.losses())
        wanted = _open_blocks(self._planner.study, results)
        self._variants += more
        self._blocks |= wanted
        return bool(more or wanted)

    @property
    def _grows(self) -> bool:
        """Whether results lead to trials that are not planned yet."""
        return self._planner.study.seeds == AUTO or self._planner.study.design == PATH

    def _left_out(self) -> str:
        """Say how many stored trials the plan does not hold; empty if it holds all."""
        planned = {row.key for row in self._store.plan()}
        count = len(self._store.results(self._context).keys() - planned)
        if not count:
            return ""
        trials, they = ("trial is", "it stays") if count == 1 else ("trials are", "they stay")
        return (
            f"{count:,} stored {trials} not part of this study; {they} stored. To keep two studies "
            "apart, give this one another name or directory (--to on the command line)."
        )

    def _plan(self, stored: Mapping[str, Any]) -> list[tuple[Planned, Trial]]:
        """Write down the plan, once it is known of every variant whether it can be built."""
        planner = self._planner
        unknown = [
            variant
            for variant in self._variants
            if variant.name not in self._measured
            and not any(row.key in stored for row, _ in planner.rows([variant], self._blocks, {}))
        ]
        found = measured(planner, unknown, self._measure, self._refused)
        self._measured |= found
        self._weights |= _weights_of(found)
        rows = planner.rows(self._variants, self._blocks, infeasible(self._measured))
        self._shown.say_once(planner.orthogonality([row for row, _ in rows]))
        for finding in dict.fromkeys(f for one in self._measured.values() for f in one.findings):
            self._shown.say_once(str(finding))
        factors = planner.space.factors(planner.study)
        spec = {
            **planner.study.to_dict(),
            "factors": {name: list(levels) for name, levels in factors.items()},
            "baseline": dict(planner.layout.baseline),
        }
        spec |= {"weights": self._weights} if self._weights else {}
        self._store.begin(spec, self._context, [row for row, _ in rows])
        return rows

    def _find_context(self) -> dict[str, str]:
        """Return what the results to come belong to, measuring the baseline if there is need."""
        context = _unchanged(self._planner, self._store, self._refused)
        if context is None:
            variants = self._to_measure()
            self._measured = measured(self._planner, variants, self._measure)
            found = self._measured[BASELINE]
            for note in found.data_notes:
                self._shown.say(f"{self._planner.study.data}: {note}.")
            context = context_of(
                self._planner.study.model_name,
                found.fingerprint,
                found.arithmetic,
                self._weights_version(_weights_of(self._measured)),
            )
        return context

    def _to_measure(self) -> list[Variant]:
        """Return the baseline and the variants that load weights; all if nothing is stored."""
        if not self._store.context:
            return self._variants
        rows = self._planner.rows(self._variants, {}, {})
        loading = {row.variant for row, _ in rows if row.key in self._weights}
        return [one for one in self._variants if one.name in {BASELINE, *loading}]

    def _weights_version(self, weights: Mapping[str, str]) -> str:
        """Return the last run's digest of loaded weights, or a new one if a trial loads others."""
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
    """Return by trial why, in the last run's context, its model could not be built."""
    return {row.key: row.infeasible for row in store.plan() if row.infeasible}


def _loaded_weights(store: Store) -> dict[str, str]:
    """Return the digests of loaded weights that the last run measured, by trial."""
    return dict((store.spec or {}).get("weights", {}))


def _weights_of(found: Mapping[str, TrialResult]) -> dict[str, str]:
    """Return the digests of loaded weights, by trial."""
    return {one.trial.key: one.weights for one in found.values() if one.weights}


def _unchanged(planner: Planner, store: Store, refused: Mapping[str, str]) -> dict[str, str] | None:
    """Return the last run's context, if it still holds and has a result for all that is planned.

    To see that nothing is to be done no TensorFlow is loaded, which takes far longer than the
    rest. Where there is something to do, it is the workers that load the data.
    """
    study, stored = planner.study, store.results(store.context)
    rows = planner.rows(planner.layout.variants, {}, {})
    over = (row.infeasible or row.key in stored or row.key in refused for row, _ in rows)
    if not all(over) or study.data.startswith("tfds:"):  # which TensorFlow reads
        return None
    if _loaded_weights(store):  # whose files only the builder knows
        return None
    try:
        info = load_data(study.data).info
    except (ValueError, OSError):  # in a worker it will fail with the baseline's trial
        return None
    # how a process would compute is of no matter where none is to
    arithmetic = store.context.get("arithmetic", "")
    context = context_of(study.model_name, info.fingerprint, arithmetic)
    if context != store.context:
        return None
    check_task(study, info.classes)
    return context


def _pending(
    rows: list[tuple[Planned, Trial]], stored: Mapping[str, Any], tried: Collection[str] | None
) -> list[Trial]:
    """Return the trials without a result and, unless `tried` is None, the failed ones not in it."""
    over = {
        key
        for key, row in stored.items()
        if row["status"] == Status.DONE or tried is None or key in tried
    }
    trials = {row.key: trial for row, trial in rows if not row.infeasible and row.key not in over}
    return list(trials.values())


def _open_blocks(study: Study, results: Results) -> dict[str, range]:
    """Return the seeds of the variants whose verdict is open, and of the baseline."""
    if study.seeds != AUTO:
        return {}
    wanted = results.open_variants()
    if not wanted:
        return {}
    return {
        name: range(count) for name, count in (wanted | {BASELINE: max(wanted.values())}).items()
    }
