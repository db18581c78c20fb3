"""Augmentations that do not fit the model or the data are refused."""

import numpy as np
import pytest
from helpers.augmented import N, load, noise

import cnnzoo
from cnnzoo import Recipe, ToggleError
from cnnzoo.training.train import check_fit


def refusal(model, data, names) -> str:
    with pytest.raises(ToggleError) as caught:
        check_fit(model, data, Recipe(augment=names))
    return str(caught.value)


def built(data, loss="categorical_crossentropy"):
    shape, classes = data.info.input_shape, data.info.classes
    return cnnzoo.build("mlp", units=1, loss=loss, input_shape=shape, classes=classes)


@pytest.mark.parametrize("names", ["crop", "cutmix+flip"])
def test_sequences_are_refused(names):
    data = load(np.zeros((N, 20, 2), "float32"))
    assert refusal(built(data), data, names) == (
        f"`augment` of `Recipe`: {names} needs images, but `arrays` has examples of shape (20, 2). "
        "Pass augment='none'."
    )


@pytest.mark.parametrize("names", ["mixup", "cutmix", "flip+mixup"])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "binary_crossentropy"])
def test_mixed_labels_are_refused_for_a_loss_on_ids(names, loss):
    data = load(noise(), classes=2)
    assert refusal(built(data, loss), data, names) == (
        f"`augment` of `Recipe`: {names.split('+')[-1]} mixes labels, but {loss} needs class ids. "
        "Build the model with loss='categorical_crossentropy', which is the same loss for "
        "unmixed labels."
    )


@pytest.mark.parametrize("names", ["mixup", "crop+cutmix"])
def test_mixed_labels_are_refused_for_a_regression(names):
    x = noise()
    data = cnnzoo.load_data((x, np.linspace(0.1, 0.9, N)))
    assert refusal(built(data, "mse"), data, names) == (
        f"`augment` of `Recipe`: {names.split('+')[-1]} mixes class labels, but `arrays` is a "
        "regression. Choose another augmentation."
    )


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "categorical_hinge", "focal", "mse", "mae", "huber"]
)
def test_mixed_labels_fit_every_loss_on_one_hot_labels(loss):
    data = load(noise(), classes=2)
    check_fit(built(data, loss), data, Recipe(augment="cutmix+mixup"))
