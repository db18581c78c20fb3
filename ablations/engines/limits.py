"""What an engine is allowed."""

from dataclasses import dataclass
from pathlib import Path

from ablations.study import Status, Trial, TrialResult
from ablations.study.settings import StudyError
from cnnzoo.runtime.error_text import reason_of


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

    Raises
    ------
    StudyError
        If `workers` or `renew_after` is no such number.
    """

    workers: int | None = None
    timeout: float = 0.0
    retries: int = 1
    renew_after: int = 200
    log: Path | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            _check_number("workers", self.workers, 1)
        _check_number("renew_after", self.renew_after, 0)


def _check_number(name: str, number: object, least: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise StudyError(f"`{name}` must be a whole number from {least} up; got {number!r}.")


def failed(trial: Trial, error: BaseException) -> TrialResult:
    """Return the result of a trial whose function raised."""
    return TrialResult(trial, Status.FAILED, reason=reason_of(error))
