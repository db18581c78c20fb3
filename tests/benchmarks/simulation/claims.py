"""How often a claim is supported, contradicted or neither, if it is true and if it is false."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from ablations.claims.claim import Verdict
from ablations.claims.contrasts import bounded
from ablations.claims.verdict import verdicts_of
from ablations.stats.barring import NO_VERDICT
from simulation.draws import ALPHA, DISTRIBUTIONS, SKEWED, Array, rng_of
from simulation.tables import Report, Row

SIZES = (6, 8, 10, 20)
COUNTS = (1, 2, 3, 4)
"""Hypotheses of a claim."""

HEAVY, GAMMA, REAL = "t with 3 df", "gamma, shape 4 (skewness 1)", "residuals of real studies"

CONTRASTS = {
    "normal": ("normal", 1.0),
    HEAVY: (HEAVY, 1 / math.sqrt(3)),
    REAL: (REAL, 1.0),
    GAMMA: (GAMMA, 1 / 2),
    f"minus {GAMMA}": (GAMMA, -1 / 2),
    SKEWED: (SKEWED, 1 / math.sqrt(math.e * (math.e - 1))),
    f"minus {SKEWED}": (SKEWED, -1 / math.sqrt(math.e * (math.e - 1))),
}
"""By name: distribution and factor that gives a mean of 0 and a standard deviation of 1."""

MARGIN = 1.0

BOUNDED_FROM = 20
"""Seed blocks from which the false verdicts of lognormal contrasts are bounded.

Fewer seldom show the long tail: the intervals of deltas have the same limit, see statistics.md.
"""

FALSE = {
    "False: all effects are minus the margin": (-1.0, -1.0),
    "False: all effects are 0": (0.0, 0.0),
    "False: one effect is 0, the others are four margins": (0.0, 4.0),
}
TRUE = {
    "True: all effects are the margin": (1.0, 1.0),
    "True: all effects are two margins": (2.0, 2.0),
    "True: one effect is the margin, the others are four": (1.0, 4.0),
}
"""Effect of the first hypothesis and of the others, in margins."""


def _shares(words: Sequence[str] | Array) -> dict[str, float]:
    """Return the share of each verdict on claims, from those on their hypotheses, one row each."""
    found = np.asarray(words)
    contradicted = (found == Verdict.CONTRADICTED).any(axis=1)
    supported = (found == Verdict.SUPPORTED).all(axis=1)
    shares = {
        Verdict.SUPPORTED.value: float(supported.mean()),
        Verdict.CONTRADICTED.value: float(contradicted.mean()),
    }
    return {**shares, Verdict.INCONCLUSIVE.value: 1 - sum(shares.values())}


def _cell(
    report: Report,
    what: str,
    shares: dict[str, float],
    false: str,
    *,
    bounded: bool = True,
    repetitions: int | None = None,
) -> str:
    """Write the three shares. The false verdict is bounded, or has a dagger beyond 5%."""
    texts = {word: f"{100 * share:.1f}" for word, share in shares.items()}
    if bounded:
        share = report.at_most(what, shares[false], repetitions=repetitions)
        texts[false] = share.replace("%", "")
    elif shares[false] > ALPHA:
        texts[false] += "†"
    return " / ".join(texts.values())


def _scenario(report: Report, section: int, title: str, effects: tuple[float, float]) -> None:
    true = title in TRUE
    false = Verdict.CONTRADICTED.value if true else Verdict.SUPPORTED.value
    rows = []
    for place, (name, (distribution, scale)) in enumerate(CONTRASTS.items()):
        draw = DISTRIBUTIONS[distribution][0]
        for count in COUNTS:
            if count == 1 and effects[0] != effects[1]:
                continue
            row: Row = {"contrasts": name, "hypotheses": count}
            means = np.full(count, effects[1])
            means[0] = effects[0]
            for n in SIZES:
                rng = rng_of(40, section, place, count, n)
                shape = (report.repetitions, count, n)
                values = scale * draw(rng, shape) + MARGIN * means[:, None]
                shares = _shares(verdicts_of(values, MARGIN, count))
                what = f"{title}, {name}, {count} hypotheses, n = {n}"
                shown = n >= BOUNDED_FROM or distribution != SKEWED
                row[f"n = {n}"] = _cell(report, what, shares, false, bounded=shown)
            rows.append(row)
    text = (
        f"At most 5% are {false}. Cells: supported / contradicted / inconclusive, in percent; "
        "*minus* marks contrasts with the long tail below their mean. Lognormal ones have no bound "
        f"below n = {BOUNDED_FROM}; a dagger marks more than 5%."
    )
    report.add(title, text, rows)


DIVERGING = (0.02, 0.1, 0.3)
"""Chance that a trial of either variant diverges."""


def divergence(report: Report) -> None:
    """Compare two equal variants whose trials diverge, by loss: whichever looks worse is luck."""
    repetitions = max(1, report.repetitions // 10)
    rows = []
    for place, chance in enumerate(DIVERGING):
        row: Row = {"chance that a trial diverges": f"{chance:.0%}"}
        for n in SIZES:
            rng = rng_of(41, place, n)
            words = [_equal_variants(rng, n, chance) for _ in range(repetitions)]
            shares = _shares(np.array(words)[:, None])
            what = f"divergence in {chance:.0%}, n = {n}"
            row[f"n = {n}"] = _cell(
                report, what, shares, Verdict.SUPPORTED.value, repetitions=repetitions
            )
        rows.append(row)
    report.add(
        "False: two equal variants whose trials diverge",
        f"{repetitions:,} claims each that one of the variants has a higher loss. A diverged trial "
        "counts as no worse than the worst other trial, and the verdict that this favours is "
        "excluded. At most 5% are supported. Cells as above.",
        rows,
    )


def _equal_variants(rng: np.random.Generator, n: int, chance: float) -> str:
    table = pd.DataFrame(rng.normal(size=(n, 2)), columns=["baseline", "a"])
    diverged = pd.DataFrame(rng.random((n, 2)) < chance, columns=table.columns)
    table = table.mask(diverged, 1e9)
    weights = {"baseline": -1.0, "a": 1.0}
    table, notes, excluded = bounded(table, diverged, weights, "test_loss")
    word = str(verdicts_of(table["a"] - table["baseline"], math.sqrt(2), 1))
    barred = word in excluded or any(note.startswith(NO_VERDICT) for note in notes)
    return Verdict.INCONCLUSIVE.value if barred else word


SECTIONS = (
    *(
        partial(_scenario, section=section, title=title, effects=effects)
        for section, (title, effects) in enumerate({**FALSE, **TRUE}.items())
    ),
    divergence,
)
