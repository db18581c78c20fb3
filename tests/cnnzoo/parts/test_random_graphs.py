"""Every operation that the table lists works, on random functional graphs."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from cnnzoo.parts.ablated import ablated
from cnnzoo.parts.table import table_of_parts

SIDE, WIDTH = 8, 4

KINDS = (
    "conv",
    "strided",
    "depthwise",
    "norm",
    "group_norm",
    "activation",
    "pool",
    "up",
    "add",
    "concatenate",
    "gate",
    "shared",
    "nested",
    "double_call",
)

steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 3)), max_size=9
)


def nested_model(shape):
    inputs = keras.Input(shape)
    x = layers.Conv2D(shape[-1], 3, padding="same", name="inner1")(inputs)
    x = layers.Activation("relu", name="inner2")(x)
    return keras.Model(inputs, layers.Add(name="inner3")([inputs, x]), name="nested")


def random_model(drawn):
    """Build the model that some steps describe; a step takes one of the last tensors."""
    inputs = keras.Input((SIDE, SIDE, 3), name="images")
    tensors = [layers.Conv2D(WIDTH, 3, padding="same", name="stem")(inputs)]
    shared = layers.Conv2D(WIDTH, 3, padding="same", activation="relu", name="shared")
    for number, (kind, one, other) in enumerate(drawn):
        x = tensors[-1 - one % len(tensors)]
        name = f"{kind}{number}"
        side, width = x.shape[1], x.shape[-1]
        alike = [t for t in tensors if t.shape == x.shape and t is not x]
        beside = [t for t in tensors if t.shape[1:3] == x.shape[1:3] and t is not x]
        if kind == "conv":
            y = layers.Conv2D(WIDTH, 3, padding="same", name=name)(x)
        elif kind == "strided" and side > 2:
            y = layers.Conv2D(2 * WIDTH, 3, strides=2, padding="same", name=name)(x)
        elif kind == "depthwise":
            y = layers.DepthwiseConv2D(3, padding="same", name=name)(x)
        elif kind == "norm":
            y = layers.BatchNormalization(name=name)(x)
        elif kind == "group_norm" and width % 2 == 0:
            y = layers.GroupNormalization(2, name=name)(x)
        elif kind == "pool" and side > 2:
            y = layers.MaxPooling2D(2, name=name)(x)
        elif kind == "up" and side < SIDE:
            y = layers.UpSampling2D(2, name=name)(x)
        elif kind == "add" and alike:
            y = layers.Add(name=name)([x, alike[other % len(alike)]])
        elif kind == "concatenate" and beside:
            y = layers.Concatenate(name=name)([x, beside[other % len(beside)]])
        elif kind == "gate":
            g = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
            g = layers.Reshape((1, 1, width), name=f"{name}_reshape")(g)
            g = layers.Conv2D(width, 1, activation="sigmoid", name=f"{name}_excite")(g)
            y = layers.Multiply(name=name)([x, g])
        elif kind == "shared" and width == WIDTH:
            y = shared(x)
        elif kind == "double_call" and width == WIDTH:
            y = shared(shared(x))
        elif kind == "nested" and not any(t.name == "nested" for t in tensors):
            model = nested_model(x.shape[1:])
            model.name = f"nested{number}"
            y = model(x)
        else:
            y = layers.Activation("relu", name=f"relu{number}")(x)
        tensors.append(y)
    x = layers.GlobalAveragePooling2D(name="pooled")(tensors[-1])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


@settings(max_examples=12)
@given(steps, st.data())
def test_listed_operations_build_and_keep_shapes(drawn, data):
    model = random_model(drawn)
    table = table_of_parts(model)
    listed = [(row.part, op) for row in table.itertuples() for op in row.operations]
    chosen = data.draw(st.lists(st.sampled_from(listed), min_size=1, max_size=6, unique=True))
    images = np.zeros((1, SIDE, SIDE, 3), "float32")
    before = {layer.name: layer.get_weights() for layer in model.layers}
    for part, operation in chosen:
        changed = ablated(model, {part: operation})
        assert changed.input_shape == model.input_shape
        assert changed(images).shape == model(images).shape
    after = {layer.name: layer.get_weights() for layer in model.layers}
    assert all(
        (one == other).all()
        for name, values in before.items()
        for one, other in zip(values, after[name], strict=True)
    )


@settings(max_examples=12)
@given(steps, st.integers(0, 8))
def test_removing_an_identity_changes_no_bit(drawn, place):
    model = random_model(drawn)
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    chosen = convolutions[place % len(convolutions)]
    count = len(chosen._inbound_nodes)
    copy = keras.models.clone_model(
        model,
        call_function=lambda layer, *args, **kwargs: (
            layers.Activation("linear", name=f"identity_{len(chosen._inbound_nodes)}")(
                layer(*args, **kwargs)
            )
            if layer.name == chosen.name and count == 1
            else layer(*args, **kwargs)
        ),
    )
    copy.set_weights(model.get_weights())
    identities = [layer.name for layer in copy.layers if layer.name.startswith("identity")]
    changed = ablated(copy, dict.fromkeys(identities, "remove"))
    images = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 3)).astype("float32")
    assert len(changed.layers) == len(copy.layers) - len(identities)
    assert (changed(images).numpy() == model(images).numpy()).all()


@pytest.mark.parametrize("operation", ["remove", "linear"])
def test_operations_on_two_parts_add_up(operation):
    model = random_model(
        [("conv", 0, 0), ("activation", 0, 0), ("conv", 0, 0), ("activation", 0, 0)]
    )
    both = ablated(model, {"relu1": operation, "relu3": operation})
    one_by_one = ablated(ablated(model, {"relu1": operation}), {"relu3": operation})
    images = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 3)).astype("float32")
    assert (both(images).numpy() == one_by_one(images).numpy()).all()
