"""The study metric that measures the same as the objective of a search."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cnnzoo.builders import find_builder
from cnnzoo.runtime.error_text import line_of
from cnnzoo.shared_toggles import by_group
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import (
    ACCURACIES,
    NEAREST,
    SAME_NAME,
    WITHOUT_SPLIT,
    Direction,
    name_of,
)
from cnnzoo.training.metric_texts import STANDARD_NAMES, output_and_metric
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.results import SearchResults
from cnnzoo.tuning.records import Objective

if TYPE_CHECKING:
    from cnnzoo.models.compiled_loss import CompiledLoss

VALIDATION = "val_"
"""Prefix of the metrics that Keras measures on the validation data."""


@dataclass(frozen=True)
class Counterpart:
    """The study metric that stands for the objective of a search.

    Parameters
    ----------
    metric
        First metric of the studies.
    reason
        Why it does not measure the same as the objective; empty if it does.
    """

    metric: str
    reason: str = ""

    def note(self, compared: str) -> str:
        """Return a sentence on the metric that is compared instead of the objective, or ""."""
        if not self.reason:
            return ""
        return (
            f"The studies compare {compared}, because {self.reason}. The optimism of the search's "
            "score is unknown."
        )


def objective_of(search: SearchResults) -> Objective:
    """Return the objective of a search; without a name if it is unknown."""
    return search.objective or Objective("", Direction.MIN)


def find_counterpart(
    search: SearchResults, model: str, data: str, levels: Mapping[str, Level]
) -> Counterpart:
    """Find the study metric that measures the same as the objective of a search.

    If the name of the objective is not enough, the winner is built from its levels to inspect its
    metrics.
    """
    name = objective_of(search).name
    plain = name.removeprefix(VALIDATION)
    if "objective" in search.project.search:  # of `cnnzoo.tune`, which measures as studies do
        further = {name_of(text): text for text in search.project.search.get("metrics", ())}
        if plain in STANDARD_NAMES or plain in further or output_and_metric(plain)[0]:
            return Counterpart(further.get(plain, plain))
    ends = (metric for end, metric in NEAREST.items() if plain == end or plain.endswith(f"_{end}"))
    near = plain if plain in STANDARD_NAMES and plain not in WITHOUT_SPLIT else next(ends, "loss")
    if not name.startswith(VALIDATION):
        return Counterpart(near, f"{name} of the search is not a metric of Keras's validation data")
    if plain in SAME_NAME:
        return Counterpart(SAME_NAME[plain])
    from cnnzoo.models.compiled_loss import loss_of

    try:
        built, classes_seen = _winner(model, data, levels)
        loss = loss_of(built)
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        reason = f"the model of the search cannot be built to identify {name}"
        return Counterpart(near, f"{reason} ({line_of(error).rstrip('.')})")
    return _compiled_counterpart(built, loss, name, near, classes_seen)


def _winner(model: str, data: str, levels: Mapping[str, Level]) -> tuple[Any, bool]:
    """Build the winner; return it and whether every class is among the validation labels."""
    import numpy as np

    from cnnzoo.data import load_data
    from cnnzoo.data.targets import arrays_of

    recipe = asdict(Recipe())
    toggles, data_toggles = by_group({n: v for n, v in levels.items() if n not in recipe})
    loaded = load_data(data, **data_toggles)  # type: ignore[arg-type]
    info = loaded.info
    built = find_builder(model).build(toggles, info.input_shape, info.classes, 0)
    (labels, *_) = arrays_of(loaded.validation.y).values()
    return built, len(np.unique(labels)) == info.classes


def _compiled_counterpart(
    built: Any, loss: "CompiledLoss", name: str, near: str, classes_seen: bool
) -> Counterpart:
    plain = name.removeprefix(VALIDATION)
    if plain == "loss":
        if built.losses:
            return Counterpart(
                near,
                f"{name} of the search contains the model's penalties, which their own loss omits",
            )
        return Counterpart("loss")
    metrics = _metrics(built.get_compile_config().get("metrics"))
    kind, options = next((metric for metric in metrics if _name_of(*metric) == plain), (plain, {}))
    labels = ACCURACIES.get(kind)
    if labels:
        threshold = 0.0 if loss.logits else 0.5
        fits = labels != "binary" or options.get("threshold", 0.5) == threshold
        if labels == loss.choice.labels and fits:
            return Counterpart("accuracy")
        compiled = f"a model with the loss {loss.choice.function}"
        return Counterpart(near, f"{name} of the search is not the accuracy of {compiled}")
    if kind == "F1Score":
        macro = options.get("average") == "macro" and options.get("threshold") is None
        if macro and classes_seen:
            return Counterpart("macro_f1")
        reason = "its average is not macro, or it has a threshold"
        if macro:
            reason = "not every class is among the validation labels"
        return Counterpart(near, f"{name} of the search is not the studies' macro F1 ({reason})")
    return Counterpart(near, f"they do not measure {name}, the objective of the search")


def _metrics(compiled: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the class or function of each compiled metric, with its options."""
    if isinstance(compiled, str):
        yield compiled, {}
    elif isinstance(compiled, list | tuple):
        for metric in compiled:
            yield from _metrics(metric)
    elif isinstance(compiled, dict) and "class_name" in compiled:
        options = compiled.get("config")
        if isinstance(options, dict):
            yield compiled["class_name"], options
        elif isinstance(options, str):  # a function
            yield options, {}
    elif isinstance(compiled, dict):
        yield from _metrics(list(compiled.values()))


def _name_of(kind: str, options: Mapping[str, Any]) -> str:
    return str(options.get("name", kind))
