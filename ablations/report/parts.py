"""Tables of the parts of a model for the terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations.report.wording import joined
from cnnzoo.parts.names import LEVELS, OPERATIONS
from cnnzoo.runtime.console import table

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("part", "kind", "depth", "parameters", "share", "of MACs", "substitute", "operations")

NUMBERS = ("depth", "parameters", "share", "of MACs")

WHOLE = ("part", *NUMBERS)
"""Columns whose texts never break; in the others, words of up to `NARROWEST` characters."""

NARROWEST = 20


def parts_table(parts: pd.DataFrame, level: str, model: str) -> "Table":
    """Return the table of the parts of one level.

    If its least width is more than that of the terminal, it is wider; print it with ``crop=False``.

    Parameters
    ----------
    parts
        Table of `ablations.parts`.
    level
        "blocks", "branches" or "layers".
    model
        Name of the model, for the title.
    """
    shown = parts[parts["level"] == level]
    common = _common(shown)
    rows: list[tuple[Any, ...]] = [
        (
            row["part"],
            row["kind"],
            row["depth"],
            f"{row['params']:,}",
            _percent(row["params_share"]),
            _percent(row["macs_share"]),
            row["substitute"],
            ", ".join(name for name in row["operations"] if name not in common),
        )
        for row in shown.to_dict("records")
    ]
    headings: tuple[str, ...] = HEADINGS
    if not any(row[-1] for row in rows):
        rows, headings = [row[:-1] for row in rows], HEADINGS[:-1]
    found: Table = table(headings, rows, right=NUMBERS, title=f"{model}: {len(rows)} {level}")
    for column, name, texts in zip(found.columns, headings, zip(*rows, strict=True), strict=True):
        column.no_wrap = name in WHOLE
        column.min_width = _least_width([name, *map(str, texts)], whole=name in WHOLE)
    return found


def _least_width(texts: list[str], *, whole: bool) -> int:
    """Return the characters of the longest text or, of texts that wrap, of their words."""
    if whole:
        return max(map(len, texts))
    return min(NARROWEST, max(len(word) for text in texts for word in text.split()))


def parts_lines(parts: pd.DataFrame, level: str, model: str) -> Iterator[str]:
    """Yield what the table does not show: operations of all parts or of none, and other levels."""
    shown = parts[parts["level"] == level]
    if shown.empty:
        count = int((parts["level"] == LEVELS[-1]).sum())
        yield f"{model} has no {level}. It has {count} layers: --level layers lists them."
        return
    if common := _common(shown):
        yield f"Possible for all of them: {', '.join(common)}."
    possible = {operation for operations in shown["operations"] for operation in operations}
    if never := [operation for operation in OPERATIONS if operation not in possible]:
        yield f"Not possible for any of them: {', '.join(never)}."
    counts = {other: int((parts["level"] == other).sum()) for other in LEVELS if other != level}
    words = " and ".join(f"{count} {other}" for other, count in counts.items())
    listing = " or ".join(f"--level {other}" for other, count in counts.items() if count)
    how = f": {listing} lists them" if listing else ""
    yield (
        f"The model also has {words}{how}. The column `note` of ablations.parts says what prevents "
        "an operation."
    )


def inputs_words(model: Any) -> str:
    """Return the shapes of the inputs of a model without the batch axis, such as "28x28x1".

    Sides that may be of any length are "?".
    """
    shapes = [each.shape[1:] for each in model.inputs]
    return joined("x".join("?" if n is None else str(n) for n in shape) for shape in shapes)


def _common(shown: pd.DataFrame) -> list[str]:
    """Return the operations that are possible for every part."""
    return [name for name in OPERATIONS if all(name in every for every in shown["operations"])]


def _percent(share: Any) -> str:
    """Return a share as a percentage with a digit.

    Examples
    --------
    >>> _percent(0.1234), _percent(float("nan"))
    ('12.3%', '?')
    """
    return "?" if pd.isna(share) else f"{100 * share:.1f}%"
