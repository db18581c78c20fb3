"""Provenance: the machine, the code and the versions that results come from."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ablations.store import Store
from ablations.study import Study
from cnnzoo.builders import find_builder
from cnnzoo.runtime.code_version import difference, trial_versions
from cnnzoo.training.custom_metrics import metric_versions

PACKAGES = ("keras", "tensorflow", "numpy")

RUN_TRIAL = "ablations.running.trial"
"""Module that runs a trial. A result depends on the files that it imports."""

PROC = Path("/proc")


def context_of(
    model: str,
    fingerprint: str,
    arithmetic: str,
    weights: str = "",
    metrics: Sequence[str] = (),
) -> dict[str, str]:
    """Return the context that results of a model on some data belong to.

    Parameters
    ----------
    model
        Model as a study names it.
    fingerprint
        Fingerprint of the data.
    arithmetic
        How the training processes compute; see `cnnzoo.runtime.determinism`.
    weights
        Digest of the weights that builders load; "" if they load none.
    metrics
        Texts of the study's metrics.

    Returns
    -------
    dict
        The versions of `cnnzoo.runtime.code_version.trial_versions`, with ``data``, the
        fingerprint; ``arithmetic``; ``weights`` if there are any; and the versions of custom code:
        ``model`` of a builder, and the text of each custom metric.
    """
    return trial_versions(
        RUN_TRIAL,
        PACKAGES,
        data=fingerprint,
        arithmetic=arithmetic,
        model=find_builder(model).version,
        weights=weights,
        **metric_versions(metrics),
    )


def changes(
    store: Store, study: Study, context: Mapping[str, str], machine: Mapping[str, str]
) -> list[str]:
    """Describe what differs between the last run of a store and the one about to start.

    Parameters
    ----------
    store
        Store of the study.
    study, context, machine
        Study, context and machine of the run about to start.

    Returns
    -------
    list of str
        One or two sentences per difference; none if there was no run.
    """
    sentences = []
    contexts, before, last = store.contexts(), store.context, store.study
    if contexts and before != context:
        changed = f"what they depend on has changed: {difference(before, context)}."
        if context in contexts:
            sentences.append(f"Results of an earlier run than the last are used, because {changed}")
        else:
            sentences.append(f"Earlier results are not used, because {changed}")
    if last is not None and last.recipe != study.recipe:
        changed = difference(asdict(last.recipe), asdict(study.recipe))
        sentences.append(f"The recipe has changed since the last run: {changed}.")
    machines = store.machines(context)
    others = dict.fromkeys(filter(None, (other_machine(one, machine) for one in machines)))
    sentences += [
        f"Some results here come from another machine: {other}. Trials repeat bit for bit on one "
        "machine only; between two, training may amplify a difference in the last bits."
        for other in others
    ]
    return sentences


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


def all_machines(machines: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Describe the machines of several results, with different values separated by "; ".

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
    """Describe why two machines may compute differently; "" if no reason is known.

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
