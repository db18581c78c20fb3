"""Claims of document 001, "What are the key questions about convolution in CNNs?".

Losses are cross-entropies in nats. The smallest effects that matter are fixed here, before any
trial of these seeds is seen.
"""

from ablations.claims.claim import Cell, Claim, Hypothesis, higher, increases, lower
from ablations.study import Study
from cnnzoo.training.recipe import Recipe

LOSS = 0.01
"""Smallest difference of the loss that matters, about a tenth of that of a trained small CNN."""

ACCURACY = 0.02
"""Smallest difference of accuracy that matters: ten of the 500 test examples of a seed."""

DEEP, SKIP, NORMALIZED = Cell(depth=26), Cell(skip=True), Cell(normalization="batch")

SEPARABLE = Cell(conv="separable")


def mends(statement: str, remedy: Cell) -> Hypothesis:
    """Return the hypothesis that a remedy makes the cost of depth smaller."""
    return Hypothesis(
        statement,
        "train_accuracy",
        (
            (Cell(), 1.0),
            (DEEP, -1.0),
            (remedy, -1.0),
            (Cell({**DEEP, **remedy}), 1.0),
        ),
        margin=ACCURACY,
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C06",
        "kernel-sizes",
        ("001",),
        "Small kernels miss larger patterns and large kernels blur finer details, so a size in "
        "between has the lowest loss",
        studies=(
            Study(
                "loss_choice",
                factors={"kernel_size": [3, 5, 7]},
                baseline={"filters": 8, "train_size": 2000},
                seeds=20,
                recipe=Recipe(epochs=3),
                name="kernel-size",
            ),
        ),
        hypotheses=(
            lower(
                "Kernels of 5x5 have a lower loss than 3x3, which miss larger patterns",
                "test_loss",
                {"kernel_size": 5},
                margin=LOSS,
            ),
            lower(
                "Kernels of 5x5 have a lower loss than 7x7, which blur finer details",
                "test_loss",
                {"kernel_size": 5},
                {"kernel_size": 7},
                margin=LOSS,
            ),
        ),
        data_needed="Images with patterns of several sizes. The finest detail of digits is a "
        "stroke of 2 to 3 pixels. Larger kernels also have more parameters.",
        quick={"seeds": 6, "train_size": 1000, "epochs": 2},
    ),
    Claim(
        "C07",
        "initial-weights",
        ("001",),
        "The distribution that the kernels start from affects training",
        studies=(
            Study(
                "feature_maps",
                factors={"kernel_initializer": ["glorot_uniform", "he_normal", "random_normal"]},
                baseline={"filters": 8, "depth": 8, "train_size": 2000},
                seeds=10,
                recipe=Recipe(epochs=3),
                name="initial-distribution",
            ),
        ),
        # He et al. (2015), "Delving deep into rectifiers": a spread that follows the number of
        # inputs keeps the scale of the activations over the layers; a fixed spread of 0.05 does not
        hypotheses=(
            higher(
                "glorot_uniform learns faster than random_normal, whose spread is fixed",
                "mean_val_accuracy",
                {},
                {"kernel_initializer": "random_normal"},
                margin=ACCURACY,
            ),
            higher(
                "he_normal learns faster than random_normal, whose spread is fixed",
                "mean_val_accuracy",
                {"kernel_initializer": "he_normal"},
                {"kernel_initializer": "random_normal"},
                margin=ACCURACY,
            ),
        ),
        data_needed="Any images, and a net of several layers: each layer multiplies the effect.",
        quick={"seeds": 6, "train_size": 1000},
    ),
    Claim(
        "C08",
        "separable-convolutions",
        ("001", "003"),
        "Depthwise separable convolutions reduce parameters by the factor 1/N + 1/k^2, and make "
        "training and execution more efficient, at little cost in accuracy",
        studies=(
            Study(
                "mobilenet",
                factors={"conv": ["standard", "separable"]},
                baseline={"conv": "standard", "depth": 4, "train_size": 2000},
                seeds=10,
                recipe=Recipe(epochs=3),
                name="separable-convolution",
            ),
        ),
        hypotheses=(
            Hypothesis(
                "The separable net has less than half of the parameters",
                "params",
                ((Cell(), 0.5), (SEPARABLE, -1.0)),
                margin=1.0,
            ),
            Hypothesis(
                "The separable net has less than half of the multiplications",
                "macs",
                ((Cell(), 0.5), (SEPARABLE, -1.0)),
                margin=1.0,
            ),
            lower(
                "The separable net trains faster",
                "fit_seconds",
                SEPARABLE,
                margin=0.1,  # seconds, a few percent of the duration of a fit
            ),
            Hypothesis(
                "The separable net loses at most 5 points of test accuracy",
                "test_accuracy",
                ((SEPARABLE, 1.0), (Cell(), -1.0)),
                constant=-0.05,
                margin=0.001,
            ),
        ),
        check="separable_parameters",
        data_needed="Any images. Small nets on small images show the number of parameters and "
        "multiplications; how time follows depends on the machine's kernels.",
        quick={"seeds": 10, "train_size": 1000, "epochs": 2},
    ),
    Claim(
        "C09",
        "output-sizes",
        ("001",),
        "A 3x3 kernel with stride 2 and no padding makes 31 of 64 pixels, and stride 1 with "
        "padding 'same' keeps 64",
        check="output_sizes",
    ),
    Claim(
        "C10",
        "padding-at-borders",
        ("001",),
        "Padding 'valid' shrinks the map and discards information at the border; 'same' keeps "
        "its size, with zeros, reflected or replicated pixels",
        studies=(
            # The head sees the mean of each channel, so all variants have as many parameters.
            Study(
                "feature_maps",
                data="digits",
                factors={
                    "padding": ["same", "valid"],
                    "padding_mode": ["zeros", "reflect", "replicate"],
                },
                baseline={"padding": "same", "head": "average"},
                seeds=20,
                recipe=Recipe(epochs=10),
                name="border-padding",
            ),
        ),
        hypotheses=(
            lower(
                "Padding with zeros has a lower loss than no padding",
                "test_loss",
                {},
                {"padding": "valid"},
                margin=5 * LOSS,  # such a net has ten times the loss of one with a flat head
            ),
            lower(
                "Padding with reflected pixels has a lower loss than no padding",
                "test_loss",
                {"padding_mode": "reflect"},
                {"padding": "valid"},
                margin=5 * LOSS,
            ),
            lower(
                "Padding with replicated pixels has a lower loss than no padding",
                "test_loss",
                {"padding_mode": "replicate"},
                {"padding": "valid"},
                margin=5 * LOSS,
            ),
        ),
        check="border_modes",
        data_needed="Images with content at the border. The digits of 8x8 pixels reach it; those "
        "of 28x28 have blank margins, where all ways to pad are alike.",
        quick={"seeds": 8, "epochs": 5},
    ),
    Claim(
        "C11",
        "over-deep-nets",
        ("001", "003"),
        "Plain nets that are too deep train worse; skip connections and batch normalization mend "
        "this",
        studies=(
            Study(
                "residual",
                data="digits",
                factors={
                    "depth": [8, 26],
                    "skip": [False, True],
                    "normalization": ["none", "batch"],
                },
                baseline={"depth": 8, "skip": False, "normalization": "none", "filters": 8},
                design="full-factorial",
                seeds=10,
                recipe=Recipe(epochs=5),
                name="depth-skip-normalization",
            ),
        ),
        hypotheses=(
            lower(
                "The plain net of 26 layers has a lower training accuracy than that of 8 layers",
                "train_accuracy",
                DEEP,
                margin=ACCURACY,
            ),
            mends("Skip connections make the cost of depth smaller", SKIP),
            mends("Batch normalization makes the cost of depth smaller", NORMALIZED),
        ),
        data_needed="Any images; training accuracy shows the optimization. That very deep nets "
        "with skip connections are better needs data harder than digits.",
        quick={"seeds": 8, "epochs": 2},
    ),
    Claim(
        "C12",
        "too-many-parameters",
        ("001",),
        "Convolutions with too many parameters for the data overfit",
        studies=(
            Study(
                "loss_choice",
                factors={"filters": [4, 12, 36], "train_size": [200, 1000]},
                baseline={"filters": 4, "train_size": 200},
                design="full-factorial",
                seeds=10,
                recipe=Recipe(epochs=15),
                metrics=("loss", "loss_gap"),
                name="capacity-and-data",
            ),
        ),
        hypotheses=(
            increases(
                "On 200 examples the gap between validation and training loss grows with the "
                "filters",
                "loss_gap",
                ({}, {"filters": 12}, {"filters": 36}),
                margin=5 * LOSS,
            ),
            lower(
                "With 36 filters the gap is smaller on 1,000 examples than on 200",
                "loss_gap",
                {"filters": 36, "train_size": 1000},
                {"filters": 36},
                margin=5 * LOSS,
            ),
        ),
        data_needed="Few examples of images that vary. Digits vary little, so that a large net may "
        "overfit without harm: compare the test loss beside the gap.",
        quick={"seeds": 6, "epochs": 8},
    ),
)
"""The claims of the document, in the order of their numbers."""
