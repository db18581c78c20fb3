"""Train the configurations of a search, one seed at a time, in this process or in a worker."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras_tuner

from cnnzoo.data import Data
from cnnzoo.data.given import GivenData
from cnnzoo.data.load import open_data
from cnnzoo.data.loader import Loader
from cnnzoo.doctor.likelihood import check_likelihood
from cnnzoo.doctor.trial_doctor import doctor_of, doubtful_metric, findings_of_trial
from cnnzoo.runtime.determinism import STEPS_PER_EXECUTION, fix_arithmetic
from cnnzoo.runtime.error_text import line_of, reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level
from cnnzoo.training.custom_metrics import import_metrics
from cnnzoo.training.evaluation import evaluate_each
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import fit, not_finite
from cnnzoo.training.warm import WarmModels
from cnnzoo.tuning.hypermodel import REFUSALS, ZooHyperModel, make_hypermodel
from cnnzoo.tuning.records import OWN, Execution, Objective, TrialStatus
from cnnzoo.tuning.space import Space


@dataclass(frozen=True)
class Plan:
    """What a search trains: all that a worker needs.

    Parameters
    ----------
    model, space, recipe
        As in `ZooHyperModel`.
    data
        The data, or what `cnnzoo.load_data` loads it from.
    objective
        The objective.
    seeds
        Seeds that each configuration is trained with.
    directory
        Directory of the search.
    checkpoints
        Whether to save each trained model.
    metrics
        Texts of requested metrics, see `cnnzoo.training.metric_texts.requested`.
    """

    model: Any
    space: Space
    recipe: Recipe
    data: object
    objective: Objective
    seeds: tuple[int, ...]
    directory: Path
    checkpoints: bool = False
    metrics: tuple[str, ...] = ()

    def for_workers(self) -> "Plan":
        """Return the plan with arrays or loaded data kept in the cache folder, by their name.

        Raises
        ------
        DataError
            If they cannot be kept.
        """
        if isinstance(self.data, str):
            return self
        given = GivenData(open_data(self.data))
        given.keep()
        return replace(self, data=str(given))


@dataclass(frozen=True)
class SeedRun:
    """One configuration to train with one seed.

    Parameters
    ----------
    trial
        Id of the trial.
    values
        Values of its hyperparameters.
    seed
        The seed.
    save_to
        A ``.keras`` file for the trained model; None to save nothing.
    """

    trial: str
    values: Mapping[str, Any]
    seed: int
    save_to: Path | None = None


@dataclass(frozen=True)
class SeedResult:
    """Result of a `SeedRun`.

    Parameters
    ----------
    execution
        Scores, or the reason why there are none.
    declared
        The ``keras_tuner.HyperParameters`` that a custom ``build(hp)`` declared; None for others.
    changed_state
        Global state that the training changed and `cnnzoo.runtime.isolation` could not restore.
    """

    execution: Execution
    declared: Any = None
    changed_state: Sequence[str] = ()


class Trainer:
    """Trains configurations of a hypermodel on data.

    A configuration with one seed is trained as `cnnzoo.train` does with this seed and data that
    were loaded with it.

    Parameters
    ----------
    hypermodel
        The hypermodel.
    source
        The data, or what `cnnzoo.load_data` loads it from.
    objective
        Name of the metric that is the score.
    metrics
        As of `Plan`.
    """

    def __init__(
        self,
        hypermodel: ZooHyperModel,
        source: object,
        objective: str,
        metrics: tuple[str, ...] = (),
    ) -> None:
        self.hypermodel, self.source, self.objective = hypermodel, source, objective
        self.metrics = metrics
        import_metrics(metrics)
        self._loader = Loader()
        self._warm = WarmModels()

    def load(self, levels: Mapping[str, Level], seed: int) -> Data:
        """Load the data with the levels of its toggles, or return it from memory."""
        space = self.hypermodel.space
        return self._loader.load(self.source, seed, space.chosen(space.data, levels))

    def run(self, run: SeedRun) -> SeedResult:
        """Train one configuration with one seed.

        Any error is returned as an execution with its reason, so that the search continues.
        """
        start, started = time.perf_counter(), time.time()
        hp = keras_tuner.HyperParameters()
        hp.values = dict(run.values)
        # Hyperband gives epochs. It also names a trial to continue from, whose weights are not
        # kept: each training starts at the beginning, so a score depends on its configuration only.
        epochs = hp.values.get(f"{OWN}epochs")
        changed_state: Sequence[str] = ()
        try:
            with isolated() as changed_state:
                levels = self.hypermodel.read(hp)
                training = self._train(levels, run.seed, epochs, run.save_to)
        except REFUSALS as error:
            training = {"status": TrialStatus.INVALID, "reason": line_of(error)}
        except (Exception, SystemExit) as error:  # any error of a builder, or of memory
            training = {"status": TrialStatus.FAILED, "reason": reason_of(error)}
        if training["status"] != TrialStatus.DONE:
            self._warm.clear()
        seconds = time.perf_counter() - start
        execution = Execution(
            **{"epochs": 0, **training},
            seed=run.seed,
            seconds=seconds,
            started=started,
            worker=os.getpid(),
        )
        return SeedResult(execution, self.hypermodel.take_declared(), tuple(changed_state))

    def _train(
        self,
        levels: Mapping[str, Level],
        seed: int,
        epochs: int | None,
        save_to: Path | None,
    ) -> dict[str, Any]:
        recipe = self.hypermodel.space.complete(self.hypermodel.recipe, levels)
        if epochs is not None:
            recipe = replace(recipe, epochs=epochs)
        data = self.load(levels, seed)
        model = self._model(levels, data, seed, recipe.precision)
        doctor = doctor_of(model, data, recipe)
        history = fit(
            model,
            self._fitted_data(data, recipe),
            recipe,
            seed=seed,
            callbacks=[doctor],
            steps_per_execution=STEPS_PER_EXECUTION,
            own_fit=self.hypermodel.fitter(levels),
        )
        if save_to is not None:
            model.save(save_to)
        curves = dict(history)
        history.pop("learning_rate", None)  # not a result
        last = {n: v[-1] for n, v in history.items() if v and not n.startswith("val_")}
        evaluation = evaluate_each(
            model,
            *data.validation,
            metrics=self.metrics,
            class_names=data.info.names_by_output,
        )
        validation = evaluation.metrics
        metrics = {**last, **{f"val_{name}": value for name, value in validation.items()}}
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        evaluated = {f"validation_{name}": value for name, value in validation.items()}
        findings = (
            *findings_of_trial(doctor, model, data, recipe, evaluated, curves),
            *map(doubtful_metric, evaluation.notes.values()),
        )
        training = {
            "metrics": finite,
            "epochs": len(history.get("loss", ())),
            "findings": findings,
            "history": curves,
        }
        broken = [name for name in metrics if name not in finite]
        if broken:
            reason = not_finite(broken[0], history, recipe)
            return {**training, "status": TrialStatus.FAILED, "reason": reason}
        if self.objective not in finite:
            name = self.objective.removeprefix("val_")
            reason = evaluation.notes.get(name) or str(check_likelihood(model, evaluated))
            return {**training, "status": TrialStatus.FAILED, "reason": reason}
        return {**training, "status": TrialStatus.DONE, "score": finite[self.objective]}

    def _fitted_data(self, data: Data, recipe: Recipe) -> Data:
        """Return the data without the validation split, unless the fit needs it.

        Scores are measured after the fit. To validate after each epoch as well would only take
        time, because it changes no model of the zoo. A custom model may count its calls.
        """
        watches = recipe.early_stopping > 0 or recipe.schedule == "reduce-on-plateau"
        if watches or not self.hypermodel.builder.reusable:
            return data
        x, y = data.validation
        return replace(data, validation=type(data.validation)(x[:0], y[:0]))

    def _model(self, levels: Mapping[str, Level], data: Data, seed: int, precision: str) -> Any:
        """Build the model, or restart the last one if it has the same levels of the model."""
        purpose: dict[str, Any] = {
            "input_shape": data.info.input_shape,
            "classes": data.info.classes,
        }
        model_levels: dict[str, Any] = {
            n: level for n, level in levels.items() if n in self.hypermodel.space.model
        }
        rate = model_levels.pop("learning_rate", None)  # not searched: the same in all models
        return self._warm.get(
            (tuple(model_levels.items()), *purpose.values(), precision),
            lambda: self.hypermodel.make(levels, seed, **purpose),
            seed,
            rate=rate,
            keep=self.hypermodel.builder.reusable,
        )


_trainers: list[Trainer] = []


def prepare_worker(sent: Callable[[], Plan]) -> None:
    """Prepare a worker process for a search: make its arithmetic deterministic, keep the plan.

    Parameters
    ----------
    sent
        Returns the plan. It is called last, because objects of Keras may start TensorFlow.
    """
    fix_arithmetic()
    plan = sent()
    hypermodel = make_hypermodel(plan.model, plan.space, plan.recipe)
    _trainers[:] = [Trainer(hypermodel, plan.data, plan.objective.name, plan.metrics)]


def run_in_worker(run: SeedRun) -> SeedResult:
    """Train one configuration with one seed, in a process that `prepare_worker` has prepared."""
    return _trainers[0].run(run)
