"""Image classification sets of TensorFlow Datasets."""

import importlib.util
import os
import re
import urllib.parse
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.decoded import version_of
from cnnzoo.data.decoding import Decoding, gather
from cnnzoo.data.source import SPLITS, Reading, Source, by_split, split_of
from cnnzoo.toggle import did_you_mean, listed

# name, name/config, name:version: no namespaces, because their code is fetched from elsewhere.
NAME = re.compile(r"\w+(/[\w.+-]+)?(:[\d.*]+)?")

READERS = {"array_record": "array_record", "parquet": "pyarrow", "riegeli": "riegeli"}
"""Packages that TFDS needs to read a file format, by format."""

FILES_AT_A_TIME = 16
"""Files that TFDS's reader interleaves by default if the set is shuffled."""

CONNECT_WITHIN = 3.0
"""Seconds after which a host counts as unreachable."""


def from_tfds(spec: str, reading: Reading) -> Source:
    """Read a set by its TFDS name, from ``$TFDS_DATA_DIR`` or the default folder of TFDS.

    TFDS downloads and prepares a set that is not there.

    Raises
    ------
    DataError
        If TFDS does not know the set, it has no images or class labels, its images differ in
        size and are not to be resized, or it cannot be prepared here.
    """
    name = f"tfds:{spec}"
    builder = _builder(spec, name)
    image, label = _features(builder.info, name)
    _prepare(builder, spec, name)
    splits = _splits(list(builder.info.splits), name)
    class_names = tuple(builder.info.features[label].names)
    _check_reader(builder.info.file_format.value, name)
    decoding = Decoding(
        name,
        class_names,
        {
            part: (
                builder.info.splits[split].num_examples,
                partial(_examples, builder, split, image, label),
            )
            for part, split in splits.items()
        },
        reading,
    )
    files = sorted(path for path in Path(builder.data_dir).rglob("*") if path.is_file())
    packages = [version(package) for package in ("numpy", "tensorflow", "tensorflow-datasets")]
    settings = ("tfds", splits, image, label, *packages, version_of(__name__))
    x, y = gather(decoding, files, settings)
    # Some sets hide the labels of their test split (all -1), which cannot be tested on.
    hidden = decoding.hidden
    reasons = {
        "splits left out": [s for s in builder.info.splits if s not in splits.values()],
        "splits without labels left out": [splits[part] for part in splits if part in hidden],
    }
    notes = tuple(f"{what}: {listed(left)}" for what, left in reasons.items() if left)
    return Source(
        name,
        {part: (x[part], y[part]) for part in splits if part not in hidden},
        class_names,
        kind="images",
        notes=(*notes, *decoding.notes),
        fingerprint=decoding.fingerprint,
    )


def _builder(spec: str, name: str) -> Any:
    import tensorflow_datasets as tfds

    try:
        if NAME.fullmatch(spec):
            return tfds.builder(spec, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except tfds.core.DatasetNotFoundError:
        pass
    except (ValueError, AssertionError) as error:  # a config or version that the set lacks
        reason = re.sub('^Failed to construct dataset .*?}": ', "", str(error).splitlines()[0])
        raise DataError(f"{name!r} cannot be opened: {reason}") from error
    known = tfds.list_builders(with_community_datasets=False)  # takes seconds
    near = did_you_mean(re.split("[/:]", spec)[0], known, "'")
    raise DataError(f"TensorFlow Datasets has no set {spec!r}{near} See tfds.list_builders().")


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
        _check_network(builder)
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


def _check_network(builder: Any) -> None:
    """Raise ConnectionError if the next file to download is on a host that does not answer.

    Without a network, TFDS repeats each download for 205 s (4.9.10, ``MAX_RETRIES`` of its
    downloader). The request is without effect: it asks for the headers of the file.
    """
    import requests

    for url in _missing_downloads(builder):
        try:
            requests.head(url, timeout=CONNECT_WITHIN)
        except requests.ConnectionError as error:
            host = urllib.parse.urlsplit(url).hostname
            raise ConnectionError(f"no connection to {host}") from error
        except requests.RequestException:
            pass  # a host that answers somehow, or an address that is not HTTP
        return


def _missing_downloads(builder: Any) -> Iterator[str]:
    """Yield the addresses of the registered files that were not downloaded before."""
    from tensorflow_datasets.core.download.resource import get_dl_fname

    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:  # some of the files are not downloaded
        return
    folder = Path(builder.data_dir_root) / "downloads"
    for url, info in (builder.url_infos or {}).items():
        names = {get_dl_fname(url, info.checksum), get_dl_fname(url)}
        if not any(
            (place / n).exists() for place in (folder, folder / builder.name) for n in names
        ):
            yield url


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


def _examples(builder: Any, split: str, image: str, label: str) -> Iterator[tuple[Array, int]]:
    """Yield pixels and class of every example, in the order of ``as_dataset``."""
    import tensorflow_datasets as tfds

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
