"""Every combination of levels."""

from itertools import product

from ablations.designs.layout import Factors, Layout, check_baseline, lay_out
from ablations.study.settings import Settings


def full_factorial(factors: Factors, baseline: Settings) -> Layout:
    """Combine every level of every factor.

    Raises
    ------
    StudyError
        If the baseline's level of a factor is not among its levels.

    Examples
    --------
    >>> factors = {"depth": (1, 2), "pool": ("max", "average")}
    >>> layout = full_factorial(factors, Settings(depth=1, pool="max"))
    >>> [variant.name for variant in layout.variants]
    ['baseline', 'pool=average', 'depth=2', 'depth=2, pool=average']
    """
    check_baseline(factors, baseline)
    rows = (
        {**baseline, **dict(zip(factors, levels, strict=True))}
        for levels in product(*factors.values())
    )
    return Layout(baseline, lay_out(baseline, rows), crossed=True)
