"""One toggle: which values it takes, and what it makes of them."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.toggle import Toggle, ToggleError, did_you_mean

SIZE = Toggle("side of a window", levels=(1, 2, 3, 4), name="pool_size", type=int)

FILTERS = Toggle("channels", low=1, high=4096, search=(8, 128), log=True, name="filters", type=int)

RATE = Toggle("size of the steps", low=1e-8, high=100.0, name="learning_rate", type=float)

POOL = Toggle("what pooling takes", levels=("max", "average", "none"), name="pool", type=str)

SKIP = Toggle("whether shortcuts", levels=(False, True), name="skip", type=bool)

SEED = Toggle("seed", low=0, name="seed", type=int)

KEPT = Toggle("examples", low=0.0, high=1e9, count_above=1.0, name="train_size", type=float)

AUGMENT = Toggle("changes", levels=("none", "crop", "flip"), joined=True, name="augment", type=str)


@pytest.mark.parametrize(
    ("toggle", "value", "sentence"),
    [
        (SIZE, 5, "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got 5."),
        (SIZE, 2.0, "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got 2.0 (float)."),
        (SIZE, True, "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got True (bool)."),
        (SIZE, "2", "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got '2' (str)."),
        (SIZE, None, "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got None (NoneType)."),
        (SIZE, [2], "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got [2] (list)."),
        (
            SIZE,
            np.array(2),
            "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got array(2) (ndarray).",
        ),
        (FILTERS, 0, "`filters` of `tiny` must be a whole number from 1 to 4096; got 0."),
        (FILTERS, 4097, "`filters` of `tiny` must be a whole number from 1 to 4096; got 4097."),
        (
            FILTERS,
            16.5,
            "`filters` of `tiny` must be a whole number from 1 to 4096; got 16.5 (float).",
        ),
        (
            FILTERS,
            math.nan,
            "`filters` of `tiny` must be a whole number from 1 to 4096; got nan (float).",
        ),
        (RATE, 0, "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got 0."),
        (RATE, math.nan, "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got nan."),
        (KEPT, math.inf, "`train_size` of `tiny` must be a number from 0 to 1000000000; got inf."),
        (RATE, math.inf, "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got inf."),
        (
            RATE,
            -math.inf,
            "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got -inf.",
        ),
        (
            RATE,
            True,
            "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got True (bool).",
        ),
        (
            RATE,
            1 + 0j,
            "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got (1+0j) (complex).",
        ),
        (
            RATE,
            Decimal("0.1"),
            "`learning_rate` of `tiny` must be a number from 1e-08 to 100; "
            "got Decimal('0.1') (Decimal).",
        ),
        (
            POOL,
            "avrage",
            "`pool` of `tiny` must be one of 'max', 'average', 'none'; got 'avrage'; "
            "did you mean 'average'?",
        ),
        (POOL, "Max", "`pool` of `tiny` must be one of 'max', 'average', 'none'; got 'Max'; "
            "did you mean 'max'?"),
        (POOL, "blur", "`pool` of `tiny` must be one of 'max', 'average', 'none'; got 'blur'."),
        (POOL, "", "`pool` of `tiny` must be one of 'max', 'average', 'none'; got ''."),
        (
            POOL,
            "max+none",
            "`pool` of `tiny` must be one of 'max', 'average', 'none'; got 'max+none'; "
            "did you mean 'none'?",
        ),
        (
            POOL,
            None,
            "`pool` of `tiny` must be one of 'max', 'average', 'none'; got None (NoneType).",
        ),
        (SKIP, 1, "`skip` of `tiny` must be one of False, True; got 1 (int)."),
        (SKIP, "True", "`skip` of `tiny` must be one of False, True; got 'True' (str)."),
        (SEED, -1, "`seed` of `tiny` must be a whole number from 0 up; got -1."),
        (
            AUGMENT,
            "crop+none",
            "`augment` of `tiny` must be one of 'none', 'crop', 'flip', or several joined by '+'; "
            "got 'crop+none'; did you mean 'none'?",
        ),
    ],
)  # fmt: skip
def test_invalid_value_is_refused_in_one_sentence(toggle, value, sentence):
    with pytest.raises(ToggleError) as caught:
        toggle.check(value, "tiny")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "value", ["crop+crop", "crop+", "+", "crop+blur", "none+none", "crop flip"]
)
def test_joined_levels_are_known_and_unique(value):
    with pytest.raises(ToggleError):
        AUGMENT.check(value, "tiny")


@pytest.mark.parametrize("value", ["none", "crop", "flip", "crop+flip", "flip+crop"])
def test_joined_levels_are_taken_as_they_are_given(value):
    assert AUGMENT.check(value, "tiny") == value


@pytest.mark.parametrize(
    ("toggle", "value", "expected"),
    [
        (SIZE, np.int64(3), 3),
        (SIZE, np.uint8(3), 3),
        (FILTERS, 4096, 4096),
        (FILTERS, 1, 1),
        (RATE, np.float32(0.5), 0.5),
        (RATE, np.float64(1e-8), 1e-8),
        (RATE, np.int32(1), 1.0),
        (RATE, 100, 100.0),
        (RATE, Fraction(1, 4), 0.25),
        (SKIP, np.True_, True),
        (SKIP, False, False),
        (POOL, np.str_("max"), "max"),
        (SEED, 2**70, 2**70),
        (KEPT, 200, 200),
        (KEPT, 200.0, 200),
        (KEPT, 1, 1.0),
        (KEPT, 0.5, 0.5),
        (KEPT, 12.5, 12.5),
    ],
)
def test_an_allowed_value_becomes_pythons_own(toggle, value, expected):
    level = toggle.check(value, "tiny")
    assert level == expected
    assert type(level) is type(expected)


@given(value=st.integers() | st.integers(0, 20) | st.just(10**400))
def test_a_whole_number_is_allowed_exactly_within_the_range(value):
    toggle = Toggle("some", low=3, high=11, name="some", type=int)
    if 3 <= value <= 11:
        assert toggle.check(value, "tiny") == value
    else:
        with pytest.raises(ToggleError):
            toggle.check(value, "tiny")


@given(value=st.floats() | st.floats(-1, 2) | st.integers() | st.just(10**400))
def test_a_number_is_allowed_exactly_within_the_range(value):
    toggle = Toggle("some", low=0.25, high=1.5, name="some", type=float)
    if 0.25 <= value <= 1.5:
        assert toggle.check(value, "tiny") == value
    else:
        with pytest.raises(ToggleError):
            toggle.check(value, "tiny")


@given(
    toggle=st.sampled_from([SIZE, FILTERS, RATE, POOL, SKIP, SEED, AUGMENT]),
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
)
def test_any_value_is_a_typed_level_or_refused(toggle, value):
    try:
        level = toggle.check(value, "tiny")
    except ToggleError as error:
        sentence = str(error)
    else:
        assert type(level) is toggle.type
        assert level == value
        return
    assert sentence.startswith(f"`{toggle.name}` of `tiny` must be {toggle.allowed}; got ")


def test_an_open_range_still_refuses_infinity():
    toggle = Toggle("some", low=0.0, name="some", type=float)
    assert toggle.check(1e300, "tiny") == 1e300
    with pytest.raises(ToggleError) as caught:
        toggle.check(math.inf, "tiny")
    assert str(caught.value) == "`some` of `tiny` must be a number from 0 up; got inf."


@pytest.mark.parametrize(
    ("toggle", "text", "level"),
    [
        (SIZE, "2", 2),
        (FILTERS, "16", 16),
        (RATE, "1e-3", 1e-3),
        (RATE, "1", 1.0),
        (SKIP, "true", True),
        (SKIP, "False", False),
        (POOL, "max", "max"),
        (AUGMENT, "crop+flip", "crop+flip"),
    ],
)
def test_a_level_is_read_from_text(toggle, text, level):
    read = toggle.parse(text, "tiny")
    assert read == level
    assert type(read) is toggle.type


@pytest.mark.parametrize(
    ("toggle", "text", "sentence"),
    [
        (SIZE, "5", "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got 5."),
        (SIZE, "two", "`pool_size` of `tiny` must be one of 1, 2, 3, 4; got 'two' (str)."),
        (
            FILTERS,
            "16.0",
            "`filters` of `tiny` must be a whole number from 1 to 4096; got '16.0' (str).",
        ),
        (RATE, "nan", "`learning_rate` of `tiny` must be a number from 1e-08 to 100; got nan."),
        (SKIP, "yes", "`skip` of `tiny` must be one of False, True; got 'yes' (str)."),
        (
            POOL,
            "maxx",
            "`pool` of `tiny` must be one of 'max', 'average', 'none'; got 'maxx'; "
            "did you mean 'max'?",
        ),
    ],
)
def test_invalid_text_is_refused_in_the_same_sentence(toggle, text, sentence):
    with pytest.raises(ToggleError) as caught:
        toggle.parse(text, "tiny")
    assert str(caught.value) == sentence


def test_search_range_defaults_to_the_whole_range():
    assert FILTERS.search_range == (8, 128)
    assert RATE.search_range == (1e-8, 100.0)


def test_levels_have_no_search_range():
    with pytest.raises(TypeError) as caught:
        _ = POOL.search_range
    assert str(caught.value) == "`pool` has no range."


def test_a_condition_is_told_in_words():
    assert Toggle("some", when=("pool", ("max", "average"))).condition == "pool is max or average"
    assert Toggle("some").condition == ""


def test_a_text_that_does_not_print_is_no_level():
    with pytest.raises(ToggleError) as refused:
        Toggle("any text", name="label", type=object).check("a\x1b[2J", "build")
    assert str(refused.value) == (
        r"`label` of `build`: expected a text of characters that print; got 'a\x1b[2J'."
    )


def test_the_nearest_known_name_is_offered():
    assert did_you_mean("batchnorm", ["batch_norm", "vgg"]) == "; did you mean `batch_norm`?"
    assert did_you_mean("xyz", ["batch_norm", "vgg"]) == "."
    assert did_you_mean("xyz", []) == "."


@pytest.mark.parametrize(
    ("value", "level"),
    [(0, 0), (48, 48), ((48, 64), "48x64"), ([48, 48], 48), ("48x64", "48x64"), ("48x48", 48)],
)
def test_two_numbers_become_one_level(value, level):
    toggle = Toggle("sides", low=0, high=99, paired=True, name="image_size", type=int)
    assert toggle.check(value, "load_data") == level
    assert toggle.parse(str(level), "load_data") == level
    for wrong in ((0, 4), (4, 100), "4x", "4x5x6", "-4x5", (4, 5, 6), (4.0, 5), (True, 4), "x" * 9):
        with pytest.raises(ToggleError) as caught:
            toggle.check(wrong, "load_data")
        assert "must be a whole number from 0 to 99, or two from 1 joined by 'x'; got" in str(
            caught.value
        )
