"""Pictures of the network of a study of parts, one per operation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ablations.report.figure import Figure, Theme, slug
from ablations.report.network.chart import COLUMN_ROWS, Worth, decimals_of_all, network_figure
from ablations.report.numbers import fixed, size_words
from ablations.report.study.contents import ReportContents
from ablations.report.table import rows_of
from ablations.report.wording import metric_words
from cnnzoo.parts.names import KEEP, OPERATIONS, PREFIX, is_part

NETWORK = "network"
"""Name of the first picture; those of further operations have the operation behind it."""

WITH_LATER = "with all later parts"
"""Operation of the picture of a study that removes more and more parts from the end."""

Changes = Mapping[str, str]
"""Variant by the part that it changes."""


def networks(contents: ReportContents, theme: Theme) -> list[Figure]:
    """Draw the network once for each operation of the study, with the first metric's deltas."""
    metric = next((name for name in contents.metrics if name not in contents.secondary), None)
    if contents.network is None or metric is None:
        return []
    figures: list[Figure] = []
    for operation, variants in changed_parts(contents.changes).items():
        name = slug(NETWORK, operation) if figures else NETWORK
        figure = network_figure(
            contents.network,
            _worths(contents, metric, variants),
            metric,
            theme,
            name=name,
            title=f"Network {_with(operation)}",
            caption=f"Number and colour: delta of {metric_words(metric)} {_if(operation)}.",
        )
        figures.append(figure)
    return figures


def network_layout(figures: Sequence[Figure]) -> str:
    """Return how the page places the pictures: large ones take its whole width."""
    shown = [figure for figure in figures if figure.section == NETWORK]
    boxes = max((sum(row["mark"] == "box" for row in it.rows) for it in shown), default=0)
    return "" if boxes > 2 * COLUMN_ROWS else "columns narrow"


def changed_parts(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Changes]:
    """Return by operation the variant that does it to each part, and to no other one.

    If each variant changes one part more than the one before it, the variants are by that part.

    Parameters
    ----------
    changes
        Levels that each variant changes.

    Examples
    --------
    >>> changed_parts({"baseline": {}, "one": {"part:a": "remove"}, "two": {"part:b": "linear"}})
    {'remove': {'a': 'one'}, 'linear': {'b': 'two'}}
    >>> both = {"part:a": "remove", "part:b": "remove"}
    >>> changed_parts({"last": {"part:b": "remove"}, "both": both})
    {'with all later parts': {'b': 'last', 'a': 'both'}}
    """
    only_parts = {
        variant: {name.removeprefix(PREFIX): str(level) for name, level in levels.items()}
        for variant, levels in changes.items()
        if levels and all(map(is_part, levels))
    }
    if progressive := _progressive(only_parts):
        return {WITH_LATER: progressive}
    found: dict[str, dict[str, str]] = {name: {} for name in (*OPERATIONS, KEEP)}
    for variant, levels in only_parts.items():
        if len(levels) == 1:
            ((part, operation),) = levels.items()
            found[operation][part] = variant
    return {operation: variants for operation, variants in found.items() if variants}


def _progressive(changes: Mapping[str, Mapping[str, str]]) -> Changes:
    """Return variants by the part that each changes beyond the one before it; else nothing."""
    ordered = sorted(changes.items(), key=lambda item: len(item[1]))
    if len(ordered) < 2:
        return {}
    found: dict[str, str] = {}
    for (_, before), (variant, levels) in pairwise([("", {}), *ordered]):
        added = levels.keys() - before.keys()
        if len(added) != 1 or not before.items() <= levels.items():
            return {}
        found[added.pop()] = variant
    return found


def _worths(contents: ReportContents, metric: str, variants: Changes) -> dict[str, Worth]:
    """Return what each part is worth, by its name."""
    frame = contents.deltas_of(metric)
    usual = decimals_of_all(frame)
    rows = {str(row["variant"]): row for row in rows_of(frame)}
    return {part: _worth(contents, rows.get(name), name, usual) for part, name in variants.items()}


def _worth(contents: ReportContents, row: Any, variant: str, usual: int) -> Worth:
    unfinished = contents.unfinished.get(variant)
    if unfinished is not None:
        return Worth(None, unfinished.status, size=unfinished.why)
    if row is None or row["delta"] is None or row["delta"] != row["delta"]:
        return Worth(None, "no pairs")
    delta, low, high = (row[name] for name in ("delta", "ci_low", "ci_high"))
    size = size_words(delta, low, high, usual)
    return Worth(delta, fixed(delta, usual, signed=True), row["verdict"], size)


def _with(operation: str) -> str:
    """Name an operation at the end of a title."""
    special = {
        "remove": "without each part",
        KEEP: "with each part added alone",
        WITH_LATER: "cut from the end",
    }
    return special.get(operation, f"with each part changed: {operation}")


def _if(operation: str) -> str:
    """Say what is done to a part, as the end of a sentence."""
    if operation == KEEP:
        return "if the part is added to the network without any of them"
    if operation == WITH_LATER:
        return "if the part and all later ones are changed"
    words = OPERATIONS[operation]
    return f"if {words}" if words.startswith("its ") else f"if the part is {words}"
