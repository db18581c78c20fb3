"""Image files: supported formats, and their pixels as one array."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from cnnzoo.data.dataset import Array, DataError

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
"""Suffixes of unsupported image formats. They are refused; a class would lose examples."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

ANIMATED = ("GIF", "TIFF", "WEBP")
"""Formats that may hold several images per file."""


def is_image(file: Path) -> bool:
    """Return whether a file is read as an image, by its suffix."""
    return file.suffix.lower() in SUFFIXES


def read_images(files: list[Path], root: Path, name: str) -> Iterator[Array]:
    """Yield each image as uint8 (height, width, channels).

    Grey images have one channel and all others three. Transparency is dropped.

    Raises
    ------
    DataError
        If an image cannot be read, or images differ in size.
    """
    first: tuple[int, ...] = ()
    for file in files:
        image = _read_image(file, name)
        first = first or image.shape[:2]
        if image.shape[:2] != first:
            (h0, w0), (h, w) = first, image.shape[:2]
            raise DataError(
                f"The images of {name!r} differ in size: {str(files[0].relative_to(root))!r} is "
                f"{w0}x{h0} pixels, {str(file.relative_to(root))!r} is {w}x{h}. "
                "Resize them to one size."
            )
        yield image


def _read_image(file: Path, name: str) -> Array:
    from PIL import Image

    try:
        with Image.open(file, formats=FORMATS) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
            if frames > 1:
                raise DataError(
                    f"The image {str(file)!r} of {name!r} has {frames} frames; save the one to "
                    "use as PNG."
                )
            image.load()
            mode = _mode(image.mode, file, name)
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    except DataError:
        raise
    except Exception as error:  # decoders raise many types for broken files
        raise DataError(f"The image {str(file)!r} of {name!r} cannot be read: {error}") from error
    return pixels[:, :, None] if mode == "L" else pixels


def _mode(stored: str, file: Path, name: str) -> str:
    """Return the mode to convert to: one grey channel, or three channels."""
    modes: Mapping[str, str] = {"1": "L", "L": "L", "LA": "L"}
    if stored.startswith(("I", "F")):
        raise DataError(
            f"The image {str(file)!r} of {name!r} has pixels of more than 8 bits (mode {stored}); "
            "convert it to 8 bits."
        )
    return modes.get(stored, "RGB")
