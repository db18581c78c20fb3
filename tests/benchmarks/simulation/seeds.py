"""What adding seeds where a verdict is open errs, costs and finds."""

import numpy as np
from numpy.typing import NDArray

from ablations.stats import looks
from ablations.stats.paired_t import paired_t
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, DISTRIBUTIONS, FEW, Array, rng_of
from simulation.sequential_p import sequential_p
from simulation.tables import Report, percent


def adaptive(values: Array, at: tuple[int, ...]) -> tuple[NDArray[np.bool_], Array]:
    """Add seed blocks where a verdict is open; return which closed and how many blocks it took."""
    p = np.full((*values.shape[:-1], len(at)), np.nan)
    closed = np.zeros(values.shape[:-1], dtype=bool)
    blocks = np.zeros(values.shape[:-1])
    for k, n in enumerate(at):
        p[..., k] = np.where(closed, np.nan, paired_t(values[..., :n], modified=True).p)
        blocks[~closed] = n
        closed |= holm(sequential_p(p, at)) < ALPHA
    return closed, blocks


def added_seeds(report: Report, count: int = 10) -> None:
    at = looks()
    rows, power = [], []
    for place, name in enumerate(FEW):
        draw, rng = DISTRIBUTIONS[name][0], rng_of(7, place)
        single = draw(rng, (report.repetitions, 1, at[-1]))
        many = draw(rng, (report.repetitions, count, at[-1]))
        many = many - draw(rng, (report.repetitions, 1, at[-1]))
        fixed = np.stack([paired_t(single[:, 0, :n], modified=True).p for n in at]) < ALPHA
        held = np.ones(report.repetitions, dtype=bool)
        for n, new in zip(at, np.diff(at, prepend=0), strict=True):
            found = paired_t(single[:, 0, :n], 1 - ALPHA * new / at[-1], modified=True)
            held &= (found.low <= 0) & (found.high >= 0)
        one = float(adaptive(single, at)[0].mean())
        any_of = float(adaptive(many, at)[0].any(axis=1).mean())
        sure = name == "normal"
        rows.append(
            {
                "deltas": name,
                "p < 5% at any look": percent(fixed.any(axis=0).mean()),
                "one variant": report.at_most(f"looks, {name}", one) if sure else percent(one),
                f"any of {count} variants": report.at_most(f"looks of {count}, {name}", any_of),
                "all looks' intervals hold": report.covers(
                    f"looks' intervals, {name}", held.mean(), 0.95
                )
                if sure
                else percent(held.mean()),
            }
        )
    report.add(
        f"Seeds added where a verdict is open: looks at {', '.join(map(str, at))} blocks",
        "How often a variant without effect is closed as better or worse over all looks. Must be "
        "at most 5% for normal deltas, and for 10 variants that share a baseline whose trials' "
        "errors have these distributions. Testing at 5% at every look errs as the first column "
        "says.",
        rows,
    )
    for place, effect in enumerate((0.0, 0.5, 1.0, 1.5, 2.0, 3.0)):
        values = rng_of(8, place).normal(effect, size=(report.repetitions, 1, at[-1]))
        closed, blocks = adaptive(values, at)
        power.append(
            {
                "effect, in sds of a delta": effect,
                "closed": percent(closed.mean()),
                "mean blocks": f"{blocks.mean():.1f}",
                "10 blocks fixed": percent(
                    (paired_t(values[:, 0, :10], modified=True).p < ALPHA).mean()
                ),
                "30 blocks fixed": percent(
                    (paired_t(values[:, 0, :], modified=True).p < ALPHA).mean()
                ),
            }
        )
    report.add(
        "What adding seeds costs and finds, one variant",
        "How often the verdict is closed as better or worse, and the seed blocks it took; beside "
        "it the chance with all seeds fixed beforehand.",
        power,
    )
