"""Losses of BatchNormalization in training and inference mode."""

import pytest

import cnnzoo
from cnnzoo.doctor.moving_averages import check_moving_averages


@pytest.fixture(scope="module")
def model():
    return cnnzoo.build("batch_norm", input_shape=(8, 8, 1), classes=3, filters=4)


def test_averages_near_their_initial_values_have_not_converged(model):
    # 0.99^298 = exp(298 ln 0.99) = 0.05003
    assert str(check_moving_averages(model, 0.05, 2.43, 298)) == (
        "BatchNormalization's moving averages have not converged: on the training data the loss is "
        "0.05 in training and 2.43 in inference, and after 298 steps at momentum 0.99 the averages "
        "still hold 5% of their initial values. Train longer, or lower the momentum of "
        "BatchNormalization (`norm_momentum` in the zoo)."
    )


@pytest.mark.parametrize("steps", [299, 100_000])
def test_converged_averages_differ_from_the_last_batches(model, steps):
    assert str(check_moving_averages(model, 0.05, 2.43, steps)) == (
        "BatchNormalization's moving averages differ from the last batches: on the training data "
        f"the loss is 0.05 in training and 2.43 in inference, and after {steps} steps at momentum "
        "0.99 the averages hold less than 5% of their initial values, so those are not the cause: "
        "large weight updates, small batches or divergence at the end make the batch statistics "
        "differ from the averages. Lower the learning rate at the end, use larger batches, or "
        "lower the momentum of BatchNormalization (`norm_momentum` in the zoo)."
    )


@pytest.mark.parametrize("steps", [10, 100_000])
def test_similar_losses_are_no_finding(model, steps):
    assert check_moving_averages(model, 0.05, 0.1, steps) is None
    assert check_moving_averages(model, 2.0, 3.9, steps) is None
