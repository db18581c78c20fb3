"""Sources of data: the content of a source before and after its checks."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from cnnzoo.data.dataset import SEVERAL, Array, DataError, OutputInfo, Task
from cnnzoo.data.labels import encode_outputs
from cnnzoo.data.pixels import check_pixels
from cnnzoo.data.resizing import RESIZED, Resize, resized_note
from cnnzoo.data.rows import from_rows
from cnnzoo.data.targets import Classes, ClassesByOutput, Labels, arrays_of
from cnnzoo.kinds import AXES, Kind, SequenceShape
from cnnzoo.toggle import did_you_mean

SPLITS = ("train", "validation", "test")

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of splits in sources, in any letter case, and the split that each means."""


def split_of(name: str) -> str | None:
    """Return the split that a name means, or None.

    Examples
    --------
    >>> split_of("Valid"), split_of("dev"), split_of("extra")
    ('validation', 'validation', None)
    """
    return SPLIT_NAMES.get(name.casefold())


def by_split(
    names: Iterable[str], owner: str, write: Callable[[str], str] = repr
) -> dict[str, str]:
    """Return the name of every split among the names, in the order of `SPLITS`.

    Parameters
    ----------
    names
        Names in a source; names of no split are ignored.
    owner
        Name of the source, for the error.
    write
        Function that formats a name for the error.

    Raises
    ------
    DataError
        If two names mean the same split.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        split = split_of(name)
        if split in found:
            raise DataError(
                f"{owner!r} has both {write(found[split])} and {write(name)}; keep one."
            )
        if split is not None:
            found[split] = name
    return {split: found[split] for split in SPLITS if split in found}


@dataclass(frozen=True)
class Reading:
    """How a source is read.

    Parameters
    ----------
    resize
        Size to which images are brought; None to keep them as they are.
    skip_bad
        Whether image files that cannot be used are left out.
    """

    resize: Resize | None = None
    skip_bad: bool = False


class Fingerprint:
    """SHA-256 of class names, and of the arrays of each part, in alphabetical order of the parts.

    Examples
    --------
    >>> whole, pieces = Fingerprint(("cat", "dog")), Fingerprint(("cat", "dog"))
    >>> for fingerprint, values in ((whole, ["ab"]), (pieces, ["a", "b"])):
    ...     fingerprint.begin("train", np.dtype(np.uint8), (2,))
    ...     for value in values:
    ...         fingerprint.add(np.frombuffer(value.encode(), np.uint8))
    >>> whole.hexdigest() == pieces.hexdigest()
    True
    """

    def __init__(self, class_names: tuple[object, ...]) -> None:
        self._digest = hashlib.sha256(repr(class_names).encode())

    def begin(self, part: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Begin an array of a part."""
        self._digest.update(repr((part, dtype.str, shape)).encode())

    def add(self, values: Array) -> None:
        """Add the next values of the array."""
        self._digest.update(np.ascontiguousarray(values).data)

    def copy(self) -> Self:
        """Return a copy that can continue otherwise."""
        other = type(self)(())
        other._digest = self._digest.copy()
        return other

    def hexdigest(self) -> str:
        """Return the fingerprint of what was added so far."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Source:
    """The content of a source, unchecked.

    Parameters
    ----------
    name
        Name for errors and `DataInfo.name`.
    parts
        (x, y) of "train", and of "validation" and "test" if the source defines them.
    class_names
        Names of the class ids, if the source has them.
    kind
        Kind of the examples, if the source knows it.
    notes
        What was left out or changed: one phrase per reason.
    fingerprint
        Fingerprint of the content, if the source computed it. Images were resized afterwards.
    """

    name: str
    parts: Mapping[str, tuple[object, object]]
    class_names: tuple[str, ...] = ()
    kind: Kind | None = None
    notes: tuple[str, ...] = ()
    fingerprint: str = ""


class Stored(NamedTuple):
    """Examples as they are stored, before they are split and normalized."""

    x: Array
    y: Labels


@dataclass(frozen=True)
class Examples:
    """The checked content of a source: x in uint8 or float32, y as int64 ids or float32 targets."""

    name: str
    parts: Mapping[str, Stored]
    outputs: tuple[OutputInfo, ...]
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return shape_of_kind(self.parts["train"].x.shape[1:])

    @property
    def has_several_outputs(self) -> bool:
        """Whether the labels are of outputs with names."""
        return bool(self.outputs[0].name)

    @property
    def task(self) -> Task | Literal["several outputs"]:
        """The task, as of `DataInfo`."""
        return SEVERAL if self.has_several_outputs else self.outputs[0].task

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the class ids; empty for several outputs."""
        return () if self.has_several_outputs else self.outputs[0].class_names

    @property
    def classes(self) -> Classes:
        """Number of classes, as of `DataInfo`."""
        if self.has_several_outputs:
            return ClassesByOutput({one.name: one.classes for one in self.outputs})
        return self.outputs[0].classes

    def stratified(self, part: str) -> tuple[Array, OutputInfo]:
        """Return the labels of a part by which its splits are stratified, and their description.

        Of several outputs, those are the labels of the first one with classes.
        """
        first = next((one for one in self.outputs if one.task != "regression"), self.outputs[0])
        return arrays_of(self.parts[part].y)[first.name], first


def shape_of_kind(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an example, as a `SequenceShape` if it has two axes."""
    return SequenceShape(shape) if len(shape) == AXES["sequences"] else shape


def check_source(
    source: Source, kind: Kind | None = None, reading: Reading | None = None
) -> Examples:
    """Check the content of a source, and resize images that the source did not.

    Parameters
    ----------
    source
        Content to check.
    kind
        Kind of the examples, if the user gives it.
    reading
        How the source is read.

    Raises
    ------
    DataError
        If its pixels or labels are invalid, or sequences are to be resized.
    """
    resize = reading.resize if reading else None
    if kind and source.kind and kind != source.kind:
        raise DataError(f"{source.name!r} has {source.kind}; leave out kind={kind!r}.")
    kind = kind or source.kind
    where = {
        part: f"{source.name!r} ({part})" if len(source.parts) > 1 else repr(source.name)
        for part in source.parts
    }
    shape: tuple[int, ...] = ()
    notes = list(source.notes)
    pixels: dict[str, Array] = {}
    for part in sorted(source.parts, key=SPLITS.index):
        x, note = from_rows(source.parts[part][0], where[part], kind, resize)
        notes += [note] * (note not in ("", *notes))
        pixels[part] = check_pixels(x, where[part], kind, shape)
        shape = pixels[part].shape[1:]
        kind = "images" if len(shape) == AXES["images"] else "sequences"  # train comes first
    labels, outputs = encode_outputs(
        {part: (where[part], y, len(pixels[part])) for part, (_, y) in source.parts.items()},
        source.class_names,
    )
    parts = {part: Stored(pixels[part], labels[part]) for part in source.parts}
    examples = Examples(
        source.name,
        parts,
        outputs,
        tuple(notes),
        source.fingerprint or _fingerprint(outputs, parts),
    )
    # sources that compute a fingerprint have resized their images
    is_done = bool(source.fingerprint) and kind == "images"
    return examples if is_done else resized(examples, resize)


def resized(examples: Examples, resize: Resize | None) -> Examples:
    """Return examples with resized images, and the fingerprint that they have as they are stored.

    Raises
    ------
    DataError
        If they are sequences.
    """
    shape = examples.input_shape
    if resize is None:
        return examples
    if isinstance(shape, SequenceShape):
        raise DataError(
            f"`image_size`: expected 0 for {examples.name!r}, whose examples are sequences; "
            f"got {resize.height}x{resize.width}."
        )
    is_done = any(note.endswith(f"{RESIZED} {resize}") for note in examples.notes)
    if is_done or not resize.changes(shape):
        return examples
    parts = {part: Stored(resize(x), y) for part, (x, y) in examples.parts.items()}
    note = resized_note({(shape[0], shape[1])}, resize)
    return replace(examples, parts=parts, notes=(*examples.notes, note))


def _fingerprint(outputs: tuple[OutputInfo, ...], parts: Mapping[str, Stored]) -> str:
    names = [one.class_names for one in outputs]
    fingerprint = Fingerprint(names[0] if len(names) == 1 else tuple(names))
    for part, split in sorted(parts.items()):
        for output, array in [("", split.x), *arrays_of(split.y).items()]:
            place = f"{part} {output}" if output else part
            fingerprint.begin(place, array.dtype, array.shape)
            fingerprint.add(array)
    return fingerprint.hexdigest()


def existing_path(path: str, name: str) -> Path:
    """Return the path with ``~`` expanded if it exists.

    Raises
    ------
    DataError
        If it does not exist. The message gives the nearest existing name.
    """
    place = Path(path)
    with contextlib.suppress(RuntimeError):  # an unknown user: treat ~name as a name
        place = place.expanduser()
    if path and place.exists():
        return place
    parent = place.parent
    if not parent.is_dir():
        missing = next(p for p in reversed(place.parents) if not p.is_dir())
        raise DataError(f"{name!r} does not exist: there is no folder {str(missing)!r}.")
    near = did_you_mean(place.name, [sibling.name for sibling in parent.iterdir()], "'")
    raise DataError(f"{name!r} does not exist{near}")
