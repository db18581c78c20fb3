"""Searches that KerasTuner runs over a formula instead of training."""

import contextlib
import json
import math
import shutil
import warnings

import pytest

NAN_BELOW = 3e-4


def declare(hp):
    """Declare the hyperparameters of the formula."""
    pool = hp.Choice("pool", ["max", "none"])
    size = 0
    with hp.conditional_scope("pool", ["max"]):
        if pool == "max":
            size = hp.Int("pool_size", 1, 4)
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    skip = hp.Boolean("skip")
    hp.Fixed("width", 8)
    return pool, size, rate, skip


def accuracy(pool, size, rate, skip):
    return 0.9 - 0.02 * (math.log10(rate) + 2) ** 2 + 0.01 * size + (0.005 if skip else 0.0)


@pytest.fixture(scope="session")
def searches(tmp_path_factory):
    """Run a search with every tuner of KerasTuner; return the directory of each by name."""
    import keras_tuner as kt

    place = tmp_path_factory.mktemp("searches")

    class Model(kt.HyperModel):
        def build(self, hp):
            declare(hp)

    def run(name, tuner, trial, objective, **options):
        class Stub(tuner):
            def run_trial(self, running, *_, **__):
                return trial(running.hyperparameters)

        searching = Stub(
            Model(),
            objective=objective,
            directory=place,
            project_name=name,
            seed=5,
            max_consecutive_failed_trials=999,
            **options,
        )
        with contextlib.suppress(KeyboardInterrupt), contextlib.redirect_stdout(None):
            searching.search(verbose=0)

    def run_quietly(*arguments, **options):
        with warnings.catch_warnings(action="ignore"):  # KerasTuner's own deprecations
            run(*arguments, **options)

    def plain(hp):
        score = accuracy(*declare(hp))
        return {"val_accuracy": score, "val_loss": 1 - score}

    def twice(hp):
        score = accuracy(*declare(hp))
        return [{"val_accuracy": score - 0.01}, {"val_accuracy": score + 0.01}]

    def failing(hp):
        pool, _, rate, _ = declare(hp)
        if pool == "none":
            raise ValueError("`pool` is none:\n  <b>nothing</b> to pool")
        return {"val_accuracy": math.nan if rate < NAN_BELOW else accuracy(*declare(hp))}

    def refusing(hp):
        pool, *_ = declare(hp)
        if pool == "none":
            raise kt.errors.FailedTrialError("`pool` of `net` must not\nbe none.")
        return plain(hp)

    count = []

    def stopped(hp):
        count.append(hp)
        if len(count) == 3:
            raise KeyboardInterrupt
        return plain(hp)

    def begun(hp):
        raise KeyboardInterrupt

    def both(hp):
        score = accuracy(*declare(hp))
        return {"val_accuracy": score, "val_loss": 2.0, "multi_objective": 2.0 - score}

    best = kt.Objective("val_accuracy", "max")
    run_quietly("random", kt.RandomSearch, plain, best, max_trials=6)
    run_quietly("grid", kt.GridSearch, plain, best, max_trials=5)
    run_quietly("bayesian", kt.BayesianOptimization, plain, best, max_trials=5)
    run_quietly("hyperband", kt.Hyperband, plain, best, max_epochs=9)
    run_quietly("twice", kt.RandomSearch, twice, best, max_trials=3, executions_per_trial=2)
    run_quietly("failing", kt.RandomSearch, failing, best, max_trials=14)
    run_quietly("refusing", kt.RandomSearch, refusing, best, max_trials=6)
    run_quietly("stopped", kt.RandomSearch, stopped, best, max_trials=6)
    run_quietly(
        "single", kt.RandomSearch, lambda hp: 1 - accuracy(*declare(hp)), None, max_trials=3
    )
    run_quietly(
        "both", kt.RandomSearch, both, [best, kt.Objective("val_loss", "min")], max_trials=3
    )
    run_quietly("begun", kt.RandomSearch, begun, best, max_trials=3)
    return {path.name: path for path in place.iterdir()}


@pytest.fixture
def copied(searches, tmp_path):
    """Copy a search, so that a test can change it."""

    def copy(name):
        return shutil.copytree(searches[name], tmp_path / name)

    return copy


@pytest.fixture
def seeded(copied):
    """Return a search as `cnnzoo.tune` stores it, with the scores of three seeds."""
    place = copied("random")
    said = {
        "model": "downsampling",
        "data": "digits",
        "search": ["pool", "pool_size", "learning_rate", "skip"],
        "fixed": {"filters": 16},
        "recipe": {"epochs": 2, "batch_size": 64},
        "objective": {"name": "val_accuracy", "direction": "max"},
        "tuner": "random",
        "seeds": [0, 1, 2],
        "fingerprint": "f",
        "versions": {"keras": "3.15.1"},
    }
    (place / "search.json").write_text(json.dumps(said))
    for folder in sorted(place.glob("trial_*")):
        score = json.loads((folder / "trial.json").read_text())["score"]
        rows = [
            {
                "seed": seed,
                "status": "done",
                "reason": "",
                "score": score + 0.01 * (seed - 1),
                "metrics": {"val_accuracy": score + 0.01 * (seed - 1), "loss": 0.5},
                "seconds": 1.5 + seed,
                "epochs": 2,
            }
            for seed in range(3)
        ]
        (folder / "executions.json").write_text(json.dumps(rows))
    return place
