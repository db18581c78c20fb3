"""What a machine is, as far as results depend on it: to the last bits they do.

Its name is left out on purpose: reports are handed on.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

PROC = Path("/proc")


def describe_machine(proc: Path = PROC) -> dict[str, str]:
    """Describe this machine, without loading anything.

    Parameters
    ----------
    proc
        Where Linux tells of it.

    Returns
    -------
    dict
        ``python`` and ``system``; ``cpu``, its model; ``cores`` that this process may use;
        ``memory`` in GiB; ``gpus``, NVIDIA's models, if there are any.

    Examples
    --------
    >>> describe_machine()["cores"].isdigit()
    True
    """
    found = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": _field(proc / "cpuinfo", "model name") or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _gibibytes(_field(proc / "meminfo", "MemTotal")),
        "gpus": ", ".join(
            _field(path, "Model") for path in sorted(proc.glob("driver/nvidia/gpus/*/information"))
        ),
    }
    return {name: value for name, value in found.items() if value}


def all_machines(machines: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Describe the machines of several results, what differs one after the other.

    Examples
    --------
    >>> all_machines([{"cpu": "A", "cores": "2"}, {"cpu": "B", "cores": "2"}])
    {'cpu': 'A; B', 'cores': '2'}
    """
    names = dict.fromkeys(name for machine in machines for name in machine)
    return {
        name: "; ".join(dict.fromkeys(str(machine.get(name, "none")) for machine in machines))
        for name in names
    }


def other_machine(earlier: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say what makes two machines compute differently; empty if nothing known does.

    Examples
    --------
    >>> other_machine({"cpu": "A", "cores": "2"}, {"cpu": "B", "cores": "4"})
    'cpu A, here B'
    """
    if "cpu" not in earlier:
        return ""
    return "; ".join(
        f"{name} {earlier.get(name, 'none')}, here {now.get(name, 'none')}"
        for name in ("cpu", "gpus")
        if earlier.get(name) != now.get(name)
    )


def _field(path: Path, name: str) -> str:
    """Return the value of the first line "name : value"; empty if there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _gibibytes(kibibytes: str) -> str:
    number = kibibytes.removesuffix(" kB")
    return f"{int(number) / 2**20:.0f} GiB" if number.isdigit() else ""
