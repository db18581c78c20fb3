"""The outcome of a training, measured apart from the model's own metrics."""

import time
from typing import Any

import keras
import numpy as np

from .case import Run


def measure(run: Run) -> dict[str, Any]:
    """Train a program and return its outcome.

    Keys: `finite` (losses and predictions), `score` and `train_score` (accuracy, or R2 for
    numbers; in inference mode), `training_mode_score`, `constant` (score of the best constant
    answer), `least_recall`, first and last losses, `inference_loss` (of the training rows),
    `rises` (share of epochs with a rising training loss), `metric` (last value of the model's own
    metric), `shared_rows` (share of validation rows that are training rows too), `error` and
    `seconds`.
    """
    start = time.perf_counter()
    measured: dict[str, Any] = {"error": "", "finite": True}
    validation = {} if run.validation is None else {"validation_data": run.validation}
    try:
        history = run.model.fit(*run.train, **validation, **run.fit, verbose=0).history
    except Exception as error:  # whatever Keras or TensorFlow raises is the outcome
        return measured | {
            "error": f"{type(error).__name__}: {error}"[:2000],
            "finite": False,
            "score": np.nan,
            "train_score": np.nan,
            "constant": np.nan,
            "seconds": time.perf_counter() - start,
        }
    x, y = run.held_out()
    fitted_x, fitted_y = run.fitted()
    predicted = run.model.predict(x, verbose=0, batch_size=256)
    fitted = run.model.predict(fitted_x, verbose=0, batch_size=256)
    losses = history["loss"]
    measured["finite"] = bool(np.all(np.isfinite(losses)) and np.all(np.isfinite(predicted)))
    measured |= {
        "score": score(y, predicted, run.task),
        "train_score": score(fitted_y, fitted, run.task),
        "training_mode_score": training_mode_score(run, fitted_x, fitted_y),
        "constant": constant_score(y, run.task),
        "least_recall": least_recall(y, predicted, run.task),
        "loss_first": losses[0],
        "loss": losses[-1],
        "inference_loss": inference_loss(run, fitted_x, fitted_y),
        "val_loss": history["val_loss"][-1],
        "val_loss_best": min(history["val_loss"]),
        "rises": float(np.mean(np.diff(losses) > 0)) if len(losses) > 1 else 0.0,
        "metric": next((v[-1] for k, v in history.items() if "loss" not in k), np.nan),
        "shared_rows": shared_rows(fitted_x, x),
        "epochs": len(losses),
        "seconds": time.perf_counter() - start,
    }
    return measured


def labels(y: np.ndarray, task: str) -> np.ndarray:
    """Return the true answers, one per row."""
    y = np.asarray(y)
    if task in ("several", "numbers"):
        return y.reshape(len(y), -1)
    if y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(-1).ravel()
    return y.ravel()


def answers(predicted: np.ndarray, task: str) -> np.ndarray:
    """Return the answers that outputs stand for."""
    predicted = np.nan_to_num(predicted, posinf=1e30, neginf=-1e30)
    if task in ("several", "numbers"):
        flat = predicted.reshape(len(predicted), -1)
        return flat if task == "numbers" else flat > 0.5
    if predicted.shape[-1] == 1:
        values = predicted.ravel()
        if task == "classes":
            return np.rint(values)
        return values > (0.5 if task == "binary" else 0)
    return predicted.argmax(-1).ravel()


def score(y: np.ndarray, predicted: np.ndarray, task: str) -> float:
    """Return the share of right answers, or R2 for numbers.

    Examples
    --------
    >>> score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), "classes")
    0.5
    >>> score(np.array([1.0, 3.0]), np.array([[2.0], [2.0]]), "numbers")
    0.0
    """
    true, given = labels(y, task), answers(predicted, task)
    if task != "numbers":
        return float(np.mean(true == given))
    given = given.astype("float64").clip(-1e30, 1e30)
    residual = np.nansum((true - given) ** 2)
    return float(1 - residual / np.nansum((true - np.nanmean(true, 0)) ** 2))


def constant_score(y: np.ndarray, task: str) -> float:
    """Return the score of the best answer that ignores the inputs."""
    true = labels(y, task)
    if task == "numbers":
        return 0.0
    if task == "several":
        return float(np.mean(true == (true.mean(0) > 0.5)))
    return float(np.unique(true, return_counts=True)[1].max() / len(true))


def least_recall(y: np.ndarray, predicted: np.ndarray, task: str) -> float:
    """Return the recall of the class that is found least."""
    if task in ("several", "numbers"):
        return np.nan
    true, given = labels(y, task), answers(predicted, task)
    return float(min(np.mean(given[true == label] == label) for label in np.unique(true)))


def training_mode_score(run: Run, x: np.ndarray, y: np.ndarray) -> float:
    """Score training rows as training does: batch statistics, dropout, batches of `fit`'s size."""
    size = run.fit.get("batch_size", 32)
    ends = range(size, min(len(x), max(640, size)) + 1, size)
    parts = [run.model(x[end - size : end], training=True) for end in ends]
    predicted = keras.ops.convert_to_numpy(keras.ops.concatenate(parts))
    return score(y[: len(predicted)], predicted, run.task)


def inference_loss(run: Run, x: np.ndarray, y: np.ndarray) -> float:
    """Return the model's loss in inference mode."""
    return float(run.model.evaluate(x, y, batch_size=256, verbose=0, return_dict=True)["loss"])


def shared_rows(train: np.ndarray, validation: np.ndarray) -> float:
    """Return the share of validation rows that are training rows as well."""
    known = {row.tobytes() for row in np.ascontiguousarray(train)}
    return float(np.mean([row.tobytes() in known for row in np.ascontiguousarray(validation)]))
