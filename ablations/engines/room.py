"""What the machine, or the part of it that this process may use, has room for."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

MEMORY_A_WORKER = 1.5 * 2**30
"""Bytes that a worker with TensorFlow and a small model may come to need."""

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")

MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of each version of control groups: the files of the limit and of what is used, and what counts
as used in ``memory.stat`` though it would be given up: files that were read."""


def default_workers(gpus: int = 0) -> int:
    """Return one worker a GPU or, without any, a core, as far as memory goes."""
    if gpus:
        return gpus
    return max(1, int(min(available_cores(), available_memory() / MEMORY_A_WORKER)))


def available_cores(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """Return how many cores this process and its children may keep busy, at least 1.

    Parameters
    ----------
    proc, groups
        As of `available_memory`.

    Examples
    --------
    >>> 1 <= available_cores() <= len(os.sched_getaffinity(0))
    True
    """
    quotas = (_quota(folder) for folder in _own_groups(proc, groups, "cpu"))
    return max(1, math.floor(min([len(os.sched_getaffinity(0)), *quotas])))


def available_memory(proc: Path = PROC, groups: Path = GROUPS) -> float:
    """Return the bytes that this process and its children may still take.

    Parameters
    ----------
    proc, groups
        Where the system tells of processes and of control groups.

    Returns
    -------
    float
        Infinite where nothing tells.
    """
    rooms = [_of_the_machine(proc)]
    for folder in _own_groups(proc, groups, "memory"):
        rooms += [_of_the_group(folder, *names) for names in MEMORY]
    return max(0.0, min(rooms))


def _of_the_machine(proc: Path) -> float:
    """Return what could be had without swapping, in which the page cache counts as free."""
    kilobytes = _fields(proc / "meminfo").get("MemAvailable:")
    return math.inf if kilobytes is None else float(kilobytes) * 1024


def _own_groups(proc: Path, groups: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the own control groups for one thing, and of those above them."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = groups / controller if controllers else groups
        own = root / path.strip("/")
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _of_the_group(folder: Path, limit: str, used: str, cached: str) -> float:
    """Return what is left to a control group; infinite if it has no limit."""
    limits = _lines(folder / limit)
    if not limits or limits[0] == "max":
        return math.inf
    reclaimable = float(_fields(folder / "memory.stat").get(cached, 0))
    return float(limits[0]) - float("".join(_lines(folder / used)) or 0) + reclaimable


def _quota(folder: Path) -> float:
    """Return the cores' worth of time that a control group may take; infinite if all."""
    quota, period = [*" ".join(_lines(folder / "cpu.max")).split(), "", ""][:2]
    if not quota:  # of the first version
        quota, period = (
            "".join(_lines(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period")
        )
    if not quota or not period or quota in ("max", "-1"):
        return math.inf
    return float(quota) / float(period)


def _fields(path: Path) -> dict[str, str]:
    return {words[0]: words[1] for words in map(str.split, _lines(path)) if len(words) > 1}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # the system does not tell
        return []
