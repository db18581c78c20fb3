"""Arrays and loaded data that are given to a study or a search, under a name for all processes.

Their content is kept in the cache folder, under a name that contains its digest. Workers map the
files into memory.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Data, DataError, DataInfo, OutputInfo, Sizes, Split
from cnnzoo.data.kept import map_array
from cnnzoo.data.resizing import RESIZED
from cnnzoo.data.scaling import Array, Pixels, ScaledArray, Scaling, in_parts
from cnnzoo.data.several_sizes import SeveralSizes
from cnnzoo.data.source import SPLITS, Examples, Stored, shape_of_kind
from cnnzoo.data.sources.arrays import ARRAYS, STREAM
from cnnzoo.data.targets import ClassesByOutput, Labels, arrays_of, labels_of
from cnnzoo.folds import HeldOut
from cnnzoo.runtime.files import cache_folder, keep

NAME = re.compile(r"arrays:((?:[\w.-]+-)?\d+(?:x\d+)+-[0-9a-f]{16})")
"""Names: that of loaded data, number of examples, shape of an example, digest of the content."""

LONGEST_LABEL = 40
"""Characters of the name of loaded data that are kept."""

ABOUT = "about.json"

FOLDER = "arrays"
"""Folder in the cache folder."""


class GivenData(str):
    """Name of given arrays or loaded data, such as "arrays:300x12x12x3-6f0a12bcd3ef45aa".

    The name of data that were loaded from a path or a name contains it: "arrays:digits-...".

    `cnnzoo.load_data` takes the name after `keep`. Copies and pickles are plain texts without the
    content.

    Parameters
    ----------
    content
        The checked arrays, or the loaded data.
    images
        Images of several sizes, which are kept instead of the content: trials resize them.
    """

    content: Examples | Data
    images: SeveralSizes | None

    def __new__(cls, content: Examples | Data, images: SeveralSizes | None = None) -> "GivenData":
        """Return the name of the content."""
        parts = _parts(content)
        count = sum(len(y) for _, y in parts.values())
        sizes = parts["train"][0].shape[1:] if images is None else parts["train"][0].shape[-1:]
        shape = "x".join(map(str, (count, *sizes)))
        digest = _digest(content) if images is None else _digest_of_sizes(content)
        given = super().__new__(cls, f"arrays:{_label(content)}{shape}-{digest[:16]}")
        given.content, given.images = content, images
        return given

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)

    def keep(self) -> None:
        """Write the content to the cache folder, unless it is there.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        try:
            keep(_place(self), self._write)
        except OSError as error:
            raise DataError(
                f"`data`: arrays cannot be kept in {_place(self).parent}: {error.strerror}. Set "
                "CNNZOO_CACHE to a folder that can be written to, with room for them."
            ) from error

    def _write(self, folder: Path) -> None:
        if self.images is not None:
            about = self.images.write(folder)
            (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            return
        about = {"parts": {}}
        for part, (x, y) in _parts(self.content).items():
            stored = _stored(x)
            new = np.lib.format.open_memmap(
                folder / f"{part}_x.npy", "w+", next(stored).dtype, x.shape
            )
            start = 0
            for rows in _stored(x):
                new[start : start + len(rows)] = rows
                start += len(rows)
            new.flush()
            for array, file in zip(arrays_of(y).values(), _label_files(part), strict=False):
                np.save(folder / file, array)
            about["parts"][part] = _scaling_to_json(x)
        if isinstance(self.content, Data):
            np.save(folder / "test_indices.npy", self.content.test_indices)
            about["info"] = _info_to_json(self.content.info)
        else:
            about["task"], about["class_names"] = self.content.task, self.content.class_names
            about["notes"], about["fingerprint"] = self.content.notes, self.content.fingerprint
            if self.content.has_several_outputs:
                about["outputs"] = [asdict(one) for one in self.content.outputs]
        (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def open_given(name: str) -> Examples | Data | SeveralSizes:
    """Open kept arrays, loaded data or images of several sizes by name.

    The test split of loaded data is the same for all seeds, as if the source defined it.

    Raises
    ------
    DataError
        If this machine does not have them.
    """
    place = _place(name)
    try:
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        if "several_sizes" in about:
            return SeveralSizes.read(place, about)
        outputs = _outputs_from_json(about.get("info", about))
        names = [one.name for one in outputs]
        parts = {
            part: (map_array(place / f"{part}_x.npy"), _open_labels(place, part, names))
            for part in about["parts"]
        }
        if "info" not in about:
            stored = {part: Stored(*pair) for part, pair in parts.items()}
            return Examples(name, stored, outputs, tuple(about["notes"]), about["fingerprint"])
        splits = {
            part: Split(
                ScaledArray(x, np.arange(len(x)), _scaling_from_json(about["parts"][part])), y
            )
            for part, (x, y) in parts.items()
        }
        indices = np.load(place / "test_indices.npy")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{name!r} is not in {place.parent}, where arrays that were given to a study or a "
            "search are kept. Give it the same arrays again."
        ) from error
    return Data(**splits, info=_info_from_json(about["info"]), test_indices=indices)


def outputs_of(spec: object) -> tuple[OutputInfo, ...] | None:
    """Return the descriptions of the outputs of data by its spec.

    It is empty for one output, and None if it is unknown. Only arrays, streams and loaded data
    have several outputs.
    """
    content = spec.content if isinstance(spec, GivenData) else spec
    if isinstance(content, Data):
        return content.info.outputs
    if isinstance(content, Examples):
        return content.outputs if content.has_several_outputs else ()
    return None if is_given(spec) else ()


def is_given(spec: object) -> bool:
    """Return whether a spec is the name of given data.

    Examples
    --------
    >>> is_given("arrays:300x12x12x3-6f0a12bcd3ef45aa"), is_given("arrays:../secret")
    (True, False)
    """
    return isinstance(spec, str) and NAME.fullmatch(spec) is not None


def kept_folders(specs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the folders in the cache folder that hold given data.

    Examples
    --------
    >>> kept_folders(["digits", "arrays:300x12x12x3-6f0a12bcd3ef45aa"])
    ('arrays/300x12x12x3-6f0a12bcd3ef45aa',)
    """
    return tuple(f"{FOLDER}/{spec.partition(':')[2]}" for spec in specs if is_given(spec))


def _place(name: str) -> Path:
    return cache_folder() / FOLDER / name.partition(":")[2]


def _label_files(part: str) -> Iterator[str]:
    """Yield the names of the files of the labels of successive outputs."""
    yield f"{part}_y.npy"
    yield from (f"{part}_y{place}.npy" for place in itertools.count(1))


def _open_labels(place: Path, part: str, names: Sequence[str]) -> Labels:
    files = zip(names, _label_files(part), strict=False)
    return labels_of({name: np.load(place / file) for name, file in files})


def _parts(content: Examples | Data) -> Mapping[str, tuple[Pixels, Labels]]:
    if isinstance(content, Data):
        return {part: getattr(content, part) for part in SPLITS}
    return content.parts


def _label(content: Examples | Data) -> str:
    """Return what the name of loaded data begins with: the last part of its own; "" for arrays.

    It is cut, because a folder of the cache has the name of the data.
    """
    if not isinstance(content, Data) or content.info.name in (ARRAYS, STREAM):
        return ""
    if is_given(content.info.name):
        return ""
    last = PurePath(content.info.name.rpartition(":")[2]).name
    label = re.sub(r"[^\w.]+", "-", last)[:LONGEST_LABEL].strip("-.")
    return f"{label}-" if label else ""


def _digest(content: Examples | Data) -> str:
    if isinstance(content, Examples):
        # the fingerprint is of the content before images of several sizes got one
        resized = [note for note in content.notes if RESIZED in note]
        said = repr((content.fingerprint, resized)).encode()
        return hashlib.sha256(said).hexdigest() if resized else content.fingerprint
    digest = hashlib.sha256(json.dumps(_info_to_json(content.info)).encode())
    for part, (x, y) in _parts(content).items():
        labels = arrays_of(y).values()
        digest.update(repr((part, x.shape, *(one.dtype.str for one in labels))).encode())
        for rows in in_parts(x):
            digest.update(np.ascontiguousarray(rows).data)
        for one in labels:
            digest.update(np.ascontiguousarray(one).data)
    digest.update(np.ascontiguousarray(content.test_indices).data)
    return digest.hexdigest()


def _digest_of_sizes(content: Examples | Data) -> str:
    """Return the digest of images before they were resized, which no single size has."""
    fingerprint = content.fingerprint if isinstance(content, Examples) else ""
    return hashlib.sha256(f"several sizes, {fingerprint}".encode()).hexdigest()


def _stored(x: Pixels) -> Iterator[Array]:
    """Yield the stored pixels of the examples in parts."""
    if isinstance(x, ScaledArray):
        for places in in_parts(x.places):
            yield x.stored[places]
    else:
        yield from in_parts(x)


def _scaling_to_json(x: Pixels) -> dict[str, Any]:
    scaling = x.scaling if isinstance(x, ScaledArray) else Scaling.identity(x.shape[-1])
    return {name: np.asarray(value).tolist() for name, value in asdict(scaling).items()}


def _scaling_from_json(values: Mapping[str, Any]) -> Scaling:
    mean, deviation = (np.array(values[name]) for name in ("mean", "deviation"))
    return Scaling(values["low"], values["span"], mean, deviation)


def _info_to_json(info: DataInfo) -> dict[str, Any]:
    """Return the description of data; that of one output names no outputs."""
    values = asdict(info)
    if not info.outputs:
        del values["outputs"]
    return values


def _outputs_from_json(values: Mapping[str, Any]) -> tuple[OutputInfo, ...]:
    """Return the description of every output."""
    names = tuple(values["class_names"])
    one = {"name": "", "task": values["task"], "classes": len(names) or 1, "class_names": names}
    return tuple(map(OutputInfo.from_dict, values.get("outputs", [one])))


def _info_from_json(values: Mapping[str, Any]) -> DataInfo:
    tuples = {name: tuple(values[name]) for name in ("class_names", "offset", "scale", "notes")}
    held_out = replace(HeldOut(**values["held_out"]), pool=0)
    shape, sizes = shape_of_kind(tuple(values["input_shape"])), Sizes(*values["sizes"])
    changed = {**tuples, "held_out": held_out, "input_shape": shape, "sizes": sizes}
    if "outputs" in values:
        changed["outputs"] = _outputs_from_json(values)
        changed["classes"] = ClassesByOutput(values["classes"])
    return DataInfo(**{**values, **changed})
