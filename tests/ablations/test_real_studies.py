"""Studies with real training."""

import subprocess
import sys

import pytest

from ablations import Study, StudyError, run
from ablations.results.report_contents import contents_of
from cnnzoo import Recipe

TINY = Study(
    "mlp",
    "digits",
    factors={"units": [4, 8]},
    baseline={"units": 8, "train_size": 100},
    seeds=2,
    recipe=Recipe(epochs=1),
)


def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    found = [
        run(TINY, tmp_path / str(index), workers=workers, progress=False)
        for index, workers in enumerate((1, 2))
    ]
    for results in found:
        trials = results.trials
        assert (trials["status"] == "done").all()
        measured = trials[[name for name in trials if "seconds" not in name]]
        assert measured.equals(found[0].trials[measured.columns])
        assert results.history.equals(found[0].history)
    assert len(set(found[0].trials["test_loss"])) == 4
    for results in found:  # the phases of each trial are parts of its seconds
        told = results.profile()
        sums = dict(zip(told.parts["part"], told.parts["seconds"], strict=True))
        assert told.trials == 4
        assert min(sums.values()) >= 0
        assert sum(sums.values()) - sums["wait"] == pytest.approx(results.trials["seconds"].sum())
        fits = results.trials["fit_seconds"].sum()
        assert sums["train"] + sums["trace"] == pytest.approx(fits)
        assert contents_of(results).time.startswith(told.words)


def test_dtype_policy_of_a_level_reaches_no_other_trial(tmp_path):
    """Without isolation, the baseline would leave Keras in half precision."""
    study = Study(
        "helpers.stub_builders:leaking",
        "digits",
        factors={"leak": ["policy", "none"]},
        baseline={"leak": "policy", "train_size": 100},
        seeds=1,
        recipe=Recipe(epochs=1),
    )
    found = [
        run(study, tmp_path / str(number), workers=1, renew_after=number, progress=False)
        for number in (0, 1)  # one process for both trials, and one for each
    ]
    for results in found:
        assert (results.trials["status"] == "done").all()
        assert list(results.trials["test_loss"]) == list(found[0].trials["test_loss"])
    baseline, variant = found[0].trials["test_loss"]
    assert abs(variant - baseline) > 1e-6


RERUN = """
import sys
from multiprocessing import forkserver
from ablations import Study, run
study = Study.from_dict(%r)
print(run(study, sys.argv[1], progress=False).trials["status"].tolist())
print([name for name in ("keras", "tensorflow", "sklearn") if name in sys.modules])
print(forkserver._forkserver._forkserver_pid)
"""


def test_finished_study_loads_no_tensorflow_and_starts_no_process(unexplained, tmp_path):
    run(TINY, tmp_path, engine="serial", progress=False)
    answer = subprocess.run(
        [sys.executable, "-c", RERUN % TINY.to_dict(), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert answer.stderr == ""
    assert answer.stdout.splitlines() == [str(["done"] * 4), "[]", "None"]


def test_moving_averages_finding_appears_only_where_it_applies(tmp_path):
    """After few steps at momentum 0.99, the moving averages are still near their initial values."""
    study = Study(
        "batch_norm",
        "digits",
        factors={"normalization": ["batch", "none"], "norm_momentum": [0.99, 0.5]},
        baseline={"filters": 4, "learning_rate": 0.01, "train_size": 100},
        seeds=1,
        recipe=Recipe(epochs=8),
    )
    results = run(study, tmp_path, engine="serial", progress=False)
    trials = results.trials.set_index("variant")
    assert (trials["status"] == "done").all()
    found = trials["findings"]
    steps = 8 * 4  # 100 examples are 4 batches of 32
    assert found["baseline"].startswith(
        "BatchNormalization's moving averages have not converged: on the training data the loss is "
    )
    assert found["baseline"].endswith(
        f"after {steps} steps at momentum 0.99 the averages still hold {0.99**steps:.0%} of their "
        "initial values. Train longer, or lower the momentum of "
        "BatchNormalization (`norm_momentum` in the zoo)."
    )
    marked = {variant for variant, codes in trials["codes"].items() if "modes-differ" in codes}
    assert marked == {"baseline"}
    assert trials.loc["baseline", "codes"] == "modes-differ"  # and no overfitting beside it
    # in training all went well: it is not normalization that is to blame
    history = results.history.groupby("variant")["loss"].last()
    assert trials.loc["baseline", "train_loss"] > 2 * history["baseline"]
    assert history["baseline"] < history["normalization=none"]


def test_custom_builder_is_studied_end_to_end(tmp_path):
    study = Study(
        "helpers.stub_builders:plain",
        "digits",
        factors={"wide": [False, True]},
        baseline={"train_size": 100},
        seeds=1,
        recipe=Recipe(epochs=1),
    )
    results = run(study, tmp_path, workers=1, progress=False)
    assert (results.trials["status"] == "done").all()
    assert list(results.trials["params"]) == [64 * 8 + 8 + 90, 64 * 32 + 32 + 330]
    assert len(results.versions["model"]) == 12


def test_losses_that_a_custom_builder_switches_are_not_compared(unexplained, tmp_path):
    study = Study(
        "helpers.stub_builders:objective",
        "digits",
        factors={"objective": ["crossentropy", "squares"]},
        baseline={"train_size": 100},
        seeds=2,
        recipe=Recipe(epochs=1),
    )
    results = run(study, tmp_path, engine="serial", progress=False)
    trials = results.trials.set_index(["variant", "seed"])
    assert (trials["status"] == "done").all()
    squares = trials["test_loss"]["objective=squares"]
    assert (squares < trials["test_loss"]["baseline"] / 2).all()  # of another unit
    deltas = results.deltas().set_index("metric")
    assert list(deltas.index) == ["test_nll", "test_accuracy"]
    nll = trials["test_nll"]
    expected = (nll["objective=squares"] - nll["baseline"]).mean()
    assert deltas.loc["test_nll", "delta"] == pytest.approx(expected)


def test_metrics_of_another_task_are_refused_before_training(tmp_path):
    study = Study(
        "mlp",
        "rotation",
        factors={"units": [4, 8]},
        baseline={"loss": "mse", "units": 4},
        seeds=1,
    )
    with pytest.raises(StudyError) as refusal:
        run(study, tmp_path, engine="serial", progress=False)
    assert str(refusal.value) == (
        "`metrics`: expected any of loss, mae, rmse, gap, loss_gap, gradient_ratio, dead_units, "
        "because rotation is a regression task; got accuracy."
    )
