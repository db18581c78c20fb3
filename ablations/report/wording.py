"""The words for what a study names: metrics, levels, variants, and what is compared."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

import pandas as pd

from ablations.designs.switching import STARTS
from ablations.report.study.contents import MOST_OF_A_REASON, ReportContents
from cnnzoo.levels import same

LONG = 9
"""Characters of a number beyond which it is shortened."""

Row = Mapping[str, Any]

DIGEST = re.compile("[0-9a-f]{32,}")

JOINED = " + "
"""Between the factors, and between the levels, of a variant that changes several."""

SEE_FINDING = "see its finding"
"""Where the doctor has a finding on a variant."""


MOST_NAMES = 12
"""Seeds, or trials, that are listed one by one."""

MOST_REASONS = 3
"""Reasons of failed trials that are named in a sentence."""


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings, each value with its own type."""
    names = [str(name) for name in frame.columns]
    columns = [frame[name].tolist() for name in frame.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def metric_words(metric: str) -> str:
    """Return a metric as words.

    Examples
    --------
    >>> metric_words("test_loss"), metric_words("val_macro_f1")
    ('test loss', 'validation macro f1')
    """
    return metric.replace("_", " ").replace("val ", "validation ", metric.startswith("val_"))


def level_words(level: Any) -> str:
    """Return a level such that 1, True and the text "1" read differently.

    Of a number that a search drew, six digits are enough to know it by.

    Examples
    --------
    >>> [level_words(level) for level in (1, True, "1", "batch", 0.5)]
    ['1', 'True', "'1'", 'batch', '0.5']
    >>> level_words(0.023989447799428115)
    '0.0239894'
    """
    if isinstance(level, float) and len(str(level)) > LONG:
        return f"{level:.6g}"
    if not isinstance(level, str):
        return str(level)
    try:
        float(level)
    except ValueError:
        return repr(level) if level in ("True", "False", "None", "") else level
    return repr(level)


def changes_several(row: Row) -> bool:
    """Tell whether a variant changes several factors."""
    return JOINED in str(row["factor"])


def comparison(row: Row) -> str:
    """Name what is compared, levels and baseline.

    Examples
    --------
    >>> comparison({"factor": "pool_size", "level": 4, "baseline": 2})
    'pool_size 4 instead of 2'
    >>> comparison({"factor": "filters + skip", "level": "8 + True", "baseline": "32 + False"})
    'filters 8 and skip True instead of 32 and False'
    """
    factors = str(row["factor"]).split(JOINED)
    levels, baselines = (
        str(row[name]).split(JOINED) if len(factors) > 1 else [level_words(row[name])]
        for name in ("level", "baseline")
    )
    if len(factors) == len(levels) == len(baselines):
        changed = (f"{factor} {level}" for factor, level in zip(factors, levels, strict=True))
        return f"{joined(changed)} instead of {joined(baselines)}"
    return f"{row['factor']} {row['level']} instead of {row['baseline']}"


def settings_words(settings: Mapping[str, Any]) -> str:
    """Write levels by toggle.

    Examples
    --------
    >>> settings_words({"filters": 8, "skip": True})
    'filters 8, skip True'
    """
    return ", ".join(f"{name} {level_words(level)}" for name, level in settings.items())


def seed_words(study: Mapping[str, Any]) -> str:
    """Return how many seed blocks a study has, and which.

    Examples
    --------
    >>> seed_words({"seeds": [0, 1, 2]})
    '3 (0 to 2)'
    >>> seed_words({"seeds": "auto", "max_seeds": 30})
    'auto, at most 30'
    """
    seeds, most = study.get("seeds", ()), study.get("max_seeds")
    if isinstance(seeds, str):
        return f"{seeds}, at most {most:,}" if most else seeds
    listed = list(seeds)
    if not listed:
        return ""
    if len(listed) > 1 and listed == list(range(listed[0], listed[0] + len(listed))):
        return f"{len(listed):,} ({listed[0]} to {listed[-1]})"
    return f"{len(listed):,} ({', '.join(map(str, listed))})"


def about_study(study: Mapping[str, Any]) -> str:
    """Name a study with its data and its seeds.

    Examples
    --------
    >>> about_study({"name": "downsampling", "data": "mnist5k", "seeds": [0, 1, 2]})
    'Study downsampling on mnist5k, seeds: 3 (0 to 2)'
    """
    seeds = seed_words(study)
    name = study.get("name") or study.get("model") or "without a name"
    data = f" on {study['data']}" if study.get("data") else ""
    return f"Study {name}{data}" + (f", seeds: {seeds}" if seeds else "")


def ends_words(study: Mapping[str, Any]) -> str:
    """Say what is on, or off, in the baseline of a design that is about that.

    Returns
    -------
    str
        Of a path what it leads from and to; of other designs nothing.

    Examples
    --------
    >>> study = {"factors": {"skip": [True, False]}, "baseline": {"skip": True}}
    >>> ends_words({**study, "design": "leave-one-out"})
    'The baseline has everything on: skip True. Each variant turns one factor off: skip False.'
    """
    factors, baseline = study.get("factors", {}), study.get("baseline", {})
    design, state = study.get("design"), STARTS.get(str(study.get("design")))
    if not factors or not factors.keys() <= baseline.keys() or (not state and design != "path"):
        return ""
    start = {name: baseline[name] for name in factors}
    others = {
        name: next((level for level in levels if not same(level, start[name])), start[name])
        for name, levels in factors.items()
    }
    first, last = settings_words(start), settings_words(others)
    if not state:
        return f"The path leads from {first} to {last}."
    turned = "off" if state == "on" else "on"
    return (
        f"The baseline has everything {state}: {first}. Each variant turns one factor {turned}: "
        f"{last}."
    )


def short_digest(value: Any) -> Any:
    """Shorten a digest to what tells it from others; leave all else as it is.

    Examples
    --------
    >>> short_digest("3b" * 32), short_digest("2.21.0")
    ('3b3b3b3b3b3b', '2.21.0')
    """
    return value[:12] if isinstance(value, str) and DIGEST.fullmatch(value) else value


def joined(texts: Any) -> str:
    """Join texts as a sentence does.

    Examples
    --------
    >>> joined(["filters 8", "skip True", "pool max"])
    'filters 8, skip True and pool max'
    """
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else str(last)


def listed(names: Sequence[Any]) -> str:
    """Write names one by one, and of many how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed(range(1013))
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1,001 more')
    """
    more = len(names) - MOST_NAMES
    return ", ".join(map(str, names[:MOST_NAMES])) + (f" and {more:,} more" if more > 0 else "")


def better_or_worse(contents: ReportContents, metric: str, delta: float) -> str:
    """Return what a change makes of a metric; nothing where neither report nor name tells."""
    from ablations.stats.metrics import Better
    from ablations.stats.verdicts import Verdict

    good = better_when(contents, metric)
    return (
        (Verdict.BETTER if (delta < 0) == (good == Better.LOWER) else Verdict.WORSE) if good else ""
    )


def better_when(contents: ReportContents, metric: str) -> str:
    """Return "lower", "higher", or "" where neither the report nor the name tells."""
    if metric in contents.directions:
        return contents.directions[metric]
    from ablations.stats.metrics import direction
    from ablations.stats.pairs import StatisticsError

    try:
        return direction(metric)
    except StatisticsError:
        return ""


def failure_words(reasons: Sequence[str]) -> str:
    """Count failed trials by their reasons, the most frequent first, and say how to retry them.

    Parameters
    ----------
    reasons
        One per failed trial.

    Examples
    --------
    >>> failed, remedy = failure_words(["OSError: a", "ValueError: b", "ValueError: b"]).split(". ")
    >>> failed
    '3 trials failed: ValueError: b (2 trials); OSError: a (1 trial)'
    >>> remedy
    'To retry them, add --retry-failed, or retry_failed=True in Python.'
    """
    counts = Counter(
        shorten(reason.rstrip("."), MOST_OF_A_REASON, placeholder=" ...") or "the reason is unknown"
        for reason in reasons
    )
    each = [
        reason if len(counts) == 1 else f"{reason} ({_trials(count)})"
        for reason, count in counts.most_common(MOST_REASONS)
    ]
    if rest := len(counts) - len(each):
        each.append(f"{rest} other reason{'s' * (rest > 1)}")
    them = "it" if len(reasons) == 1 else "them"
    return (
        f"{_trials(len(reasons))} failed: {'; '.join(each)}. To retry {them}, add --retry-failed, "
        "or retry_failed=True in Python."
    )


def _trials(count: int) -> str:
    return f"{count:,} trial{'s' * (count != 1)}"
