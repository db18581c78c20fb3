#!/usr/bin/env bash
# Guess: the power of a t-test rises to 1 with the effect and with the sample size, and
#   `TTestPower().power(2.0, 20, 0.05)` is 1 to ten digits.
# What happens (statsmodels 0.15.0, scipy 1.17.1): it is nan, without a warning or an error. The two-sided
#   power is the sum of two tails. The tail on the far side of the effect is smaller than 1e-18 here, but
#   scipy's noncentral t distribution function is nan for it, and so is the sum. Not all large values are
#   affected: 2.0 and 2.1 are nan, 2.2 is not. An effect of -2.0 has the right power.
# Who is hurt: who draws a power curve or fills a power table (it has gaps), and who plans a sample size
#   in a loop: `while power < 0.8` ends at nan, `if power >= 0.8` refuses a design whose power is 1. The
#   effect need not be extreme: 0.9 with 100 pairs is nan as well.
# Source: statsmodels/stats/power.py, ttest_power and nct_cdf (`special.nctdtr(df, nc, x)`). Pingouin had
#   the same nan from scipy's nct.cdf and replaced it: github.com/raphaelvallat/pingouin/issues/486.
#   Which values are nan can depend on the platform; seen on Linux, x86-64.
# Seen:
#     statsmodels, two-sided, effect 2.0, n 20:        nan
#     the near tail alone, by statsmodels:             0.999999999955
#     the near tail alone, by numerical integration:   0.999999999955
#     upper bound of the far tail:                     1.9e-19
#     simulated samples that are rejected:             20000 of 20000
#     nan among the effects 0.5, 0.6, ..., 4.0:        n=20: 13 of 36, n=50: 17 of 36, n=100: 25 of 36
# Remedy: use the near tail alone, `power(abs(effect), n, alpha / 2, alternative="larger")`. What it leaves
#   out is less than norm.cdf(-abs(effect) * sqrt(n)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 \
  2>"$folder/log" || { cat "$folder/log"; exit 1; }
OMP_NUM_THREADS=1 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import warnings

import numpy as np
import scipy
import statsmodels
from scipy import integrate, stats
from statsmodels.stats.power import TTestIndPower, TTestPower

warnings.simplefilter("error")
print("statsmodels", statsmodels.__version__, "scipy", scipy.__version__)
EFFECT, N, ALPHA = 2.0, 20, 0.05
power = TTestPower().power
two_sided = power(EFFECT, N, ALPHA)
near_tail = power(EFFECT, N, ALPHA / 2, alternative="larger")
critical = stats.t.isf(ALPHA / 2, N - 1)
shift = EFFECT * np.sqrt(N)


# The statistic is (Z + shift) / S with a standard normal Z and an independent S, where S**2 * (N - 1) is
# chi-squared. It exceeds `critical` if Z > critical * S - shift.
def density_of_acceptance(s):
    root = np.sqrt(N - 1)
    return stats.norm.cdf(critical * s - shift) * stats.chi.pdf(s * root, N - 1) * root


integrated = 1 - integrate.quad(density_of_acceptance, 0, 5, epsabs=0)[0]
# The statistic is below -critical only if Z + shift < 0.
far_tail_bound = stats.norm.cdf(-shift)
samples = np.random.default_rng(0).normal(EFFECT, 1, (20000, N))
rejected = int((stats.ttest_1samp(samples, 0, axis=1).pvalue < ALPHA).sum())
effects = np.arange(5, 41) / 10
holes = {n: int(sum(np.isnan(power(effect, n, ALPHA)) for effect in effects)) for n in (20, 50, 100)}
print("statsmodels, two-sided, effect 2.0, n 20:       ", two_sided)
print(f"the near tail alone, by statsmodels:             {near_tail:.12f}")
print(f"the near tail alone, by numerical integration:   {integrated:.12f}")
print(f"upper bound of the far tail:                     {far_tail_bound:.1e}")
print(f"simulated samples that are rejected:             {rejected} of {len(samples)}")
print(f"nan among {len(effects)} effects from 0.5 to 4.0:          {holes}")
assert np.isnan(two_sided), "the power of a large effect is no longer nan"
assert np.isnan(power(0.9, 100, ALPHA)) and np.isnan(TTestIndPower().power(2.0, 50, ALPHA))
assert np.isnan(power(2.1, N, ALPHA))
assert power(2.2, N, ALPHA) > 1 - 1e-9 and power(-EFFECT, N, ALPHA) > 1 - 1e-9
assert abs(near_tail - integrated) < 1e-12 and near_tail > 1 - 1e-9
assert far_tail_bound < 1e-18 and rejected == len(samples)
assert min(holes.values()) > 0
PYTHON
echo "as described"
