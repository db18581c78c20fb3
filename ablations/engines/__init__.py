"""Engines: each takes a function and trials, and yields a result for every trial as it comes."""

from ablations.engines.limits import Limits
from ablations.engines.processes import Processes
from ablations.engines.serial import Serial
from ablations.study.settings import check_known

ENGINES: dict[str, type[Processes] | type[Serial]] = {"processes": Processes, "serial": Serial}


def start_engine(name: str, limits: Limits) -> Processes | Serial:
    """Make an engine, to be used in a with statement.

    Raises
    ------
    StudyError
        If there is none of that name.
    """
    check_known(name, list(ENGINES), "There is no engine")
    return ENGINES[name](limits)
