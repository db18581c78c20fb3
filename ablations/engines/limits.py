"""What an engine is allowed."""

from dataclasses import dataclass
from pathlib import Path

from ablations.study import Trial, TrialResult


@dataclass(frozen=True)
class Limits:
    """What an engine is allowed.

    Parameters
    ----------
    workers
        Trials at a time; as many as cores and memory allow if left out.
    timeout
        Seconds after which a trial is given up; 0 for never.
    retries
        How often a trial is tried again after its worker died.
    renew_after
        Trials after which a worker is replaced by a fresh one; 0 for never.
    log
        A file for what workers write to stderr; nowhere if left out.
    """

    workers: int | None = None
    timeout: float = 0.0
    retries: int = 1
    renew_after: int = 200
    log: Path | None = None


def failed(trial: Trial, error: BaseException) -> TrialResult:
    """Return the result of a trial whose function raised."""
    line = (str(error).splitlines() or [""])[0]
    return TrialResult(trial, "failed", reason=f"{type(error).__name__}: {line}")
