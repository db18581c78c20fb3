"""Each way of use on the Keras backend of this process; on TensorFlow what no other test does.

`tests/cnnzoo/models/test_backends.py` runs this file on the backends that are installed.
"""

import math

import keras
import numpy as np
import pytest

import ablations
import cnnzoo
from ablations import Study, run
from cnnzoo.doctor.experiment import Experiment
from cnnzoo.models.initialization import initialize
from cnnzoo.runtime.keras_backend import backend_version

BACKEND = keras.config.backend()
RECIPE = cnnzoo.Recipe(epochs=1, augment="crop", class_weight="balanced")
LARGER = ("efficientnet", "mobilenet", "sequence", "transfer", "vgg")
"""Models whose maps would be too small for images of 8 x 8 pixels."""

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

not_on_tensorflow = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="other tests do the same on TensorFlow"
)


@pytest.fixture(scope="module")
def data():
    return cnnzoo.load_data("digits", train_size=200)


@pytest.fixture(scope="module")
def trained(data):
    model = cnnzoo.build("batch_norm", filters=2, input_shape=(8, 8, 1), seed=0)
    return cnnzoo.train(model, data, RECIPE, verbose=0).model


@not_on_tensorflow
@pytest.mark.parametrize("name", cnnzoo.list_models())
def test_every_model_gives_probabilities(name):
    shape = (32, 32, 3) if name in LARGER else (8, 8, 1)
    weights = {"weights": None} if name == "transfer" else {}
    model = cnnzoo.build(name, input_shape=shape, classes=3, seed=0, **weights)
    outputs = keras.ops.convert_to_numpy(model(np.zeros((2, *shape), "float32")))
    assert outputs.shape == (2, 3)
    assert outputs.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


@not_on_tensorflow
def test_training_has_metrics_of_each_split(data):
    trained = cnnzoo.train("mlp", data, RECIPE, units=8, verbose=0, metrics=["ece", "macro_recall"])
    assert all(map(math.isfinite, trained.metrics.values()))
    assert {"train_loss", "validation_nll", "test_ece", "test_macro_recall"} <= {*trained.metrics}


STUDY = Study(
    "mlp",
    "digits",
    factors={"units": [4, 8], "dropout": [0.0, 0.3]},
    baseline={"units": 8, "dropout": 0.0, "train_size": 100},
    seeds=2,
    recipe=cnnzoo.Recipe(epochs=2),
)


@not_on_tensorflow
def test_trials_in_workers_equal_trials_in_one_worker(tmp_path):
    columns = ["variant", "seed", "status", "test_loss", "test_accuracy", "validation_nll"]
    first, second = (
        run(STUDY, tmp_path / str(workers), workers=workers, progress=False) for workers in (1, 2)
    )
    assert set(first.trials["status"]) == {"done"}
    assert first.trials[columns].equals(second.trials[columns])
    assert first.versions["backend"] == backend_version()
    assert first.versions["arithmetic"].startswith("threads: 1")


@not_on_tensorflow
def test_trials_run_in_this_process(tmp_path):
    trials = run(STUDY, tmp_path, engine="serial", progress=False).trials
    assert set(trials["status"]) == {"done"}


@not_on_tensorflow
@pytest.mark.parametrize("workers", [1, 2])
def test_search_scores_its_trials(tmp_path, workers):
    found = cnnzoo.tune(
        "mlp",
        "digits",
        search={"units": [4, 8]},
        tuner="grid",
        recipe=cnnzoo.Recipe(epochs=1),
        workers=workers,
        directory=tmp_path,
        progress=False,
    )
    assert found.trials["status"].tolist() == ["done", "done"]
    assert found.trials["score"].notna().all()


def test_saved_model_trains_again(data, trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = cnnzoo.load_model(tmp_path / "model.keras")
    before = cnnzoo.evaluate(trained, data.test.x, data.test.y)
    assert cnnzoo.evaluate(loaded, data.test.x, data.test.y) == pytest.approx(before, rel=1e-5)
    assert loaded.jit_compile == (BACKEND == "jax")
    again = cnnzoo.train(loaded, data, RECIPE, verbose=0)
    assert math.isfinite(again.metrics["test_loss"])


def test_insight_of_a_trained_model(data, trained):
    image, label = np.asarray(data.test.x[:4]), int(data.test.y[0])
    assert cnnzoo.describe(trained)["params"].sum() == trained.count_params()
    assert cnnzoo.receptive_field(trained, "stage1_conv").size == (3, 3)
    assert np.isfinite(cnnzoo.equivariance(trained, image).table["error"]).any()
    assert cnnzoo.filters(trained, "stage1_conv").weights.shape == (3, 3, 1, 2)
    assert cnnzoo.feature_maps(trained, image[0])["stage1_conv"].shape[-1] == 2
    assert np.isfinite(cnnzoo.class_activation(trained, image[0], label).values).all()
    assert cnnzoo.effective_receptive_field(trained, "stage1_conv").area > 0


@not_on_tensorflow
def test_findings_before_training(data):
    findings = cnnzoo.check("batch_norm", data, filters=2, learning_rate=100.0)
    assert findings["code"].tolist() == ["rate-high"]


@not_on_tensorflow
def test_doctor_measures_the_layers(data):
    model = cnnzoo.build("batch_norm", filters=2, input_shape=(8, 8, 1), seed=0)
    doctor = cnnzoo.Doctor()
    images = np.asarray(data.train.x)
    model.fit(images, data.train.y, epochs=2, verbose=0, callbacks=[doctor])
    assert doctor.watched == (
        "the curves of the loss and the metrics, and the model on a probe batch of 32 examples"
    )
    measured = doctor.measurements()
    kernels = measured[measured["layer"] == "stage1_conv"]
    assert (kernels["gradient"] > 0).all()
    assert kernels["update"].between(1e-5, 0.1).all()
    plain = cnnzoo.build("batch_norm", filters=2, input_shape=(8, 8, 1), seed=0)
    for seeded in (model, plain):
        keras.utils.set_random_seed(0)
        callbacks = [cnnzoo.Doctor()] if seeded is model else []
        initialize(seeded, 0)
        seeded.compile("sgd", "sparse_categorical_crossentropy")
        seeded.fit(images, data.train.y, verbose=0, shuffle=False, callbacks=callbacks)
    for watched, unwatched in zip(model.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(watched, unwatched)
    assert measured["inference_loss"].notna().all()
    assert "code" in doctor.findings()


@not_on_tensorflow
def test_diagnosis_confirms_a_cause_by_an_experiment(data):
    causes = cnnzoo.diagnose("mlp", data, units=8, learning_rate=1e-6).causes
    assert causes["code"][0] == "rate-low"
    assert causes["confirmed"][0]


def test_gradients_equal_those_by_hand():
    """The gradient of a linear model's squared error is 2 x (w x - y)."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.set_weights([np.array([[3.0]], "float32")])
    experiment = Experiment(model)
    batch = np.array([[2.0]], "float32"), np.array([[1.0]], "float32")
    gradient = experiment.gradient(batch)
    assert gradient.loss == pytest.approx(25)
    assert [*gradient.norms.values()] == pytest.approx([20])
    assert experiment.run([batch]).losses.tolist() == pytest.approx([25])
    assert experiment.weights[0].item() == pytest.approx(3 - 0.1 * 20)
    assert experiment.run([batch]).losses.tolist() == pytest.approx([25])
    assert model.get_weights()[0].item() == 3


CLIPPED = -math.log(1e-7), 0.0

WRONG_BY_20 = {"tensorflow": (20.0, 2**0.5), "jax": CLIPPED, "torch": CLIPPED}
"""Loss, and norm of its gradient with respect to the logits, of a softmax over two classes whose
logits are wrong by 20: -log(p) and (p - 1, 1 - p), with p = 1e-20 or clipped to 1e-7."""


def test_loss_of_a_confident_error():
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(2, "softmax", kernel_initializer="identity")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    before = model.get_weights()[1]
    loss = model.train_on_batch(np.array([[20.0, 0.0]]), np.array([1]))
    norm = np.linalg.norm(model.get_weights()[1] - before)  # the step is the gradient of the bias
    assert (float(loss), norm) == pytest.approx(WRONG_BY_20[BACKEND], rel=1e-5, abs=1e-6)


FIRST_WEIGHTS = {"tensorflow": -0.22991586, "jax": 0.08590239, "torch": -0.02705687}
"""First weight of an mlp with seed 0."""


def test_initial_weights_of_a_seed_depend_on_the_backend():
    first = cnnzoo.build("mlp", units=4, input_shape=(8, 8, 1), seed=0).get_weights()[0].ravel()[0]
    assert first == pytest.approx(FIRST_WEIGHTS[BACKEND], rel=1e-5)


@not_on_tensorflow
@pytest.mark.parametrize("normalization", ["trained", "recalibrated"])
def test_importance_of_channels_is_compiled_as_it_is_run_eagerly(data, normalization, monkeypatch):
    model = cnnzoo.residual(input_shape=(8, 8, 1), depth=8, filters=2, seed=0)
    options = {"level": "channels", "examples": 20, "normalization": normalization}
    compiled = ablations.importance(model, data, **options)
    monkeypatch.setattr("cnnzoo.parts.segment.FEWEST_RUNS", math.inf)
    eager = ablations.importance(model, data, **options)
    assert compiled["delta"].to_numpy() == pytest.approx(eager["delta"], abs=1e-4, nan_ok=True)


@not_on_tensorflow
@pytest.mark.parametrize("operation", ["remove", "no_skip", "freeze", "shuffle", "halve"])
def test_changed_parts_give_probabilities(operation):
    model = cnnzoo.residual(input_shape=(8, 8, 1), depth=8, filters=2, seed=0)
    changed = ablations.ablated(model, {"stage2_block1": operation})
    outputs = keras.ops.convert_to_numpy(changed(np.zeros((2, 8, 8, 1), "float32")))
    assert outputs.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
