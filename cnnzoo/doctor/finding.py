"""What the doctor says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that explains a loss.

    Parameters
    ----------
    name
        What it is, in a phrase.
    evidence
        What was seen, with numbers.
    remedy
        What would mend it.
    """

    name: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.remedy}."
