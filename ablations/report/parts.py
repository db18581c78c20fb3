"""Tables of the parts of a model for the terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from cnnzoo.parts.names import LEVELS, OPERATIONS
from cnnzoo.runtime.console import table

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("part", "kind", "depth", "parameters", "share", "of MACs", "substitute", "operations")


def parts_table(parts: pd.DataFrame, level: str, model: str) -> "Table":
    """Return the table of the parts of one level.

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
    numbers = ("depth", "parameters", "share", "of MACs")
    found: Table = table(headings, rows, right=numbers, title=f"{model}: {len(rows)} {level}")
    return found


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
