"""Trials that an engine runs, and what they come to."""

from collections import Counter

from ablations import Settings, Trial
from ablations.engines import start_engine
from ablations.engines.limits import Limits
from cnnzoo import Recipe


def trials(variants=1, seeds=4, data="none"):
    return [
        Trial("mlp", str(data), Settings(units=variant + 1), Recipe(), seed)
        for variant in range(variants)
        for seed in range(seeds)
    ]


def run(function, asked, engine="processes", stopping=lambda: False, **limits):
    """Run trials, and return results by trial, having checked that each has one."""
    with start_engine(engine, Limits(**{"workers": 2, **limits})) as running:
        results = list(running.run(function, asked, stopping=stopping))
    assert max(Counter(result.trial for result in results).values(), default=1) == 1
    return {result.trial: result for result in results}


def statuses(results):
    return {(trial.settings["units"], trial.seed): results[trial].status for trial in results}


def alternating(count):
    return {(1, seed): "failed" if seed % 2 else "done" for seed in range(count)}
