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
from cnnzoo.engine.ray import Ray
from cnnzoo.engine.ray_cluster import check_address
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
    "check_engine",
    "start_engine",
]

ENGINES: dict[str, type[Processes] | type[Ray] | type[Serial]] = {
    "processes": Processes,
    "ray": Ray,
    "serial": Serial,
}


def start_engine(
    name: str,
    limits: Limits | None = None,
    setup: WorkerSetup | None = None,
    address: str | None = None,
) -> Engine:
    """Create an engine, to be used in a ``with`` statement.

    Parameters
    ----------
    name
        "processes", "ray" or "serial".
    limits
        Workers, their resources, time-out, retries and renewal; ``Limits()`` by default.
    setup
        How worker processes are prepared; ``WorkerSetup()`` by default.
    address
        Address of a Ray cluster, for the engine "ray" only; by default, a Ray on this machine.

    Raises
    ------
    EngineError
        If there is no engine of that name, or it has no address.

    Examples
    --------
    >>> with start_engine("serial") as engine:
    ...     [(item, outcome.result) for item, outcome in engine.run(abs, [-1, 2])]
    [(-1, 1), (2, 2)]
    """
    check_engine(name, address)
    given = limits or Limits(), setup or WorkerSetup()
    return Ray(*given, address) if name == "ray" else ENGINES[name](*given)


def check_engine(name: str, address: str | None = None) -> None:
    """Raise EngineError if there is no engine of a name, or it has no such address.

    Examples
    --------
    >>> check_engine("ray", "192.0.2.7:6379")
    """
    if name not in ENGINES:
        raise EngineError(
            f"`engine`: expected one of {', '.join(ENGINES)}; got {name!r}"
            f"{did_you_mean(str(name), ENGINES)}"
        )
    if address is not None and name != "ray":
        raise EngineError(f"`address`: expected None for the engine {name}; got {address!r}.")
    if address is not None:
        check_address(address)
