"""Error rates and coverage by 1,000 repetitions, within three standard errors."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from ablations.stats import deltas
from ablations.stats.paired_t import equivalence_p, paired_t
from ablations.stats.verdicts import holm

REPETITIONS = 1000
STUDIES = 300
SLACK = 3 * math.sqrt(0.05 * 0.95 / REPETITIONS)


def draw(name, shape):
    rng = np.random.default_rng(11)
    return {
        "normal": lambda: rng.normal(size=shape),
        "t3": lambda: rng.standard_t(3, shape),
        "mildly skewed": lambda: rng.gamma(4, size=shape) - 4,
        "tied": lambda: np.round(rng.normal(size=shape)),
    }[name]()


@pytest.mark.parametrize("name", ["normal", "t3", "mildly skewed", "tied"])
def test_intervals_cover_what_they_say(name):
    found = paired_t(draw(name, (REPETITIONS, 10)))
    given = np.isfinite(found.low)
    covered = ((found.low <= 0) & (found.high >= 0))[given].mean()
    assert covered > (0.95 if name == "normal" else 0.93) - SLACK
    if name == "normal":
        assert covered < 0.95 + SLACK


def test_family_of_ten_errs_in_at_most_5_percent():
    values = draw("normal", (REPETITIONS, 11, 10))
    p = paired_t(values[:, 1:] - values[:, :1]).p
    assert (holm(p) < 0.05).any(axis=1).mean() < 0.05 + SLACK
    assert (p < 0.05).any(axis=1).mean() > 0.2


@pytest.mark.parametrize(("margin", "least"), [(None, 0.95), (2.0, 0.999)])
def test_equal_configurations_differ_at_the_stated_rate(margin, least):
    """Tables of trials with independent noise and an effect of the seed; one metric per study."""
    rng = np.random.default_rng(29)
    seeds, metrics = 10, [f"{number}_loss" for number in range(STUDIES)]
    values = rng.normal(size=(2, seeds, STUDIES)) + rng.normal(size=(seeds, STUDIES))
    trials = pd.DataFrame(values.reshape(2 * seeds, -1), columns=metrics)
    trials["variant"] = ["baseline"] * seeds + ["another name"] * seeds
    trials["seed"] = [*range(seeds)] * 2
    trials = trials.assign(status="done", factor="name", level="b", baseline="a")
    margins = None if margin is None else dict.fromkeys(metrics, margin * math.sqrt(2))
    found = deltas(trials, metrics, margins=margins)["verdict"].value_counts()
    different = int(found.get("better", 0) + found.get("worse", 0))
    # the exact chance to see so many if the rate were as stated
    assert binomtest(different, STUDIES, 1 - least, alternative="greater").pvalue > 0.001
    if margin is None:
        assert found["inconclusive"] == STUDIES - different
        assert binomtest(different, STUDIES, 1 - least).pvalue > 0.001
    else:
        # 99.99% by Student's t; the modified t of samples that look skewed finds 98%
        assert found["equivalent"] > 0.96 * STUDIES


def test_delta_at_the_margin_errs_in_at_most_5_percent():
    p = equivalence_p(draw("normal", (REPETITIONS, 10)) + 1.0, 1.0)
    assert (p < 0.05).mean() < 0.05 + SLACK


def test_importing_the_statistics_loads_no_slow_package():
    program = (
        "import sys, ablations.stats; "
        "slow = ('keras', 'tensorflow', 'ray', 'statsmodels', 'scipy.stats', 'altair'); "
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
