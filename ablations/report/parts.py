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
    rows = [
        (
            row["part"],
            row["kind"],
            row["depth"],
            f"{row['params']:,}",
            _percent(row["params_share"]),
            _percent(row["macs_share"]),
            row["substitute"],
            ", ".join(row["operations"]),
        )
        for row in parts[parts["level"] == level].to_dict("records")
    ]
    numbers = ("depth", "parameters", "share", "of MACs")
    found: Table = table(HEADINGS, rows, right=numbers, title=f"{model}: {len(rows)} {level}")
    return found


def parts_lines(parts: pd.DataFrame, level: str, model: str) -> Iterator[str]:
    """Yield what the table does not show: operations that no part allows, and other levels."""
    shown = parts[parts["level"] == level]
    if shown.empty:
        count = int((parts["level"] == LEVELS[-1]).sum())
        yield f"{model} has no {level}. It has {count} layers: --level layers lists them."
        return
    possible = {operation for operations in shown["operations"] for operation in operations}
    if never := [operation for operation in OPERATIONS if operation not in possible]:
        yield f"Not possible for any of them: {', '.join(never)}."
    counts = {other: int((parts["level"] == other).sum()) for other in LEVELS if other != level}
    words = " and ".join(f"{count} {other}" for other, count in counts.items())
    yield (
        f"The model also has {words}. The column `note` of ablations.parts says what prevents an "
        "operation."
    )


def _percent(share: Any) -> str:
    """Return a share as a percentage with a digit.

    Examples
    --------
    >>> _percent(0.1234), _percent(float("nan"))
    ('12.3%', '?')
    """
    return "?" if pd.isna(share) else f"{100 * share:.1f}%"
