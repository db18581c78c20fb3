"""The built-in studies: the documents' claims, each as a study.

They are those of document 000, "What causes loss in convolutional layers?".
"""

from ablations.study import Study
from ablations.study.errors import check_known
from cnnzoo.training.recipe import Recipe

RECIPE = Recipe(epochs=3)

STUDIES: dict[str, Study] = {
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
    "feature-maps": Study(
        "feature_maps",
        factors={"filters": [16, 32, 64]},
        seeds=6,
        recipe=RECIPE,
        name="feature-maps",
    ),
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

CLAIMS: dict[str, str] = {
    "downsampling": "C01",
    "downsampling-average": "C01",
    "feature-maps": "C02",
    "batch-norm": "C04",
}
"""Claim that each study tests."""

CLAIMED: dict[str, str] = {
    "C01": "document 000: the larger the pooling window and its step, the higher the loss",
    "C02": "document 000: the more filters, the lower the loss",
    "C04": "document 000: normalization steadies training and may lower the loss, the more so in "
    "deeper nets",
}
"""Text of each claim."""


def get_study(name: str) -> Study:
    """Return a built-in study.

    Raises
    ------
    StudyError
        If there is none of that name.

    Examples
    --------
    >>> get_study("downsampling").factors["pool_size"]
    (1, 2, 3, 4)
    """
    check_known(name, list(STUDIES), "There is no built-in study")
    return STUDIES[name]
