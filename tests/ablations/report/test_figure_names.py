"""Names of figures: each chart shows its own data if factors have similar names."""

from itertools import combinations, product

import pandas as pd
import pytest
from helpers.chart_pages import charts_of, repeated_ids

from ablations.report import ReportContents, write_figures, write_report
from ablations.stats.deltas import CONTRACT

FACTORS = ("\u5355\u4f4d", "\u5c42\u6570", "units 1", "units-1")
"""The first two are Chinese."""

EFFECTS = dict(zip(FACTORS, (1.0, 2.0, 4.0, 8.0), strict=True))


@pytest.fixture
def alike():
    """Make a full factorial without noise: each level 1 adds the effect of its factor."""
    changes = {}
    for levels in product((0, 1), repeat=len(FACTORS)):
        on = {name: 1 for name, level in zip(FACTORS, levels, strict=True) if level}
        changes[", ".join(f"{name}=1" for name in on) or "baseline"] = on
    trials = [
        {"variant": variant, "seed": seed, "status": "done", "reason": ""}
        | {"factor": None, "baseline": None, "test_loss": sum(EFFECTS[name] for name in on)}
        for variant, on in changes.items()
        for seed in (0, 1)
    ]
    row = dict.fromkeys(CONTRACT) | {"metric": "test_loss", "variant": "units 1=1"}
    row |= {"baseline_mean": 0.0, "level_mean": 4.0, "delta": 4.0, "n_pairs": 2, "n_failed": 0}
    numbers = ["p", "ci_low", "ci_high", "p_adjusted"]
    return ReportContents(
        study={"factors": dict.fromkeys(FACTORS, (0, 1)), "baseline": dict.fromkeys(FACTORS, 0)},
        deltas=pd.DataFrame([row | {"verdict": ""}]).astype(dict.fromkeys(numbers, float)),
        trials=pd.DataFrame(trials),
        changes={variant: on for variant, on in changes.items() if on},
    )


def test_each_interaction_plot_shows_its_own_data(alike, tmp_path):
    page = write_report(alike, tmp_path / "a.html").read_text()
    charts = charts_of(page)
    for across, along in combinations(FACTORS, 2):
        # the other factors are at 1 in half of the trials
        rest = (sum(EFFECTS.values()) - EFFECTS[across] - EFFECTS[along]) / 2
        expected = {
            (str(a), str(b)): rest + a * EFFECTS[across] + b * EFFECTS[along]
            for a, b in product((0, 1), repeat=2)
        }
        rows = charts[f"{across} by {along}"]
        assert {(row["across"], row["along"]): row["mean"] for row in rows} == expected
    assert repeated_ids(page) == []


def test_each_interaction_has_its_own_file(alike, tmp_path):
    paths = write_figures(alike, tmp_path / "figures", "svg")
    assert len({path.name.casefold() for path in paths}) == len(paths)
    assert [path.stem for path in paths if "interaction" in path.stem] == [
        *("interaction-\u5355\u4f4d-\u5c42\u6570", "interaction-\u5355\u4f4d-units-1"),
        *("interaction-\u5355\u4f4d-units-1-2", "interaction-\u5c42\u6570-units-1"),
        *("interaction-\u5c42\u6570-units-1-2", "interaction-units-1-units-1"),
    ]
    for across, along in combinations(FACTORS, 2):
        title = f"{across} by {along}"
        assert sum(title in path.read_text() for path in paths) == 1
