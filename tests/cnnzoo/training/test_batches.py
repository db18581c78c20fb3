"""Order of the examples in a training."""

import gc

import keras
import numpy as np
import pytest
from helpers.watched import numbered, orders, watch

import cnnzoo
from cnnzoo import Recipe
from cnnzoo.data.scaling import ScaledArray, Scaling
from cnnzoo.training.batches import BatchReader, batch_stream, validation_stream


def test_epoch_has_every_example_once_with_its_label():
    model, _ = watch(Recipe(epochs=2, batch_size=7))
    assert [len(y) for _, y in model.batches] == [7, 7, 6] * 2
    for x, y in model.batches:
        np.testing.assert_array_equal(x[:, 0, 0], y)
    for order in orders(model, 2):
        assert sorted(order) == list(range(20))


def test_each_epoch_has_its_own_order():
    model, _ = watch(Recipe(epochs=4))
    assert len({tuple(order) for order in orders(model, 4)} | {tuple(range(20))}) == 5


def test_order_is_a_function_of_the_seed():
    found = {}
    for run, seed in (("first", 0), ("again", 0), ("other", 1)):
        keras.utils.set_random_seed(len(found))
        found[run] = orders(watch(Recipe(epochs=2), seed=seed)[0], 2)
    assert found["first"] == found["again"]
    assert found["first"] != found["other"]


def test_order_does_not_depend_on_tensorflows_global_seed():
    data, found = numbered(), []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        epochs = []
        batches, setter = batch_stream(*data.train, data, Recipe(batch_size=8), seed=0)
        for epoch in range(2):
            setter.on_epoch_begin(epoch)
            epochs += [list(y) for _, y in batches.as_numpy_iterator()]
        found.append(epochs)
    assert found[0] == found[1]
    assert [len(batch) for batch in found[0]] == [8, 8, 4] * 2


@pytest.mark.parametrize("augment", ["none", "crop+cutout+color_jitter"])
def test_passes_before_the_training_change_nothing(augment):
    """On jax and torch, Keras reads a batch more before the first epoch of a model."""
    x = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")
    split = (x, np.arange(20))
    data = cnnzoo.load_data({"train": split, "validation": split, "test": split})
    found = []
    for passes in (0, 1, 3):
        batches, setter = batch_stream(
            *data.train, data, Recipe(batch_size=8, augment=augment), seed=0
        )
        for _ in range(passes):
            list(batches)
        setter.on_train_begin()
        images = []
        for epoch in range(2):
            setter.on_epoch_begin(epoch)
            images += [images.numpy() for images, _ in batches]
        found.append(np.concatenate(images))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert (found[0][:20] != found[0][20:]).any()


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ({"batch_size": 5}, {}),
        ({"batch_size": 64}, {}),
        ({"schedule": "cosine"}, {}),
        ({"class_weight": "balanced"}, {}),
        ({"early_stopping": 5}, {}),
        ({}, {"units": 30}),
        ({}, {"optimizer": "adam"}),
    ],
    ids=str,
)
def test_variants_see_the_same_order_of_examples(recipe, options):
    baseline, _ = watch(Recipe(epochs=2, batch_size=8))
    variant, _ = watch(Recipe(**{"epochs": 2, "batch_size": 8, **recipe}), **options)
    assert orders(baseline, 2) == orders(variant, 2)


def test_number_of_epochs_does_not_change_the_first_ones():
    short, _ = watch(Recipe(epochs=1))
    long, _ = watch(Recipe(epochs=3))
    assert orders(short, 1)[0] == orders(long, 3)[0]


@pytest.mark.parametrize("normalize", ["unit", "standardize", "none"])
def test_batches_have_the_bits_that_numpy_computes(normalize, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (70, 5, 7, 3), dtype=np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    for x in (pixels, mapped, mapped[3:], pixels.astype("float32") - 9):  # one is not aligned
        data = cnnzoo.load_data((x, np.arange(len(x)) % 2), normalize=normalize)
        for split in (data.train, data.test):
            batches = validation_stream(*split, 16).as_numpy_iterator()
            read = np.concatenate([images for images, _ in batches])
            assert read.tobytes() == np.asarray(split.x).tobytes()


def test_maps_are_read_where_they_are(tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (9, 5, 7, 1))
    reader = BatchReader(cnnzoo.load_data((stored, np.arange(9) % 2)).train.x)
    shared = np.from_dlpack(reader._stored)
    assert np.shares_memory(shared, stored)


def test_read_only_maps_are_read_where_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 5, 7, 1), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    reader = BatchReader(cnnzoo.load_data((mapped[1:], np.arange(8) % 2), normalize="none").train.x)
    assert np.shares_memory(np.from_dlpack(reader._stored), mapped)
    del mapped  # the reader keeps the map open
    gc.collect()
    read = np.asarray(reader(np.arange(6)))
    np.testing.assert_array_equal(read, pixels[reader._places.numpy()[:6]].astype("float32"))


@pytest.mark.parametrize(
    "view",
    [
        lambda stored: stored[2:7],
        lambda stored: stored[::2],
        lambda stored: stored[::-1],
        lambda stored: stored[:, ::-1],
        lambda stored: stored.transpose(0, 2, 1, 3),
        lambda stored: stored.view("int8"),
    ],
)
def test_views_of_maps_have_their_own_rows(tmp_path, view):
    stored = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (9, 5, 5, 1))
    stored[:] = np.random.default_rng(0).integers(0, 128, stored.shape)
    x = view(stored)
    read = BatchReader(ScaledArray(x, np.arange(len(x)), Scaling.identity(1)))(np.arange(len(x)))
    np.testing.assert_array_equal(read, np.array(x, "float32"))


def test_trainings_and_checks_read_no_whole_split(monkeypatch):
    monkeypatch.setattr(ScaledArray, "_whole", lambda self: pytest.fail("a whole split was read"))
    data = cnnzoo.load_data("digits", train_size=200, normalize="standardize")
    model = cnnzoo.mlp(input_shape=(8, 8, 1), units=8, seed=0)
    cnnzoo.check(model, data)
    doctor = cnnzoo.Doctor()
    cnnzoo.train(model, data, Recipe(epochs=1, augment="flip"), callbacks=[doctor])
    doctor.findings()
    cnnzoo.evaluate(model, *data.test)
