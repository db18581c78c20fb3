"""Whether verdicts of a study that adds seeds keep their direction and their intervals."""

import numpy as np

from ablations.stats import looks
from ablations.stats.paired_t import paired_t
from simulation.draws import ALPHA, DISTRIBUTIONS, FEW, Array, rng_of
from simulation.seeds import adaptive
from simulation.tables import Report, Row, percent

EFFECTS = np.array([0, 0, 0, 0, -2, 2, -1, 1, -0.5, 0.5])
"""Of ten variants, in standard deviations of a trial: both directions, and none."""


def directions(report: Report) -> None:
    at, rows = looks(), []
    for place, name in enumerate(FEW):
        draw, rng = DISTRIBUTIONS[name][0], rng_of(15, place)
        shape = (report.repetitions, len(EFFECTS), at[-1])
        own, shared = draw(rng, shape), draw(rng, (report.repetitions, 1, at[-1]))
        sd = np.std(draw(rng, (100_000,)))
        values = own - shared + sd * EFFECTS[:, None]
        closed, blocks = adaptive(values, at)
        delta, low, high = at_last_look(values, blocks, at)
        against = np.where(delta > 0, low, -high)  # the interval's end towards 0
        row: Row = {"trials' errors": name}
        false = (closed & (EFFECTS == 0)).any(axis=1).mean()
        turned = (closed & (delta * EFFECTS < 0)).any(axis=1).mean()
        any_of = (closed & (delta * EFFECTS <= 0)).any(axis=1).mean()
        row["without effect"] = percent(false)
        row["the wrong way"] = percent(turned)
        row["either"] = report.at_most(f"both directions, {name}", any_of)
        row["interval includes 0"] = report.at_most(
            f"interval against its verdict, {name}", (closed & (against <= 0)).mean(), 0.0
        )
        row["effects closed"] = percent(closed[:, EFFECTS != 0].mean())
        rows.append(row)
    report.add(
        f"Verdicts in both directions with seeds added: looks at {', '.join(map(str, at))} blocks",
        "Ten variants that share a baseline: four without effect, the others 0.5, 1 or 2 standard "
        "deviations of a trial better or worse. How often a study calls any of them better or "
        "worse without effect or against its effect, which must be at most 5%; how many verdicts "
        "have an interval that includes 0, which must be none; and how many effects are found.",
        rows,
    )


def at_last_look(values: Array, blocks: Array, at: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return delta and interval of each variant as its table shows them: at its last look."""
    delta, low, high = (np.full(values.shape[:-1], np.nan) for _ in range(3))
    for n, new in zip(at, np.diff(at, prepend=0), strict=True):
        found = paired_t(values[..., :n], 1 - ALPHA * new / at[-1], modified=True)
        here = blocks == n
        delta[here], low[here], high[here] = found.delta[here], found.low[here], found.high[here]
    return delta, low, high
