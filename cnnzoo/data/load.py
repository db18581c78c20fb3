"""`load_data`: from a spec to data ready to train on."""

import numbers
from collections.abc import Mapping

from cnnzoo.data.dataset import Data, DataError, DataInfo, Sizes, Split
from cnnzoo.data.pixels import measure_scaling
from cnnzoo.data.source import SPLITS, Examples, check_source
from cnnzoo.data.sources import open_source
from cnnzoo.data.splits import cut
from cnnzoo.data.training_split import change_classes, size_of
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
from cnnzoo.vocabulary import Imbalance, LabelNoise, Normalize, TrainSize

SHARES = {"validation": 0.1, "test": 0.1}
"""Of the examples that are cut off, unless told otherwise."""


@refuse_unknown
def load_data(
    spec: object,
    *,
    seed: int = 0,
    normalize: Normalize = "unit",
    train_size: TrainSize = 1.0,
    label_noise: LabelNoise = 0.0,
    imbalance: Imbalance = 1.0,
    validation: float = SHARES["validation"],
    test: float = SHARES["test"],
    kind: Kind | None = None,
) -> Data:
    """Load data, cut it into train, validation and test, and change the training split.

    Parameters
    ----------
    spec
        One of

        - a packaged name: "mnist5k" (5,000 MNIST digits, 28x28x1), "digits" (1,797 digits,
          8x8x1), "rotation" (regression: by what share of 45 degrees an MNIST digit is turned
          counter-clockwise, -1 to 1), "mnist1d" (5,000 sequences, 40x1, 10 classes);
        - "tfds:NAME", an image classification set of TensorFlow Datasets, read from
          ``$TFDS_DATA_DIR`` or its default folder, and downloaded there if need be;
        - "folder:PATH", images of one size (BMP, GIF, JPEG, PNG, PPM, TIFF or WebP) in class
          folders and their subfolders, or in class folders inside ``train/`` and, if there are,
          ``validation/`` (or ``valid/``, ``val/``, ``dev/``) and ``test/``;
        - "npz:PATH", with x and y, or x_train, y_train and, if there are, x_val, y_val, x_test
          and y_test, as the archives of ``keras.datasets`` have them; a text `kind` beside them
          is that argument;
        - arrays (x, y), a mapping of "train", "validation" and "test" to such pairs, or the two
          pairs ((x_train, y_train), (x_test, y_test)) of ``keras.datasets``. `x` is channels
          last: images (n, height, width, channels) or sequences (n, length, channels). `y` holds
          class ids from 0, class names, one-hot rows or, if any is a float with a fraction,
          targets of a regression;
        - a ready `Data`, which is returned as it is and takes no other choice than a seed.
    seed
        The splits are a function of it alone, whatever the toggles: equal seeds test on the same
        examples.
    normalize
        "unit" brings pixels to 0..1: uint8 over 255; other numbers stay if they lie within 0..1,
        else the range of the training split becomes 0..1. "standardize" then gives every channel
        mean 0 and deviation 1 over the training split as changed below; a constant channel
        becomes 0. "none" leaves the pixels as stored.
    train_size
        What is kept of the training split, in the proportions of its classes and at least one
        example of each: a share up to 1, or above 1 a number. The smaller is the beginning of
        the larger at the same seed.
    label_noise
        The share of training labels replaced by another class, all others equally likely. What a
        smaller share replaces a larger one replaces alike.
    imbalance
        How many examples the most frequent training class gets for one of the rarest, class sizes
        falling geometrically between (Cui et al. 2019, arXiv:1901.05555); 1 changes nothing.
    validation, test
        Shares of the source's examples to cut off, in the proportions of the classes. Where the
        source cuts a split itself that one is kept, and shares count in the rest.
    kind
        "images" or "sequences": what `x` holds. Where its last axis of a single channel is
        missing, it gets one. If left out, four axes are images; three axes are grey images if `x`
        is uint8 and its examples are square, and sequences if an axis is at most 4 long or one is
        more than 4 times as long as the other. Other shapes, uint8 that is wider than long, and
        what looks like channels first are refused.

    Returns
    -------
    Data
        `train`, `validation` and `test`, each (x, y), and `info`. Changes apply to train alone,
        first `imbalance`, then `train_size`, then `label_noise`.

    Raises
    ------
    ToggleError
        If there is no such toggle, or it has a value that is not allowed or that the data do not
        allow.
    DataError
        If there is no such data, or it cannot be used.

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
            "normalize": normalize,
            "train_size": train_size,
            "label_noise": label_noise,
            "imbalance": imbalance,
        },
        "load_data",
    )
    _check_seed(seed)
    _check_kind(kind)
    _check_share("validation", validation)
    _check_share("test", test)
    if validation + test >= 1:
        raise DataError(
            "`validation` and `test` of `load_data` must leave a share for train; "
            f"got {validation} and {test}."
        )
    if isinstance(spec, Data):
        _check_unchanged(
            {**settings, "validation": validation, "test": test, "kind": kind},
            {**{name: toggle.default for name, toggle in toggles.items()}, **SHARES, "kind": None},
        )
        return spec
    examples = check_source(open_source(spec), kind)
    pieces = cut(examples, seed, validation=validation, test=test)
    raw = {
        split: Split(*(array[indices] for array in examples.parts[part]))
        for split, (part, indices) in pieces.items()
    }
    raw["train"] = _change(raw["train"], examples, seed, settings)
    scaling, offset, scale = measure_scaling(raw["train"].x, str(settings["normalize"]))
    splits = {split: Split(scaling.apply(raw[split].x), raw[split].y) for split in SPLITS}
    info = DataInfo(
        name=examples.name,
        task=examples.task,
        input_shape=examples.input_shape,
        classes=len(examples.class_names) or 1,
        class_names=examples.class_names,
        offset=tuple(offset.tolist()),
        scale=tuple(scale.tolist()),
        sizes=Sizes(*(len(splits[split].y) for split in SPLITS)),
        fingerprint=examples.fingerprint,
        notes=examples.notes,
    )
    return Data(**splits, info=info)


def _change(train: Split, examples: Examples, seed: int, settings: Mapping[str, Level]) -> Split:
    """The training split after the toggles that change it."""
    numbers_of = {name: float(level) for name, level in settings.items() if name != "normalize"}
    if examples.task == "classification":
        kept, y = change_classes(train.y, len(examples.class_names), seed, **numbers_of)
        return Split(train.x[kept], y)
    for name, neutral in (("label_noise", 0.0), ("imbalance", 1.0)):
        if numbers_of[name] != neutral:
            raise ToggleError(
                f"`{name}` of `load_data` needs classes, and {examples.name!r} is a regression; "
                f"leave it at {neutral}, got {numbers_of[name]:.12g}."
            )
    size = size_of(numbers_of["train_size"], len(train.y))
    return Split(train.x[:size], train.y[:size])


def _check_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise DataError(
            f"`seed` of `load_data` must be a whole number; got {seed!r} ({type(seed).__name__})."
        )


def _check_kind(kind: object) -> None:
    if kind not in (None, *AXES):
        near = did_you_mean(str(kind), AXES, "'")
        raise DataError(f"`kind` of `load_data` must be {listed(AXES)} or None; got {kind!r}{near}")


def _check_share(name: str, share: object) -> None:
    if isinstance(share, bool) or not (isinstance(share, numbers.Real) and 0 <= float(share) < 1):
        raise DataError(
            f"`{name}` of `load_data` must be a share from 0 to less than 1; got {share!r}."
        )


def _check_unchanged(
    settings: Mapping[str, Level | None], defaults: Mapping[str, Level | None]
) -> None:
    for name, level in settings.items():
        if level != defaults[name]:
            raise DataError(
                f"A ready `Data` is taken as it is; got {name}={level!r}. "
                "Give `load_data` what the data was made from."
            )
