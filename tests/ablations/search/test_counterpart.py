"""Study metrics that stand for the objective of a search."""

import json
import math

import keras
import numpy as np
import pytest
from helpers.measured_builders import measured

import ablations
import cnnzoo
from ablations.running import run as runner
from ablations.search.contents import contents_of
from ablations.search.studies import UNKNOWN_SEEDS
from ablations.study import TrialResult

OF = "helpers.measured_builders:measured"

LOSSES = {
    "binary": "binary_crossentropy",
    "ids": "sparse_categorical_crossentropy",
    "one-hot": "categorical_crossentropy",
}
UNKNOWN = ". The optimism of the search's score is unknown."


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    """Write data of two classes, and return its name, images and labels."""
    random = np.random.default_rng(0)
    x = random.integers(0, 255, (80, 4, 4, 1)).astype("uint8")
    y = np.arange(80) % 2
    path = tmp_path_factory.mktemp("data") / "two.npz"
    np.savez(path, x=x, y=y)
    return f"npz:{path}"


@pytest.fixture
def searched(written, tmp_path):
    """Return a function that writes a search made elsewhere, by an objective."""

    def write(objective, direction="max", **levels):
        space = [("Int", {"name": "units", "min_value": 2, "max_value": 8, "default": 4})]
        space += [("Choice", {"name": n, "values": [v], "default": v}) for n, v in levels.items()]
        trials = {
            str(at): ({"units": units, **levels}, score, None)
            for at, (units, score) in enumerate([(6, 0.8), (8, 0.9)])
        }
        place = written(tmp_path / "a", trials, space=space)
        for path in place.glob("trial_*/trial.json"):
            state = json.loads(path.read_text())
            metrics = state["metrics"]["metrics"]
            state["metrics"]["metrics"] = {
                objective: metrics["val_accuracy"] | {"direction": direction}
            }
            path.write_text(json.dumps(state))
        return place

    return write


@pytest.mark.parametrize(
    ("objective", "metric"),
    [
        ("val_accuracy", "accuracy"),
        ("val_acc", "accuracy"),
        ("val_macro_f1", "macro_f1"),
        ("val_mean_absolute_error", "mae"),
        ("val_root_mean_squared_error", "rmse"),
    ],
)
def test_names_of_one_metric_are_mapped(searched, objective, metric):
    studies = ablations.from_search(searched(objective), model=OF, data="digits")
    assert studies.rivals.metrics == (metric, "loss")
    assert studies.note == ""


@pytest.mark.parametrize(
    ("objective", "labels", "metric", "found"),
    [
        ("val_binary_accuracy", "binary", "binary", "accuracy"),
        ("val_categorical_accuracy", "one-hot", "categorical", "accuracy"),
        ("val_hits", "ids", "sparse", "accuracy"),
        ("val_f1_score", "one-hot", "macro", "macro_f1"),
        ("val_loss", "one-hot", "auc", "loss"),
    ],
)
def test_metric_of_the_winner_is_mapped(searched, two_classes, objective, labels, metric, found):
    place = searched(objective, loss=LOSSES[labels], metric=metric)
    studies = ablations.from_search(place, model=OF, data=two_classes)
    assert studies.rivals.metrics[0] == found
    assert studies.note == ""
    # Keras's number and that of a study are one
    data = cnnzoo.load_data(two_classes)
    model = measured((4, 4, 1), 2, loss=LOSSES[labels], metric=metric)
    x, y = data.validation
    by_keras = model.evaluate(x, cnnzoo.encode_labels(y, model), return_dict=True, verbose=0)
    ours = cnnzoo.evaluate(model, x, y)[found]
    assert ours == pytest.approx(by_keras[objective.removeprefix("val_")], abs=1e-6)


@pytest.mark.parametrize(
    ("objective", "levels", "compared", "reason"),
    [
        (
            *("val_binary_accuracy", {"metric": "binary"}, "accuracy"),
            "val_binary_accuracy of the search is not the accuracy of a model with the loss "
            "categorical_crossentropy",
        ),
        (
            "val_binary_accuracy",
            {"metric": "binary at 0.9", "loss": "binary_crossentropy"},
            "accuracy",
            "val_binary_accuracy of the search is not the accuracy of a model with the loss "
            "binary_crossentropy",
        ),
        (
            *("val_f1_score", {"metric": "weighted"}, "macro_f1"),
            "val_f1_score of the search is not the studies' macro F1 (its average is not macro, "
            "or it has a threshold)",
        ),
        (
            *("val_auc", {"metric": "auc"}, "loss"),
            "they do not measure val_auc, the objective of the search",
        ),
        (
            *("val_loss", {"decay": 0.01}, "loss"),
            "val_loss of the search contains the model's penalties, which their own loss omits",
        ),
        (
            *("accuracy", {}, "accuracy"),
            "accuracy of the search is not a metric of Keras's validation data",
        ),
    ],
)
def test_different_metric_is_reported(searched, two_classes, objective, levels, compared, reason):
    studies = ablations.from_search(searched(objective, **levels), model=OF, data=two_classes)
    assert studies.rivals.metrics[0] == compared
    note = f"The studies compare {compared}, because {reason}{UNKNOWN}"
    assert studies.note == note
    assert repr(studies).endswith(f"to ablate. {UNKNOWN_SEEDS} {note}>")


def test_keras_counts_an_absent_class_in_macro_f1(searched, tmp_path):
    x, y = np.zeros((6, 4, 4, 1), "uint8"), np.array([0, 1, 0, 1, 0, 1])
    parts = {"train": y, "val": 0 * y, "test": y}  # no label of class 1 among the validation's
    arrays = {f"x_{name}": x for name in parts} | {f"y_{name}": own for name, own in parts.items()}
    np.savez(tmp_path / "data.npz", **arrays)
    place = searched("val_f1_score", metric="macro")
    studies = ablations.from_search(place, model=OF, data=f"npz:{tmp_path / 'data.npz'}")
    assert studies.note == (
        "The studies compare macro_f1, because val_f1_score of the search is not the studies' "
        f"macro F1 (not every class is among the validation labels){UNKNOWN}"
    )
    right = keras.ops.one_hot([0, 0, 0], 2)
    assert float(keras.metrics.F1Score(average="macro")(right, right)) == pytest.approx(0.5)


def test_winner_that_cannot_be_built_is_reported(searched):
    studies = ablations.from_search(searched("val_auc", decay=-1.0), model=OF, data="npz:no.npz")
    assert studies.rivals.metrics == ("loss",)
    assert studies.note.startswith(
        "The studies compare loss, because the model of the search cannot be built to identify "
        "val_auc ("
    )
    assert studies.note.endswith(f"){UNKNOWN}")


def test_given_metric_is_compared(searched, two_classes):
    place = searched("val_auc", metric="auc")
    studies = ablations.from_search(place, model=OF, data=two_classes, metric="accuracy")
    assert studies.rivals.metrics == ("accuracy", "loss")
    assert studies.note.startswith("The studies compare accuracy, because they do not measure")


def scored(trial, report_to=None):
    """Return 0.7 plus a little by seed, without training."""
    score = 0.7 + trial.seed / 100
    metrics = {f"{split}_accuracy": score for split in ("validation", "test")}
    return TrialResult(trial, "done", metrics={**metrics, "test_loss": 1 - score})


def counted(trial):
    about = {"examples": 100, "classes": 10}
    return TrialResult(trial, "done", params=1, macs=1, metrics=about, fingerprint="f")


@pytest.fixture
def untrained(monkeypatch):
    monkeypatch.setattr(runner, "run_trial", scored)
    monkeypatch.setattr(runner, "measure_trial", counted)


def test_optimism_uses_the_counterpart(searched, tmp_path, untrained):
    studies = ablations.from_search(
        searched("val_acc"), model=OF, data="digits", seeds=[1, 3], rivals=0
    )
    row = studies.run(tmp_path / "studies", engine="serial", progress=False).optimism().iloc[0]
    assert row["optimism"] == pytest.approx(0.9 - 0.72)
    assert row["note"] == ""


def test_unknown_optimism_is_explained(searched, tmp_path, untrained, capsys):
    place = searched("accuracy")  # of the training data
    studies = ablations.from_search(place, model=OF, data="digits", seeds=[1, 3], rivals=0)
    found = studies.run(tmp_path / "studies", engine="serial")
    assert studies.note in " ".join(capsys.readouterr().err.split())
    row = found.optimism().iloc[0]
    assert math.isnan(row["optimism"])
    assert row["note"] == studies.note
    assert contents_of(studies.search, found).warnings == (studies.note,)
    page = found.report(tmp_path / "a.html").read_text()
    assert studies.note.replace("'", "&#39;") in page
    assert "nan" not in found.report(tmp_path / "a.md").read_text()


def test_objective_minimized_by_mistake_has_the_highest_winner(searched, tmp_path):
    place = searched("val_f1_score", direction="min", metric="macro")
    studies = ablations.from_search(place, model=OF, data="digits", rivals=1)
    assert studies.rivals.baseline["units"] == 8
    assert dict(studies.rivals.variants[0]) == {"units": 6}
    contents = contents_of(cnnzoo.open_search(place))
    assert contents.facts["Objective"] == "val_f1_score (max)"
    assert contents.warnings[0].startswith(
        "KerasTuner minimized val_f1_score although higher is better"
    )
    assert contents.best["score"].tolist() == [0.9, 0.8]
