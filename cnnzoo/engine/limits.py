"""Limits of an engine: number of workers, time-out, retries, renewal."""

from dataclasses import dataclass
from pathlib import Path


class EngineError(ValueError):
    """Raised for an unknown engine or an invalid limit."""


@dataclass(frozen=True)
class Limits:
    """Limits of an engine.

    Parameters
    ----------
    workers
        Number of items to run in parallel. By default, as many as GPUs or, without any, cores and
        memory allow.
    timeout
        Seconds after which an item fails; 0 for no limit.
    retries
        Number of retries of an item whose worker died.
    renew_after
        Number of items after which a worker is replaced; 0 for never.
    log
        File for the standard output and standard error of workers; by default, both are those of
        this process.

    Raises
    ------
    EngineError
        If `workers` or `renew_after` is not a whole number or too small.
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


def _check_number(name: str, number: object, lowest: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < lowest:
        raise EngineError(f"`{name}`: expected a whole number from {lowest} up; got {number!r}.")
