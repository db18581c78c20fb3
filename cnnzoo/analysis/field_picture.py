"""Picture of a theoretical and an effective receptive field over an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnzoo.analysis.tiles import TEXT, grey, heading, png_url

Heat = np.ndarray[Any, np.dtype[np.float32]]

Window = tuple[tuple[int, int], ...]

SIDE = 360
"""Longer side of the picture, in pixels."""

HEAT = (230, 97, 1)
"""Colour of the map; with the blue of the box, colour-blind readers can tell them apart."""

BOX = "#2f86d1"
"""Colour of the window, legible on white and on dark pages."""


def picture(heat: Heat, window: Window, image: Any, title: str, sentences: Sequence[str]) -> Any:
    """Return an Altair chart of a map and a window over an image.

    Parameters
    ----------
    heat
        Values from 0 to 1, with one or two axes.
    window
        First and last position of the window on each axis.
    image
        Image with the same axes, and channels; None for a plain background.
    title, sentences
        Heading and the lines below it.

    Raises
    ------
    ValueError
        If the map has three axes, or the image has another size.
    """
    import altair as alt

    from cnnzoo.runtime.charts import offline

    if heat.ndim == 1:
        layers = _series(alt, heat, window)
    elif heat.ndim == 2:
        layers = _image(alt, heat, window, image)
    else:
        raise ValueError(
            f"`plot`: expected an input with 1 or 2 axes of positions; got {heat.ndim}. "
            "Plot slices of `map`."
        )
    chart = (
        alt.layer(*layers)
        .properties(title=heading(title, sentences), background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=TEXT, titleColor=TEXT, domainColor=TEXT, tickColor=TEXT, grid=False
        )
    )
    return offline(chart)


def _series(alt: Any, heat: Heat, window: Window) -> list[Any]:
    colour = "#{:02x}{:02x}{:02x}".format(*HEAT)
    rows = [{"position": place, "gradient": float(v)} for place, v in enumerate(heat)]
    x = alt.X("position:Q", title="position of the input", scale=alt.Scale(nice=False))
    y = alt.Y("gradient:Q", title="gradient, relative to the maximum")
    area = alt.Chart(alt.Data(values=rows), width=480, height=200).mark_area(
        color=colour, opacity=0.8, interpolate="step"
    )
    ((first, last),) = window
    box = alt.Chart(alt.Data(values=[{"first": first - 0.5, "last": last + 0.5}])).mark_rect(
        stroke=BOX, strokeWidth=2, fillOpacity=0
    )
    return [
        area.encode(x, y),
        box.encode(x=alt.X("first:Q", title="position of the input"), x2="last:Q"),
    ]


def _image(alt: Any, heat: Heat, window: Window, image: Any) -> list[Any]:
    height, width = heat.shape
    scale = SIDE / max(height, width)
    size = {"width": round(width * scale), "height": round(height * scale)}
    strength = np.sqrt(heat.astype("float64"))[..., None] * 0.9  # weak gradients stay visible
    painted = _background(image, heat.shape) * (1 - strength) + np.array(HEAT) * strength
    url = png_url(painted.round().astype("uint8"), SIDE)
    (top, bottom), (left, right) = window
    rows = [{"left": left, "right": right + 1, "top": top, "bottom": bottom + 1}]
    x = alt.X("left:Q", title="column", scale=alt.Scale(domain=[0, width], nice=False))
    y = alt.Y("top:Q", title="row", scale=alt.Scale(domain=[height, 0], nice=False))
    background = {"url": url, "x": 0, "y": 0, "x2": width, "y2": height}
    below = (
        alt.Chart(alt.Data(values=[background]), **size)
        .mark_image(aspect=False)
        .encode(
            alt.X("x:Q", title="column", scale=alt.Scale(domain=[0, width], nice=False)),
            alt.Y("y:Q", title="row", scale=alt.Scale(domain=[height, 0], nice=False)),
            x2="x2:Q",
            y2="y2:Q",
            url="url:N",
        )
    )
    box = alt.Chart(alt.Data(values=rows)).mark_rect(stroke=BOX, strokeWidth=2.5, fillOpacity=0)
    return [below, box.encode(x, y, x2="right:Q", y2="bottom:Q")]


def _background(image: Any, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an image in shades of grey, as bytes; a white one if there is none."""
    if image is None:
        return np.full((*shape, 3), 255, "uint8")
    pixels = np.asarray(image, dtype="float64")
    if pixels.ndim == 3:  # channels are last or first
        pixels = pixels.mean(axis=-1 if pixels.shape[:2] == shape else 0)
    if pixels.shape != shape:
        raise ValueError(f"`image`: expected {shape[0]}x{shape[1]} pixels; got {pixels.shape}.")
    return grey(pixels)
