"""The doctor: a Keras callback that watches a training and says why the loss does not fall."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import pandas as pd

from cnnzoo.data.scaling import ScaledArray
from cnnzoo.doctor.after_training import diagnose_record
from cnnzoo.doctor.chance import Constant
from cnnzoo.doctor.class_recall import check_recall
from cnnzoo.doctor.experiment import settings_of
from cnnzoo.doctor.finding import AT_CHANCE, Finding, Severity
from cnnzoo.doctor.fit_call import FitCall, class_ids, constant_of
from cnnzoo.doctor.moving_averages import check_moving_averages
from cnnzoo.doctor.probe import Probe
from cnnzoo.doctor.record import BAD, Broken, Measurement, Optimizer, Record
from cnnzoo.doctor.table import findings_table
from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.losses import LabelError
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.toggle import ToggleError

BUDGET = 0.02
"""Share of the training time that measurements may take."""

SPACING = 1.05
"""Smallest ratio of the times of two measurements, which bounds their number."""

CADENCES = ("time", "epochs", "ends")


class Doctor(keras.callbacks.Callback):
    """Watch any ``model.fit`` and diagnose its result.

    The doctor measures the model on a fixed probe batch: losses, gradients and weight updates by
    layer, dead and saturated units, the averages of BatchNormalization. If the loss becomes NaN,
    it looks for the first layer that is not finite. It changes nothing: weights, optimizer,
    metrics and random streams are bit for bit those of a training without it.

    Parameters
    ----------
    probe
        Probe batch: a tuple (x, y) or (x, y, example weights) as the model trains on them, best
        16 to 64 training examples. If left out, 32 evenly spaced examples are taken from the
        arrays that ``fit`` was given. From a data set or a generator nothing is taken, because
        reading it could change it; only the curves are watched then, and ``watched`` says so. A
        batch of a ``tf.data.Dataset`` is ``next(iter(dataset))``.
    cadence
        "time": measure as often as 2% of the training time allow, at least before and after the
        training. "epochs": measure before training, after epochs 1, 2, 4, 8, ... and after
        training, so that the measurements are a function of the training. "ends": measure nothing
        until `measure_ends` is called.

    Attributes
    ----------
    watched
        What is watched, in words.
    record
        The record of the last training, which the diagnoses read.
    seconds
        Time that the doctor took.

    Raises
    ------
    ToggleError
        If an argument is invalid.

    Notes
    -----
    Gradients are measured on the TensorFlow backend without distribution; elsewhere the doctor
    watches the curves. See :doc:`/doctor` for all codes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 4)).astype("float32")
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(10.0), "mse")
    >>> doctor = Doctor()
    >>> history = model.fit(x, x @ [1, 2, 3, 4], callbacks=[doctor], verbose=0)
    >>> doctor.findings()["code"].tolist()
    ['diverged', 'rate-high']
    """

    def __init__(self, probe: Sequence[Any] | None = None, *, cadence: str = "time") -> None:
        super().__init__()
        if probe is not None and not (isinstance(probe, tuple | list) and len(probe) in (2, 3)):
            raise ToggleError(
                "`probe` of `Doctor`: expected a tuple (x, y) or (x, y, example weights); got "
                f"{type(probe).__name__}."
            )
        if cadence not in CADENCES:
            raise ToggleError(
                f"`cadence` of `Doctor`: expected 'time', 'epochs' or 'ends'; got {cadence!r}."
            )
        self._given, self._cadence = probe, cadence
        self.watched = "nothing yet"
        self.seconds = 0.0
        self._reset()

    def _reset(self) -> None:
        self._probe: Probe | None = None
        self._call = FitCall()
        self._history: dict[str, list[float]] = {}
        self._measured: list[Measurement] = []
        self._broken: Broken | None = None
        self._findings: list[Finding] | None = None
        self._optimizer = Optimizer()
        self._steps = self._epoch = self._epoch_start = 0
        self._last_loss = math.nan
        self._cost = self.seconds = 0.0
        self._constants: tuple[Constant | None, Constant | None] = (None, None)
        self._is_likelihood = self._is_square = self._is_weighted = False

    def __deepcopy__(self, memo: dict[int, Any]) -> "Doctor":
        """Return an unused doctor of the same settings, as KerasTuner needs for each trial."""
        return type(self)(copy.deepcopy(self._given, memo), cadence=self._cadence)

    # Callbacks of Keras

    def on_train_begin(self, logs: Any = None) -> None:
        """Take the probe batch and measure the initial model."""
        start = time.perf_counter()
        self._reset()
        self._call = FitCall.around(self.model)
        self._optimizer = settings_of(self.model.optimizer)
        self._read_targets()
        self._take_probe()
        if self._cadence != "ends":
            self._measure()
        self._begin = start
        self.seconds = time.perf_counter() - start

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the epochs."""
        self._epoch_start = self._steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Watch for a loss that is not finite, and measure if there is time."""
        self._steps = self._epoch_start + batch + 1
        loss = (logs or {}).get("loss")
        if loss is not None and self._broken is None:
            if math.isfinite(loss):
                self._last_loss = float(loss)
            else:
                self._locate()
                return
        if self._cadence == "time" and self._probe is not None and self._broken is None:
            now = time.perf_counter() - self._begin
            due = (self.seconds + self._cost) / BUDGET
            if now >= max(due, self._measured_at * SPACING):
                self._timed_measure()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Store the values of the epoch, and measure after epochs 1, 2, 4, 8, ..."""
        self._epoch += 1
        for name, value in (logs or {}).items():
            if isinstance(value, int | float | np.number):
                self._history.setdefault(name, []).append(float(value))
        is_power = self._epoch & (self._epoch - 1) == 0
        if self._cadence == "epochs" and is_power and self._broken is None:
            self._timed_measure()

    def on_train_end(self, logs: Any = None) -> None:
        """Measure the trained model."""
        is_new = not self._measured or self._measured[-1].step < self._steps
        if self._cadence != "ends" and self._broken is None and is_new:
            self._timed_measure()

    # Results

    @property
    def record(self) -> Record:
        """The record of the last training."""
        constant, validation = self._constants
        epochs = (self.params or {}).get("epochs") or self._epoch
        return Record(
            history={name: tuple(values) for name, values in self._history.items()},
            epochs=int(epochs),
            constant=constant,
            validation_constant=validation,
            measured=tuple(self._measured),
            optimizer=self._optimizer,
            is_likelihood=self._is_likelihood,
            is_square=self._is_square,
            is_weighted=self._is_weighted,
            broken=self._broken,
            early_stop=self._call.early_stop(),
            experiment=self._probe.experiment if self._probe is not None else None,
        )

    def diagnose(self) -> list[Finding]:
        """Return the findings of the last training as objects; see ``findings``.

        If the result is bad, the first call trains a copy of the model for some steps on the probe
        batch with other learning rates, to tell causes apart.
        """
        if self._findings is None:
            record, more = self.record, []
            last = record.last
            if last is not None and math.isfinite(last.inference_loss) and self._steps:
                more.append(
                    check_moving_averages(self.model, last.loss, last.inference_loss, self._steps)
                )
            more.append(self._ignored_class())
            found = diagnose_record(record, [it for it in more if it is not None])
            found = [self._difference_of_splits(finding) for finding in found]
            self._findings = self._explained(found) if _lacks_cause(record, found) else found
        return self._findings

    def _explained(self, findings: list[Finding]) -> list[Finding]:
        """Return the findings with faults of the layers that explain them."""
        from cnnzoo.doctor.structure import explain_by_layers

        try:
            return explain_by_layers(self.model, findings)
        except Exception:  # a model without a graph; a diagnosis must not end a training
            return findings

    def _difference_of_splits(self, finding: Finding) -> Finding:
        """Return the difference of the splits that explains labels without signal, if any.

        A model is at chance on validation data of other classes or another scale as well.
        """
        from cnnzoo.doctor.inputs import scale_difference
        from cnnzoo.doctor.labels import label_drift

        if finding.code != "labels-no-signal":
            return finding
        call, found = self._call, None
        ids, held_ids = (None if y is None else class_ids(y) for y in (call.y, call.validation_y))
        if ids is not None and held_ids is not None:
            found = label_drift(ids, held_ids)
        if found is None and _are_alike(call.x, call.validation_x):
            found = scale_difference(call.x, call.validation_x)
        return finding if found is None else found

    def _ignored_class(self) -> Finding | None:
        """Return a finding if the trained model never answers a rare class."""
        x, ids = self._call.x, class_ids(self._call.y) if self._call.y is not None else None
        if self._constants[0] is None or ids is None or not _is_array(x):
            return None
        if math.isnan(self._constants[0].accuracy) or self._broken is not None or not self._steps:
            return None
        try:
            return check_recall(self.model, x, ids, from_logits=loss_of(self.model).declared)
        except Exception:  # a diagnosis must not end a training
            return None

    def measure_ends(self) -> None:
        """Measure the initial model, and the trained one if its loss is finite.

        With the cadence "ends" a training without anything to explain takes no time for
        measurements. The model must not have been changed since its training.
        """
        if self._measured:
            return
        self._measure(initial=True)
        if self._broken is None:
            self._measure()

    def findings(self) -> pd.DataFrame:
        """Return the findings of the last training, the most serious first.

        Weak signs, such as a large share of dead units, are given only if there is a bad result
        to explain.

        Returns
        -------
        DataFrame
            One row per finding: ``code``, ``severity``, ``layer``, ``epoch``, ``evidence``,
            ``remedy``, ``source`` and ``name``.
        """
        epochs = f"{self._epoch} epoch" + "s" * (self._epoch != 1)
        return findings_table(self.diagnose(), f"the curves and the probes of {epochs}")

    def history(self) -> pd.DataFrame:
        """Return the curves: one row per epoch, one column per value that Keras logged."""
        epochs = range(1, max(map(len, self._history.values()), default=0) + 1)
        columns = {name: pd.Series(values) for name, values in self._history.items()}
        table = pd.DataFrame(columns)
        table.insert(0, "epoch", pd.Series(epochs, dtype="int64"))
        return table

    def measurements(self) -> pd.DataFrame:
        """Return the measurements on the probe batch: one row per measurement and layer.

        Returns
        -------
        DataFrame
            ``step``, ``epoch``, ``loss``, ``inference_loss``, ``penalty``, ``rate``,
            ``first_to_last`` (the gradient norm of the first layer over that of the last one), and
            for each layer ``layer``, ``kind``, ``gradient`` and ``weight`` (norms), ``update``
            (update-to-weight ratio), ``dead`` and ``saturated`` (shares of units), ``shift`` (of
            the averages of BatchNormalization, in standard deviations).
        """
        rows = []
        names = ("step", "epoch", "loss", "inference_loss", "penalty", "rate")
        for one in self._measured:
            shared = {name: getattr(one, name) for name in names}
            shared["first_to_last"] = one.first_to_last
            rows += [shared | asdict(layer) for layer in one.layers]
        columns = [*names, "first_to_last", "layer", "kind", "gradient", "weight", "update"]
        return pd.DataFrame(rows, columns=[*columns, "dead", "saturated", "shift"])

    def plot(self) -> Any:
        """Draw the curves, and the gradients and weight updates by layer.

        Returns
        -------
        altair.VConcatChart
        """
        from cnnzoo.doctor.plot import plot_training

        return plot_training(self.history(), self.measurements())

    # Measuring

    def _read_targets(self) -> None:
        is_weighted = self._call.weights is not None or bool(self._call.class_weight)
        if self._given is not None and len(self._given) > 2:
            is_weighted = is_weighted or self._given[2] is not None
        self._is_weighted = is_weighted
        try:
            loss = loss_of(self.model)
        except LabelError:
            self._is_likelihood = self._is_square = False
            is_numbers = None
        else:
            is_numbers = loss.classes == 1
            smoothed = bool(loss.function.get_config().get("label_smoothing"))
            crossentropy = loss.choice.name.endswith("_crossentropy")
            plain = loss.is_plain_mean and not smoothed and not is_weighted
            self._is_likelihood = crossentropy and plain
            self._is_square = loss.choice.name == "mse" and plain
        y = self._call.y
        if y is None and self._given is not None:
            y = self._given[1]
        if is_numbers is not None:
            numbers = is_numbers or self._is_square
            self._constants = (
                constant_of(y, numbers),
                constant_of(self._call.validation_y, numbers),
            )

    def _take_probe(self) -> None:
        curves = "the curves of the loss and the metrics"
        strategy = getattr(self.model, "distribute_strategy", None)
        if strategy is not None and strategy.num_replicas_in_sync > 1:
            self.watched = f"{curves} only: gradients are not measured in a distributed training"
            return
        given = self._given if self._given is not None else self._call.probe()
        if given is None:
            self.watched = (
                f"{curves} only: the data are not arrays, so no probe batch was taken; give one "
                "with Doctor(probe=(x, y))"
            )
            return
        try:
            self._probe = Probe(self.model, *given)
        except Exception as error:  # a diagnosis must not end a training
            self.watched = f"{curves} only: the probe batch does not fit ({reason_of(error)})"
            return
        count = len(keras.tree.flatten(given[0])[0])
        self.watched = f"{curves}, and the model on a probe batch of {count} examples"

    def _timed_measure(self) -> None:
        start = time.perf_counter()
        self._measure()
        self._cost = time.perf_counter() - start
        self.seconds += self._cost
        self._measured_at = start - self._begin

    def _measure(self, *, initial: bool = False) -> None:
        self._measured_at = 0.0
        if self._probe is None:
            return
        when = (0, 0) if initial else (self._steps, self._epoch)
        try:
            self._measured.append(self._probe.measure(*when, initial=initial))
        except Exception as error:  # a diagnosis must not end a training
            self._probe = None
            self.watched = (
                "the curves of the loss and the metrics only: the probe batch could not be "
                f"measured ({reason_of(error)})"
            )

    def _locate(self) -> None:
        start = time.perf_counter()
        layer = what = ""
        if self._probe is not None:
            try:
                layer, what = self._probe.locate()
            except Exception:  # a diagnosis must not end a training
                layer = what = ""
        self._broken = Broken(self._epoch + 1, self._steps, layer, what, self._last_loss)
        self.seconds += time.perf_counter() - start


def _are_alike(x: Any, held: Any) -> bool:
    """Return whether both are arrays of examples of one shape."""
    return _is_array(x) and _is_array(held) and len(held) > 1 and x.shape[1:] == held.shape[1:]


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | ScaledArray)


def _lacks_cause(record: Record, findings: Sequence[Finding]) -> bool:
    """Return whether a result is at chance, or poor, and no other cause explains it."""
    causes = {it.code for it in findings if it.severity != Severity.NOTE} - {*BAD, "too-small"}
    is_chance = AT_CHANCE in {finding.code for finding in findings}
    return (is_chance or record.is_poor) and not causes
