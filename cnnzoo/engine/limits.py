"""Limits of an engine: number of workers and what each may use, time-out, retries, renewal."""

from dataclasses import dataclass
from pathlib import Path

from cnnzoo.runtime.shares import refusal_of_shares


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
    cpus
        Cores that an item is given. It sets the default number of workers, not the number of
        threads.
    gpus
        GPUs that an item is given: 0, 1, or a fraction if several items share a GPU. By default,
        1 if there are any.
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
        If `workers` or `renew_after` is not a whole number or too small, or `cpus` or `gpus` is
        not a number in its range.
    """

    workers: int | None = None
    cpus: float = 1
    gpus: float | None = None
    timeout: float = 0.0
    retries: int = 1
    renew_after: int = 200
    log: Path | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            _check_number("workers", self.workers, 1)
        _check_number("renew_after", self.renew_after, 0)
        if refusal := refusal_of_shares(self.cpus, self.gpus):
            raise EngineError(refusal)


def _check_number(name: str, number: object, lowest: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < lowest:
        raise EngineError(f"`{name}`: expected a whole number from {lowest} up; got {number!r}.")
