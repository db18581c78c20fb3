"""Custom metrics: found by their texts, and the versions of their code, without Keras."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cnnzoo.runtime.code_version import code_version
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.toggle import ToggleError
from cnnzoo.training.metric_names import parts_of
from cnnzoo.training.metric_texts import kind_of_metric


def metric_versions(texts: Sequence[str]) -> dict[str, str]:
    """Return the version of the code of each custom metric, by its text.

    Raises
    ------
    ToggleError
        If one cannot be imported.
    """
    custom = (text for text in texts if kind_of_metric(text) == "custom")
    return {text: code_version(*import_metric(text)) for text in custom}


def import_metrics(texts: Sequence[str]) -> None:
    """Import the modules of custom metrics.

    Raises
    ------
    ToggleError
        If one cannot be imported.
    """
    for text in texts:
        if kind_of_metric(text) == "custom":
            import_metric(text)


def import_metric(text: str) -> tuple[Any, Any]:
    """Return the function or class of a custom metric, and its module.

    Raises
    ------
    ToggleError
        If it cannot be imported.
    """
    path = parts_of(text).path
    where, _, name = path.partition(":")
    try:
        found = module = import_module(where)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a module may raise anything
        raise ToggleError(
            f"`metrics`: cannot import {path!r} ({reason_of(error).rstrip('.')}). Expected "
            "'package.module:function'."
        ) from error
    return found, module
