"""Table of the parts of a model."""

from typing import Any

import keras
import pandas as pd

from cnnzoo.analysis.cost import UncountedError, count_call, macs
from cnnzoo.analysis.receptive_field import field_of
from cnnzoo.analysis.tracing import Tracer
from cnnzoo.parts.names import OPERATIONS
from cnnzoo.parts.operation import refusal, remove_words
from cnnzoo.parts.part import Part, parts_of

COLUMNS = (
    "part",
    "level",
    "kind",
    "layers",
    "depth",
    "output_shape",
    "params",
    "params_share",
    "macs",
    "macs_share",
    "receptive_field",
    "operations",
    "substitute",
    "substitute_params",
    "note",
)
"""Columns of the table."""


def table_of_parts(model: keras.Model) -> pd.DataFrame:
    """Return a table of the parts of a model, one row per part.

    See `ablations.parts` for its columns.
    """
    parts = parts_of(model)
    tracer = Tracer(model)
    totals = model.count_params(), macs(model)
    rows = [_row(part, tracer, totals) for part in parts]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).infer_objects()


def _row(part: Part, tracer: Tracer, totals: tuple[int, int | None]) -> dict[str, Any]:
    reasons = {operation: refusal(part, operation) for operation in OPERATIONS}
    params, cost = _params(part), _macs(part)
    end = part.spans[-1].calls[-1]
    substitute, substitute_params = remove_words(part) or ("", None)
    notes = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    if substitute_params and substitute_params >= params:
        notes.append(f"remove: its substitute has {substitute_params} weights, no fewer than it")
    name = f"{part.scene.prefix}{end.layer.name}"
    field = field_of(tracer, name) if name in tracer.states else None
    return {
        "part": part.name,
        "level": part.level,
        "kind": part.kind,
        "layers": len(part.layers),
        "depth": part.depth,
        "output_shape": end.output_shape[1:],
        "params": params,
        "params_share": params / totals[0] if totals[0] else 0.0,
        "macs": cost,
        "macs_share": cost / totals[1] if cost is not None and totals[1] else None,
        "receptive_field": field and field.size,
        "operations": tuple(name for name, reason in reasons.items() if not reason),
        "substitute": substitute,
        "substitute_params": substitute_params,
        "note": "; ".join(notes),
    }


def _params(part: Part) -> int:
    weighted = [layer for layer in part.layers if isinstance(layer, keras.Layer)]
    return sum(layer.count_params() for layer in weighted)


def _macs(part: Part) -> int | None:
    """Return the multiply-accumulates of a part's calls; None if one is unknown."""
    try:
        return sum(count_call(call) for span in part.spans for call in span.calls)
    except UncountedError:
        return None
