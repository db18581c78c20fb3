"""Studies of metrics that the doctor measures on request."""

import keras
import pytest
from helpers import own_metrics

from ablations import Study, StudyError, open_results, plan, run
from ablations.study.space import Space
from cnnzoo import Recipe
from cnnzoo.runtime.code_version import code_version

STUDY = {
    "model": "mlp",
    "data": "digits",
    "baseline": {"units": 4, "train_size": 60.0},
    "recipe": Recipe(epochs=1),
    "seeds": 1,
}


def trial(metrics):
    study = Study(**STUDY, factors={"depth": [1, 2]}, metrics=metrics)
    return Space.of_study(study).trial(study, study.baseline, 0)


def test_trial_of_other_metrics_keeps_its_key():
    plain = trial(["loss", "gap"])
    assert plain.to_dict().keys() == {"model", "data", "settings", "recipe", "seed"}
    first, second = (
        trial(names)
        for names in (["loss", "dead_units", "gradient_ratio"], ["gradient_ratio", "dead_units"])
    )
    assert first.key == second.key != plain.key


def test_requested_measures_are_stored_and_missing_ones_said(unexplained, tmp_path):
    metrics = ["loss", "gradient_ratio", "dead_units"]
    study = Study(**STUDY, factors={"activation": ["relu", "tanh"]}, metrics=metrics)
    run(study, tmp_path / "study", engine="serial", progress=False)
    results = open_results(tmp_path / "study")
    assert run(study, tmp_path / "study", engine="serial", progress=False).trials.equals(
        results.trials
    )
    trials = results.trials.set_index("variant")
    assert trials["gradient_ratio"].notna().all()
    assert trials["dead_units"].between(0, 1).tolist() == [True, False]
    assert list(trials["codes"].str.contains("measure-missing")) == [False, True]
    assert "no layer ends in a ReLU" in trials["findings"]["activation=tanh"]
    deltas = results.deltas(["gradient_ratio", "dead_units"])
    assert list(deltas["n_pairs"]) == [1, 0]


def test_minority_f1_needs_rare_classes():
    factors, metrics = {"depth": [1, 2]}, ["loss", "minority_f1"]
    study = Study(**STUDY, factors=factors, metrics=metrics)
    with pytest.raises(StudyError) as refused:
        plan(study, engine="serial")
    assert str(refused.value) == (
        "`metrics`: expected metrics that the baseline has; got minority_f1, but no class of "
        "digits has less than half of the training examples of the most frequent one. Leave it "
        "out, or set `imbalance` in `baseline`."
    )
    skewed = {"baseline": {"units": 4, "imbalance": 10.0}}
    assert (
        len(plan(Study(**{**STUDY, **skewed}, factors=factors, metrics=metrics), engine="serial"))
        == 2
    )


def test_requested_metrics_are_stored_by_text_and_told_apart(tmp_path):
    metrics = [
        *("accuracy", "recall[3]", "train_loss"),
        *((own_metrics.share, "max"), "val_share", keras.metrics.AUC(num_thresholds=50)),
    ]
    study = Study(**STUDY, factors={"depth": [1, 2]}, metrics=metrics, margins={"share[max]": 0.5})
    run(study, tmp_path / "study", engine="serial", progress=False)
    results = open_results(tmp_path / "study")
    assert study == Study.from_dict(study.to_dict())
    assert results.study.metrics == study.metrics
    assert results.study.metrics[3] == "helpers.own_metrics:share[max]"
    assert dict(results.study.margins) == {"share[max]": 0.5}
    columns = [
        *("test_accuracy", "test_recall[3]", "train_loss"),
        *("test_share[max]", "validation_share[max]", "test_auc(num_thresholds=50)"),
    ]
    deltas = results.deltas(full=True)
    assert deltas["metric"].to_list() == columns
    assert deltas["primary"].to_list() == [True] + 5 * [False]
    assert (
        results.trials[[f"train_{name}" for name in ("share[max]", "recall[3]")]]
        .notna()
        .all(axis=None)
    )
    assert results.deltas("val_share[max]")["metric"].to_list() == ["validation_share[max]"]
    version = results.versions["helpers.own_metrics:share[max]"]
    assert version == code_version(own_metrics.share, own_metrics)
    assert run(study, tmp_path / "study", engine="serial", progress=False).trials.equals(
        results.trials
    )


def test_metric_of_another_class_is_refused_before_training():
    study = Study(**STUDY, factors={"depth": [1, 2]}, metrics=["recall[cat]"])
    with pytest.raises(StudyError) as refused:
        plan(study, engine="serial")
    assert str(refused.value) == (
        "The baseline of the study cannot be trained: ToggleError: `metrics`: expected a class in "
        "recall[...], one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got cat."
    )


def test_measure_that_the_baseline_lacks_is_refused():
    study = Study(
        **{**STUDY, "baseline": {"activation": "tanh"}},
        factors={"depth": [1, 2]},
        metrics=["loss", "dead_units"],
    )
    with pytest.raises(StudyError) as refused:
        plan(study, engine="serial")
    assert str(refused.value) == (
        "`metrics`: expected metrics that the baseline's model has; got dead_units of `mlp`: no "
        "layer ends in a ReLU. Leave dead_units out of `metrics`, or vary the models that have it."
    )
