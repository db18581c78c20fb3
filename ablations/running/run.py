"""Plan and run studies: the planned trials without a result are run on an engine."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.designs.planner import Planner
from ablations.running.expected_time import expected_times, stored_results
from ablations.running.feasibility import infeasible, measured
from ablations.running.past_times import PastTimes
from ablations.running.trial import (
    draw_trial,
    forget,
    measure_trial,
    prepare_worker,
    run_trial,
)
from ablations.running.trial_queue import run_trials
from ablations.store import Store
from ablations.store.provenance import PACKAGES, RUN_TRIAL
from ablations.study import Study
from ablations.study.checks import LIST, PART_DESIGNS
from ablations.study.errors import StudyError, check_known
from cnnzoo.data.given import kept_folders
from cnnzoo.engine import (
    ENGINES,
    ChangedStateError,
    Engine,
    EngineError,
    Limits,
    WorkerSetup,
    start_engine,
)
from cnnzoo.engine.resources import default_workers
from cnnzoo.engine.shipping import Parcel
from cnnzoo.model_paths import builders_to_send
from cnnzoo.runtime.code_version import own_modules, trial_versions
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.runtime.interrupts import interruptible
from cnnzoo.runtime.keras_backend import refusal_of_backend
from cnnzoo.signature import refuse_unknown
from cnnzoo.training.custom_metrics import metrics_to_send

if TYPE_CHECKING:
    import pandas as pd

    from ablations.results import Results


DIRECTORY = Path("studies")
"""Default folder of studies, each in a folder of its name."""

SETUP = WorkerSetup(
    preload=("cnnzoo.engine.lean_keras", "cnnzoo.training.train", "ablations.running.trial"),
    prepare=fix_arithmetic,
    changed_state=attrgetter("unrestored"),
    versions=partial(trial_versions, RUN_TRIAL, PACKAGES),
)
"""How worker processes for trials are prepared."""


@refuse_unknown
def plan(
    study: Study,
    directory: str | Path | None = None,
    *,
    workers: int | None = None,
    engine: str = "processes",
    address: str | None = None,
    measure: bool = False,
) -> pd.DataFrame:
    """Check a study and list its trials with their expected time, before the run.

    Parameters
    ----------
    study
        The study.
    directory
        As for `run`. Results that are stored there tell how long trials take.
    workers, engine, address
        As for `run`; they build the variants' models.
    measure
        Whether to train the first trial of the baseline, to measure its time. Its result is not
        stored. By default nothing is trained.

    Returns
    -------
    pandas.DataFrame
        One row per trial: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``params``,
        ``macs`` (multiply-accumulates of a forward pass; missing if those of a layer are
        unknown), ``seconds`` that the trial is expected to take, ``seconds_from`` (what they are
        from, see below), ``infeasible`` (why it cannot be built; empty if it can), ``status``
        ("done" or "failed" if a result is stored, which counts as long as the code, the packages
        and the data are unchanged) and ``key``; with several data sets also ``data``. If the
        design or the seeds depend on results, only the first trials.

        ``seconds_from`` is "trials of the variant", stored or measured ones; "earlier runs of the
        variant" in any study on this machine; "other trials" of the study or "earlier runs of the
        model" on the same data, scaled by the multiply-accumulates; or "multiply-accumulates" and
        a typical speed of one core, which is a rough estimate.

    Raises
    ------
    StudyError, ToggleError
        If the study cannot be run as declared, or Keras's backend cannot train.

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
    study = _complete(study)
    planner = Planner.of(study)
    study.keep_data()
    forget()
    stored = stored_results(place_of(study, directory))
    with _started(study, engine, address, workers=workers) as running:
        costs = measured(
            planner, planner.layout.variants, partial(run_trials, running, measure_trial)
        )
        rows = planner.rows(planner.layout.variants, {}, infeasible(costs))
        statuses = stored.statuses
        first = [trial for row, trial in rows if measure and not row.infeasible][:1]
        for result in run_trials(running, run_trial, first):
            stored.add(result)
    times = expected_times(rows, costs, stored, PastTimes.stored())
    names = ["variant", "factor", "level", "baseline", "seed"]
    if len(study.data_sets) > 1:
        names.insert(4, "data")
    columns: dict[str, list[object]] = {
        name: [getattr(row, name) for row, _ in rows] for name in names
    }
    for name in ("params", "macs"):
        known = {label: getattr(cost, name) for label, cost in costs.items()}
        columns[name] = [known.get(row.label, math.nan) for row, _ in rows]
    for name in ("seconds", "seconds_from"):
        columns[name] = [getattr(times[row.key], name) for row, _ in rows]
    columns["infeasible"] = [row.infeasible for row, _ in rows]
    columns["status"] = [statuses.get(row.key, "") for row, _ in rows]
    columns["key"] = [row.key for row, _ in rows]
    return pd.DataFrame(columns, dtype=object).infer_objects()


@refuse_unknown
def run(
    study: Study,
    directory: str | Path | None = None,
    *,
    workers: int | None = None,
    engine: str = "processes",
    address: str | None = None,
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
        Number of trials to run in parallel. If left out, as many as GPUs or, without a GPU, cores
        and memory allow with the study's `cpus` and `gpus`. Models as small as the zoo's train
        faster with several workers on one GPU. The results do not depend on it.
    engine
        Where the trials run: "processes", in worker processes; "ray", in worker processes on the
        machines of a Ray cluster (extra ``ray``); or "serial", in this process, one after the
        other, without the study's `timeout` and `retries`. Workers are sent a builder that is
        defined in the program or the notebook itself.
    address
        Address of a Ray cluster that this machine has joined, such as "192.0.2.7:6379"; "auto"
        finds it. If left out, the engine "ray" starts a Ray of its own on this machine.
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
        study or is in use, or Keras's backend cannot train.
    """
    _check_backend()
    study = _complete(study)
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
        _started(study, engine, address, **limits) as running,
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
            for note in (*running.notes, *_engine_notes(study, running.name)):
                shown.say(note)
            shown.show_status("checking the study")
            rounds = Rounds(
                planner,
                store,
                shown,
                measure=partial(run_trials, running, measure_trial),
                draw=partial(run_trials, running, draw_trial),
                train=partial(run_trials, running, partial(run_trial, report_to=shown.folder)),
                retry_failed=retry_failed,
                workers=1 if running.name == "serial" else workers or default_workers(),
            )
            interrupted = rounds.run(interruption)
    results = open_results(directory)
    results.interrupted, results.stop_asked = interrupted, interruption.asked()
    return results


def _complete(study: Study) -> Study:
    """Return a study with the factors of its parts."""
    if not isinstance(study, Study) or not study.parts:
        return study
    from ablations.study.parts import with_parts  # which builds the model

    return with_parts(study)


@contextmanager
def _started(study: Study, name: str, address: str | None, **limits: Any) -> Iterator[Engine]:
    """Yield an engine for trials, and turn its errors into errors of the study."""
    check_known(name, list(ENGINES), "There is no engine")
    sent = builders_to_send(study.model_name) | metrics_to_send(study.metrics)
    setup = replace(
        SETUP,
        prepare=partial(prepare_worker, SETUP.prepare, Parcel(sent).open),
        modules=own_modules(),
        folders=kept_folders(study.data_sets),
    )
    limits |= {"cpus": study.cpus, "gpus": study.gpus}
    try:
        with start_engine(name, Limits(**limits), setup, address) as engine:
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
    refusal = refusal_of_backend()
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


def _engine_notes(study: Study, name: str) -> Iterator[str]:
    """Yield sentences on what the engine does not do as asked."""
    if study.timeout and name == "serial":
        yield (
            f"The timeout of {study.timeout:g} s and the retries do not apply, because the engine "
            "serial runs trials in this process."
        )


def _check_same_study(stored: Study | None, study: Study, directory: Path) -> None:
    if stored is None:
        return
    for name in ("model", "data", "design"):
        if name == "design" and _adds_to_list(stored, study):
            continue
        if getattr(stored, name) != getattr(study, name):
            raise StudyError(
                f"`directory`: expected a study with {name} {getattr(study, name)!r}; got "
                f"{directory} with {name} {getattr(stored, name)!r}. Choose another directory."
            )


def _adds_to_list(stored: Study, study: Study) -> bool:
    """Return whether a study of parts keeps all variants of a stored list, its older form."""
    kept = all(changes in study.variants for changes in stored.variants)
    return stored.design == LIST and study.design in PART_DESIGNS and kept
