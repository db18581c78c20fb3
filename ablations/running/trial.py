"""Run one trial: the one place where a study meets Keras."""

import contextlib
import gc
import json
import math
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ablations.study import Trial, TrialResult
from ablations.study.models import Builder, find_builder
from ablations.study.space import by_group
from cnnzoo.data import Data, load_data
from cnnzoo.doctor.finding import Finding
from cnnzoo.runtime.determinism import STEPS_PER_EXECUTION, arithmetic
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level

_WARM: "OrderedDict[str, Any]" = OrderedDict()
_WARM_SIZE = 1

NOT_OF_THE_KIND = ("name", "fn", "dtype", "from_logits")
"""Options of a Keras loss that leave its numbers as they are."""


def forget() -> None:
    """Forget the data and the models of earlier trials, for files may have changed since."""
    _WARM.clear()
    _load.cache_clear()


def run_trial(trial: Trial, report_to: Path | None = None) -> TrialResult:
    """Train and evaluate what a trial says.

    A trial that fails comes back as a result with its reason, so that a study goes on.

    Parameters
    ----------
    trial
        What to run.
    report_to
        A folder where its epoch and loss can be followed.

    Returns
    -------
    TrialResult
    """
    start = time.perf_counter()
    unrestored: Sequence[str] = ()
    try:
        builder = find_builder(trial.model)  # what its module sets holds for all trials
        with isolated() as unrestored:
            found = _train(builder, trial, report_to)
    except (Exception, SystemExit) as error:  # whatever it was, it is one trial's
        _WARM.clear()
        found = {"status": "failed", "reason": reason_of(error)}
    seconds = time.perf_counter() - start
    return TrialResult(trial=trial, seconds=seconds, unrestored=tuple(unrestored), **found)


def measure_trial(trial: Trial) -> TrialResult:
    """Build a trial's model and count its cost, training nothing.

    Returns
    -------
    TrialResult
        "done" with parameters and multiplications, and as a finding why the latter are missing if
        they are; or "infeasible" with what the builder says.
    """
    from cnnzoo.analysis.cost import macs
    from cnnzoo.models.loaded_weights import loaded_digest
    from cnnzoo.training.train import check_fit

    unrestored: Sequence[str] = ()
    try:
        builder = find_builder(trial.model)
        with isolated() as unrestored:
            toggles, data_toggles = by_group(trial.settings)
            data = _load(trial.data, trial.seed, tuple(data_toggles.items()))
            model = builder.build(toggles, data.info.input_shape, data.info.classes, trial.seed)
            check_fit(model, data, trial.recipe)
            found = {
                "params": model.count_params(),
                "macs": macs(model),
                "metrics": {"examples": data.info.sizes.train, "classes": data.info.classes},
                "fingerprint": data.info.fingerprint,
                "data_notes": data.info.notes,
                "arithmetic": arithmetic(),
                "weights": loaded_digest(model),
                "loss": _loss_kind(model),
                "findings": _uncounted(model),
            }
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        found = {"status": "infeasible", "reason": reason_of(error)}
    return TrialResult(trial, **{"status": "done", **found}, unrestored=tuple(unrestored))


def _train(builder: Builder, trial: Trial, report_to: Path | None) -> dict[str, Any]:
    import keras

    from cnnzoo.analysis.cost import macs
    from cnnzoo.training.train import train

    toggles, data_toggles = by_group(trial.settings)
    data = _load(trial.data, trial.seed, tuple(data_toggles.items()))
    model = _model(builder, trial, toggles, data)
    callbacks = []
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
    found = {
        "metrics": trained.metrics,
        "history": trained.history,
        "fit_seconds": trained.seconds,
        "params": model.count_params(),
        "macs": macs(model),
        "fingerprint": data.info.fingerprint,
        "loss": _loss_kind(model),
        "findings": _findings(model, trained, data, trial),
    }
    broken = [name for name, value in trained.metrics.items() if not math.isfinite(value)]
    if broken:
        epochs = len(trained.history["loss"])
        reason = f"{broken[0]} is not a finite number after epoch {epochs} of {trial.recipe.epochs}"
        return {**found, "status": "failed", "reason": reason}
    return {**found, "status": "done"}


def _uncounted(model: Any) -> tuple[Finding, ...]:
    """Return why the multiplications of a model are missing, if they are."""
    from cnnzoo.analysis.cost import uncounted

    evidence = uncounted(model)
    if not evidence:
        return ()
    remedy = "Cost is compared by parameters and time"
    return (Finding("macs-missing", "Multiplications are missing", evidence, remedy),)


def _loss_kind(model: Any) -> str:
    """Name a compiled model's loss, with the options that make its numbers others."""
    from cnnzoo.models.compiled_loss import loss_of

    loss = loss_of(model)
    default = loss.choice.make().get_config()
    options = [
        f"{name}={value}"
        for name, value in sorted(loss.function.get_config().items())
        if name not in NOT_OF_THE_KIND and str(value) != str(default.get(name))
    ]
    return ", ".join([loss.choice.name, *options])


def _findings(model: Any, trained: Any, data: Data, trial: Trial) -> tuple[Finding, ...]:
    from cnnzoo.doctor.chance import Constant, check_chance, check_divergence
    from cnnzoo.doctor.likelihood import check_likelihood
    from cnnzoo.doctor.moving_averages import check_moving_averages

    epochs, classes = trained.history["loss"], data.info.classes
    steps = len(epochs) * math.ceil(data.info.sizes.train / trial.recipe.batch_size)
    split = next(name for name in ("test", "validation", "train") if len(getattr(data, name).y))
    ours, in_training = (
        {
            name.removeprefix(f"{one}_"): value
            for name, value in trained.metrics.items()
            if name.startswith(f"{one}_")
        }
        for one in (split, "train")
    )
    found = (
        check_divergence(data.train.y, classes, in_training, trained.history),
        check_chance(Constant.of(getattr(data, split).y, classes), ours, split),
        check_moving_averages(model, epochs[-1], trained.metrics["train_loss"], steps),
        check_likelihood(model, trained.metrics),
    )
    return tuple(one for one in found if one is not None)


def _model(builder: Builder, trial: Trial, levels: dict[str, Level], data: Data) -> Any:
    """Build the model, or take the one that the same variant was traced with and start it anew.

    Tracing a model takes longer than an epoch of a small one.
    """
    from cnnzoo.models.initialization import restart

    model = _WARM.pop(trial.variant_key, None)
    if model is None:
        model = builder.build(levels, data.info.input_shape, data.info.classes, trial.seed)
    else:
        restart(model, trial.seed)
    if builder.reusable:
        _WARM[trial.variant_key] = model
    while len(_WARM) > _WARM_SIZE:
        _WARM.popitem(last=False)
        gc.collect()  # a traced model is full of cycles
    return model


@lru_cache(maxsize=4)
def _load(spec: str, seed: int, toggles: tuple[tuple[str, Level], ...]) -> Data:
    return load_data(spec, seed=seed, **dict(toggles))  # type: ignore[arg-type]


def report_epoch(folder: Path, trial: Trial, epoch: int, logs: Mapping[str, Any] | None) -> None:
    """Leave word of a trial's epoch in a folder; where that fails the trial goes on.

    Files need no lock that a killed process could keep.
    """
    word = {"key": trial.key, "epoch": epoch, "loss": float((logs or {}).get("loss", "nan"))}
    scratch = folder / f".{os.getpid()}"
    with contextlib.suppress(OSError):  # the folder or the coordinator is gone, or the disk full
        scratch.write_text(json.dumps(word))
        scratch.replace(folder / f"{os.getpid()}.json")
