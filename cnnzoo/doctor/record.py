"""The record of a training: all that the diagnoses after training read."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cnnzoo.doctor.chance import Constant
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Finding

POOR = 0.5
"""Share of a constant answer's loss that a model must explain so that no cause is looked for."""

BAD = (AT_CHANCE, DIVERGED, "loss-nonfinite", "loss-unstable")
"""Codes of results that need an explanation."""


@dataclass(frozen=True)
class LayerState:
    """One layer at one measurement on the probe batch.

    Parameters
    ----------
    layer, kind
        Name of the layer, and of its class.
    gradient
        Norm of the gradient of the layer's weights; NaN if it has none that are trained.
    weight
        Norm of its largest kernel; NaN without one.
    update
        Norm of the optimizer's next update of this kernel over the norm of the kernel.
    dead
        Share of units that are 0 for every example, if the layer ends in a ReLU; else NaN.
    units
        Number of these units; 0 for other layers.
    saturated
        Share of outputs at the ends of a sigmoid or tanh; NaN for other layers.
    shift
        Mean distance between the moving and the batch mean of a BatchNormalization, in batch
        standard deviations; NaN for other layers.
    """

    layer: str
    kind: str
    gradient: float = math.nan
    weight: float = math.nan
    update: float = math.nan
    dead: float = math.nan
    units: float = 0.0
    saturated: float = math.nan
    shift: float = math.nan


@dataclass(frozen=True)
class Measurement:
    """The model on the probe batch at one step of the training.

    Parameters
    ----------
    step, epoch
        Number of training steps, and of epochs, before the measurement.
    loss
        Loss in training mode, without penalties.
    inference_loss
        Loss in inference mode; NaN if no layer normalizes by batch statistics.
    penalty
        Sum of the penalties on weights and activations.
    rate
        Learning rate.
    gradient
        Norm of the whole gradient.
    kept
        Share of the gradient's norm that clipping keeps; 1 without clipping.
    layers
        The layers, in the order in which they are called.
    """

    step: int
    epoch: int
    loss: float
    inference_loss: float = math.nan
    penalty: float = 0.0
    rate: float = math.nan
    gradient: float = math.nan
    kept: float = 1.0
    layers: tuple[LayerState, ...] = ()

    @property
    def weighted(self) -> list[LayerState]:
        """The layers with trained weights, the first layer first."""
        return [layer for layer in self.layers if not math.isnan(layer.gradient)]

    @property
    def first_to_last(self) -> float:
        """Gradient norm of the first weighted layer over that of the last one; NaN if unknown."""
        layers = self.weighted
        if len(layers) < 2 or layers[-1].gradient == 0:
            return math.nan
        return layers[0].gradient / layers[-1].gradient

    @property
    def gradient_ratio(self) -> float:
        """Gradient norm of the first layer with a kernel over that of the last; NaN if unknown.

        Unlike in `first_to_last`, normalization layers do not count.
        """
        layers = [layer for layer in self.weighted if not math.isnan(layer.weight)]
        if len(layers) < 2 or layers[-1].gradient == 0:
            return math.nan
        return layers[0].gradient / layers[-1].gradient

    @property
    def dead_units(self) -> float:
        """Share of all ReLU units that are 0 for every example; NaN if there is no ReLU."""
        layers = [layer for layer in self.layers if layer.units]
        if not layers:
            return math.nan
        dead = sum(round(layer.dead * layer.units) for layer in layers)
        return dead / sum(layer.units for layer in layers)

    @property
    def update(self) -> float:
        """Median over the kernels of the update-to-weight ratio; NaN if there is none."""
        ratios = sorted(layer.update for layer in self.layers if math.isfinite(layer.update))
        return ratios[len(ratios) // 2] if ratios else math.nan


@dataclass(frozen=True)
class Broken:
    """The first loss or weight that is not a finite number.

    Parameters
    ----------
    epoch, step
        Epoch and training step, from 1, after which it was seen.
    layer
        First layer whose output, weights or gradient are not finite; empty if unknown.
    what
        What is not finite there: "inputs", "output", "weights", "gradient" or "loss".
    last_loss
        Last finite loss; NaN if there is none.
    """

    epoch: int
    step: int
    layer: str = ""
    what: str = ""
    last_loss: float = math.nan


@dataclass(frozen=True)
class Change:
    """What an experiment on the probe batch changes in the training.

    Parameters
    ----------
    rate
        Factor of the learning rate.
    clipping, penalties
        Whether the gradient is clipped and penalties are minimized, if the training does so.
    """

    rate: float = 1.0
    clipping: bool = True
    penalties: bool = True


Experiment = Callable[[Change], Sequence[float]]
"""Function that trains a copy of the initial model on the probe batch for some steps with one
change, and returns its loss without penalties before each step and after the last."""


@dataclass(frozen=True)
class Optimizer:
    """The optimizer, as far as diagnoses need it.

    Parameters
    ----------
    name
        Name of its class.
    rate
        Learning rate at the start.
    clipping
        The clipping that is set, by option.
    decay
        Decoupled weight decay; 0 without one.
    """

    name: str = ""
    rate: float = math.nan
    clipping: Mapping[str, float] = field(default_factory=dict)
    decay: float = 0.0


@dataclass(frozen=True)
class EarlyStop:
    """Settings of an ``EarlyStopping`` callback.

    Parameters
    ----------
    monitor, mode
        Name of the monitored quantity, and whether it is to become small ("min") or large ("max").
    patience
        Epochs without improvement.
    min_delta
        Smallest change that counts.
    stopped
        Epoch, from 1, after which it ended the training; 0 if it did not.
    """

    monitor: str
    mode: str
    patience: int = 0
    min_delta: float = 0.0
    stopped: int = 0


@dataclass(frozen=True)
class Record:
    """A training: its curves, measurements and settings.

    Parameters
    ----------
    history
        Values after each epoch, by metric name, as of Keras: "loss", "val_loss", "accuracy", ...
    epochs
        Planned number of epochs.
    constant, validation_constant
        Metrics of the best constant answer for the training and the validation labels; None if
        the labels are unknown.
    measured
        Measurements on the probe batch, the first before training.
    optimizer
        The optimizer.
    is_likelihood
        Whether the loss is the plain negative log-likelihood.
    is_square
        Whether the loss is the mean squared error.
    is_weighted
        Whether examples or classes have weights in the loss, which trade accuracy for recall.
    broken
        Where the loss became NaN or infinite.
    early_stop
        The early stopping, if any.
    experiment
        Function for experiments on the probe batch; None if there is no probe batch.

    Examples
    --------
    >>> record = Record({"loss": [2.0, 1.0]}, epochs=2, constant=Constant(100, 0.1, 2.303))
    >>> round(record.explained, 2)
    0.57
    """

    history: Mapping[str, Sequence[float]]
    epochs: int = 0
    constant: Constant | None = None
    validation_constant: Constant | None = None
    measured: Sequence[Measurement] = ()
    optimizer: Optimizer = Optimizer()
    is_likelihood: bool = True
    is_square: bool = False
    is_weighted: bool = False
    broken: Broken | None = None
    early_stop: EarlyStop | None = None
    experiment: Experiment | None = None

    def curve(self, name: str) -> list[float]:
        """Return the values of a metric by epoch; empty if it was not measured."""
        return [float(value) for value in self.history.get(name, ())]

    @property
    def accuracy(self) -> str:
        """Name of the accuracy in the history; empty if there is none."""
        names = [
            name
            for name in self.history
            if name.endswith(("accuracy", "acc")) and not name.startswith(("val_", "top"))
        ]
        return names[0] if names else ""

    @property
    def constant_loss(self) -> float:
        """Loss of the best constant answer on the training data; NaN if it is unknown."""
        if self.constant is None:
            return math.nan
        if self.is_square:
            return self.constant.rmse**2
        return self.constant.nll if self.is_likelihood else math.nan

    @property
    def explained(self) -> float:
        """Share of what a constant answer leaves that the model explains; NaN if unknown.

        By the training loss, or by the training accuracy if the loss has no known constant answer.
        """
        loss, limit = self.curve("loss"), self.constant_loss
        if loss and limit > 0:
            return 1 - loss[-1] / limit
        return self.explained_by_accuracy

    @property
    def explained_by_accuracy(self) -> float:
        """Share of the errors of a constant answer that the model avoids; NaN if unknown."""
        accuracy = self.curve(self.accuracy) if self.accuracy else []
        chance = self.constant.accuracy if self.constant is not None else 0.0
        return (accuracy[-1] - chance) / (1 - chance) if accuracy and chance < 1 else math.nan

    @property
    def is_poor(self) -> bool:
        """Whether the training data are explained so little that a cause is looked for.

        By the loss and, if it is measured, by the accuracy too.
        """
        return self.explained < POOR and not self.explained_by_accuracy >= POOR

    @property
    def first(self) -> Measurement | None:
        """The first measurement."""
        return self.measured[0] if self.measured else None

    @property
    def last(self) -> Measurement | None:
        """The last measurement with a finite loss."""
        finite = [one for one in self.measured if math.isfinite(one.loss)]
        return finite[-1] if finite else None


def is_bad(findings: Iterable[Finding]) -> bool:
    """Return whether findings tell of a result that needs an explanation."""
    return any(finding.code in BAD for finding in findings)
