"""`tune`: a search in one call."""

import contextlib
import inspect
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnzoo.data import Data, DataError
from cnnzoo.data.dataset import DataInfo
from cnnzoo.processes import fix_arithmetic
from cnnzoo.recipe import Recipe
from cnnzoo.toggle import Toggle, ToggleError
from cnnzoo.tuning.execution import Trainer
from cnnzoo.tuning.hypermodel import ZooHyperModel
from cnnzoo.tuning.objective import read_objective
from cnnzoo.tuning.oracle import make_oracle, make_safe
from cnnzoo.tuning.progress import Progress
from cnnzoo.tuning.results import SearchResults
from cnnzoo.tuning.wanted import Search, make_space
from cnnzoo.tuning.workers import Plan, follow, lead_hosts, lead_workers, role
from cnnzoo.tuning.writing import alone_in, begin

PACKAGES = ("cnnzoo", "keras", "keras-tuner", "tensorflow", "numpy")


def tune(
    model: str | Callable[..., Any],
    data: Any,
    search: Search = None,
    *,
    tuner: Any = "random",
    objective: Any = "val_accuracy",
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
    trial with its reason, and the search goes on.

    Parameters
    ----------
    model
        A name of the zoo, or a builder with annotated parameters.
    data
        From `cnnzoo.load_data`, or what it loads: then every seed cuts its own splits, and
        toggles of the data can be searched.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple of its ends. If left out, all toggles of
        the model but the loss and what hangs on it: losses are not compared with each other.
    tuner
        "random", "grid", "bayesian", "hyperband", or a Tuner of KerasTuner, class or instance:
        what proposes the configurations. Hyperband trains the recipe's epochs at most, and each
        of its trials from the start.
    objective
        What `cnnzoo.evaluate` gives for the validation data after training, such as "val_loss",
        "val_macro_f1" or "val_rmse"; with a direction of your own, ``("val_loss", "min")``.
    trials
        How many at most. If left out, a grid is searched to its end, Hyperband goes through its
        brackets once, and the others make 20.
    seeds
        With how many seeds, from `seed` on, each configuration is trained; KerasTuner hears the
        mean.
    recipe
        How to train; ``Recipe()`` if left out.
    workers
        Processes to train side by side, each with one thread; with 1, this process trains. If
        KerasTuner's environment variables KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
        KERASTUNER_ORACLE_PORT are set, this process is that chief or worker instead; the hosts
        share the directory, and a worker that died is started again under its name.
    directory
        Of the search; ``searches/MODEL`` if left out.
    seed
        Of what is proposed, and the first to train with; 0 is a seed like any other.
    checkpoints
        Whether to save every trained model, as ``seed0.keras`` in its trial's folder.
    progress
        Whether to show how it gets on.
    **fixed
        Levels of toggles that hold, and other arguments of the builder.

    Returns
    -------
    SearchResults

    Raises
    ------
    ToggleError, DataError
        Before training, if a choice or the data cannot be.
    SearchError
        If the directory holds another search, or one that runs.

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
    recipe = recipe or Recipe()
    hypermodel = ZooHyperModel(model, make_space(model, search, recipe, fixed), recipe)
    _check_counts(trials=1 if trials is None else trials, seeds=seeds, workers=workers)
    Toggle("seed", low=0, name="seed", type=int).check(seed, "tune")
    trainer = Trainer(hypermodel, data, "")
    info = _check_data(trainer, data, seed)
    goal = read_objective(objective, info.task)
    trainer.objective = goal.name
    plan = Plan(
        model=model,
        search=search,
        recipe=recipe,
        fixed=fixed,
        data=data,
        objective=goal,
        seeds=tuple(range(seed, seed + seeds)),
        directory=Path(directory or Path("searches") / hypermodel.space.owner).resolve(),
        checkpoints=checkpoints,
    )
    if role() == "worker":
        follow(plan)
        return SearchResults(plan.directory)
    if workers > 1:
        _check_importable(model, workers)
    oracle = make_oracle(tuner, goal, trials, recipe.epochs, seed, hypermodel)
    with alone_in(plan.directory):
        begin(plan.directory, _describe(plan, hypermodel, info, tuner), _versions())
        _search(
            make_safe(oracle, [*hypermodel.space.searched.values()]),
            plan,
            trainer,
            workers,
            shown=progress,
        )
    return SearchResults(plan.directory)


def _search(oracle: Any, plan: Plan, trainer: Trainer, workers: int, *, shown: bool) -> None:
    """Make the trials, as chief or alone."""
    with contextlib.redirect_stdout(None):  # where KerasTuner says that it reloads
        tuner = plan.tuner(oracle, trainer)
    tuner.save()
    with (
        warnings.catch_warnings(),
        Progress(plan.objective, oracle.max_trials, shown=shown) as progress,
    ):
        # KerasTuner asks for its threads' names in a way that Python has given up
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")
        progress.resume([oracle.trials[name] for name in oracle.end_order])
        oracle.report = progress.report
        if role() == "chief":
            lead_hosts(oracle)
        elif workers > 1:
            lead_workers(oracle, plan, workers)
        else:
            with contextlib.suppress(RuntimeError):  # TensorFlow keeps the threads it has
                fix_arithmetic()
            # it advises against tracing a model for each trial
            logging.getLogger("tensorflow").addFilter(_no_advice)
            try:
                tuner.search()
            finally:
                logging.getLogger("tensorflow").removeFilter(_no_advice)
    if oracle.broken is not None:
        raise oracle.broken


def _no_advice(record: logging.LogRecord) -> bool:
    return "retracing" not in str(record.msg)


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
    return loaded.info


def _check_importable(model: Any, workers: int) -> None:
    if isinstance(model, str):
        return
    module, name = getattr(model, "__module__", ""), getattr(model, "__qualname__", "")
    if module == "__main__" or "<" in name or not name:
        raise ToggleError(
            f"With workers={workers}, `model` of `tune` must be a name of the zoo or a function "
            f"that workers can import; got `{name}` of `{module}`."
        )


def _describe(plan: Plan, hypermodel: ZooHyperModel, info: DataInfo, tuner: Any) -> dict[str, Any]:
    """Return what must be the same for a search to go on."""
    space = hypermodel.space
    called = tuner if isinstance(tuner, type | str) else type(tuner)
    return {
        "model": plan.model
        if isinstance(plan.model, str)
        else f"{plan.model.__module__}:{plan.model.__qualname__}",
        "data": plan.data if isinstance(plan.data, str) else "",
        "about_data": str(info),
        **_purpose(plan.model, info),
        "search": [*space.searched],
        "space": space.describe(),
        "fixed": {**space.others, **space.held},
        "recipe": asdict(plan.recipe),
        "objective": asdict(plan.objective),
        "tuner": called if isinstance(called, str) else called.__name__,
        "seeds": [*plan.seeds],
        "fingerprint": info.fingerprint,
    }


def _purpose(model: str | Callable[..., Any], info: DataInfo) -> dict[str, Any]:
    """Return what the data make of the model, as far as its builder takes it."""
    purpose = {"input_shape": [*info.input_shape], "classes": info.classes}
    takes = purpose if isinstance(model, str) else inspect.signature(model).parameters
    return {name: value for name, value in purpose.items() if name in takes}


def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}
