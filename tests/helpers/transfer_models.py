"""Models on a backbone, and what of them changes when they train."""

import numpy as np

import cnnzoo


def build(**settings):
    # the network that Keras makes fastest
    return cnnzoo.build("transfer", **{"backbone": "mobilenet", "weights": None, **settings})


def backbone_of(model):
    return model.get_layer("backbone")


def images(count=16, shape=(32, 32, 3)):
    return np.random.default_rng(0).random((count, *shape), dtype="float32")


def labels(count=16):
    return np.arange(count) % 10


def step(model):
    """Train for one step, without the seconds that tracing a backbone takes."""
    model.run_eagerly = True
    model.fit(images(), labels(), verbose=0)


def weights_of(model):
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


def changed(before, after):
    return {path for path in before if (before[path] != after[path]).any()}


def same(first, second):
    return all(
        np.array_equal(one, other)
        for one, other in zip(first.get_weights(), second.get_weights(), strict=True)
    )
