"""What an engine is allowed."""

from dataclasses import dataclass
from pathlib import Path


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
