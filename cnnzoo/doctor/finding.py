"""What the doctor says."""

from dataclasses import dataclass

AT_CHANCE = "at-chance"
"""The code of a model that is no better than a constant answer."""

DIVERGED = "diverged"
"""The code of a model whose training left it far worse than a constant answer."""


@dataclass(frozen=True)
class Finding:
    """Something that explains a loss.

    Parameters
    ----------
    code
        What it is, in a word that programs can ask for.
    name
        The same in a phrase.
    evidence
        What was seen, with numbers.
    remedy
        What would mend it.
    """

    code: str
    name: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.remedy}."
