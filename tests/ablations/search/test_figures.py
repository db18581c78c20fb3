"""Figures of hyperparameters with similar names, and with names in other scripts."""

import pytest
from helpers.chart_pages import charts_of, repeated_ids

import ablations
import cnnzoo

NAMES = ("\u5355\u4f4d", "\u5c42\u6570", "units 1", "units-1", "units", "Units", "n" * 300)
"""The first two are Chinese."""

LEVELS = {
    str(trial): {name: 1 + trial * (at + 1) % 11 for at, name in enumerate(NAMES)}
    for trial in range(10)
}


@pytest.fixture
def alike(written, tmp_path):
    whole = {"min_value": 1, "max_value": 11, "default": 1}
    space = [("Int", {"name": name, **whole}) for name in NAMES]
    trials = {trial: (levels, int(trial) / 10, None) for trial, levels in LEVELS.items()}
    return written(tmp_path / "alike", trials, space=space)


def test_each_chart_shows_its_own_data(alike, tmp_path):
    page = ablations.search_report(alike, tmp_path / "a.html").read_text()
    charts = charts_of(page)
    for name in NAMES:
        shown = {row["trial"]: int(row["level"]) for row in charts[f"Score by {name}"]}
        assert shown == {trial: levels[name] for trial, levels in LEVELS.items()}
    assert repeated_ids(page) == []


def test_each_figure_has_its_own_file(alike, tmp_path):
    paths = ablations.search_figures(alike, tmp_path / "figures", "svg")
    stems = [path.stem for path in paths if path.stem.startswith("slice")]
    assert stems == [
        *("slice-\u5355\u4f4d", "slice-\u5c42\u6570", "slice-units-1", "slice-units-1-2"),
        *("slice-units", "slice-Units-2", f"slice-{'n' * 54}"),
    ]
    assert len({path.name.casefold() for path in paths}) == len(paths)
    for name, stem in zip(NAMES[:-1], stems, strict=False):
        assert f"Score by {name}" in (tmp_path / "figures" / f"{stem}.svg").read_text()


def test_hyperparameters_named_like_columns(written, tmp_path):
    whole = {"min_value": 1, "max_value": 9, "default": 1}
    space = [("Int", {"name": name, **whole}) for name in ("score", "hp:score")]
    place = written(tmp_path / "a", {"0": ({"score": 3, "hp:score": 5}, 0.5, None)}, space=space)
    trials = cnnzoo.open_search(place).trials
    assert trials[["score", "hp:score", "hp:hp:score"]].to_numpy().tolist() == [[0.5, 3, 5]]
