"""Holm's correction of other hands."""

from unittest import mock

from statsmodels.stats.multitest import multipletests


def holm_of_statsmodels(p):
    """Correct p values; statsmodels would collect garbage each time, which takes far longer."""
    with mock.patch("gc.collect"):
        return multipletests(p, method="holm")[1]
