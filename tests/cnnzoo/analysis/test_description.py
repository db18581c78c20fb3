"""The table of layers, compared with each Keras layer."""

import keras
import numpy as np
import pytest

import cnnzoo

SMALL = {
    "downsampling": {"pool_size": 3},
    "batch_norm": {"filters": 4, "dropout": 0.5},
    "depthwise_separable": {"input_shape": (6, 7, 2), "filters": 4},
    "residual": {"depth": 8, "filters": 4},
    "mlp": {"depth": 2, "units": 5},
    "sequence": {"filters": 4},
    "loss_choice": {"loss": "binary_crossentropy", "classes": 2},
}


@pytest.mark.parametrize("name", SMALL)
def test_each_layer_is_one_row(name):
    model = cnnzoo.build(name, **SMALL[name])
    table = cnnzoo.describe(model)
    assert list(table.columns[:4]) == ["layer", "kind", "output_shape", "params"]
    assert list(table["layer"]) == [layer.name for layer in model.layers]
    assert list(table["kind"]) == [layer.__class__.__name__ for layer in model.layers]
    assert list(table["params"]) == [layer.count_params() for layer in model.layers]
    assert table["params"].sum() == model.count_params()
    assert table["params"].dtype.kind == "i"


@pytest.mark.parametrize("name", SMALL)
def test_shapes_equal_those_of_the_outputs(name):
    model = cnnzoo.build(name, **SMALL[name])
    insides = keras.Model(model.inputs, [layer.output for layer in model.layers])
    outputs = insides([np.zeros((1, *model.input_shape[1:]), "float32")])
    shapes = [tuple(output.shape[1:]) for output in outputs]
    assert list(cnnzoo.describe(model)["output_shape"]) == shapes


def test_downsampling_equals_the_count_by_hand():
    table = cnnzoo.describe(cnnzoo.build("downsampling")).set_index("layer")
    assert table.loc[["stage1_conv", "stage2_conv", "head"], "params"].to_list() == [
        3 * 3 * 1 * 32 + 32,
        3 * 3 * 32 * 64 + 64,
        11 * 11 * 64 * 10 + 10,
    ]
    assert table["output_shape"].to_dict() == {
        "input": (28, 28, 1),
        "stage1_conv": (26, 26, 32),
        "stage1_activation": (26, 26, 32),
        "stage1_pool": (13, 13, 32),
        "stage2_conv": (11, 11, 64),
        "stage2_activation": (11, 11, 64),
        "flatten": (7744,),
        "head": (10,),
    }


def test_nested_model_is_one_row():
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)], name="inner"
    )
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(1, name="last")])
    table = cnnzoo.describe(model).set_index("layer")
    assert list(table.index) == ["inner", "last"]
    assert table.loc["inner", "kind"] == "Sequential"
    assert table.loc["inner", "output_shape"] == (2,)
    assert table["params"].to_list() == [4 * 3 + 3 + 3 * 2 + 2, 2 + 1]


def test_frozen_weights_count_as_parameters():
    model = cnnzoo.build("batch_norm", filters=4)
    table = cnnzoo.describe(model).set_index("layer")
    assert table.loc["stage1_norm", "params"] == 4 * 4  # gamma, beta, mean, variance
    model.trainable = False
    assert cnnzoo.describe(model)["params"].sum() == model.count_params()


def test_shared_layer_is_one_row():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(4, name="shared")
    table = cnnzoo.describe(keras.Model(inputs, dense(dense(inputs)))).set_index("layer")
    assert table["params"].to_dict()["shared"] == 20
    assert list(table["output_shape"]) == [(4,), (4,)]


def test_layer_with_several_outputs_has_several_shapes():
    lstm = keras.layers.LSTM(3, return_state=True, name="lstm")
    inputs = keras.Input((5, 2))
    table = cnnzoo.describe(keras.Model(inputs, lstm(inputs))).set_index("layer")
    assert table.loc["lstm", "output_shape"] == ((3,), (3,), (3,))


def test_unknown_sizes_are_none():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, name="conv")(inputs))
    table = cnnzoo.describe(model)
    assert table["output_shape"].to_list() == [(None, None, 3), (None, None, 2)]
    assert table["params"].to_list() == [0, 3 * 3 * 3 * 2 + 2]
    assert table["macs"].isna().to_list() == [False, True]


def test_shapes_follow_the_image_data_format(channels_first):
    table = cnnzoo.describe(cnnzoo.build("downsampling", filters=4)).set_index("layer")
    assert table.loc["input", "output_shape"] == (1, 28, 28)
    assert table.loc["stage1_conv", "output_shape"] == (4, 26, 26)


def test_describing_changes_no_weights():
    model = cnnzoo.build("batch_norm", filters=4, seed=0)
    before = model.get_weights()
    cnnzoo.describe(model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_columns_hold_cost_memory_and_receptive_fields():
    table = cnnzoo.describe(cnnzoo.build("downsampling", padding="same"))
    assert list(table.columns) == [
        "layer",
        "kind",
        "output_shape",
        "params",
        "macs",
        "receptive_field",
        "jump",
        "activation_bytes",
        "offset",
        "padding_in_view",
        "note",
    ]
    row = table.set_index("layer").loc["stage2_conv"]
    assert row["macs"] == 14 * 14 * 64 * (3 * 3 * 32)
    assert (row["receptive_field"], row["jump"], row["offset"]) == ((8, 8), (2, 2), (0.5, 0.5))
    assert row["activation_bytes"] == 14 * 14 * 64 * 4
    assert row["padding_in_view"]
    assert not table.set_index("layer").loc["input", "padding_in_view"]
    assert set(table["note"]) == {""}


def test_activation_bytes_count_calls_nested_layers_and_dtypes():
    inputs = keras.Input((4,), dtype="float16")
    shared = keras.layers.Dense(4, name="shared", dtype="float16")
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)], name="inner"
    )
    table = cnnzoo.describe(keras.Model(inputs, inner(shared(shared(inputs)))))
    assert table["activation_bytes"].to_list() == [4 * 2, 2 * 4 * 2, (3 + 2) * 4]


def test_subclassed_model_lacks_what_its_call_hides():
    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = keras.layers.Dense(2, name="dense")

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    with pytest.raises(TypeError) as error:
        cnnzoo.describe(model)
    assert str(error.value) == (
        "`describe`: expected a built keras.Model; got `own`, whose layer `dense` has no weights "
        "yet. Call the model on a keras.Input, or build it with keras.Model(inputs, outputs)."
    )
    model(np.zeros((1, 3), "float32"))
    (row,) = cnnzoo.describe(model).to_dict("records")
    assert (row["layer"], row["kind"], row["params"]) == ("dense", "Dense", 3 * 2 + 2)
    hidden = ("output_shape", "macs", "receptive_field", "activation_bytes")
    assert [row[name] for name in hidden] == [None] * len(hidden)
