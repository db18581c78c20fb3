"""A finding of the doctor: a diagnosis with its evidence and remedy."""

from dataclasses import dataclass
from enum import StrEnum

AT_CHANCE = "at-chance"
"""Code for a model that is not better than a constant answer."""

DIVERGED = "diverged"
"""Code for a model that training left far worse than a constant answer."""

MEASURE_MISSING = "measure-missing"
"""Code for a requested metric that is not defined for the model."""

METRIC_DOUBTFUL = "metric-doubtful"
"""Code for a requested metric that is missing, or that does not say what its name says."""

MODES_DIFFER = "modes-differ"
"""Code for a model whose losses in training and inference mode differ."""


OWN_FIT = "own-fit"
"""Code of the note that a custom ``fit`` trained the model."""


class Severity(StrEnum):
    """How sure it is that a finding matters, the most serious first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    __repr__ = str.__repr__


@dataclass(frozen=True)
class Finding:
    """A diagnosis that explains a loss.

    Parameters
    ----------
    code
        Identifier for programs, such as "at-chance"; `cnnzoo.doctor.codes` defines them.
    name
        The diagnosis as a phrase.
    evidence
        The observed numbers.
    remedy
        What to change.
    severity
        "error" if training cannot work, "warning" if it explains a bad result, "note" otherwise.
    layer
        Name of the layer; empty if the finding is about the whole model or the data.
    epoch
        Epoch, from 1, that first showed it; None if it was seen before or after training.
    source
        Publication of the threshold or of the diagnosis; empty if it is arithmetic.
    """

    code: str
    name: str
    evidence: str
    remedy: str
    severity: Severity = Severity.WARNING
    layer: str = ""
    epoch: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "severity", Severity(self.severity))

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.remedy}."


COLUMNS = ("code", "severity", "layer", "epoch", "evidence", "remedy", "source", "name")
"""Columns of a table of findings."""
