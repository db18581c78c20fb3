"""`cnnzoo tune`, as a user types it."""

import json
import re

import pytest
from typer.testing import CliRunner

import cnnzoo
from cnnzoo.cli import app
from cnnzoo.tuning.scheduler import TrialScheduler


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        result = CliRunner().invoke(
            app, ["tune", *arguments], env={"COLUMNS": "160", "NO_COLOR": "1"}
        )
        result.text = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)
        return result

    return invoke


def response(levels, seed):
    if levels["units"] == 16:
        raise ValueError("no such model")
    return levels["units"] / 1000 - levels.get("batch_size", 0) / 10000 + seed / 100


def test_best_trials_are_shown_as_a_table_and_as_python(run, stub_training, tmp_path):
    calls = stub_training(response)
    result = run(
        *("mlp", "activation=tanh", "--search", "units", "--data", "digits"),
        *("--trials", "4", "--epochs", "2", "--seeds", "2", "--seed", "3", "--to", "found"),
    )
    assert result.exit_code == 0, result.output
    best = max(levels["units"] for levels, *_ in calls)
    lines = [line.split() for line in result.text.splitlines() if line.strip()]
    heading, first = lines[1], lines[3]
    assert heading == ["trial", "score", "units"]
    assert first[1:] == [f"{best / 1000 + 0.035:.4f}", str(best)]
    assert result.text.splitlines()[0] == "mlp on digits: best of 4 trials by val_accuracy"
    assert [seed for _, seed, _ in calls] == [3, 4] * 4
    assert (tmp_path / "found" / "search.json").exists()
    assert result.stderr.splitlines()[-1] == (
        f"For a report, run: ablations report {tmp_path / 'found'}"
    )
    python = result.text.splitlines()[-1]
    assert python == (
        f"cnnzoo.build('mlp', activation='tanh', units={best}, input_shape=(8, 8, 1))"
    )
    model = eval(python, {"cnnzoo": cnnzoo})  # noqa: S307
    assert model.input_shape[1:] == cnnzoo.load_data("digits").info.input_shape


def test_custom_builder_is_searched(run, stub_training, tmp_path):
    """As `cnnzoo check` and `cnnzoo describe` take it: by module and function."""
    calls = stub_training(lambda levels, seed: levels["number"] / 100)
    result = run(
        *("helpers.search_builders:tiny", "train_size=100", "--search", "number"),
        *("--data", "digits", "--trials", "2", "--epochs", "1", "--to", "found"),
    )
    assert result.exit_code == 0, result.output
    assert len(calls) == 2
    title = "helpers.search_builders:tiny on digits: best of 2 trials by val_accuracy"
    assert result.text.splitlines()[0] == title
    wrong = run("helpers.search_builders:tinny", "--data", "digits")
    assert wrong.exit_code == 2
    assert "has no attribute 'tinny'" in wrong.stderr


def test_recipe_toggles_come_back_as_a_call_of_train(run, stub_training, tmp_path):
    calls = stub_training(response)
    result = run(
        *("mlp", "label_noise=0.1", "--search", "units, batch_size", "--data", "digits"),
        *("--tuner", "bayesian", "--trials", "3"),
    )
    assert result.exit_code == 0, result.output
    best = max((levels for levels, *_ in calls), key=lambda levels: response(levels, 0))
    assert result.text.splitlines()[-1] == (
        "cnnzoo.train('mlp', cnnzoo.load_data('digits', label_noise=0.1), "
        f"cnnzoo.Recipe(epochs=3, batch_size={best['batch_size']}), seed=0, units={best['units']})"
    )
    assert (tmp_path / "searches" / "mlp" / "search.json").exists()
    trained = eval(result.text.splitlines()[-1], {"cnnzoo": cnnzoo})  # noqa: S307
    assert trained.model.input_shape == (None, 8, 8, 1)


@pytest.mark.parametrize(
    ("epochs", "counts"),
    [
        (
            3,
            "1 trial trained in full, by val_accuracy; 3 stopped early",
        ),  # 3 of 1 epoch, the best of 3
        (9, "4 trials trained for 1 of 9 epochs, by val_accuracy"),
    ],
)
def test_title_counts_what_hyperband_stopped_early(run, stub_training, epochs, counts):
    stub_training(lambda levels, seed: levels["units"] / 1000)
    result = run(
        *("mlp", "--search", "units", "--data", "digits", "--tuner", "hyperband"),
        *("--trials", "4", "--epochs", str(epochs)),
    )
    assert result.exit_code == 0, result.output
    assert result.text.splitlines()[0] == f"mlp on digits: best of {counts}"


def test_a_search_without_a_score_says_so(run, stub_training, tmp_path):
    stub_training(lambda levels, seed: 1 / 0)
    result = run("mlp", "--search", "units", "--data", "digits", "--trials", "2")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"No trial finished with a score; see {tmp_path / 'searches' / 'mlp'} for the reasons."
    )


def test_epochs_may_be_fixed_and_models_saved(run, stub_training, monkeypatch):
    seen = []
    original = TrialScheduler.__init__

    def spy(self, oracle, hypermodel, plan, *arguments):
        original(self, oracle, hypermodel, plan, *arguments)
        seen.append((plan.space.complete(plan.recipe, {}).epochs, plan.checkpoints))

    monkeypatch.setattr(TrialScheduler, "__init__", spy)
    stub_training(lambda levels, seed: 0.5)
    common = ("--search", "units", "--data", "digits", "--trials", "1")
    for options in (("epochs=5", "--checkpoints"), ("--epochs", "4"), ()):
        assert run("mlp", *common, "--to", str(len(seen)), *options).exit_code == 0
    assert seen == [(5, True), (4, False), (3, False)]


def test_interruption_says_how_to_resume(run, stub_training):
    def interrupt(levels, seed):
        raise KeyboardInterrupt

    stub_training(interrupt)
    result = run("mlp", "--search", "units", "--data", "digits")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "Interrupted. Run the same command again to resume."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("mlp", "--tuner", "bayes", "--data", "digits"),
            "ToggleError: `tuner`: expected one of random, grid, bayesian, hyperband, or a Tuner "
            "of KerasTuner; got 'bayes'; did you mean bayesian?",
        ),
        (
            ("mlp", "--objective", "val_f1_score", "--data", "digits"),
            "ToggleError: `objective`: expected one of val_loss, val_accuracy, val_macro_f1, "
            "val_nll for a classification; got 'val_f1_score'; did you mean 'val_macro_f1'?",
        ),
        (
            ("mlp", "units=8", "--search", "units"),
            "ToggleError: `units` of `mlp` is both searched and fixed to 8. Remove one of them.",
        ),
        (
            ("mlp", "epochs=5", "--epochs", "4"),
            "ToggleError: `epochs` is set twice: 4 in `recipe` and 5 as a keyword. Remove one of "
            "them.",
        ),
        (
            ("mlp", "label_noise=2", "--search", "units"),
            "ToggleError: `label_noise` of `load_data` must be a number from 0 to 1; got 2.0.",
        ),
        (
            ("mlp", "units=0"),
            "ToggleError: `units` of `mlp` must be a whole number from 1 to 65536; got 0.",
        ),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(run, arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert re.sub(r"\x1b\[[\d;]*m", "", result.stderr).splitlines() == [sentence]


def test_metrics_are_measured_in_each_trial(run, stub_training, tmp_path):
    stub_training(response)
    options = ("mlp", "--search", "units", "--data", "digits", "--trials", "2", "--to", "found")
    result = run(*options, "--metrics", "recall[3]; TopKCategoricalAccuracy(k=2);")
    assert result.exit_code == 0, result.output
    stored = json.loads((tmp_path / "found" / "search.json").read_text())
    assert "recall[3]" in str(stored)
    assert "TopKCategoricalAccuracy(k=2)" in str(stored)


def test_unknown_metric_is_refused(run):
    result = run("mlp", "--data", "digits", "--metrics", "recal[3]")
    assert result.exit_code != 0
    assert "`metrics`: there is no metric `recal[3]`; did you mean" in " ".join(
        result.stderr.split()
    )
