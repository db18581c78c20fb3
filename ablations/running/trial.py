"""Run one trial. Only this module of the package uses Keras."""

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.study import Status, Trial, TrialResult
from cnnzoo.builders import Builder, by_group, find_builder
from cnnzoo.data.loader import Loader
from cnnzoo.doctor.finding import Finding
from cnnzoo.runtime.determinism import STEPS_PER_EXECUTION, arithmetic
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.training.outcomes import pack
from cnnzoo.training.warm import WarmModel

_WARM = WarmModel()
_LOADER = Loader()

NOT_OF_THE_KIND = ("name", "fn", "dtype", "from_logits")
"""Options of a Keras loss that do not change its values."""


def forget() -> None:
    """Forget the data and the models of earlier trials, because files may have changed."""
    _WARM.clear()
    _LOADER.clear()


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
    start = time.perf_counter()
    unrestored: Sequence[str] = ()
    try:
        builder = find_builder(trial.model)  # before isolation: its module is imported for all
        with isolated() as unrestored:
            result = _train(builder, trial, report_to)
    except (Exception, SystemExit) as error:  # whatever fails, only this trial does
        _WARM.clear()
        result = TrialResult(trial, Status.FAILED, reason=reason_of(error))
    seconds = time.perf_counter() - start
    return replace(result, seconds=seconds, unrestored=tuple(unrestored))


def measure_trial(trial: Trial) -> TrialResult:
    """Build a trial's model and count its cost, without training.

    Returns
    -------
    TrialResult
        A done result with parameters and multiply-accumulates, the numbers of training examples,
        classes and rare classes as its metrics, and findings on what is missing; or an infeasible
        one with the builder's error.
    """
    from cnnzoo.analysis.cost import macs
    from cnnzoo.doctor.trial_doctor import missing_measures
    from cnnzoo.models.loaded_weights import loaded_digest
    from cnnzoo.training.evaluation import minority_classes
    from cnnzoo.training.train import check_fit

    unrestored: Sequence[str] = ()
    try:
        builder = find_builder(trial.model)
        with isolated() as unrestored:
            toggles, data_toggles = by_group(trial.settings)
            data = _LOADER.load(trial.data, trial.seed, data_toggles)
            model = builder.build(toggles, data.info.input_shape, data.info.classes, trial.seed)
            check_fit(model, data, trial.recipe)
            result = TrialResult(
                trial,
                Status.DONE,
                metrics={
                    "examples": data.info.sizes.train,
                    "classes": data.info.classes,
                    "rare_classes": len(minority_classes(data.train.y, data.info.classes)),
                },
                params=model.count_params(),
                macs=macs(model),
                fingerprint=data.info.fingerprint,
                data_notes=data.info.notes,
                arithmetic=arithmetic(),
                weights=loaded_digest(model),
                loss=_loss_kind(model),
                findings=(*_uncounted(model), *missing_measures(model, trial.measures)),
            )
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        result = TrialResult(trial, Status.INFEASIBLE, reason=reason_of(error))
    return replace(result, unrestored=tuple(unrestored))


def _train(builder: Builder, trial: Trial, report_to: Path | None) -> TrialResult:
    import keras

    from cnnzoo.analysis.cost import macs
    from cnnzoo.doctor.trial_doctor import (
        doctor_of,
        findings_of_trial,
        measures_of_trial,
        missing_measures,
    )
    from cnnzoo.training.train import train

    toggles, data_toggles = by_group(trial.settings)
    data = _LOADER.load(trial.data, trial.seed, data_toggles)
    shape, classes = data.info.input_shape, data.info.classes
    model = _WARM.get(
        trial.variant_key,
        lambda: builder.build(toggles, shape, classes, trial.seed),
        trial.seed,
        keep=builder.reusable,
    )
    doctor = doctor_of(model, data, trial.recipe)
    callbacks: list[Any] = [doctor]
    if report_to is not None:
        callbacks.append(
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: report_epoch(report_to, trial, epoch + 1, logs)
            )
        )
    trained = train(
        model,
        data,
        trial.recipe,
        seed=trial.seed,
        callbacks=callbacks,
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    status, reason = Status.DONE, ""
    broken = [name for name, value in trained.metrics.items() if not math.isfinite(value)]
    if broken:
        epochs = len(trained.history["loss"])
        status = Status.FAILED
        reason = f"{broken[0]} is not a finite number after epoch {epochs} of {trial.recipe.epochs}"
    findings = findings_of_trial(
        doctor, model, data, trial.recipe, trained.metrics, trained.history
    )
    # afterwards, because the findings must not depend on the study's metrics
    measured = measures_of_trial(doctor, trial.measures)
    if trial.measures:
        findings += missing_measures(model, trial.measures, measured, doctor.watched)
    return TrialResult(
        trial,
        status,
        metrics=trained.metrics | measured,
        history=trained.history,
        fit_seconds=trained.seconds,
        params=model.count_params(),
        macs=macs(model),
        fingerprint=data.info.fingerprint,
        loss=_loss_kind(model),
        findings=findings,
        held_out=data.info.held_out,
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


def _loss_kind(model: Any) -> str:
    """Name a compiled model's loss, with the options that change its values."""
    from cnnzoo.models.compiled_loss import loss_of

    loss = loss_of(model)
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
        scratch.write_text(json.dumps(status))
        scratch.replace(folder / f"{os.getpid()}.json")
