"""What the files of a search are called: KerasTuner's, and those beside them."""

from pathlib import Path

ORACLE, TRIAL = "oracle.json", "trial.json"
"""KerasTuner's: of a search, and of each of its trials."""

SEARCH, EXECUTIONS = "search.json", "executions.json"
"""This package's: of a search, and of each of its trials."""

OVER = ".over"
"""There if all of a search is done."""


def trial_folder(directory: Path, name: str) -> Path:
    """Return the folder of a trial."""
    return directory / f"trial_{name}"
