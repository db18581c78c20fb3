"""Image classification sets of TensorFlow Datasets."""

import os
import re
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array
from cnnzoo.data.errors import DataError
from cnnzoo.data.source import SPLITS, Source
from cnnzoo.toggle import did_you_mean, listed

# name, name/config, name:version: no namespaces, because their code is fetched from elsewhere.
NAME = re.compile(r"\w+(/[\w.+-]+)?(:[\d.*]+)?")


def from_tfds(spec: str) -> Source:
    """Read a set by its TFDS name, from ``$TFDS_DATA_DIR`` or TFDS's own default folder.

    A set that is not prepared there is downloaded and prepared by TFDS.

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
    parts = {
        part: _read(builder, split, image, label, name)
        for part, split in _splits(list(builder.info.splits), name).items()
    }
    # Some sets hide the labels of their test split behind -1: there is nothing to test against.
    known = {part: (x, y) for part, (x, y) in parts.items() if part == "train" or (y >= 0).any()}
    return Source(name, known, tuple(builder.info.features[label].names))


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
    """The features that hold the image and its class: the supervised ones, or the only ones."""
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
    """Our split for each of the set's that has a use."""
    if len(found) == 1:
        return {"train": found[0]}
    if "train" not in found:
        raise DataError(f"{name!r} needs a split 'train'; its splits are {listed(found)}.")
    return {split: split for split in SPLITS if split in found}


def _read(builder: Any, split: str, image: str, label: str, name: str) -> tuple[Array, Array]:
    import tensorflow_datasets as tfds

    decoders = tfds.decode.PartialDecoding({image: True, label: True})
    images: list[Array] = []
    labels: list[int] = []
    for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
        images.append(example[image])
        labels.append(int(example[label]))
        if images[-1].shape != images[0].shape:
            raise DataError(
                f"The images of {name!r} differ in size: example 0 of {split!r} has shape "
                f"{images[0].shape}, example {len(images) - 1} {images[-1].shape}. Resize them to "
                "one size by tensorflow_datasets and give arrays (x, y)."
            )
    return np.stack(images), np.array(labels, np.int64)
