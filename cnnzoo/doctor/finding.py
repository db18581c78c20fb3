"""A finding of the doctor: a diagnosis with its evidence and remedy."""

from dataclasses import dataclass

AT_CHANCE = "at-chance"
"""Code for a model that is not better than a constant answer."""

DIVERGED = "diverged"
"""Code for a model that training left far worse than a constant answer."""


@dataclass(frozen=True)
class Finding:
    """A diagnosis that explains a loss.

    Parameters
    ----------
    code
        Identifier for programs, such as "at-chance".
    name
        The diagnosis as a phrase.
    evidence
        The observed numbers.
    remedy
        What to change.
    """

    code: str
    name: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.remedy}."
