"""Provenance: the machine, the code and the versions that results come from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ablations.store import Store
from ablations.study import Study
from cnnzoo.builders import find_builder
from cnnzoo.runtime.code_version import difference, trial_versions
from cnnzoo.training.custom_metrics import metric_versions

PACKAGES = ("keras", "tensorflow", "numpy")

RUN_TRIAL = "ablations.running.trial"
"""Module that runs a trial. A result depends on the files that it imports."""


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
    return sentences + [mixed_machines(other) for other in others]


def mixed_machines(other: str) -> str:
    """Say that results come from another machine, which `other_machine` describes."""
    return (
        f"Some results here come from another machine: {other}. Trials repeat bit for bit on one "
        "machine only; between two, training may amplify a difference in the last bits."
    )


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
