"""Training and validation losses without regularization penalties."""

from typing import Any
from weakref import WeakKeyDictionary

import keras
from keras import ops

_TRACKERS: "WeakKeyDictionary[keras.Model, keras.metrics.Metric]" = WeakKeyDictionary()
"""Mean loss without penalties over the steps since the last reset, by model."""


class WithoutPenalties(keras.callbacks.Callback):
    """Replace the losses in the epoch logs by losses without penalties.

    Keras's ``loss`` and ``val_loss`` contain ``model.losses``: penalties on weights (L2) and
    activations, and losses that layers add. A penalty measures the weights and not the fit, so
    losses with and without one are not comparable. The model still trains on Keras's loss. The
    logs are unchanged on JAX, and if ``train_step`` or ``test_step`` does not call
    ``compute_loss``. A custom ``compute_loss`` is assumed to contain the penalties, as in Keras's
    documentation.

    Parameters
    ----------
    model
        The compiled ``keras.Model`` that is trained or evaluated. It is traced again, once.

    Attributes
    ----------
    tested
        Loss of the last evaluation; None if it had no penalty.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._tracker = _tracker_of(model)
        self._trained: float | None = None
        self.tested: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the mean over the training steps."""
        self._trained = self.tested = None
        self._tracker.reset_state()

    def on_test_begin(self, logs: Any = None) -> None:
        """Finish the mean over the training steps and start that of the evaluation."""
        self._trained = self._mean()

    def on_test_end(self, logs: Any = None) -> None:
        """Finish the mean of the evaluation."""
        self.tested = self._mean()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the means to the logs."""
        trained = self._mean() if self._trained is None else self._trained
        for name, value in (("loss", trained), ("val_loss", self.tested)):
            if logs is not None and value is not None and name in logs:
                logs[name] = value

    def _mean(self) -> float | None:
        """Return the mean loss since the last call; None if no step had a penalty."""
        mean = float(self._tracker.result()) if float(self._tracker.count) else None
        self._tracker.reset_state()
        return mean


def _tracker_of(model: keras.Model) -> keras.metrics.Metric:
    """Return the metric that a model updates with its loss without penalties."""
    if model in _TRACKERS:
        return _TRACKERS[model]
    tracker = keras.metrics.Mean("loss_without_penalties")
    compute = model.compute_loss
    strategy = getattr(
        model, "distribute_strategy", None
    )  # of TensorFlow; it divides the loss among replicas
    replicas = strategy.num_replicas_in_sync if strategy else 1

    def compute_loss(
        x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        loss = compute(x, y, y_pred, *args, **kwargs)
        penalties = [ops.sum(ops.cast(penalty, loss.dtype)) for penalty in model.losses]
        if penalties:
            without = ops.stop_gradient(loss * replicas - sum(penalties))
            examples = ops.shape(keras.tree.flatten(y_pred)[0])[0]
            tracker.update_state(without, sample_weight=examples)
        return loss

    model.compute_loss = compute_loss
    model.train_function = model.test_function = None
    _TRACKERS[model] = tracker
    return tracker
