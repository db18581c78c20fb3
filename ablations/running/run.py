"""From a study to its results: what is planned and not stored yet goes to an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.designs.planner import Planner
from ablations.running.feasibility import estimate, infeasible, measured
from ablations.running.trial import forget, measure_trial, run_trial
from ablations.running.trial_queue import run_trials
from ablations.store import Store
from ablations.study import Study
from ablations.study.settings import StudyError, check_known
from cnnzoo.engine import (
    ENGINES,
    ChangedStateError,
    Engine,
    EngineError,
    Limits,
    WorkerSetup,
    start_engine,
)
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.runtime.interrupts import interruptible
from cnnzoo.runtime.keras_backend import refusal_of_backend
from cnnzoo.signature import refuse_unknown

if TYPE_CHECKING:
    import pandas as pd

    from ablations.results import Results


DIRECTORY = Path("studies")
"""Where studies live unless told otherwise, each in a folder of its name."""

SETUP = WorkerSetup(
    preload=("cnnzoo.engine.lean_keras", "cnnzoo.training.train", "ablations.running.trial"),
    prepare=fix_arithmetic,
    changed_state=attrgetter("unrestored"),
)
"""How worker processes for trials are prepared."""


@refuse_unknown
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
        ``macs`` (multiplications of a forward pass; missing where ``cnnzoo.describe`` cannot tell
        those of a layer), ``seconds`` (a rough estimate of the training on one core),
        ``infeasible`` (why it cannot be built; empty if it can) and
        ``key``. Where the design or the seeds depend on results, the trials to begin with.

    Raises
    ------
    StudyError, ToggleError
        If the study cannot be run as declared, or Keras's backend is not TensorFlow.

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
    import pandas as pd

    _check_backend()
    planner = Planner.of(study)
    forget()
    with _started(_engine_for(study, engine), workers=workers) as running:
        measure = partial(run_trials, running, measure_trial)
        costs = measured(planner, planner.layout.variants, measure)
    rows = []
    for row, trial in planner.rows(planner.layout.variants, {}, infeasible(costs)):
        cost = costs.get(row.variant)
        known = {"params": cost.params, "macs": cost.macs} if cost else {}
        rows.append({**vars(row), **known, "seconds": estimate(cost, trial)})
    columns = ["variant", "factor", "level", "baseline", "seed", "params", "macs", "seconds"]
    return pd.DataFrame(rows, dtype=object)[[*columns, "infeasible", "key"]].infer_objects()


@refuse_unknown
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

    Interrupted once (Ctrl-C), it ends after the running trials, which `Results.interrupted` tells;
    twice, or while no trial runs, at once with a KeyboardInterrupt. Run again, it goes on where it
    was.

    Parameters
    ----------
    study
        The study.
    directory
        Where its results are and go; ``studies/NAME`` if left out.
    workers
        Trials at a time. If left out, one a GPU or, without any, as many as cores and memory
        allow. Models as small as the zoo's train faster with several workers on a GPU. The results
        do not depend on it.
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
        Before any training: if the study cannot be run as declared, the directory holds another
        one or is being written to, or Keras's backend is not TensorFlow.
    """
    _check_backend()
    planner = Planner.of(study)
    directory = place_of(study, directory)
    forget()
    limits: dict[str, Any] = {
        "workers": workers,
        "timeout": study.timeout,
        "retries": study.retries,
        "renew_after": renew_after,
        "log": directory / "workers.log",
    }
    with (
        _started(_engine_for(study, engine), **limits) as running,
        Store(directory, write=True) as store,
    ):
        _check_same_study(store.spec, study, directory)
        if store.spec is None:  # so there is something to do
            running.load()
        # beside TensorFlow, for what tells of results takes long to load too
        from ablations.results import open_results
        from ablations.running.progress import Progress
        from ablations.running.rounds import Rounds

        with (
            Progress(study, shown=progress) as shown,
            interruptible(shown.say) as interruption,
        ):
            for said in _of_the_engine(study, running.name, engine):
                shown.say(said)
            shown.say_briefly("checking the study")
            rounds = Rounds(
                planner,
                store,
                shown,
                measure=partial(run_trials, running, measure_trial),
                train=partial(run_trials, running, partial(run_trial, report_to=shown.folder)),
                retry_failed=retry_failed,
            )
            interrupted = rounds.run(interruption)
    results = open_results(directory)
    results.interrupted, results.stop_asked = interrupted, interruption.asked()
    return results


@contextmanager
def _started(name: str, **limits: Any) -> Iterator[Engine]:
    """Yield an engine for trials, and turn its errors into errors of the study."""
    check_known(name, list(ENGINES), "There is no engine")
    try:
        with start_engine(name, Limits(**limits), SETUP) as engine:
            yield engine
    except EngineError as error:
        raise StudyError(str(error)) from None
    except ChangedStateError as error:
        raise StudyError(
            "A trial changed global state that cannot be restored: "
            f"{', '.join(error.changed_state)}. The next trials in this process would depend on "
            "it. Run the study with engine='processes', which replaces the process, or change the "
            "builder."
        ) from None


def _check_backend() -> None:
    refusal = refusal_of_backend("Studies")
    if refusal:
        raise StudyError(refusal)


def place_of(study: Study, directory: Any) -> Path:
    """Return where a study's results are and go.

    Raises
    ------
    StudyError
        If what was given is no path.
    """
    if directory is None:
        return DIRECTORY / study.name
    if not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
        raise StudyError(f"`directory` of `run` must be a path; got {directory!r}.")
    return Path(directory)


def _engine_for(study: Study, engine: str) -> str:
    """Return the engine, or the one for a builder that other processes cannot import."""
    return "serial" if study.model_name.startswith("__main__:") else engine


def _of_the_engine(study: Study, name: str, asked: str) -> Iterator[str]:
    """Say what the engine does otherwise than was asked."""
    if name != asked:
        yield f"{study.model} is defined in the program itself: one trial after the other."
    if study.timeout and name == "serial":
        yield (
            f"The engine serial has no process to end: the timeout of {study.timeout:g} s and "
            "the retries do not apply."
        )


def _check_same_study(spec: Mapping[str, Any] | None, study: Study, directory: Path) -> None:
    if spec is None:
        return
    for name in ("model", "data", "design"):
        if spec[name] != getattr(study, name):
            raise StudyError(
                f"{directory} holds a study with {name} {spec[name]!r}; this one has "
                f"{getattr(study, name)!r}. Give another directory."
            )
