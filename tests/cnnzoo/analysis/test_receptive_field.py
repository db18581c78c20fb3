"""Receptive fields, compared with derivatives, arithmetic and published numbers."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

import cnnzoo
from cnnzoo.parts.table import table_of_parts

SPIKE = 1000.0


def seen(model):
    """Return which positions of a 1-D input each position of a 1-D output depends on.

    Column i is the derivative at an input whose i-th position is far larger than all others, so
    that every maximum that sees it selects it.
    """
    length = model.input_shape[1]
    inputs = np.random.default_rng(0).uniform(1.0, 2.0, (length, length, 1)).astype("float32")
    here = np.eye(length, dtype="float32")[..., None]
    inputs = tf.constant(inputs + SPIKE * here)
    with tf.autodiff.ForwardAccumulator(inputs, tf.constant(here)) as derivative:
        outputs = model(inputs, training=False)
    changes = derivative.jvp(outputs).numpy()
    return (np.abs(changes.reshape(*changes.shape[:2], -1)).max(axis=2) > 1e-12).T


def extents(matrix):
    """Return the first and last position of each row that is true; None if there is none."""
    rows = [np.flatnonzero(row) for row in matrix]
    return [(row[0], row[-1]) if len(row) else None for row in rows]


def windows(model, layer=None):
    field = cnnzoo.receptive_field(model, layer)
    (length,) = model.output_shape[1:-1] or (1,)
    found = [field.window(position)[0] for position in range(length)]
    return [window if window[0] <= window[1] else None for window in found]


def positive(model):
    """Make every kernel positive, so that no paths cancel."""
    for weight in model.trainable_weights:
        if "kernel" in weight.path:
            weight.assign(np.full(weight.shape, 1.0 / np.prod(weight.shape[:-1])))
    return model


PADDINGS = st.sampled_from(["same", "valid"])


def part(make, **arguments):
    """Return a strategy of functions that make a layer."""
    return st.fixed_dictionaries(arguments).map(lambda given: partial(make, **given))


def conv1d(size, step, dilation, padding):
    step = step if dilation == 1 else 1
    return layers.Conv1D(
        2, size, strides=step, dilation_rate=dilation, padding=padding, use_bias=False
    )


CONV = part(
    conv1d,
    size=st.integers(1, 4),
    step=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid", "causal"]),
)
WINDOW = {"pool_size": st.integers(1, 3), "strides": st.integers(1, 3), "padding": PADDINGS}
MEAN = part(layers.AveragePooling1D, **WINDOW)
PAIR = st.tuples(st.integers(0, 2), st.integers(0, 2))
RESHAPING = st.one_of(
    part(layers.ZeroPadding1D, padding=PAIR),
    part(layers.Cropping1D, cropping=PAIR),
    part(layers.UpSampling1D, size=st.integers(1, 3)),
)
KERNEL = {
    "kernel_size": st.integers(1, 4),
    "strides": st.integers(1, 3),
    "padding": PADDINGS,
    "use_bias": st.just(False),
}
PARTS = st.one_of(
    CONV,
    MEAN,
    part(layers.MaxPooling1D, **WINDOW),
    RESHAPING,
    part(layers.Conv1DTranspose, filters=st.just(2), **KERNEL),
    part(layers.SeparableConv1D, filters=st.just(2), **KERNEL),
    part(layers.DepthwiseConv1D, **KERNEL),
)


def chained(x, make, _):
    return make()(x)


def same_length(x, size):
    return layers.Conv1D(x.shape[-1], size, padding="same", use_bias=False)(x)


def added(x, _, size):
    return layers.Add()([x, same_length(x, size)])


def concatenated(x, make, size):
    one, other = same_length(x, size), make()(x)
    return layers.Concatenate()([one, other]) if one.shape[1] == other.shape[1] else other


def gated(x, *_):
    squeezed = layers.GlobalAveragePooling1D(keepdims=True)(x)
    gate = layers.Dense(x.shape[-1], use_bias=False)(squeezed)
    return layers.Multiply()([x + 1.0, gate])  # of a zero, the product has no derivative


def shifted(x, *_):
    return layers.BatchNormalization()(ops.relu(x * 2.0 + 1.0))


STEPS = st.tuples(
    st.sampled_from([chained, chained, chained, added, concatenated, gated, shifted]),
    PARTS,
    st.integers(1, 5),
)


@given(st.integers(8, 24), st.lists(STEPS, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_windows_are_where_derivatives_are_not_zero(length, steps):
    inputs = x = keras.Input((length, 1))
    for join, make, size in steps:
        if 4 <= x.shape[1] <= 60:
            x = join(x, make, size)
    model = positive(keras.Model(inputs, x))
    assert cnnzoo.receptive_field(model).note.partition(" of ")[0] in ("", "paths with jumps")
    assert windows(model) == extents(seen(model))


@given(st.integers(10, 30), st.lists(st.one_of(CONV, MEAN, RESHAPING), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_padding_is_in_view_where_ones_are_not_kept(length, parts):
    inputs = x = keras.Input((length, 1))
    for make in parts:
        if 5 <= x.shape[1] <= 60:
            x = make()(x)
    model = positive(keras.Model(inputs, x))  # maps ones to ones, but for zero padding
    outputs = model(np.ones((1, length, 1), "float32")).numpy()[0, :, 0]
    dimmed = np.abs(outputs - 1.0) > 1e-5
    field = cnnzoo.receptive_field(model)
    assert field.padded_share == (pytest.approx(dimmed.mean()),)
    assert field.padding_in_view == (dimmed.any(),)


@given(
    st.lists(
        st.tuples(st.integers(1, 7), st.integers(1, 3), st.sampled_from(["same", "valid"])),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=30, deadline=None)
def test_chain_equals_the_published_formula(chain):
    model = keras.Sequential([keras.Input((3000, 1))])
    for size, step, padding in chain:
        model.add(layers.Conv1D(1, size, strides=step, padding=padding))
    size, jump = 1, 1  # Araujo et al. (2019), equation 2
    for kernel, step, _ in chain:
        size, jump = size + (kernel - 1) * jump, jump * step
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump) == ((size,), (jump,))


PUBLISHED = {  # Araujo et al. (2019), table 1, with the last map before global pooling
    "VGG16": ("block5_pool", 212),
    "ResNet50": ("conv5_block3_out", 483),
    "MobileNet": (None, 315),
    "InceptionV3": ("mixed10", 1311),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_known_networks_have_the_published_receptive_fields(name):
    layer, size = PUBLISHED[name]
    model = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(96, 96, 3)
    )
    field = cnnzoo.receptive_field(model, layer)
    assert (field.size, field.jump, field.note) == ((size, size), (32, 32), "")


def stack(*parts, shape=(32, 32, 1)):
    return keras.Sequential([keras.Input(shape), *parts])


def test_three_convolutions_see_seven_pixels():
    model = stack(*(layers.Conv2D(1, 3, name=f"conv{i}") for i in (1, 2, 3)))
    sizes = [cnnzoo.receptive_field(model, f"conv{i}").size for i in (1, 2, 3)]
    assert sizes == [(3, 3), (5, 5), (7, 7)]


def test_pooling_doubles_what_later_convolutions_add():
    model = stack(
        layers.Conv2D(1, 3, name="a"),
        layers.MaxPooling2D(2, name="b"),
        layers.Conv2D(1, 3, name="c"),
        layers.Conv2D(1, 3, name="d"),
    )
    assert [cnnzoo.receptive_field(model, name).size[0] for name in "abcd"] == [3, 4, 8, 12]


@pytest.mark.parametrize(("padding", "length"), [("valid", 31), ("same", 64)])
def test_strides_and_padding_give_the_known_output_size(padding, length):
    model = stack(
        layers.Conv2D(1, 3, strides=2 if padding == "valid" else 1, padding=padding),
        shape=(64, 64, 1),
    )
    field = cnnzoo.receptive_field(model)
    last = [
        (length - 1) * jump + offset for jump, offset in zip(field.jump, field.offset, strict=True)
    ]
    assert model.output_shape[1:3] == (length, length)
    assert last == ([61, 61] if padding == "valid" else [63, 63])  # centre of the last unit


def test_axes_have_their_own_sizes():
    model = stack(layers.Conv2D(1, (3, 5), strides=(1, 2)), layers.MaxPooling2D((2, 1)))
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump) == ((4, 5), (2, 2))


def test_volumes_have_three_axes():
    model = stack(layers.Conv3D(1, (1, 2, 3)), layers.AveragePooling3D(2), shape=(8, 8, 8, 1))
    assert cnnzoo.receptive_field(model).size == (2, 3, 4)


def test_channels_first_maps_have_the_same_axes():
    inputs = keras.Input((3, 20, 24))
    given = {"data_format": "channels_first"}
    x = layers.Conv2D(2, (3, 5), padding="same", **given)(inputs)
    x = layers.ZeroPadding2D((1, 0), **given)(layers.MaxPooling2D((2, 3), **given)(x))
    field = cnnzoo.receptive_field(keras.Model(inputs, x))
    assert (field.input_size, field.size, field.jump) == ((20, 24), (4, 7), (2, 3))


@pytest.mark.parametrize(
    "make",
    [
        layers.Flatten,
        layers.GlobalMaxPooling2D,
        lambda: layers.GroupNormalization(1),
        lambda: layers.LayerNormalization(axis=(1, 2, 3)),
        lambda: layers.Lambda(lambda x: x - ops.mean(x, axis=(1, 2), keepdims=True)),
    ],
)
def test_layers_that_pool_all_positions_see_the_whole_input(make):
    model = stack(layers.Conv2D(1, 3, padding="same"), make(), shape=(9, 8, 1))
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump, field.note) == ((9, 8), (0, 0), "")
    assert field.offset == (4, 3.5)


def test_squeeze_and_excitation_sees_the_whole_input():
    inputs = keras.Input((20, 1))
    squeezed = layers.GlobalAveragePooling1D(name="squeeze")(inputs)
    scaled = layers.Multiply()([inputs, layers.Reshape((1, 1))(squeezed)])
    outputs = layers.Conv1D(1, 3, padding="same")(scaled)
    field = cnnzoo.receptive_field(keras.Model(inputs, outputs))
    assert (field.size, field.global_by) == ((20,), "squeeze")
    assert field.padded_share == (2 / 20,)


def test_unknown_sizes_leave_regular_windows_known():
    model = stack(
        layers.Conv2D(1, 3, padding="same", name="conv"),
        layers.GlobalAveragePooling2D(name="pool"),
        shape=(None, 16, 1),
    )
    conv_field = cnnzoo.receptive_field(model, "conv")
    assert conv_field.size == (3, 3)
    assert conv_field.padding_in_view == (True, True)
    assert conv_field.padded_share == (None, 2 / 16)
    pooled = cnnzoo.receptive_field(model, "pool")
    assert (pooled.size, pooled.input_size, pooled.global_by) == ((None, 16), (None, 16), "pool")


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("size", [7, 10, 15, 20])
def test_resizing_sees_what_derivatives_see(interpolation, size):
    inputs = keras.Input((10, 1))
    image = layers.Reshape((10, 1, 1))(inputs)
    resized = layers.Resizing(size, 1, interpolation=interpolation)(image)
    model = keras.Model(inputs, layers.Reshape((size, 1))(resized))
    assert cnnzoo.receptive_field(model).jump == (10 / size,)
    responses = model(np.eye(10, dtype="float32")[..., None]).numpy()[..., 0].T  # it is linear
    assert windows(model) == extents(np.abs(responses) > 1e-6)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_mirrored_borders_see_inner_positions(mode):
    inputs = keras.Input((12, 1))
    padded = ops.pad(inputs, [(0, 0), (2, 3), (0, 0)], mode=mode)
    model = positive(keras.Model(inputs, layers.Conv1D(1, 3, use_bias=False)(padded)))
    assert windows(model) == extents(seen(model))
    assert cnnzoo.receptive_field(model).padding_in_view == (False,)


@pytest.mark.parametrize("padding_mode", ["reflect", "replicate"])
def test_padding_modes_of_the_zoo_put_no_zeros_in_view(padding_mode):
    model = cnnzoo.build("conv_stack", padding="same", padding_mode=padding_mode, filters=2)
    zeros = cnnzoo.build("conv_stack", padding="same", padding_mode="zeros", filters=2)
    layer = next(one.name for one in model.layers if isinstance(one, layers.Conv2D))
    with_borders, with_zeros = (cnnzoo.receptive_field(one, layer) for one in (model, zeros))
    assert with_borders.size == with_zeros.size
    assert with_borders.padding_in_view == (False, False)
    assert with_zeros.padding_in_view == (True, True)


def test_nested_models_and_shared_layers_are_followed():
    inner = keras.Sequential(
        [keras.Input((None, 2)), layers.Conv1D(2, 3, name="conv")], name="inner"
    )
    shared = layers.Conv1D(2, 3, strides=2, name="shared", padding="same")
    inputs = keras.Input((40, 2))
    model = keras.Model(inputs, inner(shared(shared(inputs))))
    assert cnnzoo.receptive_field(model, "shared").size == (7,)
    assert cnnzoo.receptive_field(model, "inner/conv").size == (15,)
    assert cnnzoo.receptive_field(model, "inner").size == (15,)


def test_frozen_backbone_is_followed():
    model = cnnzoo.build("transfer", weights=None, backbone="mobilenet_v2", input_shape=(32, 32, 3))
    field = cnnzoo.receptive_field(model, "backbone/Conv1")
    assert (field.size, field.jump, field.note) == ((3, 3), (2, 2), "")


def test_frames_of_a_video_stay_apart():
    inputs = keras.Input((5, 8, 8, 1))
    outputs = layers.TimeDistributed(layers.Conv2D(1, 3))(inputs)
    assert cnnzoo.receptive_field(keras.Model(inputs, outputs)).size == (1, 3, 3)


def test_attention_and_recurrence_see_the_whole_sequence():
    inputs = keras.Input((12, 4))
    attended = layers.MultiHeadAttention(1, 2, name="attention")(inputs, inputs)
    last = layers.LSTM(2, name="lstm")(layers.Conv1D(2, 3)(inputs))
    model = keras.Model(inputs, [attended, last])
    assert cnnzoo.receptive_field(model, "attention").size == (12,)
    assert cnnzoo.receptive_field(model, "lstm").size == (12,)


@pytest.mark.parametrize("length", [12, 6])
def test_attention_to_a_map_of_another_width_and_length(length):
    inputs = keras.Input((12, 8))
    query = layers.Dense(8, name="query")(inputs)
    key = layers.Conv1D(6, 1, strides=12 // length, name="key")(inputs)
    attended = layers.MultiHeadAttention(2, 4, name="attention")(query, key)
    model = keras.Model(inputs, layers.Conv1D(4, 3, name="last")(attended))
    for name in ("attention", "last"):
        assert cnnzoo.receptive_field(model, name).size == (12,)
    assert "attention" in table_of_parts(model)["part"].tolist()


def test_paths_with_other_jumps_are_named():
    inputs = keras.Input((9, 1))
    strided = layers.Conv1D(1, 1, strides=2)(inputs)  # sees 0, 2, 4, 6, 8
    cropped = layers.Cropping1D(2)(inputs)  # sees 2, 3, 4, 5, 6
    field = cnnzoo.receptive_field(keras.Model(inputs, layers.Add()([strided, cropped])))
    assert field.size == (3,)  # 0 to 2, or 6 to 8
    assert field.jump == (None,)
    assert field.note == "paths with jumps of 2 and 1 meet"


def test_positions_of_several_maps_follow_each_other():
    inputs = keras.Input((9, 1))
    token = layers.GlobalAveragePooling1D(keepdims=True)(inputs)
    joined = layers.Concatenate(axis=1)([token, layers.Conv1D(1, 3, use_bias=False)(inputs)])
    model = positive(keras.Model(inputs, joined))
    assert windows(model) == extents(seen(model))
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump) == ((9,), (None,))
    assert field.note == "positions of several maps follow each other"


def test_an_axis_that_meets_itself_is_unknown():
    inputs = keras.Input((7, 7, 1))
    model = keras.Model(inputs, layers.Add()([inputs, layers.Permute((2, 1, 3))(inputs)]))
    field = cnnzoo.receptive_field(model)
    assert field.size == (None, None)
    assert field.note.startswith("not traced: an axis of the input meets itself on two axes; ")


def test_split_channels_keep_their_windows():
    inputs = keras.Input((8, 8, 4))
    left, right = ops.split(inputs, 2, axis=-1)
    outputs = layers.Concatenate()([left, layers.Conv2D(2, 3, padding="same")(right)])
    field = cnnzoo.receptive_field(keras.Model(inputs, outputs))
    assert (field.size, field.note) == ((3, 3), "")


class Reverse(layers.Layer):
    def call(self, inputs):
        return tf.reverse(inputs, axis=[1])


class Foreign(layers.Layer):
    def call(self, inputs):
        return tf.nn.avg_pool1d(inputs, 2, 1, "VALID")


class OwnBlock(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv1D(1, 5, strides=2)

    def call(self, inputs):
        return ops.relu(self.conv(inputs))


def test_custom_layers_are_traced_by_what_they_call():
    model = stack(OwnBlock(), layers.Conv1D(1, 3), shape=(30, 1))
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump, field.note) == ((9,), (2,), "")


@pytest.mark.parametrize(("kind", "size"), [(Foreign, 4), (Reverse, 3)])
def test_layers_that_cannot_be_traced_are_measured(kind, size):
    model = positive(stack(kind(name="own"), layers.Conv1D(1, 3, use_bias=False), shape=(12, 1)))
    assert windows(model) == extents(seen(model))
    assert cnnzoo.receptive_field(model).size == (size,)
    assert cnnzoo.receptive_field(model, "own").note == (
        "measured by the gradients of this layer: its custom `call` accepts no symbolic tensors"
    )


def test_layers_that_cannot_be_measured_are_unknown():
    model = stack(Foreign(name="own"), shape=(None, 1))
    field = cnnzoo.receptive_field(model)
    assert (field.size, field.jump, field.offset) == ((None,), (None,), (None,))
    assert field.note == (
        "not traced: its custom `call` accepts no symbolic tensors; "
        "not measured: a size of its input or output is unknown"
    )


def test_inputs_without_channels_have_all_axes():
    inputs = keras.Input((8, 9))
    image = layers.Reshape((8, 9, 1))(inputs)
    model = keras.Model(inputs, layers.Conv2D(1, 3)(image))
    assert cnnzoo.receptive_field(model).size == (3, 3)


def test_unknown_layer_gets_the_nearest_name():
    model = cnnzoo.build("downsampling")
    with pytest.raises(cnnzoo.LayerError) as error:
        cnnzoo.receptive_field(model, "stage1_cnv")
    assert str(error.value) == (
        "`layer`: `downsampling` has no layer `stage1_cnv`; did you mean `stage1_conv`?"
    )


def test_model_name_instead_of_a_model_is_refused():
    with pytest.raises(TypeError) as error:
        cnnzoo.receptive_field("vgg")
    assert str(error.value) == (
        "`receptive_field`: expected a keras.Model; got 'vgg'. Build it first: cnnzoo.build('vgg')."
    )


def test_model_with_a_custom_call_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError) as error:
        cnnzoo.receptive_field(Own(name="own"))
    assert str(error.value) == (
        "`receptive_field`: expected a functional or sequential keras.Model; got `own`, and its "
        "`call` is custom. Build it with keras.Model(inputs, outputs)."
    )


def test_window_refuses_positions_outside_of_the_map():
    field = cnnzoo.receptive_field(cnnzoo.build("downsampling"), "stage2_conv")
    with pytest.raises(cnnzoo.LayerError) as error:
        field.window(0, 11)
    assert str(error.value) == (
        "`window`: expected a position from 0 to 10 on axis 1 of `stage2_conv`; got 11."
    )
