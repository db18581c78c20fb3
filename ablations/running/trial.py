"""Run one trial. Only this module of the package uses Keras."""

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.study import Status, Trial, TrialResult
from ablations.study.timing import Stopwatch
from cnnzoo.builders import Builder, find_builder
from cnnzoo.data import Data
from cnnzoo.data.description import describe_data
from cnnzoo.data.loader import Loader
from cnnzoo.doctor.finding import OWN_FIT, Finding, Severity
from cnnzoo.model_paths import receive
from cnnzoo.parts.names import permutes, split_levels
from cnnzoo.runtime.determinism import STEPS_PER_EXECUTION, arithmetic
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.runtime.load import load_per_core
from cnnzoo.shared_toggles import by_group
from cnnzoo.training.custom_metrics import import_metrics
from cnnzoo.training.metric_names import ON_REQUEST
from cnnzoo.training.metric_texts import requested
from cnnzoo.training.outcomes import pack
from cnnzoo.training.warm import WarmModels

KEPT_MODELS = 8
"""Number of compiled models that a worker keeps."""

_WARM = WarmModels(KEPT_MODELS)
_LOADER = Loader()

NOT_OF_THE_KIND = ("name", "fn", "dtype", "from_logits")
"""Options of a Keras loss that do not change its values."""


def forget() -> None:
    """Forget the data and the models of earlier trials, because files may have changed."""
    _WARM.clear()
    _LOADER.clear()


def prepare_worker(prepare: Callable[[], None], sent: Callable[[], Mapping[str, Any]]) -> None:
    """Prepare a process for trials.

    Parameters
    ----------
    prepare
        Called first; a RuntimeError of it means that it comes too late.
    sent
        Returns the builders and metrics that the process cannot import, by path.
    """
    prepare()
    receive(sent())


def run_trial(trial: Trial, report_to: Path | None = None) -> TrialResult:
    """Train and evaluate a trial.

    A trial that fails returns a result with the reason, so that the study continues.

    Parameters
    ----------
    trial
        The trial.
    report_to
        Folder to which it reports its epoch and loss.

    Returns
    -------
    TrialResult
    """
    start, watch = time.perf_counter(), Stopwatch()
    unrestored: Sequence[str] = ()
    try:
        builder = _import(trial)
        with isolated() as unrestored:
            result = _train(builder, trial, report_to, watch)
    except (Exception, SystemExit) as error:  # whatever fails, only this trial does
        _WARM.clear()  # they may have the fault, or take the memory that was missing
        result = TrialResult(trial, Status.FAILED, reason=reason_of(error))
    seconds = time.perf_counter() - start
    return replace(result, seconds=seconds, timing=watch.timing(), unrestored=tuple(unrestored))


def measure_trial(trial: Trial) -> TrialResult:
    """Build a trial's model and count its cost, without training.

    Returns
    -------
    TrialResult
        A done result with parameters and multiply-accumulates, the numbers of training examples
        and rare classes as its metrics, and findings on what is missing; or an infeasible
        one with the builder's error.
    """
    from cnnzoo.analysis.cost import macs
    from cnnzoo.doctor.trial_doctor import missing_measures
    from cnnzoo.models.loaded_weights import loaded_digest
    from cnnzoo.training.evaluation import minority_of
    from cnnzoo.training.given_metrics import check_on_data
    from cnnzoo.training.train import check_fit

    unrestored: Sequence[str] = ()
    try:
        builder = _import(trial)
        with isolated() as unrestored:
            toggles, data_toggles = by_group(trial.settings)
            data = _LOADER.load(trial.data, trial.seed, data_toggles)
            shape, classes = data.info.input_shape, data.info.classes
            model = builder.build(toggles, shape, classes, trial.seed, trial.recipe.precision)
            check_fit(model, data, trial.recipe, builder.fitter(toggles))
            check_on_data(requested(trial.measures), data.info)
            result = TrialResult(
                trial,
                Status.DONE,
                metrics={
                    "examples": data.info.sizes.train,
                    "rare_classes": sum(map(len, minority_of(data).values())),
                },
                params=model.count_params(),
                macs=macs(model),
                fingerprint=data.info.fingerprint,
                data_notes=data.info.notes,
                data_description=describe_data(trial.data, data),
                arithmetic=arithmetic(),
                weights=loaded_digest(model),
                loss=_loss_kind(model, data),
                findings=(*_uncounted(model), *missing_measures(model, _of_doctor(trial))),
            )
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        result = TrialResult(trial, Status.INFEASIBLE, reason=reason_of(error))
    return replace(result, unrestored=tuple(unrestored))


def draw_trial(trial: Trial) -> TrialResult:
    """Build a trial's model without changes of its parts, and describe its graph.

    Returns
    -------
    TrialResult
        A done result with the network, or a failed one with the reason.
    """
    from cnnzoo.parts.description import describe_network

    try:
        builder = _import(trial)
        with isolated():
            toggles, data_toggles = by_group(trial.settings)
            data = _LOADER.load(trial.data, trial.seed, data_toggles)
            kept, _ = split_levels(toggles)
            model = builder.build(kept, data.info.input_shape, data.info.classes, trial.seed)
            return TrialResult(trial, Status.DONE, network=describe_network(model))
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        return TrialResult(trial, Status.FAILED, reason=reason_of(error))


def _import(trial: Trial) -> Builder:
    """Import what the user defines, before isolation, because its modules are imported for all."""
    builder = find_builder(trial.model)
    import_metrics(trial.measures)
    return builder


def _of_doctor(trial: Trial) -> list[str]:
    return [name for name in trial.measures if name in ON_REQUEST]


def _train(builder: Builder, trial: Trial, report_to: Path | None, watch: Stopwatch) -> TrialResult:
    import keras

    from cnnzoo.analysis.cost import macs
    from cnnzoo.doctor.trial_doctor import (
        doctor_of,
        doubtful_metric,
        findings_of_trial,
        measures_of_trial,
        missing_measures,
    )
    from cnnzoo.training.train import not_finite, train_built

    toggles, data_toggles = by_group(trial.settings)
    with watch.phase("load"):
        data = _LOADER.load(trial.data, trial.seed, data_toggles)
    shape, classes = data.info.input_shape, data.info.classes
    keep = builder.reusable and not permutes(toggles)
    # a kept model takes over another learning rate, and knows nothing of the recipe and the data
    shared = {name: level for name, level in toggles.items() if name != "learning_rate"}
    declared = builder.toggles().get("learning_rate") if keep else None
    rate: Any = declared.default if declared else None  # a given model has its own
    key = (trial.model, *sorted(shared.items()), shape, classes, trial.recipe.precision)
    watch.traced = key not in _WARM.keys
    with watch.phase("build"):
        model = _WARM.get(
            key,
            lambda: builder.build(toggles, shape, classes, trial.seed, trial.recipe.precision),
            trial.seed,
            rate=toggles.get("learning_rate", rate),
            keep=keep,
        )
    doctor = doctor_of(model, data, trial.recipe)
    callbacks: list[Any] = [doctor]
    if report_to is not None:
        callbacks.append(
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: report_epoch(report_to, trial, epoch + 1, logs)
            )
        )
    own_fit = builder.fitter(toggles)
    with watch.phase("train"):
        trained = train_built(
            model,
            data,
            trial.recipe,
            seed=trial.seed,
            callbacks=callbacks,
            verbose=0,
            steps_per_execution=STEPS_PER_EXECUTION,
            metrics=requested(trial.measures),
            own_fit=own_fit,
        )
    watch.move("train", "evaluate", leaving=trained.seconds)
    status, reason = Status.DONE, ""
    broken = [name for name, value in trained.metrics.items() if not math.isfinite(value)]
    if broken:
        status = Status.FAILED
        reason = not_finite(broken[0], trained.history, trial.recipe)
    with watch.phase("explain"):
        findings = findings_of_trial(
            doctor, model, data, trial.recipe, trained.metrics, trained.history
        )
    if own_fit is not None:
        findings += (_trains_itself(own_fit.owner),)
    # afterwards, because the findings must not depend on the study's metrics
    with watch.phase("explain"):
        measured = measures_of_trial(doctor, _of_doctor(trial))
    if measures := _of_doctor(trial):
        findings += missing_measures(model, measures, measured, doctor.watched)
    findings += tuple(map(doubtful_metric, trained.notes))
    return TrialResult(
        trial,
        status,
        metrics=trained.metrics | measured,
        history=trained.history,
        fit_seconds=trained.seconds,
        params=model.count_params(),
        macs=macs(model),
        fingerprint=data.info.fingerprint,
        loss=_loss_kind(model, data),
        findings=findings,
        held_out=data.info.held_out,
        load=load_per_core(),
        outcomes=pack(trained.outcomes) if trained.outcomes else b"",
        reason=reason,
    )


def _uncounted(model: Any) -> tuple[Finding, ...]:
    """Return a finding if the multiply-accumulates of a model are missing."""
    from cnnzoo.analysis.cost import uncounted

    evidence = uncounted(model)
    if not evidence:
        return ()
    remedy = "Cost is compared by parameters and time"
    return (Finding("macs-missing", "Multiplications are missing", evidence, remedy),)


def _trains_itself(builder: str) -> Finding:
    """Return the note on what a custom ``fit`` leaves open."""
    return Finding(
        OWN_FIT,
        "The builder trains its models itself",
        f"`fit` of {builder} decides on epochs, batches and their order",
        "Trials of one seed share the split and the initial weights; they share the order of the "
        "examples only if `fit` draws it from `seed`",
        Severity.NOTE,
    )


def _loss_kind(model: Any, data: Data) -> str:
    """Name a compiled model's losses, with the options that change their values.

    Those of several outputs are a sum, which `ablations.stats.metrics.kind_of_output` reads.
    """
    from cnnzoo.models.model_loss import losses_of

    losses = losses_of(model, named=bool(data.info.outputs))
    kinds = {name: _kind_of_loss(loss) for name, loss in losses.by_output.items()}
    if not losses.has_names:
        return kinds[""]
    weights = {name: f"{w:g} " if w != 1 else "" for name, w in losses.weights.items()}
    return " + ".join(f"{weights[name]}{kind} ({name})" for name, kind in kinds.items())


def _kind_of_loss(loss: Any) -> str:
    default = loss.choice.make().get_config()
    options = [
        f"{name}={value}"
        for name, value in sorted(loss.function.get_config().items())
        if name not in NOT_OF_THE_KIND and str(value) != str(default.get(name))
    ]
    return ", ".join([loss.choice.name, *options])


def report_epoch(folder: Path, trial: Trial, epoch: int, logs: Mapping[str, Any] | None) -> None:
    """Write the current epoch of a trial to a status file; I/O errors are ignored.

    A file needs no lock, which a killed process could keep.
    """
    status = {"key": trial.key, "epoch": epoch, "loss": float((logs or {}).get("loss", "nan"))}
    scratch = folder / f".{os.getpid()}"
    with contextlib.suppress(OSError):  # the folder is gone, or the disk is full
        scratch.write_text(json.dumps(status), encoding="utf-8")
        scratch.replace(folder / f"{os.getpid()}.json")
