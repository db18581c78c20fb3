"""From a study to its results: what is planned and not stored yet goes to an engine."""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ablations.context import changes, context_of
from ablations.declared import AUTO, METRICS_OF
from ablations.engines import start_engine
from ablations.engines.limits import Limits
from ablations.interruption import interruptible
from ablations.machine import describe_machine
from ablations.planning import Planner
from ablations.progress import Progress
from ablations.results import Results, open_results
from ablations.settings import StudyError
from ablations.store import Planned, Store
from ablations.study import BASELINE, Study, Trial, TrialResult
from ablations.trial import forget, measure_trial, run_trial
from cnnzoo.data import load_data

DIRECTORY = Path("studies")
"""Where studies live unless told otherwise, each in a folder of its name."""

MACS_A_SECOND = 15e9
"""What one core manages in the small convolutions of the zoo, for estimates of time."""


def plan(study: Study, *, workers: int | None = None, engine: str = "processes") -> pd.DataFrame:
    """Check a study and list its trials, training nothing.

    Parameters
    ----------
    study
        The study.
    workers, engine
        What builds the variants' models; as of `run`.

    Returns
    -------
    pandas.DataFrame
        A row a trial: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``params``,
        ``macs`` (multiplications of a forward pass), ``seconds`` (a rough estimate of the
        training on one core), ``infeasible`` (why it cannot be built; empty if it can) and
        ``key``. Where the design or the seeds depend on results, the trials to begin with.

    Raises
    ------
    StudyError, ToggleError
        If the study cannot be run as declared.

    Examples
    --------
    >>> study = Study("downsampling", "digits", factors={"pool_size": [2, 4]}, seeds=2)
    >>> plan(study, engine="serial")[["variant", "seed", "params"]]
           variant  seed   params
    0     baseline     0  19466.0
    1     baseline     1  19466.0
    2  pool_size=4     0      NaN
    3  pool_size=4     1      NaN
    """
    planner = Planner.of(study)
    forget()
    with start_engine(_engine_for(study, engine), Limits(workers=workers)) as running:
        measured = _measure(planner, running, planner.layout.variants)
    reasons = _infeasible(measured)
    rows = []
    for row, trial in planner.rows(planner.layout.variants, {}, reasons):
        cost = measured.get(row.variant)
        known = {"params": cost.params, "macs": cost.macs} if cost else {}
        rows.append({**vars(row), **known, "seconds": _estimate(cost, trial)})
    columns = ["variant", "factor", "level", "baseline", "seed", "params", "macs", "seconds"]
    return pd.DataFrame(rows, dtype=object)[[*columns, "infeasible", "key"]].infer_objects()


def run(
    study: Study,
    directory: str | Path | None = None,
    *,
    workers: int | None = None,
    engine: str = "processes",
    retry_failed: bool = False,
    renew_after: int = Limits.renew_after,
    progress: bool = True,
) -> Results:
    """Run what a study plans and its directory does not hold yet.

    Interrupted once (Ctrl-C), it ends after the running trials; twice, or while no trial runs, at
    once with a KeyboardInterrupt. Run again, it goes on where it was.

    Parameters
    ----------
    study
        The study.
    directory
        Where its results are and go; ``studies/NAME`` if left out.
    workers
        Trials at a time; as many as cores and memory allow if left out. The results do not depend
        on it.
    engine
        What runs the trials: "processes", worker processes; or "serial", this process, one trial
        after the other, where the study's `timeout` and `retries` do not apply. A builder that is
        defined in the program itself always runs in the latter.
    retry_failed
        Whether to try again what has failed, or could not be built, in an earlier run.
    renew_after
        Trials after which a worker is replaced by a fresh one; 0 for never.
    progress
        Whether to show it.

    Returns
    -------
    Results

    Raises
    ------
    StudyError, ToggleError
        Before any training: if the study cannot be run as declared, or the directory holds
        another one or is being written to.
    """
    planner = Planner.of(study)
    forget()
    directory = Path(directory) if directory is not None else DIRECTORY / study.name
    limits = Limits(
        workers=workers,
        timeout=study.timeout,
        retries=study.retries,
        renew_after=renew_after,
        log=directory / "workers.log",
    )
    with (
        Store(directory, write=True) as store,
        start_engine(_engine_for(study, engine), limits) as running,
        Progress(study, shown=progress) as shown,
        interruptible(shown.say) as interruption,
    ):
        _check_same_study(store.spec, study, directory)
        if running.name != engine:
            shown.say(f"{study.model} is defined in the program itself: one trial after the other.")
        if study.timeout and running.name == "serial":
            shown.say(
                f"The engine serial has no process to end: the timeout of {study.timeout:g} s and "
                "the retries do not apply."
            )
        shown.say_briefly("checking the study")
        variants, blocks = list(planner.layout.variants), dict[str, range]()
        tried = set[str]()
        refused = {} if retry_failed else _refused(store)
        measured: dict[str, TrialResult] = {}
        context = _unchanged(planner, store, refused)
        if context is None:
            measured = _measure(planner, running, variants[:1])
            found = measured[BASELINE]
            context = context_of(study.model_name, found.fingerprint, found.arithmetic)
        if context != store.context:
            refused = {}
        machine = describe_machine()
        for said in changes(store, study, context, machine):
            shown.say(said)
        apart: list[str] = []
        while not interruption.asked():
            stored = store.results(context)
            unknown = [
                variant
                for variant in variants
                if variant.name not in measured
                and not any(row.key in stored for row, _ in planner.rows([variant], blocks, {}))
            ]
            measured |= _measure(planner, running, unknown, refused)
            rows = planner.rows(variants, blocks, _infeasible(measured))
            shown.say_once(planner.orthogonality([row for row, _ in rows]))
            factors = planner.space.factors(study)
            spec = {
                **study.to_dict(),
                "factors": {name: list(levels) for name, levels in factors.items()},
                "baseline": dict(planner.layout.baseline),
            }
            store.begin(spec, context, [row for row, _ in rows])
            trials = _pending(rows, stored, tried if retry_failed else None)
            shown.expect(rows, stored, trials)
            train = partial(run_trial, report_to=shown.folder)
            with interruption.draining():
                for result in running.run(
                    train, trials, stopping=lambda: bool(apart) or interruption.asked()
                ):
                    tried.add(result.trial.key)
                    if result.fingerprint in ("", context["data"]):
                        store.add(result, context, machine)
                        shown.ended(result)
                    else:  # files changed since the study was checked
                        store.add(result, {**context, "data": result.fingerprint}, machine)
                        apart.append(result.fingerprint)
            if apart:
                shown.say(
                    f"The data changed during the run, from {context['data']} to {apart[0]}: no "
                    f"more trials were started. {len(apart)} on the changed data are kept apart; "
                    "the same command goes on with the data as they are then."
                )
                break
            results = open_results(directory)
            more = planner.layout.grow(results.losses())
            wanted = _open_blocks(study, results)
            if not more and not wanted:
                break
            variants += more
            blocks |= wanted
    return open_results(directory)


def _engine_for(study: Study, engine: str) -> str:
    """Return the engine, or the one for a builder that other processes cannot import."""
    return "serial" if study.model_name.startswith("__main__:") else engine


def _refused(store: Store) -> dict[str, str]:
    """Return by trial why, in the last run's context, its model could not be built."""
    return {row.key: row.infeasible for row in store.plan() if row.infeasible}


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
    try:
        info = load_data(study.data).info
    except (ValueError, OSError):  # in a worker it will fail with the baseline's trial
        return None
    # how a process would compute is of no matter where none is to
    arithmetic = store.context.get("arithmetic", "")
    context = context_of(study.model_name, info.fingerprint, arithmetic)
    if context != store.context:
        return None
    _check_metrics(study, info.classes)
    return context


def _measure(
    planner: Planner, engine: Any, variants: Any, refused: Mapping[str, str] = MappingProxyType({})
) -> dict[str, TrialResult]:
    """Build a model of each variant, and return its cost or why it cannot be built.

    Those `refused` before, by trial, are not built again.
    """
    trials: dict[str, Trial] = {}
    names: dict[str, list[str]] = {}
    for row, trial in planner.rows(variants, {}, {}):
        if row.infeasible and row.variant == BASELINE:
            raise StudyError(f"The baseline of the study cannot be trained: {row.infeasible}")
        if trial.seed == planner.study.seed_blocks[0] and not row.infeasible:
            trials[trial.key] = trial
            names.setdefault(trial.key, []).append(row.variant)
    new = [trial for key, trial in trials.items() if key not in refused]
    results = [
        TrialResult(trial, "infeasible", reason=refused[key])
        for key, trial in trials.items()
        if key in refused
    ]
    results += engine.run(measure_trial, new)
    measured = {name: result for result in results for name in names[result.trial.key]}
    baseline = measured.get(BASELINE)
    if baseline is not None and baseline.status != "done":
        raise StudyError(f"The baseline of the study cannot be trained: {baseline.reason}")
    if baseline is not None:
        _check_metrics(planner.study, baseline.metrics["classes"])
    return measured


def _check_metrics(study: Study, classes: float) -> None:
    task = "regression" if classes == 1 else "classification"
    for name in study.metrics:
        if name not in METRICS_OF[task]:
            raise StudyError(
                f"`metrics` of the study: {study.data} is a {task}, which is measured by "
                f"{', '.join(METRICS_OF[task])}; got {name}."
            )


def _infeasible(measured: Mapping[str, TrialResult]) -> dict[str, str]:
    """Return why variants cannot be built; one whose worker died in the attempt may be yet."""
    return {
        name: result.reason for name, result in measured.items() if result.status == "infeasible"
    }


def _pending(
    rows: list[tuple[Planned, Trial]], stored: Mapping[str, Any], tried: Collection[str] | None
) -> list[Trial]:
    """Return the trials without a result and, unless `tried` is None, the failed ones not in it."""
    over = {
        key
        for key, row in stored.items()
        if row["status"] == "done" or tried is None or key in tried
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


def _estimate(cost: TrialResult | None, trial: Trial) -> float | None:
    """Return the seconds that a trial may take: a backward pass costs two forward ones."""
    if cost is None or cost.macs is None:
        return None
    passes = 3 * cost.metrics["examples"] * trial.recipe.epochs
    return round(passes * cost.macs / MACS_A_SECOND + 1, 1)


def _check_same_study(spec: Mapping[str, Any] | None, study: Study, directory: Path) -> None:
    if spec is None:
        return
    for name in ("model", "data", "design"):
        if spec[name] != getattr(study, name):
            raise StudyError(
                f"{directory} holds a study with {name} {spec[name]!r}; this one has "
                f"{getattr(study, name)!r}. Give another directory."
            )
