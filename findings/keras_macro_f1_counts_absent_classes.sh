#!/usr/bin/env bash
# A class that occurs neither among the labels nor among the predictions counts as F1 = 0 in the
# macro average of Keras.
#
# One would guess: keras.metrics.F1Score(average="macro") of perfect predictions is 1, as of
#   scikit-learn's f1_score(average="macro"), which averages over the classes that occur.
# What happens: with 3 units and labels 0 and 1 alone, perfect predictions score 2/3: the class
#   without an example adds 0 to the sum and 1 to the count. FBetaScore does the same. Their
#   average="weighted" gives 1.
# Who is hurt: whoever reports or searches by val_f1_score on a validation split that lacks a rare
#   class, or a model with spare units: the score has a ceiling below 1 that moves with the split,
#   so folds and seeds are not comparable, and it disagrees with scikit-learn on the same outputs.
# Source: keras/src/metrics/f_score_metrics.py, FBetaScore.result: ops.mean over all classes, where
#   backend.epsilon() in the denominators makes 0/0 a 0. keras 3.15.1, tensorflow 2.21.0,
#   scikit-learn 1.9.1.
# Output seen:
#   Keras F1Score macro, perfect predictions: 0.6667
#   Keras FBetaScore macro, perfect predictions: 0.6667
#   Keras F1Score weighted, perfect predictions: 1.0000
#   scikit-learn f1_score macro, the same: 1.0000
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 scikit-learn==1.9.1 \
  2>"$place/log" || { cat "$place/log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 "$place/venv/bin/python" 2>"$place/log" - <<'PYTHON' \
  || { tail -n 5 "$place/log"; exit 1; }
import keras
import numpy as np
from sklearn.metrics import f1_score

labels = np.array([0, 1, 0, 1])
right = np.eye(3, dtype="float32")[labels]


def score(kind, average):
    return float(kind(average=average)(right, right))


macro = score(keras.metrics.F1Score, "macro")
beta = score(keras.metrics.FBetaScore, "macro")
weighted = score(keras.metrics.F1Score, "weighted")
reference = f1_score(labels, right.argmax(1), average="macro")
print(f"Keras F1Score macro, perfect predictions: {macro:.4f}")
print(f"Keras FBetaScore macro, perfect predictions: {beta:.4f}")
print(f"Keras F1Score weighted, perfect predictions: {weighted:.4f}")
print(f"scikit-learn f1_score macro, the same: {reference:.4f}")
assert abs(macro - 2 / 3) < 1e-6 and abs(beta - 2 / 3) < 1e-6
assert abs(weighted - 1) < 1e-6 and reference == 1
PYTHON
echo "as described"
