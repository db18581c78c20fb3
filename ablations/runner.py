"""From a study to its results: what is planned and not stored yet goes to an engine."""

import platform
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.designs import get_design
from ablations.engines import get_engine
from ablations.engines.limits import Limits
from ablations.progress import Progress
from ablations.results import Results, open_results
from ablations.settings import Settings, StudyError
from ablations.space import Space
from ablations.store import Planned, Store
from ablations.study import Study, Trial, Variant
from ablations.trial import run_trial
from cnnzoo.data import load_data
from cnnzoo.toggle import ToggleError

DIRECTORY = Path("studies")
"""Where studies live unless told otherwise, each in a folder of its name."""


def plan(study: Study) -> pd.DataFrame:
    """Check a study and list its trials, training nothing.

    Parameters
    ----------
    study
        The study.

    Returns
    -------
    pandas.DataFrame
        A row a trial: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``key``, and
        ``infeasible``, why it cannot be built (empty if it can).

    Raises
    ------
    StudyError, ToggleError
        If the study cannot be run as declared.

    Examples
    --------
    >>> study = Study("downsampling", factors={"pool_size": [1, 2]}, seeds=2)
    >>> plan(study)[["variant", "seed"]].values.tolist()
    [['baseline', 0], ['baseline', 1], ['pool_size=1', 0], ['pool_size=1', 1]]
    """
    return pd.DataFrame([vars(row) for row, _ in _planned(study)]).drop(columns="changes")


def run(
    study: Study,
    directory: str | Path | None = None,
    *,
    workers: int | None = None,
    engine: str = "processes",
    progress: bool = True,
) -> Results:
    """Run what a study plans and its directory does not hold yet.

    Interrupted once (Ctrl-C), it ends after the trial at hand; twice, at once. Run again, it goes
    on where it was.

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
        What runs the trials: see `ablations.engines.ENGINES`.
    progress
        Whether to show it.

    Returns
    -------
    Results

    Raises
    ------
    StudyError, ToggleError, DataError
        Before any training: if the study cannot be run as declared, or the directory holds
        another one or is being written to.
    """
    planned = _planned(study)
    run_engine = get_engine(engine)
    directory = Path(directory) if directory is not None else DIRECTORY / study.name
    data = load_data(study.data, seed=study.seed_blocks[0])
    context = _context(data.info.fingerprint)
    with Store(directory, write=True) as store:
        _check_same_study(store.spec, study, directory)
        others = [known for known in store.contexts() if known != context]
        store.begin(study.to_dict(), context, [row for row, _ in planned])
        stored = store.results(context)
        trials = {
            trial.key: trial
            for row, trial in planned
            if not row.infeasible and row.key not in stored
        }
        machine = _machine()
        with Progress(len(trials), shown=progress) as shown, _interruptible(shown) as stopping:
            if others:
                shown.say(_difference(others[-1], context))
            for result in run_engine(
                partial(run_trial, report_to=shown.folder),
                list(trials.values()),
                stopping=stopping,
                limits=Limits(workers=workers),
            ):
                store.add(result, context, machine)
                shown.ended(result)
    return open_results(directory)


def _planned(study: Study) -> list[tuple[Planned, Trial]]:
    """Work out the trials, after checking all that signatures tell."""
    space = Space.of(study.model_name)
    layout = get_design(study.design)(space.factors(study), space.baseline(study))
    planned = []
    for variant in layout.variants:
        levels = {**layout.baseline, **variant.changes}
        for seed in study.seed_blocks:
            trial = space.trial(study, levels, seed)
            try:
                space.check(trial)
                infeasible = ""
            except ToggleError as error:
                infeasible = str(error)
            planned.append((_row(variant, layout.baseline, seed, trial.key, infeasible), trial))
    return planned


def _row(variant: Variant, baseline: Settings, seed: int, key: str, infeasible: str) -> Planned:
    changes = dict(variant.changes)
    if len(changes) == 1:
        (factor, level), own = next(iter(changes.items())), baseline[next(iter(changes))]
    else:
        factor = " + ".join(changes) or None  # type: ignore[assignment]
        level = " + ".join(str(level) for level in changes.values()) or None  # type: ignore[assignment]
        own = " + ".join(str(baseline[name]) for name in changes) or None  # type: ignore[assignment]
    return Planned(variant.name, changes, factor, level, own, seed, key, infeasible)


def _check_same_study(spec: Mapping[str, Any] | None, study: Study, directory: Path) -> None:
    if spec is None:
        return
    for name in ("model", "data", "design"):
        if spec[name] != getattr(study, name):
            raise StudyError(
                f"{directory} holds a study with {name} {spec[name]!r}; this one has "
                f"{getattr(study, name)!r}. Give another directory."
            )


def _context(fingerprint: str) -> dict[str, str]:
    """Return what a result depends on besides its trial."""
    packages = ("cnnzoo", "keras", "tensorflow", "numpy")
    return {**{name: _version(name) for name in packages}, "data": fingerprint}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "system": platform.platform()}


def _difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    changed = [
        f"{name} from {before.get(name)} to {now[name]}"
        for name in now
        if before.get(name) != now[name]
    ]
    return f"Not reusing earlier results, since what they depend on changed: {'; '.join(changed)}."


@contextmanager
def _interruptible(shown: Progress) -> Iterator[Callable[[], bool]]:
    """Turn a first Ctrl-C into a wish to stop, and a second one into an interruption."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(*_: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        shown.say("Stopping after the running trials; Ctrl-C again stops at once.")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


__all__: Sequence[str] = ["DIRECTORY", "plan", "run"]
