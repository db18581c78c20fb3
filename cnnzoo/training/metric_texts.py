"""The texts of requested metrics: read from what a user gives, and checked, without Keras."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from cnnzoo.data.dataset import OutputInfo, Task
from cnnzoo.data.targets import NAME
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.training.metric_names import (
    BY_CLASS,
    MINORITY,
    ON_REQUEST,
    SPLIT_OF,
    TEST,
    WITHOUT_SPLIT,
    Direction,
    better_direction,
    call_of,
    name_of,
    parts_of,
    snake_case,
)

STANDARD: dict[Task, tuple[str, ...]] = {
    "classification": ("loss", "accuracy", "macro_f1", MINORITY, "nll", *WITHOUT_SPLIT),
    "regression": ("loss", "mae", "rmse", *WITHOUT_SPLIT),
}
"""Metrics of ``cnnzoo.train`` that need not be requested, and those of the doctor, by task."""

STANDARD_NAMES = tuple(dict.fromkeys(name for names in STANDARD.values() for name in names))

OF_OUTPUT = tuple(name for name in STANDARD_NAMES if name not in WITHOUT_SPLIT)
"""Standard metrics that each of several outputs has, according to its task."""

MEANS = tuple(
    f"{kind}_{name}"
    for name in BY_CLASS
    for kind in ("macro", "weighted")
    if f"{kind}_{name}" not in STANDARD["classification"]
)
"""Means over the classes."""

TOP_K, CALIBRATION, BRIER = "top_k_accuracy", "ece", "brier"
"""Further metrics of the predictions; see `cnnzoo.training.predictions`."""

OF_PREDICTIONS = (
    *MEANS,
    *(f"{name}[CLASS]" for name in BY_CLASS),
    f"{TOP_K}[K]",
    CALIBRATION,
    f"{CALIBRATION}[BINS]",
    BRIER,
)
"""Requested metrics of the predictions of a classifier, as the user may write them."""

ERRORS_OF_KERAS = (
    *("MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError"),
    *("MeanSquaredLogarithmicError", "RootMeanSquaredError", "LogCoshError", "R2Score"),
    *("CosineSimilarity", "ConcordanceCorrelation", "PearsonCorrelation", "Poisson"),
    *("mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error"),
    *("mean_squared_logarithmic_error", "log_cosh", "huber", "poisson"),
    *("concordance_correlation", "pearson_correlation"),
)
"""Metrics of ``keras.metrics`` that compare numbers, so that a regression has them too."""

OF_KERAS = (
    *ERRORS_OF_KERAS,
    *("AUC", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU"),
    *("CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "F1Score"),
    *("FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "MeanIoU"),
    *("OneHotIoU", "OneHotMeanIoU", "Precision", "PrecisionAtRecall", "Recall"),
    *("RecallAtPrecision", "SensitivityAtSpecificity", "SparseCategoricalAccuracy"),
    *("SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity"),
    *("SquaredHinge", "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives"),
    *("binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy"),
    *("categorical_accuracy", "categorical_crossentropy", "categorical_focal_crossentropy"),
    *("categorical_hinge", "hinge", "kl_divergence", "sparse_categorical_accuracy"),
    *("sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge"),
    "top_k_categorical_accuracy",
)
"""Names of ``keras.metrics`` that measure labels and outputs.

Without its Accuracy, which asks whether outputs equal labels as numbers.
"""

Kind = Literal["standard", "predictions", "keras", "custom"]


def kind_of_metric(text: str) -> Kind | None:
    """Return how a metric is measured; None if its name is unknown.

    Examples
    --------
    >>> [kind_of_metric(text) for text in ("nll", "recall[cat]", "AUC", "my_metrics:share", "bleu")]
    ['standard', 'predictions', 'keras', 'custom', None]
    """
    split, path, options, bracket = parts_of(text)
    if ":" in path:
        return "custom"
    if path in OF_KERAS:
        return "keras"
    if options:
        return None
    if path in STANDARD_NAMES:
        return None if bracket or (split and path in WITHOUT_SPLIT) else "standard"
    needed = path in BY_CLASS or path == TOP_K
    if path in (*BY_CLASS, *MEANS, TOP_K, CALIBRATION, BRIER):
        allowed = needed or path == CALIBRATION
        return "predictions" if (allowed if bracket else not needed) else None
    return None


def output_and_metric(text: str) -> tuple[str, str]:
    """Split the text of a metric into the name of an output and the metric of this output.

    Without the name of an output, it is empty. The shortest name that leaves a metric is taken.

    Examples
    --------
    >>> output_and_metric("digit_macro_f1"), output_and_metric("val_digit_recall[3]")
    (('digit', 'macro_f1'), ('digit', 'val_recall[3]'))
    >>> output_and_metric("val_macro_f1"), output_and_metric("balanced_bleu")
    (('', 'val_macro_f1'), ('', 'balanced_bleu'))
    """
    if kind_of_metric(text) is not None:
        return "", text
    split = next((name for name in SPLIT_OF if text.startswith(name)), "")
    words = text.removeprefix(split).split("_")
    for count in range(1, len(words)):
        name, metric = "_".join(words[:count]), "_".join(words[count:])
        if NAME.fullmatch(name) and metrics_of_output([f"{name}_{metric}"], name):
            return name, f"{split}{metric}"
    return "", text


def metrics_of_output(texts: Iterable[str], output: str) -> list[str]:
    """Return the metrics of an output among texts without splits; all if it has no name.

    Examples
    --------
    >>> metrics_of_output(["digit_recall[3]", "parity_brier", "digit_gap"], "digit")
    ['recall[3]']
    """
    if not output:
        return [*texts]
    begin = f"{output}_"
    own = (text.removeprefix(begin) for text in texts if text.startswith(begin))
    return [text for text in own if _may_be_of_output(text)]


def _may_be_of_output(text: str) -> bool:
    kind = kind_of_metric(text)
    split, path, _, _ = parts_of(text)
    if split or path in WITHOUT_SPLIT:
        return False
    return kind in ("standard", "predictions") or (kind == "keras" and snake_case(path) == path)


def standard_of(outputs: Iterable[OutputInfo]) -> tuple[str, ...]:
    """Return the metrics that need not be requested for data with several outputs.

    Examples
    --------
    >>> from cnnzoo.data.dataset import OutputInfo
    >>> standard_of([OutputInfo("angle", "regression", 1, ())])
    ('loss', 'angle_loss', 'angle_mae', 'angle_rmse', 'loss_gap', 'gradient_ratio', 'dead_units')
    """
    of_outputs = (
        f"{output.name}_{metric}"
        for output in outputs
        for metric in STANDARD[output.task]
        if metric in OF_OUTPUT
    )
    return ("loss", *of_outputs, *(name for name in WITHOUT_SPLIT if name != "gap"))


def of_every_output(texts: Iterable[str], outputs: Sequence[OutputInfo]) -> tuple[str, ...]:
    """Return texts in which a standard metric of one output stands for that of every output.

    Parameters
    ----------
    texts
        Texts of metrics.
    outputs
        Descriptions of the outputs; the texts are unchanged if there are none.

    Raises
    ------
    ToggleError
        If no output has the metric.

    Examples
    --------
    >>> from cnnzoo.data.dataset import OutputInfo
    >>> outputs = [OutputInfo(name, "classification", 2, ("a", "b")) for name in ("one", "two")]
    >>> of_every_output(["loss", "val_accuracy", "one_nll"], outputs)
    ('loss', 'validation_one_accuracy', 'validation_two_accuracy', 'one_nll')
    """
    if not outputs:
        return tuple(texts)
    standard = standard_of(outputs)
    result: dict[str, None] = {}
    for text in texts:
        split, path, _, _ = parts_of(text)
        if kind_of_metric(text) != "standard" or path in standard:
            result[text] = None
            continue
        own = [f"{output.name}_{path}" for output in outputs]
        having = [f"{split}{name}" for name in own if name in standard]
        if not having:
            raise ToggleError(
                f"`metrics`: expected any of {', '.join(standard)}, because the data has the "
                f"outputs {', '.join(output.name for output in outputs)}; got {text}."
            )
        result |= dict.fromkeys(having)
    return tuple(result)


def requested(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that are measured only because they are named, without their splits.

    Examples
    --------
    >>> requested(["loss", "val_recall[cat]", "recall[cat]", "AUC"])
    ('AUC', 'recall[cat]')
    """
    plain = {
        text if ":" in text.partition("[")[0] else _without_split(text)
        for text in texts
        if kind_of_metric(output_and_metric(text)[1]) not in ("standard", None)
    }
    return tuple(sorted(plain))


def _without_split(text: str) -> str:
    return next((text.removeprefix(name) for name in SPLIT_OF if text.startswith(name)), text)


def is_requested(given: Any) -> bool:
    """Return whether a user gives a metric that is measured only because it is named.

    Examples
    --------
    >>> is_requested("val_loss"), is_requested("val_recall[cat]"), is_requested("val_bleu")
    (False, True, False)
    """
    if not isinstance(given, str):
        return callable(given)
    try:
        return kind_of_metric(output_and_metric(given)[1]) not in ("standard", None)
    except ValueError:
        return False


def read_metrics(given: Any, outputs: Collection[str] | None = ()) -> tuple[str, ...]:
    """Return the texts of the metrics that a user gives, each once.

    Parameters
    ----------
    given
        One metric or several: names or texts; functions ``f(y_true, y_pred)``; metrics of Keras,
        classes or instances; or pairs of one of these and the better direction, "min" or "max".
    outputs
        Names of the outputs of the data, which may stand before the names of metrics; empty for
        one output, None if they are unknown.

    Raises
    ------
    ToggleError
        If one is unknown or ambiguous, or it is not known whether lower or higher is better.

    Examples
    --------
    >>> read_metrics(["accuracy", "test_accuracy", ("my_metrics:share", "max")])
    ('accuracy', 'my_metrics:share[max]')
    """
    several = isinstance(given, Sequence) and not isinstance(given, str) and not _is_pair(given)
    if not several:
        given = [given]
    texts = [_read(one) for one in given]
    declared = {name_of(text): text for text in texts if kind_of_metric(text)}
    read: dict[str, str] = {}
    for text in texts:
        if kind_of_metric(text) is None and not _is_of_output(text, outputs):
            text = _name_on_split(text, declared, outputs or ())
        name = name_of(text)
        if read.setdefault(name, text) != text:
            raise ToggleError(
                f"`metrics`: expected different names; got {name} for {read[name]} and {text}. "
                "Rename one, a metric of Keras by its argument `name`."
            )
    return tuple(read.values())


def _is_of_output(text: str, outputs: Collection[str] | None) -> bool:
    plain = _without_split(text)
    if outputs is None:
        return bool(output_and_metric(plain)[0])
    return any(name and metrics_of_output([plain], name) for name in outputs)


def _name_on_split(text: str, declared: Mapping[str, str], outputs: Iterable[str]) -> str:
    """Return the text of a declared metric's name on a split, such as "val_share"."""
    plain = _without_split(text)
    for name in declared:
        if plain != text and plain in (name, name.rpartition("[")[0]):
            return f"{parts_of(text).split}{name}".removeprefix(TEST)
    of_outputs = [f"{name}_{metric}" for name in outputs for metric in OF_OUTPUT if name]
    raise unknown_metric(text, declared, of_outputs)


def read_requested(given: Any, outputs: Collection[str] | None = ()) -> tuple[str, ...]:
    """Return the texts of the requested metrics among those that a user gives for one training.

    Parameters
    ----------
    given, outputs
        See `read_metrics`.

    Raises
    ------
    ToggleError
        As of `read_metrics`, or if one is measured in studies only.

    Examples
    --------
    >>> read_requested(["loss", "brier"])
    ('brier',)
    """
    texts = read_metrics(given, outputs)
    for name in ON_REQUEST:
        if name in texts:
            raise ToggleError(f"`metrics`: {name} is measured in studies only; leave it out here.")
    return requested(texts)


def unknown_metric(
    text: object, declared: Iterable[str] = (), of_outputs: Iterable[str] = ()
) -> ToggleError:
    """Return the error for a name that is no metric."""
    names = _names(declared)
    near = did_you_mean(str(text), [*names, *of_outputs, *OF_KERAS])
    return ToggleError(f"`metrics`: there is no metric `{text}`{near} Known: {_listed(names)}.")


def _names(declared: Iterable[str] = ()) -> list[str]:
    return [*dict.fromkeys([*STANDARD_NAMES, *OF_PREDICTIONS, *declared])]


def _listed(names: Iterable[str]) -> str:
    """Return what a metric may be, for an error."""
    return (
        f"{', '.join(names)}; a metric of keras.metrics; or a custom function, as in "
        "('module:function', 'max')"
    )


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, tuple | list)
        and len(given) == 2
        and isinstance(given[1], str)
        and given[1] in list(Direction)
    )


def _read(given: Any) -> str:
    """Return the text of one metric."""
    direction = None
    if _is_pair(given):
        given, direction = given
    text = given if isinstance(given, str) else _text_of(given)
    try:
        split, path, options, bracket = parts_of(text)
    except ValueError as error:
        raise ToggleError(f"`metrics`: {error}.") from error
    text = f"{split}{call_of(path, options)}{bracket}".removeprefix(TEST)
    kind = kind_of_metric(text)
    if kind not in ("keras", "custom"):
        usual = better_direction(text)
        if kind and direction not in (None, usual):
            raise ToggleError(f"`metrics`: expected {usual!r} for {path}; got {direction!r}.")
        return text
    if bracket and bracket[1:-1] not in list(Direction):
        raise ToggleError(
            f"`metrics`: expected 'min' or 'max' in the brackets of {path}; got {bracket}."
        )
    name = name_of(f"{split}{call_of(path, options)}")
    if kind == "keras" and better_direction(name) is None:  # it has a name of the user
        direction = direction or bracket[1:-1] or better_direction(snake_case(path))
    direction = direction or bracket[1:-1] or better_direction(name)
    if direction is None:
        raise ToggleError(
            f"`metrics`: expected whether lower or higher is better for {name}, whose name does "
            f"not tell; give ({path!r}, 'min') or ({path!r}, 'max'), or {path + '[max]'!r} in a "
            "text."
        )
    if kind == "custom" or "name" in options:
        _check_name(name.removeprefix(split))
    told = "" if better_direction(name) == direction else f"[{direction}]"
    return f"{split}{call_of(path, options)}{told}"


def _check_name(name: str) -> None:
    if kind_of_metric(name) or name in (*BY_CLASS, TOP_K) or name.startswith((*SPLIT_OF,)):
        raise ToggleError(
            f"`metrics`: expected another name for a custom metric; got {name}, which is a metric "
            "of this package or begins as one of a split does. Rename it."
        )


def _text_of(given: Any) -> str:
    """Return the text of a function, a class, or an instance of a Keras metric."""
    if isinstance(given, type) or inspect.isfunction(given):
        return _path_of(given)
    if not callable(getattr(given, "get_config", None)):
        allowed = _listed(_names())
        raise ToggleError(f"`metrics`: expected at least one of {allowed}; got {given!r}.")
    return call_of(_path_of(type(given)), _options_of_instance(given))


def _path_of(thing: Callable[..., Any]) -> str:
    """Return the name of a class or function of Keras, or the path of another one."""
    module, name = thing.__module__, thing.__qualname__
    if module.partition(".")[0] == "keras":
        if name in OF_KERAS:
            return name
        raise unknown_metric(name)
    if "<" in name:
        raise ToggleError(
            "`metrics`: expected a function or class defined at module level, so that a stored "
            f"study can name it; got {name} of {module}."
        )
    return f"{module}:{name}"


def _options_of_instance(metric: Any) -> dict[str, Any]:
    """Return the options of a Keras metric that are not defaults."""
    config = metric.get_config()
    options = {}
    is_custom = type(metric).__module__.partition(".")[0] != "keras"
    for name, parameter in inspect.signature(type(metric).__init__).parameters.items():
        if name in ("self", "dtype") or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        if name not in config:
            if is_custom:
                raise ToggleError(
                    f"`metrics`: expected all arguments of {type(metric).__name__} in its "
                    f"`get_config`, so that a stored study can name them; it lacks {name}."
                )
            continue
        value = config[name]
        value = value.tolist() if hasattr(value, "tolist") else value
        if name == "name":
            usual = snake_case(type(metric).__name__)
            stem, _, number = str(value).rpartition("_")
            if value in (parameter.default, usual) or (stem == usual and number.isdecimal()):
                continue
        elif value == parameter.default or (
            isinstance(value, list) and tuple(value) == parameter.default
        ):
            continue
        options[name] = value
    text = call_of("_", options)
    try:
        parts_of(text)
    except ValueError as error:
        raise ToggleError(
            f"`metrics`: expected numbers, texts and lists as options of "
            f"{type(metric).__name__}; got {text[1:]}."
        ) from error
    return options
