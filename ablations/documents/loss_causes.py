"""Document 000, "What causes loss in convolutional layers?": its ablations."""

from ablations.study import Study
from cnnzoo.recipe import Recipe

RECIPE = Recipe(epochs=3)

STUDIES = {
    # C01: the larger the pooling window and its step, the higher the loss; of either pooling
    "downsampling": Study(
        "downsampling",
        factors={"pool_size": [1, 2, 3, 4]},
        seeds=6,
        recipe=RECIPE,
    ),
    "downsampling-average": Study(
        "downsampling",
        factors={"pool_size": [1, 2, 3, 4]},
        baseline={"pool": "average"},
        seeds=6,
        recipe=RECIPE,
        name="downsampling-average",
    ),
    # C02: more filters, lower loss
    "feature-maps": Study(
        "feature_maps",
        factors={"filters": [16, 32, 64]},
        seeds=6,
        recipe=RECIPE,
        name="feature-maps",
    ),
    # C04: normalization stabilizes training and may lower the loss, more so in deeper nets
    "batch-norm": Study(
        "batch_norm",
        factors={"normalization": ["none", "batch"], "depth": [2, 4]},
        baseline={"normalization": "none", "filters": 8},
        design="full-factorial",
        seeds=6,
        recipe=RECIPE,
        name="batch-norm",
    ),
}

CLAIMS = {
    "downsampling": "C01",
    "downsampling-average": "C01",
    "feature-maps": "C02",
    "batch-norm": "C04",
}
"""Which claim of the document each study asks about."""
