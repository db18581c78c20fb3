#!/usr/bin/env bash
# Guess: a Bayesian search of the learning rate turns away from rates at which training diverges, if such a
#   trial has an infinite score, or at least if it is marked as failed.
# What happens (keras-tuner 1.4.8): it does neither. An infinite score is fitted as 0
#   (np.nan_to_num(y, posinf=0)), which beats every real loss. A failed trial is left out of the model,
#   so the diverging region stays unknown and is proposed again, in part the same point many times.
# Who is hurt: who searches a wide range of learning rates by val_loss: nearly all trials after the random
#   ones are lost.
# Source: keras_tuner/src/tuners/bayesian.py, populate_space and _vectorize_trials.
# Seen: diverged proposals among the 25 after the first 5, for 3 seeds; a loss that is best at 0.01 and
#   diverges above 0.1, rates from 1e-5 to 10:
#     infinite score                        [24, 25, 23]
#     failed trial                          [24, 25, 25]
#     the worst finite score in its place   [0, 2, 0]
# Remedy: return a finite bad score, such as the worst one so far.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 keras-tuner==1.4.8 tensorboard \
  scipy==1.17.1 scikit-learn==1.9.1 2>"$folder/log" || { cat "$folder/log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import tempfile
import warnings

import keras_tuner
import numpy as np

warnings.simplefilter("ignore")
print("keras-tuner", keras_tuner.__version__)


def diverged(mode, seed):
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 1e-5, 10.0, sampling="log")
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        keras_tuner.Objective("val_loss", "min"), max_trials=30, seed=seed, hyperparameters=hp
    )
    oracle.max_consecutive_failed_trials = 10**9
    oracle.verbose = 0
    scores = []
    with tempfile.TemporaryDirectory() as place:
        oracle._set_project_dir(place, "search")
        for _ in range(30):
            trial = oracle.create_trial("tuner")
            rate = trial.hyperparameters.get("rate")
            scores.append(0.3 * (np.log10(rate) + 2) ** 2 + 0.3 if rate < 0.1 else np.inf)
            told = scores[-1]
            if told == np.inf and mode == "worst":
                told = max((score for score in scores if score < np.inf), default=1.0)
            if told == np.inf and mode == "failed":
                trial.status = "FAILED"
            else:
                oracle.update_trial(trial.trial_id, {"val_loss": told})
                trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return int(sum(score == np.inf for score in scores[5:]))


counts = {mode: [diverged(mode, seed) for seed in (1, 2, 3)] for mode in ("inf", "failed", "worst")}
print(counts)
assert min(counts["inf"]) > 15, "an infinite score no longer attracts the search"
assert min(counts["failed"]) > 15, "the search now learns from failed trials"
assert max(counts["worst"]) < 10
PYTHON
echo "as described"
