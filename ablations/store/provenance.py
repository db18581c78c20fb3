"""Provenance: the machine, the code and the versions that results come from."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cnnzoo
from ablations.store import Store
from ablations.study import Study
from ablations.study.models import find_builder
from cnnzoo.runtime.code_version import files_version, training_files
from cnnzoo.runtime.keras_backend import backend_version

PACKAGES = ("cnnzoo", "keras", "tensorflow", "numpy")

PART_OF_A_TRIAL = ("study/models.py", "study/space.py", "running/trial.py")
"""What of this package decides what comes of a trial."""


def trial_code_version(zoo: Path, ablations: Path) -> str:
    """Return a digest of the packages' own code that a trial runs.

    Parameters
    ----------
    zoo, ablations
        The folders of the two packages.

    Returns
    -------
    str
        12 hexadecimal digits, which do not depend on where the folders are.
    """
    own = {f"ablations/{name}": ablations / name for name in PART_OF_A_TRIAL}
    return files_version({**training_files(zoo), **own})


def context_of(model: str, fingerprint: str, arithmetic: str, weights: str = "") -> dict[str, str]:
    """Return the context that results of a model on some data belong to.

    Parameters
    ----------
    model
        As a study names it.
    fingerprint
        Of the data.
    arithmetic
        How the processes compute that train.
    weights
        Digest of the weights that builders load; "" if they load none.

    Returns
    -------
    dict
        Versions of packages, ``cnnzoo`` with a digest of the code that a trial runs; ``backend``,
        Keras's with its version; ``data``, the fingerprint; ``arithmetic``; ``weights``, if
        there are any; and ``model``, the version of a builder's own code, if it is not the zoo's.
    """
    code = find_builder(model).version
    packages = {name: _version(name) for name in PACKAGES}
    packages["cnnzoo"] += f" ({_own_code()})"
    own = {"model": code} if code else {}
    own |= {"weights": weights} if weights else {}
    computed = {"data": fingerprint, "arithmetic": arithmetic}
    return {**packages, "backend": backend_version(), **computed, **own}


def changes(
    store: Store, study: Study, context: Mapping[str, str], machine: Mapping[str, str]
) -> list[str]:
    """Say what differs between the last run that a store holds and the one about to begin.

    Parameters
    ----------
    store
        Of the study.
    study, context, machine
        Of the run about to begin.

    Returns
    -------
    list of str
        A sentence or two for each difference; none if there was no run.
    """
    said = []
    known, before, last = store.contexts(), store.context, store.spec
    if known and before != context:
        changed = f"since what they depend on changed: {difference(before, context)}."
        if context in known:
            said.append(f"Going on with other results than the last run's, {changed}")
        else:
            said.append(f"Not reusing earlier results, {changed}")
    recipe = json.loads(json.dumps(study.to_dict()["recipe"]))
    if last is not None and last["recipe"] != recipe:
        changed = difference(last["recipe"], recipe)
        said.append(f"The recipe changed since the last run: {changed}.")
    machines = (row["machine"] for row in store.results(context).values())
    others = dict.fromkeys(filter(None, (other_machine(one, machine) for one in machines)))
    said += [
        f"Some results here come from another machine: {other}. Trials repeat bit for bit on one "
        "machine only; between two, training may amplify a difference in the last bits."
        for other in others
    ]
    return said


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what changed.

    Examples
    --------
    >>> difference({"keras": "3.14", "numpy": "2.1"}, {"keras": "3.15", "numpy": "2.1"})
    'keras from 3.14 to 3.15'
    """
    return "; ".join(
        f"{name} from {before.get(name)} to {now[name]}"
        for name in now
        if before.get(name) != now[name]
    )


@cache
def _own_code() -> str:
    """Return the digest of the code as it was when this process first asked."""
    return trial_code_version(Path(cnnzoo.__file__).parent, Path(__file__).parents[1])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


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
