"""Changed models against the same models written by hand, with the same weights."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnzoo.parts.ablated import ablated
from cnnzoo.parts.names import PartError
from cnnzoo.parts.table import table_of_parts

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(3, 8, 8, 4)).astype("float32")


def conv(name, filters=4, **options):
    return layers.Conv2D(filters, 3, padding="same", name=name, **options)


def head(x):
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return layers.Dense(3, activation="softmax", name="head")(x)


def randomized(model):
    """Give all weights values that no initializer gives, as training would."""
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(np.abs(RANDOM.normal(size=weight.shape)) * 0.3 + 0.1)
    return model


def outputs(model, images=IMAGES):
    return model(images).numpy()


def by_hand(build, model):
    """Return a model written by hand, with the weights of layers of the same names."""
    inputs = keras.Input((8, 8, 4), name="images")
    hand = keras.Model(inputs, build(inputs))
    for layer in hand.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return hand


def functional(build):
    inputs = keras.Input((8, 8, 4), name="images")
    return randomized(keras.Model(inputs, build(inputs)))


def residual(x, *, norm=True, skip=True, activation="relu"):
    y = conv("block1_conv1", use_bias=False)(x)
    y = layers.BatchNormalization(name="block1_norm")(y) if norm else y
    y = layers.Activation(activation, name="block1_relu")(y)
    y = conv("block1_conv2", use_bias=False)(y)
    return layers.Add(name="block1_add")([x, y]) if skip else y


@pytest.fixture
def residual_model():
    return functional(lambda x: head(residual(conv("stem")(x))))


def check(changed, hand):
    np.testing.assert_array_equal(outputs(changed), outputs(hand))
    assert changed.count_params() == hand.count_params()


def test_removed_residual_block(residual_model):
    changed = ablated(residual_model, {"block1": "remove"})
    check(changed, by_hand(lambda x: head(conv("stem")(x)), residual_model))


def test_residual_block_without_norm(residual_model):
    changed = ablated(residual_model, {"block1": "no_norm"})
    hand = by_hand(lambda x: head(residual(conv("stem")(x), norm=False)), residual_model)
    check(changed, hand)


def test_residual_block_without_shortcut(residual_model):
    changed = ablated(residual_model, {"block1": "no_skip"})
    hand = by_hand(lambda x: head(residual(conv("stem")(x), skip=False)), residual_model)
    check(changed, hand)


def test_linear_residual_block(residual_model):
    changed = ablated(residual_model, {"block1": "linear"})
    hand = by_hand(lambda x: head(residual(conv("stem")(x), activation="linear")), residual_model)
    check(changed, hand)


def test_layer_without_bias(residual_model):
    changed = ablated(residual_model, {"stem": "no_bias"})
    model = residual_model
    images = keras.Input((8, 8, 4), name="images")
    hand = keras.Model(images, head(residual(conv("stem", use_bias=False)(images))))
    for layer in hand.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights()[: len(layer.weights)])
    check(changed, hand)


def test_half_a_residual_block_keeps_the_trunk(residual_model):
    changed = ablated(residual_model, {"block1": "halve"})
    assert changed.get_layer("block1_conv1").filters == 2
    assert changed.get_layer("block1_conv2").filters == 4
    assert changed.get_layer("block1_norm").gamma.shape == (2,)
    assert changed.get_layer("block1_conv2").kernel.shape == (3, 3, 2, 4)
    for name in ("stem", "head"):
        for one, other in zip(
            changed.get_layer(name).weights, residual_model.get_layer(name).weights, strict=True
        ):
            assert (one.numpy() == other.numpy()).all()


def test_twice_as_wide(residual_model):
    changed = ablated(residual_model, {"block1": "double"})
    inner = 3 * 3 * 4 * 8 + 4 * 8 + 3 * 3 * 8 * 4
    before = 3 * 3 * 4 * 4 + 4 * 4 + 3 * 3 * 4 * 4
    assert changed.count_params() - residual_model.count_params() == inner - before


def test_frozen_block_does_not_train(residual_model):
    changed = ablated(residual_model, {"block1": "freeze"})
    changed.compile("sgd", "sparse_categorical_crossentropy")
    before = {layer.name: layer.get_weights() for layer in changed.layers}
    changed.fit(IMAGES, np.array([0, 1, 2]), epochs=2, verbose=0)
    moved = {
        layer.name: any(
            (a != b).any() for a, b in zip(before[layer.name], layer.get_weights(), strict=True)
        )
        for layer in changed.layers
        if layer.weights
    }
    assert moved == {
        "stem": True,
        "block1_conv1": False,
        "block1_norm": False,
        "block1_conv2": False,
        "head": True,
    }


def test_shuffled_block_has_the_same_values(residual_model):
    one, other = (ablated(residual_model, {"block1": "shuffle"}, seed=seed) for seed in (0, 1))
    kernels = [
        model.get_layer("block1_conv1").kernel.numpy() for model in (residual_model, one, other)
    ]
    assert (np.sort(kernels[0].ravel()) == np.sort(kernels[1].ravel())).all()
    assert (kernels[0] != kernels[1]).any()
    assert (kernels[1] != kernels[2]).any()
    assert not one.get_layer("block1_conv1").trainable


def test_removed_strided_block_is_pooled_and_projected():
    def strided(x):
        y = conv("block1_conv1", 8, strides=2)(x)
        y = conv("block1_conv2", 8)(y)
        z = layers.Conv2D(8, 1, strides=2, name="block1_shortcut")(x)
        return layers.Add(name="block1_add")([y, z])

    model = functional(lambda x: head(strided(conv("stem")(x))))
    changed = ablated(model, {"block1": "remove"})

    def hand(x):
        x = layers.AveragePooling2D(2, name="pooling")(conv("stem")(x))
        x = layers.Conv2D(8, 1, use_bias=False, name="block1_projection")(x)
        return head(x)

    written = keras.Model(inputs := keras.Input((8, 8, 4)), hand(inputs))
    for layer in written.layers:
        if layer.weights:
            layer.set_weights(changed.get_layer(layer.name).get_weights())
    check(changed, written)
    for name in ("stem", "head"):
        for one, two in zip(
            model.get_layer(name).weights, changed.get_layer(name).weights, strict=True
        ):
            assert (one.numpy() == two.numpy()).all()


def gated(x, gate=True):
    x = conv("block1_conv1", activation="relu")(x)
    if gate:
        g = layers.GlobalAveragePooling2D(keepdims=True, name="block1_squeeze")(x)
        g = layers.Conv2D(2, 1, activation="relu", name="block1_reduce")(g)
        g = layers.Conv2D(4, 1, activation="sigmoid", name="block1_expand")(g)
        x = layers.Multiply(name="block1_scale")([x, g])
    return conv("block1_conv2")(x)


def test_removed_gate():
    model = functional(lambda x: head(gated(x)))
    changed = ablated(model, {"block1_gate": "remove"})
    check(changed, by_hand(lambda x: head(gated(x, gate=False)), model))


def test_half_a_gate_keeps_its_ends():
    model = functional(lambda x: head(gated(x)))
    changed = ablated(model, {"block1_gate": "halve"})
    assert changed.get_layer("block1_reduce").filters == 1
    assert changed.get_layer("block1_expand").filters == 4


def test_half_a_gated_block_takes_its_gate_along():
    model = functional(lambda x: head(gated(x)))
    changed = ablated(model, {"block1": "halve"})
    widths = {
        layer.name: layer.filters for layer in changed.layers if isinstance(layer, layers.Conv2D)
    }
    assert widths == {
        "block1_conv1": 2,
        "block1_reduce": 1,
        "block1_expand": 2,
        "block1_conv2": 2,
    }


def inception(x, third=True):
    a = layers.Conv2D(2, 1, name="mixed_a")(x)
    b = conv("mixed_b2")(layers.Conv2D(2, 1, name="mixed_b1")(x))
    c = (
        conv("mixed_c", 3)(x)
        if third
        else layers.Conv2D(3, 1, use_bias=False, name="mixed_branch_3_projection")(x)
    )
    return layers.Concatenate(name="mixed")([a, b, c])


def test_removed_branch_of_inception_is_a_projection():
    model = functional(lambda x: head(inception(x)))
    changed = ablated(model, {"mixed_branch_3": "remove"})
    hand = keras.Model(inputs := keras.Input((8, 8, 4)), head(inception(inputs, third=False)))
    for layer in hand.layers:
        if layer.weights:
            layer.set_weights(changed.get_layer(layer.name).get_weights())
    check(changed, hand)


def test_half_an_inception_block():
    model = functional(lambda x: head(inception(x)))
    changed = ablated(model, {"mixed": "halve"})
    assert changed.get_layer("mixed").output.shape == (None, 8, 8, 1 + 2 + 1)
    assert changed.get_layer("head").kernel.shape == (4, 3)


def test_u_shaped_model_is_opened():
    def net(x):
        top = conv("down1_conv2")(conv("down1_conv1")(x))
        low = conv("low_conv")(layers.MaxPooling2D(2, name="pool")(top))
        up = layers.UpSampling2D(2, name="up")(low)
        x = layers.Concatenate(name="joined")([top, up])
        return conv("up1_conv2")(conv("up1_conv1")(x))

    model = functional(lambda x: head(net(x)))
    changed = ablated(model, {"up1": "remove", "low_conv": "remove"})

    def hand(x):
        top = conv("down1_conv2")(conv("down1_conv1")(x))
        up = layers.UpSampling2D(2, name="up")(layers.MaxPooling2D(2, name="pool")(top))
        x = layers.Concatenate(name="joined")([top, up])
        return head(layers.Conv2D(4, 1, use_bias=False, name="up1_projection")(x))

    written = keras.Model(inputs := keras.Input((8, 8, 4)), hand(inputs))
    for layer in written.layers:
        if layer.weights:
            layer.set_weights(changed.get_layer(layer.name).get_weights())
    check(changed, written)


def test_layer_of_a_nested_model():
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), conv("first", activation="relu"), conv("second")], name="inner"
    )
    model = functional(lambda x: head(inner(conv("stem")(x))))
    changed = ablated(model, {"inner/first": "remove"})
    second = changed.get_layer("inner").get_layer("second")
    hand = by_hand_of(lambda x: head(conv("second")(conv("stem")(x))), model, inner)
    check(changed, hand)
    assert (second.kernel.numpy() == inner.get_layer("second").kernel.numpy()).all()


def by_hand_of(build, model, inner):
    inputs = keras.Input((8, 8, 4))
    hand = keras.Model(inputs, build(inputs))
    names = {layer.name for layer in model.layers}
    for layer in hand.layers:
        if layer.weights:
            source = model if layer.name in names else inner
            layer.set_weights(source.get_layer(layer.name).get_weights())
    return hand


def test_linear_nested_model():
    def inner(activation):
        return keras.Sequential(
            [keras.Input((8, 8, 4)), conv("first", activation=activation), conv("second")],
            name="inner",
        )

    model = functional(lambda x: head(inner("relu")(x)))
    changed = ablated(model, {"inner": "linear"})
    inputs = keras.Input((8, 8, 4))
    hand = keras.Model(inputs, head(inner("linear")(inputs)))
    hand.set_weights(model.get_weights())
    check(changed, hand)


def test_shared_layer_changes_in_all_its_calls():
    def net(x, activation):
        shared = conv("shared", activation=activation)
        return head(
            layers.Add(name="sum")(
                [shared(x), shared(layers.MaxPooling2D(2, 1, padding="same", name="pool")(x))]
            )
        )

    model = functional(lambda x: net(x, "relu"))
    check(ablated(model, {"shared": "linear"}), by_hand(lambda x: net(x, "linear"), model))

    def removed(x):
        pooled = layers.MaxPooling2D(2, 1, padding="same", name="pool")(x)
        return head(layers.Add(name="sum")([x, pooled]))

    check(ablated(model, {"shared": "remove"}), by_hand(removed, model))


def test_sequential_model_with_two_changes():
    model = randomized(
        keras.Sequential(
            [
                keras.Input((8, 8, 4)),
                conv("conv1", activation="relu"),
                conv("conv2"),
                layers.BatchNormalization(name="norm"),
                layers.GlobalAveragePooling2D(name="pooled"),
                layers.Dense(3, activation="softmax", name="head"),
            ]
        )
    )
    changed = ablated(model, {"conv1": "linear", "norm": "remove"})
    check(changed, by_hand(lambda x: head(conv("conv2")(conv("conv1")(x))), model))


def test_copy_is_saved_loaded_and_cloned_without_code(residual_model, tmp_path):
    residual_model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    changed = ablated(residual_model, {"block1": "linear", "stem": "remove"})
    changed.save(tmp_path / "changed.keras")
    loaded = keras.models.load_model(tmp_path / "changed.keras")
    cloned = keras.models.clone_model(changed)
    cloned.set_weights(changed.get_weights())
    for other in (loaded, cloned):
        np.testing.assert_array_equal(outputs(other), outputs(changed))
    kinds = {layer["module"] for layer in changed.get_config()["layers"]}
    assert kinds <= {"keras.layers"}
    assert "Lambda" not in changed.to_json()


def test_copy_is_compiled_as_the_model(residual_model):
    residual_model.compile(
        keras.optimizers.SGD(0.5, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    changed = ablated(residual_model, {"block1": "remove"})
    assert changed.optimizer.get_config()["momentum"] == 0.9
    assert float(changed.optimizer.learning_rate.numpy()) == 0.5
    assert changed.loss == "sparse_categorical_crossentropy"
    changed.fit(IMAGES, np.array([0, 1, 2]), verbose=0)
    assert set(changed.get_metrics_result()) == {"loss", "accuracy"}
    assert int(residual_model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (
            {"block": "remove"},
            "`small` has no part `block`; did you mean `block1`? `ablations.parts` lists its 9 "
            "parts.",
        ),
        (
            {"block1": "removed"},
            "`ops`: expected operations out of remove, linear, no_norm, no_skip, no_bias, freeze, "
            "shuffle, halve, double; got 'removed'; did you mean `remove`?",
        ),
        (
            {"head": "remove"},
            "`head`: remove is not possible, because it gives the model's output.",
        ),
        (
            {"head": "linear"},
            "`head`: linear is not possible, because it has no activation, other than at the "
            "model's output.",
        ),
        (
            {"pooled": "remove"},
            "`pooled`: remove is not possible, because its output has one axis, and its input 3 "
            "axes, so nothing simpler fits.",
        ),
        (
            {"block1_add": "remove"},
            "`block1_add`: remove is not possible, because it has 2 inputs.",
        ),
        (
            {"block1_conv2": "halve"},
            "`block1_conv2`: halve is not possible, because its width is tied to `stem`.",
        ),
        (
            {"head": "double"},
            "`head`: double is not possible, because its width is tied to the model's output.",
        ),
        (
            {"stem": "no_skip"},
            "`stem`: no_skip is not possible, because it has no shortcut.",
        ),
        (
            {"block1_relu": "freeze"},
            "`block1_relu`: freeze is not possible, because it has no weights that are trained.",
        ),
    ],
)
def test_refusals(operations, message):
    inputs = keras.Input((8, 8, 4), name="images")
    model = keras.Model(inputs, head(residual(conv("stem")(inputs))), name="small")
    with pytest.raises(PartError) as error:
        ablated(model, operations)
    assert str(error.value) == message


class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.first = layers.Dense(3, name="first")
        self.last = layers.Dense(2, name="last")

    def call(self, x):
        return self.last(self.first(x))


@pytest.mark.parametrize("function", [table_of_parts, lambda m: ablated(m, {"first": "remove"})])
def test_subclassed_model_is_refused_with_its_layers(function):
    model = Net()
    model(np.zeros((1, 4), "float32"))
    with pytest.raises(PartError) as error:
        function(model)
    assert str(error.value) == (
        "`model`: expected a functional or sequential keras.Model; got `net`, and its `call` is "
        "custom. Build it with keras.Model(inputs, outputs). Its layers are first, last."
    )


def test_sequential_model_that_is_not_built_is_refused():
    with pytest.raises(PartError) as error:
        table_of_parts(keras.Sequential([layers.Dense(3, name="first")], name="small"))
    assert str(error.value) == (
        "`model`: expected a functional or sequential keras.Model; got `small`, and it is not "
        "built. Begin it with keras.Input, or call its `build` with a shape. Its layers are first."
    )


class Scaled(layers.Layer):
    def __init__(self, factor):
        super().__init__(name="scaled")
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {"name": self.name}


def test_custom_layer_without_its_configuration():
    model = keras.Sequential([keras.Input((4,)), Scaled(2.0), layers.Dense(2, name="head")])
    with pytest.raises(PartError) as error:
        ablated(model, {"head": "no_bias"})
    assert str(error.value).startswith(
        "`scaled`: cannot copy a layer of Scaled from its configuration ("
    )
    assert str(error.value).endswith(
        "). Give the class a `get_config` that returns the arguments of its `__init__`."
    )


def test_lambda_and_operations_of_keras_are_copied():
    def net(x, activation):
        x = layers.Lambda(lambda t: t / 2, name="half")(x)
        x = conv("conv", activation=activation)(x)
        return head(keras.ops.relu(x) * 0.5 + x)

    model = functional(lambda x: net(x, "tanh"))
    changed = ablated(model, {"conv": "linear"})
    check(changed, by_hand(lambda x: net(x, "linear"), model))


def test_several_named_inputs_and_outputs_keep_their_structure():
    one, two = keras.Input((4,), name="one"), keras.Input((3,), name="two")
    hidden = layers.Dense(5, activation="relu", name="hidden")(one)
    joined = layers.Concatenate(name="joined")([hidden, two])
    outputs_of = {"a": layers.Dense(2, name="a")(joined), "b": layers.Dense(1, name="b")(hidden)}
    model = keras.Model({"one": one, "two": two}, outputs_of)
    changed = ablated(model, {"hidden": "double"})
    given = {"one": np.ones((2, 4), "float32"), "two": np.ones((2, 3), "float32")}
    shapes = {name: tuple(value.shape) for name, value in changed(given).items()}
    assert shapes == {"a": (2, 2), "b": (2, 1)}
    assert changed.get_layer("joined").output.shape == (None, 13)


def test_subclass_with_its_own_training_keeps_it():
    class Own(keras.Model):
        def train_step(self, data):
            return {**super().train_step(data), "own": 1.0}

    inputs = keras.Input((8, 8, 4))
    model = Own(inputs, head(conv("conv", activation="relu")(inputs)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    changed = ablated(model, {"conv": "linear"})
    history = changed.fit(IMAGES, np.array([0, 1, 2]), verbose=0).history
    assert history["own"] == [1.0]


@pytest.mark.usefixtures("channels_first")
def test_channels_first():
    inputs = keras.Input((4, 8, 8))
    x = conv("block1_conv1", 6, strides=2)(inputs)
    x = conv("block1_conv2", 6)(x)
    model = keras.Model(inputs, layers.Activation("relu", name="relu")(x))
    changed = ablated(model, {"block1": "remove"})
    assert changed.output_shape == (None, 6, 4, 4)
    assert changed.count_params() == 4 * 6
    halved = ablated(keras.Model(inputs, layers.Flatten(name="flat")(x)), {"block1_conv1": "halve"})
    assert halved.get_layer("block1_conv1").filters == 3


def test_adapted_normalization_keeps_its_statistics():
    def scaled(name):
        layer = layers.Normalization(name=name)
        layer.adapt(RANDOM.normal(5, 3, size=(50, 8, 8, 4)).astype("float32"))
        return layer

    inner = keras.Sequential([keras.Input((8, 8, 4)), scaled("inner_scaled")], name="inner")
    x = inputs = keras.Input((8, 8, 4))
    x = inner(scaled("scaled")(x))
    x = layers.Activation("linear", name="identity")(x)
    model = keras.Model(inputs, head(conv("conv")(x)))
    changed = ablated(model, {"identity": "remove"})
    np.testing.assert_array_equal(outputs(changed), outputs(model))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_removed_dense_block_leaves_zeros(place, tmp_path):
    def dense(x):
        new = [conv("dense1_a", 2)(x), conv("dense1_b", 3)(x)]
        new.insert(place, x)
        return layers.Concatenate(name="dense1_joined")(new)

    model = functional(lambda x: head(conv("last")(dense(conv("stem")(x)))))
    changed = ablated(model, {"dense1": "remove"})
    stem, last, top = (model.get_layer(name) for name in ("stem", "last", "head"))
    maps = stem(IMAGES).numpy()
    zeros = [np.zeros((3, 8, 8, width), "float32") for width in (2, 3)]
    zeros.insert(place, maps)
    expected = top(last(np.concatenate(zeros, -1)).numpy().mean((1, 2)))
    np.testing.assert_allclose(outputs(changed), expected, rtol=1e-5)
    removed = 3 * 3 * 4 * (2 + 3) + 2 + 3
    assert model.count_params() - changed.count_params() == removed
    row = table_of_parts(model).set_index("part").loc["dense1"]
    assert (row["substitute"], row["substitute_params"]) == ("Pad(5 channels of zeros)", 0)
    changed.save(tmp_path / "changed.keras")
    loaded = keras.models.load_model(tmp_path / "changed.keras")
    np.testing.assert_array_equal(outputs(loaded), outputs(changed))


def test_substitute_with_as_many_weights_is_noted():
    def net(x):
        x = conv("stem", 8)(x)
        options = {"groups": 8, "activation": "relu", "use_bias": False}
        return head(layers.Conv2D(16, 1, name="grouped", **options)(x))

    row = table_of_parts(functional(net)).set_index("part").loc["grouped"]
    assert (row["params"], row["substitute_params"]) == (16, 8 * 16)
    end = "remove: its substitute has 128 weights, no fewer than it"
    assert row["note"].split("; ")[-1] == end


def test_added_layers_have_names_that_no_layer_has():
    def net(x):
        x = conv("stem", strides=2)(x)
        return head(layers.Activation("relu", name="stem_pooling")(x))

    changed = ablated(functional(net), {"stem": "remove"})
    assert [layer.name for layer in changed.layers] == [
        "images",
        "stem_pooling_1",
        "stem_pooling",
        "pooled",
        "head",
    ]


def twice_used(nested):
    """Return a model whose two blocks use one nested model, or one layer."""
    x = inputs = keras.Input((8, 8, 4))
    shared = conv("shared", activation="relu")
    if nested:
        kept = [keras.Input((8, 8, 4)), shared, layers.BatchNormalization(name="norm")]
        shared = keras.Sequential(kept, name="shared_net")
    for number in (1, 2):
        y = shared(conv(f"block{number}_conv", use_bias=False)(x))
        x = layers.Add(name=f"block{number}_add")([x, y])
    return keras.Model(inputs, head(x))


@pytest.mark.parametrize(
    ("nested", "operations"),
    [
        (True, ["linear", "no_bias", "no_norm", "freeze", "shuffle"]),
        (False, ["linear", "no_bias", "freeze", "shuffle"]),
    ],
)
def test_layers_of_two_parts_are_not_changed(nested, operations):
    name = "shared_net" if nested else "shared"
    for operation in operations:
        with pytest.raises(PartError) as error:
            ablated(twice_used(nested), {"block1_add": operation})
        assert str(error.value) == (
            f"`block1_add`: {operation} is not possible, because its layer `{name}` is shared with "
            "another part."
        )


def test_shortcut_beside_a_branch_without_kernels():
    def net(x, skip=True):
        x = conv("stem")(x)
        y = layers.BatchNormalization(name="block1_norm")(x)
        y = layers.AveragePooling2D(3, 1, padding="same", name="block1_pool")(y)
        return head(layers.Add(name="block1_add")([y, x]) if skip else y)

    model = functional(net)
    changed = ablated(model, {"block1": "no_skip"})
    check(changed, by_hand(lambda x: net(x, skip=False), model))


def test_attention_with_a_width_of_its_own_fixes_it():
    inputs = keras.Input((6, 4))
    x = layers.Dense(8, name="before")(inputs)
    x = layers.MultiHeadAttention(2, 4, output_shape=16, name="attention")(x, x)
    x = layers.Dense(5, name="after")(x)
    model = keras.Model(inputs, layers.Flatten(name="flat")(x))
    with pytest.raises(PartError) as error:
        ablated(model, {"before": "halve"})
    assert str(error.value) == (
        "`before`: halve is not possible, because its width is tied to `attention` "
        "(MultiHeadAttention)."
    )
