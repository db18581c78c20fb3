"""Train one model: the one training path, whoever asks for it."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnzoo.data import Data, DataError
from cnnzoo.kinds import AXES, may_be_grey
from cnnzoo.models.compiled_loss import CompiledLoss, loss_of
from cnnzoo.models.image_format import channels_first
from cnnzoo.models.initialization import complete
from cnnzoo.models.losses import LabelError
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError
from cnnzoo.training.augmentation import check_augmentation
from cnnzoo.training.batches import batch_stream, watched_stream
from cnnzoo.training.callbacks import STEPWISE, has_own_schedule, recipe_callbacks
from cnnzoo.training.class_weights import check_class_weight, class_weights
from cnnzoo.training.evaluation import PREDICTION_BATCH, evaluate
from cnnzoo.training.penalties import WithoutPenalties
from cnnzoo.training.recipe import Recipe
from cnnzoo.zoo import build


@dataclass(frozen=True)
class Trained:
    """A trained model with what was measured of it.

    Parameters
    ----------
    model
        The model.
    history
        Keras's numbers of each epoch by name: loss and metrics in training, the same with
        ``val_`` before them on the validation data, and "learning_rate", that of the last step.
        The losses are without penalties, as those of `evaluate` are.
    metrics
        What `evaluate` gives after training, by split: "test_loss", "validation_accuracy", and so
        on; those of the training split are in inference mode.
    seconds
        That the fit took, validation included and, where the model had not been fitted before,
        tracing it; not building, loading or the last evaluation.
    """

    model: Any
    history: dict[str, list[float]]
    metrics: dict[str, float]
    seconds: float


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
        More Keras callbacks; in the logs of epochs they too see losses without penalties.
    verbose
        As of ``keras.Model.fit``: 0 for silence, 1 for a bar, 2 for a line an epoch.
    steps_per_execution
        Steps that run without coming back to Python: faster, but callbacks see only every so
        many. Where the schedule changes the learning rate at every step it is 1 all the same.
        The model keeps the number, as it keeps what was traced for it.
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
    _check_kinds(model, data, recipe)
    if isinstance(model, str):
        purpose = {"input_shape": data.info.input_shape, "classes": data.info.classes}
        model = build(model, seed=seed, **{**purpose, **toggles})
    elif toggles:
        raise ToggleError(
            "`train` takes toggles only with the name of a model to build; got "
            f"{', '.join(toggles)} with the built model `{model.name}`."
        )
    complete(model, data.info.input_shape)
    start = time.perf_counter()
    history = fit(
        model,
        data,
        recipe,
        seed=seed,
        callbacks=callbacks,
        verbose=verbose,
        steps_per_execution=steps_per_execution,
    )
    seconds = time.perf_counter() - start
    metrics = {
        f"{name}_{metric}": value
        for name in ("train", "validation", "test")
        if len(getattr(data, name).x)
        for metric, value in evaluate(model, *getattr(data, name)).items()
    }
    return Trained(model=model, history=history, metrics=metrics, seconds=seconds)


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
    seeder = _TorchSeeder(stream(seed, "training"))
    _seed_global_streams(stream(seed, "training"), model, callbacks)
    rate = float(model.optimizer.learning_rate)
    if recipe.schedule in STEPWISE:
        steps_per_execution = 1
    if model.steps_per_execution != steps_per_execution:
        model.steps_per_execution = steps_per_execution
        model.train_function = model.test_function = None  # traced for another number
    weights = class_weights(recipe, labels, loss.classes)
    batches, setter = batch_stream(x, targets, data, recipe, seed, weights)
    try:
        result = model.fit(
            batches,
            epochs=recipe.epochs,
            validation_data=watched_stream(
                validation.x, loss.encode(validation.y), PREDICTION_BATCH
            )
            if len(validation.x)
            else None,
            callbacks=[
                WithoutPenalties(model),  # the first, so that all others see its numbers
                seeder,
                setter,
                *recipe_callbacks(recipe, rate, len(x)),
                *callbacks,
            ],
            shuffle=False,  # the stream does it
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
    """Seeds torch's global stream when the training begins; nothing on other backends.

    A Dropout without a seed draws from it (Keras 3.15.1, backend/torch/random.py), and so does the
    first ``fit`` of a model, before it begins, to find the shapes.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def on_train_begin(self, logs: Any = None) -> None:
        """Seed it."""
        if keras.config.backend() == "torch":
            keras.utils.set_random_seed(self._seed)


def _seed_global_streams(seed: int, model: Any, callbacks: Sequence[Any]) -> None:
    """Seed what is drawn without a seed of its own.

    Keras's layers draw from streams of their own, so that TensorFlow's global one is left alone
    where nothing else may draw from it: setting its seed makes it set up anew all that it has
    traced, which takes as long as an epoch of a small model.
    """
    if any(map(_is_foreign, [*_parts(model), *callbacks])):
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 # what a loss or a metric of somebody else's may draw from


def _parts(model: Any) -> Iterator[Any]:
    """Yield a model, its layers, and what layers were given to call."""
    given = ("activation", "regularizer", "constraint")
    for part in (model, *model._flatten_layers(include_self=False)):
        yield part
        yield from (v for name, v in vars(part).items() if v is not None and name.endswith(given))


def _is_foreign(part: Any) -> bool:
    """Tell what is not Keras's or this package's own, or may call what is not."""
    module = str(getattr(part, "__module__", ""))
    return module.partition(".")[0] not in ("keras", "cnnzoo") or isinstance(
        part, keras.layers.Lambda
    )


def _check_kinds(model: object, data: object, recipe: object) -> None:
    if not isinstance(model, str | keras.Model):
        raise ToggleError(
            "`model` of `train` must be a name of the zoo or a compiled keras.Model; "
            f"got {model!r}."
        )
    if not isinstance(data, Data):
        raise DataError(
            "`data` of `train` must be what `cnnzoo.load_data` returns, as in "
            f"cnnzoo.load_data('mnist5k'); got {type(data).__name__}."
        )
    if not isinstance(recipe, Recipe):
        raise ToggleError(f"`recipe` of `train` must be a cnnzoo.Recipe; got {recipe!r}.")


def _takes(takes: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    """Tell whether a model takes examples; Keras drops a single channel that it does not expect."""
    shapes = [given]
    if len(given) == AXES["images"] and given[-1] == 1 and not channels_first():
        shapes.append(given[:-1])
    return any(
        len(takes) == len(shape)
        and all(size in (None, side) for size, side in zip(takes, shape, strict=True))
        for shape in shapes
    )


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
    if len(model.inputs) != 1:
        raise ToggleError(
            f"`{model.name}` has {len(model.inputs)} inputs; `{data.info.name}` has one."
        )
    takes = tuple(model.input_shape[1:])
    if channels_first():
        takes = (*takes[1:], takes[0])
    given = data.info.input_shape
    if not _takes(takes, given):
        of_images = len(takes) == AXES["images"] and may_be_grey(given)
        raise ToggleError(
            f"`{model.name}` takes examples of shape {takes}; `{data.info.name}` has {given}. "
            + (
                "Load the data with kind='images'."
                if of_images
                else f"Build it with input_shape={given}."
            )
        )
    if (loss.classes == 1) != (data.info.classes == 1) or loss.classes < data.info.classes:
        kind = "is a regression" if data.info.classes == 1 else f"has {data.info.classes} classes"
        fitting = "classes=1 and loss='mse'" if data.info.classes == 1 else ""
        raise LabelError(
            f"`{model.name}` has classes={loss.classes} with {loss.choice.name}; "
            f"`{data.info.name}` {kind}. Build it with "
            f"{fitting or f'classes={data.info.classes}'}."
        )
    if recipe.schedule != "constant" and has_own_schedule(model.optimizer):
        raise ToggleError(
            f"`schedule` of `Recipe`: {recipe.schedule!r} sets the learning rate, and the "
            f"optimizer of `{model.name}` has a schedule of its own. Compile it with a number, or "
            "give 'constant'."
        )
    check_augmentation(recipe.augment, data.info, loss.choice)
    check_class_weight(recipe, data.info, model.name, loss.classes)
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
