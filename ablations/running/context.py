"""What a result depends on besides its trial, and what changed of it."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cnnzoo
from ablations.store import Store
from ablations.store.machine import other_machine
from ablations.study import Study
from ablations.study.models import find_builder
from cnnzoo.code_version import files_version, training_files
from cnnzoo.keras_backend import backend_version

PACKAGES = ("cnnzoo", "keras", "tensorflow", "numpy")

PART_OF_A_TRIAL = ("study/models.py", "study/space.py", "trial.py")
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
