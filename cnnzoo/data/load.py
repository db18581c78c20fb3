"""`load_data`: load, split and normalize the data that a spec names."""

import numbers
import os
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from cnnzoo.data.dataset import Data, DataError, DataInfo, Indices, Sizes, Split
from cnnzoo.data.given import GivenData, is_given, open_given
from cnnzoo.data.resizing import RESIZED, Resize, SizesError
from cnnzoo.data.scaling import ScaledArray, is_mapped, measure_scaling
from cnnzoo.data.several_sizes import SeveralSizes
from cnnzoo.data.source import SPLITS, Examples, Reading, Stored, check_source, resized
from cnnzoo.data.sources import open_source
from cnnzoo.data.splits import cut
from cnnzoo.data.targets import Labels
from cnnzoo.data.training_split import change_classes, change_targets
from cnnzoo.folds import HeldOut
from cnnzoo.kinds import AXES, Kind
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import (
    Level,
    ToggleError,
    check_settings,
    did_you_mean,
    listed,
    read_toggles,
)
from cnnzoo.vocabulary import (
    ImageSize,
    Imbalance,
    Interpolation,
    LabelNoise,
    Normalize,
    SkipBad,
    TargetOutliers,
    TestShare,
    TrainSize,
    ValidationShare,
)

READ_BY_SIZE = {"image_size", "interpolation"}
"""Toggles that say to which size images are brought."""

READ_BY = ("image_size", "interpolation", "skip_bad")
"""Toggles that say how a source is read."""

CHANGES = ("imbalance", "train_size", "label_noise", "target_outliers")
"""Toggles that change the training split."""

NEUTRAL = {"imbalance": 1.0, "label_noise": 0.0, "target_outliers": 0.0}
"""Levels of those that change labels or their proportions, which change nothing."""


@refuse_unknown
def load_data(
    spec: object,
    *,
    seed: int = 0,
    image_size: ImageSize = 0,
    interpolation: Interpolation = "bilinear",
    skip_bad: SkipBad = False,
    normalize: Normalize = "unit",
    train_size: TrainSize = 1.0,
    label_noise: LabelNoise = 0.0,
    target_outliers: TargetOutliers = 0.0,
    imbalance: Imbalance = 1.0,
    validation: ValidationShare = 0.1,
    test: TestShare = 0.1,
    kind: Kind | None = None,
) -> Data:
    """Load data, split it into train, validation and test, and change the training split.

    Parameters
    ----------
    spec
        One of

        - a packaged name: "mnist5k" (5,000 MNIST digits, 28x28x1), "digits" (1,797 digits,
          8x8x1), "rotation" (regression: counter-clockwise angle of an MNIST digit as a share of
          45 degrees, -1 to 1), "mnist1d" (5,000 sequences, 40x1, 10 classes);
        - "tfds:NAME", an image classification set of TensorFlow Datasets, read from
          ``$TFDS_DATA_DIR`` or its default folder, and downloaded there if missing;
        - "folder:PATH", images (BMP, GIF, JPEG, PNG, PPM, TIFF or WebP) in class folders and
          their subfolders, or in class folders inside ``train/`` and, if present,
          ``validation/`` (or ``valid/``, ``val/``, ``dev/``) and ``test/``;
        - "npz:PATH", with x and y, or x_train, y_train and, if present, x_val, y_val, x_test
          and y_test, like the archives of ``keras.datasets``; a text `kind` in the archive sets
          that argument;
        - the path of such a folder or archive, as a text without prefix or a ``pathlib.Path``;
        - arrays (x, y), a mapping of "train", "validation" and "test" to such pairs, or the two
          pairs ((x_train, y_train), (x_test, y_test)) of ``keras.datasets``. `x` is channels
          last: images (n, height, width, channels) or sequences (n, length, channels). `y` holds
          class ids from 0, class names, one-hot rows or, if any is a float with a fraction,
          targets of a regression. For a model with several outputs it is a mapping of their names
          to such labels. Rows of 784 values are images of 28x28x1;
        - a stream of batches or examples (x, y): a ``tf.data.Dataset``, such as
          ``keras.utils.image_dataset_from_directory`` returns, a ``keras.utils.PyDataset``, a
          data loader or a data set of PyTorch, a generator or another iterable; a mapping of
          splits to streams; or two of them for train and validation. It is read to its end,
          and its examples are sorted by content, so a stream that shuffles gives equal data;
        - a `Data` object, which is returned unchanged; only `seed` may be given with it.
    seed
        Seed of the splits, which depend on nothing else: equal seeds have the same test examples,
        whatever the toggles. Unless the source defines the test split, successive seeds have
        disjoint test examples, as in cross-validation: of 5,000 examples and with the default
        share of 0.1, seeds 0 to 9 test each once, and seeds 10 to 19 once more in new parts.
    image_size
        Size to which images are resized: the side of a square, or (height, width), which is "HxW"
        as the level of a study; 0 keeps the stored size, which must then be the same everywhere.
        Images are stretched, not cropped, as by ``keras.utils.image_dataset_from_directory``, and
        uint8 pixels are rounded to whole numbers. Flat rows of pixels of this size are grey images.
    interpolation
        How resized images are sampled, by the names of Keras. Only "area" takes the mean of all
        pixels if images become smaller.
    skip_bad
        Whether image files that cannot be read are left out. `info.notes` names them.
    normalize
        "unit" scales pixels to 0..1: uint8 is divided by 255; other numbers are unchanged if they
        lie within 0..1, and otherwise the range of the training split becomes 0..1. "standardize"
        then gives every channel mean 0 and deviation 1 over the changed training split; a constant
        channel becomes 0. "none" keeps the stored pixels.
    train_size
        Size of the training split, with the proportions of its classes and at least one example
        of each: a share up to 1, or above 1 a number of examples. At the same seed, a smaller
        training split is the beginning of a larger one.
    label_noise
        Share of training labels replaced by another class, all others equally likely. A larger
        share replaces the same labels as a smaller one, and more.
    target_outliers
        Share of the training targets of a regression replaced by outliers: the target plus or
        minus, equally likely, 10 standard deviations of the clean training targets. A larger share
        replaces the same targets as a smaller one, and more.
    imbalance
        Ratio of the sizes of the most frequent and the rarest training class, with geometrically
        falling class sizes between them (Cui et al. 2019, arXiv:1901.05555); 1 changes nothing.
    validation, test
        Shares of the examples for these splits, with the proportions of the classes; of several
        outputs, the classes of the first one that has any. A split that the source defines is
        kept, and the shares apply to the rest.
    kind
        Content of `x`: "images" or "sequences". A missing last axis of a single channel is added.
        By default, four axes are images; three axes are grey images if `x`
        is uint8 and its examples are square, and sequences if an axis is at most 4 long or one is
        more than 4 times as long as the other. Other shapes, uint8 that is wider than long, and
        arrays that look like channels first are refused.

    Returns
    -------
    Data
        `train`, `validation` and `test`, each (x, y), and `info`. Changes apply to train alone,
        first `imbalance`, then `train_size`, then `label_noise` or `target_outliers`.

    Raises
    ------
    ToggleError
        If a toggle is unknown, or its value is not allowed or impossible for these data.
    DataError
        If the data are unknown or unusable.

    Examples
    --------
    >>> data = load_data("digits", train_size=100)
    >>> data
    <Data digits: 8x8x1 images, 10 classes; 100 train, 180 validation, 180 test>
    >>> x, y = data.train
    >>> x.shape, x.dtype, y.dtype
    ((100, 8, 8, 1), dtype('float32'), dtype('int64'))
    """
    toggles = read_toggles(load_data)
    settings = check_settings(
        toggles,
        {
            "image_size": image_size,
            "interpolation": interpolation,
            "skip_bad": skip_bad,
            "normalize": normalize,
            "train_size": train_size,
            "label_noise": label_noise,
            "target_outliers": target_outliers,
            "imbalance": imbalance,
            "validation": validation,
            "test": test,
        },
        "load_data",
    )
    _check_seed(seed)
    _check_kind(kind)
    if validation + test >= 1:
        raise DataError(
            "`validation` and `test`: expected a sum below 1, the rest is for train; "
            f"got {validation} and {test}."
        )
    examples = open_data(spec, kind, reading_of(settings))
    if isinstance(examples, Data):
        _check_unchanged(
            {**settings, "kind": kind},
            {**{name: toggle.default for name, toggle in toggles.items()}, "kind": None},
        )
        return examples
    pieces = cut(examples, seed, validation=validation, test=test)
    train_places, train_y = _change(pieces["train"][1], examples, seed, settings)
    scaling, offset, scale = measure_scaling(
        examples.parts["train"].x, train_places, str(settings["normalize"])
    )
    splits = {
        split: Split(
            ScaledArray(examples.parts[part].x, places, scaling), examples.parts[part].y[places]
        )
        for split, (part, places) in pieces.items()
    }
    splits["train"] = Split(ScaledArray(examples.parts["train"].x, train_places, scaling), train_y)
    info = DataInfo(
        name=examples.name,
        task=examples.task,
        input_shape=examples.input_shape,
        classes=examples.classes,
        class_names=examples.class_names,
        offset=tuple(offset.tolist()),
        scale=tuple(scale.tolist()),
        sizes=Sizes(*(len(splits[split].y) for split in SPLITS)),
        held_out=HeldOut(
            size=len(splits["test"].y),
            pool=0 if "test" in examples.parts else len(examples.parts["train"].y),
            train=len(pieces["train"][1]),
        ),
        fingerprint=examples.fingerprint,
        notes=examples.notes,
        outputs=examples.outputs if examples.has_several_outputs else (),
    )
    return Data(**splits, info=info, test_indices=pieces["test"][1])


def reading_of(settings: Mapping[str, Level]) -> Reading:
    """Return how the toggles say that a source is read; those that are left out have defaults.

    Raises
    ------
    ToggleError
        If `interpolation` is given without `image_size`.

    Examples
    --------
    >>> reading_of({"image_size": 64, "train_size": 100})
    Reading(resize=Resize(height=64, width=64, interpolation='bilinear'), skip_bad=False)
    """
    toggles = read_toggles(load_data)
    image_size, interpolation, skip_bad = (
        settings.get(name, toggles[name].default) for name in READ_BY
    )
    if not image_size and interpolation != toggles["interpolation"].default:
        raise ToggleError(
            f"`interpolation` of `load_data` has no effect unless `image_size` is given; got "
            f"{interpolation!r} with image_size=0."
        )
    return Reading(Resize.of(image_size or 0, str(interpolation)), skip_bad=bool(skip_bad))


def open_data(
    spec: object, kind: Kind | None = None, reading: Reading | None = None
) -> Examples | Data:
    """Read and check a source, from which `load_data` draws the splits of each seed.

    Parameters
    ----------
    spec, kind
        As in `load_data`.
    reading
        How the source is read. Loaded data are returned unchanged.

    Returns
    -------
    cnnzoo.data.source.Examples or Data
        The content, which `load_data` takes in place of the spec; or loaded data, whose splits
        are the same for all seeds.

    Raises
    ------
    DataError
        If the data are unknown or unusable.
    """
    reading = reading or Reading()
    opened = open_given(str(spec)) if is_given(spec) else spec
    if isinstance(opened, Data):
        return opened
    if isinstance(opened, Examples):
        return resized(opened, reading.resize)
    if isinstance(opened, SeveralSizes):
        examples = check_source(open_source(opened.spec, reading), kind, reading)
        return replace(examples, name=str(spec))
    examples = check_source(open_source(spec, reading), kind, reading)
    if isinstance(spec, str | os.PathLike):
        return examples
    # Splits are read later, when the caller may have changed the arrays; maps are for large data.
    parts = {
        part: split if is_mapped(split.x) else Stored(np.array(split.x), split.y)
        for part, split in examples.parts.items()
    }
    return replace(examples, parts=parts)


def open_once(spec: object, settings: Mapping[str, Level]) -> Examples | Data:
    """Open data that a study or a search keeps for all its trials.

    Arrays and streams are kept as they are given, and resized in each trial. Images of several
    sizes get the one of the settings at once.

    Parameters
    ----------
    spec
        As in `load_data`.
    settings
        Levels that all trials share; those of other toggles are ignored.

    Raises
    ------
    DataError
        If the data are unusable.
    """
    try:
        return open_data(spec)
    except SizesError:
        reading = reading_of(settings)
        if reading.resize is None:
            raise
        return open_data(spec, reading=reading)


def give(spec: object, settings: Mapping[str, Level], varied: Collection[str] = ()) -> GivenData:
    """Return the name of arrays, streams or loaded data that a study or a search is given.

    Parameters
    ----------
    spec, settings
        As for `open_once`.
    varied
        Toggles whose levels differ between trials. Lists of images of several sizes are kept as
        they are if their size is one of these.

    Raises
    ------
    DataError
        If the data are unusable.
    """
    content = open_once(spec, settings)
    is_resized = isinstance(content, Examples) and any(RESIZED in note for note in content.notes)
    images = SeveralSizes.of(spec) if is_resized and READ_BY_SIZE & {*varied} else None
    return GivenData(content, images)


def _change(
    places: Indices, examples: Examples, seed: int, settings: Mapping[str, Level]
) -> tuple[Indices, Labels]:
    """Return the places and labels of the training examples, changed by the toggles."""
    numbers_of = {name: float(settings[name]) for name in CHANGES}
    stratified, described = examples.stratified("train")
    y = stratified[places]
    if examples.has_several_outputs:
        for name, neutral in NEUTRAL.items():
            if numbers_of[name] != neutral:
                raise ToggleError(
                    f"`{name}`: expected {neutral} for {examples.name!r}, which has several "
                    f"outputs; got {numbers_of[name]:.12g}. Change the labels before loading them."
                )
        size = {"train_size": numbers_of["train_size"]}
        if described.task == "classification":
            kept, _ = change_classes(y, described.classes, seed, **size)
        else:
            kept = np.arange(len(change_targets(y, seed, **size)))
        return places[kept], examples.parts["train"].y[places[kept]]
    outliers = numbers_of.pop("target_outliers")
    if examples.task == "classification":
        if outliers:
            raise ToggleError(
                f"`target_outliers`: expected 0.0 for {examples.name!r}, whose labels are classes; "
                f"got {outliers:.12g}. Use `label_noise`, which replaces labels by other classes."
            )
        kept, labels = change_classes(y, len(examples.class_names), seed, **numbers_of)
        return places[kept], labels
    for name in ("label_noise", "imbalance"):
        neutral = NEUTRAL[name]
        if numbers_of[name] != neutral:
            raise ToggleError(
                f"`{name}`: expected {neutral} for {examples.name!r}, a regression without "
                f"classes; got {numbers_of[name]:.12g}."
            )
    y = change_targets(y, seed, train_size=numbers_of["train_size"], target_outliers=outliers)
    return places[: len(y)], y


def _check_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise DataError(f"`seed`: expected a whole number; got {seed!r} ({type(seed).__name__}).")


def _check_kind(kind: object) -> None:
    if kind not in (None, *AXES):
        near = did_you_mean(str(kind), AXES, "'")
        raise DataError(f"`kind`: expected {listed(AXES)} or None; got {kind!r}{near}")


def _check_unchanged(
    settings: Mapping[str, Level | None], defaults: Mapping[str, Level | None]
) -> None:
    for name, level in settings.items():
        if level != defaults[name]:
            raise DataError(
                f"`{name}`: cannot be changed for loaded data; got {level!r}. "
                "Pass what the data was loaded from."
            )
