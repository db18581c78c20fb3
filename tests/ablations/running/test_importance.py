"""Importance of parts of trained models, against changes made by hand."""

import dataclasses
from collections import Counter

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats

import ablations
import cnnzoo
from ablations import PartError
from ablations.running.replacement import Examples
from cnnzoo.analysis.graph import graph_of
from cnnzoo.parts.intervention import of_others
from cnnzoo.parts.segment import Pool, Segment


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


def drawn(data, count, split="test"):
    """Return the examples that `importance` draws, in their order."""
    x, y = getattr(data, split)
    order = np.random.default_rng(0).permutation(len(x))[:count]
    return x[order], np.asarray(y)[order]


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


def test_picture_hatches_parts_whose_interval_includes_zero(models, data):
    (model, *_) = models
    table = ablations.importance(model, data, examples=60)
    figure = ablations.network_figure(model, table, "accuracy", width=100)
    assert (figure.name, figure.width) == ("network", 100)
    assert figure.caption.startswith(
        "Number and colour: change in accuracy if the output of the part is replaced. "
    )
    shown = table[table["metric"] == "accuracy"]
    is_open = (shown["ci_low"] <= 0) & (shown["ci_high"] >= 0)
    assert ("inconclusive" in figure.drawing) == is_open.any()
    assert ("worse, up to" in figure.drawing) == (shown["delta"] < 0).any()
    for arguments, words in (
        ((model, table, "f1"), "`metric`: expected one of 'loss', 'accuracy'; got 'f1'."),
        ((model, None), "`table`: expected a table of ablations.importance; got another object."),
        (("net", table), "`model`: expected a keras.Model; got 'net'."),
        (
            (model, table.replace("block2", "block9")),
            "`table`: expected parts of `net`; got block9, which it does not have.",
        ),
        (
            (model, table.assign(channel=1)),
            "`table`: expected whole parts; got channels. Choose another level of importance.",
        ),
    ):
        with pytest.raises(PartError) as refused:
            ablations.network_figure(*arguments)
        assert str(refused.value) == words


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
    x, labels = drawn(data, 50)
    expected = cnnzoo.evaluate(copy, x, labels)["loss"]
    assert chosen["ablated"].iloc[3] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("how", ["mean", "resample"])
def test_replaced_layer_by_hand(models, data, how):
    (model, *_) = models
    table = rows(ablations.importance(model, data, level="layers", how=how, examples=60))
    x, labels = drawn(data, 60)
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


def normalized(*, nested=False):
    """Return a model with a batch normalization before its block and two after it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    x = layers.BatchNormalization(name="stem_norm")(x)
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv")(x)
    x = layers.Add(name="block1_add")([x, y])
    ends = [
        layers.BatchNormalization(name="first_norm"),
        layers.Activation("relu", name="relu"),
        layers.Conv2D(4, 3, name="conv"),
        layers.BatchNormalization(name="last_norm"),
        layers.Flatten(name="flat"),
    ]
    if nested:
        ends = [keras.Sequential([keras.Input(x.shape[1:]), *ends], name="tail")]
    for layer in ends:
        x = layer(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x), name="net")
    for name in ("first", "last"):
        norm = (model.get_layer("tail") if nested else model).get_layer(f"{name}_norm")
        norm.moving_mean.assign(keras.random.uniform((4,), seed=0))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("how", ["zero", "mean"])
def test_recalibrated_statistics_by_hand(data, how, nested, monkeypatch):
    """Keras itself measures them: a step of training with momentum 0 on all training images."""
    monkeypatch.setattr("ablations.running.replacement.BATCHES", (8, 400))
    model = normalized(nested=nested)
    options = {"level": "layers", "how": how, "examples": 400}
    table = rows(ablations.importance(model, data, normalization="recalibrated", **options))
    row = table.loc[("block1_conv", "loss")]
    assert row["normalization"] == "recalibrated"
    tail = model.get_layer("tail") if nested else model
    norms = [model.get_layer("stem_norm")]
    norms += [tail.get_layer(f"{name}_norm") for name in ("first", "last")]
    for norm in norms:
        norm.momentum = 0.0
    training, _ = drawn(data, 400, "train")
    model(training, training=True)
    x, labels = drawn(data, 400)
    assert row["baseline"] == pytest.approx(cnnzoo.evaluate(model, x, labels)["loss"], rel=1e-4)
    conv = model.get_layer("block1_conv")
    before = keras.Model(model.inputs[0], conv.output).predict(x, verbose=0)
    conv.kernel.assign(0 * conv.kernel)
    conv.bias.assign(0 * conv.bias)
    if how == "mean":
        constant = layers.Rescaling(1.0, before.mean(0), name="block1_mean")
        edited = keras.models.clone_model(
            model,
            call_function=lambda layer, *args, **kwargs: (
                constant(layer(*args, **kwargs))
                if layer.name == "block1_conv"
                else layer(*args, **kwargs)
            ),
            clone_function=lambda layer: layer,
        )
    else:
        edited = model
    edited.compile("sgd", "sparse_categorical_crossentropy")
    stem = norms[0].moving_mean.numpy().copy()
    edited(training, training=True)
    assert norms[0].moving_mean.numpy() == pytest.approx(stem, rel=1e-5)
    assert row["ablated"] == pytest.approx(cnnzoo.evaluate(edited, x, labels)["loss"], rel=1e-4)


def test_statistics_of_batches_are_pooled(data, monkeypatch):
    monkeypatch.setattr("ablations.running.replacement.BATCHES", (100, 100))
    model = normalized()
    weights = model.get_weights()
    options = {"normalization": "recalibrated", "examples": 360}
    ablations.importance(model, data, level="layers", **options)
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))
    training, _ = drawn(data, 360, "train")
    maps = keras.Model(model.inputs[0], model.get_layer("stem").output).predict(training, verbose=0)
    graph = graph_of(model)
    segment = Segment.between(graph, graph.inputs, [model.get_layer("stem_norm").output])
    pool = Pool()
    for batch in np.split(training, [100, 200]):
        pool.add(segment.measured([batch])[1], len(batch))
    ((mean, variance),) = pool.moments()
    assert mean == pytest.approx(maps.mean((0, 1, 2)), abs=1e-5)
    assert variance == pytest.approx(maps.var((0, 1, 2)), rel=1e-4)


@pytest.mark.parametrize("how", ["trained", "recalibrated"])
def test_normalization_of_the_whole_model_is_named(data, how):
    """Also after the last one, where recalibrating changes what both outcomes are made of."""
    model = normalized()
    options = {"level": "layers", "examples": 8}
    table = ablations.importance(model, data, normalization=how, **options).set_index("part")
    named = table["normalization"][lambda each: ~each.index.duplicated()]
    assert named["conv"] == named["stem"] == named["last_norm"] == named["flat"] == how
    assert named["head"] is None or pd.isna(named["head"])


def test_normalization_of_a_model_without_it_is_none(models, data):
    options = {"normalization": "recalibrated", "examples": 8}
    table = ablations.importance(models[0], data, **options)
    assert set(table["normalization"]) == {"none"}


def test_batch_normalization_in_a_custom_layer_is_not_recalibrated(data):
    inputs = keras.Input((8, 8, 1))
    x = layers.TimeDistributed(layers.BatchNormalization(name="norm"), name="wrapped")(inputs)
    x = layers.Dense(10, activation="softmax", name="head")(layers.Flatten(name="flat")(x))
    model = keras.Model(inputs, x, name="net")
    model.compile("sgd", "sparse_categorical_crossentropy")
    table = ablations.importance(model, data, level="layers", examples=8)
    assert table["normalization"].tolist()[:4] == ["trained"] * 4
    with pytest.raises(PartError) as error:
        ablations.importance(model, data, level="layers", normalization="recalibrated")
    assert str(error.value) == (
        "`model`: the batch normalization `norm` is inside the layer `wrapped`, whose calls are "
        "unknown."
    )


@pytest.mark.parametrize("normalization", ["trained", "recalibrated"])
def test_compiled_segments_give_the_same_table(data, normalization, monkeypatch):
    model = normalized()
    options = {"level": "channels", "examples": 40, "normalization": normalization}
    monkeypatch.setattr("cnnzoo.parts.segment.FEWEST_RUNS", 1000)
    eager = ablations.importance(model, data, **options)
    monkeypatch.setattr("cnnzoo.parts.segment.FEWEST_RUNS", 1)
    graph = ablations.importance(model, data, **options)
    for name in ("part", "metric", "channel"):
        assert graph[name].equals(eager[name])
    assert graph["delta"].to_numpy() == pytest.approx(eager["delta"], abs=1e-5, nan_ok=True)


def test_channel_without_weights_has_exactly_no_effect(data):
    model = normalized()
    for weight in model.get_layer("block1_conv").weights:
        weight.assign(weight * np.array([0, 1, 1, 1]))
    table = ablations.importance(model, data, level="channels", how="zero", examples=20)
    dead = table[(table["part"] == "block1_conv") & (table["channel"] == 0)]
    assert dead["delta"].tolist() == [0, 0]


def test_each_call_runs_once_before_the_places(models, data, monkeypatch):
    """A chain of n parts costs n runs of what comes after, and not n runs of the whole."""
    model = models[0]
    counts = Counter()
    run = Segment._run

    def counted(self, *args):
        counts.update(call.layer.name for call in self.calls)
        return run(self, *args)

    monkeypatch.setattr(Segment, "_run", counted)
    ablations.importance(model, data, level="layers", examples=8)
    names = [layer.name for layer in model.layers[1:]]
    parts = len(names) - 1  # all but the head
    assert counts["stem"] == 2  # the baseline, and once for all parts
    assert counts["head"] == 1 + parts
    assert counts["flat"] == 2 + parts - 1


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
        (
            {"normalization": "recalibrate"},
            "`normalization`: expected one of 'trained', 'recalibrated'; got 'recalibrate'; did "
            "you mean 'recalibrated'?",
        ),
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
    monkeypatch.setattr("ablations.running.replacement.BATCH_BYTES", 0)  # batches of 8, not kept
    again = ablations.importance(models[0], data, how="mean", examples=30)
    for column in ("baseline", "ablated", "ci_low"):
        assert again[column].tolist() == pytest.approx(kept[column].tolist(), rel=1e-4, abs=1e-6)


def colours(shape=(4, 4, 1), copies=100):
    """Return images of three grey values, in order of their classes, as arrays."""
    labels = np.repeat(np.arange(3), copies)
    images = np.zeros((len(labels), *shape), "float32")
    images += labels.reshape(-1, *[1] * len(shape))
    return images, labels


def reader(shape=(4, 4, 1), dtype="float32"):
    """Return a model that tells the class of an image from its grey value, without training."""
    inputs = keras.Input(shape)
    x = layers.Reshape((4, 4, 1), name="image", dtype=dtype)(inputs)
    x = layers.Conv2D(1, 1, kernel_initializer="ones", name="conv", dtype=dtype)(x)
    x = layers.Flatten(name="flat", dtype=dtype)(x)
    x = layers.Dense(3, activation="softmax", name="head")(x)
    model = keras.Model(inputs, x, name="reader")
    levels = np.arange(3.0)
    # -(grey - level)^2, without the term that all classes share
    weights = np.tile(2 * levels / 16, (16, 1)) * 40
    model.get_layer("head").set_weights([weights, -(levels**2) * 40])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def as_test(images, labels):
    """Return data whose test split are these arrays."""
    whole = cnnzoo.load_data((images, labels), normalize="none")
    return dataclasses.replace(whole, test=type(whole.test)(images, labels))


@pytest.mark.parametrize("examples", [1000, 90])
def test_resampling_mixes_sorted_classes(examples, monkeypatch):
    monkeypatch.setattr("ablations.running.replacement.BATCHES", (8, 8))
    data = as_test(*colours())
    options = {"level": "layers", "how": "resample", "examples": examples}
    row = rows(ablations.importance(reader(), data, **options)).loc[("conv", "accuracy")]
    assert (row["baseline"], row["n"]) == (1, min(examples, 300))
    # another example of a batch of 8 from three classes of equal size has the class by chance
    assert row["ablated"] == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / row["n"]))


@pytest.mark.parametrize(
    ("count", "sizes"), [(2, [2]), (8, [8]), (9, [9]), (10, [8, 2]), (16, [8, 8]), (17, [8, 9])]
)
def test_last_example_alone_joins_the_batch_before(count, sizes):
    order = np.random.default_rng(1).permutation(30)[:count]
    batches = Examples(None, order, order).batches(8)
    assert [len(batch) for batch in batches] == sizes
    assert np.concatenate(batches).tolist() == order.tolist()


def test_images_without_an_axis_of_channels_in_the_model():
    data = as_test(*colours(copies=5))
    options = {"level": "layers", "how": "zero"}
    flat = rows(ablations.importance(reader((4, 4)), data, **options))
    whole = rows(ablations.importance(reader(), data, **options))
    for name in ("baseline", "ablated"):
        key = ("conv", "loss")
        assert flat.loc[key, name] == pytest.approx(whole.loc[key, name])


def test_means_of_half_precision_do_not_overflow():
    images, labels = colours()
    data = as_test(images + 1000, labels)  # the sum of 250 such maps exceeds 65504
    model = reader(dtype="float16")
    head = model.get_layer("head")
    weights, bias = head.get_weights()
    head.set_weights([weights, bias - 1000 * weights.sum(0)])
    options = {"level": "layers", "how": "mean"}
    row = rows(ablations.importance(model, data, **options)).loc[("conv", "accuracy")]
    assert row["baseline"] == 1
    assert row["ablated"] == pytest.approx(1 / 3)  # all have the class of the mean


def test_blocks_of_one_layer_are_layers_too(data):
    model = cnnzoo.build("conv_stack", input_shape=(8, 8, 1), classes=10)
    options = {"how": "zero", "examples": 10}
    table = ablations.importance(model, data, level="layers", **options)
    names = ["stage1_conv", "stage2_conv", "average", "head"]
    assert table["part"].unique().tolist() == names
    channels = ablations.importance(model, data, level="channels", **options)
    count = sum(model.get_layer(name).filters for name in names[:2])
    assert (channels["metric"] == "loss").sum() == count


def test_channels_of_a_layer_with_two_calls_have_a_note(data):
    inputs = keras.Input((8, 8, 1))
    shared = layers.Conv2D(1, 3, padding="same", name="shared")
    x = layers.Flatten(name="flat")(shared(shared(inputs)))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    table = ablations.importance(model, data, level="channels", examples=4).set_index("part")
    assert table.loc["shared", "note"] == "it is called 2 times"
