"""The names of variants on an axis: whole, on as many lines as they need."""

import re
from collections.abc import Sequence

from ablations.report.drawing import Spec

LINE = 14
"""Of a name, in pixels."""

LONGEST = 26
"""Characters of a line that a phone has room for."""

BREAK = "\n"
PIECE = re.compile(r"[^=_\s.-]*[=_\s.-]*")


def label_of(name: str) -> str:
    r"""Break a name into lines: one for each level that it changes, more where that is long.

    Names that differ at their ends only would be one and the same if they were cut there.

    Examples
    --------
    >>> label_of("pool_size=4, normalization=batch")
    'pool_size=4\nnormalization=batch'
    >>> label_of("kernel_initializer=truncated_normal_with_a_long_name_7")
    'kernel_initializer=\ntruncated_normal_with_a_\nlong_name_7'
    """
    return BREAK.join(line for part in name.split(", ") for line in _lines(part))


def row_height(labels: Sequence[str], least: int) -> int:
    """Return the height of a row that has room for each of these labels."""
    return max(least, LINE * (max(label.count(BREAK) for label in labels) + 1) + 8)


def names_axis() -> Spec:
    """Return an axis whose labels have lines."""
    parts = "split(datum.value, '\\n')"
    raised = [
        {"test": f"length({parts}) === {count}", "value": -LINE * (count - 1) / 2}
        for count in range(2, 16)
    ]
    offset = {"condition": raised, "value": 0}
    return {"labelExpr": parts, "labelLineHeight": LINE, "labelOffset": offset}


def _lines(part: str) -> list[str]:
    if len(part) <= LONGEST:
        return [part]
    toggle, equals, level = part.partition("=")
    if equals and level and len(toggle) < LONGEST:
        return [toggle + equals, *_filled(level)]
    return _filled(part)


def _filled(text: str) -> list[str]:
    """Break a text behind its separators, or anywhere where it has none."""
    lines = [""]
    for piece in filter(None, PIECE.findall(text)):
        if lines[-1] and len(lines[-1]) + len(piece) > LONGEST:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > LONGEST:
            lines[-1:] = [lines[-1][:LONGEST], lines[-1][LONGEST:]]
    return lines
