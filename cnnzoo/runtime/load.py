"""The load of the machine."""

import os


def load_per_core() -> float:
    """Return the processes that ran or waited in the last minute, per core of the machine.

    Processes outside a container count, because they take its time too.

    Examples
    --------
    >>> load_per_core() >= 0
    True
    """
    import psutil

    return float(psutil.getloadavg()[0]) / (os.cpu_count() or 1)
