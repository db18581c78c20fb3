"""Tables of trials from values by variant."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

Make = Callable[..., pd.DataFrame]


def _trials(
    values: Mapping[object, Sequence[float]],
    metric: str = "test_loss",
    *,
    factor: str = "pool_size",
    baseline: object = 2,
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return trials from values by level; the key "baseline" is the baseline.

    A NaN is a failed trial.
    """
    rows = []
    for level, found in values.items():
        base = isinstance(level, str) and level == "baseline"
        for seed, value in zip(seeds or range(len(found)), found, strict=True):
            rows.append(
                {
                    "variant": "baseline" if base else f"{factor}={level} ({type(level).__name__})",
                    "factor": None if base else factor,
                    "level": None if base else level,
                    "baseline": None if base else baseline,
                    "seed": seed,
                    "status": "failed" if np.isnan(value) else "done",
                    metric: value,
                }
            )
    table = pd.DataFrame(rows)
    if len(table):
        table["level"] = pd.Series([row["level"] for row in rows], dtype=object)
        table["baseline"] = pd.Series([row["baseline"] for row in rows], dtype=object)
    return table


@pytest.fixture(scope="session")
def trials_of() -> Make:
    """Return a function that makes trials from values by level."""
    return _trials
