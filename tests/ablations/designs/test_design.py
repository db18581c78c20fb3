"""Properties of all designs, and lists of variants."""

import pytest
from helpers.layouts import OFF, TWO, configurations, names, refusal

from ablations import Settings
from ablations.designs import DESIGNS, design


@pytest.mark.parametrize("name", ["list", "pairs", "progressive"])
def test_list_has_the_baseline_and_the_given_variants(name):
    baseline = Settings(a=1, b=2, c=3)
    layout = design(name, {}, baseline, [{"a": 5}, {"a": 5, "b": 6}, {"a": 1}, {"a": 5}])
    assert names(layout) == ["baseline", "a=5", "a=5, b=6"]
    assert configurations(layout)[2] == {"a": 5, "b": 6, "c": 3}


@pytest.mark.parametrize("name", DESIGNS)
def test_design_has_no_duplicates_and_begins_with_the_baseline(name):
    layout = design(name, TWO, Settings(OFF))
    assert names(layout)[0] == "baseline"
    assert len(set(names(layout))) == len(layout.variants)
    assert len({variant.changes for variant in layout.variants}) == len(layout.variants)


def test_unknown_design_suggests_the_nearest_name():
    assert refusal("one-at-time", TWO) == (
        "There is no design `one-at-time`; did you mean `one-at-a-time`? Known: one-at-a-time, "
        "leave-one-out, add-one-in, full-factorial, fractional-factorial, plackett-burman, path, "
        "list, pairs, progressive."
    )


@pytest.mark.parametrize(
    "name", ["add-one-in", "leave-one-out", "fractional-factorial", "plackett-burman", "path"]
)
@pytest.mark.parametrize("levels", [(1,), (1, 2, 3)])
def test_two_level_designs_refuse_other_numbers_of_levels(name, levels):
    assert refusal(name, {**TWO, "depth": levels}) == (
        f"`depth`: expected two levels, off and on, for the design {name}; got {len(levels)}: "
        f"{', '.join(map(str, levels))}."
    )
