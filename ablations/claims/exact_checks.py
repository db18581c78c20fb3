"""Checks of the exact claims: each function returns the document's numbers beside the code's.

A claim names its function in `Claim.check`. The models are tiny, and every check takes seconds.
"""

from typing import Any

import keras
from keras import layers

from ablations.claims.claim import Comparison
from cnnzoo.analysis import exact_claims
from cnnzoo.analysis.description import describe
from cnnzoo.analysis.receptive_field import receptive_field
from cnnzoo.data import Data, load_data
from cnnzoo.doctor.doctor import Doctor
from cnnzoo.doctor.finding import Finding
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import train
from cnnzoo.zoo import build

ROUNDING = 1e-5
"""Largest difference that is rounding, for values around 1 in float32."""

SUMS = 1e-4
"""The same for sums of many products."""


def separable_parameters() -> tuple[Comparison, ...]:
    """Compare the weights of a depthwise separable convolution with 1/N + 1/k^2 (C08)."""
    numbers = exact_claims.separable_parameters(kernel_size=3, channels=32, filters=64)
    table = describe(build("depthwise_separable")).set_index("layer")
    return (
        Comparison("A standard 3x3 convolution of 32 to 64 channels has 9 * 32 * 64 weights",
                   9 * 32 * 64, numbers["standard"]),
        Comparison("The separable one has 9 * 32 + 32 * 64 weights",
                   9 * 32 + 32 * 64, numbers["separable"]),
        Comparison("Their ratio is 1/N + 1/k^2", 1 / 64 + 1 / 9, numbers["ratio"], 1e-12),
        Comparison("With the biases of both parts it has 2,432 parameters",
                   2432, int(table.params.sum() - table.params["head"])),
    )  # fmt: skip


def output_sizes() -> tuple[Comparison, ...]:
    """Compare the output sizes of convolutions by stride and padding (C09)."""
    strided = exact_claims.output_size(64, kernel_size=3, stride=2, padding="valid")
    same = exact_claims.output_size(64, kernel_size=3, stride=1, padding="same")
    stack = build("conv_stack")
    single = build("conv_stack", depth=1, strides=1, padding="same")
    return (
        Comparison("A 3x3 kernel with stride 2 and no padding makes 31 of 64 pixels",
                   31, strided["keras"]),
        Comparison("The formula (n - k) / s + 1, rounded down, gives the same",
                   strided["formula"], strided["keras"]),
        Comparison("A 3x3 kernel with stride 1 and padding 'same' keeps 64 pixels",
                   64, same["keras"]),
        Comparison("The first convolution of conv_stack has the output 31x31x16",
                   "31x31x16", _map_shape(stack, "stage1_conv")),
        Comparison("The second convolution of conv_stack has the output 31x31x32",
                   "31x31x32", _map_shape(stack, "stage2_conv")),
        Comparison("A single convolution with padding 'same' has the output 64x64x16",
                   "64x64x16", _map_shape(single, "stage1_conv")),
    )  # fmt: skip


def border_modes() -> tuple[Comparison, ...]:
    """Compare the ways to treat the border on an image that brightens from 1 to 5 (C10)."""
    rows = exact_claims.border_values(size=5, kernel_size=3)
    ends = {"zeros": (3 / 3, 9 / 3), "reflect": (5 / 3, 13 / 3), "replicate": (4 / 3, 14 / 3)}
    compared = [Comparison("Without padding 3 of 5 columns are left", 3, len(rows["valid"]))]
    for mode, (first, last) in ends.items():
        row = rows[mode]
        compared += [
            Comparison(f"Padding with {mode} keeps 5 columns", 5, len(row)),
            Comparison(f"Padding with {mode} gives the first column its mean of three",
                       first, row[0], ROUNDING),
            Comparison(f"Padding with {mode} gives the last column its mean of three",
                       last, row[-1], ROUNDING),
        ]  # fmt: skip
    return tuple(compared)


def sparse_and_categorical() -> tuple[Comparison, ...]:
    """Compare the crossentropy of class ids with that of one-hot rows (C14)."""
    numbers = exact_claims.sparse_and_one_hot_loss(examples=64, classes=10)
    return (
        Comparison("Class ids and one-hot rows have the same loss",
                   numbers["one_hot"], numbers["sparse"], ROUNDING),
        Comparison("It is the mean negative log-likelihood of the labels",
                   numbers["formula"], numbers["sparse"], ROUNDING),
        Comparison("One-hot rows of 10 classes take 10 * 4 bytes where an id takes 8",
                   10 * 4 / 8, numbers["one_hot_bytes"] / numbers["sparse_bytes"]),
    )  # fmt: skip


def pooled_edge() -> tuple[Comparison, ...]:
    """Compare max and average pooling of an edge that is one pixel wide (C17)."""
    peaks = exact_claims.pooled_edge(size=8, pool_size=2)
    return (
        Comparison("Max pooling keeps the peak", peaks["peak"], peaks["max"]),
        Comparison("Average pooling over 2x2 pixels halves the peak", 0.5, peaks["average"]),
    )


def shifts() -> tuple[Comparison, ...]:
    """Compare a convolution before and after its image is shifted (C18)."""
    differences = exact_claims.shifted_image(size=16, shift=3, kernel_size=3)
    moved = "the map moves" if differences["unshifted"] > 0.1 else "the map stays"
    return (
        Comparison("If the image is shifted by 3 pixels, the map is another one",
                   "the map moves", moved),
        Comparison("The shifted map differs from the map of the shifted image by nothing",
                   0.0, differences["equivariance"], ROUNDING),
        Comparison("Global averages of the maps differ by nothing",
                   0.0, differences["invariance"], ROUNDING),
    )  # fmt: skip


def shared_parameters() -> tuple[Comparison, ...]:
    """Compare the parameters of a dense layer on an image with a shared convolution (C19)."""
    numbers = exact_claims.shared_parameters((224, 224, 3), units=1000, filters=64, kernel_size=3)
    smaller = exact_claims.shared_parameters((32, 32, 3), units=1000, filters=64, kernel_size=3)
    return (
        Comparison("An image of 224x224x3 has 150,528 inputs", 150_528, numbers["inputs"]),
        Comparison("A dense layer of 1,000 units on it has 150,529,000 parameters",
                   150_529_000, numbers["dense"]),
        Comparison("64 shared filters of 3x3x3 have 1,792 parameters", 1_792,
                   numbers["convolution"]),
        Comparison("They have as many on an image of 32x32 pixels",
                   numbers["convolution"], smaller["convolution"]),
    )  # fmt: skip


def receptive_fields() -> tuple[Comparison, ...]:
    """Compare the receptive fields of three 3x3 convolutions, without and with a pool (C20)."""
    plain = _stack("conv1", "conv2", "conv3")
    pooled = _stack("conv1", "pool", "conv2", "conv3")
    return (
        Comparison("Three 3x3 convolutions see 7 pixels", 7, _field(plain, "conv3")),
        *(
            Comparison(f"With a 2x2 pool after the first, {layer} sees {size} pixels",
                       size, _field(pooled, layer))
            for layer, size in {"conv1": 3, "pool": 4, "conv2": 8, "conv3": 12}.items()
        ),
    )  # fmt: skip


def batch_norm_modes() -> tuple[Comparison, ...]:
    """Compare batch normalization in training and in inference (C24)."""
    numbers = exact_claims.batch_norm_modes()
    modes = "differ" if numbers["inference_mean"] > 1 else "are equal"
    return (
        Comparison("In training the batch is normalized to mean 0",
                   0.0, numbers["training_mean"], ROUNDING),
        Comparison("In training the statistics are those of the batch, up to a difference of 0",
                   0.0, numbers["training_error"], SUMS),
        Comparison("In inference they are the moving averages, up to a difference of 0",
                   0.0, numbers["inference_error"], SUMS),
        Comparison("The outputs of one batch in both modes", "differ", modes),
    )  # fmt: skip


def linear_maps() -> tuple[Comparison, ...]:
    """Compare stacks of linear layers with a single matrix (C26)."""
    compared = []
    for depth in (2, 4, 8):
        differences = exact_claims.composed_linear_maps(depth)
        fitted = "no matrix" if differences["relu"] > 0.1 else "a matrix"
        compared += [
            Comparison(f"{depth} linear layers differ from the product of their matrices by 0",
                       0.0, differences["linear"], SUMS),
            Comparison(f"With ReLU between {depth} layers, what gives the same outputs",
                       "no matrix", fitted),
        ]  # fmt: skip
    return tuple(compared)


def convolution_gradients() -> tuple[Comparison, ...]:
    """Compare the gradients of a convolution by formula with automatic differentiation (C27)."""
    differences = exact_claims.convolution_gradients(size=8, kernel_size=3, channels=2, filters=3)
    return (
        Comparison("The kernel's gradient differs from the correlation of input and output "
                   "gradient by 0", 0.0, differences["kernel"], SUMS),
        Comparison("The input's gradient differs from the full convolution with the flipped "
                   "kernel by 0", 0.0, differences["input"], SUMS),
    )  # fmt: skip


def training_curves() -> tuple[Comparison, ...]:
    """Compare the doctor's readings of four trainings with the document's table (C29).

    Each training has one planted fault: few examples; a hidden layer of one unit; a rate of 100 on
    raw pixels; wrong labels that are memorized late.
    """
    readings = {
        "few examples": _reading(
            load_data("digits", train_size=20),
            Recipe(epochs=20),
            units=64,
            learning_rate=0.01,
        ),
        "one unit": _reading(
            load_data("digits"),
            Recipe(epochs=30, batch_size=128),
            units=1,
            activation="tanh",
            learning_rate=0.03,
        ),
        "a rate of 100": _reading(
            load_data("digits", train_size=200, normalize="none"),
            Recipe(epochs=2),
            units=16,
            activation="leaky_relu",
            optimizer="sgd",
            learning_rate=100.0,
        ),
        "wrong labels": _reading(
            load_data("digits", train_size=300, label_noise=0.3),
            Recipe(epochs=30),
            units=256,
            learning_rate=0.01,
        ),
    }
    return (
        Comparison("Training accuracy far above validation accuracy is overfitting",
                   "overfit", readings["few examples"]),
        Comparison("If both are low, the model is too small", "too-small", readings["one unit"]),
        Comparison("A loss that becomes NaN is named", "loss-nonfinite",
                   readings["a rate of 100"]),
        Comparison("If validation improves then degrades, the remedy is early stopping",
                   "overfit, early stopping", readings["wrong labels"]),
    )  # fmt: skip


def _map_shape(model: keras.Model, layer: str) -> str:
    """Return the output shape of a layer as a text without the batch axis."""
    return "x".join(str(side) for side in model.get_layer(layer).output.shape[1:])


def _stack(*names: str) -> keras.Model:
    """Build 3x3 convolutions of stride 1, and a 2x2 pooling layer called "pool"."""
    parts = [
        layers.MaxPooling2D(2, name=name)
        if name == "pool"
        else layers.Conv2D(1, 3, padding="same", name=name)
        for name in names
    ]
    return keras.Sequential([keras.Input((32, 32, 1)), *parts])


def _field(model: keras.Model, layer: str) -> float:
    """Return the side of a layer's receptive field in pixels; NaN if it is not a known square."""
    height, width = receptive_field(model, layer).size
    return height if height is not None and height == width else float("nan")


def _reading(data: Data, recipe: Recipe, **toggles: Any) -> str:
    """Train a network with one hidden layer and return what the doctor finds."""
    doctor = Doctor(cadence="epochs")
    train("mlp", data, recipe, callbacks=[doctor], **toggles)
    return "; ".join(_name(finding) for finding in doctor.diagnose())


def _name(finding: Finding) -> str:
    """Return a finding's code, and whether its remedy is early stopping."""
    return finding.code + (", early stopping" if "EarlyStopping" in finding.remedy else "")
