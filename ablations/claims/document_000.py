"""Claims of document 000, "What causes loss in convolutional layers?".

Losses are cross-entropies in nats. The smallest effects that matter are fixed here, before any
trial of these seeds is seen.
"""

from ablations.claims.claim import Cell, Claim, Hypothesis, higher, increases, lower
from ablations.study import Study
from cnnzoo.training.recipe import Recipe

RECIPE = Recipe(epochs=3)

FRESH_SEEDS = range(100, 110)
"""Seeds of the pooling studies, because their results with the seeds from 0 on were published with
earlier versions, before the hypotheses were fixed."""

LOSS = 0.01
"""Smallest difference of the loss that matters per step of a factor, about a tenth of the test loss
of `downsampling`, and no more than the seeds of a paired study resolve."""

POOL_SIZES = (Cell(pool_size=1), Cell(), Cell(pool_size=3), Cell(pool_size=4))

DEEP, DEEPEST = Cell(depth=8), Cell(depth=12)
PLAIN, NORMALIZED = Cell(normalization="none"), Cell(normalization="batch")
SIGMOID = Cell(activation="sigmoid")
FAST = Cell(learning_rate=0.01)

HALF = 0.5
"""Factor of a gradient ratio that counts as vanishing over 10 layers. A decrease that is
exponential, as the document says, is far stronger."""

RATIO = 0.001
"""Smallest contrast of gradient ratios that matters; small, because `HALF` is the margin."""


def shrinks(statement: str, shallow: Cell, deep: Cell) -> Hypothesis:
    """Return the hypothesis that the gradient ratio is at most half as large in a deeper net."""
    weights = ((shallow, HALF), (deep, -1.0))
    return Hypothesis(statement, "gradient_ratio", weights, margin=RATIO)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C01",
        "pooling-size",
        ("000",),
        "The larger the pooling window and its step, the higher the loss",
        studies=(
            Study(
                "downsampling",
                factors={"pool_size": [1, 2, 3, 4]},
                seeds=FRESH_SEEDS,
                recipe=RECIPE,
            ),
            Study(
                "downsampling",
                factors={"pool_size": [1, 2, 3, 4]},
                baseline={"pool": "average"},
                seeds=FRESH_SEEDS,
                recipe=RECIPE,
                name="downsampling-average",
            ),
        ),
        hypotheses=(
            increases(
                "The loss increases with the size of max pooling",
                "test_loss",
                POOL_SIZES,
                margin=LOSS,
            ),
            increases(
                "The loss increases with the size of average pooling",
                "test_loss",
                POOL_SIZES,
                margin=LOSS,
                study="downsampling-average",
            ),
        ),
        data_needed="Images whose fine detail tells the classes. Digits are coarse: much of what "
        "pooling discards is the exact position of a stroke.",
        quick={"seeds": 6, "train_size": 1000, "epochs": 1},
    ),
    Claim(
        "C02",
        "number-of-filters",
        ("000",),
        "The more filters, the lower the loss",
        studies=(
            Study(
                "feature_maps",
                factors={"filters": [16, 32, 64]},
                baseline={"train_size": 1000},
                seeds=10,
                recipe=RECIPE,
                name="feature-maps",
            ),
        ),
        hypotheses=(
            increases(
                "The loss decreases with each doubling of the filters",
                "test_loss",
                ({"filters": 64}, {"filters": 32}, {}),
                margin=LOSS,
            ),
        ),
        data_needed="Images with many kinds of features. Digits consist of strokes, for which few "
        "filters suffice, so the effect is a lower bound.",
        quick={"seeds": 6, "train_size": 500, "epochs": 1},
    ),
    Claim(
        "C03",
        "receptive-field-size",
        ("000",),
        "The larger the receptive field of the deeper layers, the lower the loss",
        studies=(
            # Dilation changes no number of parameters, and the head sees the mean of each channel,
            # so only the receptive field of the last convolution differs: 8, 14 and 20 pixels.
            Study(
                "downsampling",
                factors={"dilation": [1, 2, 3]},
                baseline={
                    "filters": 16,
                    "padding": "same",
                    "head": "average",
                    "train_size": 2000,
                },
                seeds=10,
                recipe=Recipe(epochs=5),
                name="receptive-field",
            ),
        ),
        hypotheses=(
            increases(
                "The loss decreases as the receptive field grows from 8 to 14 and 20 pixels",
                "test_loss",
                ({"dilation": 3}, {"dilation": 2}, {}),
                margin=5 * LOSS,  # such a net has ten times the loss of one with a flat head
            ),
        ),
        data_needed="Images whose context matters. A digit spans 20 pixels, so 20 pixels see it "
        "whole; fields beyond a digit need larger images.",
        quick={"seeds": 6, "train_size": 1000, "epochs": 3},
    ),
    Claim(
        "C04",
        "normalization-and-depth",
        ("000",),
        "Normalization steadies training and may lower the loss, the more so in deeper nets",
        studies=(
            # 96 steps are too few for Keras's default momentum of 0.99: 38% of the moving averages
            # would still be their initial values, and the test loss would measure that instead of
            # the claim.
            Study(
                "batch_norm",
                factors={"normalization": ["none", "batch"], "depth": [2, 8]},
                baseline={
                    "normalization": "batch",
                    "norm_momentum": 0.9,
                    "filters": 8,
                    "growth": 1.0,
                    "train_size": 1000,
                },
                design="full-factorial",
                seeds=10,
                recipe=RECIPE,
                name="batch-norm",
            ),
            Study(
                "batch_norm",
                factors={"normalization": ["none", "batch"], "learning_rate": [0.001, 0.01]},
                baseline={
                    "normalization": "batch",
                    "norm_momentum": 0.9,
                    "filters": 8,
                    "growth": 1.0,
                    "depth": 8,
                    "train_size": 1000,
                },
                design="full-factorial",
                seeds=10,
                recipe=RECIPE,
                name="batch-norm-learning-rate",
            ),
        ),
        hypotheses=(
            lower(
                "Normalization lowers the loss of the deep net",
                "test_loss",
                DEEP,
                {**DEEP, **PLAIN},
                margin=5 * LOSS,
            ),
            Hypothesis(
                "Normalization lowers the loss of the deep net by more than that of the shallow "
                "net",
                "test_loss",
                (
                    (Cell({**DEEP, **PLAIN}), 1.0),
                    (DEEP, -1.0),
                    (PLAIN, -1.0),
                    (Cell(), 1.0),
                ),
                margin=5 * LOSS,
            ),
            Hypothesis(
                "A tenfold learning rate raises the loss of the normalized net by less",
                "test_loss",
                (
                    (Cell({**FAST, **PLAIN}), 1.0),
                    (PLAIN, -1.0),
                    (FAST, -1.0),
                    (Cell(), 1.0),
                ),
                margin=5 * LOSS,
                study="batch-norm-learning-rate",
            ),
        ),
        data_needed="Any images. Digits train nets of 8 layers without normalization; nets of tens "
        "of layers show more.",
        quick={"seeds": 8, "train_size": 500},
    ),
    Claim(
        "C05",
        "vanishing-gradients",
        ("000",),
        "Without normalization, the gradients of the early layers shrink with depth",
        studies=(
            # The ratio is measured before the first step, so the training is as short as possible.
            Study(
                "batch_norm",
                data="digits",
                baseline={
                    "normalization": "none",
                    "padding": "same",
                    "filters": 8,
                    "growth": 1.0,
                    "train_size": 100,
                },
                design="list",
                variants=[
                    {"depth": 6},
                    DEEPEST,
                    {**DEEPEST, **NORMALIZED},
                    SIGMOID,
                    {**SIGMOID, "depth": 6},
                    {**SIGMOID, **DEEPEST},
                    {**SIGMOID, **DEEPEST, **NORMALIZED},
                ],
                seeds=10,
                recipe=Recipe(epochs=1),
                metrics=("gradient_ratio",),
                name="gradient-flow",
            ),
        ),
        hypotheses=(
            shrinks("With ReLU, 12 layers at least halve the ratio of 2 layers", Cell(), DEEPEST),
            shrinks(
                "With sigmoid, 12 layers at least halve the ratio of 2 layers",
                SIGMOID,
                Cell({**SIGMOID, **DEEPEST}),
            ),
            higher(
                "With ReLU, normalization raises the ratio of 12 layers",
                "gradient_ratio",
                {**DEEPEST, **NORMALIZED},
                DEEPEST,
                margin=RATIO,
            ),
            higher(
                "With sigmoid, normalization raises the ratio of 12 layers",
                "gradient_ratio",
                {**SIGMOID, **DEEPEST, **NORMALIZED},
                {**SIGMOID, **DEEPEST},
                margin=RATIO,
            ),
        ),
        data_needed="Any images, because the ratio is measured at the initial weights.",
    ),
)
"""The claims of the document, in the order of their numbers."""
