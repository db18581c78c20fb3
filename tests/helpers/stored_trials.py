"""Results and contexts for tests of the store."""

from ablations import Settings, Trial, TrialResult
from cnnzoo import Recipe

CONTEXT = {"data": "abc", "keras": "3.15.1"}

OTHER = {"data": "xyz", "keras": "3.15.1"}


def trial(seed=0, **levels):
    return Trial("mlp", "digits", Settings(levels), Recipe(), seed)


def result(seed=0, status="done", **found):
    metrics = {"test_loss": 0.5 + seed} if status == "done" else {}
    return TrialResult(trial(seed), status, **{"metrics": metrics, **found})
