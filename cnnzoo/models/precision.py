"""The precision that models are built in: Keras's dtype policy, as a level of a recipe."""

import contextlib
from collections.abc import Iterator

import keras

from cnnzoo.models.compiled_loss import outputs_of
from cnnzoo.toggle import ToggleError

FULL = "float32"
"""Precision of weights, losses and metrics, and the default of layers."""


@contextlib.contextmanager
def building_in(precision: str | None) -> Iterator[None]:
    """Build models of the block in a precision, and restore Keras's dtype policy.

    Parameters
    ----------
    precision
        A level of the toggle ``precision``; None for the dtype policy that is set.

    Raises
    ------
    ToggleError
        If another policy is set, because it would be ignored.

    Examples
    --------
    >>> with building_in("mixed_bfloat16"):
    ...     layer = keras.layers.Dense(2)
    >>> layer.compute_dtype, layer.variable_dtype, keras.config.dtype_policy().name
    ('bfloat16', 'float32', 'float32')
    """
    before = keras.config.dtype_policy()
    if precision is None or precision == before.name:
        yield
        return
    if before.name != FULL:
        raise ToggleError(
            f"`precision` of `Recipe`: expected {before.name!r}, the dtype policy of Keras in this "
            f"process; got {precision!r}. Call keras.config.set_dtype_policy({FULL!r}), and give "
            "`precision` alone."
        )
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def check_precision(model: keras.Model, precision: str) -> None:
    """Check that a model was built in the precision of a recipe.

    A model that a builder made in mixed precision of its own is trained as it is with "float32".

    Parameters
    ----------
    model
        A built ``keras.Model``.
    precision
        The level of the recipe.

    Raises
    ------
    ToggleError
        If no layer has this precision, or the outputs do not have full precision.
    """
    if precision == FULL:
        return
    layers = model._flatten_layers(include_self=False)
    if not any(layer.dtype_policy.name == precision for layer in layers):
        raise ToggleError(
            f"`precision` of `Recipe`: expected {FULL!r} for `{model.name}`, because its layers "
            f"keep the precision that they were built in; got {precision!r}. Give a function that "
            "builds the model and sets no dtype, or build it under "
            f"keras.config.set_dtype_policy({precision!r})."
        )
    rounded = next((each for each in outputs_of(model) or () if each.dtype != FULL), None)
    if rounded is not None:
        raise ToggleError(
            f"`precision` of `Recipe`: expected outputs of `{model.name}` in {FULL}, because "
            f"losses and metrics are computed from them; got {rounded.dtype} with {precision!r}. "
            f"Give its last layer dtype={FULL!r}."
        )
