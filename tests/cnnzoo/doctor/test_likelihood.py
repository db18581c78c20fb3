"""The check for outputs without a likelihood."""

import keras

from cnnzoo.doctor.likelihood import NO_LIKELIHOOD, check_likelihood


def classifier(activation):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation)])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def test_metrics_of_no_split_need_no_likelihood():
    metrics = {"test_accuracy": 0.5, "test_nll": 1.2, "gap": 0.1, "loss_gap": 0.2}
    measured = {"dead_units": 0.3, "gradient_ratio": 0.4}
    assert check_likelihood(classifier("softmax"), metrics | measured) is None


def test_split_without_likelihood_is_named_beside_a_gap():
    found = check_likelihood(classifier("relu"), {"test_accuracy": 0.5, "gap": 0.1})
    assert found.code == NO_LIKELIHOOD
