"""Full factorial design."""

import itertools
from math import prod

from helpers.layouts import configurations, factor_levels
from hypothesis import given, settings

from ablations import Settings
from ablations.designs import design


@given(factor_levels)
@settings(max_examples=50)
def test_full_factorial_has_every_combination_once(factors):
    baseline = Settings({name: levels[-1] for name, levels in factors.items()})
    layout = design("full-factorial", factors, baseline)
    runs = [tuple(run[name] for name in factors) for run in configurations(layout)]
    assert runs[0] == tuple(baseline.values())
    assert sorted(runs) == sorted(itertools.product(*factors.values()))
    assert len(runs) == prod(len(levels) for levels in factors.values())
