#!/usr/bin/env bash
# Guess: `multipletests(p, method="holm")` sorts and multiplies a few numbers, so it costs about as much as
#   the other methods and does not depend on what else the process has loaded.
# What happens (statsmodels 0.15.0): with method="holm", and with no other method, each call runs a full
#   garbage collection of the process, also if the user has switched collection off by gc.disable(). A
#   full collection visits every object that Python tracks, so the time of a call grows with what is loaded.
# Who is hurt: who adjusts p-values in a loop or a simulation, in a process that holds many objects, such as
#   a notebook with TensorFlow. At the times below, 1000 adjustments take minutes instead of 0.01 s.
# Source: statsmodels/stats/multitest.py, multipletests (`gc.collect()` in the branch of "holm"). A pull
#   request that removes it was closed without a merge; it reports more than 400 times the other methods' time:
#   github.com/statsmodels/statsmodels/pull/8671.
# Seen: full collections in 100 calls with three p-values, automatic collection switched off:
#     holm 100, each of the ten other methods 0, Holm by hand 0
#   Time of one call, measured once on a busy machine and not checked by this script:
#     holm 103 ms, with TensorFlow imported 438 ms, after gc.freeze() 0.009 ms; holm-sidak 0.010 ms
# Remedy: multiply by hand (adjust() below), or gc.freeze() before the loop.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 \
  2>"$folder/log" || { cat "$folder/log"; exit 1; }
OMP_NUM_THREADS=1 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import gc

import numpy as np
import statsmodels
from statsmodels.stats.multitest import multipletests

print("statsmodels", statsmodels.__version__)
p_values = np.array([0.04, 0.01, 0.02])
CALLS = 100
full_collections = 0


def count(phase, info):
    global full_collections
    full_collections += phase == "start" and info["generation"] == 2


def adjust(p_values):
    order = np.argsort(p_values)
    adjusted = np.empty_like(p_values)
    steps = np.arange(len(p_values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * steps), 1)
    return adjusted


def collections(function):
    global full_collections
    full_collections = 0
    for _ in range(CALLS):
        function()
    return full_collections


methods = (
    "bonferroni", "sidak", "holm-sidak", "holm", "simes-hochberg", "hommel",
    "fdr_bh", "fdr_by", "fdr_tsbh", "fdr_tsbky", "fdr_gbs",
)  # fmt: skip
gc.disable()
gc.callbacks.append(count)
counts = {
    method: collections(lambda method=method: multipletests(p_values, method=method))
    for method in methods
}
by_hand = collections(lambda: adjust(p_values))
gc.callbacks.remove(count)
print(f"full collections in {CALLS} calls: {counts}; Holm by hand: {by_hand}")
print("objects that one full collection visits here:", len(gc.get_objects()))
assert counts.pop("holm") == CALLS, "Holm's method no longer collects garbage"
assert set(counts.values()) == {0} and by_hand == 0
assert np.allclose(adjust(p_values), multipletests(p_values, method="holm")[1], rtol=1e-12, atol=0)
PYTHON
echo "as described"
