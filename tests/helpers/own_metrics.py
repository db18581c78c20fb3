"""Custom metrics, as a user defines them at module level."""

import keras
import numpy as np


def share(y_true, y_pred):
    """Return how sure the model is of the true class."""
    return y_pred[np.arange(len(y_true)), y_true]


def mean_error(y_true, y_pred):
    return float(np.abs(y_true - y_pred.argmax(-1)).mean())


def matrix(y_true, y_pred):
    return y_pred


def broken(y_true, y_pred):
    raise KeyError("no cat")


def only_made_up(y_true, y_pred):
    """Fail on more predictions than a check before training makes up."""
    if len(y_true) > 40:
        raise MemoryError("too many examples")
    return 1.0


class HitRate(keras.metrics.Metric):
    """The accuracy above a probability, as a metric with a state."""

    def __init__(self, above=0.0, name="hit_rate", **options):
        super().__init__(name=name, **options)
        self.above = above
        self.hits = self.add_weight(name="hits", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = (y_pred.argmax(-1) == y_true) & (y_pred.max(-1) > self.above)
        self.hits.assign(np.mean(hits))

    def result(self):
        return self.hits

    def get_config(self):
        return {**super().get_config(), "above": self.above}


class Forgetful(keras.metrics.Mean):
    """A metric whose configuration lacks an argument."""

    def __init__(self, above=0.5, **options):
        super().__init__(**options)
        self.above = above
