"""Machine: what may change the last bits of a result, and how fast it computes."""

import platform
from pathlib import Path

PROC = Path("/proc")


def describe_machine(proc: Path = PROC) -> dict[str, str]:
    """Describe this machine.

    Parameters
    ----------
    proc
        Folder in which Linux describes it.

    Returns
    -------
    dict
        ``python`` and ``system``; ``cpu``, its model; ``cores``, those that this process may use;
        ``memory`` in GiB; ``gpus``, the models of NVIDIA's if there are any.

    Examples
    --------
    >>> describe_machine()["cores"].isdigit()
    True
    """
    import joblib
    import psutil

    gpus = sorted(proc.glob("driver/nvidia/gpus/*/information"))
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": _field(proc / "cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(joblib.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "gpus": ", ".join(_field(path, "Model") for path in gpus),
    }
    return {name: value for name, value in machine.items() if value}


def _field(path: Path, name: str) -> str:
    """Return the value of the first line "name : value"; "" if there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
