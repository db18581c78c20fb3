"""Searches written by hand, in the files of KerasTuner and of this package."""

import copy
import json
import math
from importlib import import_module

import numpy as np
import pytest

HOSTILE = '<b>&"x"</b></script><script>alert(1)</script>'

SPACE = [
    ("Choice", {"name": "normalization", "values": ["none", "batch"], "default": "none"}),
    (
        "Float",
        {
            "name": "norm_momentum",
            "min_value": 0.5,
            "max_value": 0.99,
            "step": None,
            "sampling": "linear",
            "default": 0.99,
            "conditions": [
                {
                    "class_name": "Parent",
                    "config": {"name": "normalization", "values": ["batch"]},
                }
            ],
        },
    ),
    ("Int", {"name": "filters", "min_value": 8, "max_value": 64, "step": 8, "default": 32}),
    (
        "Float",
        {
            "name": "learning_rate",
            "min_value": 1e-4,
            "max_value": 1e-1,
            "step": None,
            "sampling": "log",
            "default": 1e-3,
        },
    ),
    ("Boolean", {"name": "logits", "default": False}),
    ("Int", {"name": "batch_size", "min_value": 16, "max_value": 64, "step": 16, "default": 32}),
]


def write_search(place, trials, *, search=None, space=SPACE, max_epochs=None):
    """Write a project directory.

    Parameters
    ----------
    trials
        By id: levels, scores by seed (or one score, or a status) and what else is stored.
    """
    place.mkdir(parents=True, exist_ok=True)
    declared = [
        {"class_name": kind, "config": {"conditions": [], **config}} for kind, config in space
    ]
    oracle = {
        "hyperparameters": {"space": declared, "values": {}},
        "start_order": list(trials),
        **({"max_epochs": max_epochs} if max_epochs else {}),
    }
    (place / "oracle.json").write_text(json.dumps(oracle))
    if search is not None:
        (place / "search.json").write_text(json.dumps(search))
    for place_in_order, (name, (levels, outcome, message)) in enumerate(trials.items()):
        folder = place / f"trial_{name}"
        folder.mkdir()
        scores = outcome if isinstance(outcome, dict) else {}
        score = sum(scores.values()) / len(scores) if scores else outcome
        done = not isinstance(score, str)
        metrics = {
            "val_accuracy": {
                "direction": "max",
                "observations": [{"value": [score], "step": 0}] if done else [],
            }
        }
        state = {
            "trial_id": name,
            "hyperparameters": {"space": declared, "values": levels},
            "metrics": {"metrics": metrics},
            "score": score if done else None,
            "best_step": 0,
            "status": "COMPLETED" if done else score,
            "message": message,
        }
        (folder / "trial.json").write_text(json.dumps(state))
        rows = [
            {
                "seed": seed,
                "status": "done",
                "reason": "",
                "score": value,
                "metrics": {"val_accuracy": value, "val_loss": 1 - value},
                "seconds": 2.0,
                "epochs": 3,
                "history": {"loss": [2.0, 1.5 - value / 2, 1 - value]},
                "started": 1.7e9 + 4.0 * place_in_order + 2.0 * seed,
                "worker": 100 + place_in_order % 2,
            }
            for seed, value in scores.items()
        ]
        if rows:
            (folder / "executions.json").write_text(json.dumps(rows))
    return place


SAID = {
    "model": "downsampling",
    "data": "digits",
    "search": [config["name"] for _, config in SPACE],
    "fixed": {"kernel_size": 3},
    "recipe": {"epochs": 3},
    "objective": {"name": "val_accuracy", "direction": "max"},
    "tuner": "random",
    "seeds": [0, 1],
    "fingerprint": "f",
    "versions": {"keras": "3.15.1", "cnnzoo": "0.1.0"},
}


def draw(count, seed=0):
    """Draw trials: learning_rate matters most, then normalization; two of them fail."""
    random = np.random.default_rng(seed)
    trials = {}
    for at in range(count):
        levels = {"normalization": str(random.choice(["none", "batch"]))}
        if levels["normalization"] == "batch":
            levels["norm_momentum"] = float(random.uniform(0.5, 0.99))
        levels |= {
            "filters": int(random.integers(1, 9)) * 8,
            "learning_rate": float(10 ** random.uniform(-4, -1)),
            "logits": bool(random.random() < 0.5),
            "batch_size": int(random.integers(1, 5)) * 16,
        }
        score = 0.9 - 0.03 * (math.log10(levels["learning_rate"]) + 2) ** 2
        score += 0.03 * (levels["normalization"] == "batch") + 0.0005 * levels["filters"]
        scores = {run: score + float(random.normal(0, 0.004)) for run in (0, 1)}
        trials[f"{at:02d}"] = (levels, scores, None)
    return trials


@pytest.fixture(scope="session")
def search(tmp_path_factory):
    """Make a search of 60 trials, with failures and an unfinished trial."""
    trials = draw(60)
    trials["07"] = (trials["07"][0], "FAILED", "Traceback (most recent call last):\n  File x\n"
                    f"ValueError: {HOSTILE}\n")  # fmt: skip
    trials["20"] = (trials["20"][0], "INVALID", "ToggleError: `filters` must be less")
    trials["59"] = (trials["59"][0], "RUNNING", None)
    return write_search(tmp_path_factory.mktemp("search") / "downs", trials, search=SAID)


IMPORTANCES = {}


@pytest.fixture(scope="module", autouse=True)
def importance_once():
    """Estimate the importances of one search once: a forest of each fold takes seconds."""
    module = import_module("cnnzoo.tuning.reading.importance")
    estimate = module.importance

    def remembered(settings, scores):
        key = settings.to_json(), str([*scores])
        if key not in IMPORTANCES:
            IMPORTANCES[key] = estimate(settings, scores)
        return copy.deepcopy(IMPORTANCES[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "importance", remembered)
        yield


@pytest.fixture(scope="session")
def written():
    return write_search


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Leave the user's own cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
