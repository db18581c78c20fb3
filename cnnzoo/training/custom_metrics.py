"""Custom metrics: found by their texts, and the versions of their code, without Keras."""

from collections.abc import Sequence
from typing import Any

from cnnzoo.model_paths import BuilderError, import_builder
from cnnzoo.runtime.code_version import MAIN, code_version
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
    try:
        return import_builder(path)
    except BuilderError as error:
        raise ToggleError(str(error).replace("`model`", "`metrics`", 1)) from error


def metrics_to_send(texts: Sequence[str]) -> dict[str, Any]:
    """Return the custom metrics that worker processes cannot import, by path.

    Raises
    ------
    ToggleError
        If this process cannot find one either.
    """
    paths = {text: parts_of(text).path for text in texts if kind_of_metric(text) == "custom"}
    return {
        path: import_metric(text)[0]
        for text, path in paths.items()
        if path.partition(":")[0] in MAIN
    }
