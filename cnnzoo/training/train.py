"""Train and evaluate one model: the training path of users, searches and studies."""

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.builders import builder_for
from cnnzoo.data import Data, DataError
from cnnzoo.data.dataset import OutputInfo
from cnnzoo.data.source import SPLITS
from cnnzoo.kinds import AXES, may_be_grey
from cnnzoo.models.compiled_loss import inputs_of, outputs_of
from cnnzoo.models.image_format import channels_first
from cnnzoo.models.initialization import complete
from cnnzoo.models.losses import LabelError
from cnnzoo.models.model_loss import ModelLoss, losses_of
from cnnzoo.models.optimizers import is_of_torch
from cnnzoo.models.precision import check_precision
from cnnzoo.own_fit import OwnFit
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError
from cnnzoo.training.augmentation import check_augmentation
from cnnzoo.training.batches import batch_stream, validation_stream
from cnnzoo.training.callbacks import STEPWISE, has_own_schedule, recipe_callbacks
from cnnzoo.training.class_weights import check_class_weight, weights_of_batch
from cnnzoo.training.evaluation import PREDICTION_BATCH, evaluate_each, minority_of
from cnnzoo.training.given_metrics import check_on_data
from cnnzoo.training.metric_names import TEST
from cnnzoo.training.metric_texts import read_requested
from cnnzoo.training.penalties import WithoutPenalties
from cnnzoo.training.recipe import Recipe


@dataclass(frozen=True)
class Trained:
    """A trained model with its history and metrics.

    Parameters
    ----------
    model
        The trained ``keras.Model``.
    history
        Values of each epoch by name: training loss and metrics, validation loss and metrics with
        the prefix ``val_``, and "learning_rate", the rate of the last step. Losses exclude
        penalties, as in `evaluate`.
    metrics
        Metrics of `evaluate` after training, by split: "test_loss", "validation_accuracy" and so
        on. Those of the training split are measured in inference mode. With a validation split
        there are also "gap", the training accuracy minus the validation accuracy, or the
        validation MAE minus the training MAE of a regression, and "loss_gap", the validation loss
        minus the training loss: both are positive if the model fits the training split better. If
        some classes have less than half of the training examples of the most frequent class, each
        split has "minority_f1", the mean of their F1. With several outputs, all except the losses
        of the model begin with the name of the output, as in "test_digit_accuracy", and there is
        no "gap".
    seconds
        Duration of the fit: with validation, and with tracing if the model was not fitted before;
        without building, loading and the final evaluation.
    outcomes
        Outcome of each test example by name, in the order of the test split: "correct" and "nll"
        (negative log-likelihood), or "error" (output minus target) for a regression, and "loss".
        An outcome that is unknown is missing.
    notes
        A sentence on each requested metric that is missing, or that Keras computes in a way that
        misleads: on the last split where it is.
    """

    model: keras.Model
    history: dict[str, list[float]]
    metrics: dict[str, float]
    seconds: float
    outcomes: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.metrics.items() if name.startswith(TEST)}
        values = ", ".join(f"{name} {value:.4g}" for name, value in (shown or self.metrics).items())
        return f"<Trained {self.model.name}: {values}>"


def train(
    model: Any,
    data: Data,
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | None = None,
    steps_per_execution: int = 1,
    metrics: Any = (),
    **toggles: Any,
) -> Trained:
    """Train a model by a recipe and evaluate it on every split.

    Parameters
    ----------
    model
        A compiled ``keras.Model``, which is trained from its current weights; or what a study or a
        search takes, which is built for the data: the name of a zoo model,
        "package.module:function", a function that builds, or an object with ``build`` and perhaps
        a ``fit(model, data, seed)``, which then trains the model.
    data
        Data from `cnnzoo.load_data`.
    recipe
        Training recipe; ``Recipe()`` by default.
    seed
        Seed of the initial weights (if the model is built here), the order of the data and the
        augmentation. Each has its own random stream.
    callbacks
        Additional Keras callbacks. The losses in their epoch logs exclude penalties.
    verbose
        Verbosity of ``keras.Model.fit``: 0 is silent, 1 shows a bar, 2 prints one line per epoch;
        by default 1 if the output is a terminal, else 0.
    steps_per_execution
        Number of steps per call of the compiled training function. More is faster, but batch
        callbacks run only once per call. It is 1 if the schedule changes the learning rate at
        every step, and on the backend torch. The model keeps the value.
    metrics
        Further metrics that are measured on every split after training: one or a list of

        - a metric of the predictions of a classifier: "precision[CLASS]", "recall[CLASS]",
          "f1[CLASS]" or "auc[CLASS]", with the name of a class; "macro_recall", "weighted_f1" and
          so on, the mean over the classes; "top_k_accuracy[K]"; "ece" or "ece[BINS]", the expected
          calibration error (Guo et al. 2017) with 15 bins; "brier";
        - a metric of Keras, as a name, an instance or a text:
          ``"mean_absolute_percentage_error"``, ``keras.metrics.AUC(curve="PR")``,
          ``"AUC(curve='PR')"``;
        - a custom function ``f(y_true, y_pred)`` of class ids (n,) and probabilities (n, classes),
          or of targets and outputs of a regression, both (n,), which returns a number or one per
          example; or a subclass of ``keras.metrics.Metric``, or its instance. If its name does not
          tell whether lower or higher is better, a pair does: ``(share, "max")``.

        With several outputs, a metric of the predictions of one of them, or a function of
        ``keras.metrics``, after the name of the output: "digit_recall[3]".
    **toggles
        Toggles of the model and other arguments of its builder, if it is built here.

    Returns
    -------
    Trained

    Raises
    ------
    ToggleError, LabelError, DataError
        If an argument is invalid, or the model, the data and the recipe do not fit together. It is
        raised before training starts.

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits")
    >>> trained = train("mlp", digits, Recipe(epochs=5), units=32)
    >>> trained.metrics["test_accuracy"] > 0.5
    True
    """
    recipe = recipe or Recipe()
    is_built = isinstance(model, keras.Model)
    if isinstance(data, str | os.PathLike):  # before its toggles are refused as the model's
        _check_types(data, recipe)
    builder = None if is_built else builder_for(model, toggles, "train")
    _check_types(data, recipe)
    texts = read_requested(metrics, data.info.output_names)
    check_on_data(texts, data.info)
    own_fit = None
    if builder is not None:
        own_fit = builder.fitter(toggles)
        shape, classes = data.info.input_shape, data.info.classes
        model = builder.build(toggles, shape, classes, seed, recipe.precision)
    elif toggles:
        raise ToggleError(
            "`train`: expected toggles only with the name of a zoo model or a builder; got "
            f"{', '.join(toggles)} with the built model `{model.name}`. Set them when you build it."
        )
    return train_built(
        model,
        data,
        recipe,
        seed=seed,
        callbacks=callbacks,
        verbose=verbose,
        steps_per_execution=steps_per_execution,
        metrics=texts,
        own_fit=own_fit,
    )


def train_built(
    model: keras.Model,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | None = None,
    steps_per_execution: int = 1,
    metrics: Sequence[str] = (),
    own_fit: OwnFit | None = None,
) -> Trained:
    """Train a built model and evaluate it on every split.

    Parameters
    ----------
    model
        A compiled ``keras.Model``.
    data, recipe, seed, callbacks, verbose, steps_per_execution
        See `train`.
    metrics
        Texts of the requested metrics.
    own_fit
        The custom ``fit`` of its builder; None if the recipe trains it.

    Returns
    -------
    Trained
    """
    complete(model, data.info.input_shape)
    start = time.perf_counter()
    history = fit(
        model,
        data,
        recipe,
        seed=seed,
        callbacks=callbacks,
        verbose=int(sys.stdout.isatty()) if verbose is None else verbose,
        steps_per_execution=steps_per_execution,
        own_fit=own_fit,
    )
    seconds = time.perf_counter() - start
    measured: dict[str, float] = {}
    outcomes: dict[str, NDArray[Any]] = {}
    notes: dict[str, str] = {}
    minority = minority_of(data)
    for name in SPLITS:
        split = getattr(data, name)
        if len(split.x):
            evaluation = evaluate_each(
                model,
                *split,
                outcomes=name == "test",
                minority=minority,
                metrics=metrics,
                class_names=data.info.names_by_output,
            )
            outcomes = evaluation.outcomes
            notes |= {each: f"{name}: {note}" for each, note in evaluation.notes.items()}
            measured |= {f"{name}_{metric}": value for metric, value in evaluation.metrics.items()}
    return Trained(
        model, history, measured | gaps(measured), seconds, outcomes, tuple(notes.values())
    )


def not_finite(name: str, history: Mapping[str, Sequence[float]], recipe: Recipe) -> str:
    """Return the reason of a failed training, one of whose metrics is not finite.

    Examples
    --------
    >>> not_finite("loss", {"loss": [float("nan")]}, Recipe(epochs=2))
    'loss is not a finite number after epoch 1 of 2'
    """
    epochs = len(history.get("loss", ()))
    end = f" after epoch {epochs} of {recipe.epochs}" if epochs else ""
    return f"{name} is not a finite number{end}"


def gaps(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return by how much a model is better on the training split than on the validation split.

    Parameters
    ----------
    metrics
        Metrics by split.

    Returns
    -------
    dict
        "gap" and "loss_gap", as in `Trained`; empty without a validation split.

    Examples
    --------
    >>> loss, mae = {"train_loss": 1.0, "validation_loss": 1.5}, {"train_mae": 1.0}
    >>> gaps(loss | mae | {"validation_mae": 1.25})
    {'gap': 0.25, 'loss_gap': 0.5}
    """
    result = {}
    for name, metric, sign in (("gap", "accuracy", -1), ("gap", "mae", 1), ("loss_gap", "loss", 1)):
        train, validation = f"train_{metric}", f"validation_{metric}"
        if train in metrics and validation in metrics:
            result[name] = sign * (metrics[validation] - metrics[train])
    return result


def fit(
    model: keras.Model,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
    steps_per_execution: int = 1,
    own_fit: OwnFit | None = None,
) -> dict[str, list[float]]:
    """Fit a compiled model to the training split and validate it after each epoch.

    Parameters
    ----------
    model, data, recipe, seed, callbacks, verbose, steps_per_execution, own_fit
        See `train_built`.

    Returns
    -------
    dict
        The history: one value per epoch, by name. That of a custom ``fit`` may be empty.

    Raises
    ------
    ToggleError, LabelError
        If the model, the data and the recipe do not fit together.
    """
    loss = check_fit(model, data, recipe, own_fit)
    if own_fit is not None:
        keras.utils.set_random_seed(stream(seed, "training"))
        return own_fit(
            model,
            data,
            recipe,
            seed=seed,
            callbacks=callbacks,
            verbose=verbose,
            encode=loss.encode,
        )
    (x, labels), validation = data.train, data.validation
    targets = loss.encode(labels)
    seeder = _TorchSeeder(stream(seed, "training"))
    _seed_global_streams(stream(seed, "training"), model, callbacks)
    rate = float(model.optimizer.learning_rate)
    if recipe.schedule in STEPWISE or keras.config.backend() == "torch":
        steps_per_execution = 1
    if model.steps_per_execution != steps_per_execution:
        model.steps_per_execution = steps_per_execution
        model.train_function = model.test_function = None  # trace them again
    weights = weights_of_batch(recipe, labels, loss)
    batches, setter = batch_stream(x, targets, data, recipe, seed, weights)
    try:
        result = model.fit(
            batches,
            epochs=recipe.epochs,
            validation_data=validation_stream(
                validation.x, loss.encode(validation.y), PREDICTION_BATCH
            )
            if len(validation.x)
            else None,
            callbacks=[
                WithoutPenalties(model),  # first, so that all others see its losses
                seeder,
                setter,
                *recipe_callbacks(recipe, rate, len(x)),
                *callbacks,
            ],
            shuffle=False,  # the stream shuffles
            verbose=verbose,
        )
    finally:
        if not has_own_schedule(model.optimizer):
            model.optimizer.learning_rate = rate
    history = {name: [float(value) for value in values] for name, values in result.history.items()}
    if not has_own_schedule(model.optimizer):
        history.setdefault("learning_rate", [rate] * len(result.epoch))
    return history


class _TorchSeeder(keras.callbacks.Callback):
    """Seed torch's global stream when training begins, if torch is the backend.

    A Dropout without a seed draws from it (Keras 3.15.1, backend/torch/random.py). So does the
    first ``fit`` of a model before training begins, to find the shapes.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_train_begin(self, logs: Any = None) -> None:
        """Seed torch's global stream."""
        if keras.config.backend() == "torch":
            keras.utils.set_random_seed(self._seed)


def _seed_global_streams(
    seed: int, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> None:
    """Seed the global random streams of Python and NumPy, and of TensorFlow if needed.

    Keras layers have their own streams, so TensorFlow's global seed is set only if custom code may
    draw from it. Setting it makes TensorFlow rebuild all traced functions, which takes as long as
    an epoch of a small model.
    """
    if any(map(_is_custom, [*_parts(model), *callbacks])):
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 # a custom loss or metric may draw from it


def _parts(model: keras.Model) -> Iterator[Any]:
    """Yield a model, its layers, and the layers' activations, regularizers and constraints."""
    suffixes = ("activation", "regularizer", "constraint")
    for part in (model, *model._flatten_layers(include_self=False)):
        yield part
        for name, value in vars(part).items():
            if value is not None and name.endswith(suffixes):
                yield value


def _is_custom(part: object) -> bool:
    """Return whether a part is defined outside Keras and this package, or may call such code."""
    module = str(getattr(part, "__module__", ""))
    return module.partition(".")[0] not in ("keras", "cnnzoo") or isinstance(
        part, keras.layers.Lambda
    )


def _check_types(data: object, recipe: object) -> None:
    if not isinstance(data, Data):
        spec = str(data) if isinstance(data, str | os.PathLike) else "mnist5k"
        raise DataError(
            "`data` of `train`: expected the result of `cnnzoo.load_data`, such as "
            f"cnnzoo.load_data({spec!r}); got {type(data).__name__}."
        )
    if not isinstance(recipe, Recipe):
        raise ToggleError(f"`recipe` of `train`: expected a cnnzoo.Recipe; got {recipe!r}.")


def check_fit(
    model: keras.Model, data: Data, recipe: Recipe, own_fit: OwnFit | None = None
) -> ModelLoss:
    """Check that a model, data and a recipe fit together.

    Parameters
    ----------
    model, data, recipe, own_fit
        See `train_built`. Of a custom ``fit``, it is only checked that the recipe reaches it.

    Returns
    -------
    ModelLoss
        The losses of the model.

    Raises
    ------
    ToggleError, LabelError
        If they do not; the message gives the remedy.
    """
    loss = losses_of(model, named=bool(data.info.outputs))
    _check_input_shape(model, data)
    outputs = {output.name: output for output in data.info.every_output}
    for name, own in loss.select(outputs).items():
        _check_classes(loss, name, own, data.info.name)
    _check_keras_traps(model, loss)
    check_precision(model, recipe.precision)
    if own_fit is not None:
        own_fit.check(recipe)
        return loss
    _check_output_shapes(model, loss, data)
    if recipe.schedule != "constant" and has_own_schedule(model.optimizer):
        raise ToggleError(
            f"`schedule` of `Recipe`: {recipe.schedule!r} sets the learning rate, but the "
            f"optimizer of `{model.name}` has its own schedule. Compile the model with a number, "
            "or pass schedule='constant'."
        )
    choices = [each.choice for each in loss.by_output.values()]
    check_augmentation(recipe.augment, data.info, choices)
    check_class_weight(recipe, data.info, loss)
    needs_validation = {
        "schedule": recipe.schedule == "reduce-on-plateau",
        "early_stopping": recipe.early_stopping > 0,
    }
    for name, needed in needs_validation.items():
        if needed and not len(data.validation.x):
            raise ToggleError(
                f"`{name}` of `Recipe`: {getattr(recipe, name)!r} needs the validation loss, but "
                f"`{data.info.name}` has no validation split. Load it with validation=0.1."
            )
    return loss


def _check_classes(loss: ModelLoss, name: str, output: OutputInfo, data: str) -> None:
    own, classes = loss.by_output[name], output.classes
    if (own.classes == 1) == (classes == 1) and own.classes >= classes:
        return
    task = "is a regression" if classes == 1 else f"has {classes} classes"
    remedy = "classes=1 and loss='mse'" if classes == 1 else f"classes={classes}"
    where = f"output {name!r} of `{loss.owner}`" if name else f"`{loss.owner}`"
    of_data = f"{name!r} of `{data}`" if name else f"`{data}`"
    raise LabelError(
        f"{where[0].upper()}{where[1:]} has classes={own.classes} with {own.choice.name}; "
        f"{of_data} {task}. Build it with {remedy}."
    )


def _check_input_shape(model: keras.Model, data: Data) -> None:
    inputs = inputs_of(model)
    if inputs is None:
        return  # a subclass of keras.Model, which learns its input from the first batch
    if len(inputs) != 1:
        raise ToggleError(f"`{model.name}`: expected a model with one input; got {len(inputs)}.")
    expected, shape = tuple(inputs[0].shape[1:]), data.info.input_shape
    if channels_first():
        expected = (*expected[1:], expected[0])
    accepted = [shape]
    if len(shape) == AXES["images"] and shape[-1] == 1 and not channels_first():
        accepted.append(shape[:-1])  # Keras drops a single channel that the model does not expect
    if not any(_fits(expected, sizes) for sizes in accepted):
        is_image_model = len(expected) == AXES["images"] and may_be_grey(shape)
        raise ToggleError(
            f"`{model.name}`: expected examples of shape {expected}; `{data.info.name}` has "
            f"{shape}. "
            + (
                "Load the data with kind='images'."
                if is_image_model
                else f"Build the model with input_shape={shape}."
            )
        )


def _check_output_shapes(model: keras.Model, loss: ModelLoss, data: Data) -> None:
    """Refuse a classifier that gives no vector for an example: its head lacks a Flatten."""
    classes = {output.name: output.classes for output in data.info.every_output}
    for name, tensor in zip(loss.by_output, outputs_of(model) or [], strict=False):
        shape = tuple(tensor.shape[1:])
        if classes.get(name, 1) > 1 and len(shape) > 1:
            pooling = f"GlobalAveragePooling{len(shape) - 1}D"
            raise LabelError(
                f"`{model.name}`: expected an output of shape ({shape[-1]},), one value for each "
                f"class; got {shape}. Put Flatten or {pooling} before the last Dense layer."
            )


def _fits(expected: tuple[int | None, ...], sizes: tuple[int, ...]) -> bool:
    return len(expected) == len(sizes) and all(
        side in (None, size) for side, size in zip(expected, sizes, strict=True)
    )


def _check_keras_traps(model: Any, loss: ModelLoss) -> None:
    """Refuse what Keras 3.15.1 accepts and does not do; see docs/traps.md."""
    units = [output.shape[-1] for output in outputs_of(model) or []]
    heads = [each.head for each in loss.by_output.values()]
    if ("softmax", 1) in zip(heads, units, strict=False):
        raise LabelError(
            f"`{model.name}`: expected sigmoid at the end of one unit; got softmax, which is 1 "
            "whatever the input. Give sigmoid, or a unit for each class."
        )
    backend = keras.config.backend()
    if backend != "torch" and is_of_torch(model.optimizer):
        raise ToggleError(
            f"The optimizer of `{model.name}`: expected one for the Keras backend {backend}; got "
            f"{type(model.optimizer).__name__} for torch, where the model was saved. Load it with "
            "cnnzoo.load_model, or compile it again."
        )
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        if getattr(model.optimizer, name, None) == 0:
            raise ToggleError(
                f"`{name}` of the optimizer of `{model.name}`: expected a number above 0, or None "
                "for no clipping; got 0, which Keras ignores."
            )
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.RandomCrop):
            raise ToggleError(
                f"`{layer.name}` of `{model.name}`: expected no RandomCrop in a model; got one, "
                "which Keras applies in training alone, so that whole images are evaluated. Crop "
                "the data, or give augment='crop' of `Recipe`."
            )
