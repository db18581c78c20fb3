"""Resources that this process may use: cores, memory, GPUs; and how many workers they allow."""

import math
import os
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

from cnnzoo.runtime.shares import how_many

MEMORY_PER_WORKER = 1.5 * 2**30
"""Bytes that a worker with TensorFlow and a small model may need."""

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")

MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""For each version of control groups: the files with the limit and the usage, and the field of
``memory.stat`` that counts as used but can be reclaimed (the page cache)."""

DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""Paths of which one exists if there is an NVIDIA driver: on Linux, and on Linux under Windows."""


def default_workers(gpus: int = 0, cpus_each: float = 1, gpus_each: float = 1) -> int:
    """Return as many workers as GPUs allow or, without GPUs, as cores and memory allow.

    Parameters
    ----------
    gpus
        Number of GPUs.
    cpus_each, gpus_each
        Cores and GPUs of a worker.

    Examples
    --------
    >>> default_workers(2), default_workers(2, gpus_each=0.25)
    (2, 8)
    """
    if gpus:
        return how_many(gpus, gpus_each)
    by_cores, by_memory = how_many(available_cores(), cpus_each), available_memory()
    return max(1, int(min(by_cores, by_memory / MEMORY_PER_WORKER)))


def available_cores(proc: Path = PROC, groups: Path = GROUPS) -> int:
    """Return the number of cores that this process and its children may use, at least 1.

    Parameters
    ----------
    proc, groups
        As in `available_memory`.

    Examples
    --------
    >>> 1 <= available_cores() <= os.cpu_count()
    True
    """
    quotas = (_quota(folder) for folder in _own_groups(proc, groups, "cpu"))
    return max(1, math.floor(min([_allowed_cores(), *quotas])))


def available_memory(proc: Path = PROC, groups: Path = GROUPS) -> float:
    """Return the bytes that this process and its children may still allocate.

    Parameters
    ----------
    proc, groups
        Folders in which the system describes processes and control groups.

    Returns
    -------
    float
        Infinite if the system does not tell.
    """
    limits = [_machine_memory(proc)]
    for folder in _own_groups(proc, groups, "memory"):
        limits += [_group_memory(folder, *names) for names in MEMORY]
    return max(0.0, min(limits))


def count_gpus() -> int:
    """Return the number of GPUs that TensorFlow can use; 0 if it was built without CUDA."""
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def find_gpus(count: Callable[[], int]) -> list[str]:
    """Return the GPUs to use, each as ``CUDA_VISIBLE_DEVICES`` names it.

    Parameters
    ----------
    count
        Returns how many GPUs TensorFlow can use. Called only if there may be some.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = None if visible is None else _named(visible)
    if named == [] or not any(driver.exists() for driver in DRIVERS):
        return []
    usable = count()
    return [str(index) for index in range(usable)] if named is None else named[:usable]


def _allowed_cores() -> int:
    """Return the number of cores that the system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


def _machine_memory(proc: Path) -> float:
    """Return the memory available without swapping. The page cache counts as available."""
    if not proc.exists():  # macOS and Windows
        import psutil

        return float(psutil.virtual_memory().available)
    kilobytes = _fields(proc / "meminfo").get("MemAvailable:")
    return math.inf if kilobytes is None else float(kilobytes) * 1024


def _own_groups(proc: Path, groups: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups of a controller, and of their parents."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = groups / controller if controllers else groups
        own = root / path.strip("/")
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _group_memory(folder: Path, limit: str, used: str, cached: str) -> float:
    """Return the memory available to a control group; infinite if it has no limit."""
    limits = _lines(folder / limit)
    if not limits or limits[0] == "max":
        return math.inf
    reclaimable = float(_fields(folder / "memory.stat").get(cached, 0))
    return float(limits[0]) - float("".join(_lines(folder / used)) or 0) + reclaimable


def _quota(folder: Path) -> float:
    """Return the number of cores that a control group may use; infinite without a quota."""
    quota, period = [*" ".join(_lines(folder / "cpu.max")).split(), "", ""][:2]
    if not quota:  # version 1 of control groups
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
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # the system does not tell
        return []


def _named(visible: str) -> list[str]:
    """Read the variable as CUDA does: the list ends before the first name that is not a GPU."""
    names = map(str.strip, visible.split(","))
    return list(takewhile(lambda name: name and not name.startswith("-"), names))
