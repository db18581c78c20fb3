"""The changes to the training split: sizes by arithmetic, and one toggle at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.data import load_data
from cnnzoo.toggle import ToggleError

SEEDS = st.integers(0, 2**40)
COUNTS = st.lists(st.integers(10, 60), min_size=2, max_size=6)


def images(counts):
    """(x, y) where the one pixel of image i is i."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.arange(len(y), dtype=np.float64).reshape(-1, 1, 1, 1), y


def train(counts, **options):
    """The source positions and labels of the training split when all examples are in it."""
    data = load_data(
        images(counts), **({"normalize": "none", "validation": 0, "test": 0} | options)
    )
    return data.train.x[:, 0, 0, 0].astype(int), data.train.y


@given(counts=COUNTS, seed=SEEDS, sizes=st.tuples(st.floats(0.2, 1), st.floats(0.2, 1)))
def test_a_smaller_training_split_is_the_beginning_of_a_larger(counts, seed, sizes):
    small, large = (train(counts, seed=seed, train_size=size)[0] for size in sorted(sizes))
    np.testing.assert_array_equal(small, large[: len(small)])


@given(counts=COUNTS, seed=SEEDS, share=st.floats(0.2, 1))
def test_a_share_keeps_that_much_of_every_class(counts, seed, share):
    _, y = train(counts, seed=seed, train_size=share)
    assert abs(len(y) - share * sum(counts)) <= 0.5
    kept = np.bincount(y, minlength=len(counts))
    assert kept.min() >= 1
    assert np.abs(kept - np.array(counts) * len(y) / sum(counts)).max() <= 1.5


@given(seed=SEEDS, number=st.integers(2, 120))
def test_a_number_keeps_that_many_and_balanced_classes_stay_balanced(seed, number):
    number = max(number, 3)
    _, y = train([40, 40, 40], seed=seed, train_size=number)
    counts = np.bincount(y, minlength=3)
    assert counts.sum() == number
    assert counts.max() - counts.min() <= 1


def test_rare_class_keeps_an_example_in_a_small_split():
    _, y = train([1000, 2, 2], train_size=3)
    np.testing.assert_array_equal(np.sort(y), [0, 1, 2])


@given(seed=SEEDS, noise=st.floats(0, 1), counts=COUNTS)
def test_label_noise_replaces_exactly_its_share_by_other_classes(seed, noise, counts):
    origins, y = train(counts, seed=seed, label_noise=noise)
    clean_origins, clean = train(counts, seed=seed)
    np.testing.assert_array_equal(origins, clean_origins)
    assert abs(np.sum(y != clean) - noise * len(y)) <= 0.5
    assert y.min() >= 0
    assert y.max() < len(counts)


@given(seed=SEEDS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_what_a_smaller_noise_replaces_a_larger_one_replaces_alike(seed, shares):
    _, clean = train([30, 30, 30, 30], seed=seed)
    little, much = (train([30] * 4, seed=seed, label_noise=share)[1] for share in sorted(shares))
    wrong = little != clean
    np.testing.assert_array_equal(little[wrong], much[wrong])


def test_label_noise_of_1_replaces_every_label_evenly():
    origins, y = train([3000, 3000, 3000, 3000], label_noise=1.0)
    clean = origins // 3000
    table = np.zeros((4, 4))
    np.add.at(table, (clean, y), 1)
    assert np.trace(table) == 0
    # Each cell is binomial(3000, 1/3) with deviation 25.8: five deviations hold surely.
    assert np.abs(table[~np.eye(4, dtype=bool)] - 1000).max() < 130


@pytest.mark.parametrize(
    ("imbalance", "sizes"),
    # 400 x imbalance ** (-k / 4) for k = 0..4, rounded
    [(16, [400, 200, 100, 50, 25]), (100, [400, 126, 40, 13, 4]), (1, [400] * 5)],
)
def test_class_sizes_fall_geometrically(imbalance, sizes):
    _, y = train([400] * 5, imbalance=imbalance)
    np.testing.assert_array_equal(np.bincount(y), sizes)


def test_imbalance_keeps_the_order_of_unequal_classes():
    # 80 of class 1 and 100 of class 2 allow 80 * 4 ** 0.5 = 160 for the most frequent.
    _, y = train([40, 80, 200], imbalance=4)
    np.testing.assert_array_equal(np.bincount(y), [40, 80, 160])


def test_imbalance_of_1_leaves_unequal_classes_as_they_are():
    _, y = train([40, 80, 200], imbalance=1)
    np.testing.assert_array_equal(np.bincount(y), [40, 80, 200])


@given(seed=SEEDS, ratios=st.tuples(st.floats(1, 40), st.floats(1, 40)))
def test_smaller_imbalance_keeps_the_examples_of_a_larger_one(seed, ratios):
    mild, strong = (train([40, 40, 40], seed=seed, imbalance=ratio)[0] for ratio in sorted(ratios))
    assert set(strong) <= set(mild)


def test_train_size_applies_after_imbalance_and_keeps_its_ratio():
    # 400, 200, 100, 50, 25 are 775; a fifth of them is 155.
    _, y = train([400] * 5, imbalance=16, train_size=0.2)
    np.testing.assert_array_equal(np.bincount(y), [80, 40, 20, 10, 5])


def test_wrong_labels_do_not_depend_on_the_training_size():
    few_at, few = train([400] * 5, train_size=0.5, label_noise=1.0)
    all_at, every = train([400] * 5, label_noise=1.0)
    labels = dict(zip(all_at.tolist(), every.tolist(), strict=True))
    assert few.tolist() == [labels[at] for at in few_at.tolist()]


def test_the_labels_in_hand_are_not_written_to():
    x, y = images([50, 50])
    before = y.copy()
    load_data((x, y), label_noise=0.5)
    np.testing.assert_array_equal(y, before)


def test_train_size_of_a_regression_keeps_the_beginning():
    x = np.arange(100.0).reshape(-1, 1, 1, 1)
    source = x, np.linspace(0.5, 1, 100)
    whole, part = (
        load_data(source, normalize="none"),
        load_data(source, normalize="none", train_size=7),
    )
    np.testing.assert_array_equal(part.train.x, whole.train.x[:7])


def targets(n=100, **options):
    """Return the origins and the targets of the training split of a regression."""
    y = np.random.default_rng(5).normal(3, 0.5, n).astype("float32")
    x = np.arange(float(n)).reshape(-1, 1, 1, 1)
    data = load_data((x, y), normalize="none", validation=0.0, test=0.0, **options)
    at = data.train.x.ravel().astype(int)
    return at, y[at], data.train.y


@given(seed=SEEDS, share=st.floats(0, 1))
def test_outliers_are_ten_deviations_from_their_targets(seed, share):
    _, clean, y = targets(seed=seed, target_outliers=share)
    distances = np.abs(y.astype(float) - clean) / np.std(clean.astype(float))
    replaced = distances > 1
    assert replaced.sum() == np.floor(100 * share + 0.5)
    np.testing.assert_allclose(distances[replaced], 10, rtol=1e-5)
    assert (distances[~replaced] == 0).all()
    assert y.dtype == np.float32


@given(seed=SEEDS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_larger_share_keeps_the_outliers_of_a_smaller_one(seed, shares):
    (_, clean, few), (_, _, many) = (
        targets(seed=seed, target_outliers=share) for share in sorted(shares)
    )
    np.testing.assert_array_equal(few[few != clean], many[few != clean])


def test_outliers_lie_on_both_sides_equally_often():
    _, clean, y = targets(10_000, target_outliers=1.0)
    assert abs((y > clean).mean() - 0.5) < 4 * 0.5 / 100  # 4 standard deviations


def test_outliers_do_not_depend_on_the_training_size():
    _, _, few = targets(train_size=0.5, target_outliers=1.0)
    _, _, every = targets(target_outliers=1.0)
    np.testing.assert_array_equal(few, every[:50])


def test_outliers_leave_the_other_splits_and_the_source_alone():
    source = np.arange(100.0).reshape(-1, 1, 1, 1), np.linspace(0.5, 1, 100)
    clean, changed = load_data(source), load_data(source, target_outliers=1.0)
    for split in ("validation", "test"):
        np.testing.assert_array_equal(getattr(clean, split).y, getattr(changed, split).y)
    np.testing.assert_array_equal(source[1], np.linspace(0.5, 1, 100))


@pytest.mark.parametrize(
    ("counts", "options", "sentence"),
    [
        (
            [50, 50],
            {"train_size": 101},
            "`train_size`: expected a share up to 1 or a number that keeps 2 (one per "
            "class) to 100 training examples; got 101, which keeps 101.",
        ),
        (
            [50, 50],
            {"train_size": 0.0},
            "`train_size`: expected a share up to 1 or a number that keeps 2 (one per "
            "class) to 100 training examples; got 0, which keeps 0.",
        ),
        (
            [50, 50],
            {"train_size": 12.5},
            "`train_size`: expected a share up to 1 or a whole number of examples; got 12.5.",
        ),
        (
            [50, 50],
            {"imbalance": 200},
            "`imbalance`: expected at most 100 for 50 training examples of the most "
            "frequent class, so that the rarest keeps one; got 200.",
        ),
        (
            [50, 50],
            {"label_noise": 1.5},
            "`label_noise` of `load_data` must be a number from 0 to 1; got 1.5.",
        ),
        (
            [50, 50],
            {"target_outliers": 0.1},
            "`target_outliers`: expected 0.0 for 'arrays', whose labels are classes; got 0.1. Use "
            "`label_noise`, which replaces labels by other classes.",
        ),
        (
            [50, 50],
            {"normalize": "standardise"},
            "`normalize` of `load_data` must be one of 'unit', 'standardize', 'none'; got "
            "'standardise'; did you mean 'standardize'?",
        ),
    ],
)
def test_a_toggle_that_the_data_does_not_allow_is_refused(counts, options, sentence):
    with pytest.raises(ToggleError) as caught:
        train(counts, **options)
    assert str(caught.value) == sentence


def test_constant_targets_get_no_outliers():
    with pytest.raises(ToggleError) as caught:
        load_data((np.zeros((10, 2, 2, 1)), np.full(10, 0.5)), target_outliers=0.1)
    assert str(caught.value) == (
        "`target_outliers`: expected 0 for constant targets, which have no spread; got 0.1."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"label_noise": 0.1},
            "`label_noise`: expected 0.0 for 'arrays', a regression without classes; got 0.1.",
        ),
        (
            {"imbalance": 2},
            "`imbalance`: expected 1.0 for 'arrays', a regression without classes; got 2.",
        ),
        (
            {"train_size": 9},
            "`train_size`: expected a share up to 1 or a number that keeps 1 to 8 "
            "training examples; got 9, which keeps 9.",
        ),
    ],
)
def test_toggles_of_classes_are_refused_for_a_regression(options, sentence):
    with pytest.raises(ToggleError) as caught:
        load_data((np.zeros((10, 2, 2, 1)), np.linspace(0, 1, 10)), **options)
    assert str(caught.value) == sentence
