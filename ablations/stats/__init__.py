"""Statistics of a study: functions from the DataFrame of trials to DataFrames.

Nothing here trains, plots or stores. ``trials`` has one row per trial.
"""

from ablations.stats.agreement import agreement
from ablations.stats.anytime import anytime
from ablations.stats.convergence import convergence
from ablations.stats.deltas import deltas
from ablations.stats.factorial import effects, interactions
from ablations.stats.metrics import common_metrics, direction
from ablations.stats.new_data import new_data
from ablations.stats.pairs import StatisticsError
from ablations.stats.pareto import pareto
from ablations.stats.path_steps import steps
from ablations.stats.pooling import posterior
from ablations.stats.sequential import boundaries, looks, open_variants, sequential
from ablations.stats.several_data import heterogeneity
from ablations.stats.stability import stability
from ablations.stats.trends import trend

__all__ = [
    "StatisticsError",
    "agreement",
    "anytime",
    "boundaries",
    "common_metrics",
    "convergence",
    "deltas",
    "direction",
    "effects",
    "heterogeneity",
    "interactions",
    "looks",
    "new_data",
    "open_variants",
    "pareto",
    "posterior",
    "sequential",
    "stability",
    "steps",
    "trend",
]
