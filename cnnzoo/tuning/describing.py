"""What is written down of a search, and must be the same for it to go on."""

import inspect
from dataclasses import asdict
from typing import Any

from cnnzoo.builders import kind_of, path_of
from cnnzoo.data.dataset import DataInfo
from cnnzoo.tuning.hypermodel import ZooHyperModel
from cnnzoo.tuning.proposing import settings_of
from cnnzoo.tuning.workers import Plan


def describe(plan: Plan, hypermodel: ZooHyperModel, info: DataInfo) -> dict[str, Any]:
    """Return what must be the same for a search to go on, and for a worker to take part."""
    space = hypermodel.space
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
        "seeds": [*plan.seeds],
        "fingerprint": info.fingerprint,
    }


def describe_tuner(tuner: Any, oracle: Any) -> dict[str, Any]:
    """Return what besides must be the same for a search to go on; only the chief proposes."""
    called = tuner if isinstance(tuner, type | str) else type(tuner)
    return {
        "tuner": called if isinstance(called, str) else called.__name__,
        "tuner_settings": settings_of(oracle),
    }


def _purpose(model: Any, info: DataInfo) -> dict[str, Any]:
    """Return what the data make of the model, as far as its builder takes it."""
    if kind_of(model) in ("hp", "hypermodel"):
        return {}
    purpose = {"input_shape": [*info.input_shape], "classes": info.classes}
    takes = purpose if isinstance(model, str) else inspect.signature(model).parameters
    return {name: value for name, value in purpose.items() if name in takes}
