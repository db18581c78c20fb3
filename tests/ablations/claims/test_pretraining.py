"""The builder for few labels: a pure function of the seed, with frozen or trainable layers."""

import numpy as np
import pytest

from ablations.claims import pretraining
from ablations.claims.pretraining import few_labels, pretrained_weights, shrunk_digits
from cnnzoo.builders import find_builder
from cnnzoo.data import load_data
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import train

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module", autouse=True)
def short_pretraining():
    """Pretrain for one epoch on 200 digits, which is enough to move the weights."""
    with pytest.MonkeyPatch.context() as patch:
        whole = pretraining.load_data
        patch.setattr(pretraining, "RECIPE", Recipe(epochs=1))
        patch.setattr(
            pretraining,
            "load_data",
            lambda spec, **options: whole(
                spec, **options, **({} if isinstance(spec, str) else {"train_size": 200})
            ),
        )
        pretrained_weights.cache_clear()
        yield
        pretrained_weights.cache_clear()


def built(start, seed=0):
    builder = find_builder("ablations.claims.pretraining:few_labels")
    return builder.build({"start": start}, SHAPE, 10, seed)


def same(first, second):
    return [
        np.array_equal(one, other)
        for one, other in zip(first.get_weights(), second.get_weights(), strict=True)
    ]


def test_model_is_a_function_of_the_seed():
    first = built("frozen")
    pretrained_weights.cache_clear()
    assert all(same(first, built("frozen")))
    kernels = same(first, built("frozen", seed=1))[::2]
    assert not any(kernels)


def test_starts_share_architecture_and_head():
    scratch, frozen, tuned = (built(start) for start in ("scratch", "frozen", "fine-tuned"))
    assert same(scratch, frozen)[-2:] == [True, True]
    assert not any(same(scratch, frozen)[:-2])
    assert all(same(frozen, tuned))
    counts = [len(model.trainable_weights) for model in (scratch, frozen, tuned)]
    assert counts == [8, 2, 8]


def test_pretrained_convolutions_are_those_of_the_pretraining():
    model, weights = built("frozen"), pretrained_weights(0, SHAPE)
    assert list(weights) == ["stage1_conv", "stage2_conv", "stage3_conv"]
    for name, values in weights.items():
        for value, expected in zip(model.get_layer(name).get_weights(), values, strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(("start", "stays"), [("frozen", True), ("fine-tuned", False)])
def test_only_frozen_convolutions_stay_in_training(start, stays):
    model = built(start)
    before = [value.copy() for value in model.get_weights()]
    train(model, load_data("digits", train_size=20), Recipe(epochs=1))
    kept = [np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]
    assert kept == [stays] * 6 + [False] * 2


def test_process_pretrains_once_per_seed():
    pretrained_weights.cache_clear()
    for start in ("frozen", "fine-tuned", "scratch"):
        built(start, seed=2)
    assert pretrained_weights.cache_info().misses == 1


def test_shrunk_digits_keep_their_labels_and_lose_their_margin():
    whole, small = load_data("mnist5k", validation=0.0, test=0.0), shrunk_digits(0, (5, 5, 3))
    # a digit of 20x20 pixels keeps about its mean brightness
    inner = whole.train.x[:, 4:-4, 4:-4]
    assert small.train.x.shape[1:] == (5, 5, 3)
    assert np.array_equal(small.test.x[..., 0], small.test.x[..., 2])
    expected = {label: inner[whole.train.y == label].mean() for label in (0, 1)}
    for label, mean in expected.items():
        shrunk = small.test.x[small.test.y == label]
        assert shrunk.mean() == pytest.approx(mean, abs=0.03)


def test_few_labels_is_described_to_studies():
    toggle = find_builder("ablations.claims.pretraining:few_labels").toggles()["start"]
    assert (toggle.default, few_labels().name) == ("scratch", "classic")
    assert toggle.levels == ("scratch", "frozen", "fine-tuned")
