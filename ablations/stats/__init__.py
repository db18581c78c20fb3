"""What the trials say: DataFrame in, DataFrame out.

Nothing here trains, plots or stores. Every table is made of `trials`, one row a trial.
"""

from ablations.stats.adding import open_variants, sequential
from ablations.stats.blocking import variance_reduction
from ablations.stats.comparisons import deltas
from ablations.stats.costs import pareto
from ablations.stats.epochs import convergence
from ablations.stats.errors import StatisticsError
from ablations.stats.factorial import effects
from ablations.stats.metrics import common_metrics, direction
from ablations.stats.spending import boundaries, looks
from ablations.stats.spread import stability
from ablations.stats.steps import steps
from ablations.stats.trends import trend

__all__ = [
    "StatisticsError",
    "boundaries",
    "common_metrics",
    "convergence",
    "deltas",
    "direction",
    "effects",
    "looks",
    "open_variants",
    "pareto",
    "sequential",
    "stability",
    "steps",
    "trend",
    "variance_reduction",
]
