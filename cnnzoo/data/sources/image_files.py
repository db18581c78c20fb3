"""Image files: supported formats, their shapes and their pixels."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array

SUFFIXES = (
    ".bmp",
    ".gif",
    ".jfif",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
"""Suffixes of the files that are read as images, in any letter case."""

OTHER_IMAGES = (".avif", ".dcm", ".exr", ".heic", ".heif", ".jp2", ".jxl", ".psd", ".svg", ".tga")
"""Suffixes of unsupported image formats. They are bad images; a class would lose examples."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

ANIMATED = ("GIF", "TIFF", "WEBP")
"""Formats that may hold several images per file."""


def is_image(file: Path) -> bool:
    """Return whether a file is an image, by its suffix; not all can be read."""
    return file.suffix.lower() in (*SUFFIXES, *OTHER_IMAGES)


class BadImageError(ValueError):
    """Raised for an image that cannot be used. The message is the end of a sentence."""


def shape_of(file: Path) -> tuple[int, int, int]:
    """Return height, width and channels of an image, from the beginning of its file.

    Grey images have one channel and all others three. Transparency is not counted.

    Raises
    ------
    BadImageError
        If the image cannot be used.
    """
    with _opened(file) as image:
        return image.height, image.width, 1 if _mode(image.mode) == "L" else 3


def read_image(file: Path, channels: int) -> Array:
    """Return an image as uint8 (height, width, channels).

    Parameters
    ----------
    file
        The file.
    channels
        Number of channels; three of a grey image are equal.

    Raises
    ------
    BadImageError
        If the image cannot be used.
    """
    with _opened(file) as image:
        image.load()
        mode = _mode(image.mode)
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return np.broadcast_to(pixels.reshape(*pixels.shape[:2], -1), (*pixels.shape[:2], channels))


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open an image; any error inside is a `BadImageError`."""
    from PIL import Image, UnidentifiedImageError

    if file.suffix.lower() in OTHER_IMAGES:
        raise BadImageError("is in a format that is not read (convert it to PNG)")
    if not file.exists():
        raise BadImageError("is a link to a file that does not exist")
    try:
        with Image.open(file, formats=FORMATS) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
            if frames > 1:
                raise BadImageError(f"has {frames} frames (save the one to use as PNG)")
            yield image
    except BadImageError:
        raise
    except UnidentifiedImageError as error:
        raise BadImageError("is not an image") from error
    except Exception as error:  # decoders raise many types for broken files
        raise BadImageError(f"cannot be read: {error}") from error


def _mode(stored: str) -> str:
    """Return the mode to convert to: one grey channel, or three channels."""
    modes: Mapping[str, str] = {"1": "L", "L": "L", "LA": "L"}
    if stored.startswith(("I", "F")):
        raise BadImageError(f"has pixels of more than 8 bits (mode {stored}; convert it)")
    return modes.get(stored, "RGB")
