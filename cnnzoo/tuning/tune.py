"""`tune`: search the toggles of a model in one call."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnzoo.engine import (
    ChangedStateError,
    EngineError,
    Limits,
    WorkerSetup,
    check_engine,
    start_engine,
)
from cnnzoo.engine.forkserver import preload
from cnnzoo.engine.interface import do_nothing
from cnnzoo.engine.shipping import Parcel, ship
from cnnzoo.runtime.code_version import own_modules, trial_versions
from cnnzoo.runtime.console import say
from cnnzoo.runtime.interrupts import lost_interruptions
from cnnzoo.runtime.keras_backend import refusal_of_backend
from cnnzoo.toggle import Toggle, ToggleError
from cnnzoo.training.metric_texts import read_requested, requested
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.records import SearchError
from cnnzoo.tuning.space import Search, keywords_of, make_space

if TYPE_CHECKING:
    from cnnzoo.data import Data
    from cnnzoo.tuning.hypermodel import ZooHyperModel
    from cnnzoo.tuning.reading.results import SearchResults
    from cnnzoo.tuning.trainer import Plan, Trainer

PRELOADED = ("cnnzoo.engine.lean_keras", "cnnzoo.tuning.trainer")
"""Modules that workers have loaded when they start."""

CHIEF = "KERASTUNER_TUNER_ID"
"""Environment variable that makes a process one of KerasTuner's own chief and workers."""


def tune(
    model: Any,
    data: Any,
    search: Search = None,
    *,
    tuner: Any = "random",
    objective: Any = None,
    metrics: Any = (),
    trials: int | None = None,
    seeds: int = 1,
    recipe: Recipe | None = None,
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    cpus: float = 1,
    gpus: float | None = None,
    directory: str | Path | None = None,
    seed: int = 0,
    checkpoints: bool = False,
    progress: bool = True,
    **fixed: Any,
) -> SearchResults:
    """Search the toggles of a model, its recipe and its data with KerasTuner.

    Call it again with the same arguments to resume an interrupted or killed search, or with more
    `trials` to extend it. A configuration that is refused, fails or gives no number is a trial with
    a reason, and the search continues. A search that was begun with other code, packages, arguments
    or loaded weights is not resumed, because its scores would not compare.

    The loaded weights are those that a custom builder, or ``transfer`` with `weights`, loads or
    sets at the default levels. To find them, each call builds the model once before it trains.
    Weights that are loaded only at other levels are not checked.

    Parameters
    ----------
    model
        A name of the zoo; a function that builds, or an object with a method ``build`` and perhaps
        a ``fit(model, data, seed)``; a ``build(hp)`` or ``keras_tuner.HyperModel``, whose
        hyperparameters are all searched (those that a plain ``if`` hides, once a trial reaches
        them); or the result of `cnnzoo.hypermodel`, which has its own search, recipe and fixed
        levels.
    data
        Data from `cnnzoo.load_data`, or what it loads. In the latter case each seed has its own
        splits, and toggles of the data can be searched.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple (low, high). By default, all toggles of the
        model that list their levels or have a range, except the loss and those that depend on
        it, because scores of different losses do not compare.
    tuner
        What proposes configurations: "random", "grid", "bayesian", "hyperband", or a Tuner of
        KerasTuner, class or instance (which is not changed). Hyperband trains at most the epochs of
        the recipe (an instance its own ``max_epochs``), each trial from the beginning.
    objective
        A metric of `cnnzoo.evaluate` on the validation data, such as "val_loss", "val_macro_f1" or
        "val_rmse"; or with a direction, ``("val_loss", "min")``; or any of `metrics`. By default,
        that of a Tuner instance, else "val_accuracy", or "val_rmse" for a regression and "val_loss"
        for several outputs.
    metrics
        Further metrics on the validation data, as in `cnnzoo.train`, such as "recall[cat]".
    trials
        Maximum number of trials. By default, a grid is searched to its end, Hyperband goes through
        its brackets once, and the others make 20.
    seeds
        Number of seeds that each configuration is trained with, from `seed` on. Its score is the
        mean.
    recipe
        How to train; ``Recipe()`` by default.
    workers
        Number of trials to train in parallel, each with one thread; 1 by default, and with Ray as
        many as there is room for. With several workers, the proposals of "bayesian" and
        "hyperband" depend on the order in which trials end.
    engine
        Where the trials train: "serial", in this process, by default with one worker; "processes",
        in worker processes, which share the GPUs in turn, by default with several; or "ray", in
        worker processes on the machines of a Ray cluster (extra ``ray``).
    address
        Address of a Ray cluster that this machine has joined, such as "192.0.2.7:6379"; "auto"
        finds it. If left out, the engine "ray" starts a Ray of its own on this machine.
    cpus, gpus
        Cores and GPUs that a trial is given by Ray; a fraction of a GPU if several trials share
        one. By default 1 core, and 1 GPU if there are any.
    directory
        Directory of the search; ``searches/MODEL`` by default. It must be new or hold this search.
    seed
        Seed of the proposals, and first seed to train with. 0 is a seed like any other.
    checkpoints
        Whether to save each trained model, as ``seed0.keras`` in the folder of its trial.
    progress
        Whether to display the progress.
    **fixed
        Fixed levels of toggles, and other arguments of the builder. A toggle of the recipe can be
        fixed here if `recipe` has its default.

    Returns
    -------
    SearchResults

    Raises
    ------
    ToggleError, DataError
        Before training, if an argument or the data is invalid.
    SearchError
        If the directory holds another search, a running one, or one that was begun with other code
        or loaded weights; if Keras's backend is not TensorFlow; or if workers or Ray cannot be
        started.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> results = tune(
    ...     "mlp", "digits", {"units": [8, 16]}, tuner="grid", recipe=Recipe(epochs=1),
    ...     directory=folder.name, progress=False,
    ... )
    >>> results.trials["units"].to_list()
    [8, 16]
    >>> folder.cleanup()
    """
    _check_process()
    count = 1 if workers is None else workers
    _check_counts(trials=1 if trials is None else trials, seeds=seeds, workers=count)
    Toggle("seed", low=0, name="seed", type=int).check(seed, "tune")
    engine = engine or ("processes" if count > 1 else "serial")
    is_serial = engine == "serial"
    with _engine_errors():
        check_engine(engine, address)
        limits = Limits(workers=workers if engine == "ray" else count, cpus=cpus, gpus=gpus)
    if engine == "processes":
        preload(PRELOADED)  # while this process imports Keras too
    from cnnzoo.data.given import outputs_of
    from cnnzoo.data.load import open_once
    from cnnzoo.data.sources import full_spec
    from cnnzoo.runtime.determinism import fix_arithmetic
    from cnnzoo.runtime.isolation import isolated
    from cnnzoo.training.given_metrics import check_on_data
    from cnnzoo.tuning.kerastuner_private import make_resumable
    from cnnzoo.tuning.manifest import begin, check_directory, describe, locked, versions_of
    from cnnzoo.tuning.objective import choose_objective, requested_objective
    from cnnzoo.tuning.oracle import check_epochs, make_oracle
    from cnnzoo.tuning.reading.results import SearchResults
    from cnnzoo.tuning.trainer import Plan, Trainer

    hypermodel = _hypermodel(model, search, recipe, fixed)
    where = Path("searches") / hypermodel.space.owner if directory is None else directory
    place = check_directory(where)
    source = full_spec(data)
    if not isinstance(source, str):
        source = open_once(source, hypermodel.space.held)  # it may be a generator
    described = outputs_of(source)
    outputs = None if described is None else [output.name for output in described]
    objective, further = requested_objective(objective, outputs)
    texts = requested((*read_requested(metrics, outputs), *further))
    if not is_serial:
        _check_shippable(hypermodel)
        how = f"workers={workers}" if engine == "processes" else f"engine={engine!r}"
        _check_importable_metrics(texts, how)
    else:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started and keeps its threads
            fix_arithmetic()
    trainer = Trainer(hypermodel, source, "", texts)
    loaded = _load_data(trainer, source, seed)
    info = loaded.info
    check_on_data(texts, info)
    with isolated() as changed_state:
        hypermodel.check(loaded, seed)
    goal = choose_objective(objective, _objective_of(tuner), info.task, texts, info.outputs)
    trainer.objective = goal.name
    plan = Plan(
        model=hypermodel.model,
        space=hypermodel.space,
        recipe=hypermodel.recipe,
        data=source,
        objective=goal,
        seeds=tuple(range(seed, seed + seeds)),
        directory=place,
        checkpoints=checkpoints,
        metrics=texts,
    )
    if progress:
        for note in info.notes:
            say(f"{info.name}: {note}.")
    epochs = hypermodel.space.complete(plan.recipe, {}).epochs
    oracle = make_oracle(tuner, goal, trials, epochs, seed, hypermodel)
    check_epochs(oracle, hypermodel.space)
    make_resumable(oracle)
    with locked(place), lost_interruptions() as raise_lost:
        versions = versions_of(plan.model, hypermodel.weights, texts)
        begin(place, describe(plan, info, tuner, oracle), versions)
        if is_serial and changed_state:
            raise _changed_state_error(changed_state)
        with _engine_errors():
            running = _Running(engine, limits, address)
            _search(oracle, plan, trainer, running, raise_lost, shown=progress)
    return SearchResults(place)


@dataclass(frozen=True)
class _Running:
    """The engine that a search runs on, its limits and the address of its cluster."""

    engine: str
    limits: Limits
    address: str | None


def _search(
    oracle: Any,
    plan: Plan,
    trainer: Trainer,
    running: _Running,
    raise_lost: Callable[[], None],
    *,
    shown: bool,
) -> None:
    """Run the trials of a search on an engine."""
    from cnnzoo.data.given import kept_folders
    from cnnzoo.tuning.kerastuner_private import open_project
    from cnnzoo.tuning.manifest import PACKAGES, RUN_TRIAL
    from cnnzoo.tuning.progress import SearchProgress
    from cnnzoo.tuning.scheduler import TrialScheduler
    from cnnzoo.tuning.trainer import prepare_worker, run_in_worker

    def stopping() -> bool:
        raise_lost()
        return False

    is_serial = running.engine == "serial"
    log = plan.directory / "workers.log"
    limits = replace(running.limits, log=log)
    sent = plan if is_serial else plan.for_workers()
    setup = WorkerSetup(
        preload=PRELOADED,
        prepare=do_nothing if is_serial else partial(prepare_worker, Parcel(sent).open),
        changed_state=attrgetter("changed_state"),
        versions=partial(trial_versions, RUN_TRIAL, PACKAGES),
        modules=own_modules(),
        folders=kept_folders([sent.data] if isinstance(sent.data, str) else []),
    )
    with (
        _without_warnings(),
        start_engine(running.engine, limits, setup, running.address) as engine,
        SearchProgress(plan.objective, oracle.max_trials, shown=shown) as progress,
    ):
        for note in engine.notes if shown else ():
            say(note)
        open_project(oracle, plan.directory, trainer.hypermodel)
        progress.resume([oracle.trials[name] for name in oracle.end_order])
        scheduler = TrialScheduler(oracle, trainer.hypermodel, plan, progress.report, log)
        try:
            for _ in engine.run(trainer.run if is_serial else run_in_worker, scheduler, stopping):
                pass
        except ChangedStateError as error:
            raise _changed_state_error(error.changed_state) from None


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn errors of an engine into errors of the search."""
    try:
        yield
    except EngineError as error:
        raise SearchError(str(error)) from None


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide warnings of KerasTuner that a user can do nothing about."""
    with warnings.catch_warnings():
        # it asks for its thread's name in a deprecated way
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        # its Bayesian tuner fits a Gaussian process
        warnings.filterwarnings("ignore", message="The optimal value found for dimension")
        yield


def _changed_state_error(changed_state: Sequence[str]) -> SearchError:
    return SearchError(
        f"A trial changed global state that cannot be restored: {', '.join(changed_state)}. The "
        "next trials in this process would depend on it. Resume in a new process with workers=2 "
        "or more, which are replaced, or change the builder."
    )


def _check_process() -> None:
    """Refuse another backend, and KerasTuner's own chief and workers."""
    refusal = refusal_of_backend()
    if refusal:
        raise SearchError(refusal)
    if CHIEF in os.environ:
        raise SearchError(
            f"`tune` runs on one machine, and {CHIEF} is set in the environment. Unset it, or "
            "search with cnnzoo.hypermodel and a tuner of KerasTuner."
        )


def _check_importable_metrics(texts: Sequence[str], how: str) -> None:
    for text in texts:
        if text.startswith("__main__:"):
            raise ToggleError(
                f"`metrics`: expected, with {how}, metrics that worker processes can import; got "
                f"{text}. Define it in a module, or use workers=1."
            )


def _check_shippable(hypermodel: ZooHyperModel) -> None:
    """Raise SearchError if the model or its arguments cannot be sent to worker processes."""
    try:
        ship(partial(type(hypermodel), hypermodel.model, hypermodel.space))
    except EngineError as error:
        raise SearchError(f"`model` with several `workers`: {error}") from error


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        Toggle(name, low=1, name=name, type=int).check(count, "tune")


def _objective_of(tuner: Any) -> Any:
    return getattr(getattr(tuner, "oracle", None), "objective", None)


def _hypermodel(
    model: Any, search: Search, recipe: Recipe | None, fixed: dict[str, Any]
) -> ZooHyperModel:
    """Return the hypermodel to search, validated."""
    from cnnzoo.tuning.hypermodel import ZooHyperModel, make_hypermodel

    if not isinstance(model, ZooHyperModel):
        space = make_space(model, search, recipe, fixed, keywords_of(tune))
        return make_hypermodel(model, space, recipe or Recipe())
    for name, argument in {"search": search, "recipe": recipe, **fixed}.items():
        if argument is not None:
            raise ToggleError(
                f"`{name}` of `tune`: expected none, because `model` is a hypermodel with its own "
                f"search, recipe and fixed levels; got {argument!r}. Give it to cnnzoo.hypermodel."
            )
    return model


def _load_data(trainer: Trainer, data: object, seed: int) -> Data:
    """Load the data, and check that it has all that the search needs."""
    from cnnzoo.data import Data, DataError
    from cnnzoo.data.resizing import SizesError

    space = trainer.hypermodel.space
    data_toggles = [name for name in (*space.searched, *space.held) if name in space.data]
    if isinstance(data, Data) and data_toggles:
        raise ToggleError(
            f"`data` of `tune`: expected what `cnnzoo.load_data` loads, because "
            f"`{data_toggles[0]}` is a toggle of the data; got loaded data."
        )
    try:
        loaded = trainer.load({}, seed)
    except SizesError:
        sizes = space.searched.get("image_size")
        if sizes is None or not sizes.levels:
            raise
        loaded = trainer.load({"image_size": sizes.levels[0]}, seed)
    if not len(loaded.validation.x):
        raise DataError(
            "`data` of `tune`: expected data with a validation split, which gives the scores; got "
            f"{loaded.info.name!r} without one. Load it with validation=0.1."
        )
    return loaded
