"""Claims of document 000, "What causes loss in convolutional layers?"."""

from ablations.claims.claim import Claim, increases, lower
from ablations.study import Study
from cnnzoo.training.recipe import Recipe

RECIPE = Recipe(epochs=3)

SIZES = [{"pool_size": 1}, {}, {"pool_size": 3}, {"pool_size": 4}]

CLAIMS = (
    Claim(
        "C01",
        "pooling-size",
        ("000",),
        "The larger the pooling window and its step, the higher the loss",
        studies=(
            Study(
                "downsampling",
                factors={"pool_size": [1, 2, 3, 4]},
                seeds=6,
                recipe=RECIPE,
            ),
            Study(
                "downsampling",
                factors={"pool_size": [1, 2, 3, 4]},
                baseline={"pool": "average"},
                seeds=6,
                recipe=RECIPE,
                name="downsampling-average",
            ),
        ),
        hypotheses=(
            increases(
                "the loss increases with the size of max pooling", "test_loss", SIZES, margin=0.01
            ),
            increases(
                "the loss increases with the size of average pooling",
                "test_loss",
                SIZES,
                margin=0.01,
                study="downsampling-average",
            ),
        ),
        quick={"epochs": 1},
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
                seeds=6,
                recipe=RECIPE,
                name="feature-maps",
            ),
        ),
        hypotheses=(
            lower("64 filters have a lower loss", "test_loss", {"filters": 64}, margin=0.01),
        ),
        quick={"epochs": 1},
    ),
    Claim(
        "C04",
        "normalization-and-depth",
        ("000",),
        "Normalization steadies training and may lower the loss, the more so in deeper nets",
        studies=(
            Study(
                "batch_norm",
                factors={"normalization": ["none", "batch"], "depth": [2, 4]},
                baseline={"normalization": "none", "filters": 8},
                design="full-factorial",
                seeds=6,
                recipe=RECIPE,
                name="batch-norm",
            ),
        ),
        hypotheses=(
            lower(
                "normalization lowers the loss",
                "test_loss",
                {"normalization": "batch"},
                margin=0.01,
            ),
        ),
        quick={"epochs": 1},
    ),
)
"""The claims of the document, in the order of their numbers."""
