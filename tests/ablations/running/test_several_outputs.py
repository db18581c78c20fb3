"""Studies of models with several outputs, from the trials to the report."""

import numpy as np
import pytest
from helpers.two_heads import images, labels, two_heads

import ablations
import cnnzoo
from ablations.stats.metrics import common_metrics
from ablations.stats.new_data import outcomes_of
from ablations.study.errors import StudyError
from cnnzoo import Recipe

Y = {name: labels()[name] for name in ("column", "side")}


def study(**changes):
    given = {
        "data": (images(), Y),
        "factors": {"units": [4, 6], "side_weight": [1.0, 0.5]},
        "seeds": 2,
        "recipe": Recipe(epochs=2, batch_size=8),
        "name": "heads",
    }
    return ablations.Study(two_heads, **given | changes)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("CNNZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
    metrics = ["loss", "accuracy", "side_recall[left]", "val_side_nll", "side_loss"]
    folder = tmp_path_factory.mktemp("study")
    with patch.context() as unexplained:
        unexplained.setattr("cnnzoo.doctor.after_training.CAUSES", ())
        results = ablations.run(study(metrics=metrics), folder, engine="serial", progress=False)
    yield results
    patch.undo()


def test_metric_without_an_output_stands_for_every_one(results):
    assert results.study.metrics == (
        *("loss", "column_accuracy", "side_accuracy", "side_recall[left]"),
        *("validation_side_nll", "side_loss"),
    )


def test_trial_has_the_metrics_of_a_training(results):
    trained = cnnzoo.train(
        two_heads,
        cnnzoo.load_data((images(), Y), seed=1),
        Recipe(epochs=2, batch_size=8),
        seed=1,
        metrics=["side_recall[left]"],
        verbose=0,
    )
    rows = results.trials.query("variant == 'baseline' and seed == 1")
    for name, value in trained.metrics.items():
        assert rows[name].item() == pytest.approx(value, rel=1e-5)


def test_deltas_of_outputs_have_verdicts_of_their_own(results):
    table = results.deltas(full=True).set_index(["variant", "metric"])
    trials = results.trials.set_index(["variant", "seed"])
    for metric in ("test_side_loss", "test_column_accuracy", "validation_side_nll"):
        expected = (trials.loc["units=6", metric] - trials.loc["baseline", metric]).mean()
        assert table.loc[("units=6", metric), "delta"] == pytest.approx(expected)


def test_weight_of_a_loss_changes_the_total_loss_alone(results):
    table = results.deltas(full=True).set_index(["variant", "metric"])
    assert np.isfinite(table.loc[("side_weight=0.5", "test_side_loss"), "delta"])
    first = table.loc["side_weight=0.5"].index[0]
    assert first == "test_column_accuracy"  # in the place of the total loss
    assert set(results.best_delta()["chosen_by"]) == {"validation_column_accuracy"}
    kinds = {
        "baseline": "sparse_categorical_crossentropy (column) + binary_crossentropy (side)",
        "side_weight=0.5": (
            "sparse_categorical_crossentropy (column) + 0.5 binary_crossentropy (side)"
        ),
    }
    common = common_metrics(results.trials, ["test_loss", "test_side_loss"], kinds)
    rows = common.query("variant == 'side_weight=0.5'").set_index("metric")
    assert rows["comparable"].to_dict() == {"test_loss": False, "test_side_loss": True}
    assert rows.loc["test_loss", "note"] == (
        f"minimizes {kinds['side_weight=0.5']}, the baseline {kinds['baseline']}: their losses are "
        "not compared"
    )


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.tex", "report.csv"])
def test_report_names_the_metrics_of_outputs(results, tmp_path, name):
    path = results.report(tmp_path / name)
    text = path.read_text(encoding="utf-8").replace("\\", "").replace("_", " ")
    assert "side accuracy" in text
    assert "side recall[left]" in text.replace("{[}", "[").replace("{]}", "]")


def test_results_print_the_metrics_of_outputs(results):
    text = " ".join(str(results).split())
    assert "test column accuracy" in text
    assert "test side recall[left]" in text


def test_output_can_be_left_out(tmp_path, monkeypatch, unexplained):
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    given = study(
        factors={"outputs": [("column", "side"), ("column",)]},
        metrics=["column_accuracy", "column_loss", "loss"],
    )
    results = ablations.run(given, tmp_path / "study", engine="serial", progress=False)
    table = results.deltas(full=True).set_index("metric")
    assert set(results.trials["status"]) == {"done"}
    assert table.loc["test_column_accuracy", "n_pairs"] == 2
    assert np.isfinite(table.loc["test_column_loss", "delta"])
    assert "test_loss" not in table.index
    assert results.report(tmp_path / "report.html").exists()


@pytest.mark.parametrize("outputs", [("column", "side"), ("column",)])
def test_doctor_explains_a_model_of_one_output_in_each_form(tmp_path, monkeypatch, outputs):
    """The learning rate is too low, which the doctor's experiments on a copy show."""
    monkeypatch.setenv("CNNZOO_CACHE", str(tmp_path / "cache"))
    given = study(
        data=(images(), {name: Y[name] for name in outputs}),
        factors={"form": ["mapping", "list", "tensor"]},
        baseline={"outputs": ("column",), "rate": 1e-6},
        metrics=["column_accuracy"],
        recipe=Recipe(epochs=2, batch_size=16, class_weight="balanced"),
        seeds=1,
    )
    trials = ablations.run(given, tmp_path / "study", engine="serial", progress=False).trials
    assert trials["reason"].tolist() == [""] * 3
    assert trials["codes"].tolist() == ["at-chance rate-low"] * 3
    assert trials["train_column_loss"].tolist() == [trials["train_column_loss"][0]] * 3


def test_outcomes_are_those_of_the_output():
    outcomes = {"side_correct": np.array([1.0, 0.0]), "level_error": np.array([7.0, -1.0])}
    assert outcomes_of("test_side_accuracy", outcomes).tolist() == [1.0, 0.0]
    assert outcomes_of("test_level_mae", outcomes).tolist() == [7.0, 1.0]
    assert outcomes_of("test_accuracy", outcomes) is None


def refusal(**changes):
    with pytest.raises(StudyError) as caught:
        ablations.plan(study(**changes))
    return str(caught.value)


def test_metric_that_no_output_has_is_refused():
    assert refusal(metrics=["loss", "mae"]) == (
        "`metrics`: expected any of loss, column_loss, column_accuracy, column_macro_f1, "
        "column_minority_f1, column_nll, side_loss, side_accuracy, side_macro_f1, "
        "side_minority_f1, side_nll, loss_gap, gradient_ratio, dead_units, because the data has "
        "the outputs column, side; got mae."
    )


def test_metric_of_an_unknown_output_is_refused():
    assert refusal(metrics=["sides_accuracy"]).startswith(
        "`metrics`: there is no metric `sides_accuracy`; did you mean `side_accuracy`? Known: "
    )


def test_metric_of_an_output_is_refused_for_data_with_one():
    assert refusal(data="digits", metrics=["side_accuracy"]).startswith(
        "`metrics`: there is no metric `side_accuracy`; did you mean `accuracy`? Known: "
    )


def test_stored_study_is_equal(results):
    stored = ablations.open_results(results.directory)
    assert stored.study == results.study
