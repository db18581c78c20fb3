"""Streams: data sets that give examples or batches one after the other.

Such are ``tf.data.Dataset``, ``keras.utils.PyDataset``, data loaders and data sets of PyTorch,
generators, and other iterables. None of their libraries is imported.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.labels import are_outputs, is_one_hot
from cnnzoo.data.resizing import Resize, refuse_sizes
from cnnzoo.data.targets import Labels, labels_of
from cnnzoo.toggle import listed

LIMIT = 2**29
"""Bytes that are read of a stream of unknown length, which may be endless."""

PASSES, REPEATED = 2, 1000
"""A stream of unknown length also counts as endless after that many passes over the examples that
it gave before, and that many more examples, without a new one."""

INFINITE = -1
"""Cardinality of an endless ``tf.data.Dataset``."""

KEYS = ("image", "label")
"""Keys of examples that are mappings, as TensorFlow Datasets and Hugging Face name them."""


@dataclass(frozen=True)
class Streamed:
    """The content of a stream, sorted by the digests of its examples.

    Parameters
    ----------
    x, y
        Images and labels, of one output or several.
    class_names
        Names of the class ids, if the stream has them.
    digests
        Digests of the examples before images were resized, in alphabetical order.
    sizes
        Number of images by height and width before they were resized; empty for sequences.
    """

    x: Array
    y: Labels
    class_names: tuple[str, ...]
    digests: tuple[bytes, ...]
    sizes: Mapping[tuple[int, int], int]


@dataclass(frozen=True)
class Paired:
    """A stream of the examples in two sequences, such as a list of images of several sizes."""

    x: Any
    y: Any

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, place: int) -> tuple[Any, Any]:
        if isinstance(self.y, Mapping):
            return self.x[place], {name: labels[place] for name, labels in self.y.items()}
        return self.x[place], self.y[place]


def is_stream(value: object) -> bool:
    """Return whether a value is a stream, not an array, a text or a container.

    Examples
    --------
    >>> is_stream(iter([])), is_stream([]), is_stream(np.zeros(2)), is_stream("text")
    (True, False, False, False)
    """
    if isinstance(value, str | bytes | tuple | list | Mapping | set) or hasattr(value, "shape"):
        return False
    return hasattr(value, "__iter__") or (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    )


def read_stream(stream: Any, what: str, name: str, resize: Resize | None) -> Streamed:
    """Read all of a stream.

    The examples are sorted by content, because a stream may give them in another order each time.

    Parameters
    ----------
    stream
        The stream. Its elements are pairs (x, y) or mappings with the keys `KEYS`, each an example
        or a batch.
    what
        Words for the stream, for errors.
    name
        Name of the source.
    resize
        Size that images are brought to, if any.

    Raises
    ------
    DataError
        If the stream is endless, empty, or fails; if its elements are no pairs; or if its images
        are of several sizes and are not to be resized.
    """
    images: list[Array] = []
    labels: list[dict[str, Array]] = []
    digests: list[bytes] = []
    sizes: Counter[tuple[int, int]] = Counter()
    end = _End(what, unknown=_length(stream, what) is None)
    batched: bool | None = None
    for number, element in enumerate(_elements(stream, what)):
        x, targets = _pair(element, what, number)
        if labels and targets.keys() != labels[0].keys():
            raise DataError(
                f"{what}: expected the outputs {listed(labels[0])} in each element; got "
                f"{listed(targets)} in element {number}."
            )
        targets = {name: targets[name] for name in (labels[0] if labels else targets)}
        if batched is None:
            batched = all(_is_batched(stream, x, y, name, what) for name, y in targets.items())
        if not batched:
            x, targets = x[None], {name: y[None] for name, y in targets.items()}
        for y in targets.values():
            if not x.ndim or not y.ndim or len(x) != len(y):
                raise DataError(
                    f"{what}: expected one label for each x of a batch; got x of shape {x.shape} "
                    f"and y of shape {y.shape} in batch {number}."
                )
        new = [_digest(*example) for example in zip(x, *targets.values(), strict=True)]
        end.expect(new, x.nbytes)
        digests += new
        if x.ndim == 4:
            sizes[x.shape[1], x.shape[2]] += len(x)
            x = resize(_plain(x)) if resize is not None else x
        images.append(np.array(x))  # a stream may use its memory again
        labels.append(targets)
    if not images:
        raise DataError(
            f"{what}: expected examples; got an empty stream. A generator can be read only once."
        )
    if len(sizes) > 1 and resize is None:
        raise refuse_sizes(name, sizes, fields="`baseline`")
    x = _joined(images, f"x of {what}")
    arrays = {name: _joined([each[name] for each in labels], f"y of {what}") for name in labels[0]}
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return Streamed(
        x[order],
        labels_of(arrays)[order],
        tuple(getattr(stream, "class_names", None) or ()),
        tuple(digests[place] for place in order),
        sizes,
    )


class _End:
    """Checks that a stream of unknown length has an end.

    It has none if it gives the same examples again and again, or very many.
    """

    def __init__(self, what: str, *, unknown: bool) -> None:
        self.what, self.unknown = what, unknown
        self.seen: set[bytes] = set()
        self.repeated = self.nbytes = 0

    def expect(self, digests: list[bytes], nbytes: int) -> None:
        """Raise DataError if the stream goes on in spite of these further examples."""
        if not self.unknown:
            return
        self.nbytes += nbytes
        self.repeated = self.repeated + len(digests) if self.seen.issuperset(digests) else 0
        self.seen.update(digests)
        if self.repeated > PASSES * len(self.seen) + REPEATED:
            raise _endless(self.what, f"the same {len(self.seen):,} examples again and again")
        if self.nbytes > LIMIT:
            raise DataError(
                f"{self.what}: expected a stream of known length, or one of up to "
                f"{LIMIT // 2**20} MiB; got more of unknown length. Give the length, as a "
                "keras.utils.PyDataset or by dataset.apply("
                "tf.data.experimental.assert_cardinality(batches))."
            )


def _endless(what: str, got: str) -> DataError:
    return DataError(
        f"{what}: expected a stream with an end; got {got}. Take the batches of one pass: "
        "itertools.islice(stream, batches), or dataset.take(batches)."
    )


def _length(stream: Any, what: str) -> int | None:
    """Return the number of elements, or None if it is unknown."""
    try:
        if hasattr(stream, "cardinality"):  # tf.data
            cardinality = int(stream.cardinality())
            if cardinality == INFINITE:
                raise _endless(what, "an endless one")
            return None if cardinality < 0 else cardinality
        if hasattr(stream, "num_batches"):  # keras.utils.PyDataset
            if stream.num_batches is None:
                raise _endless(what, "an endless one")
            return int(stream.num_batches)
        return len(stream) if hasattr(stream, "__len__") else None
    except DataError:
        raise
    except (TypeError, NotImplementedError):  # an iterator, or a data set of an iterable
        return None


def _elements(stream: Any, what: str) -> Iterator[Any]:
    """Yield the elements of a stream; its own errors become a DataError."""
    count = _length(stream, what)
    if hasattr(stream, "as_numpy_iterator"):
        make = stream.as_numpy_iterator
    elif hasattr(stream, "__getitem__") and count is not None:
        make = lambda: map(stream.__getitem__, range(count))  # noqa: E731
    else:
        make = lambda: iter(stream)  # noqa: E731
    given = 0
    try:
        for element in make():
            yield element
            given += 1
    except Exception as error:  # the user's code may raise anything
        text = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{what}: reading the stream failed after {given} elements: "
            f"{type(error).__name__}: {text}"
        ) from error


def _pair(element: Any, what: str, number: int) -> tuple[Array, dict[str, Array]]:
    """Return x of an element, and its labels by output; those of a single one under ""."""
    if isinstance(element, Mapping) and set(KEYS) <= element.keys():
        element = tuple(element[key] for key in KEYS)
    if not isinstance(element, tuple | list) or len(element) != 2:
        got = type(element).__name__
        if isinstance(element, Mapping):
            got = f"a mapping with {listed(element)}"
        elif isinstance(element, tuple | list):
            got = f"{got} of {len(element)}"
        raise DataError(
            f"{what}: expected elements (x, y), or mappings with {listed(KEYS)}; got {got}. Give "
            "pairs, without weights: dataset.map(lambda ...: (x, y))."
        )
    x, y = element
    several = isinstance(y, Mapping) and len(y) > 0
    if not several and are_outputs(y, len(x) if hasattr(x, "__len__") else 0):
        raise DataError(
            f"{what}: expected y as a mapping from the names of the outputs to their labels; got "
            f"{len(y)} arrays without names. Give dataset.map(lambda x, y: (x, {{'digit': y[0], "
            "'parity': y[1]}))."
        )
    arrays = []
    for values, axis in [(x, "x"), *((each, "y") for each in (y.values() if several else [y]))]:
        try:
            array = np.asarray(values)
            # TensorFlow gives texts as objects
            arrays.append(np.array(array.tolist()) if array.dtype == object else array)
        except (TypeError, ValueError, RuntimeError) as error:  # ragged, or on another device
            text = str(error).partition("\n")[0]
            raise DataError(
                f"{what}: {axis} of element {number} cannot be made into an array: {text}"
            ) from error
    return arrays[0], dict(zip(map(str, y) if several else [""], arrays[1:], strict=True))


def _is_batched(stream: Any, x: Array, y: Array, output: str, what: str) -> bool:
    """Return whether the elements are batches, by the labels of an output in the first one."""
    spec = getattr(stream, "element_spec", None)
    label = spec[1] if isinstance(spec, tuple) and len(spec) == 2 else None
    if isinstance(label, Mapping):
        label = label.get(output)
    sides = tuple(getattr(label, "shape", None) or ())  # of batches of any size: (None, ...)
    if sides and sides[0] is None:
        return True
    if not y.ndim:
        return False
    if not x.ndim or len(x) != len(y):
        if x.ndim <= 3 and is_one_hot(y[None]):
            return False
        raise DataError(
            f"{what}: expected batches (x, y) or examples; got x of shape {x.shape} with y of "
            f"shape {y.shape}."
        )
    if x.ndim == 3 and y.ndim == 1 and is_one_hot(y[None]):
        raise DataError(
            f"{what}: expected batches or examples; got x of shape {x.shape} with y of shape "
            f"{y.shape}, which may be either. Give class ids instead of one-hot labels, or one "
            "batch."
        )
    return True


def _digest(x: Array, *labels: Array) -> bytes:
    """Return a digest of an example, which does not depend on the batch that it is in."""
    digest = hashlib.sha256()
    for values in (x, *labels):
        if values.dtype.kind in "buif":
            digest.update(repr((values.dtype.str, values.shape)).encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        else:  # texts, whose type depends on the longest one
            digest.update(repr(values.tolist()).encode())
    return digest.digest()


def _plain(x: Array) -> Array:
    """Return numbers in a type that can be resized; others unchanged, for the checks to refuse."""
    return x if x.dtype == np.uint8 or x.dtype.kind not in "buif" else x.astype(np.float32)


def _joined(batches: list[Array], what: str) -> Array:
    try:
        return np.concatenate(batches)
    except ValueError as error:
        shapes = sorted({batch.shape[1:] for batch in batches})
        raise DataError(
            f"{what}: expected examples of one shape; got {listed(shapes[:3])}."
        ) from error
