"""Folders of images, one folder per class."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.decoded import opened_once, version_of
from cnnzoo.data.decoding import Bad, Decoding, first_of, gather
from cnnzoo.data.resizing import refuse_sizes
from cnnzoo.data.source import (
    SPLIT_NAMES,
    SPLITS,
    Reading,
    Source,
    by_split,
    existing_path,
    split_of,
)
from cnnzoo.data.sources.image_files import SUFFIXES, BadImageError, is_image, read_image, shape_of
from cnnzoo.toggle import did_you_mean, listed


def from_folder(path: str, reading: Reading) -> Source:
    """Read class folders, or such folders inside ``train/``, ``test/`` and ``validation/``.

    The images of a class may lie in subfolders of its folder. Files that are left out, such as
    hidden files and files that are not images, are counted in the notes.

    Raises
    ------
    DataError
        If a class folder is empty, an image cannot be used and is not to be left out, images
        differ in size and are not to be resized, splits differ in classes, or the meaning of a
        folder is ambiguous.
    """
    name = f"folder:{path}"
    root = existing_path(path, name)
    if not root.is_dir():
        raise DataError(f"{name!r}: expected a folder of class folders; got a file.")
    packages = [version(package) for package in ("numpy", "pillow")]
    settings = ("folder", *packages, version_of(__name__), repr(reading))
    return opened_once(root, name, settings, lambda: _read(root, name, reading, settings))


def _read(root: Path, name: str, reading: Reading, settings: tuple[str, ...]) -> Source:
    parts = _part_folders(root, name)
    for folder in parts.values():
        _check_class_folders(folder, name)
    files = {part: _class_files(folder, name) for part, folder in parts.items()}
    classes = list(files["train"])
    for part, found in files.items():
        _check_same_classes(classes, list(found), f"{name!r} ({part})")
    decoding, grey = _decoding(files, root, name, reading)
    every = [file for found in files.values() for paths in found.values() for file in paths]
    x, y = gather(decoding, every, (*settings, str(root.absolute())))
    return Source(
        name,
        {part: (x[part], y[part]) for part in parts},
        tuple(classes),
        kind="images",
        notes=(*_notes(root, list(parts.values()), set(every)), *grey, *decoding.notes),
        fingerprint=decoding.fingerprint,
    )


def _decoding(
    files: Mapping[str, Mapping[str, list[Path]]], root: Path, name: str, reading: Reading
) -> tuple[Decoding, tuple[str, ...]]:
    """Return the decoding of files by part and class, and a note on grey images among others.

    The beginning of each file is read first, because images of several sizes should be refused
    before any is decoded.
    """
    bad: dict[Path, str] = {}
    shapes: list[tuple[int, int, int]] = []
    for file in (file for found in files.values() for paths in found.values() for file in paths):
        try:
            shapes.append(shape_of(file))
        except BadImageError as error:
            bad[file] = str(error)
    sizes = Counter(shape[:2] for shape in shapes)
    if len(sizes) > 1 and reading.resize is None:
        raise refuse_sizes(name, sizes)
    counts = Counter(shape[2] for shape in shapes)
    channels = max(counts, default=1)

    def decoder(found: Mapping[str, list[Path]]) -> Iterator[tuple[Array | Bad, int]]:
        for label, paths in enumerate(found.values()):
            for file in paths:
                try:
                    if file in bad:
                        yield Bad(str(file.relative_to(root)), bad[file]), label
                    else:
                        yield read_image(file, channels), label
                except BadImageError as error:
                    yield Bad(str(file.relative_to(root)), str(error)), label

    parts = {
        part: (sum(map(len, found.values())), partial(decoder, found))
        for part, found in files.items()
    }
    grey = f"grey images that got three equal channels: {counts[1]:,} of {len(shapes):,}"
    return (
        Decoding(name, tuple(files["train"]), parts, reading),
        (grey,) if len(counts) > 1 else (),
    )


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "__MACOSX"  # left by macOS's archives


def _folders(place: Path) -> list[Path]:
    return sorted(p for p in place.iterdir() if p.is_dir() and not _is_hidden(p))


def _part_folders(root: Path, name: str) -> dict[str, Path]:
    """Return the folder of every split; the root is train if it holds classes directly."""
    folders = {folder.name: folder for folder in _folders(root)}
    if not folders:
        raise DataError(
            f"{name!r} has no class folders; put images into one folder per class, such as "
            f"{str(root / 'cat')!r}."
        )
    inside = {key: [inner.name for inner in _folders(folder)] for key, folder in folders.items()}
    # A class may be called "train" too; it is a split if it holds folders.
    trains = [key for key in inside if split_of(key) == "train" and inside[key]]
    if not trains:
        _check_classes(folders, inside, name)
        return {"train": root}
    others = [key for key in inside if split_of(key) != "train"]
    splits = by_split([*trains, *others], name, "{}/".format)
    classes = set(inside[splits["train"]])
    for key in [key for key in inside if key not in splits.values()]:
        near = _near_split(key, splits)
        if near != "." or classes & set(inside[key]):
            raise _no_split(name, key, near)
    return {split: folders[key] for split, key in splits.items()}


def _check_classes(folders: Mapping[str, Path], inside: Mapping[str, list[str]], name: str) -> None:
    """Refuse folders that look like splits if none of them is train."""
    named = [key for key in inside if split_of(key)]
    splits = {split_of(key) or "" for key in named}
    near = {key: _near_split(key, splits) for key in inside if inside[key] and key not in named}
    misspelt = [key for key in near if near[key] != "."]
    if misspelt and (named or len(inside) == 1):
        raise _no_split(name, misspelt[0], near[misspelt[0]])
    if len(named) == len(inside) or any(inside[key] for key in named):
        raise DataError(
            f"{name!r} has {', '.join(f'{key}/' for key in named)} but no class folders in train/."
        )
    common = sorted(set.intersection(*map(set, inside.values())))
    direct = any(is_image(file) for key in inside for file in folders[key].iterdir())
    if len(inside) > 1 and len(common) > 1 and not direct:
        raise DataError(
            f"The folders {first_of(inside)} of {name!r} hold the same folders, "
            f"{first_of(common)}, so they may be splits or classes. Name splits train/, "
            "validation/ and test/; move classes into a folder train/."
        )


def _check_class_folders(folder: Path, name: str) -> None:
    """Refuse a split without class folders, and class folders one level too deep."""
    found = _folders(folder)
    if not found:
        raise DataError(
            f"{name!r} has no class folders in {folder.name}/; put its images into one folder "
            f"per class, or move {folder.name}/ out of it."
        )
    inner = [inner.name for inner in _folders(found[0])]
    if len(found) == 1 and len(inner) > 1:
        raise DataError(
            f"{name!r} has a single class, {found[0].name!r}, which holds the folders "
            f"{first_of(inner)}; if these are the classes or the splits, move them a level up."
        )


def _near_split(key: str, splits: Collection[str]) -> str:
    """Return the end of a sentence that names the nearest missing split."""
    missing = [known for known, split in SPLIT_NAMES.items() if split not in splits]
    return did_you_mean(key.casefold(), missing, "'")


def _no_split(name: str, key: str, near: str) -> DataError:
    return DataError(
        f"{name!r} has the folder {key!r}, which is not a split{near} The splits: {listed(SPLITS)}."
    )


def _class_files(folder: Path, name: str) -> dict[str, list[Path]]:
    """Return the image files of every class, both in sorted order."""
    files = {}
    for class_folder in _folders(folder):
        found = list(_files_in(class_folder, name))
        images = [file for file in found if is_image(file)]
        if not images:
            others = f"{len(found):,} other file{'s' * (len(found) != 1)}"
            raise DataError(
                f"The class folder {str(class_folder)!r} of {name!r} has no image "
                f"({', '.join(SUFFIXES)}); it holds {others if found else 'nothing'}."
            )
        files[class_folder.name] = images
    return files


def _files_in(folder: Path, name: str, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield all files below a folder in sorted order, without hidden files; links are followed."""
    above = (*above, folder.resolve())
    for entry in sorted(folder.iterdir(), key=attrgetter("name")):  # faster than by path
        if _is_hidden(entry):
            continue
        if entry.is_dir():
            if entry.resolve() in above:
                raise DataError(
                    f"The folder {str(entry)!r} of {name!r} is a link to a folder that it lies in; "
                    "remove it."
                )
            yield from _files_in(entry, name, above)
        elif entry.is_file() or is_image(entry):  # a broken link to an image is a bad image
            yield entry


def _check_same_classes(train: list[str], found: list[str], where: str) -> None:
    for strange in found:
        if strange not in train:
            near = did_you_mean(strange, train, "'")
            raise DataError(f"{where} has the class {strange!r}, which train lacks{near}")
    for missing in train:
        if missing not in found:
            raise DataError(f"{where} lacks the class {missing!r}, which train has.")


def _notes(root: Path, parts: Collection[Path], read: Collection[Path]) -> tuple[str, ...]:
    """Return phrases that count and name the files that were left out."""
    unread = [folder for folder in _folders(root) if root not in parts and folder not in parts]
    hidden: list[Path] = []
    images: list[Path] = []
    others: list[Path] = []
    for entry in _entries(root, unread):
        if _is_hidden(entry):
            hidden.append(entry)
        elif entry not in read:
            (images if is_image(entry) else others).append(entry)
    reasons = {
        "hidden files": [str(path.relative_to(root)) for path in hidden],
        "files that are not images": [str(path.relative_to(root)) for path in others],
        "images outside the class folders": [str(path.relative_to(root)) for path in images],
        "folders that are not splits": [str(path.relative_to(root)) for path in unread],
    }
    return tuple(
        f"{what} left out: {len(names)} ({first_of(names)})"
        for what, names in reasons.items()
        if names
    )


def _entries(folder: Path, excluded: Collection[Path] = ()) -> Iterator[Path]:
    """Yield all files and hidden folders below a folder, without their content or `excluded`."""
    for entry in sorted(folder.iterdir(), key=attrgetter("name")):  # faster than by path
        if entry.is_dir() and not _is_hidden(entry):
            if entry not in excluded:
                yield from _entries(entry)
        else:
            yield entry
