"""The doctor of a trial: of one training in a study or a search."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cnnzoo.data import Data
from cnnzoo.data.targets import arrays_of
from cnnzoo.doctor.after_training import diagnose_record
from cnnzoo.doctor.chance import Constant, check_chance, check_divergence
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.doctor import Doctor
from cnnzoo.doctor.finding import MEASURE_MISSING, METRIC_DOUBTFUL, Finding, Severity
from cnnzoo.doctor.fit_call import PROBE_EXAMPLES
from cnnzoo.doctor.likelihood import check_likelihood
from cnnzoo.doctor.moving_averages import check_moving_averages
from cnnzoo.doctor.probe import is_relu, leaves
from cnnzoo.doctor.record import is_bad
from cnnzoo.models.image_format import oriented
from cnnzoo.models.initialization import complete
from cnnzoo.models.losses import LabelError
from cnnzoo.models.model_loss import losses_of
from cnnzoo.toggle import ToggleError
from cnnzoo.training.class_weights import weights_of_batch
from cnnzoo.training.recipe import Recipe

OF_THE_RECIPE = {"stopped-early"}
"""Codes that tell of the number of epochs, which all trials of a study share: notes in a trial."""


def doctor_of(model: keras.Model, data: Data, recipe: Recipe) -> Doctor:
    """Return a doctor whose findings are a function of the trial: of settings, data and seed.

    Parameters
    ----------
    model
        The compiled model.
    data, recipe
        See `cnnzoo.train`. The probe batch are evenly spaced training examples, not augmented.
    """
    complete(model, data.info.input_shape)
    x, labels = data.train
    places = np.unique(np.linspace(0, len(x) - 1, PROBE_EXAMPLES).astype(int))
    try:
        loss = losses_of(model, named=bool(data.info.outputs))
        targets = keras.tree.map_structure(lambda each: each[places], loss.encode(labels))
        weights = weights_of_batch(recipe, labels, loss)
    except (ToggleError, LabelError):  # which the training raises with its remedy
        return Doctor(cadence="ends")
    probe = [oriented(x[places]), targets]
    if weights is not None:
        probe.append(keras.tree.map_structure(np.asarray, weights(targets)))
    return Doctor(tuple(probe), cadence="ends")


def findings_of_trial(
    doctor: Doctor,
    model: keras.Model,
    data: Data,
    recipe: Recipe,
    metrics: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
) -> tuple[Finding, ...]:
    """Return the findings of a trial.

    Parameters
    ----------
    doctor
        The doctor that watched the training.
    model
        The trained model.
    data, recipe
        What it was trained with.
    metrics
        Metrics of the trained model on at least one split, such as "test_accuracy".
    history
        Values of each epoch.
    """
    by_split = {
        split: {
            name.removeprefix(f"{split}_"): value
            for name, value in metrics.items()
            if name.startswith(f"{split}_")
        }
        for split in ("train", "validation", "test")
    }
    split = next(name for name in ("test", "validation", "train") if by_split[name])
    known = [*_findings_of_outputs(model, data, metrics, by_split, split, history)]
    losses = None
    epochs = len(history.get("loss", ()))  # 0 if a custom `fit` keeps no history
    if "loss" in by_split["train"] and epochs:
        losses = history["loss"][-1], by_split["train"]["loss"]
    elif any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        doctor.measure_ends()
        last = doctor.record.last
        if last is not None and last.step:
            losses = last.loss, last.inference_loss
    if losses is not None:
        steps = epochs * math.ceil(data.info.sizes.train / recipe.batch_size)
        known.insert(2, check_moving_averages(model, *losses, steps))
    results = [finding for finding in known if finding is not None]
    constants = _constants(data)
    record = replace(doctor.record, **constants)
    findings = diagnose_record(record, results, evaluated=True)
    if is_bad(findings) or record.is_poor:  # which the measurements may explain
        doctor.measure_ends()
        record = replace(doctor.record, **constants)
        findings = diagnose_record(record, results, evaluated=True)
    return tuple(
        replace(one, severity=Severity.NOTE)
        if one.code in OF_THE_RECIPE and one.severity == Severity.WARNING
        else one
        for one in findings
    )


def _findings_of_outputs(
    model: keras.Model,
    data: Data,
    metrics: Mapping[str, float],
    by_split: Mapping[str, Mapping[str, float]],
    split: str,
    history: Mapping[str, Sequence[float]],
) -> Iterator[Finding | None]:
    """Yield the findings about the metrics of one output, or of all outputs together."""
    outputs, labels = data.info.every_output, arrays_of(getattr(data, split).y)
    if not data.info.outputs:
        (output,) = outputs
        train_y = arrays_of(data.train.y)[output.name]
        yield check_divergence(train_y, output.classes, by_split["train"], history)
        yield check_chance(Constant.of(labels[""], output.classes), by_split[split], split)
        yield check_likelihood(model, metrics)
        return
    at_chance = {}
    for output in outputs:
        prefix = f"{output.name}_"
        own = {
            name.removeprefix(prefix): value
            for name, value in by_split[split].items()
            if name.startswith(prefix)
        }
        constant = Constant.of(labels[output.name], output.classes)
        if own:  # the model has the output
            at_chance[output.name] = check_chance(constant, own, split)
    yield None
    found = {name: finding for name, finding in at_chance.items() if finding is not None}
    if found and len(found) == len(at_chance):
        evidence = "; ".join(f"{name}: {each.evidence}" for name, each in found.items())
        yield replace(next(iter(found.values())), evidence=evidence)


def _constants(data: Data) -> dict[str, Any]:
    """Return the metrics of constant answers on the training and validation labels.

    There are none for several outputs.
    """
    if data.info.outputs:
        return {}
    (output,) = data.info.every_output
    splits = {"constant": data.train.y, "validation_constant": data.validation.y}
    return {
        name: Constant.of(arrays_of(y)[""], output.classes) for name, y in splits.items() if len(y)
    }


def measures_of_trial(doctor: Doctor, measures: Sequence[str]) -> dict[str, float]:
    """Return the metrics that are measured on the probe batch of a trial.

    Parameters
    ----------
    doctor
        The doctor that watched the training.
    measures
        Names of metrics: "gradient_ratio", the gradient norm of the first layer with a trained
        kernel over that of the last one, at the initial weights; and "dead_units", the share of
        all ReLU units that are 0 for every example, at the trained ones. Both are of a pass in
        training mode.

    Returns
    -------
    dict
        Metrics by name. One that is unknown is left out; see `missing_measures`.
    """
    if not measures:
        return {}
    doctor.measure_ends()
    measured = doctor.record.measured
    if not measured:
        return {}
    values = {
        "gradient_ratio": measured[0].gradient_ratio,
        "dead_units": measured[-1].dead_units if len(measured) > 1 else math.nan,
    }
    return {name: values[name] for name in measures if math.isfinite(values[name])}


def doubtful_metric(note: str) -> Finding:
    """Return the finding for a note of `cnnzoo.train` on a requested metric."""
    remedy = "Compare the variants by another metric"
    return CODES[METRIC_DOUBTFUL].finding(note, remedy)


def missing_measures(
    model: keras.Model,
    measures: Sequence[str],
    known: Mapping[str, float] | None = None,
    watched: str = "",
) -> tuple[Finding, ...]:
    """Return a finding for each requested metric that a trial does not have.

    Parameters
    ----------
    model
        The model.
    measures
        Names of the requested metrics.
    known
        Metrics of the trial; None before its training, when only the layers tell.
    watched
        What the trial's doctor watched.
    """
    kernels = sum(
        any(len(variable.shape) > 1 for variable in layer.trainable_variables)
        for layer in leaves(model)
    )
    has_relu = any(map(is_relu, leaves(model)))
    lacking = {
        "gradient_ratio": kernels < 2 and "fewer than two layers have a trained kernel",
        "dead_units": not has_relu and "no layer ends in a ReLU",
    }
    findings = []
    for name in measures:
        reason = lacking[name]
        if not reason and (known is None or name in known):
            continue
        reason = reason or f"it could not be measured on {watched or 'the probe batch'}"
        findings.append(
            CODES[MEASURE_MISSING].finding(
                f"{name} of `{model.name}`: {reason}",
                f"Leave {name} out of `metrics`, or vary the models that have it",
            )
        )
    return tuple(findings)
