"""Versions that the scores of a search depend on."""

from typing import Any

from cnnzoo.builders import code_of, path_of
from cnnzoo.runtime.code_version import trial_versions

PACKAGES = ("keras", "keras-tuner", "tensorflow", "numpy")

RUN_TRIAL = "cnnzoo.tuning.execution"
"""Module that trains a configuration. A score depends on the files that it imports."""


def versions_of(model: Any, weights: str = "") -> dict[str, str]:
    """Return the versions that scores of a model depend on.

    Parameters
    ----------
    model
        What is searched.
    weights
        Digest of the weights that its builder loads; "" if it loads none.

    Returns
    -------
    dict
        The versions of `cnnzoo.runtime.code_version.trial_versions`, with the version of a custom
        builder's code under its name, and ``weights`` if its builder loads any.
    """
    return trial_versions(
        RUN_TRIAL, PACKAGES, **{path_of(model): code_of(model), "weights": weights}
    )
