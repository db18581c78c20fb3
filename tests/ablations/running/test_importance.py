"""Importance of parts of trained models, against changes made by hand."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

import ablations
import cnnzoo
from ablations import PartError
from cnnzoo.parts.intervention import of_others


@pytest.fixture(scope="module")
def data():
    return cnnzoo.load_data("digits", train_size=400)


def build(seed=0):
    """Build and train a residual net of two blocks."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(inputs)
    for number in (1, 2):
        y = layers.Conv2D(8, 3, padding="same", name=f"block{number}_conv1")(x)
        y = layers.Activation("relu", name=f"block{number}_relu")(y)
        y = layers.Conv2D(8, 3, padding="same", name=f"block{number}_conv2")(y)
        x = layers.Add(name=f"block{number}_add")([x, y])
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x), name="net")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def models(data):
    trained = [build(seed) for seed in (0, 1, 2)]
    for model in trained:
        cnnzoo.train(model, data, cnnzoo.Recipe(epochs=2), verbose=0)
    return trained


def rows(table):
    return table.set_index(["part", "metric"])


def test_zeroed_block_is_a_removed_block(models, data):
    (model, *_) = models
    table = rows(ablations.importance(model, data, how="zero"))
    whole = cnnzoo.evaluate(model, *data.test)
    for name in ("block1", "block2"):
        removed = cnnzoo.evaluate(ablations.ablated(model, {name: "remove"}), *data.test)
        for metric in ("loss", "accuracy"):
            row = table.loc[(name, metric)]
            assert row["baseline"] == pytest.approx(whole[metric], rel=1e-5)
            assert row["ablated"] == pytest.approx(removed[metric], rel=1e-5)
            assert row["delta"] == pytest.approx(removed[metric] - whole[metric], abs=1e-5)


def test_zeroed_channel_is_one_without_weights(models, data):
    (model, *_) = models
    table = ablations.importance(model, data, level="channels", how="zero", examples=50)
    chosen = table[(table["part"] == "block1_conv1") & (table["metric"] == "loss")]
    assert chosen["channel"].tolist() == list(range(8))
    copy = keras.models.clone_model(model)
    copy.compile("sgd", "sparse_categorical_crossentropy")
    copy.set_weights(model.get_weights())
    kernel, bias = (np.array(value) for value in copy.get_layer("block1_conv1").get_weights())
    kernel[..., 3], bias[3] = 0, 0
    copy.get_layer("block1_conv1").set_weights([kernel, bias])
    x, labels = (part[:50] for part in data.test)
    expected = cnnzoo.evaluate(copy, x, labels)["loss"]
    assert chosen["ablated"].iloc[3] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("how", ["mean", "resample"])
def test_replaced_layer_by_hand(models, data, how):
    (model, *_) = models
    table = rows(ablations.importance(model, data, level="layers", how=how, examples=60))
    x, labels = (np.asarray(part[:60]) for part in data.test)
    before = keras.Model(model.inputs[0], model.get_layer("block2_add").output)
    maps = before.predict(x, verbose=0)
    mean = np.broadcast_to(maps.mean(0), maps.shape)
    maps = mean if how == "mean" else of_others(maps, mean)
    head = model.get_layer("head")
    logits = maps.reshape(60, -1) @ head.kernel.numpy() + head.bias.numpy()
    logits -= logits.max(1, keepdims=True)
    nll = np.log(np.exp(logits).sum(1)) - logits[np.arange(60), labels]
    assert table.loc[("block2_add", "loss"), "ablated"] == pytest.approx(nll.mean(), rel=1e-4)
    correct = (logits.argmax(1) == labels).mean()
    assert table.loc[("block2_add", "accuracy"), "ablated"] == pytest.approx(correct)


def test_resampled_maps_are_those_of_other_examples():
    maps = np.arange(20)
    found = of_others(maps, maps)
    assert sorted(found) == maps.tolist()
    assert (found != maps).all()


def test_interval_is_over_models(models, data):
    table = rows(ablations.importance(models, data, how="mean"))
    single = [rows(ablations.importance(model, data, how="mean")) for model in models]
    key = ("block2", "loss")
    deltas = [one.loc[key, "delta"] for one in single]
    expected = stats.ttest_1samp(deltas, 0).confidence_interval()
    row = table.loc[key]
    assert (row["n"], row["over"]) == (3, "models")
    assert row["delta"] == pytest.approx(np.mean(deltas))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))


def test_interval_is_over_examples_of_one_model(models, data):
    (model, *_) = models
    row = rows(ablations.importance(model, data, examples=40)).loc[("block1", "loss")]
    assert (row["n"], row["over"]) == (40, "examples")
    assert row["ci_low"] < row["delta"] < row["ci_high"]


@pytest.mark.parametrize("how", ["zero", "mean", "resample"])
def test_planted_branch_is_the_first(how):
    """Only the first branch sees the image; the other one sees a constant."""
    random = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = random.normal(size=(300, 6, 6, 1)) * 0.3
    images[np.arange(300), labels * 2, 2] += 3
    data = cnnzoo.load_data((images.astype("float32"), labels), normalize="none")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 1))
    blind = layers.Rescaling(0.0, 1.0, name="blind")(inputs)
    branches = [
        layers.Conv2D(4, 3, activation="relu", name=f"{name}_conv")(x)
        for name, x in (("signal", inputs), ("noise", blind))
    ]
    x = layers.Flatten(name="flat")(layers.Concatenate(name="joined")(branches))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    cnnzoo.train(model, data, cnnzoo.Recipe(epochs=8, batch_size=16), verbose=0)
    table = rows(ablations.importance(model, data, level="layers", how=how))
    signal, noise = (table.loc[(f"{name}_conv", "loss")] for name in ("signal", "noise"))
    assert signal["ci_low"] > 0.3
    assert abs(noise["delta"]) < (1e-5 if how != "zero" else signal["delta"] / 3)


def test_parts_that_cannot_be_replaced_have_a_note(models, data):
    table = ablations.importance(models[0], data, level="layers", examples=20).set_index("part")
    assert table.loc["head", "note"] == "it gives the model's output"
    assert table.loc["head", "delta"] is None or np.isnan(table.loc["head", "delta"])


def test_regression_has_the_mean_absolute_error():
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 4, 4, 1)).astype("float32")
    data = cnnzoo.load_data((x, x.mean((1, 2, 3)).astype("float32")), normalize="none")
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(3, 3, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(1, name="head"),
        ]
    )
    model.compile("sgd", "mse")
    table = rows(ablations.importance(model, data, level="layers", how="zero"))
    targets = np.asarray(data.test.y).ravel()
    bias = float(model.get_layer("head").bias.numpy()[0])
    assert table.loc[("flat", "mae"), "ablated"] == pytest.approx(np.abs(targets - bias).mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"level": "channel"},
            "`level`: expected one of 'blocks', 'branches', 'layers', 'channels'; got 'channel'; "
            "did you mean 'channels'?",
        ),
        ({"how": "max"}, "`how`: expected one of 'zero', 'mean', 'resample'; got 'max'."),
        ({"examples": 1}, "`examples`: expected a whole number from 2 up; got 1."),
        ({"level": "branches"}, "`level`: `net` has no branches."),
        (
            {"model": "mlp"},
            "`model`: expected a trained and compiled keras.Model; got 'mlp'.",
        ),
    ],
)
def test_refusals(data, options, message):
    arguments = {"model": build(), "data": data, **options}
    with pytest.raises(PartError) as error:
        ablations.importance(**arguments)
    assert str(error.value) == message


def test_models_of_different_parts_are_refused(data):
    shorter = ablations.ablated(build(), {"block2": "remove"})
    with pytest.raises(PartError) as error:
        ablations.importance([build(), shorter], data)
    assert str(error.value) == ("`model`: expected models with the same parts; got different ones.")


def test_model_with_two_outputs_is_refused(data):
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten(name="flat")(inputs)
    ends = [layers.Dense(10, activation="softmax", name=name)(x) for name in ("one", "two")]
    model = keras.Model(inputs, ends, name="net")
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2)
    with pytest.raises(PartError) as error:
        ablations.importance(model, data)
    assert str(error.value) == (
        "`model`: expected one input and one output; got 1 inputs and 2 outputs of `net`. A study "
        "changes its parts."
    )


def test_little_memory_gives_the_same_table(models, data, monkeypatch):
    kept = ablations.importance(models[0], data, how="mean", examples=30)
    monkeypatch.setattr("ablations.running.importance.BATCH_BYTES", 0)  # batches of 8, not kept
    again = ablations.importance(models[0], data, how="mean", examples=30)
    for column in ("baseline", "ablated", "ci_low"):
        assert again[column].tolist() == pytest.approx(kept[column].tolist(), rel=1e-4, abs=1e-6)
