"""Engines: each runs a function on items, or on what a queue gives, and yields outcomes.

An engine knows no study, no search and no Keras.
"""

from cnnzoo.engine.interface import (
    ChangedStateError,
    Engine,
    InOrder,
    Outcome,
    Queue,
    WorkerSetup,
)
from cnnzoo.engine.limits import EngineError, Limits
from cnnzoo.engine.processes import Processes
from cnnzoo.engine.serial import Serial
from cnnzoo.toggle import did_you_mean

__all__ = [
    "ENGINES",
    "ChangedStateError",
    "Engine",
    "EngineError",
    "InOrder",
    "Limits",
    "Outcome",
    "Queue",
    "WorkerSetup",
    "start_engine",
]

ENGINES: dict[str, type[Processes] | type[Serial]] = {"processes": Processes, "serial": Serial}


def start_engine(
    name: str, limits: Limits | None = None, setup: WorkerSetup | None = None
) -> Engine:
    """Create an engine, to be used in a ``with`` statement.

    Parameters
    ----------
    name
        "processes" or "serial".
    limits
        Workers, time-out, retries and renewal; ``Limits()`` by default.
    setup
        How worker processes are prepared; ``WorkerSetup()`` by default.

    Raises
    ------
    EngineError
        If there is no engine of that name.

    Examples
    --------
    >>> with start_engine("serial") as engine:
    ...     [(item, outcome.result) for item, outcome in engine.run(abs, [-1, 2])]
    [(-1, 1), (2, 2)]
    """
    if name not in ENGINES:
        raise EngineError(
            f"`engine`: expected one of {', '.join(ENGINES)}; got {name!r}"
            f"{did_you_mean(str(name), ENGINES)}"
        )
    return ENGINES[name](limits or Limits(), setup or WorkerSetup())
