"""Deltas of a study: their metrics, and which losses are compared."""

import pytest
from helpers import stub_trials
from helpers.stub_outcomes import LOSSES, STUDY, by_loss, told

from ablations import Study, StudyError
from ablations.results.rules import loss_kinds


def test_deltas_are_means_over_pairs(outcome):
    deltas = outcome(STUDY, told).deltas()
    assert list(deltas["metric"].unique()) == ["test_loss", "test_accuracy"]
    found = deltas[deltas["metric"] == "test_loss"].set_index("level")
    assert found.loc[8, "delta"] == pytest.approx(-1.5)
    assert found.loc[8, "baseline_mean"] == pytest.approx(2.1)
    assert found.loc[16, "delta"] == pytest.approx(-1.0)  # over the two pairs there are
    assert list(found["n_pairs"]) == [3, 2]
    assert list(found["n_failed"]) == [0, 1]


def test_deltas_of_other_metrics(outcome):
    assert set(outcome(STUDY, told).deltas(["accuracy"])["metric"]) == {"test_accuracy"}


def test_metric_may_be_a_text(outcome):
    results = outcome(STUDY, told)
    assert results.deltas("accuracy").equals(results.deltas(["accuracy"]))
    assert results.stability("loss").equals(results.stability(["loss"]))


@pytest.mark.parametrize("name", ["deltas", "trend", "effects", "stability", "path", "plot"])
def test_unknown_metric_is_refused_with_the_nearest(outcome, name):
    results = outcome(STUDY, told)
    with pytest.raises(StudyError) as refused:
        getattr(results, name)("acuracy")
    assert str(refused.value) == (
        "The trials hold no metric `acuracy`; did you mean `accuracy`? Known: loss, accuracy."
    )


def test_margins_make_equivalence_a_verdict(outcome):
    def nearly(trial):
        return 1.0 + 0.001 * stub_trials.noise(trial), 0.5

    kwargs = {"factors": {"units": [8, 128]}, "seeds": 6, "metrics": ["loss"]}
    with_margin = outcome(Study("mlp", "digits", margins={"loss": 0.1}, **kwargs), nearly)
    assert list(with_margin.deltas()["verdict"]) == ["equivalent"]


# Losses of different kinds


def test_losses_of_different_kinds_are_not_compared(outcome):
    results = outcome(LOSSES, by_loss)
    assert results.compared() == ["test_nll", "test_accuracy"]
    deltas = results.deltas()
    assert list(deltas["metric"].unique()) == ["test_nll", "test_accuracy"]
    found = deltas[deltas["metric"] == "test_nll"].set_index("level")["delta"]
    assert found["mse"] == pytest.approx(2.0)
    assert found["focal"] == pytest.approx(-0.1)
    assert results.best() == {"loss": "focal"}  # not mse, whose loss is the smallest number
    assert set(results.stability()["metric"]) == {"test_nll", "test_accuracy"}


def test_losses_without_likelihood_are_compared_by_accuracy(outcome):
    def without_likelihood(trial):
        return by_loss(trial)[: 2 if trial.settings.get("loss") == "mse" else 3]

    results = outcome(LOSSES, without_likelihood)
    assert results.compared() == ["test_accuracy"]
    found = results.deltas().set_index("level")["delta"]
    assert found["mse"] == pytest.approx(-0.6)
    assert found["focal"] == pytest.approx(0.1)


def test_missing_likelihood_leaves_no_pairs(outcome):
    study = Study("mlp", "digits", factors={"units": [8, 128]}, seeds=6, metrics=["nll", "loss"])
    results = outcome(study, told)
    deltas = results.deltas().set_index("metric")
    assert deltas["n_pairs"].to_dict() == {"test_nll": 0, "test_loss": 6}
    assert deltas["n_failed"].to_dict() == {"test_nll": 6, "test_loss": 0}
    assert (results.trials["status"] == "done").all()


def test_different_regression_losses_are_compared_by_rmse(outcome):
    study = Study(
        "mlp",
        "rotation",
        factors={"loss": ["mse", "mae"]},
        baseline={"loss": "mse"},
        seeds=2,
        metrics=["loss"],
    )
    results = outcome(study, lambda trial: (0.1, 0.0, 0.0, len(trial.settings) / 10))
    assert results.compared() == ["test_rmse"]
    assert list(results.deltas()["metric"]) == ["test_rmse"]


def test_label_smoothing_makes_losses_of_another_kind(outcome):
    study = Study("mlp", "digits", factors={"label_smoothing": [0.0, 0.1]}, seeds=2)
    results = outcome(study, lambda trial: (1.0, 0.5, 2.0))
    assert results.compared() == ["test_nll", "test_accuracy"]


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (["focal", "mse", "focal"], ["focal", "mse", "focal"]),
        # what has no result yet: as the toggles tell it from the baseline
        (["focal", None, None], ["focal", "huber", "focal"]),
        ([None, "mse", "focal"], ["", "huber", ""]),
        ([None, None, ""], ["", "huber", ""]),
    ],
)
def test_loss_kind_comes_from_the_model_else_from_toggles(found, kinds):
    changes = {"baseline": {}, "loss=huber": {"loss": "huber"}, "units=8": {"units": 8}}
    rows = [
        (name, levels, loss) for (name, levels), loss in zip(changes.items(), found, strict=True)
    ]
    assert loss_kinds({}, rows) == dict(zip(changes, kinds, strict=True))
    again = [(name, levels, None) for name, levels, _ in rows]  # seeds that are to come
    assert loss_kinds({}, rows + again) == dict(zip(changes, kinds, strict=True))


def test_losses_of_one_kind_are_compared(outcome):
    assert outcome(STUDY, told).compared() == ["test_loss", "test_accuracy"]
