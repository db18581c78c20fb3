"""Models with changed parts."""

from collections.abc import Mapping

import keras

from cnnzoo.parts.edit import Edit, edited_copy
from cnnzoo.parts.names import PartError, check_operation
from cnnzoo.parts.operation import edit_of, find, has_loaded_weights, refusal
from cnnzoo.parts.part import Part, parts_of


def ablated(model: keras.Model, operations: Mapping[str, str], seed: int = 0) -> keras.Model:
    """Return a copy of a model with some parts changed.

    Layers that do not change keep their weights and their names; the copy is compiled as the model
    is. It is an ordinary functional model, which can be saved, loaded and cloned.

    Parameters
    ----------
    model
        A built functional or sequential ``keras.Model``.
    operations
        Operation by part: "remove", "linear", "no_norm", "no_skip", "no_bias", "freeze",
        "shuffle", "halve" or "double". See `ablations.parts` for the parts and what can be done
        to each. "freeze" keeps the current weights of the part, and "shuffle" permutes the values
        of each of them and keeps the result.
    seed
        Seed of permutations, and of the weights of layers that are added or have new shapes.

    Returns
    -------
    keras.Model

    Raises
    ------
    PartError
        If there is no such part or operation, or the part cannot be changed so.

    Examples
    --------
    >>> import cnnzoo
    >>> model = cnnzoo.residual()
    >>> smaller = ablated(model, {"stage1_block2": "remove"})
    >>> model.count_params() - smaller.count_params()
    4736
    """
    return edited_copy(model, _edit(model, operations), seed)


def changed_build(model: keras.Model, operations: Mapping[str, str], seed: int) -> keras.Model:
    """Return the copy of `ablated` for a model that a builder has just built.

    Raises
    ------
    PartError
        As of `ablated`; and if weights are shuffled that the builder did not load.
    """
    return edited_copy(model, _edit(model, operations, is_new=True), seed)


def refusal_in_study(part: Part, operation: str) -> str:
    """Return why a study cannot do an operation on a part of a new model; empty if it can."""
    if operation == "shuffle" and not has_loaded_weights(part):
        return NOT_LOADED
    return refusal(part, operation)


def _edit(model: keras.Model, operations: Mapping[str, str], *, is_new: bool = False) -> Edit:
    parts = parts_of(model)
    edit = Edit()
    for name, operation in operations.items():
        part = find(parts, name, model.name)
        check_operation(operation)
        refuse = refusal_in_study if is_new else refusal
        if reason := refuse(part, operation):
            raise PartError(f"`{name}`: {operation} is not possible, because {reason}.")
        edit.add(edit_of(part, operation))
    return edit


NOT_LOADED = "its weights are initial ones, whose permutation is no other choice; freeze it instead"
"""Why a study does not shuffle weights that no builder loaded."""
