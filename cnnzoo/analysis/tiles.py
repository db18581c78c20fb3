"""Pictures made of tiles: a grid of small images with titles, as an Altair chart."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

TILE = 96
"""Side of a tile in pixels of the chart."""

TEXT = "#6b7684"
"""Colour of titles, legible on white and on dark pages."""

VIRIDIS = (
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
)
"""Colours of a heat map from 0 to 1."""


def grey(values: ArrayLike, *, symmetric: bool = False) -> NDArray[np.uint8]:
    """Scale an image to bytes, from its least value (black) to its greatest (white).

    Parameters
    ----------
    values
        Array of the shape (height, width) or (height, width, channels). Three channels are
        colours; of another number, the mean is drawn.
    symmetric
        Whether 0 is in the middle of the scale, for weights.

    Returns
    -------
    array
        Bytes of the shape (height, width, 3). A constant image is middle grey.

    Examples
    --------
    >>> grey([[0.0, 0.5, 1.0]])[0, :, 0].tolist()
    [0, 128, 255]
    >>> grey([[0.0, 1.0]], symmetric=True)[0, :, 0].tolist()
    [128, 255]
    """
    image = np.asarray(values, dtype=float)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.shape[2] != 3:
        image = image.mean(axis=2, keepdims=True)
    low, high = float(image.min()), float(image.max())
    if symmetric:
        high = max(abs(low), abs(high))
        low = -high
    span = high - low
    scaled = (image - low) / span if span > 0 else np.full(image.shape, 0.5)
    pixels = np.floor(255 * scaled + 0.5).astype("uint8")
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def heat(values: ArrayLike) -> NDArray[np.uint8]:
    """Colour a map of numbers from 0 to 1, from dark blue over green to yellow.

    Examples
    --------
    >>> heat([[0.0, 1.0]]).tolist()
    [[[68, 1, 84], [253, 231, 37]]]
    """
    level = np.clip(np.asarray(values, dtype=float), 0, 1)
    stops = np.linspace(0, 1, len(VIRIDIS))
    channels = [np.interp(level, stops, [colour[c] for colour in VIRIDIS]) for c in range(3)]
    return np.floor(np.stack(channels, axis=-1) + 0.5).astype("uint8")


def png_url(pixels: NDArray[np.uint8], side: int = 2 * TILE) -> str:
    """Encode an image as a data URL, enlarged without smoothing to about `side` pixels."""
    from PIL import Image

    times = max(1, round(side / max(pixels.shape[:2])))
    enlarged = np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(enlarged).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def heading(title: str, sentences: Sequence[str] = ()) -> Any:
    """Return the title of a picture, with sentences below it."""
    import altair as alt

    return alt.TitleParams(
        title,
        subtitle=[*sentences],
        anchor="start",
        color=TEXT,
        subtitleColor=TEXT,
        fontSize=14,
        fontWeight=600,
        subtitleFontSize=12,
        subtitlePadding=6,
    )


def tiles(
    images: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    *,
    title: str,
    columns: int = 8,
    side: int = TILE,
) -> Any:
    """Draw images in a grid, each under its title.

    Parameters
    ----------
    images
        Bytes of the shape (height, width, 3), as `grey` and `heat` return them.
    titles
        One per image.
    title
        Title of the picture.
    columns
        Largest number of images in a row.
    side
        Side of an image in pixels of the chart.

    Returns
    -------
    altair.LayerChart
        Its method ``save`` writes SVG, PNG, PDF or HTML.

    Examples
    --------
    >>> picture = tiles([grey([[0, 1]])], ["0"], title="One")
    >>> picture.to_dict()["title"]["text"]
    'One'
    """
    import altair as alt

    from cnnzoo.runtime.charts import offline

    across = min(columns, len(images))
    rows = [
        {
            "url": png_url(image, 2 * side),
            "label": label,
            "x": (place % across + 0.5) * (side + 12),
            "y": (place // across + 0.5) * (side + 24) + 9,
        }
        for place, (image, label) in enumerate(zip(images, titles, strict=True))
    ]
    width = across * (side + 12)
    height = -(-len(images) // across) * (side + 24)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, width], nice=False)),
        y=alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[height, 0], nice=False)),
    )
    pictures = base.mark_image(width=side, height=side).encode(url="url:N")
    edges = base.mark_point(
        shape="square", size=side**2, color=TEXT, strokeWidth=1, opacity=0.4, filled=False
    )
    labels = base.mark_text(dy=-side / 2 - 8, color=TEXT, fontSize=11).encode(text="label:N")
    chart = (
        alt.layer(pictures, edges, labels, title=heading(title))
        .properties(width=width, height=height, background="transparent")
        .configure_view(stroke=None)
    )
    return offline(chart)
