"""The training that a check looks at: model, data and the arguments of ``fit``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data import Data, DataError
from cnnzoo.data.scaling import Pixels, ScaledArray
from cnnzoo.doctor.layer_calls import Head, LayerCalls, head_in
from cnnzoo.models.compiled_loss import loss_of
from cnnzoo.models.image_format import oriented
from cnnzoo.models.losses import LabelError

Array = NDArray[Any]

DEFAULT_BATCH = 32
"""Batch size of ``fit`` and of a recipe if none is given."""


@dataclass(frozen=True)
class Splits:
    """The arrays as ``fit`` gets them.

    Parameters
    ----------
    x, y
        Training examples and targets.
    x_val, y_val
        Validation examples and targets; None if there are none.
    split_off
        Whether the validation examples are the last ones of the given arrays.
    x_test, y_test
        Test examples and targets, which ``fit`` does not get; None if they are unknown.
    """

    x: Pixels
    y: Array
    x_val: Pixels | None = None
    y_val: Array | None = None
    split_off: bool = False
    x_test: Pixels | None = None
    y_test: Array | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """A model, its data and how it is going to be trained.

    Parameters
    ----------
    model
        A built and compiled ``keras.Model``.
    splits
        The data.
    batch_size
        Examples per step.
    epochs
        Number of epochs; None if it is unknown.
    shuffle
        Whether the training examples are shuffled before each epoch.
    class_weight
        Weight of each class in the loss, by class id; empty for equal weights.
    toggles
        Names of the toggles of the model; empty if it is not a model of the zoo.
    """

    model: keras.Model
    splits: Splits
    batch_size: int = DEFAULT_BATCH
    epochs: int | None = None
    shuffle: bool = True
    class_weight: Mapping[int, float] | None = None
    toggles: frozenset[str] = frozenset()

    @property
    def x(self) -> Pixels:
        """Training examples."""
        return self.splits.x

    @property
    def y(self) -> Array:
        """Training targets."""
        return self.splits.y

    @cached_property
    def loss(self) -> Any:
        """The Keras loss of a model with one output; None if there is another number of them."""
        return one_loss(self.model)

    @cached_property
    def loss_name(self) -> str:
        """Name of the loss function, such as "mean_squared_error"; empty if it is unknown."""
        return loss_name(self.loss)

    @cached_property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        config = self.loss.get_config() if hasattr(self.loss, "get_config") else {}
        return bool(config.get("from_logits", config.get("fn_kwargs", {}).get("from_logits")))

    @cached_property
    def graph(self) -> LayerCalls:
        """The calls of the model's layers."""
        return LayerCalls(self.model)

    @cached_property
    def head(self) -> Head:
        """What ends the model."""
        head = head_in(self.graph, self.model)
        if head.output_shape is None and self.loss is not None:
            return replace(head, output_shape=self.outputs.shape[1:])
        return head

    @cached_property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the compiled metrics, in the words of Keras's functions."""
        return tuple(name for name, _ in self.metrics)

    @cached_property
    def metrics(self) -> tuple[tuple[str, Any], ...]:
        """The compiled metrics of a model with one output, with their names."""
        config = getattr(self.model, "_compile_config", None)
        if config is None or not hasattr(self.model, "compiled"):
            return ()
        given = config.config.get("metrics") or ()
        flat = keras.tree.flatten(given)
        return tuple(
            (name if isinstance(name := metric, str) else type(metric).__name__, metric)
            for metric in flat
            if metric is not None
        )

    @cached_property
    def batch(self) -> tuple[Array, Array]:
        """Examples of one batch, drawn at random with a fixed seed."""
        count = min(self.batch_size, len(self.x))
        chosen = np.random.default_rng(0).permutation(len(self.x))[:count]
        return self.x[chosen], self.y[chosen]

    @cached_property
    def outputs(self) -> Array:
        """Outputs for the batch in inference mode, in float32."""
        outputs = self.model(self.batch[0], training=False)
        return np.asarray(keras.ops.convert_to_numpy(keras.tree.flatten(outputs)[0]), "float32")

    @property
    def steps_per_epoch(self) -> int:
        """Number of weight updates of an epoch."""
        return -(-len(self.x) // self.batch_size)

    @property
    def steps(self) -> int | None:
        """Number of weight updates in all; None if the number of epochs is unknown."""
        return None if self.epochs is None else self.epochs * self.steps_per_epoch

    @cached_property
    def ids(self) -> Array | None:
        """Class ids of the training targets; None if these are no classes."""
        return class_ids(self.y, self.is_classification)

    @cached_property
    def validation_ids(self) -> Array | None:
        """Class ids of the validation targets; None if there are none."""
        y = self.splits.y_val
        return None if y is None else class_ids(y, self.is_classification)

    @cached_property
    def is_classification(self) -> bool:
        """Whether loss, metrics or targets are of classes."""
        if "crossentropy" in self.loss_name or "hinge" in self.loss_name:
            return True
        return self.wants_accuracy or is_one_hot(self.y)

    @property
    def wants_accuracy(self) -> bool:
        """Whether a metric counts correct classes."""
        return any("acc" in name.lower() for name in self.metric_names)

    def of_zoo(self, *names: str) -> bool:
        """Return whether the model is of the zoo and has toggles of these names."""
        return self.toggles.issuperset(names)

    def where(self, toggle: str, otherwise: str) -> str:
        """Return the words for a remedy: with the toggle if the model has it."""
        return f"`{toggle}`" if toggle in self.toggles else otherwise


def one_loss(model: keras.Model) -> Any:
    """Return the loss of a model with one output, as Keras looks it up; else None.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> one_loss(model).__name__
    'mean_squared_error'
    """
    losses = keras.tree.flatten(getattr(model, "loss", None))
    losses = [loss for loss in losses if loss is not None]
    if len(losses) != 1 or len(getattr(model, "outputs", None) or [0]) != 1:
        return None
    return keras.losses.get(losses[0])


def loss_name(loss: Any) -> str:
    """Return the name of a loss's function; empty if there is none.

    Examples
    --------
    >>> loss_name(keras.losses.BinaryCrossentropy())
    'binary_crossentropy'
    """
    if loss is None:
        return ""
    return str(getattr(getattr(loss, "fn", loss), "__name__", type(loss).__name__))


def is_one_hot(y: Array) -> bool:
    """Return whether rows have a single 1 among zeros.

    Examples
    --------
    >>> is_one_hot(np.eye(3)), is_one_hot(np.ones((2, 3))), is_one_hot(np.arange(3))
    (True, False, False)
    """
    if y.ndim < 2 or y.shape[-1] < 2:
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=-1) == 1).all())


def are_integers(y: Array) -> bool:
    """Return whether all values are whole numbers."""
    if y.dtype.kind in "biu":
        return True
    return y.dtype.kind == "f" and bool(np.isfinite(y).all() and (y == np.floor(y)).all())


def class_ids(y: Array, is_classification: bool) -> Array | None:
    """Return class ids of one label per row, whatever their encoding; None if there are none.

    Examples
    --------
    >>> class_ids(np.eye(3)[[2, 0]], True).tolist(), class_ids(np.array([[1.0], [0.0]]), True)
    ([2, 0], array([1, 0]))
    """
    if not is_classification:
        return None
    if is_one_hot(y):
        return np.asarray(y.argmax(-1)) if y.ndim == 2 else None
    flat = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if flat.ndim == 1 and are_integers(flat):
        return flat.astype("int64")
    return None


def make_plan(
    model: keras.Model,
    data: Any,
    *,
    validation_data: Any = None,
    validation_split: float = 0.0,
    toggles: Sequence[str] = (),
    **settings: Any,
) -> TrainingPlan:
    """Return the plan for a model and data in any of the forms of `cnnzoo.check`.

    Raises
    ------
    DataError
        If the data have another form.
    """
    splits = _splits(model, data, validation_data)
    if validation_split and splits.x_val is None:
        if not 0 < validation_split < 1:
            raise DataError(
                "`validation_split`: expected a share from 0 to less than 1; got "
                f"{validation_split!r}."
            )
        count = int(len(splits.x) * (1 - validation_split))  # as Keras does
        splits = replace(
            splits,
            x=splits.x[:count],
            y=splits.y[:count],
            x_val=splits.x[count:],
            y_val=splits.y[count:],
            split_off=True,
        )
    if not len(splits.x):
        raise DataError("`data`: expected at least one training example; got none.")
    _check_shape(model, splits.x.shape[1:])
    return TrainingPlan(model, splits, toggles=frozenset(toggles), **settings)


def _check_shape(model: keras.Model, shape: tuple[int, ...]) -> None:
    """Raise DataError if a model of one input of known shape cannot take the examples."""
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) > 1:
        raise DataError(
            f"`data`: expected a model of one input, because x is one array; got `{model.name}` "
            f"with {len(inputs)} inputs."
        )
    expected = tuple(inputs[0].shape[1:]) if inputs else None
    # Keras adds or removes a last axis of 1
    forms = [shape, (*shape, 1)] + ([shape[:-1]] if shape[-1] == 1 else [])
    if expected is None or any(_fits(form, expected) for form in forms):
        return
    moved = (*shape[1:], shape[0])
    remedy = ""
    if _fits(moved, expected):
        remedy = " Transpose with np.moveaxis(x, 1, -1); a reshape would mix the pixels."
    elif None not in expected and np.prod(shape) == np.prod(expected):
        remedy = f" Reshape them with x.reshape({', '.join(map(str, (-1, *expected)))})."
    raise DataError(
        f"`data`: expected examples of the shape {expected}, which `{model.name}` takes; got "
        f"{shape}.{remedy}"
    )


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Return whether examples of a shape can be given where another is expected."""
    return len(shape) == len(expected) and all(
        side in (None, given) for given, side in zip(shape, expected, strict=True)
    )


def _splits(model: keras.Model, data: Any, validation_data: Any) -> Splits:
    if isinstance(data, Data):
        if validation_data is not None:
            raise DataError(
                "`validation_data`: expected None, because the data have a validation split."
            )
        if data.info.outputs:
            raise _several("data", "y", len(data.info.outputs))
        encode = _encoder(model)
        validation = data.validation if len(data.validation.x) else None
        return Splits(
            oriented(data.train.x),
            encode(data.train.y),
            oriented(validation.x) if validation else None,
            encode(validation.y) if validation else None,
            x_test=oriented(data.test.x) if len(data.test.x) else None,
            y_test=encode(data.test.y) if len(data.test.x) else None,
        )
    pair, held = data, validation_data
    if _is_pair(data) and all(_is_pair(part) and hasattr(part[0], "shape") for part in data):
        if validation_data is not None:
            raise DataError("`validation_data` is set twice: in `data` and as a keyword.")
        pair, held = data
    x, y = _arrays("data", pair)
    if held is None:
        return Splits(x, y)
    return Splits(x, y, *_arrays("validation_data", held))


def _encoder(model: keras.Model) -> Any:
    """Return the function that encodes labels as `cnnzoo.train` does, if the model has one."""

    def encode(labels: Array) -> Array:
        try:
            return loss_of(model).encode(labels)
        except LabelError:
            return labels  # whose faults are findings

    return encode


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _arrays(name: str, pair: Any) -> tuple[Pixels, Array]:
    if not _is_pair(pair):
        is_stream = hasattr(pair, "__iter__") and not isinstance(pair, str | Mapping | np.ndarray)
        raise DataError(
            f"`{name}`: expected data from cnnzoo.load_data, a pair of arrays (x, y), or "
            f"((x, y), (x_val, y_val)); got {type(pair).__name__}."
            + (" Collect some batches of it as arrays." if is_stream else "")
        )
    x, y = pair
    for label, part, other in (("x", x, y), ("y", y, x)):
        if isinstance(part, Mapping) or _are_several(part, other):
            raise _several(name, label, len(part))
    x, y = x if isinstance(x, ScaledArray) else np.asarray(x), np.asarray(y)
    for label, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"`{name}`: expected numbers in {label}; got the type {array.dtype}."
                + (" Class ids are np.unique(y, return_inverse=True)[1]." * (label == "y"))
            )
    if len(np.shape(x)) < 2 or np.ndim(y) < 1 or len(x) != len(y):
        raise DataError(
            f"`{name}`: expected as many examples as targets; got arrays of shape {x.shape} and "
            f"{y.shape}."
        )
    return x, y


def _several(name: str, label: str, count: int) -> DataError:
    """Return the error for data of a model with several inputs or outputs."""
    kind = {"x": "inputs", "y": "outputs"}[label]
    return DataError(
        f"`{name}`: expected one array as {label}; got {count}. Models of several {kind} are not "
        "checked as a whole; give a model of one of them."
    )


def _are_several(part: Any, other: Any) -> bool:
    """Return whether a part of a pair holds arrays, and not the rows of one array."""
    if not isinstance(part, tuple | list) or not part:
        return False
    are_arrays = all(getattr(one, "shape", ()) for one in part)
    return are_arrays and (isinstance(other, Mapping) or len(part) != len(other))
