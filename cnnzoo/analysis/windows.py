"""Windows: the positions of a model's input that each position of a map depends on, on one axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

Positions = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

FAR = 2**40
"""A position beyond the end of every map. A window from FAR to -FAR is empty."""

NOTHING = -(2**45)
"""Index of a position that is not read."""

MAX_PERIOD = 4096
"""Longest period that is followed; resizing by unrelated ratios has longer ones."""


@dataclass(frozen=True)
class Reading:
    """The positions of a map that an operation reads for each position of its output.

    Parameters
    ----------
    table
        Positions read for the first outputs, one row per output; NOTHING fills short rows.
        Without rows, the positions follow no regular pattern.
    step
        The positions move by so many from one repetition of the table to the next.
    zeros
        Whether positions outside of the map are zeros; they are left out otherwise.
    exact
        Positions read for all outputs, if they differ from those of the table at the borders.

    Examples
    --------
    >>> Reading.of_taps([0, 1, 2], step=2).at(np.arange(2))  # kernel 3, stride 2
    array([[0, 1, 2],
           [2, 3, 4]])
    """

    table: Positions
    step: int = 1
    zeros: bool = False
    exact: Positions | None = None

    @classmethod
    def of_taps(cls, taps: Sequence[int], step: int = 1, *, zeros: bool = False) -> "Reading":
        """Return what a window reads that moves by `step` positions at a time."""
        return cls(np.array([taps], dtype=np.int64), step, zeros)

    @property
    def is_identity(self) -> bool:
        """True if each output position reads the input position with the same index."""
        plain = self.step == 1 and self.exact is None and not self.zeros
        return plain and self.table.tolist() == [[0]]

    def at(self, outputs: Positions) -> Positions:
        """Return the positions read for some outputs, one row per output."""
        turns, rows = np.divmod(outputs, len(self.table))
        positions: Positions = self.table[rows] + self.step * turns[:, None]
        return positions


@dataclass(frozen=True)
class Windows:
    """The first and last input position in view of every position of an endless map.

    The pattern repeats: position i + period sees what position i sees, moved by `advance`.

    Parameters
    ----------
    first, last
        Of the positions of one period.
    advance
        Input positions per period.
    """

    first: Positions
    last: Positions
    advance: int

    @classmethod
    def of_input(cls) -> "Windows":
        """Return the windows of the input itself: each position sees itself."""
        return cls(np.zeros(1, np.int64), np.zeros(1, np.int64), 1)

    @classmethod
    def fixed(cls, first: int, last: int) -> "Windows":
        """Return windows that are the same at all positions."""
        return cls(np.array([first], np.int64), np.array([last], np.int64), 0)

    @property
    def period(self) -> int:
        """Number of positions after which the pattern repeats."""
        return len(self.first)

    @cached_property
    def size(self) -> int:
        """Length of the longest window."""
        return max(int((self.last - self.first).max()) + 1, 0)

    @property
    def jump(self) -> float:
        """Input positions between the windows of adjacent positions."""
        return self.advance / self.period

    @property
    def offset(self) -> float:
        """Centre of the first window that is not empty, in input positions from 0."""
        first, last = next(
            (int(a), int(b)) for a, b in zip(self.first, self.last, strict=True) if a <= b
        )
        return (first + last) / 2

    def at(self, positions: Positions) -> tuple[Positions, Positions]:
        """Return the first and last input positions in view; an empty window has first > last."""
        turns, rows = np.divmod(positions, self.period)
        moved = turns * self.advance
        return self.first[rows] + moved, self.last[rows] + moved

    def read(self, reading: Reading) -> "Windows | None":
        """Return the windows after an operation; None if they have no pattern or a long one."""
        if not len(reading.table):
            return None
        repeats = self.period // math.gcd(self.period, reading.step)
        period = len(reading.table) * repeats
        if period > MAX_PERIOD:
            return None
        positions = reading.at(np.arange(period))
        first, last = self.at(positions)
        missing = positions < NOTHING // 2
        if missing.any():
            first, last = np.where(missing, FAR, first), np.where(missing, -FAR, last)
        advance = self.advance * reading.step * repeats // self.period
        return Windows(first.min(axis=1), last.max(axis=1), advance)

    def joined(self, other: "Windows") -> "Windows | None":
        """Return windows that hold both; None if they move at different speeds."""
        if self.advance * other.period != other.advance * self.period:
            return None
        period = math.lcm(self.period, other.period)
        if period > MAX_PERIOD:
            return None
        (first1, last1), (first2, last2) = self.at(np.arange(period)), other.at(np.arange(period))
        advance = self.advance * (period // self.period)
        return Windows(np.minimum(first1, first2), np.maximum(last1, last2), advance)


@dataclass(frozen=True)
class Seen:
    """What each position of a map of known length sees, with the borders of all maps before it.

    Parameters
    ----------
    first, last
        First and last input position in view. Zero padding is no input position, so they stay
        inside the input; a position that sees none of the input has first > last.
    padded
        Whether the position has zero padding in view.
    """

    first: Positions
    last: Positions
    padded: Flags

    @classmethod
    def nothing(cls, length: int) -> "Seen":
        """Return what positions see that do not depend on the input."""
        return cls(np.full(length, FAR), np.full(length, -FAR), np.zeros(length, bool))

    def read(self, reading: Reading, length: int) -> "Seen":
        """Return what is seen after an operation whose output has a given length."""
        positions = reading.at(np.arange(length)) if reading.exact is None else reading.exact
        skipped = positions < NOTHING // 2
        outside = ((positions < 0) | (positions >= len(self.first))) & ~skipped
        inside = ~(skipped | outside)
        positions = np.where(inside, positions, 0)
        padded = self.padded[positions] & inside
        if reading.zeros:
            padded |= outside
        return Seen(
            np.where(inside, self.first[positions], FAR).min(axis=1),
            np.where(inside, self.last[positions], -FAR).max(axis=1),
            np.logical_or.reduce(padded, axis=1),
        )

    def pooled(self, length: int) -> "Seen":
        """Return what is seen if each of so many positions sees all that is seen here."""
        first, last, padded = self.first.min(), self.last.max(), np.any(self.padded)
        return Seen(np.full(length, first), np.full(length, last), np.full(length, padded))

    def joined(self, other: "Seen") -> "Seen":
        """Return what is seen by positions that see both."""
        return Seen(
            np.minimum(self.first, other.first),
            np.maximum(self.last, other.last),
            self.padded | other.padded,
        )


@dataclass(frozen=True)
class Trace:
    """The input positions that a map depends on along one axis of the model's input.

    Parameters
    ----------
    input_length
        Length of that axis of the input; None if it is unknown.
    axis
        Axis of the map along which the windows move; None if all positions share one window.
    windows
        Windows of an endless map, without borders; None if they follow no regular pattern.
    seen
        What is seen within the borders; None if the length of the map is unknown.
    zeros
        Whether there is zero padding on the way.
    global_by
        Name of the layer that made every position see the whole input; empty otherwise.
    note
        What the windows do not tell.
    """

    input_length: int | None
    axis: int | None
    windows: Windows | None
    seen: Seen | None
    zeros: bool = False
    global_by: str = ""
    note: str = ""

    @classmethod
    def of_input(cls, axis: int, length: int | None) -> "Trace":
        """Return the trace of the input: each position sees itself."""
        if length is None:
            return cls(None, axis, Windows.of_input(), None)
        itself = np.arange(length)
        return cls(length, axis, Windows.of_input(), Seen(itself, itself, np.zeros(length, bool)))

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known about the windows."""
        return self.windows is None and self.seen is None

    @property
    def sees_all(self) -> bool:
        """Whether every position sees the whole input."""
        if self.windows is None or self.windows.advance or self.windows.period > 1:
            return False
        return self.windows.size > FAR or self.windows.size == self.input_length

    @property
    def size(self) -> int | None:
        """Length of the longest window; None if it is unknown."""
        if self.windows is not None:
            return self.windows.size if self.windows.size <= FAR else self.input_length
        if self.seen is None:
            return None
        return max(int((self.seen.last - self.seen.first).max()) + 1, 0)

    @property
    def zeros_in_view(self) -> bool:
        """Whether a position has zero padding in view, or may have if the length is unknown."""
        return self.zeros if self.seen is None else bool(np.count_nonzero(self.seen.padded))

    @property
    def padded_share(self) -> float | None:
        """Share of the positions with zero padding in view; None if the length is unknown."""
        if self.seen is None:
            return None
        return int(np.count_nonzero(self.seen.padded)) / len(self.seen.padded)

    def lost(self, note: str) -> "Trace":
        """Return a trace that knows nothing any more."""
        return Trace(self.input_length, None, None, None, self.zeros, note=note)

    def on(self, axis: int | None) -> "Trace":
        """Return the same trace on another axis of the map."""
        return self if axis == self.axis else replace(self, axis=axis)

    def read(self, reading: Reading, length: int | None) -> "Trace":
        """Return the trace after an operation whose output has a given length on this axis."""
        if reading.is_identity and (self.seen is None or length == len(self.seen.first)):
            return self
        return replace(
            self,
            windows=self.windows and self.windows.read(reading),
            seen=None if self.seen is None or length is None else self.seen.read(reading, length),
            zeros=self.zeros or reading.zeros,
        )

    def pooled(self, layer: str, axis: int | None = None, length: int | None = 1) -> "Trace":
        """Return the trace after a layer each of whose outputs reads all positions.

        The output has the given length on the given axis.
        """
        if self.is_unknown or self.axis is None:
            return self
        if self.seen is None:
            windows: Windows = Windows.fixed(-FAR, FAR)
            return replace(self, axis=axis, windows=windows, global_by=self.global_by or layer)
        fixed = self._fixed(self.seen.pooled(1), axis, length)
        return replace(fixed, global_by=(self.global_by or layer) if fixed.sees_all else "")

    def stretched(self, axis: int | None, length: int | None) -> "Trace":
        """Return the trace of a map with one position that is repeated along an axis."""
        if self.is_unknown or self.seen is None:
            return self.on(axis)
        return self._fixed(self.seen, axis, length)

    def _fixed(self, seen: Seen, axis: int | None, length: int | None) -> "Trace":
        """Return the trace of a map whose positions all see what the first one of these sees."""
        windows = Windows.fixed(int(seen.first[0]), int(seen.last[0]))
        repeated = None if length is None else seen.pooled(length)
        return replace(self, axis=axis, windows=windows, seen=repeated)

    def joined(self, other: "Trace") -> "Trace":
        """Return the trace of a map that depends on both; their axes and lengths are equal."""
        if self.is_unknown or other.is_unknown:
            return self if self.is_unknown else other
        note = self.note or other.note
        if self.sees_all or other.sees_all:
            windows = self.windows if self.sees_all else other.windows
        elif self.windows is None or other.windows is None:
            windows = None
        else:
            windows = self.windows.joined(other.windows)
            if windows is None:
                jumps = " and ".join(f"{w.jump:g}" for w in (self.windows, other.windows))
                note = note or f"paths with jumps of {jumps} meet"
        return replace(
            self,
            windows=windows,
            seen=None if self.seen is None or other.seen is None else self.seen.joined(other.seen),
            zeros=self.zeros or other.zeros,
            global_by=self.global_by or other.global_by,
            note=note,
        )
