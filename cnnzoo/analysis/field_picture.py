"""Picture of a theoretical and an effective receptive field over an image."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

Heat = np.ndarray[Any, np.dtype[np.float32]]

Window = tuple[tuple[int, int], ...]

SIDE = 360
"""Longer side of the picture, in pixels."""

HEAT = (230, 97, 1)
"""Colour of the map; with the blue of the box, colour-blind readers can tell them apart."""

LIGHT = {"page": "#ffffff", "ink": "#17202b", "muted": "#586474", "box": "#0f6cb6", "blank": 255}
DARK = {"page": "#171c23", "ink": "#e8ecf1", "muted": "#a3adba", "box": "#63b1f2", "blank": 48}


def picture(
    heat: Heat, window: Window, image: Any, title: str, sentences: Sequence[str], *, dark: bool
) -> Any:
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
    dark
        Whether to draw for a dark page.

    Raises
    ------
    ValueError
        If the map has three axes, or the image has another size.
    """
    import altair as alt

    theme = DARK if dark else LIGHT
    if heat.ndim == 1:
        layers = _series(alt, heat, window, theme)
    elif heat.ndim == 2:
        layers = _image(alt, heat, window, image, theme)
    else:
        raise ValueError(
            f"`plot`: expected an input with 1 or 2 axes of positions; got {heat.ndim}. "
            "Plot slices of `map`."
        )
    heading = alt.TitleParams(
        title,
        subtitle=list(sentences),
        anchor="start",
        color=theme["ink"],
        subtitleColor=theme["muted"],
        fontSize=14,
        subtitleFontSize=12,
        subtitlePadding=6,
        offset=12,
    )
    axis = {"labelColor": theme["muted"], "titleColor": theme["muted"], "grid": False}
    return (
        alt.layer(*layers)
        .properties(title=heading, background=theme["page"], padding=12)
        .configure(font="system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(**axis, domainColor=theme["muted"], tickColor=theme["muted"])
    )


def _series(alt: Any, heat: Heat, window: Window, theme: Any) -> list[Any]:
    colour = "#{:02x}{:02x}{:02x}".format(*HEAT)
    rows = [{"position": place, "gradient": float(v)} for place, v in enumerate(heat)]
    x = alt.X("position:Q", title="position of the input", scale=alt.Scale(nice=False))
    y = alt.Y("gradient:Q", title="gradient, relative to the maximum")
    area = alt.Chart(alt.Data(values=rows), width=480, height=200).mark_area(
        color=colour, opacity=0.8, interpolate="step"
    )
    ((first, last),) = window
    box = alt.Chart(alt.Data(values=[{"first": first - 0.5, "last": last + 0.5}])).mark_rect(
        stroke=theme["box"], strokeWidth=2, fillOpacity=0
    )
    return [
        area.encode(x, y),
        box.encode(x=alt.X("first:Q", title="position of the input"), x2="last:Q"),
    ]


def _image(alt: Any, heat: Heat, window: Window, image: Any, theme: Any) -> list[Any]:
    height, width = heat.shape
    scale = SIDE / max(height, width)
    size = {"width": round(width * scale), "height": round(height * scale)}
    url = _painted(heat, _grey(image, heat.shape, theme["blank"]), round(scale) or 1)
    (top, bottom), (left, right) = window
    rows = [{"left": left, "right": right + 1, "top": top, "bottom": bottom + 1}]
    x = alt.X("left:Q", title="column", scale=alt.Scale(domain=[0, width], nice=False))
    y = alt.Y("top:Q", title="row", scale=alt.Scale(domain=[height, 0], nice=False))
    background = {"url": url, "x": 0, "y": 0, "x2": width, "y2": height}
    painted = (
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
    box = alt.Chart(alt.Data(values=rows)).mark_rect(
        stroke=theme["box"], strokeWidth=2.5, fillOpacity=0
    )
    return [painted, box.encode(x, y, x2="right:Q", y2="bottom:Q")]


def _grey(image: Any, shape: tuple[int, ...], blank: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return an image as grey values from 0 to 255; a plain one if there is none."""
    if image is None:
        return np.full(shape, float(blank))
    pixels = np.asarray(image, dtype="float64")
    if pixels.ndim == 3:  # channels are last or first
        pixels = pixels.mean(axis=-1 if pixels.shape[:2] == shape else 0)
    if pixels.shape != shape:
        raise ValueError(f"`image`: expected {shape[0]}x{shape[1]} pixels; got {pixels.shape}.")
    low, high = float(pixels.min()), float(pixels.max())
    return np.asarray((pixels - low) / (high - low or 1.0) * 255, dtype="float64")


def _painted(heat: Any, grey: Any, factor: int) -> str:
    """Return a PNG of a map over a grey image as a data URL, each pixel enlarged."""
    from PIL import Image

    strength = np.sqrt(heat.astype("float64"))[..., None] * 0.9  # weak gradients stay visible
    pixels = grey[..., None] * (1 - strength) + np.array(HEAT) * strength
    enlarged = pixels.round().astype("uint8").repeat(factor, axis=0).repeat(factor, axis=1)
    file = io.BytesIO()
    Image.fromarray(enlarged).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
