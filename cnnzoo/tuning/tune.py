"""`tune`: a search in one call."""

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnzoo.builders import check_importable
from cnnzoo.data import Data, DataError
from cnnzoo.data.dataset import DataInfo
from cnnzoo.runtime.console import say, without_advice
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.runtime.interrupts import lost_interruptions
from cnnzoo.runtime.isolation import isolated
from cnnzoo.runtime.keras_backend import refusal_of_backend
from cnnzoo.toggle import Toggle, ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.describing import describe, describe_tuner
from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.hosts import lead_hosts, signs_of_life
from cnnzoo.tuning.hypermodel import ZooHyperModel
from cnnzoo.tuning.objective import choose_objective
from cnnzoo.tuning.oracle import make_safe
from cnnzoo.tuning.own import searched_model
from cnnzoo.tuning.progress import SearchProgress
from cnnzoo.tuning.proposing import check_epochs, make_oracle
from cnnzoo.tuning.reaching import follow_chief
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import SearchError
from cnnzoo.tuning.role import role
from cnnzoo.tuning.versions import versions_of
from cnnzoo.tuning.wanted import Search, keywords_of, make_space
from cnnzoo.tuning.workers import Plan, lead_workers
from cnnzoo.tuning.writing import (
    alone_in,
    begin,
    check_directory,
    check_same,
    end,
    not_over,
    wait_for_chief,
)


def tune(
    model: Any,
    data: Any,
    search: Search = None,
    *,
    tuner: Any = "random",
    objective: Any = None,
    trials: int | None = None,
    seeds: int = 1,
    recipe: Recipe | None = None,
    workers: int = 1,
    directory: str | Path | None = None,
    seed: int = 0,
    checkpoints: bool = False,
    progress: bool = True,
    **fixed: Any,
) -> SearchResults:
    """Search the toggles of a model, its recipe and its data with KerasTuner.

    The same call again goes on where the search was interrupted, however it was, and makes more
    trials if more are asked for. A configuration that is refused, fails or gives no number is a
    trial with its reason, and the search goes on. What was begun with other code, other packages,
    other settings or other loaded weights is refused, for its scores would not compare.

    The loaded weights are those that a builder of your own, or ``transfer`` with a given
    ``weights``, loads or sets at the defaults of what is searched. For that, each call builds it
    once before it trains. Weights that it loads only at other levels are not watched.

    Parameters
    ----------
    model
        A name of the zoo; a builder with annotated parameters; KerasTuner's ``build(hp)`` or a
        ``keras_tuner.HyperModel`` of your own, whose hyperparameters are all searched, those that
        a plain ``if`` hides from the trial on that comes by them; or what `cnnzoo.hypermodel`
        returns, which brings its search, its recipe and what it holds.
    data
        From `cnnzoo.load_data`, or what it loads: then every seed cuts its own splits, and
        toggles of the data can be searched.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple of its ends. If left out, all toggles of
        the model but the loss and what hangs on it: losses are not compared with each other.
    tuner
        "random", "grid", "bayesian", "hyperband", or a Tuner of KerasTuner, class or instance:
        what proposes the configurations, and nothing else; an instance stays as it is. Hyperband
        trains the recipe's epochs at most (an instance its own ``max_epochs``), and each of its
        trials from the start.
    objective
        What `cnnzoo.evaluate` gives for the validation data after training, such as "val_loss",
        "val_macro_f1" or "val_rmse"; with a direction of your own, ``("val_loss", "min")``. If
        left out, that of a Tuner instance, else "val_accuracy", or "val_rmse" for a regression.
    trials
        How many at most. If left out, a grid is searched to its end, Hyperband goes through its
        brackets once, and the others make 20.
    seeds
        With how many seeds, from `seed` on, each configuration is trained; KerasTuner hears the
        mean.
    recipe
        How to train; ``Recipe()`` if left out.
    workers
        Processes to train side by side, each with one thread and one of the GPUs, which they share
        in turn; with 1, this process trains. What
        "bayesian" and "hyperband" propose hangs on which trials have ended by then, and so with
        several workers on their order. Workers ask at a port of this machine's own, which any
        user of it can reach. If KerasTuner's environment variables KERASTUNER_TUNER_ID,
        KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT are set, this process is that chief or
        worker instead; the hosts share the directory, and the trial of a worker that died goes
        to the next that asks, or to itself if it is started again. A worker waits for its chief
        for 10 minutes to begin and for 2 to answer again, or CNNZOO_PATIENCE seconds.
    directory
        Of the search; ``searches/MODEL`` if left out. It must be new or hold this search.
    seed
        Of what is proposed, and the first to train with; 0 is a seed like any other.
    checkpoints
        Whether to save every trained model, as ``seed0.keras`` in its trial's folder.
    progress
        Whether to show how it gets on.
    **fixed
        Levels of toggles that hold, and other arguments of the builder. A toggle of the recipe
        may be held here where `recipe` has it at its default.

    Returns
    -------
    SearchResults

    Raises
    ------
    ToggleError, DataError
        Before training, if a choice or the data cannot be.
    SearchError
        If the directory holds another search, one that runs, or one begun with other code or
        other loaded weights; or if Keras's backend is not TensorFlow.

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
    _check_backend()
    _check_counts(trials=1 if trials is None else trials, seeds=seeds, workers=workers)
    Toggle("seed", low=0, name="seed", type=int).check(seed, "tune")
    part = role()
    hypermodel = _hypermodel(model, search, recipe, fixed)
    where = Path("searches") / hypermodel.space.owner if directory is None else directory
    place = check_directory(where)
    if part == "chief":
        not_over(place)  # before it loads the data, for workers may come meanwhile
    if workers > 1:
        check_importable(hypermodel.model, workers, hypermodel.space)
    if part == "worker":
        _compute_as_workers_do()  # before a look at data and model starts TensorFlow
    elif workers == 1:
        with contextlib.suppress(RuntimeError):  # TensorFlow keeps the threads it has
            fix_arithmetic()
    trainer = Trainer(hypermodel, data, "")
    info = _check_data(trainer, data, seed)
    goal = choose_objective(objective, _objective_of(tuner), info.task)
    trainer.objective = goal.name
    plan = Plan(
        model=hypermodel.model,
        space=hypermodel.space,
        recipe=hypermodel.recipe,
        data=data,
        objective=goal,
        seeds=tuple(range(seed, seed + seeds)),
        directory=place,
        checkpoints=checkpoints,
    )
    described = describe(plan, hypermodel, info)
    versions = versions_of(plan.model, hypermodel.weights)
    if part == "worker":
        tell = say if progress else _say_nothing
        wait_for_chief(place, tell)
        check_same(place, described, versions)
        with signs_of_life(place, os.environ["KERASTUNER_TUNER_ID"]):
            follow_chief(plan, tell)
        return SearchResults(place)
    if progress:
        for note in info.notes:
            say(f"{info.name}: {note}.")
    epochs = hypermodel.space.complete(plan.recipe, {}).epochs
    oracle = make_oracle(tuner, goal, trials, epochs, seed, hypermodel)
    check_epochs(oracle, hypermodel.space)
    with alone_in(place), lost_interruptions() as raise_lost:
        begin(place, {**described, **describe_tuner(tuner, oracle)}, versions)
        make_safe(oracle, [*hypermodel.space.searched.values()], patient=part == "chief")
        _search(oracle, plan, trainer, workers, raise_lost, shown=progress, chief=part == "chief")
        if part == "chief":
            end(place)
    return SearchResults(place)


def _say_nothing(line: str) -> None:
    pass


def _compute_as_workers_do() -> None:
    try:
        fix_arithmetic()
    except RuntimeError as error:
        raise SearchError(
            "This process is a worker of a search over hosts, which trains on one thread, and "
            "TensorFlow has computed in it on several before `tune` was called. Call `tune` before "
            "anything that builds a model."
        ) from error


def _objective_of(tuner: Any) -> Any:
    return getattr(getattr(tuner, "oracle", None), "objective", None)


def _hypermodel(
    model: Any, search: Search, recipe: Recipe | None, fixed: dict[str, Any]
) -> ZooHyperModel:
    """Return what is to be trained, checked."""
    if not isinstance(model, ZooHyperModel):
        space = make_space(model, search, recipe, fixed, keywords_of(tune))
        return searched_model(model, space, recipe or Recipe())
    for name, given in {"search": search, "recipe": recipe, **fixed}.items():
        if given is not None:
            raise ToggleError(
                f"`model` of `tune` is a hypermodel, which has its own search, recipe and held "
                f"toggles; give `{name}` to cnnzoo.hypermodel."
            )
    return model


def _search(
    oracle: Any,
    plan: Plan,
    trainer: Trainer,
    workers: int,
    raise_lost: Callable[[], None],
    *,
    shown: bool,
    chief: bool,
) -> None:
    """Make the trials, as chief or alone."""
    with contextlib.redirect_stdout(None):  # where KerasTuner says that it reloads
        tuner = plan.tuner(oracle, trainer)
    tuner.save()
    with (
        warnings.catch_warnings(),
        SearchProgress(plan.objective, oracle.max_trials, shown=shown) as progress,
    ):
        # KerasTuner asks for its threads' names in a way that Python has given up
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        # of the Bayesian tuner's own model, about which there is nothing that a user could do
        warnings.filterwarnings("ignore", message="The optimal value found for dimension")
        progress.resume([oracle.trials[name] for name in oracle.end_order])
        oracle.report = progress.report
        if chief:
            lead_hosts(oracle, plan, progress.say, raise_lost)
        elif workers > 1:
            lead_workers(oracle, plan, workers, raise_lost)
        else:
            with without_advice():
                tuner.search(after_each=raise_lost)
    if oracle.broken is not None:
        raise oracle.broken


def _check_backend() -> None:
    refusal = refusal_of_backend("Searches")
    if refusal:
        raise SearchError(refusal)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        Toggle(name, low=1, name=name, type=int).check(count, "tune")


def _check_data(trainer: Trainer, data: object, seed: int) -> DataInfo:
    """Load the data once, to see that there is what a search needs."""
    space = trainer.hypermodel.space
    named = [name for name in (*space.searched, *space.held) if name in space.data]
    if isinstance(data, Data) and named:
        raise ToggleError(
            f"`{named[0]}` is a toggle of the data, and `data` of `tune` is loaded already; give "
            "what `cnnzoo.load_data` loads."
        )
    loaded = trainer.load({}, seed)
    if not len(loaded.validation.x):
        raise DataError(
            f"`tune` scores on the validation data, and {loaded.info.name!r} has none. Load it "
            "with validation=0.1."
        )
    with isolated() as trainer.unrestored:
        trainer.hypermodel.check(loaded, seed)
    return loaded.info
