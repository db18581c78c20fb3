"""Power: how many seeds show an effect of interest, from a pilot study."""

import math
import numbers
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.results.analysis import Analysis
from ablations.stats.sample_size import Spread, sample_size, spread_of
from ablations.study.checks import MOST_BLOCKS
from ablations.study.errors import StudyError
from cnnzoo.signature import refuse_unknown


@refuse_unknown
def power(
    pilot: Analysis | str | Path | None = None,
    *,
    effect: float | None = None,
    margin: float | None = None,
    metric: str | None = None,
    comparisons: int | None = None,
    seeds: Sequence[int] | None = None,
    sd: float | None = None,
    sd_seeds: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tell how many seeds show an effect, from a pilot or a standard deviation.

    Parameters
    ----------
    pilot
        Results of a study, or its directory. It needs two seeds; with few seeds its standard
        deviation is uncertain, and the columns for the upper limit show by how much.
    effect
        Delta of interest, in units of the metric: "better" or "worse" should be shown if a variant
        differs by this much.
    margin
        Largest delta that does not matter, in units of the metric: "equivalent" should be shown if
        a variant does not differ at all.
    metric
        Metric as of `Study.metrics`; the pilot's first if left out.
    comparisons
        Number of variants that the study compares with the baseline; those of the pilot, or 1, if
        left out. Holm's correction tests the first of them at (1 - confidence) / comparisons.
    seeds
        Numbers of seeds. If left out, from 6 to 30, or up to 200 if the power is still below 80%.
    sd
        Standard deviation of the deltas of one variant, instead of a pilot.
    sd_seeds
        Number of seeds that `sd` was computed from; if left out, it is taken as known.
    confidence
        Confidence of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per number of seeds: ``seeds``; ``level`` of the test; ``sd`` of the deltas, the
        root mean square over the pilot's variants, and ``sd_high``, its upper 80% confidence limit;
        ``power`` to show `effect`, if given; ``power_equivalence`` to show that a delta of 0 lies
        within `margin`, if given; ``detectable``, the smallest delta that is shown with 80% power;
        ``ci_width``, the expected width of the interval, which is not corrected. ``power_low``,
        ``power_equivalence_low``, ``detectable_high`` and ``ci_width_high`` are the same for
        ``sd_high``: plan with these. Fewer than 6 seeds have no verdict: their power is 0.

    Raises
    ------
    StudyError
        If there is no pilot and no `sd`, or both; if the pilot has no standard deviation; or if a
        number is not allowed.

    References
    ----------
    Browne (1995), "On the use of a pilot sample for sample size determination", Statistics in
    Medicine 14.

    Examples
    --------
    How many seeds show a change of the accuracy by 0.01, if the deltas of 8 seeds have a standard
    deviation of 0.012 and the study has 3 variants?

    >>> table = power(sd=0.012, sd_seeds=8, effect=0.01, comparisons=3)
    >>> enough = table["power"] >= 0.8, table["power_low"] >= 0.8
    >>> [int(table.loc[rows, "seeds"].min()) for rows in enough]
    [19, 31]
    """
    if (pilot is None) == (sd is None):
        raise StudyError(
            "`pilot`: expected either a pilot study or `sd`, the standard deviation of the deltas; "
            f"got {'neither' if sd is None else 'both'}."
        )
    for name, value in (("effect", effect), ("margin", margin), ("sd", sd)):
        if value is not None and not _is_positive(value):
            raise StudyError(f"`{name}`: expected a finite number above 0; got {value!r}.")
    if not (_is_positive(confidence) and 0.5 <= confidence < 1):
        raise StudyError(f"`confidence`: expected 0.5 <= confidence < 1; got {confidence!r}.")
    for count, least, name in ((comparisons, 1, "comparisons"), (sd_seeds, 2, "sd_seeds")):
        if count is not None and not _is_count(count, least):
            raise StudyError(f"`{name}`: expected a whole number from {least}; got {count!r}.")
    counts = None if seeds is None else _numbers(seeds)
    if sd is not None:
        if metric is not None:
            raise StudyError("`metric`: expected none with `sd`, which is of any metric.")
        spread = Spread(float(sd), math.inf if sd_seeds is None else sd_seeds - 1)
    else:
        if sd_seeds is not None:
            raise StudyError("`sd_seeds`: expected none with a pilot, whose seeds are known.")
        results = _opened(pilot)
        column = results.compared(metric)[0]
        spread = _spread(results, column)
        if comparisons is None:
            comparisons = max(1, len(set(results.overall_trials["variant"])) - 1)
    return sample_size(
        spread,
        effect=effect,
        margin=margin,
        comparisons=comparisons or 1,
        seeds=counts,
        confidence=confidence,
    )


def planned_seeds(results: Analysis, metrics: Sequence[str]) -> pd.DataFrame:
    """Return what numbers of seeds would show, for the report of a study.

    Parameters
    ----------
    results
        Results of the study.
    metrics
        Columns of its trials; those without a standard deviation are left out.

    Returns
    -------
    pandas.DataFrame
        Tables of `power` with a further column ``metric``.
    """
    trials = results.overall_trials
    count = max(1, trials["variant"].nunique() - 1)
    spreads = {metric: spread_of(trials, metric) for metric in metrics}
    tables = [
        sample_size(spread, comparisons=count).assign(metric=metric)
        for metric, spread in spreads.items()
        if spread is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _opened(pilot: Any) -> Analysis:
    if isinstance(pilot, Analysis):
        return pilot
    if not isinstance(pilot, str | os.PathLike):
        raise StudyError(
            f"`pilot`: expected the results of a study or their directory; got {pilot!r}."
        )
    return Analysis(Path(pilot))


def _spread(results: Analysis, column: str) -> Spread:
    trials = results.overall_trials
    spread = spread_of(trials, column) if column in trials else None
    if spread is None:
        raise StudyError(
            f"`pilot`: expected a study in which the baseline and a variant have at least two "
            f"seeds with different deltas of {column}; {results.directory} has none. Run more "
            "seeds, or give `sd`."
        )
    return spread


def _numbers(seeds: Any) -> list[int]:
    given = list(seeds) if not isinstance(seeds, int | str) else [seeds]
    if not given or not all(_is_count(n, 2) for n in given):
        raise StudyError(
            f"`seeds`: expected whole numbers of seeds from 2 to {MOST_BLOCKS:,}; got {seeds!r}."
        )
    return [int(n) for n in given]


def _is_count(number: Any, least: int, most: int = MOST_BLOCKS) -> bool:
    whole = isinstance(number, numbers.Integral) and not isinstance(number, bool)
    return whole and least <= int(number) <= most


def _is_positive(number: Any) -> bool:
    real = isinstance(number, numbers.Real) and not isinstance(number, bool)
    return real and 0 < float(number) < math.inf
