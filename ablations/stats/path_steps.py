"""Steps of a path of variants: the paired delta of each variant to the one before it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablations.stats.barring import FEW_PAIRS, marks_of, notes_of_marks
from ablations.stats.paired_t import paired_t
from ablations.stats.pairs import by_seed, check_trials, pair
from ablations.stats.shared_blocks import shared_blocks
from ablations.study.checks import EXPLORATORY_BELOW

STEPS = (
    *("step", "variant", "metric", "mean", "n_pairs", "delta", "uncorrected", "ci_low", "ci_high"),
    *("p", "p_adjusted", "share", "notes"),
)


def steps(
    trials: pd.DataFrame,
    names: Sequence[str],
    metric: str,
    *,
    choices: Sequence[int] = (),
    lucks: Sequence[float] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the paired delta of each variant of a sequence to the one before it.

    A variant that is the best of several tried ones was also lucky, because the same seed blocks
    chose it. This makes its own step look too good, and the next step too bad; the last step, which
    has no choice, suffers most. ``lucks`` removes this: the luck of a variant is subtracted from
    its mean, and so from the delta of its step and added to that of the next one. The sum of all
    deltas is the same, because neither the start nor the end of a path is chosen. The luck of a
    variant counts as gone in the next step. If variants of a seed block share it, the next step is
    corrected too much, but is still nearer to the truth on average.

    The intervals hold for all steps at once: the error 1 - ``confidence`` is divided by the number
    of variants tried in all steps (Bonferroni), because choosing from c variants multiplies the
    chance that a step seems better, and that the next step seems worse, by c. ``p_adjusted`` is p
    times this number, so it is below 1 - ``confidence`` exactly if the interval excludes 0. The
    chance that any step without effect has such a p is at most 1 - ``confidence``.

    Luck is estimated from the same few trials, and with skewed errors badly: the correction alone
    would make a step look real. So an interval reaches from the lower to the upper end of those of
    the corrected and of the uncorrected delta, and p is the larger one of the two, or 1 if the
    deltas have different signs.

    Parameters
    ----------
    trials
        One row per trial.
    names
        Variants in the order of the steps, beginning with the start.
    metric
        Column of ``trials``.
    choices
        Number of variants that each step is chosen from, including future steps. Default: 1 each.
    lucks
        By how much the mean of each variant is too low or too high because it was chosen, in the
        order of ``names``; see ``ablations.stats.selection.luck``. Default: 0 each.
    confidence
        Confidence of the intervals of all steps together.

    Returns
    -------
    DataFrame
        One row per variant with the columns `STEPS`: ``mean`` over the seed blocks that all steps
        share (see `shared_blocks`; NaN for a step that is left out), ``delta`` over the seed blocks
        shared with the step before, both corrected, ``uncorrected`` delta, ``share`` of the sum of
        all deltas (NaN if a delta is unknown or the sum is 0), and ``notes`` with the reason why a
        step has no verdict.

    References
    ----------
    Fawcett and Hoos (2016), "Analysing differences between algorithm configurations through
    ablation", Journal of Heuristics 22.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "variant": ["baseline"] * 3 + ["a"] * 3 + ["a, b"] * 3,
    ...         "seed": [0, 1, 2] * 3,
    ...         "status": "done",
    ...         "test_loss": [0.5, 0.6, 0.7, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3],
    ...     }
    ... )
    >>> table = steps(trials, ["baseline", "a", "a, b"], "test_loss")
    >>> table[["step", "variant", "delta", "share"]].round(2)
       step   variant  delta  share
    0     0  baseline    NaN    NaN
    1     1         a   -0.3   0.75
    2     2      a, b   -0.1   0.25
    """
    check_trials(trials, [metric])
    table, marks = by_seed(trials, metric), marks_of(trials)
    means = shared_blocks(trials[trials["variant"].isin(names)], metric).table.mean()
    tried = sum(choices) or max(len(names) - 1, 1)
    rows = []
    for step, name in enumerate(names):
        luck = lucks[step] if lucks else 0.0
        mean = means.get(name, np.nan) - luck
        row = {"step": step, "variant": name, "metric": metric, "mean": mean, "n_pairs": 0}
        row["notes"] = ""
        if step:
            pairs = pair(table, name, 0, names[step - 1])
            too_much = luck - lucks[step - 1] if lucks else 0.0
            level = 1 - (1 - confidence) / tried
            both = paired_t([pairs.deltas - too_much, pairs.deltas], level, pairs.noise)
            corrected, uncorrected = both.delta.tolist()
            row |= {"n_pairs": len(pairs.seeds), "delta": corrected, "uncorrected": uncorrected}
            row |= {"ci_low": float(both.low.min()), "ci_high": float(both.high.max())}
            row["p"] = float(both.p.max()) if corrected * uncorrected >= 0 else 1.0
            few = [FEW_PAIRS] if 0 < len(pairs.seeds) < EXPLORATORY_BELOW else []
            marked = notes_of_marks(marks, name, pairs.seeds, names[step - 1])
            row["notes"] = "; ".join([*few, *marked])
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(STEPS))
    numbers = dict.fromkeys(STEPS[3:-1], float) | {"n_pairs": int}
    frame = frame.astype(numbers)
    frame["p_adjusted"] = (frame["p"] * tried).clip(upper=1)
    total = frame["delta"].iloc[1:].sum(skipna=False)
    if len(frame) > 1 and total != 0:
        frame["share"] = frame["delta"] / total
    return frame
