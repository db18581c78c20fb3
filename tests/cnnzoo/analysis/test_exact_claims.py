"""Exact claims of the documents, against numbers worked out by hand or by SciPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from cnnzoo.analysis import exact_claims
from cnnzoo.analysis.gradients import gradients


@pytest.mark.parametrize(
    ("kernel_size", "channels", "filters", "standard", "separable"),
    [(3, 32, 64, 18_432, 2_336), (5, 3, 8, 600, 99), (1, 4, 4, 16, 20)],
)
def test_separable_convolution_has_the_stated_share(
    kernel_size, channels, filters, standard, separable
):
    numbers = exact_claims.separable_parameters(kernel_size, channels, filters)
    assert (numbers["standard"], numbers["separable"]) == (standard, separable)
    assert numbers["ratio"] == pytest.approx(numbers["formula"], rel=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "expected"),
    [(2, "valid", 31), (1, "same", 64), (2, "same", 32), (1, "valid", 62), (3, "same", 22)],
)
def test_output_size_of_64_pixels(stride, padding, expected):
    sizes = exact_claims.output_size(64, 3, stride, padding)
    assert sizes == {"keras": expected, "formula": expected}


@settings(max_examples=50, deadline=None)
@given(st.integers(7, 200), st.integers(1, 7), st.integers(1, 5), st.booleans())
def test_output_size_follows_the_formula(size, kernel_size, stride, same):
    sizes = exact_claims.output_size(size, kernel_size, stride, "same" if same else "valid")
    assert sizes["keras"] == sizes["formula"]


def test_border_modes_differ_at_the_ends_only():
    rows = exact_claims.border_values(7)
    inside = [2.0, 3.0, 4.0, 5.0, 6.0]
    assert rows["valid"] == pytest.approx(inside)
    ends = {"zeros": (3 / 3, 13 / 3), "reflect": (5 / 3, 19 / 3), "replicate": (4 / 3, 20 / 3)}
    for mode, (first, last) in ends.items():
        assert rows[mode] == pytest.approx([first, *inside, last])


def test_class_ids_and_one_hot_rows_have_the_same_loss():
    numbers = exact_claims.sparse_and_one_hot_loss(100, 5)
    assert numbers["sparse"] == pytest.approx(numbers["formula"], abs=1e-6)
    assert numbers["one_hot"] == pytest.approx(numbers["formula"], abs=1e-6)
    assert numbers["one_hot_bytes"] / numbers["sparse_bytes"] == 5 * 4 / 8


@pytest.mark.parametrize("pool_size", [2, 3, 4])
def test_average_pooling_divides_a_thin_edge_by_the_pool_size(pool_size):
    peaks = exact_claims.pooled_edge(12, pool_size)
    assert peaks == {"peak": 1.0, "max": 1.0, "average": pytest.approx(1 / pool_size)}


@pytest.mark.parametrize(("shift", "kernel_size"), [(1, 3), (3, 3), (2, 5)])
def test_convolution_commutes_with_a_shift(shift, kernel_size):
    differences = exact_claims.shifted_image(10, shift, kernel_size)
    assert differences["equivariance"] < 1e-5
    assert differences["invariance"] < 1e-5
    assert differences["unshifted"] > 0.1


def test_parameters_of_a_dense_layer_on_an_image():
    numbers = exact_claims.shared_parameters((224, 224, 3), 1000, 64, 3)
    assert numbers == {
        "inputs": 150_528,
        "dense": 150_529_000,
        "convolution": 64 * (3 * 3 * 3 + 1),
    }
    smaller = exact_claims.shared_parameters((32, 32, 3), 1000, 64, 3)
    assert smaller["convolution"] == numbers["convolution"]


def test_batch_norm_uses_the_batch_in_training_and_the_averages_in_inference():
    numbers = exact_claims.batch_norm_modes(examples=1000, momentum=0.99)
    assert numbers["training_mean"] == pytest.approx(0, abs=1e-5)
    # averages after one step: mean 0.01 * 5, variance 0.99 + 0.01 * 4
    expected = (5 - 0.05) / math.sqrt(0.99 + 0.04)
    assert numbers["inference_mean"] == pytest.approx(expected, abs=0.1)
    assert numbers["training_error"] < 1e-4
    assert numbers["inference_error"] < 1e-4


@pytest.mark.parametrize("depth", [1, 2, 6])
def test_linear_layers_are_one_matrix(depth):
    differences = exact_claims.composed_linear_maps(depth)
    assert differences["linear"] < 1e-4
    assert (differences["relu"] > 0.1) == (depth > 1)


def test_gradients_of_a_convolution_follow_the_formulas():
    assert max(exact_claims.convolution_gradients(9, 5, 3, 4).values()) < 1e-4


def test_gradients_by_scipy():
    """Checks `gradients` itself, on one channel."""
    import keras

    generator = np.random.default_rng(0)
    image, kernel = generator.normal(size=(6, 6)), generator.normal(size=(3, 3))
    found = gradients(
        lambda w: keras.ops.sum(
            keras.ops.conv(image[None, :, :, None].astype("float32"), w) ** 2 / 2
        ),
        kernel[:, :, None, None],
    )
    output = correlate2d(image, kernel, "valid")
    expected = correlate2d(image, output, "valid")
    assert np.allclose(found[0][:, :, 0, 0], expected, atol=1e-4)


def test_gradient_of_an_unused_argument_is_zero():
    first, second = gradients(lambda x, y: x * x, 3.0, [1.0])
    assert first == pytest.approx(6.0)
    assert second.tolist() == [0.0]
