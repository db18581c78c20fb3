"""What the call of ``model.fit`` around a callback was given: its data, weights and callbacks."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnnzoo.data.scaling import ScaledArray
from cnnzoo.doctor.chance import Constant
from cnnzoo.doctor.record import EarlyStop

PROBE_EXAMPLES = 32
"""Examples of a probe batch that is taken from the data."""


@dataclass(frozen=True)
class FitCall:
    """Arguments of a call of ``model.fit``.

    Parameters
    ----------
    x, y, weights
        The training data without the validation split, if they are arrays; else None.
    validation_x, validation_y
        The validation data, if they are arrays; else None.
    class_weight
        Weight of each class.
    callbacks
        All callbacks of the call.
    is_found
        Whether the call was found at all.
    """

    x: Any = None
    y: Any = None
    weights: Any = None
    validation_x: Any = None
    validation_y: Any = None
    class_weight: Mapping[int, float] | None = None
    callbacks: Sequence[keras.callbacks.Callback] = field(default=())
    is_found: bool = False

    @classmethod
    def around(cls, model: keras.Model) -> "FitCall":
        """Return the arguments of the call that runs now, which Keras gives to no callback."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            known = frame.f_locals
            if frame.f_code.co_name == "fit" and known.get("self") is model and "x" in known:
                break
            frame = frame.f_back
        else:
            return cls()
        x, y, weights = (known.get(name) for name in ("x", "y", "sample_weight"))
        if not _is_arrays(x) or not _is_arrays(y):
            x = y = weights = None
        validation = known.get("validation_data")
        validation_x = validation_y = None
        if isinstance(validation, tuple | list) and len(validation) > 1:
            validation_x, validation_y = (
                part if _is_arrays(part) else None for part in validation[:2]
            )
        callbacks = known.get("callbacks")
        return cls(
            x,
            y,
            None if weights is None else keras.tree.map_structure(np.asarray, weights),
            validation_x,
            validation_y,
            known.get("class_weight"),
            tuple(getattr(callbacks, "callbacks", callbacks) or ()),
            is_found=True,
        )

    def probe(self) -> tuple[Any, Any, Any] | None:
        """Return evenly spaced training examples as inputs, targets and weights, if possible."""
        if self.x is None:
            return None
        places = probe_places(self.x)
        x, y = probe_batch(self.x, self.y)
        weights = None
        if self.weights is not None:
            weights = keras.tree.map_structure(
                lambda each: each[places].astype("float32"), self.weights
            )
        ids = class_ids(y)
        if self.class_weight and ids is not None:
            of_class = [self.class_weight.get(int(label), 1.0) for label in ids]
            weights = np.asarray(of_class, "float32") * (1.0 if weights is None else weights)
        return x, y, weights

    def early_stop(self) -> EarlyStop | None:
        """Return the settings of the early stopping, if there is one."""
        for callback in self.callbacks:
            if isinstance(callback, keras.callbacks.EarlyStopping):
                mode = callback.mode
                if mode not in ("min", "max"):
                    mode = "max" if "acc" in callback.monitor else "min"
                return EarlyStop(
                    callback.monitor,
                    mode,
                    int(callback.patience),
                    abs(float(callback.min_delta)),
                    int(callback.stopped_epoch) + 1 if callback.stopped_epoch else 0,
                )
        return None


def probe_places(x: Any, count: int = PROBE_EXAMPLES) -> NDArray[np.int64]:
    """Return the places of evenly spaced examples.

    Examples
    --------
    >>> probe_places(np.zeros((9, 2)), 3).tolist()
    [0, 4, 8]
    """
    last = len(keras.tree.flatten(x)[0]) - 1
    return np.unique(np.linspace(0, last, count).astype("int64"))


def probe_batch(x: Any, y: Any, count: int = PROBE_EXAMPLES) -> tuple[Any, Any]:
    """Return evenly spaced examples with their targets."""
    places = probe_places(x, count)
    x, y = (keras.tree.map_structure(lambda array: _rows(array, places), part) for part in (x, y))
    return x, y


def constant_of(y: Any, is_numbers: bool) -> Constant | None:
    """Return the metrics of the best constant answer for targets as a model trains on them.

    Parameters
    ----------
    y
        Class ids, one-hot labels, or numbers.
    is_numbers
        Whether the targets are numbers.

    Examples
    --------
    >>> constant_of(np.eye(2)[[0, 0, 0, 1]], is_numbers=False).accuracy
    0.75
    >>> constant_of(np.array([[0.0, 0.0], [2.0, 0.0]]), is_numbers=True).rmse ** 2
    0.5000000000000001
    """
    if y is None or keras.tree.is_nested(y):
        return None
    array = np.asarray(y)
    if is_numbers:
        variances = array.astype("float64").reshape(len(array), -1).var(axis=0)
        return Constant(len(array), rmse=float(np.sqrt(variances.mean())))
    ids = class_ids(array)
    if ids is None or not len(ids) or ids.min() < 0:
        return None
    return Constant.of(ids, classes=max(2, int(ids.max()) + 1))


def class_ids(y: Any) -> NDArray[np.int64] | None:
    """Return class ids of shape (n,) from ids or one-hot labels; None for other targets."""
    if keras.tree.is_nested(y):
        return None
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] > 1:
        is_one_hot = np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
        return array.argmax(axis=1).astype("int64") if is_one_hot else None
    if array.size != len(array) or not np.equal(array, np.floor(array)).all():
        return None
    ids: NDArray[np.int64] = array.reshape(-1).astype("int64")
    return ids


def _is_arrays(data: Any) -> bool:
    """Return whether data are arrays in memory, which can be read again without a side effect."""
    parts = keras.tree.flatten(data) if data is not None else []
    return bool(parts) and all(
        isinstance(part, np.ndarray | ScaledArray)
        or (hasattr(part, "__array__") and hasattr(part, "__len__") and hasattr(part, "shape"))
        for part in parts
    )


def _rows(array: Any, places: NDArray[np.int64]) -> NDArray[Any]:
    rows: NDArray[Any] = (array if isinstance(array, ScaledArray) else np.asarray(array))[places]
    return rows.astype(keras.config.floatx()) if rows.dtype.kind == "f" else rows
