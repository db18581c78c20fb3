"""A user's ``build(hp)``: studied, searched by KerasTuner, and the search ablated."""

import contextlib
import importlib
import textwrap
import warnings

import keras_tuner
import numpy as np
import pytest
from helpers.stub_builders import tutorial
from pandas.testing import assert_frame_equal

import ablations
import cnnzoo
from ablations.report.formats import markdown_text
from ablations.report.latex import latex_text
from ablations.report.search.tables import study_tables
from ablations.running import run as runner
from ablations.search.contents import contents_of
from ablations.stats.caveats import unseen_skew
from ablations.study import TrialResult

BUILDER = """
    import keras

    def build(hp):
        units = hp.Int("units", 4, 16, step=4)
        rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3)
        regularize = hp.Choice("regularize", ["none", "dropout"])
        layers = [keras.Input((4, 4, 1)), keras.layers.Flatten()]
        if hp.Boolean("wide"):
            units *= 2
        layers.append(keras.layers.Dense(units, activation="relu"))
        with hp.conditional_scope("regularize", ["dropout"]):
            if regularize == "dropout":
                layers.append(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5, default=0.2)))
        model = keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])
        model.compile(
            keras.optimizers.Adam(rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            run_eagerly=True,  # tracing takes longer than three batches
        )
        return model
"""

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner"),
    pytest.mark.usefixtures("unexplained"),
]


@pytest.fixture
def builder(tmp_path, monkeypatch):
    (tmp_path / "my_builder.py").write_text(textwrap.dedent(BUILDER))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return importlib.import_module("my_builder").build


@pytest.fixture
def data(tmp_path):
    """Write 90 images of three classes with different bright regions."""
    random = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = random.random((90, 4, 4, 1))
    x[np.arange(90), y] += 1
    path = tmp_path / "data.npz"
    np.savez(path, x=x.astype("float32"), y=y)
    return f"npz:{path}"


def test_any_builder_of_kerastuner_becomes_a_study(builder, data, tmp_path):
    study = ablations.Study(
        builder,
        data=data,
        factors={"wide": [False, True], "learning_rate": [1e-3, 1e-2], "rate": [0.2, 0.4]},
        baseline={"regularize": "dropout"},
        seeds=1,
        recipe=cnnzoo.Recipe(epochs=1),
    )
    results = ablations.run(study, tmp_path / "study", engine="serial", progress=False)
    trials = results.trials
    assert set(trials["status"]) == {"done"}
    assert list(dict.fromkeys(trials["variant"])) == [
        *("baseline", "wide=True", "learning_rate=0.01", "rate=0.4")
    ]
    params = trials.groupby("variant")["params"].first()
    assert params["baseline"] == (16 * 4 + 4) + (4 * 3 + 3)  # units at its default, 4
    assert params["wide=True"] == (16 * 8 + 8) + (8 * 3 + 3)
    assert set(results.deltas()["factor"]) == {"wide", "learning_rate", "rate"}


class Untrained(keras_tuner.RandomSearch):
    """Random search of KerasTuner that builds models without training."""

    def run_trial(self, trial, *arguments, **options):
        params = self.hypermodel.build(trial.hyperparameters).count_params()
        return {"val_accuracy": params / 1e6}


def search_by_kerastuner(tuner, builder, place, x, y, trials):
    """Search as KerasTuner's guide does; return the tuner."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(None):
        tuner = tuner(
            builder,
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_trials=trials,
            seed=1,
            directory=place.parent,
            project_name=place.name,
        )
        third = len(x) // 3
        tuner.search(
            x[third:], y[third:], validation_data=(x[:third], y[:third]), epochs=1, verbose=0
        )
    return tuner


def formula(trial, report_to=None):
    """Replace training, because a path needs many trials."""
    score = 0.5 + 0.01 * trial.settings.get("units", 4) + 0.001 * trial.seed
    metrics = {"validation_accuracy": score, "test_accuracy": score, "test_loss": 1 - score}
    return TrialResult(trial, "done", metrics=metrics)


def test_search_leads_to_an_ablation(builder, data, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_trial", formula)

    with np.load(data.removeprefix("npz:")) as arrays:
        x, y = arrays["x"], arrays["y"]
    tuner = search_by_kerastuner(
        keras_tuner.RandomSearch, builder, tmp_path / "tuned" / "mine", x, y, trials=3
    )
    best = tuner.get_best_hyperparameters()[0].values  # noqa: PD011
    search = cnnzoo.open_search(tmp_path / "tuned" / "mine")
    assert search.best() == best
    assert {name: type(level) for name, level in search.best().items()} == {
        name: type(level) for name, level in best.items()
    }
    recipe = cnnzoo.Recipe(epochs=1)
    studies = ablations.from_search(
        search, model=builder, data=data, recipe=recipe, seeds=3, rivals=1
    )
    found = studies.run(tmp_path / "studies", engine="serial", progress=False)
    table = found.optimism()
    assert table["search_score"][0] == search.configurations["score"][0]
    assert table["seeds"].tolist() == [3, 3]
    fresh = found.rivals.trials
    assert table["fresh_mean"][0] == pytest.approx(
        fresh.loc[fresh["variant"] == "baseline", "validation_accuracy"].mean()
    )
    target = {name: levels[-1] for name, levels in studies.path.factors.items()}
    assert target == {name: best[name] for name in target}
    assert found.path.changes[found.path.trials["variant"].iloc[-1]] == target
    page = found.report(tmp_path / "search.html").read_text()
    assert "The seeds of the search are unknown, so it may have used some of these." in page
    assert "On 3 seeds the search" in page
    assert "The path from the defaults to the winner, step by step" in page
    shown = contents_of(search, found).tables[
        "The path from the defaults to the winner, step by step: test accuracy"
    ]
    steps = found.path.path()
    # the steps of a page share the error with its other claims, so their p is doubled
    expected = steps.assign(p_adjusted=(2 * steps["p_adjusted"]).clip(upper=1))
    assert_frame_equal(shown, expected[list(shown.columns)])
    assert shown["factor"].tolist() == ["", *steps["factor"][1:]]
    assert {"share", "runner_up", "delta"} < {*shown.columns}
    told = found.report(tmp_path / "search.md").read_text()
    assert "| Step | Factor | From | To | Verdict | Delta |" in told
    tables = study_tables(contents_of(search, found))
    skew = unseen_skew([3])
    assert told.count(markdown_text(skew)) == page.count(skew) == len(tables) == 3
    paper = found.report(tmp_path / "search.tex").read_text()
    assert paper.count(latex_text(skew)) == 3
    assert "& Notes" not in paper
    assert "### The winner with one choice at its default: test accuracy" in told


def test_builder_of_the_keras_tuner_guide_works(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_trial", formula)
    digits = cnnzoo.load_data("digits", train_size=60).train
    search_by_kerastuner(Untrained, tutorial, tmp_path / "tuned", *digits, trials=8)
    search = cnnzoo.open_search(tmp_path / "tuned")
    shallow = [t for t in search.project.trials if t.levels["num_layers"] < 3]
    assert any("units_2" in trial.levels for trial in shallow)  # KerasTuner gives it all the same
    studies = ablations.from_search(
        search, model=tutorial, data="digits", recipe=cnnzoo.Recipe(epochs=1), seeds=2, rivals=5
    )
    configurations = [studies.rivals.baseline, *studies.rivals.variants]
    tried = [{**studies.rivals.baseline, **changes} for changes in configurations]
    assert len(studies.contenders) == len(configurations) == 6
    for levels, contender in zip(tried, studies.contenders, strict=True):
        asked = keras_tuner.HyperParameters()
        asked.values.update(contender.levels)  # noqa: PD011
        tutorial(asked)
        wanted = {hp.name: contender.levels[hp.name] for hp in asked.space}
        assert {name: levels[name] for name in wanted} == wanted
    for changes, rival in zip(studies.rivals.variants, studies.contenders[1:], strict=True):
        for place in range(rival.levels["num_layers"], 3):
            assert f"units_{place}" not in changes
        assert "rate" not in changes or rival.levels["dropout"]
    for name in ("rivals", "one-at-a-time"):
        study = studies.studies[name]
        found = ablations.run(study, tmp_path / name, engine="serial", progress=False)
        assert set(found.trials["status"]) == {"done"}
