"""The search manifest (``search.json``). A search resumes only if it is unchanged.

It holds the arguments of the search, and the versions of all that its scores depend on.
"""

import contextlib
import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnnzoo.builders import find_builder
from cnnzoo.data.dataset import DataInfo
from cnnzoo.model_paths import kind_of, path_of
from cnnzoo.runtime.code_version import difference, trial_versions
from cnnzoo.runtime.files import LockedError, lock
from cnnzoo.training.custom_metrics import metric_versions
from cnnzoo.tuning.oracle import settings_of
from cnnzoo.tuning.records import ORACLE, SEARCH, SearchError, write_json
from cnnzoo.tuning.trainer import Plan

PACKAGES = ("keras", "keras-tuner", "tensorflow", "numpy")

RUN_TRIAL = "cnnzoo.tuning.trainer"
"""Module that trains a configuration. A score depends on the files that it imports."""


def describe(plan: Plan, info: DataInfo, tuner: Any, oracle: Any) -> dict[str, Any]:
    """Return the arguments of a search that must not change when it is resumed.

    Parameters
    ----------
    plan
        What the search trains.
    info
        Description of its data.
    tuner, oracle
        What proposes: the argument of `tune`, and the oracle made from it.
    """
    space = plan.space
    maker = tuner if isinstance(tuner, type | str) else type(tuner)
    return {
        "model": path_of(plan.model),
        "data": plan.data if isinstance(plan.data, str) else "",
        "about_data": str(info),
        "builder": kind_of(plan.model),
        **_purpose(plan.model, info),
        "search": [*space.searched],
        "space": space.describe(),
        "fixed": dict(space.held),
        "others": dict(space.others),
        "recipe": asdict(plan.recipe),
        "objective": asdict(plan.objective),
        **({"metrics": [*plan.metrics]} if plan.metrics else {}),
        "seeds": [*plan.seeds],
        "fingerprint": info.fingerprint,
        "tuner": maker if isinstance(maker, str) else maker.__name__,
        "tuner_settings": settings_of(oracle),
    }


def _purpose(model: Any, info: DataInfo) -> dict[str, Any]:
    """Return the shape and the classes of the data, as far as the builder takes them."""
    if kind_of(model) in ("hp", "hypermodel"):
        return {}
    purpose = {"input_shape": [*info.input_shape], "classes": info.classes}
    function = find_builder(model).function
    accepted = purpose if isinstance(model, str) else inspect.signature(function).parameters
    return {name: value for name, value in purpose.items() if name in accepted}


def versions_of(model: Any, weights: str = "", metrics: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions that the scores of a model depend on.

    Parameters
    ----------
    model
        The searched model.
    weights
        Digest of the weights that its builder loads; "" if it loads none.
    metrics
        Texts of the requested metrics.

    Returns
    -------
    dict
        The versions of `cnnzoo.runtime.code_version.trial_versions`, with the version of a custom
        model's and a custom metric's code under its name, and ``weights`` if its builder loads any.
    """
    others = {
        path_of(model): find_builder(model).version,
        "weights": weights,
        **metric_versions(metrics),
    }
    return trial_versions(RUN_TRIAL, PACKAGES, **others)


def begin(directory: Path, description: Mapping[str, Any], versions: Mapping[str, str]) -> None:
    """Write the manifest, or compare with the one that is there.

    Parameters
    ----------
    directory
        Directory of the search.
    description
        From `describe`.
    versions
        From `versions_of`.

    Raises
    ------
    SearchError
        If the directory holds another search, or one with other versions.
    """
    path = directory / SEARCH
    plain = json.loads(json.dumps(description, default=str))
    if not path.exists():
        if (directory / ORACLE).exists():
            raise SearchError(
                f"{directory} holds a search that cnnzoo did not make. Choose another directory."
            )
        write_json(path, {**plain, "versions": dict(versions)})
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    earlier = before.pop("versions", {})
    if changed := difference(before, plain):
        raise SearchError(
            f"{directory} holds another search; this one changes {changed}. Choose another "
            "directory."
        )
    if changed := difference(earlier, versions):
        raise SearchError(
            f"The scores in {directory} do not compare with new ones, because of a change of "
            f"{changed}. Restore it, or choose another directory. cnnzoo.open_search still reads "
            "this one."
        )


def check_directory(directory: Any) -> Path:
    """Return the absolute path of the directory of a search.

    Raises
    ------
    SearchError
        If there can be no such directory.
    """
    if not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
        raise SearchError(f"`directory`: expected a path; got {directory!r}.")
    place = Path(directory).expanduser().resolve()
    existing = next(path for path in (place, *place.parents) if path.exists())
    if not existing.is_dir():
        raise SearchError(
            f"`directory`: expected a folder or the name of a new one; got {place}, and {existing} "
            "is a file."
        )
    return place


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Create and lock a directory. A process that dies releases its lock.

    Raises
    ------
    SearchError
        If another search runs in the directory, or it cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = lock(directory / ".running")
    except LockedError as error:
        raise SearchError(
            f"Another search is running in {directory}, in process {error.holder}."
        ) from error
    except OSError as error:
        raise SearchError(
            f"`directory`: cannot write to {directory}: {error.strerror}. Choose another directory."
        ) from error
    try:
        yield
    finally:
        held.release()
