"""Arrays: (x, y), one pair per split, a stream of batches, or an .npz archive."""

import hashlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnzoo.data.dataset import DataError
from cnnzoo.data.resizing import resized_note
from cnnzoo.data.source import (
    SPLIT_NAMES,
    SPLITS,
    Reading,
    Source,
    by_split,
    existing_path,
    split_of,
)
from cnnzoo.data.sources.streams import Paired, is_stream, read_stream
from cnnzoo.data.targets import Targets
from cnnzoo.kinds import AXES, Kind
from cnnzoo.toggle import did_you_mean, listed

ARRAYS, STREAM = "arrays", "stream"
"""Names of sources that are given as objects."""


def from_arrays(spec: object, reading: Reading) -> Source:
    """Return the source of arrays or streams: one for all splits, several, or a mapping of splits.

    Two tuples of arrays are the train and test pairs that ``keras.datasets`` loads. Two streams
    are train and validation, as ``keras.utils.image_dataset_from_directory`` returns them, and a
    third is test.

    Raises
    ------
    DataError
        If `spec` is none of these, lacks train, or has an unreadable stream.
    """
    return _source(*parts_of(spec), reading)


def parts_of(spec: object) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (x, y) or a stream for each part, and the words for it in an error.

    A list of images of several sizes is a `Paired`.

    Raises
    ------
    DataError
        As of `from_arrays`.
    """
    if _is_two_pairs(spec):
        spec = dict(zip(("train", "test"), spec, strict=True))  # type: ignore[call-overload]
    elif isinstance(spec, tuple | list) and 2 <= len(spec) <= 3 and all(map(is_stream, spec)):
        spec = dict(zip(SPLITS, spec, strict=False))
    if not isinstance(spec, Mapping):
        given, words = {"train": spec}, {"train": "`data`"}
    else:
        for part in spec:
            if split_of(str(part)) is None:
                near = did_you_mean(str(part), SPLIT_NAMES, "'")
                raise DataError(
                    f"{ARRAYS!r} has no split {part!r}{near} The splits: {listed(SPLITS)}."
                )
        keys = by_split(spec, ARRAYS)
        if "train" not in keys:
            raise DataError(f"{ARRAYS!r} needs a split 'train'; got {listed(spec) or 'none'}.")
        given = {part: spec[key] for part, key in keys.items()}
        words = {part: f"The split {key!r}" for part, key in keys.items()}
    return {part: _pair_or_stream(value, words[part]) for part, value in given.items()}, words


def _source(parts: Mapping[str, Any], words: Mapping[str, str], reading: Reading) -> Source:
    """Return the source of an (x, y) or a stream for each part."""
    if not any(map(is_stream, parts.values())):
        return Source(ARRAYS, parts)
    streamed = {
        part: read_stream(
            value if is_stream(value) else Paired(*value),
            words[part],
            STREAM,
            reading.resize,
        )
        for part, value in parts.items()
    }
    names = streamed["train"].class_names
    for part, content in streamed.items():
        if content.class_names not in ((), names):
            raise DataError(
                f"{words[part]}: expected the classes of train, {listed(names) or 'none'}; got "
                f"{listed(content.class_names)}."
            )
    digest = hashlib.sha256(repr(names).encode())
    if isinstance(streamed["train"].y, Targets):
        digest.update(repr(streamed["train"].y.names).encode())
    for part, content in sorted(streamed.items()):
        digest.update(part.encode() + b"".join(content.digests))
    sizes = {size for content in streamed.values() for size in content.sizes}
    note = resized_note(sizes, reading.resize)
    return Source(
        STREAM,
        {part: (content.x, content.y) for part, content in streamed.items()},
        names,
        notes=(note,) if note else (),
        fingerprint=digest.hexdigest(),
    )


def _is_two_pairs(spec: object) -> bool:
    """Return whether this is ((x, y), (x, y)), not (x, y) with tuples of two examples."""
    return (
        isinstance(spec, tuple)
        and len(spec) == 2
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in spec)
        and all(
            isinstance(values, list | Mapping) or getattr(values, "ndim", 0) > 0
            for pair in spec
            for values in pair
        )
    )


def _pair_or_stream(value: object, what: str) -> Any:
    """Return (x, y), or the stream if it is one or if the images are of several sizes."""
    if is_stream(value):
        return value
    if isinstance(value, tuple) and len(value) == 2:
        x, y = value
        shapes = {getattr(image, "shape", ()) for image in x} if isinstance(x, list) else ()
        return Paired(x, y) if len(shapes) > 1 and () not in shapes else value
    got = type(value).__name__ + (f" of {len(value)}" if isinstance(value, tuple | list) else "")
    raise DataError(
        f"{what}: expected a name, a path, a tuple (x, y), a tuple of two of these for train and "
        f"test, a stream of batches, or a mapping of splits to them; got {got}. A list of batches "
        "is a stream as iter(batches)."
        if what == "`data`"
        else f"{what}: expected a tuple (x, y) or a stream of batches; got {got}."
    )


ALLOWED = "x and y, or x_train and y_train (optionally with x_val, y_val, x_test, y_test)"

KIND = "kind"
"""Key of a text in the archive: the `kind` of `load_data`."""


def from_npz(path: str, reading: Reading) -> Source:  # noqa: ARG001 # arrays are resized later
    """Read an ``.npz`` file; arrays of Python objects, which would be unpickled, are refused.

    Raises
    ------
    DataError
        If the file is missing, not an archive, or lacks an array.
    """
    name = f"npz:{path}"
    file = existing_path(path, name)
    if not file.is_file():  # a device or a pipe may be read without end
        raise DataError(f"{name!r} is not a regular file.")
    # NumPy would read a single .npy array, and treat other files as pickles.
    if not zipfile.is_zipfile(file):
        raise DataError(
            f"{name!r} is not an .npz archive; read the file and give arrays (x, y), or write an "
            "archive by numpy.savez('data.npz', x=x, y=y)."
        )
    try:
        with file.open("rb") as stored, np.load(stored, allow_pickle=False) as archive:
            keys = _keys(archive.files, name)
            kind = _kind(archive, name)
            known = [key for pair in keys.values() for key in pair] + [KIND] * bool(kind)
            return Source(
                name,
                {part: (archive[x], archive[y]) for part, (x, y) in keys.items()},
                kind=kind,
                notes=_notes(archive.files, known),
            )
    except DataError:
        raise
    except Exception as error:  # whatever is broken in the archive, the remedy is the same
        if "allow_pickle" in str(error):
            raise DataError(
                f"{name!r} holds an array of Python objects, which is refused because reading it "
                "can run code; save numbers or strings of one length."
            ) from error
        raise DataError(f"{name!r} cannot be read: {error}") from error


def _keys(found: list[str], name: str) -> dict[str, tuple[str, str]]:
    """Return the keys of x and y for every part in the archive."""
    if "x" in found or "y" in found:
        used = {"train": ("x", "y")}
    else:
        of_y, of_x = (
            by_split([key[2:] for key in found if key.startswith(axis)], name, f"{axis}{{}}".format)
            for axis in ("y_", "x_")
        )
        splits = {"train": "train"} | of_y | of_x
        used = {part: (f"x_{end}", f"y_{end}") for part, end in splits.items()}
    for part, pair in used.items():
        for key in pair:
            if key not in found:
                raise DataError(
                    f"{name!r} lacks {key!r} for {part}; it holds {listed(found) or 'nothing'}. "
                    f"An archive holds {ALLOWED}."
                )
    known = [key for pair in used.values() for key in pair]
    for key in found:
        if key.partition("_")[0] in ("x", "y") and key not in known:
            names = known if "x" in known else [f"{key[0]}_{end}" for end in SPLIT_NAMES]
            near = did_you_mean(key, names, "'")
            raise DataError(f"{name!r} holds {key!r}, which has no use{near} It holds {ALLOWED}.")
    return used


def _kind(archive: Any, name: str) -> Kind | None:
    """Return the kind that a text in the archive gives; an array of that name is ignored."""
    if KIND not in archive.files or archive[KIND].ndim:
        return None
    stored = archive[KIND].item()
    for kind in AXES:
        if stored == kind:
            return kind
    near = did_you_mean(str(stored), AXES, "'")
    raise DataError(f"`{KIND}` in {name!r}: expected one of {listed(AXES)}; got {stored!r}{near}")


def _notes(found: list[str], known: list[str]) -> tuple[str, ...]:
    left = [key for key in found if key not in known]
    return (f"arrays left out: {listed(left)}",) if left else ()
