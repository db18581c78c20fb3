"""Weights of a trained network."""

import keras
import pytest


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """File with weights of a trained MobileNet."""
    keras.utils.set_random_seed(5)
    network = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # the statistics of a batch, so that features vary and gradients arrive everywhere
            layer.moving_variance.assign(layer.moving_variance * 0.05)
    path = tmp_path_factory.mktemp("weights") / "trained.weights.h5"
    network.save_weights(path)
    return path
