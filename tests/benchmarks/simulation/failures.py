"""What failed trials do to a verdict if they fail in hard seeds."""

import numpy as np
from numpy.typing import NDArray

from ablations.stats.lost_seeds import LEVEL, rank_sum_p
from ablations.stats.paired_t import paired_t
from simulation.draws import ALPHA, Array, rng_of
from simulation.tables import Report, Row, percent

CASES = ((8, 2), (12, 3), (20, 5))
"""Seeds, and how many of them are lost: a quarter."""

SHARED = (0.5, 1.0, 1.6, 2.0, 3.0)
"""Standard deviations of the effect of a seed, in those of a trial."""

BOUNDED_FROM = 1.6
"""Below, the baseline knows too little of the variant's hard seeds."""


def _studies(
    rng: np.random.Generator, repetitions: int, n: int, shared: float, lost: int, *, at_random: bool
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return deltas, which seeds are kept, and the baseline's values."""
    seeds = shared * rng.normal(size=(repetitions, n))
    baseline, level = (seeds + rng.normal(size=(repetitions, n)) for _ in range(2))
    order = np.argsort(rng.random((repetitions, n)) if at_random else level, axis=1)
    kept = np.ones((repetitions, n), dtype=bool)
    np.put_along_axis(kept, order[:, n - lost :], False, axis=1)
    return level - baseline, kept, baseline


def failures(report: Report) -> None:
    rows = []
    for place, shared in enumerate(SHARED):
        row: Row = {"effect of a seed, in sds of a trial": shared}
        for n, lost in CASES:
            for at_random in (False, True):
                rng = rng_of(19, place, n, int(at_random))
                deltas, kept, baseline = _studies(
                    rng, report.repetitions, n, shared, lost, at_random=at_random
                )
                found = paired_t(deltas[kept].reshape(-1, n - lost), modified=True)
                better = (found.p < ALPHA) & (found.delta < 0)
                barred = np.array(
                    [
                        rank_sum_p(values[~keep], values[keep]) < LEVEL
                        for values, keep in zip(baseline, kept, strict=True)
                    ]
                )
                name = f"{lost} of {n}"
                if at_random:
                    row[f"{name} at random: no verdict"] = percent(float(barred.mean()))
                    continue
                share = float((better & ~barred).mean())
                row[f"{name}: better without the rule"] = percent(float(better.mean()))
                row[f"{name}: better"] = (
                    report.at_most(f"failures, {name}, {shared}", share)
                    if shared >= BOUNDED_FROM
                    else percent(share)
                )
        rows.append(row)
    report.add(
        "A variant without effect that fails in its worst quarter of seeds",
        "How often it is called better (2.5% if nothing fails), without and with the rule that "
        "bars a verdict if the baseline differs between lost and kept seeds. At most 5% where "
        "seeds "
        f"matter by {BOUNDED_FROM} standard deviations of a trial or more; where they matter less, "
        "the baseline cannot show which seeds are hard for the variant. Beside it, how often the "
        "rule bars a verdict where failures are at random.",
        rows,
    )
