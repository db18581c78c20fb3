"""Several data sets: means over them, deltas of each, and how much the deltas differ."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from ablations.stats.barring import barred
from ablations.stats.metrics import Better, direction
from ablations.stats.paired_t import detectable_effect, paired_t, pairs_to_settle
from ablations.stats.pairs import by_seed, sd_of, variants
from ablations.stats.pooling import pool_data_sets
from ablations.stats.verdicts import Verdict, holm, holm_level, verdicts
from ablations.study import BASELINE, Status
from cnnzoo.doctor.finding import AT_CHANCE

ALL_DATA = "all"
"""Data of the rows that compare means over all data sets."""


def over_data(trials: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant and seed, with the means over the data sets.

    A row is done only if its trials on all data sets are; else it has the status and the reason of
    the first that is not. It is at chance level if its trials on all data sets are, and diverged if
    one did. Counts such as ``params`` and times are means too.

    Parameters
    ----------
    trials
        One row per trial, with a column ``data``.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": "baseline",
    ...         "data": ["digits", "mnist5k"] * 2,
    ...         "seed": [0, 0, 1, 1],
    ...         "status": ["done", "done", "done", "failed"],
    ...         "test_loss": [0.1, 0.3, 0.2, None],
    ...     }
    ... )
    >>> over_data(trials)
        variant  seed  status  test_loss
    0  baseline     0    done        0.2
    1  baseline     1  failed        NaN
    """
    rows = []
    for _, group in trials.groupby(["variant", "seed"], sort=False):
        first = group.iloc[0]
        undone = group[group["status"] != Status.DONE]
        row = {}
        for name in trials.columns:
            if name == "data":
                continue
            if name == "seed" or not pd.api.types.is_numeric_dtype(trials[name]):
                row[name] = first[name]
            else:
                row[name] = group[name].mean(skipna=False) if undone.empty else math.nan
        if len(undone):
            row["status"] = undone["status"].iloc[0]
            if "reason" in undone:
                row["reason"] = undone["reason"].iloc[0]
        if "codes" in group:
            each = [codes.split() for codes in group["codes"]]
            row["codes"] = " ".join(
                code
                for code in dict.fromkeys(code for codes in each for code in codes)
                if code != AT_CHANCE or all(code in codes for codes in each)
            )
            found = group[group["findings"] != ""]
            row["findings"] = " ".join(
                f"On {data}: {text}"
                for data, text in zip(found["data"], found["findings"], strict=True)
            )
        rows.append(row)
    frame = pd.DataFrame(rows, columns=[name for name in trials.columns if name != "data"])
    for name in frame.columns.intersection(["factor", "level", "baseline"]):
        frame[name] = pd.Series([row[name] for row in rows], dtype=object)
    return frame


def deltas_by_data(
    trials: pd.DataFrame,
    compare: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    margins: Mapping[str, float],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the deltas of each data set, with one correction over all of them.

    Holm's correction of a metric is over all variants and data sets, so that the chance of any
    false verdict on a data set is at most 5% for the metric.

    Parameters
    ----------
    trials
        One row per trial, with a column ``data``.
    compare
        Function that returns the deltas of the trials of one data set, as `deltas` does.
    margins
        By metric, as for `deltas`.
    confidence
        As for `deltas`.

    Returns
    -------
    DataFrame
        The tables of all data sets, with a column ``data``.
    """
    tables = [
        compare(rows.drop(columns="data")).assign(data=data)
        for data, rows in trials.groupby("data", sort=False)
    ]
    alpha = 1 - confidence
    judged = []
    for metric, table in pd.concat(tables, ignore_index=True).groupby("metric", sort=False):
        frame = table.copy()
        frame["p_adjusted"] = holm(frame["p"])
        frame["p_equivalence_adjusted"] = holm(frame["p_equivalence"])
        frame["verdict"] = verdicts(
            frame["delta"],
            frame["p_adjusted"],
            frame["p_equivalence_adjusted"],
            alpha=alpha,
            lower_is_better=direction(str(metric)) == Better.LOWER,
            barred=barred(frame["notes"]),
        )
        levels = holm_level(frame["p_adjusted"], alpha)
        within = holm_level(frame["p_equivalence_adjusted"], alpha)
        rows = list(frame.itertuples())
        frame["detectable"] = [
            row.sd * detectable_effect(row.n_pairs, level)
            if row.n_pairs > 1 and row.sd > 0
            else math.nan
            for row, level in zip(rows, levels, strict=True)
        ]
        frame["seeds_needed"] = [
            pairs_to_settle(
                row.n_pairs,
                row.delta,
                row.sd,
                level=level,
                margin=margins.get(str(metric)),
                level_within=level_within,
            )
            if row.verdict == Verdict.INCONCLUSIVE
            else (float(row.n_pairs) if row.verdict else math.nan)
            for row, level, level_within in zip(rows, levels, within, strict=True)
        ]
        judged.append(frame)
    return pd.concat(judged, ignore_index=True) if judged else tables[0]


HETEROGENEITY = (
    "variant",
    "metric",
    "data_sets",
    "delta",
    "tau",
    "i2",
    "q",
    "p_heterogeneity",
    "new_mean",
    "new_low",
    "new_high",
    "p_better_new",
)


def heterogeneity(
    trials: pd.DataFrame, metrics: Sequence[str], directions: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return how much the delta of each variant differs between data sets.

    Parameters
    ----------
    trials
        One row per trial, with a column ``data``.
    metrics
        Columns of ``trials``.
    directions
        "lower" or "higher" for metrics that `direction` does not know.

    Returns
    -------
    DataFrame
        One row per metric and variant that has at least two different deltas in each of at least
        two data sets: ``data_sets``, their number; ``delta``, the mean of their deltas; ``tau``,
        the standard deviation of the true deltas between data sets (Paule-Mandel); ``i2``, the
        share of the variation that is not due to the seeds, and Cochran's ``q``;
        ``p_heterogeneity``, of Welch's test that all data sets have one delta; ``new_mean``, the
        expected delta on a new data set like these, its 95% interval ``new_low``, ``new_high`` and
        ``p_better_new``, the probability that it is better than the baseline. The p is not
        corrected.

    References
    ----------
    Higgins and Thompson (2002), "Quantifying heterogeneity in a meta-analysis", Statistics in
    Medicine 21.
    Welch (1951), "On the comparison of several mean values", Biometrika 38.
    Corani, Benavoli, Demsar, Mangili and Zaffalon (2017), "Statistical comparison of classifiers
    through Bayesian hierarchical modelling", Machine Learning 106.
    """
    from scipy.stats import f_oneway  # slow to import
    from statsmodels.stats.meta_analysis import combine_effects

    rows = []
    for metric in metrics:
        lower = direction(metric, directions) == Better.LOWER
        tables = [by_seed(each, metric) for _, each in trials.groupby("data", sort=False)]
        for name in variants(trials):
            samples = [
                (table[name] - table[BASELINE]).dropna().to_numpy(float)
                for table in tables
                if name in table and BASELINE in table
            ]
            samples = [each for each in samples if len(each) > 1 and sd_of(each) > 0]
            if len(samples) < 2:
                continue
            found = [paired_t(each) for each in samples]
            means = np.array([float(each.delta) for each in found])
            sds = np.array([float(each.sd) for each in found])
            counts = np.array([len(each) for each in samples])
            with np.errstate(divide="ignore"):  # equal deltas have q = 0, and no share of it
                combined = combine_effects(means, sds**2 / counts, method_re="iterated")
            new = pool_data_sets(means, sds, counts)
            below = new.below(0.0)
            rows.append(
                {
                    "variant": name,
                    "metric": metric,
                    "data_sets": len(samples),
                    "delta": float(means.mean()),
                    "tau": math.sqrt(max(0.0, float(combined.tau2))),
                    "i2": max(0.0, float(combined.i2)),
                    "q": float(combined.q),
                    "p_heterogeneity": float(f_oneway(*samples, equal_var=False).pvalue),
                    "new_mean": new.mean,
                    "new_low": new.quantile(0.025),
                    "new_high": new.quantile(0.975),
                    "p_better_new": below if lower else 1 - below,
                }
            )
    return pd.DataFrame(rows, columns=list(HETEROGENEITY))
