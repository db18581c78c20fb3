"""Rows and lanes of a diagram: one box per row, and lanes for the edges beside them.

The layout is that of ``git log --graph``. Boxes stand below each other, so that each has room for
its name and its number. An edge to the next box of a chain keeps the lane; an edge that passes
other boxes gets a lane that is free on its way. Of edges in lanes without boxes the shorter ones
are nearer to the boxes, so that the shortcuts of a U-Net are nested.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rail:
    """The way of a box's output to boxes below it.

    Parameters
    ----------
    lane
        Lane that it takes.
    start
        Row of the box.
    ends
        Rows of the boxes that take the output, from the top down.
    """

    lane: int
    start: int
    ends: tuple[int, ...]


@dataclass(frozen=True)
class Lanes:
    """Lanes of the boxes and rails of a diagram.

    Parameters
    ----------
    of_row
        Lane of the box in each row.
    rails
        The rails.
    """

    of_row: tuple[int, ...]
    rails: tuple[Rail, ...]

    @property
    def count(self) -> int:
        """Number of lanes."""
        return max((*self.of_row, *(rail.lane for rail in self.rails)), default=-1) + 1


def lanes_of(rows: int, edges: Sequence[tuple[int, int]]) -> Lanes:
    """Give each box and each edge a lane.

    Parameters
    ----------
    rows
        Number of boxes, one per row.
    edges
        Pairs of rows, the upper one first.

    Examples
    --------
    A chain of three boxes with a shortcut around the second one:

    >>> lanes = lanes_of(3, [(0, 1), (1, 2), (0, 2)])
    >>> lanes.of_row
    (0, 0, 0)
    >>> lanes.rails[1]
    Rail(lane=1, start=0, ends=(2,))
    """
    below: list[list[int]] = [[] for _ in range(rows)]
    for upper, lower in sorted(edges):
        below[upper].append(lower)
    busy: list[int] = []  # row up to which each lane is taken
    of_row: list[int] = []
    rails: list[Rail] = []
    for row in range(rows):
        ending = [lane for lane, until in enumerate(busy) if until == row]
        lane = ending[0] if ending else _free(busy, row)
        of_row.append(lane)
        first, *others = below[row] or [row]
        busy[lane] = first
        if first > row:
            rails.append(Rail(lane, row, (first,)))
        if others:
            beside = _free(busy, row + 1)
            busy[beside] = others[-1]
            rails.append(Rail(beside, row, tuple(others)))
    return Lanes(tuple(of_row), tuple(_nested(rails, set(of_row))))


def _nested(rails: Sequence[Rail], taken: set[int]) -> Iterator[Rail]:
    """Yield rails, of those in lanes without a box the shorter ones nearer to the boxes."""
    beside = [rail for rail in rails if rail.lane not in taken]
    lanes: dict[int, int] = {}
    for rail in sorted(beside, key=lambda rail: rail.ends[-1] - rail.start):
        busy = {lanes[id(one)] for one in beside if id(one) in lanes and _overlap(rail, one)}
        lanes[id(rail)] = next(n for n in itertools.count() if n not in taken | busy)
    yield from (replace(rail, lane=lanes.get(id(rail), rail.lane)) for rail in rails)


def _overlap(one: Rail, other: Rail) -> bool:
    """Return whether two rails pass the same rows."""
    return one.start < other.ends[-1] and other.start < one.ends[-1]


def _free(busy: list[int], row: int) -> int:
    """Return the first lane that is free from a row on, a new one if there is none."""
    for lane, until in enumerate(busy):
        if until < row:
            return lane
    busy.append(-1)
    return len(busy) - 1
