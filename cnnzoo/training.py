"""Train and evaluate one model: the one training path, whoever asks for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.augmentation import augmenter, check_augmentation
from cnnzoo.data import Data
from cnnzoo.losses import CompiledLoss, LabelError, loss_of
from cnnzoo.recipe import Recipe
from cnnzoo.registry import build
from cnnzoo.seeding import stream
from cnnzoo.toggle import ToggleError

PREDICTION_BATCH = 256

STEPWISE = ("cosine", "step")
"""Schedules that set the learning rate at every step."""


@dataclass(frozen=True)
class Trained:
    """A trained model with what was measured of it.

    Parameters
    ----------
    model
        The model.
    history
        Keras's numbers of each epoch by name: loss and metrics in training, the same with
        "val_" before them on the validation data, and "learning_rate".
    metrics
        What `evaluate` gives after training, by split: "test_loss", "validation_accuracy", and so
        on; those of the training split are in inference mode.
    """

    model: Any
    history: dict[str, list[float]]
    metrics: dict[str, float]


def train(
    model: Any,
    data: Data,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
    steps_per_execution: int = 1,
    **toggles: Any,
) -> Trained:
    """Train a model by a recipe and evaluate it on every split.

    Parameters
    ----------
    model
        The name of a model of the zoo, which is built for the data, or a compiled
        ``keras.Model``, which is trained on from the weights that it has.
    data
        From `cnnzoo.load_data`.
    recipe
        How to train; ``Recipe()`` if left out.
    seed
        Of the initial weights (where the model is built here), the order of the data, and the
        augmentations: three streams of their own.
    callbacks
        More Keras callbacks.
    verbose
        As of ``keras.Model.fit``: 0 for silence, 1 for a bar, 2 for a line an epoch.
    steps_per_execution
        Steps that run without coming back to Python: faster, but callbacks see only every so
        many. Where the schedule changes the learning rate at every step it is 1 all the same.
    **toggles
        Of the model that is built here.

    Returns
    -------
    Trained

    Raises
    ------
    ToggleError, LabelError
        Before training, if the model, the data and the recipe do not go together.

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits")
    >>> trained = train("mlp", digits, Recipe(epochs=5), units=32)
    >>> trained.metrics["test_accuracy"] > 0.5
    True
    """
    recipe = recipe or Recipe()
    if isinstance(model, str):
        purpose = {"input_shape": data.info.input_shape, "classes": data.info.classes}
        model = build(model, seed=seed, **{**purpose, **toggles})
    elif toggles:
        raise ToggleError(
            "`train` takes toggles only with the name of a model to build; got "
            f"{', '.join(toggles)} with the built model `{model.name}`."
        )
    history = fit(
        model,
        data,
        recipe,
        seed=seed,
        callbacks=callbacks,
        verbose=verbose,
        steps_per_execution=steps_per_execution,
    )
    metrics = {
        f"{name}_{metric}": value
        for name in ("train", "validation", "test")
        if len(getattr(data, name).x)
        for metric, value in evaluate(model, *getattr(data, name)).items()
    }
    return Trained(model=model, history=history, metrics=metrics)


def fit(
    model: Any,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
    steps_per_execution: int = 1,
) -> dict[str, list[float]]:
    """Fit a compiled model to the training split, with the validation split watched.

    Parameters
    ----------
    model, data, recipe, seed, callbacks, verbose, steps_per_execution
        As of `train`.

    Returns
    -------
    dict
        The history: a list with a number for each epoch, by name.

    Raises
    ------
    ToggleError, LabelError
        As of `train`.
    """
    loss = check_fit(model, data, recipe)
    (x, labels), validation = data.train, data.validation
    targets = loss.encode(labels)
    # What nobody gave a seed (a user's own dropout, say) draws from this one; TensorFlow also
    # mixes it into the seeds of its streams.
    keras.utils.set_random_seed(stream(seed, "training"))
    rate, steps = float(model.optimizer.learning_rate), model.steps_per_execution
    if recipe.schedule in STEPWISE:
        steps_per_execution = 1
    try:
        model.steps_per_execution = steps_per_execution
        result = model.fit(
            batch_stream(x, targets, data, recipe, seed),
            epochs=recipe.epochs,
            validation_data=(_oriented(validation.x), loss.encode(validation.y))
            if len(validation.x)
            else None,
            validation_batch_size=PREDICTION_BATCH,
            class_weight=class_weights(recipe, labels, loss.classes),
            callbacks=[*_callbacks(recipe, rate, len(x)), *callbacks],
            shuffle=False,  # the stream does it
            verbose=verbose,
        )
    finally:
        model.optimizer.learning_rate, model.steps_per_execution = rate, steps
    return {name: [float(value) for value in values] for name, values in result.history.items()}


def evaluate(model: Any, x: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
    """Measure a compiled model, in numbers that compare across losses.

    Parameters
    ----------
    model
        A compiled ``keras.Model`` with one output.
    x, labels
        Examples, and class ids or numbers, of shape (n,).

    Returns
    -------
    dict
        "loss", the model's own without any penalty on its weights. For classes also "accuracy",
        "macro_f1" (the mean over the classes of 2 TP / (2 TP + FP + FN)) and "nll", the mean
        negative log-likelihood in nats of the outputs brought to probabilities; for a regression
        "mae" and "rmse".

    Raises
    ------
    LabelError
        If the labels do not fit the loss.
    """
    from sklearn.metrics import f1_score

    loss = loss_of(model)
    targets = loss.encode(labels)
    outputs = _predict(model, x)
    measured = {"loss": loss.measure(targets, outputs)}
    if loss.classes == 1:
        errors = outputs.astype("float64") - targets
        measured["mae"] = float(np.abs(errors).mean())
        measured["rmse"] = float(np.sqrt(np.square(errors).mean()))
        return measured
    probabilities = loss.choice.probabilities(outputs, logits=loss.logits)
    ids = targets.argmax(1) if loss.choice.labels == "one-hot" else targets.ravel().astype("int64")
    predicted = probabilities.argmax(1)
    likelihoods = probabilities[np.arange(len(ids)), ids]
    measured["accuracy"] = float((predicted == ids).mean())
    measured["macro_f1"] = float(f1_score(ids, predicted, average="macro", zero_division=0))
    measured["nll"] = float(-np.log(np.maximum(likelihoods, np.finfo("float32").tiny)).mean())
    return measured


def _predict(model: Any, x: NDArray[Any]) -> NDArray[np.float32]:
    """Return the model's outputs in inference mode.

    All batches are filled up to one size: Keras would trace the model anew for the last one.
    """
    batches = []
    for start in range(0, len(x), PREDICTION_BATCH):
        batch = _oriented(x[start : start + PREDICTION_BATCH])
        missing = PREDICTION_BATCH - len(batch)
        filled = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
        batches.append(model.predict_on_batch(filled)[: len(batch)])
    return np.concatenate(batches).astype("float32")


def batch_stream(x: NDArray[Any], y: NDArray[Any], data: Data, recipe: Recipe, seed: int) -> Any:
    """Make the stream of batches: a new order each epoch, then the augmentation.

    The order is drawn before the batches are cut, so it does not depend on their size.

    Returns
    -------
    tf.data.Dataset
        Of pairs (examples, targets); one pass is one epoch.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        inputs, targets = tf.constant(x), tf.constant(y)
    batches = (
        tf.data.Dataset.range(len(x))
        .shuffle(len(x), seed=stream(seed, "order"), reshuffle_each_iteration=True)
        .batch(recipe.batch_size)
        .map(lambda index: (tf.gather(inputs, index), tf.gather(targets, index)))
    )
    if recipe.augment != "none":
        # one batch after the other, or the random stream would depend on who comes first
        batches = batches.map(augmenter(recipe.augment, data.info, seed))
    if _channels_first():
        axes = (0, x.ndim - 1, *range(1, x.ndim - 1))
        batches = batches.map(lambda images, labels: (tf.transpose(images, axes), labels))
    return batches.prefetch(tf.data.AUTOTUNE)


def class_weights(recipe: Recipe, labels: NDArray[Any], classes: int) -> dict[int, float] | None:
    """Return the weight of each class in the loss, as Keras takes it.

    Examples
    --------
    >>> class_weights(Recipe(class_weight="balanced"), np.array([0, 0, 0, 1]), 2)
    {0: 0.6666666666666666, 1: 2.0}
    """
    if recipe.class_weight == "none":
        return None
    if not isinstance(recipe.class_weight, str):
        weights = tuple(recipe.class_weight)
        return {label: float(weight) for label, weight in enumerate(weights)}
    counts = np.bincount(labels, minlength=classes)
    return {
        label: float(len(labels) / (classes * count)) if count else 0.0
        for label, count in enumerate(counts)
    }


def check_fit(model: Any, data: Data, recipe: Recipe) -> CompiledLoss:
    """Refuse a model, data and a recipe that do not go together.

    Parameters
    ----------
    model, data, recipe
        As of `train`.

    Returns
    -------
    CompiledLoss
        The loss choice of the model.

    Raises
    ------
    ToggleError, LabelError
        With what would mend it.
    """
    loss = loss_of(model)
    takes = tuple(model.input_shape[1:])
    if keras.config.image_data_format() == "channels_first":
        takes = (*takes[1:], takes[0])
    if takes != data.info.input_shape:
        raise ToggleError(
            f"`{model.name}` takes examples of shape {takes}; `{data.info.name}` has "
            f"{data.info.input_shape}. Build it with input_shape={data.info.input_shape}."
        )
    if (loss.classes == 1) != (data.info.classes == 1) or loss.classes < data.info.classes:
        kind = "a regression" if data.info.classes == 1 else f"{data.info.classes} classes"
        fitting = "classes=1 and loss='mse'" if data.info.classes == 1 else ""
        raise LabelError(
            f"`{model.name}` has classes={loss.classes} with {loss.choice.name}; "
            f"`{data.info.name}` has {kind}. Build it with "
            f"{fitting or f'classes={data.info.classes}'}."
        )
    check_augmentation(recipe.augment, data.info, loss.choice)
    weights = recipe.class_weight
    if weights != "none" and loss.classes == 1:
        raise ToggleError(
            f"`class_weight` of `Recipe` weighs classes; `{data.info.name}` is a regression."
        )
    if not isinstance(weights, str) and len(weights) != loss.classes:
        raise ToggleError(
            f"`class_weight` of `Recipe` must have a weight for each of the {loss.classes} "
            f"classes of `{model.name}`; got {len(weights)}."
        )
    watchers = {
        "schedule": recipe.schedule == "reduce-on-plateau",
        "early_stopping": recipe.early_stopping > 0,
    }
    for name, watches in watchers.items():
        if watches and not len(data.validation.x):
            raise ToggleError(
                f"`{name}` of `Recipe`: {getattr(recipe, name)!r} watches the validation loss; "
                f"`{data.info.name}` has no validation split. Load it with validation=0.1."
            )
    return loss


def _callbacks(recipe: Recipe, rate: float, examples: int) -> list[Any]:
    callbacks: list[Any] = [keras.callbacks.TerminateOnNaN()]
    epoch = math.ceil(examples / recipe.batch_size)
    steps = recipe.epochs * epoch
    if recipe.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        callbacks.append(_Schedule(schedule, epoch))
    elif recipe.schedule == "step":
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [steps // 2, steps * 3 // 4], [rate, rate / 10, rate / 100]
        )
        callbacks.append(_Schedule(schedule, epoch))
    elif recipe.schedule == "reduce-on-plateau":
        callbacks.append(keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2))
    if recipe.early_stopping:
        callbacks.append(
            keras.callbacks.EarlyStopping(patience=recipe.early_stopping, restore_best_weights=True)
        )
    return callbacks


class _Schedule(keras.callbacks.Callback):
    """Let the learning rate follow a schedule over all steps of the training."""

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


def _channels_first() -> bool:
    return bool(keras.config.image_data_format() == "channels_first")


def _oriented(x: NDArray[Any]) -> NDArray[Any]:
    """Bring examples with channels last into Keras's image data format."""
    return np.moveaxis(x, -1, 1) if _channels_first() else x
