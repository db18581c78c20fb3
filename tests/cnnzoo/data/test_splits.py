"""How data is cut: properties that hold for any class sizes and any seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data import DataError, load_data
from cnnzoo.folds import HeldOut
from cnnzoo.toggle import ToggleError

COUNTS = st.lists(st.integers(10, 60), min_size=2, max_size=6)
SEEDS = st.integers(0, 2**40)


def images(counts):
    """(x, y) where the one pixel of image i is i."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.arange(len(y), dtype=np.float64).reshape(-1, 1, 1, 1), y


def origins(split):
    return split.x[:, 0, 0, 0].astype(int)


@given(counts=COUNTS, seed=SEEDS)
def test_every_example_is_in_exactly_one_split(counts, seed):
    x, y = images(counts)
    data = load_data((x, y), seed=seed, normalize="none")
    splits = (data.train, data.validation, data.test)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([origins(split) for split in splits])), np.arange(len(y))
    )
    for split in splits:
        np.testing.assert_array_equal(split.y, y[origins(split)])


@given(counts=COUNTS, seed=SEEDS, validation=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4))
def test_splits_have_the_requested_sizes_and_class_proportions(counts, seed, validation, test):
    n = sum(counts)
    data = load_data(images(counts), seed=seed, validation=validation, test=test)
    for split, share in ((data.validation, validation), (data.test, test)):
        assert abs(len(split.y) - share * n) <= 0.5
        per_class = np.bincount(split.y, minlength=len(counts))
        assert np.abs(per_class - np.array(counts) * len(split.y) / n).max() <= 1.5


@given(seed=SEEDS, other=SEEDS)
def test_the_splits_are_a_function_of_the_seed(seed, other):
    source = images([30, 30, 30])
    first, again, different = (
        load_data(source, seed=s, normalize="none") for s in (seed, seed, other)
    )
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert (seed == other) == np.array_equal(first.train.x, different.train.x)


@given(
    counts=COUNTS,
    test=st.floats(0.1, 0.6),
    validation=st.sampled_from([0, 0.1, 0.35]),
    repetition=st.integers(-3, 2**40),
)
def test_test_parts_of_successive_seeds_are_disjoint(counts, test, validation, repetition):
    source, n = images(counts), sum(counts)
    size = int(test * n + 0.5)
    folds = n // size
    parts = [
        load_data(
            source,
            seed=repetition * folds + fold,
            normalize="none",
            test=test,
            validation=validation,
        ).test
        for fold in range(folds)
    ]
    tested = np.concatenate([origins(part) for part in parts])
    assert len(np.unique(tested)) == len(tested) == folds * size
    for part in parts:
        per_class = np.bincount(part.y, minlength=len(counts))
        assert np.abs(per_class - np.array(counts) * size / n).max() <= 2


def test_all_examples_are_tested_once_in_each_repetition():
    source = images([50, 30, 20])
    tests = [load_data(source, seed=seed).test_indices for seed in range(30)]
    for start in (0, 10, 20):
        tested = np.concatenate(tests[start : start + 10])
        np.testing.assert_array_equal(np.sort(tested), np.arange(100))
    # 10 of 100 in both of two independent draws: 1 expected, 10 if they were the same
    shared = [len(np.intersect1d(tests[fold], tests[10 + fold])) for fold in range(10)]
    assert max(shared) < 6


def test_examples_beyond_the_last_fold_are_not_tested():
    source = images([57, 46])  # 103 examples: ten parts of 10, and 3 that are left over
    tests = [load_data(source, seed=seed).test_indices for seed in range(20)]
    for start in (0, 10):
        assert len(np.unique(np.concatenate(tests[start : start + 10]))) == 100


def test_one_of_two_examples_of_a_class_is_tested_at_a_time():
    source = images([98, 2])
    splits = [load_data(source, seed=seed) for seed in range(10)]
    tested = [int((data.test.y == 1).sum()) for data in splits]
    assert sorted(tested) == [0] * 8 + [1, 1]
    assert all((data.train.y == 1).any() for data in splits)


def test_validation_parts_of_successive_seeds_hardly_overlap():
    parts = [load_data("mnist5k", seed=seed, normalize="none").validation.x for seed in range(10)]
    images_of = [{image.tobytes() for image in part} for part in parts]
    assert len(set.union(*images_of)) >= 4900  # of 10 times 500; independent draws have 3,257


def test_validation_parts_are_disjoint_where_the_test_split_is_fixed():
    x, y = images([50, 50])
    source = {"train": (x, y), "test": (x[:4], y[:4])}
    loaded = [load_data(source, seed=seed, normalize="none") for seed in range(10)]
    validated = np.concatenate([origins(data.validation) for data in loaded])
    np.testing.assert_array_equal(np.sort(validated), np.arange(100))
    assert {data.info.held_out for data in loaded} == {HeldOut(size=4, pool=0, train=90)}
    np.testing.assert_array_equal(loaded[3].test_indices, np.arange(4))


@given(counts=COUNTS, seed=SEEDS)
def test_test_indices_are_the_places_in_the_pool(counts, seed):
    data = load_data(images(counts), seed=seed, normalize="none")
    np.testing.assert_array_equal(data.test_indices, origins(data.test))
    assert data.info.held_out.pool == sum(counts)
    assert data.info.held_out.train == data.info.sizes.train


def test_seed_0_is_a_seed_like_any_other():
    source = images([50, 50])
    zero, one, unsaid = (
        origins(load_data(source, normalize="none", **seed).train)
        for seed in ({"seed": 0}, {"seed": 1}, {})
    )
    np.testing.assert_array_equal(zero, unsaid)
    assert not np.array_equal(zero, one)


@given(
    seed=SEEDS,
    train_size=st.sampled_from([0.1, 0.5, 12]),
    label_noise=st.floats(0, 1),
    imbalance=st.floats(1, 10),
)
def test_validation_and_test_are_the_same_whatever_the_toggles(
    seed, train_size, label_noise, imbalance
):
    source = images([40, 40, 40])
    plain = load_data(source, seed=seed, normalize="none")
    changed = load_data(
        source,
        seed=seed,
        normalize="none",
        train_size=train_size,
        label_noise=label_noise,
        imbalance=imbalance,
    )
    for split in ("validation", "test"):
        for before, after in zip(getattr(plain, split), getattr(changed, split), strict=True):
            np.testing.assert_array_equal(before, after)


def test_regression_is_cut_at_random_into_the_asked_shares():
    x = np.arange(200.0).reshape(-1, 1, 1, 1)
    data = load_data((x, np.linspace(0.25, 9, 200)), normalize="none")
    assert data.info.sizes == (160, 20, 20)
    assert data.info.classes == 1
    assert data.info.class_names == ()
    assert data.train.y.dtype == np.float32
    np.testing.assert_allclose(data.test.y, np.linspace(0.25, 9, 200)[origins(data.test)])
    assert str(data.info) == "arrays: 1x1x1 images, regression; 160 train, 20 validation, 20 test"


def test_split_of_the_source_is_kept():
    x, y = images([50, 50])
    own = np.full((7, 1, 1, 1), -1.0), np.arange(7) % 2
    data = load_data({"train": (x, y), "test": own}, normalize="none", validation=0.2)
    assert data.info.sizes == (80, 20, 7)
    np.testing.assert_array_equal(data.test.x, own[0])
    np.testing.assert_array_equal(data.test.y, own[1])
    np.testing.assert_array_equal(np.bincount(data.validation.y), [10, 10])


def test_complete_sources_and_shares_of_0_are_not_split():
    x, y = images([3, 3])
    data = load_data({"train": (x, y), "validation": (x, y), "test": (x, y)})
    assert data.info.sizes == (6, 6, 6)
    data = load_data((x, y), validation=0, test=0)
    assert data.info.sizes == (6, 0, 0)
    assert data.test.x.shape == (0, 1, 1, 1)


@pytest.mark.parametrize(
    ("counts", "shares", "sentence"),
    [
        (
            [9, 1],
            {},
            "'arrays' has a single example of class '1', which cannot be split; it takes at least "
            "2. Add examples, leave the class out, or give the splits yourself.",
        ),
        (
            [2, 2],
            {},
            "`test=0.1` of the 4 examples of 'arrays' is none; give a larger share, or 0 to do "
            "without.",
        ),
        (
            [20, 2],
            {"validation": 0.1, "test": 0.8},
            "`validation` and `test` leave no training example of class '1' in 'arrays'; give "
            "smaller shares.",
        ),
        (
            [5, 5],
            {"test": 1},
            "`validation` and `test`: expected a sum below 1, the rest is for train; got 0.1 and "
            "1.",
        ),
        (
            [5, 5],
            {"validation": "0.1"},
            "`validation` of `load_data` must be a number from 0 to 1; got '0.1' (str).",
        ),
        (
            [5, 5],
            {"validation": 0.5, "test": 0.5},
            "`validation` and `test`: expected a sum below 1, the rest is for train; got 0.5 and "
            "0.5.",
        ),
        (
            [5, 5],
            {"seed": 1.5},
            "`seed`: expected a whole number; got 1.5 (float).",
        ),
        (
            [5, 5],
            {"seed": None},
            "`seed`: expected a whole number; got None (NoneType).",
        ),
    ],
)
def test_a_cut_that_cannot_be_made_is_refused(counts, shares, sentence):
    with pytest.raises((DataError, ToggleError)) as caught:
        load_data(images(counts), **shares)
    assert str(caught.value) == sentence
