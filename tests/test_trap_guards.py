"""Guards against surprising behaviour of the libraries around this project; see docs/traps.md."""

import itertools
import tomllib
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

import ablations
import cnnzoo
from ablations.stats import deltas, effects, trend
from cnnzoo import LabelError, Recipe, ToggleError, train

ROOT = Path(__file__).parent.parent

# Models that Keras accepts


def data_of(classes=2):
    x = np.random.default_rng(0).random((40, 8, 8, 1)).astype("float32")
    return cnnzoo.load_data((x, np.arange(40) % classes))


def refusal_of(layers, loss="sparse_categorical_crossentropy", optimizer="sgd"):
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers], name="net")
    model.compile(optimizer, loss, run_eagerly=True)
    with pytest.raises((LabelError, ToggleError)) as refusal:
        train(model, data_of(), Recipe(epochs=1))
    return str(refusal.value)


def test_softmax_over_one_unit_is_refused():
    layers = [keras.layers.Flatten(), keras.layers.Dense(1, activation="softmax")]
    assert refusal_of(layers, "binary_crossentropy") == (
        "`net`: expected sigmoid at the end of one unit; got softmax, which is 1 whatever the "
        "input. Give sigmoid, or a unit for each class."
    )


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping_to_zero_is_refused(name):
    optimizer = keras.optimizers.SGD(1.0, **{name: 0.0})
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    assert refusal_of(layers, optimizer=optimizer) == (
        f"`{name}` of the optimizer of `net`: expected a number above 0, or None for no clipping; "
        "got 0, which Keras ignores."
    )


def test_clipping_to_a_small_number_is_trained():
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.SGD(1.0, clipnorm=1e-6)
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    before = model.get_weights()
    train(model, data_of(), Recipe(epochs=1))
    for start, end in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(start, end, atol=1e-4)


@pytest.mark.parametrize("nested", [False, True])
def test_crops_inside_a_model_are_refused(nested):
    crop = keras.layers.RandomCrop(4, 4, name="crop")
    assert crop(np.ones((2, 8, 8, 1), "float32"), training=False).shape == (2, 8, 8, 1)
    first = keras.Sequential([keras.Input((8, 8, 1)), crop]) if nested else crop
    last = keras.layers.Dense(2, activation="softmax")
    assert refusal_of([first, keras.layers.GlobalAveragePooling2D(), last]) == (
        "`crop` of `net`: expected no RandomCrop in a model; got one, which Keras applies in "
        "training alone, so that whole images are evaluated. Crop the data, or give augment='crop' "
        "of `Recipe`."
    )


# Searches


@pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")  # KerasTuner's own
def test_top_configurations_are_never_failed_trials(tmp_path):
    """KerasTuner fills its best trials up with failed ones."""

    class Stub(keras_tuner.GridSearch):
        def run_trial(self, trial, *_, **__):
            if trial.hyperparameters.get("units") != 4:
                raise keras_tuner.errors.FailedTrialError("no.")
            return {"val_loss": 0.5}

    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [4, 8, 16])
    objective = keras_tuner.Objective("val_loss", "min")
    told = {"hyperparameters": hp, "objective": objective, "directory": tmp_path}
    stub = Stub(project_name="a", **told)
    stub.search(verbose=0)
    assert [trial.score for trial in stub.oracle.get_best_trials(3)] == [0.5, None, None]
    best = cnnzoo.open_search(tmp_path / "a").best(3)
    assert best[["units", "score"]].to_numpy().tolist() == [[4, 0.5]]


def test_what_kerastuner_imports_is_required():
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert any(line.startswith("tensorboard") for line in requirements)
    assert any(line.startswith("importlib-resources") for line in requirements)


# Statistics


def blocks(values, factor="pool_size"):
    """Return trials of levels 1, 2, ... in columns and seeds in rows; the first is the baseline."""
    rows = [
        {
            "variant": f"{factor}={level}" if level > 1 else "baseline",
            "factor": factor if level > 1 else None,
            "level": level if level > 1 else None,
            "baseline": 1 if level > 1 else None,
            "seed": seed,
            "status": "done" if np.isfinite(value) else "failed",
            "test_loss": value,
        }
        for seed, row in enumerate(values)
        for level, value in enumerate(row, start=1)
    ]
    table = pd.DataFrame(rows)
    for name in ("level", "baseline"):
        table[name] = pd.Series([row[name] for row in rows], dtype=object)
    return table


def test_trend_over_ties_has_the_p_of_all_orders():
    values = np.array([[0.25, 0.25, 0.5], [0.25, 0.5, 0.5], [0.25, 0.25, 0.5], [0.25, 0.5, 0.5]])
    ranks, weights = stats.rankdata(values, axis=1), np.arange(1, 4)
    orders = [[weights @ order for order in itertools.permutations(row)] for row in ranks]
    sums = np.array([sum(chosen) for chosen in itertools.product(*orders)])
    exact = (sums >= (ranks @ weights).sum()).mean()
    row = trend(blocks(values), "pool_size", "test_loss").iloc[0]
    assert row["p_rises"] == pytest.approx(exact, rel=1e-10)
    assert stats.page_trend_test(values, method="exact").pvalue > 1.5 * exact  # SciPy's own


def test_comparison_without_a_p_is_no_comparison():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(8, 4)) + np.array([0.0, 3.0, 1.0, 0.0])
    whole = deltas(blocks(values[:, :3]), ["test_loss"])
    values[:, 3] = np.nan
    gap = deltas(blocks(values), ["test_loss"])
    assert gap["p"].isna().tolist() == [False, False, True]
    assert gap["p_adjusted"].tolist()[:2] == whole["p_adjusted"].tolist()
    assert multipletests(gap["p"], method="holm")[0][2]  # statsmodels rejects it


def test_sums_of_squares_with_an_empty_cell_compare_fits():
    rng = np.random.default_rng(0)
    rows = [
        {"variant": f"{a}{b}", "seed": seed, "status": "done", "factor:a": a, "factor:b": b}
        for seed in range(4)
        for a, b in itertools.product(range(3), range(3))
        if (a, b) != (2, 2)
    ]
    trials = pd.DataFrame(rows).assign(test_loss=rng.normal(size=len(rows)))
    table = effects(trials, ["a", "b"], ["test_loss"]).set_index("term")

    def left(*names):
        """Return the sum of squares that these columns leave."""
        x = pd.get_dummies(trials[["seed", *names]].astype(str), dtype=float).assign(one=1.0)
        fitted = x @ np.linalg.lstsq(x, trials["test_loss"])[0]
        return ((trials["test_loss"] - fitted) ** 2).sum()

    both = left("factor:a", "factor:b")
    assert table.loc["a", "ss"] == pytest.approx(left("factor:b") - both, rel=1e-8)
    assert table.loc["b", "ss"] == pytest.approx(left("factor:a") - both, rel=1e-8)
    assert table.loc["a x b", "notes"] == (
        "combinations of its levels were never trained: not estimated"
    )


@pytest.mark.parametrize("design", ["fractional-factorial", "plackett-burman"])
def test_variants_do_not_depend_on_the_order_of_runs(design, monkeypatch):
    """pyDOE3 1.0.4 reversed the order of runs."""
    import pyDOE3

    study = ablations.Study(
        "downsampling",
        data="digits",
        factors={"filters": [4, 8], "pool_size": [1, 2], "dropout": [0.0, 0.5]},
        baseline={"filters": 4, "pool_size": 1, "dropout": 0.0},
        design=design,
        seeds=1,
    )

    def keys():
        """Return what results are stored under."""
        return set(ablations.plan(study, engine="serial")["key"])

    expected = keys()
    for name in ("fracfact", "pbdesign"):
        original = getattr(pyDOE3, name)
        turned = lambda *arguments, original=original: original(*arguments)[::-1]  # noqa: E731
        monkeypatch.setattr(pyDOE3, name, turned)
    assert keys() == expected
    assert len(expected) == 4
