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
    *("step", "variant", "metric", "mean", "n_pairs", "delta", "ci_low", "ci_high"),
    *("p", "p_adjusted", "share", "notes"),
)


def steps(
    trials: pd.DataFrame,
    names: Sequence[str],
    metric: str,
    *,
    choices: Sequence[int] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the paired delta of each variant of a sequence to the one before it.

    The delta of a step that is the best of several tried variants is optimistic, because the same
    trials chose it. ``p_adjusted`` corrects for this: p times the number of variants tried in all
    steps (Bonferroni). Choosing from c variants multiplies the chance that the step seems better
    and that the next step seems worse by c; each of these is one-sided, half of p. So the chance
    that any step without effect has a ``p_adjusted`` below alpha is at most alpha.

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
    confidence
        Confidence of the t interval of each step.

    Returns
    -------
    DataFrame
        One row per variant with the columns `STEPS`: ``mean`` over the seed blocks that all steps
        share (see `shared_blocks`; NaN for a step that is left out), ``delta`` over the seed blocks
        shared with the step before, ``share`` of the sum of all deltas (NaN if a delta is unknown
        or the sum is 0), and ``notes`` with the reason why a step has no verdict.

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
    rows = []
    for step, name in enumerate(names):
        mean = means.get(name, np.nan)
        row = {"step": step, "variant": name, "metric": metric, "mean": mean, "n_pairs": 0}
        row["notes"] = ""
        if step:
            pairs = pair(table, name, 0, names[step - 1])
            result = paired_t(pairs.deltas, confidence, pairs.noise)
            row |= {"n_pairs": len(pairs.seeds), "delta": float(result.delta)}
            row |= {"ci_low": float(result.low), "ci_high": float(result.high)}
            row["p"] = float(result.p)
            few = [FEW_PAIRS] if 0 < len(pairs.seeds) < EXPLORATORY_BELOW else []
            marked = notes_of_marks(marks, name, pairs.seeds, names[step - 1])
            row["notes"] = "; ".join([*few, *marked])
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(STEPS))
    numbers = dict.fromkeys(STEPS[3:-1], float) | {"n_pairs": int}
    frame = frame.astype(numbers)
    tried = sum(choices) or len(names) - 1
    frame["p_adjusted"] = (frame["p"] * tried).clip(upper=1)
    total = frame["delta"].iloc[1:].sum(skipna=False)
    if len(frame) > 1 and total != 0:
        frame["share"] = frame["delta"] / total
    return frame
