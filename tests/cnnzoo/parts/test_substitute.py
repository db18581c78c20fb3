"""Substitutes of removed parts."""

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnzoo.parts.names import PartError
from cnnzoo.parts.substitute import substitute

sides = st.lists(st.tuples(st.integers(1, 17), st.integers(1, 17)), min_size=0, max_size=3)


@settings(max_examples=60)
@given(sides, st.integers(1, 4), st.integers(1, 4))
def test_substitute_gives_the_shape(given_sides, before, after):
    entry = (None, *(side for side, _ in given_sides), before)
    end = (None, *(side for _, side in given_sides), after)
    found = substitute(entry, end, "part")
    value = keras.KerasTensor(entry)
    params = 0
    for kind, options in found.steps:
        layer = kind(**options)
        value = layer(value)
        params += layer.count_params()
    assert value.shape == end
    assert params == found.params == (0 if before == after else before * after)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((None, 8, 8, 3), (None, 8, 8, 3), "identity"),
        ((None, 8, 8, 3), (None, 4, 4, 3), "AveragePooling2D(2, 2)"),
        ((None, 28, 28, 3), (None, 26, 26, 3), "Cropping2D((1, 1), (1, 1))"),
        ((None, 7, 7, 3), (None, 14, 14, 3), "UpSampling2D(2, 2)"),
        ((None, 7, 7, 3), (None, 9, 9, 3), "ZeroPadding2D((1, 1), (1, 1))"),
        ((None, 8, 3), (None, 4, 5), "AveragePooling1D(2) + Conv1D(5 filters, 1)"),
        ((None, 6), (None, 4), "Dense(4 units)"),
    ],
)
def test_words_of_substitutes(before, after, words):
    assert str(substitute(before, after, "part")) == words


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            (None, 8, 8, 3),
            (None, 3),
            "its output has one axis, and its input 3 axes, so nothing simpler fits",
        ),
        (
            (None, None, None, 3),
            (None, None, None, 3),
            "the sizes of its maps are unknown; build the model with a fixed shape",
        ),
    ],
)
def test_refused_substitutes(before, after, reason):
    with pytest.raises(PartError) as error:
        substitute(before, after, "part")
    assert str(error.value) == reason
