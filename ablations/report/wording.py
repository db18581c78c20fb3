"""Words for what a report names: metrics, levels, variants, seeds and failures."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from ablations.designs.switching import STARTS
from ablations.stats.metrics import Better
from ablations.stats.verdicts import Verdict
from ablations.study import Status
from cnnzoo.levels import same
from cnnzoo.training.metric_names import BY_CLASS, Direction, better_direction

if TYPE_CHECKING:
    import pandas as pd

JOINED = " + "
"""Separates the factors, and the levels, of a variant that changes several."""

LONG = 9
"""Number of characters beyond which a number is shortened."""

MOST_NAMES = 12
"""Number of seeds or trials that are listed one by one."""

MOST_OF_A_REASON = 200
"""Number of characters of a reason in a sentence; the table of failed trials has all of it."""

MOST_REASONS = 3
"""Number of reasons of failed trials in a sentence."""

DIGEST = re.compile("[0-9a-f]{32,}")

METRIC_PARTS = re.compile(r"([^(\[]*)(.*)", re.DOTALL)
"""The name of a metric, and its options, class or direction in brackets."""

WORDS = {"gap": "generalization gap", "loss_gap": "generalization gap of the loss"}
"""Words for metrics whose names do not tell enough."""

Row = Mapping[str, Any]


def metric_words(metric: str) -> str:
    """Return a metric as words.

    Examples
    --------
    >>> metric_words("test_loss"), metric_words("val_macro_f1")
    ('test loss', 'validation macro f1')
    >>> metric_words("loss_gap"), metric_words("test_my_share[max]")
    ('generalization gap of the loss', 'test my share')
    >>> metric_words("test_top_k_categorical_accuracy(from_sorted_ids=True)")
    'test top k categorical accuracy(from_sorted_ids=True)'
    """
    if metric in WORDS:
        return WORDS[metric]
    name, rest = METRIC_PARTS.fullmatch(metric).groups()  # type: ignore[union-attr]
    if rest in (f"[{direction}]" for direction in Direction) and not name.endswith(BY_CLASS):
        rest = ""
    words = name.replace("_", " ").replace("val ", "validation ", name.startswith("val_"))
    return f"{words}{rest}"


def better_when(metric: str) -> str:
    """Return "lower", "higher", or "" if the name of the metric does not tell.

    Examples
    --------
    >>> better_when("test_loss"), better_when("bleu")
    ('lower', '')
    """
    better = {Direction.MIN: Better.LOWER, Direction.MAX: Better.HIGHER}
    best = better_direction(metric)
    return better[best] if best else ""


def better_or_worse(metric: str, delta: float) -> str:
    """Return "better", "worse", or "" if the name of the metric does not tell.

    Examples
    --------
    >>> better_or_worse("test_loss", 0.1), better_or_worse("bleu", 0.1)
    ('worse', '')
    """
    good = better_when(metric)
    if not good:
        return ""
    return Verdict.BETTER if (delta < 0) == (good == Better.LOWER) else Verdict.WORSE


UNSIZED = "image_size"
"""Factor whose level 0 is no size."""


def level_words(level: Any, factor: str = "") -> str:
    """Write a level so that 1, True and the text "1" differ; long numbers get six digits.

    The level 0 of `image_size`, images as they are stored, is "none".

    Examples
    --------
    >>> [level_words(level) for level in (1, True, "1", "batch", 0.5)]
    ['1', 'True', "'1'", 'batch', '0.5']
    >>> level_words(0.023989447799428115), level_words(0, "image_size")
    ('0.0239894', 'none')
    """
    if factor == UNSIZED and level == 0:
        return "none"
    if isinstance(level, float) and len(str(level)) > LONG:
        return f"{level:.6g}"
    if not isinstance(level, str):
        return str(level)
    try:
        float(level)
    except ValueError:
        return repr(level) if level in ("True", "False", "None", "") else level
    return repr(level)


def comparison(row: Row) -> str:
    """Name a variant and the levels of the baseline that it is compared with.

    Examples
    --------
    >>> comparison({"factor": "pool_size", "level": 4, "baseline": 2})
    'pool_size=4 (baseline: 2)'
    >>> comparison({"factor": "filters + skip", "level": "8 + True", "baseline": "32 + False"})
    'filters=8, skip=True (baseline: 32, False)'
    """
    factors = str(row["factor"]).split(JOINED)
    levels, baselines = (
        str(row[name]).split(JOINED) if len(factors) > 1 else [level_words(row[name], factors[0])]
        for name in ("level", "baseline")
    )
    if len(factors) == len(levels) == len(baselines):
        changed = (f"{factor}={level}" for factor, level in zip(factors, levels, strict=True))
        return f"{', '.join(changed)} (baseline: {', '.join(baselines)})"
    return f"{row['factor']}={row['level']} (baseline: {row['baseline']})"


def settings_words(settings: Mapping[str, Any]) -> str:
    """Write levels by toggle.

    Examples
    --------
    >>> settings_words({"filters": 8, "skip": True})
    'filters 8, skip True'
    """
    return ", ".join(f"{name} {level_words(level, name)}" for name, level in settings.items())


def seed_words(study: Mapping[str, Any]) -> str:
    """Count and name the seed blocks of a study.

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


def data_words(data: str | Sequence[str]) -> str:
    """Name the data sets of a study.

    Examples
    --------
    >>> data_words("mnist5k"), data_words(["mnist5k", "digits"])
    ('mnist5k', 'mnist5k and digits')
    """
    return data if isinstance(data, str) else joined(data)


def about_study(study: Mapping[str, Any]) -> str:
    """Name a study with its data and its seeds.

    Examples
    --------
    >>> about_study({"name": "downsampling", "data": "mnist5k", "seeds": [0, 1, 2]})
    'Study downsampling on mnist5k, seeds: 3 (0 to 2)'
    """
    seeds = seed_words(study)
    name = study.get("name") or study.get("model") or "without a name"
    data = f" on {data_words(study['data'])}" if study.get("data") else ""
    return f"Study {name}{data}" + (f", seeds: {seeds}" if seeds else "")


def ends_words(study: Mapping[str, Any]) -> str:
    """Describe the baseline of a design that switches factors, or the ends of a path.

    Other designs have no such sentence.

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
    """Shorten a digest to twelve characters; return other values unchanged.

    Examples
    --------
    >>> short_digest("3b" * 32), short_digest("2.21.0")
    ('3b3b3b3b3b3b', '2.21.0')
    """
    return value[:12] if isinstance(value, str) and DIGEST.fullmatch(value) else value


def count_of(count: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count_of(1, "seed"), count_of(1200, "trial")
    ('1 seed', '1,200 trials')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def blocks_words(trials: "pd.DataFrame") -> str:
    """Say how balanced an unfinished study is: in how many seed blocks no trial is pending.

    Examples
    --------
    >>> import pandas as pd
    >>> statuses = ["done", "failed", "done", "pending"]
    >>> trials = pd.DataFrame({"seed": [0, 0, 1, 1], "status": statuses})
    >>> blocks_words(trials)
    '1 of 2 seed blocks is complete.'
    """
    planned = trials[trials["status"] != Status.INFEASIBLE]
    complete = (planned["status"] != Status.PENDING).groupby(planned["seed"]).all()
    verb = "is" if complete.sum() == 1 or len(complete) == 1 else "are"
    return f"{complete.sum():,} of {count_of(len(complete), 'seed block')} {verb} complete."


def joined(texts: Iterable[object]) -> str:
    """Join texts with commas and "and".

    Examples
    --------
    >>> joined(["filters 8", "skip True", "pool max"])
    'filters 8, skip True and pool max'
    """
    *first, last = map(str, texts)
    return f"{', '.join(first)} and {last}" if first else last


def listed(names: Sequence[object]) -> str:
    """List names; count those beyond the first twelve.

    Examples
    --------
    >>> listed(["a", "b"]), listed(range(1013))
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1,001 more')
    """
    more = len(names) - MOST_NAMES
    return in_line(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def in_line(names: Sequence[object]) -> str:
    """Join names by commas, or by semicolons if one has a comma, as variants of two changes do.

    Examples
    --------
    >>> in_line(["units=4", "skip=no"]), in_line(["units=4, skip=no", "skip=no"])
    ('units=4, skip=no', 'units=4, skip=no; skip=no')
    """
    texts = [str(name) for name in names]
    return ("; " if any(", " in text for text in texts) else ", ").join(texts)


def failure_words(reasons: Sequence[str]) -> str:
    """Count failed trials by reason, the most frequent first, and say how to retry them.

    Parameters
    ----------
    reasons
        Reason of each failed trial.

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
        reason if len(counts) == 1 else f"{reason} ({count_of(count, 'trial')})"
        for reason, count in counts.most_common(MOST_REASONS)
    ]
    if rest := len(counts) - len(each):
        each.append(f"{rest} other reason{'s' * (rest > 1)}")
    them = "it" if len(reasons) == 1 else "them"
    return (
        f"{count_of(len(reasons), 'trial')} failed: {'; '.join(each)}. To retry {them}, add "
        "--retry-failed, or retry_failed=True in Python."
    )
