"""Claims of the documents and the hypotheses by which studies test them, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ablations.study import Study
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level

Cell = Settings
"""Levels of a variant that differ from the baseline; none for the baseline itself."""


class Verdict(StrEnum):
    """Verdict on a claim or on one of its hypotheses."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"

    __repr__ = str.__repr__


RULE = (
    "A hypothesis is a contrast of a measure over variants, within each seed block, that the claim "
    "says is positive. It is supported if the 95% interval of its mean over seed blocks, "
    "simultaneous for all hypotheses of the claim (Bonferroni), is above 0; contradicted if the "
    "interval is below the margin, the smallest contrast that matters; and otherwise inconclusive. "
    "With fewer than 6 seed blocks, or than 2 m + 2 for m hypotheses, there is no verdict. A claim "
    "is supported if all its hypotheses are and all its exact comparisons hold, contradicted if "
    "one of them is contradicted, and otherwise inconclusive. Hypotheses, margins and numbers of "
    "seeds were fixed before the data were seen."
)
"""The rule of the verdicts, in words."""


@dataclass(frozen=True)
class Hypothesis:
    r"""A contrast of a measure over the variants of a study, which the claim says is positive.

    In a seed block the contrast is :math:`\sum_v w_v\, m_v - c`, with a weight and a measured value
    per variant.

    Parameters
    ----------
    statement
        What the claim says of this contrast, as a sentence without a full stop.
    measure
        Measured value of a trial; see `ablations.claims.measures`.
    weights
        Pairs of a cell and its weight.
    constant
        Number c that is subtracted.
    margin
        Smallest contrast that matters, in units of the measure. If the contrast is below it with
        confidence, the claim is contradicted.
    study
        Name of the study; by default the claim's first one.
    """

    statement: str
    measure: str
    weights: tuple[tuple[Cell, float], ...]
    constant: float = 0.0
    margin: float = 0.0
    study: str = ""


def higher(
    statement: str,
    measure: str,
    cell: Mapping[str, Level],
    than: Mapping[str, Level] | None = None,
    *,
    margin: float = 0.0,
    study: str = "",
) -> Hypothesis:
    """Return the hypothesis that a variant has a higher value than another one.

    Parameters
    ----------
    statement, measure, margin, study
        See `Hypothesis`.
    cell, than
        Levels of the two variants that differ from the baseline's; `than` is the baseline if left
        out.

    Examples
    --------
    >>> higher("pool_size=4 increases the loss", "test_loss", {"pool_size": 4}).weights
    ((Settings({'pool_size': 4}), 1.0), (Settings({}), -1.0))
    """
    weights = ((Settings(cell), 1.0), (Settings(than or {}), -1.0))
    return Hypothesis(statement, measure, weights, margin=margin, study=study)


def lower(
    statement: str,
    measure: str,
    cell: Mapping[str, Level],
    than: Mapping[str, Level] | None = None,
    *,
    margin: float = 0.0,
    study: str = "",
) -> Hypothesis:
    """Return the hypothesis that a variant has a lower value than another one; see `higher`."""
    weights = ((Settings(than or {}), 1.0), (Settings(cell), -1.0))
    return Hypothesis(statement, measure, weights, margin=margin, study=study)


def increases(
    statement: str,
    measure: str,
    cells: Sequence[Mapping[str, Level]],
    *,
    margin: float = 0.0,
    study: str = "",
) -> Hypothesis:
    """Return the hypothesis that a measure increases along ordered variants.

    The contrast is the least-squares slope over the ranks 1, 2, ... of the variants, so that it is
    the increase per step.

    Parameters
    ----------
    statement, measure, margin, study
        See `Hypothesis`.
    cells
        Levels of the variants in the order of the claim; {} is the baseline.

    Examples
    --------
    >>> increases("grows", "test_loss", [{}, {"pool_size": 2}, {"pool_size": 3}]).weights
    ((Settings({}), -0.5), (Settings({'pool_size': 2}), 0.0), (Settings({'pool_size': 3}), 0.5))
    """
    middle = (len(cells) - 1) / 2
    scale = sum((rank - middle) ** 2 for rank in range(len(cells)))
    weights = tuple((Settings(cell), (rank - middle) / scale) for rank, cell in enumerate(cells))
    return Hypothesis(statement, measure, weights, margin=margin, study=study)


@dataclass(frozen=True)
class Comparison:
    """Two values that an exact claim says are equal, or a number and its bound.

    Parameters
    ----------
    statement
        What is compared, as a sentence without a full stop.
    expected, computed
        Value by the document or by arithmetic, and value of the running code.
    tolerance
        Largest absolute difference of equal numbers; 0 for whole numbers and texts.
    """

    statement: str
    expected: float | str
    computed: float | str
    tolerance: float = 0.0

    @property
    def holds(self) -> bool:
        """True if the values are equal up to the tolerance; NaN equals nothing."""
        if isinstance(self.expected, str) or isinstance(self.computed, str):
            return self.expected == self.computed
        return abs(self.expected - self.computed) <= self.tolerance


@dataclass(frozen=True)
class Claim:
    """A claim of a document, with the studies and hypotheses, or the check, that test it.

    A claim is supported if all its hypotheses and its exact check are, and contradicted if one of
    them is contradicted.

    Parameters
    ----------
    id
        Number of the claim, "C01" to "C33".
    name
        Name on the command line.
    documents
        Numbers of the documents that make the claim, such as "000".
    text
        The claim in one sentence without a full stop.
    studies
        Studies that test it; none for a claim that is exact only.
    hypotheses
        Contrasts of the studies' measures, fixed before the data are seen.
    check
        Name of the function in `ablations.claims.exact_checks` that tests its exact part; "" for
        none.
    data_needed
        What kind of data shows the claim, and what the packaged digits cannot show.
    fixed_data
        Whether the claim depends on its own data, which ``--data`` does not replace.
    quick
        Changes of the studies for a quick run, by name: a field of `Study` or `Recipe`, or a toggle
        whose level replaces the default in the baseline, such as ``train_size``.
    """

    id: str
    name: str
    documents: tuple[str, ...]
    text: str
    studies: tuple[Study, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    check: str = ""
    data_needed: str = ""
    fixed_data: bool = False
    quick: Mapping[str, object] = field(default_factory=dict)
