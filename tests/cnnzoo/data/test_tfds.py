"""Sets of TensorFlow Datasets that the test defines and prepares itself."""

import logging
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cnnzoo.data import DataError, load_data

FEATURES = tfds.features
IMAGE = FEATURES.Image(shape=(4, 4, 1))
LABEL = FEATURES.ClassLabel(names=["cat", "dog"])


def image(value, side=4):
    return np.full((side, side, 1), value, np.uint8)


def example(i):
    return {"image": image(i), "label": i % 2}


class Builder(tfds.core.GeneratorBasedBuilder):
    """What the tests' sets share: features, and examples by split."""

    VERSION = tfds.core.Version("1.0.0")
    SKIP_REGISTRATION = True
    KEYS = ("image", "label")
    FEATURES = {"image": IMAGE, "label": LABEL}
    EXAMPLES = {"train": [example(i) for i in range(40)]}

    def _info(self):
        features = FEATURES.FeaturesDict(self.FEATURES)
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=self.KEYS)

    def _split_generators(self, dl_manager):
        return {split: enumerate(examples) for split, examples in self.EXAMPLES.items()}

    def _generate_examples(self):
        raise NotImplementedError


class CnnzooWhole(Builder):
    """One split."""


class CnnzooSplits(Builder):
    """Its own test split, and one of no use."""

    EXAMPLES = Builder.EXAMPLES | {
        "test": [example(i) for i in range(100, 110)],
        "unsupervised": [example(200)],
    }


class CnnzooNames(Builder):
    """Splits by other names, and one beside the usual."""

    EXAMPLES = {
        "train": [example(i) for i in range(40)],
        "valid": [example(i) for i in range(50, 56)],
        "test": [example(i) for i in range(60, 68)],
        "testing": [example(70)],
    }


class CnnzooTwice(Builder):
    """Two splits of one meaning."""

    EXAMPLES = Builder.EXAMPLES | {"dev": [example(0)], "val": [example(1)]}


RNG = np.random.default_rng(3)


class CnnzooPhotos(Builder):
    """Coloured noise as JPEG, whose pixels hang on the decoder, and more than a block of it."""

    FEATURES = {
        "image": FEATURES.Image(shape=(16, 16, 3), encoding_format="jpeg"),
        "label": LABEL,
        "id": FEATURES.Text(),
    }
    EXAMPLES = {
        "train": [
            {"image": RNG.integers(0, 256, (16, 16, 3), np.uint8), "label": i % 2, "id": str(i)}
            for i in range(60)
        ]
    }


class CnnzooHidden(Builder):
    """A test split whose labels are hidden."""

    EXAMPLES = Builder.EXAMPLES | {"test": [{"image": image(9), "label": -1}]}


class CnnzooMask(Builder):
    """A second image feature, and names of its own for the supervised ones."""

    KEYS = ("picture", "kind")
    FEATURES = {"mask": IMAGE, "picture": IMAGE, "kind": LABEL}
    EXAMPLES = {
        "train": [{"mask": image(0), "picture": image(i), "kind": i % 2} for i in range(40)]
    }


class CnnzooSizes(Builder):
    """Images of two sizes."""

    FEATURES = {"image": FEATURES.Image(shape=(None, None, 1)), "label": LABEL}
    EXAMPLES = {"train": [{"image": image(0, 4 + i % 2), "label": i % 2} for i in range(2)]}


class CnnzooText(Builder):
    """No images."""

    KEYS = ("text", "label")
    FEATURES = {"text": FEATURES.Text(), "label": LABEL}


class CnnzooUnlabelled(Builder):
    """No labels."""

    KEYS = None
    FEATURES = {"image": IMAGE, "id": FEATURES.Text()}


class CnnzooPair(Builder):
    """Two images, none of them the supervised one."""

    KEYS = None
    FEATURES = {"left": IMAGE, "right": IMAGE, "label": LABEL}


class CnnzooNoTrain(Builder):
    """Two splits, neither of them train."""

    EXAMPLES = {"test": [example(0)], "extra": [example(1)]}


class CnnzooTool(Builder):
    """A set that is made by a package of its own."""

    def _split_generators(self, dl_manager):
        import cnnzoo_has_no_such_tool  # noqa: F401


class CnnzooRemote(Builder):
    """A set that has to be downloaded."""

    def _split_generators(self, dl_manager):
        raise ConnectionError("Name or service not known\n(and a long trace)")


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Registers a builder under its name and, unless told not to, prepares it in tmp_path."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    logging.getLogger("absl").setLevel(logging.ERROR)

    def prepare(builder, write=True, file_format=None, files=None):
        monkeypatch.setitem(tfds.core.registered._DATASET_REGISTRY, builder.name, builder)
        if write:
            place = tmp_path / f"{file_format}{files}"
            monkeypatch.setenv("TFDS_DATA_DIR", str(place))
            builder(data_dir=str(place), file_format=file_format).download_and_prepare(
                download_config=tfds.download.DownloadConfig(num_shards=files)
            )
        return f"tfds:{builder.name}"

    return prepare


def test_a_set_of_one_split_is_cut(prepared):
    data = load_data(prepared(CnnzooWhole), normalize="none")
    assert data.info.name == "tfds:cnnzoo_whole"
    assert data.info.class_names == ("cat", "dog")
    assert data.info.sizes == (32, 4, 4)
    values = np.concatenate([split.x for split in (data.train, data.validation, data.test)])
    assert sorted(values[:, 0, 0, 0]) == list(range(40))
    np.testing.assert_array_equal(data.train.y, data.train.x[:, 0, 0, 0] % 2)


def test_a_test_split_is_kept_and_others_are_left_alone(prepared):
    data = load_data(prepared(CnnzooSplits), normalize="none")
    assert data.info.sizes == (36, 4, 10)
    assert sorted(data.test.x[:, 0, 0, 0]) == list(range(100, 110))


def test_splits_that_are_left_out_are_named(prepared):
    info = load_data(prepared(CnnzooSplits)).info
    assert info.notes == ("splits left out: 'unsupervised'",)


def test_splits_by_other_usual_names_are_kept(prepared):
    data = load_data(prepared(CnnzooNames), normalize="none")
    assert data.info.sizes == (40, 6, 8)
    assert sorted(data.validation.x[:, 0, 0, 0]) == list(range(50, 56))
    assert sorted(data.test.x[:, 0, 0, 0]) == list(range(60, 68))
    assert data.info.notes == ("splits left out: 'testing'",)


def test_two_splits_of_one_meaning_are_refused(prepared):
    assert refusal(prepared(CnnzooTwice)) == (
        "'tfds:cnnzoo_twice' has both 'dev' and 'val'; keep one."
    )


@pytest.mark.parametrize("files", [1, 3])
def test_every_file_format_is_read_alike(files, prepared):
    found = {
        file_format: load_data(prepared(CnnzooPhotos, file_format=file_format, files=files))
        for file_format in ("tfrecord", "array_record", "parquet")
    }
    assert len({data.info.fingerprint for data in found.values()}) == 1
    usual = found["tfrecord"]
    assert usual.info.sizes == (48, 6, 6)
    for split in ("train", "validation", "test"):
        x, y = getattr(usual, split)
        np.testing.assert_array_equal(getattr(found["array_record"], split).x, x)
        np.testing.assert_array_equal(getattr(found["array_record"], split).y, y)


@pytest.mark.parametrize(
    ("file_format", "package"), [("array_record", "array_record"), ("parquet", "pyarrow")]
)
def test_a_missing_reader_is_named(file_format, package, prepared, monkeypatch):
    spec = prepared(CnnzooWhole, file_format=file_format)
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal(spec) == (
        f"'tfds:cnnzoo_whole' is prepared as {file_format}, which is not read without the package "
        f"{package!r}; install it, or prepare the set with --file_format=tfrecord."
    )


def test_a_test_split_of_hidden_labels_is_not_used(prepared):
    info = load_data(prepared(CnnzooHidden)).info
    assert info.sizes == (32, 4, 4)
    assert info.notes == ("splits without labels left out: 'test'",)


def test_the_supervised_features_are_used_whatever_they_are_called(prepared):
    data = load_data(prepared(CnnzooMask), normalize="none", validation=0, test=0)
    assert sorted(data.train.x[:, 0, 0, 0]) == list(range(40))


def test_fingerprint_is_that_of_the_ordered_arrays(prepared):
    spec = prepared(CnnzooWhole)
    assert load_data(spec).info.fingerprint == load_data(spec, seed=1).info.fingerprint


def refusal(spec):
    with pytest.raises(DataError) as caught:
        load_data(spec)
    return str(caught.value)


def test_images_of_several_sizes_are_resized_or_refused(prepared):
    spec = prepared(CnnzooSizes)
    assert refusal(spec) in {
        f"The images of 'tfds:cnnzoo_sizes' have 2 sizes (height x width): {a} (1), {b} (1); give "
        "them one size with image_size=64, or (height, width), of `load_data`; a study sets it in "
        "`baseline` or `factors`."
        for a, b in (("4x4", "5x5"), ("5x5", "4x4"))
    }
    data = load_data(spec, image_size=6, validation=0, test=0)
    assert data.info.input_shape == (6, 6, 1)
    assert data.info.notes == ("images of 2 sizes resized to 6x6 pixels (bilinear)",)


@pytest.mark.parametrize(
    ("builder", "sentence"),
    [
        (
            CnnzooText,
            "'tfds:cnnzoo_text' has no images; its features are label, text. Choose an image "
            "classification set.",
        ),
        (
            CnnzooUnlabelled,
            "'tfds:cnnzoo_unlabelled' has no class labels; its features are id, image. Choose an "
            "image classification set.",
        ),
        (
            CnnzooPair,
            "'tfds:cnnzoo_pair' has several images, 'left', 'right', and none is the supervised "
            "one; read the set by tensorflow_datasets and give arrays (x, y).",
        ),
    ],
)
def test_a_set_of_other_features_is_refused_before_any_download(builder, sentence, prepared):
    assert refusal(prepared(builder, write=False)) == sentence


def test_a_set_without_a_training_split_is_refused(prepared):
    assert refusal(prepared(CnnzooNoTrain)) in {
        f"'tfds:cnnzoo_no_train' needs a split 'train'; its splits are {splits}."
        for splits in ("'test', 'extra'", "'extra', 'test'")
    }


def test_failed_download_explains_how_to_prepare_the_data(prepared, tmp_path):
    assert refusal(prepared(CnnzooRemote, write=False)) == (
        f"'tfds:cnnzoo_remote' is not in '{tmp_path}/cnnzoo_remote/1.0.0' and cannot be prepared "
        "here: ConnectionError: Name or service not known. Where there is a network, run "
        "`tfds build cnnzoo_remote --data_dir DIR`; then set TFDS_DATA_DIR=DIR."
    )


class CnnzooFar(Builder):
    """A set whose files are registered at a host that does not exist."""

    url_infos = {
        "http://cnnzoo.invalid/a.zip": tfds.download.checksums.UrlInfo(
            size=1, checksum="0" * 64, filename="a.zip"
        )
    }

    def _split_generators(self, dl_manager):
        raise AssertionError("downloads")


def test_a_host_that_does_not_answer_is_named_at_once(prepared, tmp_path):
    spec = prepared(CnnzooFar, write=False)
    assert "ConnectionError: no connection to cnnzoo.invalid." in refusal(spec)
    name = tfds.core.download.resource.get_dl_fname("http://cnnzoo.invalid/a.zip", "0" * 64)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / name).touch()  # downloaded before: no network is needed
    assert "AssertionError: downloads." in refusal(spec)


def test_a_set_that_needs_a_package_names_it(prepared):
    assert refusal(prepared(CnnzooTool, write=False)) == (
        "'tfds:cnnzoo_tool' cannot be prepared without the package 'cnnzoo_has_no_such_tool'; "
        "install it."
    )


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            "tfds:beanz",
            "TensorFlow Datasets has no set 'beanz'; did you mean 'beans'? See "
            "tfds.list_builders().",
        ),
        (
            "tfds:huggingface:mnist",
            "TensorFlow Datasets has no set 'huggingface:mnist'. See tfds.list_builders().",
        ),
        ("tfds:", "TensorFlow Datasets has no set ''. See tfds.list_builders()."),
        (
            "tfds:mnist:9.9.9",
            "'tfds:mnist:9.9.9' cannot be opened: Dataset mnist cannot be loaded at version 9.9.9, "
            "only: 3.0.1.",
        ),
    ],
)
def test_a_set_that_tfds_does_not_know_is_refused(spec, sentence, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert refusal(spec) == sentence
