"""The exact checks: all hold, with the documents' numbers, and each can fail."""

import inspect

import pytest

from ablations.claims import exact_checks
from cnnzoo.analysis import exact_claims

CHECKS = {
    name: function
    for name, function in vars(exact_checks).items()
    if inspect.isfunction(function)
    and function.__module__ == exact_checks.__name__
    and not name.startswith("_")
}


def refuted(check) -> list[str]:
    return [each.statement for each in check() if not each.holds]


@pytest.mark.parametrize("name", CHECKS)
def test_every_comparison_holds(name):
    comparisons = CHECKS[name]()
    assert comparisons
    assert [each for each in comparisons if not each.holds] == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("separable_parameters", [18_432, 2_336, 2_432]),
        ("output_sizes", [31, 64, "31x31x16", "31x31x32", "64x64x16"]),
        ("pooled_edge", [1.0, 0.5]),
        ("shared_parameters", [150_528, 150_529_000, 1_792]),
        ("receptive_fields", [7, 3, 4, 8, 12]),
    ],
)
def test_expectations_are_the_numbers_of_the_documents(name, numbers):
    expected = [each.expected for each in CHECKS[name]()]
    assert set(numbers) <= set(expected)


@pytest.mark.parametrize(
    ("check", "function", "numbers"),
    [
        ("separable_parameters", "separable_parameters",
         {"standard": 18_432, "separable": 2_337, "ratio": 2_337 / 18_432}),
        ("output_sizes", "output_size", {"keras": 32, "formula": 31}),
        ("sparse_and_categorical", "sparse_and_one_hot_loss",
         {"sparse": 2.4, "one_hot": 2.5, "formula": 2.4, "sparse_bytes": 8, "one_hot_bytes": 40}),
        ("pooled_edge", "pooled_edge", {"peak": 1.0, "max": 0.9, "average": 0.5}),
        ("shifts", "shifted_image", {"equivariance": 0.1, "invariance": 0.0, "unshifted": 0.2}),
        ("shared_parameters", "shared_parameters",
         {"inputs": 150_528, "dense": 150_528_000, "convolution": 1_792}),
        ("batch_norm_modes", "batch_norm_modes",
         {"training_mean": 0.0, "inference_mean": 0.0, "training_error": 0, "inference_error": 0}),
        ("linear_maps", "composed_linear_maps", {"linear": 0.0, "relu": 0.0}),
        ("convolution_gradients", "convolution_gradients", {"kernel": 0.0, "input": 0.01}),
    ],
)  # fmt: skip
def test_wrong_number_refutes_a_comparison(monkeypatch, check, function, numbers):
    monkeypatch.setattr(exact_claims, function, lambda *_, **__: numbers)
    assert refuted(CHECKS[check])


def test_wrong_border_refutes_a_comparison(monkeypatch):
    rows = exact_claims.border_values()
    monkeypatch.setattr(
        exact_claims, "border_values", lambda **_: rows | {"reflect": rows["replicate"]}
    )
    assert refuted(exact_checks.border_modes) == [
        "Padding with reflect gives the first column its mean of three",
        "Padding with reflect gives the last column its mean of three",
    ]


def test_smaller_pool_refutes_the_receptive_fields(monkeypatch):
    pool = exact_checks.layers.MaxPooling2D
    monkeypatch.setattr(
        exact_checks.layers, "MaxPooling2D", lambda size, **options: pool(1, **options)
    )
    assert refuted(exact_checks.receptive_fields) == [
        "With a 2x2 pool after the first, pool sees 4 pixels",
        "With a 2x2 pool after the first, conv2 sees 8 pixels",
        "With a 2x2 pool after the first, conv3 sees 12 pixels",
    ]


def test_healthy_training_refutes_every_reading(monkeypatch):
    monkeypatch.setattr(exact_checks.Doctor, "diagnose", lambda self: [])
    monkeypatch.setattr(exact_checks, "train", lambda *_, **__: None)
    assert len(refuted(exact_checks.training_curves)) == 4
