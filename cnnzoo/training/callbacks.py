"""Keras callbacks of a recipe: learning rate schedules, early stopping, stopping at NaN."""

import math
from typing import Any

import keras

from cnnzoo.training.recipe import Recipe

STEPWISE = ("cosine", "step")
"""Schedules that set the learning rate at every step."""


def recipe_callbacks(recipe: Recipe, rate: float, examples: int) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a recipe.

    Parameters
    ----------
    recipe
        The training recipe.
    rate
        Learning rate at the start.
    examples
        Number of training examples.
    """
    callbacks: list[keras.callbacks.Callback] = [_StopAtNaN()]
    steps_per_epoch = math.ceil(examples / recipe.batch_size)
    steps = recipe.epochs * steps_per_epoch
    if recipe.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        callbacks.append(_Schedule(schedule, steps_per_epoch))
    elif recipe.schedule == "step":
        # Steps count from 0, and Keras's boundaries are the last steps before a change.
        half, three_quarters = math.ceil(steps / 2), math.ceil(steps * 3 / 4)
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [half - 1, three_quarters - 1], [rate, rate / 10, rate / 100]
        )
        callbacks.append(_Schedule(schedule, steps_per_epoch))
    elif recipe.schedule == "reduce-on-plateau":
        callbacks.append(keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0))
    if recipe.early_stopping:
        callbacks.append(
            keras.callbacks.EarlyStopping(patience=recipe.early_stopping, restore_best_weights=True)
        )
    return callbacks


def has_own_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer was created with a schedule instead of a learning rate."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # mixed precision wraps it
    return not isinstance(inner.get_config()["learning_rate"], float)


class _StopAtNaN(keras.callbacks.Callback):
    """Stop if the loss is not finite, without the message that Keras's callback prints."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True


class _Schedule(keras.callbacks.Callback):
    """Set the learning rate of every step by a schedule."""

    def __init__(self, schedule: Any, steps_per_epoch: int) -> None:
        super().__init__()
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        step = self.epoch * self.steps_per_epoch + batch
        self.model.optimizer.learning_rate = self.schedule(step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
