"""What holds of every design, and a list of one's own."""

import pytest
from layouts import OFF, TWO, configurations, names, refusal

from ablations import Settings
from ablations.designs import DESIGNS, design


def test_a_list_holds_the_variants_given_and_the_baseline_first():
    baseline = Settings(a=1, b=2, c=3)
    layout = design("list", {}, baseline, [{"a": 5}, {"a": 5, "b": 6}, {"a": 1}, {"a": 5}])
    assert names(layout) == ["baseline", "a=5", "a=5, b=6"]
    assert configurations(layout)[2] == {"a": 5, "b": 6, "c": 3}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_holds_each_variant_once_and_the_baseline_first(name):
    layout = design(name, TWO, Settings(OFF))
    assert names(layout)[0] == "baseline"
    assert len(set(names(layout))) == len(layout.variants)
    assert len({variant.changes for variant in layout.variants}) == len(layout.variants)


def test_an_unknown_design_is_answered_with_the_nearest():
    assert refusal("one-at-time", TWO) == (
        "There is no design `one-at-time`; did you mean `one-at-a-time`? Known: one-at-a-time, "
        "leave-one-out, add-one-in, full-factorial, fractional-factorial, plackett-burman, path, "
        "list."
    )


@pytest.mark.parametrize(
    "name", ["add-one-in", "leave-one-out", "fractional-factorial", "plackett-burman", "path"]
)
@pytest.mark.parametrize("levels", [(1,), (1, 2, 3)])
def test_designs_of_off_and_on_take_two_levels(name, levels):
    assert refusal(name, {**TWO, "depth": levels}) == (
        f"The design {name} takes two levels a factor, off and on; `depth` has {len(levels)}: "
        f"{', '.join(map(str, levels))}."
    )
