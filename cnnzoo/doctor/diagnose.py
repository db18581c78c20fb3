"""The likeliest causes of a bad training, each with the experiment that confirms it."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd

from cnnzoo.doctor.check import find, plan_of
from cnnzoo.doctor.codes import CODES
from cnnzoo.doctor.counterfactual import Effect, Remedy, remedies_for, try_remedies
from cnnzoo.doctor.doctor import Doctor
from cnnzoo.doctor.experiment import ExperimentError, copy_optimizer, first_rate
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.fit_call import probe_batch
from cnnzoo.doctor.learning_rate import set_rate
from cnnzoo.doctor.plan import DEFAULT_BATCH, TrainingPlan
from cnnzoo.doctor.record import BAD
from cnnzoo.models.initialization import read_statistics

RESULTS = frozenset(BAD)
"""Codes that tell of a bad result and name no cause."""

MOST_STEPS = 200
"""Most steps of the monitored run."""

LEARNED = frozenset({"labels-no-signal", "overfit", "modes-differ"})
"""Codes that tell that the training data are learned, so no other learning rate is a cause."""

SUSPECTED_GAIN = 0.03
"""Gain above which the remedy of a cause that has other evidence too comes before untried ones."""

SYMPTOMS = frozenset({"batch-not-fitted", "initial-loss", "gradient-exploding"})
"""Codes that tell of a training that cannot work, with several possible causes."""

FIX_SEEDS = 6
"""Orders of the examples over which a remedy is compared."""

COLUMNS = (
    "rank",
    "code",
    "severity",
    "name",
    "layer",
    "evidence",
    "remedy",
    "experiment",
    "confirmed",
    "gain",
)

EXPERIMENTS = {
    "softmax-of-one": "replace the head by one sigmoid unit and compare the accuracy",
    "head-loss": "make head and loss agree and compare the accuracy",
    "head-units": "give the head one unit per class and compare the accuracy",
    "head-range": "end the model in a linear layer and compare the loss",
    "loss-for-numbers": "train with a crossentropy and compare the accuracy",
    "labels-out-of-range": "count the labels outside the range, and train without them",
    "labels-no-signal": "shuffle the labels: the validation loss stays the same",
    "inputs-nonfinite": "train without the rows that are not finite",
    "inputs-constant": "look at a few rows of the inputs",
    "dead-units": "train with leaky_relu and compare the loss",
    "gradient-vanishing": "train with batch normalization and compare the first gradient",
    "overfit": "train with a third of the epochs and compare the validation loss",
    "too-small": "train with four times the filters and compare the training loss",
    "stopped-early": "train for twice the epochs and compare the validation loss",
    "few-steps": "train for ten times the epochs and compare the loss",
    "modes-differ": "evaluate the training data in training mode and compare the losses",
    "leak": "remove the duplicates and compare the validation loss",
    "imbalance": "train with class weights and compare the recall of the rare classes",
}
"""Experiments for causes that no experiment of this module can mend on a copy."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Results and likeliest causes of a training.

    Parameters
    ----------
    results
        Findings that tell what is bad about the result; empty if nothing is.
    causes
        Table of the causes, the likeliest first; see `diagnose`.
    fixes
        Table of the remedies that were tried; None if none were.
    """

    results: Sequence[Finding]
    causes: pd.DataFrame
    fixes: pd.DataFrame | None = field(default=None)

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.results] or ["Nothing is wrong with the result."]
        for row in self.causes.to_dict("records"):
            place = f" (`{row['layer']}`)" if row["layer"] else ""
            lines.append(f"{row['rank']}. {row['name']}{place}: {row['evidence']}.")
            lines.append(f"   {row['remedy']}.")
            if row["experiment"]:
                verb = {True: "Confirmed", False: "Not confirmed"}.get(
                    row["confirmed"], "To confirm"
                )
                lines.append(f"   {verb}: {row['experiment']}.")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return str(self.causes._repr_html_())


def diagnose(
    model: Any,
    data: Any,
    *,
    validation_data: Any = None,
    validation_split: float = 0.0,
    batch_size: int = DEFAULT_BATCH,
    epochs: int | None = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    fix: bool = False,
    **toggles: Any,
) -> Diagnosis:
    """Find the likeliest causes of a loss that does not fall.

    The model and its data are checked as by `cnnzoo.check`, with a range test. A copy is trained
    for at most 200 steps under a `cnnzoo.Doctor`. If the result is bad or a cause is suspected,
    copies are trained for 30 steps with one thing mended: another learning rate, standardized
    inputs, the right head, default initial weights, no clipping, no penalties, shuffled examples.
    Causes whose remedy moves the loss come before those whose remedy does not.

    Parameters
    ----------
    model, data, validation_data, validation_split, batch_size, epochs, shuffle, class_weight, \
**toggles
        As of `cnnzoo.check`. The model's weights, optimizer and random streams are not changed.
    callbacks
        As ``fit`` gets them. ``EarlyStopping`` is used in the monitored run; others, which may
        write files or read the model, are not.
    fix
        Whether to compare each confirmed remedy with the training as it is over six orders of the
        examples, paired by order.

    Returns
    -------
    Diagnosis
        ``results``: findings that tell what is bad. ``causes``: one row per cause, the likeliest
        first, with ``rank``, ``code``, ``severity``, ``name``, ``layer``, ``evidence``,
        ``remedy``, ``experiment`` (what confirms it, with the losses if it was done here),
        ``confirmed`` (missing if it was not done) and ``gain`` (loss that the remedy removed, as a
        share of a constant answer's). ``fixes``: one row per remedy with the mean difference of
        the loss, its 95% interval and whether it helped; None without `fix`.

    Raises
    ------
    DataError, ToggleError, TypeError
        As of `cnnzoo.check`.

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits")
    >>> model = cnnzoo.mlp(input_shape=(8, 8, 1), learning_rate=1e-6, seed=0)
    >>> diagnose(model, digits).causes["code"][0]
    'rate-low'
    """
    plan = plan_of(
        model,
        data,
        toggles,
        validation_data=validation_data,
        validation_split=validation_split,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=shuffle,
        class_weight=class_weight,
    )
    found = find(plan, range_test=True)
    is_broken = any(finding.severity == Severity.ERROR for finding in found)
    watched = [] if _cannot_train(found) else _monitored(plan, callbacks)
    results = [finding for finding in watched if finding.code in RESULTS]
    causes = _merge([f for f in (*found, *watched) if f.code not in RESULTS])
    if not results and not is_broken:
        causes = [finding for finding in causes if finding.severity != Severity.NOTE]
    effects: list[Effect] = []
    if results or causes:
        effects = _effects(plan, [finding.code for finding in causes], bool(results))
    if not results and not is_broken:
        refuted = {effect.remedy.code for effect in effects if not effect.confirmed}
        refuted -= {effect.remedy.code for effect in effects if effect.confirmed}
        causes = [finding for finding in causes if finding.code not in refuted]
    table = _rank(plan, causes, effects, bool(results))
    fixes = _fixes(plan, effects) if fix else None
    return Diagnosis(results, table, fixes)


def _cannot_train(found: Sequence[Finding]) -> bool:
    codes = {finding.code for finding in found if finding.severity == Severity.ERROR}
    return bool(codes & {"labels-out-of-range", "inputs-nonfinite"})


def _monitored(plan: TrainingPlan, callbacks: Sequence[keras.callbacks.Callback]) -> list[Finding]:
    """Train a copy under a doctor and return its findings; empty if a copy cannot be made."""
    try:
        model = keras.models.clone_model(plan.model)
        model.set_weights(plan.model.get_weights())
        read_statistics(model)
        metrics = [_new_metric(metric) for _, metric in plan.metrics]
        optimizer = copy_optimizer(plan.model.optimizer)
        model.compile(optimizer=optimizer, loss=plan.model.loss, metrics=metrics)
    except Exception:  # custom layers without a configuration
        return []
    steps_per_epoch = plan.steps_per_epoch
    epochs = plan.epochs or 3
    count = len(plan.x)
    if steps_per_epoch * epochs > MOST_STEPS:
        epochs = max(1, min(epochs, MOST_STEPS // steps_per_epoch))
        count = min(count, MOST_STEPS // epochs * plan.batch_size)
    splits = plan.splits
    validation = None
    if splits.x_val is not None and len(splits.x_val):
        validation = (splits.x_val[:count], splits.y_val[:count])  # type: ignore[index]
    doctor = Doctor(probe_batch(plan.x, plan.y), cadence="epochs")
    stoppers = [copy.copy(it) for it in callbacks if isinstance(it, keras.callbacks.EarlyStopping)]
    try:
        model.fit(
            plan.x[:count],
            plan.y[:count],
            batch_size=plan.batch_size,
            epochs=epochs,
            shuffle=plan.shuffle,
            class_weight=dict(plan.class_weight) if plan.class_weight else None,
            validation_data=validation,
            callbacks=[*stoppers, doctor],
            verbose=0,
        )
    except Exception:  # the checks say why it does not train
        return []
    found = doctor.diagnose()
    if plan.epochs is not None and epochs == plan.epochs:
        return found
    # the monitored run itself is shorter than the training
    is_shortened = doctor.record.early_stop is None or not doctor.record.early_stop.stopped
    return [it for it in found if it.code != "stopped-early" or not is_shortened]


def _new_metric(metric: Any) -> Any:
    """Return an unused metric with the settings of another; names and functions as they are."""
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric


def _merge(findings: Sequence[Finding]) -> list[Finding]:
    """Keep one finding per code, the most serious one; of equals the one of the trained model."""
    order = list(Severity)
    merged: dict[str, Finding] = {}
    for finding in findings:
        known = merged.get(finding.code)
        if known is None or order.index(finding.severity) <= order.index(known.severity):
            merged[finding.code] = finding
    return list(merged.values())


def _effects(plan: TrainingPlan, codes: Sequence[str], is_bad: bool) -> list[Effect]:
    remedies = remedies_for(plan, codes)
    if not is_bad:
        remedies = [remedy for remedy in remedies if remedy.code in codes]
    try:
        return try_remedies(plan, remedies) if remedies else []
    except ExperimentError:
        return []
    except Exception:  # a layer or a loss of the user may raise anything
        return []


def _rank(
    plan: TrainingPlan, causes: Sequence[Finding], effects: Sequence[Effect], is_bad: bool
) -> pd.DataFrame:
    """Return the table of causes, the likeliest first."""
    best: dict[str, Effect] = {}
    for effect in effects:
        code = effect.remedy.code
        if code not in best or (not best[code].confirmed and effect.gain > best[code].gain):
            best[code] = effect  # the first that helps, as in the search for another rate
    causes = [*causes]
    known = {finding.code for finding in causes}
    added: set[str] = set()
    if is_bad and not known & LEARNED:
        for code, effect in best.items():
            if code not in known and effect.confirmed:
                causes.append(CODES[code].finding(str(effect), _words(plan, effect.remedy)))
                added.add(code)
    rows = []
    for number, finding in enumerate(causes):
        tried = best.get(finding.code) or best.get(ALIASES.get(finding.code, ""))
        order = _order(finding, tried)
        if finding.code in added:  # moves the loss of most trainings
            order = max(order, (3, 1.0))
        rows.append((order, number, finding, tried))
    rows = _behind_causes(rows)
    records = [
        {
            "rank": rank,
            "code": finding.code,
            "severity": str(finding.severity),
            "name": finding.name,
            "layer": finding.layer,
            "evidence": finding.evidence,
            "remedy": finding.remedy,
            "experiment": str(tried) if tried else EXPERIMENTS.get(finding.code, ""),
            "confirmed": tried.confirmed if tried else None,
            "gain": tried.gain if tried else math.nan,
        }
        for rank, (_, _, finding, tried) in enumerate(rows, 1)
    ]
    table = pd.DataFrame(records, columns=list(COLUMNS))
    return table.astype({"confirmed": "boolean", "gain": float})


EXPLAINED_BY = {
    "gradient-missing": {"dead-units", "saturated", "init-scale"},
    "initial-loss": {"inputs-unscaled", "init-scale"},
    "gradient-exploding": {"inputs-unscaled", "init-scale"},
    "saturated": {"inputs-unscaled"},
    "rate-low": {
        "dead-units",
        "gradient-missing",
        "gradient-vanishing",
        "loss-for-numbers",
        "not-trainable",
    },
    "labels-no-signal": {"axes", "modes-differ", "not-shuffled", "validation-differs"},
    "overfit": {"labels-no-signal", "not-shuffled", "validation-differs"},
    "too-small": {"no-nonlinearity", "pooled-early", "dropout-high"},
}
"""Causes that lead to what looks like another cause."""

Row = tuple[tuple[int, float], int, Finding, Effect | None]
"""Order, number, finding and tried remedy of a cause."""


def _behind_causes(rows: Sequence[Row]) -> list[Row]:
    """Sort causes, so that one that another explains comes after that one."""
    orders = {row[2].code: row[0] for row in rows}
    seen = {row[2].code for row in rows if row[2].severity != Severity.NOTE}
    explained = {code: EXPLAINED_BY.get(code, set()) & seen for code in orders}
    for code, causes in explained.items():
        for cause in causes:
            orders[cause] = min(orders[cause], orders[code])
    return sorted(
        rows,
        key=lambda row: (orders[row[2].code][0], bool(explained[row[2].code]), row[0], row[1]),
    )


ALIASES = {
    "equal-weights": "init-scale",
    "gradient-missing": "init-scale",
    "initial-loss": "init-scale",
    "saturated": "init-scale",
}
"""Codes whose remedy is tried under another code."""


def _order(finding: Finding, tried: Effect | None) -> tuple[int, float]:
    """Return what causes are sorted by.

    First what cannot work and what explains by itself that training and inference differ, then
    remedies that moved the loss, the largest gain first, then what was not tried, then symptoms and
    remedies without effect.
    """
    if finding.severity == Severity.ERROR:
        return 0, 0.0
    if finding.code == "modes-differ" and finding.severity == Severity.WARNING:
        return 1, 0.0
    if tried is not None:
        return (2, -tried.gain) if tried.gain > SUSPECTED_GAIN else (5, -tried.gain)
    if finding.code in SYMPTOMS:
        return 4, 0.0
    return (3 if finding.severity == Severity.WARNING else 6), 0.0


def _words(plan: TrainingPlan, remedy: Remedy) -> str:
    if remedy.change.rate != 1:
        name = plan.where("learning_rate", "the learning rate")
        return set_rate(first_rate(plan.model.optimizer) * remedy.change.rate, name)
    return f"Train with {remedy.words}"


def _fixes(plan: TrainingPlan, effects: Sequence[Effect]) -> pd.DataFrame:
    """Compare the mended trainings with the training as it is, paired by seed."""
    from scipy import stats

    columns = ["code", "change", "loss", "mended_loss", "delta", "ci_low", "ci_high", "helped"]
    remedies = [effect.remedy for effect in effects if effect.confirmed]
    if not remedies:
        return pd.DataFrame(columns=columns)
    pairs: dict[int, list[tuple[float, float]]] = {number: [] for number in range(len(remedies))}
    for seed in range(1, FIX_SEEDS + 1):
        for number, effect in enumerate(try_remedies(plan, remedies, seed=seed)):
            pairs[number].append((effect.before, effect.after))
    rows = []
    for number, remedy in enumerate(remedies):
        before, after = (np.array(column) for column in zip(*pairs[number], strict=True))
        with np.errstate(invalid="ignore"):
            deltas = after - before
        delta, low, high = math.nan, math.nan, math.nan
        if np.isfinite(deltas).all():
            delta = float(deltas.mean())
            interval = stats.t.interval(0.95, len(deltas) - 1, delta, stats.sem(deltas))
            low, high = (float(end) for end in interval)
        helped = (
            bool(high < 0)
            if math.isfinite(high)
            else bool(np.isfinite(after).all() and not np.isfinite(before).all())
        )
        rows.append(
            {
                "code": remedy.code,
                "change": remedy.words,
                "loss": float(before.mean()),
                "mended_loss": float(after.mean()),
                "delta": delta,
                "ci_low": low,
                "ci_high": high,
                "helped": helped,
            }
        )
    return pd.DataFrame(rows, columns=columns)
