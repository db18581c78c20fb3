"""Orthogonality of designs with infeasible variants."""

import numpy as np
import pytest
from helpers.layouts import switches
from hypothesis import given
from hypothesis import strategies as st

from ablations import Settings
from ablations.designs import design
from ablations.designs.orthogonality import correlations, lost_orthogonality


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["a", "b"])), min_size=2).filter(
        lambda rows: all(len(set(column)) == 2 for column in zip(*rows, strict=True))
    )
)
def test_two_level_factors_have_their_absolute_correlation(rows):
    variants = [{"x": x, "y": y} for x, y in rows]
    signs = np.array([[x == 1, y == "a"] for x, y in rows], dtype=float)
    expected = abs(np.corrcoef(signs.T)[0, 1])
    found = correlations(["x", "y"], variants)
    assert (found[0][2] if found else 0.0) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=4))
def test_cramers_v_agrees_with_its_formula(rows):
    table = np.zeros((4, 3), dtype=int)
    for x, y in rows:
        table[x, y] += 1
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    found = correlations(["x", "y"], [{"x": x, "y": y} for x, y in rows])
    expected = 0.0
    if min(table.shape) > 1:
        independent = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        chi2 = ((table - independent) ** 2 / independent).sum()
        expected = np.sqrt(chi2 / (table.sum() * (min(table.shape) - 1)))
    assert (found[0][2] if found else 0.0) == pytest.approx(expected, abs=1e-7)  # a root of ~0


def test_one_and_true_are_two_levels():
    variants = [{}, {"x": 1}, {"y": 1}, {"x": True, "y": 1}]
    assert correlations(["x", "y"], variants) != correlations(
        ["x", "y"], [{}, {"x": 1}, {"y": 1}, {"x": 1, "y": 1}]
    )


@pytest.mark.parametrize("name", ["full-factorial", "fractional-factorial", "plackett-burman"])
def test_feasible_design_is_orthogonal(name):
    layout = design(name, switches(5), Settings(dict.fromkeys(switches(5), False)))
    variants = {variant.name: variant.changes for variant in layout.variants}
    assert correlations(list(switches(5)), [*variants.values()]) == []
    assert lost_orthogonality(list(switches(5)), variants, []) == ""


def test_infeasible_variants_give_a_note_on_correlated_factors():
    layout = design("full-factorial", switches(3), Settings(dict.fromkeys(switches(3), False)))
    variants = {variant.name: variant.changes for variant in layout.variants}
    lost = [name for name in variants if "f0=True, f1=True" in name]
    assert len(lost) == 2
    # of 6 rows left 2 have f0, 2 others f1: the columns correlate by -1/2
    assert lost_orthogonality(list(switches(3)), variants, lost) == (
        "Main effects are not orthogonal, for 2 of 8 combinations cannot be built: there correlate "
        "f0 and f1 by 0.50; each effect is adjusted for the others, and less certain for it."
    )
