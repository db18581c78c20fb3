"""The metric of a study that measures the same as the objective of a search."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ablations.search.studies import objective_of
from ablations.study.checks import METRICS
from cnnzoo.builders import by_group, find_builder
from cnnzoo.runtime.error_text import line_of
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import ACCURACIES, NEAREST, SAME_NAME
from cnnzoo.training.recipe import Recipe
from cnnzoo.tuning.reading.results import SearchResults

if TYPE_CHECKING:
    from cnnzoo.models.compiled_loss import CompiledLoss

VALIDATION = "val_"
"""Before the name of a metric that Keras measures on the validation data."""


@dataclass(frozen=True)
class Counterpart:
    """The metric that a study measures in place of the objective of a search.

    Parameters
    ----------
    metric
        That the studies compare first.
    reason
        Why it is not the same as the objective; empty where it is.
    """

    metric: str
    reason: str = ""

    def note(self, compared: str) -> str:
        """Say what the studies compare instead, and that the optimism is unknown; "" if known."""
        if not self.reason:
            return ""
        return (
            f"The studies compare {compared}, because {self.reason}. The optimism of the search's "
            "score is unknown."
        )


def find_counterpart(
    search: SearchResults, model: str, data: str, levels: Mapping[str, Level]
) -> Counterpart:
    """Find the metric of a study that measures the same as the objective of a search.

    Where the name does not tell, the winner is built and its compiled metric is looked at.

    Parameters
    ----------
    search
        The search.
    model, data
        As of `ablations.Study`.
    levels
        Of the winner.
    """
    name = objective_of(search).name
    plain = name.removeprefix(VALIDATION)
    if "objective" in search.project.search and plain in METRICS:
        return Counterpart(plain)  # of `cnnzoo.tune`, which measures as studies do
    ends = (metric for end, metric in NEAREST.items() if plain == end or plain.endswith(f"_{end}"))
    near = plain if plain in METRICS else next(ends, "loss")
    if not name.startswith(VALIDATION):
        return Counterpart(near, f"{name} of the search is not a metric of Keras's validation data")
    if plain in SAME_NAME:
        return Counterpart(SAME_NAME[plain])
    from cnnzoo.models.compiled_loss import loss_of

    try:
        built, classes_seen = _winner(model, data, levels)
        loss = loss_of(built)
    except (Exception, SystemExit) as error:  # a user's builder may raise anything
        reason = f"the model of the search, which would tell what {name} is, cannot be built"
        return Counterpart(near, f"{reason} ({line_of(error).rstrip('.')})")
    return _compiled_counterpart(built, loss, name, near, classes_seen)


def _winner(model: str, data: str, levels: Mapping[str, Level]) -> tuple[Any, bool]:
    """Return the winner, built, and whether each class is among the validation labels."""
    import numpy as np

    from cnnzoo.data import load_data

    recipe = asdict(Recipe())
    toggles, of_data = by_group({n: level for n, level in levels.items() if n not in recipe})
    loaded = load_data(data, **of_data)  # type: ignore[arg-type]
    info = loaded.info
    built = find_builder(model).build(toggles, info.input_shape, info.classes, 0)
    return built, len(np.unique(loaded.validation[1])) == info.classes


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
    listed = _metrics(built.get_compile_config().get("metrics"))
    kind, options = next((one for one in listed if _name_of(*one) == plain), (plain, {}))
    labels = ACCURACIES.get(kind)
    if labels:
        usual = 0.0 if loss.logits else 0.5
        cut_right = labels != "binary" or options.get("threshold", 0.5) == usual
        if labels == loss.choice.labels and cut_right:
            return Counterpart("accuracy")
        kept = f"a model with the loss {loss.choice.function}"
        return Counterpart(near, f"{name} of the search is not the accuracy of {kept}")
    if kind == "F1Score":
        whole = options.get("average") == "macro" and options.get("threshold") is None
        if whole and classes_seen:
            return Counterpart("macro_f1")
        lacking = "not each class is among the validation labels"
        why = lacking if whole else "its average is not macro, or it has a threshold"
        return Counterpart(near, f"{name} of the search is not the studies' macro F1 ({why})")
    return Counterpart(near, f"they do not measure {name}, the objective of the search")


def _metrics(compiled: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the compiled metrics by their class or function, with their options."""
    if isinstance(compiled, str):
        yield compiled, {}
    elif isinstance(compiled, list | tuple):
        for one in compiled:
            yield from _metrics(one)
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
