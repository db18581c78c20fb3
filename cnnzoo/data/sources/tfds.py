"""Image classification sets of TensorFlow Datasets."""

import importlib.util
import os
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.decoded import decoded_once, version_of
from cnnzoo.data.source import SPLITS, Source, by_split, split_of
from cnnzoo.toggle import did_you_mean, listed

# name, name/config, name:version: no namespaces, because their code is fetched from elsewhere.
NAME = re.compile(r"\w+(/[\w.+-]+)?(:[\d.*]+)?")

READERS = {"array_record": "array_record", "parquet": "pyarrow", "riegeli": "riegeli"}
"""Packages that TFDS needs to read a file format, by format."""

FILES_AT_A_TIME = 16
"""Files that TFDS's reader interleaves by default if the set is shuffled."""


def from_tfds(spec: str) -> Source:
    """Read a set by its TFDS name, from ``$TFDS_DATA_DIR`` or the default folder of TFDS.

    TFDS downloads and prepares a set that is not there.

    Raises
    ------
    DataError
        If TFDS does not know the set, it has no images or class labels, its images differ in
        size, or it cannot be prepared here.
    """
    name = f"tfds:{spec}"
    builder = _builder(spec, name)
    image, label = _features(builder.info, name)
    _prepare(builder, spec, name)
    splits = _splits(list(builder.info.splits), name)
    parts = {part: _read(builder, split, image, label, name) for part, split in splits.items()}
    # Some sets hide the labels of their test split (all -1), which cannot be tested on.
    hidden = [part for part, (_, y) in parts.items() if part != "train" and not (y >= 0).any()]
    known = {part: pair for part, pair in parts.items() if part not in hidden}
    reasons = {
        "splits left out": [s for s in builder.info.splits if s not in splits.values()],
        "splits without labels left out": [splits[part] for part in hidden],
    }
    return Source(
        name,
        known,
        tuple(builder.info.features[label].names),
        kind="images",
        notes=tuple(f"{what}: {listed(left)}" for what, left in reasons.items() if left),
    )


def _builder(spec: str, name: str) -> Any:
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    near = did_you_mean(re.split("[/:]", spec)[0], known, "'")
    unknown = f"TensorFlow Datasets has no set {spec!r}{near} See tfds.list_builders()."
    if not NAME.fullmatch(spec):
        raise DataError(unknown)
    try:
        return tfds.builder(spec, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(unknown) from error
    except (ValueError, AssertionError) as error:  # a config or version that the set lacks
        reason = re.sub('^Failed to construct dataset .*?}": ', "", str(error).splitlines()[0])
        raise DataError(f"{name!r} cannot be opened: {reason}") from error


def _features(info: Any, name: str) -> tuple[str, str]:
    """Return the features of image and class: the supervised ones, or the only ones."""
    import tensorflow_datasets as tfds

    features = dict(info.features) if isinstance(info.features, tfds.features.FeaturesDict) else {}
    has = (
        f"its features are {', '.join(sorted(features))}."
        if features
        else "it has no named features."
    )
    found = []
    for kind, what in ((tfds.features.Image, "images"), (tfds.features.ClassLabel, "class labels")):
        keys = [key for key, feature in features.items() if isinstance(feature, kind)]
        supervised = [key for key in keys if key in (info.supervised_keys or ())]
        if not keys:
            raise DataError(f"{name!r} has no {what}; {has} Choose an image classification set.")
        if len(supervised or keys) > 1:
            raise DataError(
                f"{name!r} has several {what}, {listed(keys)}, and none is the supervised one; "
                "read the set by tensorflow_datasets and give arrays (x, y)."
            )
        found.append((supervised or keys)[0])
    return found[0], found[1]


def _prepare(builder: Any, spec: str, name: str) -> None:
    if builder.is_prepared():
        return
    try:
        builder.download_and_prepare()
    except ModuleNotFoundError as error:
        raise DataError(
            f"{name!r} cannot be prepared without the package {error.name!r}; install it."
        ) from error
    except Exception as error:  # network, disk, manual downloads, missing packages
        raise DataError(
            f"{name!r} is not in {str(builder.data_dir)!r} and cannot be prepared here: "
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}. "
            f"Where there is a network, run `tfds build {spec} --data_dir DIR`; then set "
            "TFDS_DATA_DIR=DIR."
        ) from error


def _splits(found: list[str], name: str) -> dict[str, str]:
    """Return the set's name of each split."""
    if len(found) == 1:
        return {"train": found[0]}
    usual = [split for split in found if split in SPLITS]
    # If a set has "validation", a "dev" split is another one.
    others = [split for split in found if split not in usual and split_of(split) not in usual]
    splits = by_split([*usual, *others], name)
    if "train" not in splits:
        raise DataError(f"{name!r} needs a split 'train'; its splits are {listed(found)}.")
    return splits


def _read(builder: Any, split: str, image: str, label: str, name: str) -> tuple[Array, Array]:
    def decode() -> Iterator[tuple[Array, int]]:
        first: tuple[int, ...] = ()
        for place, (pixels, class_id) in enumerate(_examples(builder, split, image, label, name)):
            first = first or pixels.shape
            if pixels.shape != first:
                raise DataError(
                    f"The images of {name!r} differ in size: example 0 of {split!r} has shape "
                    f"{first}, example {place} {pixels.shape}. Resize them to one size by "
                    "tensorflow_datasets and give arrays (x, y)."
                )
            yield pixels, class_id

    files = sorted(path for path in Path(builder.data_dir).rglob("*") if path.is_file())
    packages = [version(package) for package in ("tensorflow", "tensorflow-datasets")]
    return decoded_once(
        files, ("tfds", split, image, label, *packages, version_of(__name__)), decode
    )


def _examples(
    builder: Any, split: str, image: str, label: str, name: str
) -> Iterator[tuple[Array, int]]:
    """Yield pixels and class of every example, in the order of ``as_dataset``."""
    import tensorflow_datasets as tfds

    _check_reader(builder.info.file_format.value, name)
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        yield from _array_records(builder, split, image, label)
        return
    decoders = tfds.decode.PartialDecoding({image: True, label: True})
    for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
        yield example[image], int(example[label])


def _check_reader(file_format: str, name: str) -> None:
    package = READERS.get(file_format)
    if package and importlib.util.find_spec(package) is None:
        raise DataError(
            f"{name!r} is prepared as {file_format}, which is not read without the package "
            f"{package!r}; install it, or prepare the set with --file_format=tfrecord."
        )


def _array_records(builder: Any, split: str, image: str, label: str) -> Iterator[tuple[Array, int]]:
    """Yield the examples of a set without ``as_dataset`` in the order that it would have.

    The files are interleaved the same way. TensorFlow decodes the images, because other decoders
    give other pixels for the same JPEG.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    info, block = builder.info, tfds.ReadConfig().interleave_block_length
    lengths = np.array(info.splits[split].shard_lengths, np.int64)
    ends = np.cumsum(lengths)
    order = tf.data.Dataset.from_tensor_slices((ends - lengths, ends)).interleave(
        tf.data.Dataset.range,
        cycle_length=1 if info.disable_shuffling else FILES_AT_A_TIME,
        block_length=block,
    )
    skipped = {key: tfds.decode.SkipDecoding() for key in info.features}
    examples = builder.as_data_source(split=split, decoders=skipped)
    for index in order.as_numpy_iterator():
        example = examples[int(index)]
        yield info.features[image].decode_example(example[image]).numpy(), int(example[label])
