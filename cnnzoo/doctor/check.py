"""Findings about a model and its data before training."""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral
from typing import Any

import keras
import pandas as pd

from cnnzoo.builders import builder_for
from cnnzoo.data import Data, DataError
from cnnzoo.doctor.architecture import check_architecture
from cnnzoo.doctor.finding import Finding, Severity
from cnnzoo.doctor.head import check_head
from cnnzoo.doctor.initial_weights import check_initialization
from cnnzoo.doctor.inputs import check_inputs
from cnnzoo.doctor.labels import check_labels
from cnnzoo.doctor.plan import DEFAULT_BATCH, TrainingPlan, make_plan
from cnnzoo.doctor.probes import check_probes, check_range, make_probes
from cnnzoo.doctor.schedule import check_schedule
from cnnzoo.doctor.table import findings_table
from cnnzoo.models.initialization import complete
from cnnzoo.toggle import ToggleError
from cnnzoo.zoo import get_model, list_models

CHECKS: tuple[Callable[[TrainingPlan], Iterator[Finding]], ...] = (
    check_head,
    check_architecture,
    check_inputs,
    check_labels,
    check_initialization,
    check_schedule,
)
"""Checks that take no training step, by group."""

CHECKED = "head and loss, layers, inputs, labels, initial weights, learning rate and steps"
"""Subjects of the checks, in their order."""


def check(
    model: Any,
    data: Any,
    *,
    validation_data: Any = None,
    validation_split: float = 0.0,
    batch_size: int = DEFAULT_BATCH,
    epochs: int | None = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    probes: bool = True,
    range_test: bool = False,
    **toggles: Any,
) -> pd.DataFrame:
    """Look for faults of a model, its data and its settings before training.

    Errors mean that training cannot work, warnings explain a bad result, and notes are weak signs
    that matter only if the result is bad.

    Parameters
    ----------
    model
        A compiled ``keras.Model``, whose weights, optimizer and random streams are not changed; or
        what `cnnzoo.train` builds: the name of a zoo model, "package.module:function", a function
        that builds, or an object with ``build``.
    data
        Data from `cnnzoo.load_data`, arrays ``(x, y)``, or two such pairs for training and
        validation: ``((x, y), (x_val, y_val))``. The test split of loaded data is compared with
        the others, to find copies, and not used otherwise.
    validation_data
        Validation arrays ``(x_val, y_val)``, as ``fit`` takes them.
    validation_split
        Share of the arrays, from their end, that ``fit`` holds back for validation.
    batch_size, epochs, shuffle, class_weight
        As ``fit`` gets them. Without `epochs` the number of steps is not judged.
    probes
        Whether to compute gradients and to train a copy of the model on one batch for up to 30
        steps. They are limited to about a hundred billion multiply-accumulates, so a large model
        gets fewer steps or none. They need Keras's TensorFlow backend.
    range_test
        Whether to find the place of the learning rate in a range test of 60 steps (Smith 2018).
    **toggles
        Toggles of the model and other arguments of its builder, if it is built here.

    Returns
    -------
    pandas.DataFrame
        One row per finding, the most serious first: ``code``, ``severity`` ("error", "warning" or
        "note"), ``layer``, ``epoch`` (missing), ``evidence``, ``remedy``, ``source`` and ``name``.

    Raises
    ------
    DataError, ToggleError
        If the data have another form, a setting is invalid, or `model` is no model.
    TypeError
        If a ``keras.Model`` is not compiled.

    Examples
    --------
    >>> import cnnzoo
    >>> digits = cnnzoo.load_data("digits")
    >>> len(check("mlp", digits))
    0
    >>> x, y = digits.train
    >>> check(cnnzoo.mlp(input_shape=(8, 8, 1)), (x, y + 1), probes=False)["code"].tolist()
    ['labels-out-of-range']
    """
    plan = plan_of(
        model,
        data,
        toggles,
        validation_data=validation_data,
        validation_split=validation_split,
        batch_size=batch_size,
        epochs=epochs,
        shuffle=shuffle,
        class_weight=class_weight,
    )
    checked = CHECKED
    if probes and "tensorflow" in keras.config.backend():
        checked += ", some steps of training on a copy"
    return findings_table(find(plan, probes=probes, range_test=range_test), checked)


def find(plan: TrainingPlan, *, probes: bool = True, range_test: bool = False) -> list[Finding]:
    """Return the findings about a plan.

    Parameters
    ----------
    plan
        The training.
    probes, range_test
        See `check`.
    """
    random_state = random.getstate()  # from which Keras draws seeds
    try:
        found = [finding for group in CHECKS for finding in group(plan)]
        trained = make_probes(plan) if probes or range_test else None
        if trained is None:
            return found
        if probes:
            found = check_probes(trained, found)
        is_broken = any(finding.severity == Severity.ERROR for finding in found)
        if range_test and not is_broken:
            known = {finding.code for finding in found}
            found += [f for f in check_range(trained) if f.code not in known]
        return found
    finally:
        random.setstate(random_state)


def plan_of(
    model: Any, data: Any, settings: Mapping[str, Any], *, batch_size: int, **given: Any
) -> TrainingPlan:
    """Return the plan of the arguments of `check`, after checking them."""
    counts = {"batch_size": batch_size, "epochs": given["epochs"]}
    for name, value in counts.items():
        is_number = not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1
        if not is_number and (name, value) != ("epochs", None):
            raise DataError(f"`{name}`: expected a whole number of at least 1; got {value!r}.")
    weights = given["class_weight"]
    if not isinstance(weights, Mapping | None):
        raise DataError(
            f"`class_weight`: expected a mapping from class ids to weights; got {weights!r}."
        )
    if not isinstance(model, keras.Model):
        is_path = isinstance(data, str | os.PathLike)
        builder = None if is_path else builder_for(model, settings, "check")
        if builder is None or not isinstance(data, Data):
            spec = repr(str(data)) if is_path else "(x, y)"
            raise DataError(
                "`data`: expected data from cnnzoo.load_data with the name of a zoo model or a "
                f"builder; got {type(data).__name__}. Load it with cnnzoo.load_data({spec})."
            )
        toggles = [*builder.toggles()]
        model = builder.build(settings, data.info.input_shape, data.info.classes, 0)
        plan = make_plan(model, data, toggles=toggles, batch_size=batch_size, **given)
        _build(model, plan)
        return plan
    if settings:
        raise ToggleError(
            "`check`: expected toggles only with the name of a zoo model or a builder; got "
            f"{', '.join(settings)} with a built model."
        )
    if getattr(model, "loss", None) is None:
        raise TypeError(f"`check`: expected a compiled model; compile `{model.name}` first.")
    toggles = [*get_model(model.name).toggles] if model.name in list_models() else []
    plan = make_plan(model, data, toggles=toggles, batch_size=batch_size, **given)
    _build(model, plan)
    return plan


def _build(model: keras.Model, plan: TrainingPlan) -> None:
    """Create the weights of a model that has none yet."""
    random_state = random.getstate()
    try:
        complete(model, plan.x.shape[1:])
        if not model.built:
            model(plan.x[:1])
    finally:
        random.setstate(random_state)
