"""Shift equivariance of layers and shift invariance of a model's outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cnnzoo.analysis.feature_maps import InspectionError, inspectable, layer_outputs
from cnnzoo.analysis.receptive_field import ReceptiveField, receptive_field

Array = NDArray[np.float32]

SHIFTS = (1, 2, 3, 4)
"""Default shifts in pixels."""

COLUMNS = ("layer", "kind", "property", "jump", "shift", "error", "interior_error")


@dataclass(frozen=True, eq=False)
class Equivariance:
    """Errors of a model's layers under shifts of the input.

    Parameters
    ----------
    table
        One row per layer and shift; see `equivariance`.
    """

    table: pd.DataFrame

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return str(self.table._repr_html_())

    def plot(self) -> Any:
        """Draw the error of every layer and shift as a heat map.

        Returns
        -------
        altair.LayerChart
        """
        import altair as alt

        from cnnzoo.analysis.tiles import TEXT, heading
        from cnnzoo.runtime.charts import offline

        rows = self.table.assign(name=self.table["layer"] + " (" + self.table["property"] + ")")
        order = list(dict.fromkeys(rows["name"]))
        base = alt.Chart(alt.Data(values=rows.to_dict("records"))).encode(
            x=alt.X("shift:O", title="shift of the input, pixels", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelLimit=320)),
        )
        cells = base.mark_rect().encode(
            color=alt.Color(
                "error:Q",
                title="relative error",
                scale=alt.Scale(domain=[0, 1], clamp=True, scheme="viridis"),
            )
        )
        numbers = base.mark_text(fontSize=11).encode(
            text=alt.Text("error:Q", format=".2f"),
            color=alt.condition("datum.error > 0.6", alt.value("#17202b"), alt.value("#ffffff")),
        )
        text = {"labelColor": TEXT, "titleColor": TEXT}
        chart = (
            alt.layer(cells, numbers)
            .properties(
                width=alt.Step(52),
                height=alt.Step(24),
                background="transparent",
                title=heading("Response to shifts"),
            )
            .configure_view(stroke=None)
            .configure_axis(**text, domain=False, ticks=False)
            .configure_legend(**text)
        )
        return offline(chart)


def equivariance(
    model: keras.Model, x: ArrayLike, shifts: Sequence[int] = SHIFTS, *, border: str = "zeros"
) -> Equivariance:
    r"""Measure how far each layer is from shift equivariance, and the output from invariance.

    For a shift :math:`s` of the input x along height and width, a layer f with maps has the error

    .. math:: \lVert f(s\,x) - s\,f(x) \rVert \,/\, \lVert s\,f(x) - \bar f \rVert

    over the positions that exist after the shift, where :math:`\bar f` is the mean of its channel:
    0 for an equivariant layer, and about 1.4 for maps that have nothing in common. A map with a
    jump of j pixels moves by s / j positions; fractions of positions are interpolated linearly, so
    a layer that keeps all details of a smooth image has a small error too. A layer without maps has
    :math:`\lVert f(s\,x) - f(x) \rVert / \lVert f(x) - \bar f \rVert` with the mean over the
    images: 0 if it is shift-invariant.

    Parameters
    ----------
    model
        A built functional or sequential model with one input, in inference mode.
    x
        Images of the shape (batch, height, width, channels). Invariance needs at least two.
    shifts
        Shifts in pixels, down and to the right.
    border
        What moves in at the border: "zeros", or "wrap" for a circular shift.

    Returns
    -------
    Equivariance
        Its ``table`` has the columns ``layer``, ``kind``, ``property`` ("equivariance" or
        "invariance"), ``jump`` in pixels, ``shift`` in pixels, ``error``, and ``interior_error``:
        the error over positions whose receptive field contains neither padding nor what moved in
        at the border; NaN if there are none. A convolution without stride has 0 there to rounding
        (claim C18).

    Raises
    ------
    TypeError
        If the model is not functional or sequential.
    InspectionError
        If the images, shifts or the border do not fit.

    References
    ----------
    Zhang (2019), "Making convolutional networks shift-invariant again", ICML.

    Examples
    --------
    >>> import cnnzoo
    >>> images = np.random.default_rng(0).random((2, 28, 28, 1))
    >>> table = equivariance(cnnzoo.build("feature_maps"), images, shifts=[1]).table
    >>> table["layer"].head(3).tolist(), bool(table["interior_error"][0] < 1e-5)
    (['stage1_conv', 'stage1_activation', 'stage2_conv'], True)
    """
    layers = {layer.name: layer for layer in inspectable(model)}
    images = np.asarray(x, dtype="float32")
    if images.ndim != 4 or len(images) == 0:
        raise InspectionError(
            f"`x`: expected images of the shape (batch, height, width, channels); got "
            f"{images.shape}."
        )
    if border not in ("zeros", "wrap"):
        raise InspectionError(f"`border`: expected 'zeros' or 'wrap'; got {border!r}.")
    most = min(images.shape[1:3]) - 1
    for shift in shifts:
        if (
            isinstance(shift, bool)
            or not isinstance(shift, int | np.integer)
            or not 0 < shift <= most
        ):
            raise InspectionError(
                f"`shifts`: expected integers from 1 to {most} pixels; got {shift!r}."
            )
    fields = {name: receptive_field(model, name) for name in layers}
    still = layer_outputs(model, images)
    rows = []
    for shift in shifts:
        moved = layer_outputs(model, _shifted(images, int(shift), border))
        for name, layer in layers.items():
            row = _errors(still[name], moved[name], fields[name], int(shift), images, border)
            rows.append({"layer": name, "kind": type(layer).__name__, "shift": int(shift), **row})
    place = {name: number for number, name in enumerate(layers)}
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table["layer"].map(place)
    return Equivariance(table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True))


def _shifted(images: Array, shift: int, border: str) -> Array:
    moved = np.roll(images, (shift, shift), axis=(1, 2))
    if border == "zeros":
        moved[:, :shift] = 0
        moved[:, :, :shift] = 0
    return moved


def _errors(
    still: Array, moved: Array, field: ReceptiveField, shift: int, images: Array, border: str
) -> dict[str, Any]:
    jump = field.jump[0] if field.jump else None
    if still.ndim != 4 or not jump or field.jump[0] != field.jump[1]:
        centre = still.mean(axis=0, keepdims=True) if len(still) > 1 else 0.0
        error = _ratio(moved - still, still - centre)
        return {"property": "invariance", "jump": jump, "error": error, "interior_error": error}
    steps = shift / jump
    expected = _fractional(_fractional(still, steps, 1, border), steps, 2, border)
    whole = int(np.ceil(steps)) if border == "zeros" else 0
    centre = still.mean(axis=(1, 2), keepdims=True)
    inside = (slice(None), slice(whole, None), slice(whole, None))
    error = _ratio((moved - expected)[inside], (expected - centre)[inside])
    rows, columns = (_interior(field, axis, shift, images.shape[1 + axis]) for axis in (0, 1))
    difference = (moved - expected)[:, rows][:, :, columns]
    reference = (expected - centre)[:, rows][:, :, columns]
    interior = _ratio(difference, reference) if difference.size else np.nan
    return {"property": "equivariance", "jump": jump, "error": error, "interior_error": interior}


def _fractional(maps: Array, steps: float, axis: int, border: str) -> Array:
    """Shift maps along an axis by a number of positions, with linear interpolation."""
    length = maps.shape[axis]
    source = np.arange(length) - steps
    low = np.floor(source).astype(int)
    share = (source - low).astype("float32")
    if border == "wrap":
        first, second = low % length, (low + 1) % length
    else:
        first, second = np.clip(low, 0, length - 1), np.clip(low + 1, 0, length - 1)
    shape = [1] * maps.ndim
    shape[axis] = length
    weight = share.reshape(shape)
    moved: Array = np.take(maps, first, axis) * (1 - weight) + np.take(maps, second, axis) * weight
    return moved


def _interior(field: ReceptiveField, axis: int, shift: int, size: int) -> NDArray[np.bool_]:
    """Return the positions on an axis that see neither padding nor what moved in.

    Both the position and the one that it came from must see the original image only.
    """
    first, last, padded = field.views(axis)
    interior: NDArray[np.bool_] = (first >= shift) & (last < size) & ~padded
    return interior


def _ratio(difference: Array, reference: Array) -> float:
    size = float(np.linalg.norm(reference))
    found = float(np.linalg.norm(difference))
    if size == 0:
        return 0.0 if found == 0 else float("inf")
    return found / size
