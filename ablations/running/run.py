"""Plan and run studies: the planned trials without a result are run on an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
from ablations.study.errors import StudyError, check_known
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
"""Default folder of studies, each in a folder of its name."""

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
        As for `run`; they build the variants' models.

    Returns
    -------
    pandas.DataFrame
        One row per trial: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``params``,
        ``macs`` (multiply-accumulates of a forward pass; missing if those of a layer are
        unknown), ``seconds`` (a rough estimate of the training on one core), ``infeasible`` (why
        it cannot be built; empty if it can) and ``key``; with several data sets also ``data``.
        If the design or the seeds depend on results, only the first trials.

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
    study.keep_data()
    forget()
    with _started(_engine_for(study, engine), workers=workers) as running:
        measure = partial(run_trials, running, measure_trial)
        costs = measured(planner, planner.layout.variants, measure)
    rows = []
    for row, trial in planner.rows(planner.layout.variants, {}, infeasible(costs)):
        cost = costs.get(row.label)
        known = {"params": cost.params, "macs": cost.macs} if cost else {}
        rows.append({**vars(row), **known, "seconds": estimate(cost, trial)})
    columns = ["variant", "factor", "level", "baseline", "seed", "params", "macs", "seconds"]
    if len(study.data_sets) > 1:
        columns.insert(4, "data")
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
    """Run the planned trials of a study that have no result yet.

    The first Ctrl-C stops the run after the running trials, and `Results.interrupted` is true. A
    second one, or one while no trial runs, stops at once with a KeyboardInterrupt. Run the study
    again to resume.

    Parameters
    ----------
    study
        The study.
    directory
        Directory of its results; ``studies/NAME`` if left out.
    workers
        Number of trials to run in parallel. If left out, one per GPU or, without a GPU, as many as
        cores and memory allow. Models as small as the zoo's train faster with several workers on
        one GPU. The results do not depend on it.
    engine
        Where the trials run: "processes", in worker processes; or "serial", in this process, one
        after the other, without the study's `timeout` and `retries`. A builder that is defined in
        the program itself always runs on the serial engine.
    retry_failed
        Whether to retry trials that failed, and variants that could not be built, in an earlier
        run.
    renew_after
        Number of trials after which a worker is replaced by a fresh one; 0 for never.
    progress
        Whether to show progress.

    Returns
    -------
    Results

    Raises
    ------
    StudyError, ToggleError
        Before any training, if the study cannot be run as declared, the directory holds another
        study or is in use, or Keras's backend is not TensorFlow.
    """
    _check_backend()
    planner = Planner.of(study)
    study.keep_data()
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
        _check_same_study(store.study, study, directory)
        if store.study is None:  # there are trials to do
            running.load()
        # imported while TensorFlow loads in the workers, because it takes long too
        from ablations.results import open_results
        from ablations.running.progress import StudyProgress
        from ablations.running.rounds import Rounds

        with (
            StudyProgress(study, shown=progress) as shown,
            interruptible(shown.say) as interruption,
        ):
            for note in _engine_notes(study, running.name, engine):
                shown.say(note)
            shown.show_status("checking the study")
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


def place_of(study: Study, directory: object) -> Path:
    """Return the directory of a study's results.

    Raises
    ------
    StudyError
        If `directory` is not a path.
    """
    if directory is None:
        return DIRECTORY / study.name
    if not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
        raise StudyError(f"`directory`: expected a path; got {directory!r}.")
    return Path(directory)


def _engine_for(study: Study, engine: str) -> str:
    """Return the engine, or the serial one if other processes cannot import the builder."""
    return "serial" if study.model_name.startswith("__main__:") else engine


def _engine_notes(study: Study, name: str, asked: str) -> Iterator[str]:
    """Yield sentences on what the engine does not do as asked."""
    if name != asked:
        yield f"Trials run one after the other, because the program itself defines {study.model}."
    if study.timeout and name == "serial":
        yield (
            f"The timeout of {study.timeout:g} s and the retries do not apply, because the engine "
            "serial runs trials in this process."
        )


def _check_same_study(stored: Study | None, study: Study, directory: Path) -> None:
    for name in ("model", "data", "design"):
        if stored is not None and getattr(stored, name) != getattr(study, name):
            raise StudyError(
                f"`directory`: expected a study with {name} {getattr(study, name)!r}; got "
                f"{directory} with {name} {getattr(stored, name)!r}. Choose another directory."
            )
