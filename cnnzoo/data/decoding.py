"""Decoding: the images of a source, read one at a time, resized, counted and fingerprinted."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnzoo.data.dataset import Array, DataError
from cnnzoo.data.decoded import decoded_once
from cnnzoo.data.resizing import refuse_sizes, resized_note
from cnnzoo.data.source import Fingerprint, Reading
from cnnzoo.toggle import listed

NAMED = 3
"""Largest number of files or folders that a note or an error names."""

NAMED_BAD = 10
"""Largest number of bad images that an error names."""

COUNTED = 1000
"""Number of images whose sizes are counted before images of several sizes are refused."""


class Bad(NamedTuple):
    """An image that cannot be used.

    Parameters
    ----------
    name
        Its name in the source.
    reason
        End of a sentence that begins with the name: "cannot be read".
    """

    name: str
    reason: str


Decoder = Callable[[], Iterator[tuple[Array | Bad, int]]]
"""Returns an iterator over pixels (height, width, channels) and class id of the examples."""


@dataclass
class Decoding:
    """A pass over the images of a source. To iterate gives its pixels and class ids.

    The parts follow each other in alphabetical order. All but `name` to `reading` are known after
    the pass.

    Parameters
    ----------
    name
        Name of the source.
    class_names
        Names of the class ids.
    parts
        For each part: the expected number of its examples, and their decoder.
    reading
        How the source is read.
    bad
        Reasons why images cannot be used, by name.
    sizes
        Number of images by height and width.
    counts
        Number of examples of each part.
    hidden
        Parts whose labels are all negative. They are not in the fingerprint.
    fingerprint
        Fingerprint of the examples as they were before being resized.
    """

    name: str
    class_names: tuple[str, ...]
    parts: Mapping[str, tuple[int, Decoder]]
    reading: Reading
    bad: dict[str, str] = field(default_factory=dict)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    fingerprint: str = ""

    def __iter__(self) -> Iterator[tuple[Array, int]]:
        expected = {part: count for part, (count, _) in self.parts.items()}
        yield from self._resized(expected)
        if self.bad and not self.reading.skip_bad:
            raise self._refuse_bad()
        if self.counts != expected:  # the fingerprint begins with the number of examples
            for _ in self._stored(dict(self.counts)):
                pass

    def _resized(self, counts: Mapping[str, int]) -> Iterator[tuple[Array, int]]:
        resize = self.reading.resize
        for image, label in self._stored(counts):
            if resize is not None:
                yield resize(image), label
                continue
            if len(self.sizes) == 1:
                yield image, label
            elif self.sizes.total() >= COUNTED:
                break
        if resize is None and len(self.sizes) > 1:
            whole = self.sizes.total() == sum(counts.values())
            among = "" if whole else f" among the first {self.sizes.total():,}"
            raise refuse_sizes(self.name, self.sizes, among)

    def _stored(self, counts: Mapping[str, int]) -> Iterator[tuple[Array, int]]:
        """Yield the examples as they are stored, and compute the fingerprint."""
        fingerprint = Fingerprint(self.class_names)
        self.sizes.clear()
        self.hidden.clear()
        for part, (_, decoder) in sorted(self.parts.items()):
            before, shape, labels = fingerprint.copy(), None, list[int]()
            for stored, label in decoder():
                if isinstance(stored, Bad):
                    self.bad[stored.name] = stored.reason
                    continue
                image = stored if stored.dtype == np.uint8 else np.asarray(stored, np.float32)
                if shape is None:
                    shape = image.shape
                    fingerprint.begin(part, image.dtype, (counts[part], *shape))
                elif image.shape != shape:
                    fingerprint.begin(part, image.dtype, image.shape)
                fingerprint.add(image)
                self.sizes[image.shape[0], image.shape[1]] += 1
                labels.append(label)
                yield image, label
            self.counts[part] = len(labels)
            if self.bad and self.reading.skip_bad:
                self._check_classes(part, labels)
            if part != "train" and labels and max(labels) < 0:
                self.hidden.append(part)
                fingerprint = before
            else:
                y = np.array(labels, np.int64)
                fingerprint.begin(part, y.dtype, y.shape)
                fingerprint.add(y)
        self.fingerprint = fingerprint.hexdigest()

    def _check_classes(self, part: str, labels: list[int]) -> None:
        for label, name in enumerate(self.class_names):
            if label not in labels:
                where = f"{self.name!r} ({part})" if len(self.parts) > 1 else repr(self.name)
                raise DataError(
                    f"{where} has no image of the class {name!r} that can be used; "
                    f"left out: {self._named_bad}."
                )

    @property
    def _named_bad(self) -> str:
        return f"{len(self.bad):,} ({first_of(self.bad)})"

    def _refuse_bad(self) -> DataError:
        named = [f"{name!r} {reason}" for name, reason in [*self.bad.items()][:NAMED_BAD]]
        rest = len(self.bad) - len(named)
        more = f", and {rest:,} more" if rest else ""
        noun = "1 image" if len(self.bad) == 1 else f"{len(self.bad):,} images"
        return DataError(
            f"{noun} of {self.name!r} cannot be used: {', '.join(named)}{more}; replace "
            f"{'it' if len(self.bad) == 1 else 'them'}, or pass skip_bad=True to leave "
            f"{'it' if len(self.bad) == 1 else 'them'} out."
        )

    def outcome(self) -> dict[str, Any]:
        """Return what is known after the pass, as values of JSON."""
        return {
            "bad": self.bad,
            "sizes": [[*size, count] for size, count in self.sizes.items()],
            "counts": self.counts,
            "hidden": self.hidden,
            "fingerprint": self.fingerprint,
        }

    def restore(self, outcome: Mapping[str, Any]) -> None:
        """Set what is known after the pass to the `outcome` of an equal one."""
        self.bad = dict(outcome["bad"])
        self.sizes = Counter({(height, width): n for height, width, n in outcome["sizes"]})
        self.counts = dict(outcome["counts"])
        self.hidden = list(outcome["hidden"])
        self.fingerprint = str(outcome["fingerprint"])

    @property
    def notes(self) -> tuple[str, ...]:
        """Phrases that say what was left out and changed."""
        notes = []
        if self.bad:
            notes.append(f"images that cannot be used left out: {self._named_bad}")
        notes.append(resized_note(self.sizes, self.reading.resize))
        return tuple(filter(None, notes))


def gather(
    decoding: Decoding, files: Sequence[Path], settings: Sequence[object]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the pixels and the class ids of the parts of a source, decoded or kept from before.

    Parameters
    ----------
    decoding
        The decoding. Afterwards it knows what is known after a pass.
    files, settings
        As in `decoded_once`. What `decoding` is made of need not be among the settings.

    Raises
    ------
    DataError
        If images are bad or of several sizes, and it was not asked to leave them out or to resize
        them; or if the images of a class are all bad.
    """
    parts = sorted(decoding.parts)
    expected = [(part, decoding.parts[part][0]) for part in parts]
    made_of = (decoding.class_names, expected, decoding.reading)
    pixels, labels, outcome = decoded_once(
        files, (*settings, *made_of), decoding.__iter__, decoding.outcome
    )
    decoding.restore(outcome)
    ends = np.cumsum([decoding.counts[part] for part in parts])[:-1]
    x = dict(zip(parts, np.split(pixels, ends), strict=True))
    y = dict(zip(parts, np.split(labels, ends), strict=True))
    return x, y


def first_of(names: Collection[str]) -> str:
    """Return the first names of a list that may be long.

    Examples
    --------
    >>> first_of(["a", "b", "c", "d"])
    "'a', 'b', 'c', ..."
    """
    return listed([*names][:NAMED]) + ", ..." * (len(names) > NAMED)
