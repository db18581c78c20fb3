"""The private parts of Keras that `cnnzoo/parts` uses are as it expects them."""

import keras
import pytest
from keras import layers

from cnnzoo.parts.blocks import is_automatic
from cnnzoo.parts.segment import Segment
from cnnzoo.parts.substitute import Pad

PAD = (
    "keras.ops.pad no longer makes keras.src.ops.numpy.Pad, which stands in a model for the "
    "channels of a removed dense block. Import the new class in cnnzoo/parts/substitute.py."
)
NAMES = (
    "Keras names layers in a new way, which `is_automatic` in cnnzoo/parts/blocks.py does not "
    "know: automatic names would count as names of blocks."
)
INSIDE = (
    "`_flatten_layers` no longer finds the layers inside a wrapper: batch normalization in custom "
    "layers would not be seen. Mend cnnzoo/parts/segment.py and cnnzoo/parts/part.py."
)


def test_pad_is_what_keras_ops_makes():
    widths = ((0, 0), (0, 1))
    made = keras.ops.pad(keras.KerasTensor((2, 3)), widths)._keras_history.operation
    assert type(made) is Pad, PAD
    options = {"pad_width": widths, "name": "zeros"}
    assert Pad.from_config({**made.get_config(), **options}).get_config() == {
        **made.get_config(),
        **options,
    }, PAD


@pytest.mark.parametrize("kind", [layers.Conv2D, layers.ReLU, layers.GlobalAveragePooling2D])
def test_automatic_names_are_known(kind):
    options = {"filters": 1, "kernel_size": 1} if kind is layers.Conv2D else {}
    assert is_automatic(kind(**options)), NAMES


def test_layers_inside_a_wrapper_are_found():
    norm = layers.BatchNormalization(name="norm")
    wrapped = layers.TimeDistributed(norm, name="wrapped")
    assert norm in wrapped._flatten_layers(), INSIDE
    call = type("Call", (), {"layer": wrapped})
    assert Segment((), (), (call,)).normalizes
