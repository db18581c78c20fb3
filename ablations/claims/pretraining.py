"""A builder for few labels: the classic CNN from scratch, or pretrained on other digits (C22)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cnnzoo.data.dataset import Array, Data
from cnnzoo.data.load import load_data
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import Toggle
from cnnzoo.training.recipe import Recipe
from cnnzoo.zoo import build

if TYPE_CHECKING:
    import keras

Weights = dict[str, list[NDArray[Any]]]
"""Weights of a model by layer."""

Start = Annotated[
    Literal["scratch", "frozen", "fine-tuned"],
    Toggle(
        "initial weights of the convolutions: drawn, pretrained and frozen, or pretrained and "
        "trained further"
    ),
]

MODEL: dict[str, Any] = {"filters": 16}
"""Toggles of `classic`, in the pretraining and afterwards."""

RECIPE = Recipe(epochs=6)
"""Recipe of the pretraining."""

HEAD_RATE = 0.01
"""Learning rate of a head on frozen features: a convex problem, in which larger steps are safe."""

MARGIN = 4
"""Empty pixels around a digit of MNIST, which the target data do not have."""


def few_labels(
    *,
    input_shape: tuple[int, int, int] = (8, 8, 1),
    classes: int = 10,
    seed: int = 0,
    start: Start = "scratch",
) -> "keras.Model":
    """Build the classic CNN with a linear head, whose convolutions may be pretrained.

    They are pretrained on the 5,000 digits of MNIST, shrunk to the size of the target data. The
    pretraining is a function of the seed and the shape alone. All three starts have the same
    architecture and the same initial head. They train with Adam at 0.001, the head alone at
    `HEAD_RATE`, so that it converges in as many steps.

    Parameters
    ----------
    input_shape
        Shape of an example: a grey image.
    classes
        Number of classes of the target data.
    seed
        Seed of the initial weights and of the pretraining.
    start
        "scratch", "frozen" or "fine-tuned".

    Examples
    --------
    >>> model = few_labels(seed=1)
    >>> model.name, len(model.trainable_weights)
    ('classic', 8)
    """
    rate = HEAD_RATE if start == "frozen" else 0.001
    model = build(
        "classic",
        input_shape=input_shape,
        classes=classes,
        seed=seed,
        learning_rate=rate,
        **MODEL,
    )
    if start == "scratch":
        return model
    for name, values in pretrained_weights(seed, input_shape).items():
        layer = model.get_layer(name)
        layer.set_weights(values)
        layer.trainable = start == "fine-tuned"
    model.compile_from_config(model.get_compile_config())  # for the weights that train now
    return model


@lru_cache(maxsize=64)
def pretrained_weights(seed: int, input_shape: tuple[int, int, int]) -> Weights:
    """Train the classic CNN on MNIST's digits and return the weights of its convolutions.

    A process trains once per seed and shape.

    Parameters
    ----------
    seed
        Seed of the split, the initial weights and the order of the examples.
    input_shape
        Height, width and channels to which the digits are shrunk.

    Returns
    -------
    dict
        Weights by name of the layer; the head is left out.
    """
    from cnnzoo.training.train import train

    data = shrunk_digits(seed, input_shape)
    own_seed = stream(seed, "pretraining")
    trained = train("classic", data, RECIPE, seed=own_seed, **MODEL)
    layers = [layer for layer in trained.model.layers if layer.weights and layer.name != "head"]
    return {layer.name: layer.get_weights() for layer in layers}


def shrunk_digits(seed: int, input_shape: tuple[int, int, int]) -> Data:
    """Load MNIST's digits without their margin, in the size and channels of other data.

    Parameters
    ----------
    seed
        Seed of the split.
    input_shape
        Height, width and channels.

    Examples
    --------
    >>> shrunk_digits(0, (8, 8, 1))
    <Data arrays: 8x8x1 images, 10 classes; 4000 train, 500 validation, 500 test>
    """
    whole = load_data("mnist5k", validation=0.0, test=0.0)
    return load_data((_shrink(np.asarray(whole.train.x), input_shape), whole.train.y), seed=seed)


def _shrink(x: Array, input_shape: tuple[int, int, int]) -> Array:
    from keras import ops

    height, width, channels = input_shape
    inner = x[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    resized = ops.image.resize(inner, (height, width), antialias=True, data_format="channels_last")
    shrunk = np.clip(ops.convert_to_numpy(resized), 0.0, 1.0)
    return np.repeat(shrunk, channels, axis=-1)
