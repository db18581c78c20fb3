"""A folder of JPEG and PNG images, one folder a class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cnnzoo.data.dataset import Array
from cnnzoo.data.errors import DataError
from cnnzoo.data.source import Source
from cnnzoo.data.sources.paths import existing_path
from cnnzoo.toggle import did_you_mean

FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
"""The folder names of splits, and the split each holds."""

SUFFIXES = (".jpg", ".jpeg", ".png")


def from_folder(path: str) -> Source:
    """Read class folders, or such folders inside ``train/``, ``test/`` and ``validation/``.

    Grey images have one channel, all others three; where both occur, grey ones become three equal
    channels. Transparency is dropped. Files and folders whose names begin with a dot, and files
    that are not called .jpg, .jpeg or .png, are left alone.

    Raises
    ------
    DataError
        If a class folder is empty, an image cannot be read, images differ in size, or splits
        differ in classes.
    """
    name = f"folder:{path}"
    root = existing_path(path, name)
    if not root.is_dir():
        raise DataError(f"{name!r} must be a folder of class folders; it is a file.")
    parts = _part_folders(root, name)
    files = {part: _class_files(folder, name) for part, folder in parts.items()}
    classes = list(files["train"])
    for part, found in files.items():
        _check_same_classes(classes, list(found), f"{name!r} ({part})")
    every = [file for found in files.values() for paths in found.values() for file in paths]
    pixels = _read_images(every, root, name)
    labels = {
        part: np.repeat(np.arange(len(classes)), [len(paths) for paths in found.values()])
        for part, found in files.items()
    }
    ends = np.cumsum([len(y) for y in labels.values()])[:-1]
    x = dict(zip(labels, np.split(pixels, ends), strict=True))
    return Source(name, {part: (x[part], y) for part, y in labels.items()}, tuple(classes))


def _folders(place: Path) -> list[Path]:
    return sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))


def _part_folders(root: Path, name: str) -> dict[str, Path]:
    """The folder of every split; the root itself, as train, if it holds classes directly."""
    folders = {folder.name: folder for folder in _folders(root)}
    if not folders:
        raise DataError(
            f"{name!r} has no class folders; images belong in one folder a class, such as "
            f"{str(root / 'cat')!r}."
        )
    # A class may be called "train" too: it is a split if it holds folders.
    if not ("train" in folders and _folders(folders["train"])):
        if folders.keys() <= FOLDERS.keys():
            raise DataError(
                f"{name!r} has {', '.join(f'{key}/' for key in folders)} but no class folders in "
                "train/."
            )
        return {"train": root}
    if {"val", "validation"} <= folders.keys():
        raise DataError(f"{name!r} has both val/ and validation/; keep one.")
    return {part: folders[key] for key, part in FOLDERS.items() if key in folders}


def _class_files(folder: Path, name: str) -> dict[str, list[Path]]:
    """The image files of every class, both in sorted order."""
    files = {}
    for class_folder in _folders(folder):
        entries = sorted(p for p in class_folder.iterdir() if not p.name.startswith("."))
        images = [p for p in entries if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not images:
            holds = f"{len(entries)} other entries" if entries else "nothing"
            raise DataError(
                f"The class folder {str(class_folder)!r} of {name!r} has no image "
                f"({', '.join(SUFFIXES)}); it holds {holds}."
            )
        files[class_folder.name] = images
    return files


def _check_same_classes(train: list[str], found: list[str], where: str) -> None:
    for strange in found:
        if strange not in train:
            near = did_you_mean(strange, train, "'")
            raise DataError(f"{where} has the class {strange!r}, which train lacks{near}")
    for missing in train:
        if missing not in found:
            raise DataError(f"{where} lacks the class {missing!r}, which train has.")


def _read_images(files: list[Path], root: Path, name: str) -> Array:
    """All images as one uint8 array (n, height, width, channels)."""
    images = [_read_image(files[0], name)]
    for file in files[1:]:
        images.append(_read_image(file, name))
        if images[-1].shape[:2] != images[0].shape[:2]:
            (h0, w0), (h, w) = images[0].shape[:2], images[-1].shape[:2]
            raise DataError(
                f"The images of {name!r} differ in size: {str(files[0].relative_to(root))!r} is "
                f"{w0}x{h0} pixels, {str(file.relative_to(root))!r} is {w}x{h}. "
                "Resize them to one size."
            )
    channels = max(image.shape[2] for image in images)
    return np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])


def _read_image(file: Path, name: str) -> Array:
    from PIL import Image

    try:
        with Image.open(file, formats=("JPEG", "PNG")) as image:
            image.load()
            mode = _mode(image.mode, file, name)
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    except DataError:
        raise
    except Exception as error:  # decoders fail in many ways, all of them a broken file
        raise DataError(f"The image {str(file)!r} of {name!r} cannot be read: {error}") from error
    return pixels[:, :, None] if mode == "L" else pixels


def _mode(stored: str, file: Path, name: str) -> str:
    """The mode to convert to: one grey channel, or three."""
    modes: Mapping[str, str] = {"1": "L", "L": "L", "LA": "L"}
    if stored.startswith(("I", "F")):
        raise DataError(
            f"The image {str(file)!r} of {name!r} has pixels of more than 8 bits (mode {stored}); "
            "convert it to 8 bits."
        )
    return modes.get(stored, "RGB")
