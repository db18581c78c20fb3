"""Files that old versions of KerasTuner wrote, cut down to what is read.

Each was written by that version itself (its wheel or sdist from PyPI, run with TensorFlow 2.21
and the deserializer of Keras 2): RandomSearch over ``SPACE``, and a ``run_trial`` that reported
``val_accuracy`` = 0.9 - 0.02 (log10(rate) + 2)^2 + 0.01 pool_size and ``val_loss`` = 1 - that.
The fields are those of ``Trial.get_state`` (engine/trial.py) and ``Oracle.get_state``
(engine/oracle.py) of the version.
"""

import json

PARENT = [{"class_name": "Parent", "config": {"name": "pool", "values": ["max"]}}]


def _space(*, conditions):
    none, parent = ({"conditions": []}, {"conditions": PARENT}) if conditions else ({}, {})
    size = "pool_size" if conditions else "pool=max/pool_size"
    rate = {"min_value": 0.0001, "max_value": 0.1, "step": None, "sampling": "log"}
    whole = {"min_value": 1, "max_value": 4, "step": 1, "sampling": None, "default": None}
    choice = {"name": "pool", "default": "max", "values": ["max", "none"], "ordered": False}
    return [
        {"class_name": "Choice", "config": {**choice, **none}},
        {"class_name": "Int", "config": {"name": size, **whole, **parent}},
        {
            "class_name": "Float",
            "config": {"name": "learning_rate", "default": 0.0001, **rate, **none},
        },
        {"class_name": "Boolean", "config": {"name": "head/skip", "default": False, **none}},
        {"class_name": "Fixed", "config": {"name": "width", "value": 8, **none}},
    ]


SIZE_IN_NAME = {
    # 1.0.0 and 1.0.1 keep the size of trials without a pool too
    "46eeb7a3a8e56216640d32b252d22894": (
        {"pool": "none", "pool=max/pool_size": 2, "learning_rate": 0.01},
        0.9,
    ),
    "9fa2c1a3e8e562d6640d32b252d2281b": (
        {"pool": "max", "pool=max/pool_size": 3, "learning_rate": 0.0001},
        0.85,
    ),
}

SIZE_APART = {
    "dc9b34fdf3b053482a1bc5ad6729c484": ({"pool": "none", "learning_rate": 0.01}, 0.9),
    "004308048d7cad16da85793d13825e8d": (
        {"pool": "max", "pool_size": 3, "learning_rate": 0.0001},
        0.85,
    ),
}

NUMBERED = dict(zip(("0", "1"), SIZE_APART.values(), strict=True))

TRIALS = {
    "1.0.0": SIZE_IN_NAME,
    "1.0.1": SIZE_IN_NAME,
    "1.0.2": SIZE_APART,
    "1.0.3": SIZE_APART,
    "1.0.4": SIZE_APART,
    "1.1.0": SIZE_APART,
    "1.1.2": NUMBERED,
    "1.1.3": NUMBERED,
    "1.2.0": NUMBERED,
    "1.3.5": NUMBERED,
}
"""By version, the levels and the score of each trial by its id."""


def write_project(place, version):
    """Write a project as a version of KerasTuner did."""
    at = tuple(map(int, version.split(".")))
    space = _space(conditions=at >= (1, 0, 2))
    oracle = {"ongoing_trials": {}, "hyperparameters": {"space": space, "values": {}}}
    if at >= (1, 0, 2):
        oracle |= {"seed": 5, "seed_state": 9, "tried_so_far": ["2833cf"]}
    if at >= (1, 2, 0):
        order = ["0", "1"]
        oracle |= {"start_order": order, "end_order": order, "run_times": {"0": 1, "1": 1}}
        oracle |= {"retry_queue": [], "id_to_hash": {"0": "2833cf", "1": "6a5b21"}}
    place.mkdir()
    (place / "oracle.json").write_text(json.dumps(oracle))
    for trial, (levels, score) in TRIALS[version].items():
        values = {**levels, "head/skip": False, "width": 8}
        metrics = {
            name: {"direction": direction, "observations": [{"value": [value], "step": 0}]}
            for name, direction, value in (
                ("val_accuracy", "max", score),
                ("val_loss", "min", 1 - score),
            )
        }
        state = {
            "trial_id": trial,
            "hyperparameters": {"space": space, "values": values},
            "metrics": {"metrics": metrics},
            "score": score,
            "best_step": 0,
            "status": "COMPLETED",
            **({"message": None} if at >= (1, 2, 0) else {}),
        }
        folder = place / f"trial_{trial}"
        folder.mkdir()
        (folder / "trial.json").write_text(json.dumps(state))
    return place


def add_epochs(place, direction, name="val_accuracy"):
    """Report epochs one by one, as the ``Tuner`` of 1.0 did: a value a step, and the best one."""
    for path in place.glob("trial_*/trial.json"):
        state = json.loads(path.read_text())
        best = state["score"]
        values = [best - 0.2, best - 0.1, best]
        history = [{"value": [value], "step": step} for step, value in enumerate(values)]
        state["metrics"]["metrics"] = {name: {"direction": direction, "observations": history}}
        state["score"] = max(values) if direction == "max" else min(values)
        state["best_step"] = values.index(state["score"])
        path.write_text(json.dumps(state))
