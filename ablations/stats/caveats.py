"""Caveats: the notes that a reader of an interval must know."""

from collections.abc import Iterable, Sequence

from ablations.stats.barring import FEW_PAIRS
from ablations.stats.paired_t import PairedT
from ablations.stats.pairs import Pairs
from ablations.study.checks import EXPLORATORY_BELOW

ONE_SEED = "one seed gives neither interval nor verdict"
NO_PAIRS = "no pairs: nothing to compare"
TOO_FEW_TO_SEE_SKEW = (
    "so few seeds seldom show whether the deltas are skewed: if they are, the interval holds the "
    "true delta less often than it says"
)
COVERAGE_IF_SKEWED = {
    3: (84, 84),
    4: (82, 82),
    5: (82, 82),
    6: (82, 88),
    8: (83, 90),
    10: (84, 92),
    15: (86, 95),
    20: (87, 96),
    30: (89, 97),
    50: (90, 98),
}
"""Simulated coverage in percent of the 95% interval of lognormal deltas, by number of pairs.

By Student's t, and by the modified t of samples that count as skewed. See
tests/benchmarks/results/statistics.md."""
COVERAGE_OVER_LOOKS = 89
"""Coverage in percent of the intervals of all looks for lognormal deltas."""
COVERS_ENOUGH = 92
"""Coverage in percent from which on a table of deltas has no caveat."""
ALIKE = "the deltas are all alike: no spread to form an interval from, p is the sign-flip p"
ALL_ZERO = "the deltas are all 0"
INFEASIBLE = "infeasible: not trained"


def unseen_skew(pairs: Iterable[int], *, looks: bool = False, modified: bool = True) -> str:
    """Return the caveat below a table of deltas about strongly skewed deltas.

    Parameters
    ----------
    pairs
        Number of pairs of each row. The text gives the coverage that was simulated for the nearest
        numbers; fewer than 3 pairs have no skewness and are ignored.
    looks
        Whether the intervals are those of a study that adds seeds.
    modified
        Whether skewed samples have the modified t.

    Returns
    -------
    str
        Empty if no row has 3 pairs, or if the intervals of all rows cover in at least 92%.

    Examples
    --------
    >>> print(unseen_skew([7, 0]))
    If deltas are strongly skewed, few seeds seldom show it, and the interval covers the true delta
    too rarely: with lognormal deltas and 6 seeds, the 95% interval covers it in 88% of simulated
    studies.
    """
    counts = {min(COVERAGE_IF_SKEWED, key=lambda n: abs(n - each)) for each in pairs if each > 2}
    rates = {n: COVERAGE_IF_SKEWED[n][modified] for n in counts}
    start = (
        "If deltas are strongly skewed, few seeds seldom show it, and the interval covers the true "
        "delta too rarely: with lognormal deltas"
    )
    if looks and counts:
        return (
            f"{start}, the intervals of all looks cover it in {COVERAGE_OVER_LOOKS}% of simulated "
            "studies, not in 95%."
        )
    low = [n for n, rate in rates.items() if rate < COVERS_ENOUGH]
    if not low:
        return ""
    between = [n for n in COVERAGE_IF_SKEWED if min(low) <= n <= max(low)]
    covered = _span([COVERAGE_IF_SKEWED[n][modified] for n in between])
    return (
        f"{start} and {_span(low)} seeds, the 95% interval covers it in {covered}% of simulated "
        "studies."
    )


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def notes_of(pairs: Pairs, result: PairedT, alpha: float) -> list[str]:
    """Return the notes of one comparison."""
    n = len(pairs.deltas)
    notes = []
    if pairs.missing:
        notes.append(f"{pairs.missing} of {n + pairs.missing} pairs are missing")
    if n < 2:
        return [*notes, ONE_SEED if n else NO_PAIRS]
    if n < EXPLORATORY_BELOW:
        notes.append(FEW_PAIRS)
    if 2.0 ** (1 - n) >= alpha:
        least = 2.0 ** (1 - n)
        notes.append(
            f"{n} seeds cannot reach p {alpha:.4g} in the sign-flip test: its least p is "
            f"{least:.3g}"
        )
    if result.sd == 0:
        return [*notes, ALL_ZERO if pairs.tied.all() else ALIKE]
    if n < EXPLORATORY_BELOW:
        notes.append(TOO_FEW_TO_SEE_SKEW)
    return notes
