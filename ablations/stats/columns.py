"""The columns of a table of deltas, and their types."""

from typing import Any

import pandas as pd

CONTRACT = (
    "factor",
    "level",
    "baseline",
    "metric",
    "baseline_mean",
    "level_mean",
    "delta",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
    "n_pairs",
    "n_failed",
    "verdict",
)
"""The columns that others build on, in their order."""

FURTHER = (
    "variant",
    "sd",
    "ci_method",
    "bca_low",
    "bca_high",
    "p_sign_flip",
    "p_wilcoxon",
    "p_better",
    "p_equivalence",
    "p_equivalence_adjusted",
    "detectable",
    "seeds_needed",
    "notes",
)

SEQUENTIAL = ("look", "blocks", "next_blocks", "open")
"""What a study that adds seeds adds to them."""


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table of deltas its types, which an empty one and one of NaN would lose."""
    texts = ("factor", "metric", "verdict", "variant", "ci_method", "notes")
    kinds: dict[str, Any] = dict.fromkeys(texts, "str")
    kinds |= {"level": object, "baseline": object, "n_pairs": int, "n_failed": int}
    others = [name for name in table.columns if name not in kinds]
    return table.astype(kinds | dict.fromkeys(others, float))
