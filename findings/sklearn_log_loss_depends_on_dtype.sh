#!/usr/bin/env bash
# Guess: `log_loss` depends on the probabilities, not on the type in which they are stored. A float32 array
#   and the same numbers as float64 have the same loss, to the precision of float32.
# What happens (scikit-learn 1.9.1): the probabilities are clipped to [eps, 1 - eps] with the eps of their
#   type. A wrong answer with probability 1 costs 15.9 as float32 and 36.0 as float64 (6.9 as float16).
#   Small probabilities that float32 can hold, such as 1e-10, are raised to 1.2e-7 as well.
# Who is hurt: who compares models by log loss, if one returns float32 (Keras, PyTorch, XGBoost) and the
#   other float64 (most of scikit-learn), or who reads stored predictions back: a list, a CSV file or JSON
#   comes back as float64. One certain mistake in 100 answers moves the mean by 0.2 and can reverse an
#   order: see the bold and the timid model below, the same numbers once as float32 and once as float64.
# Source: sklearn/metrics/_classification.py, _log_loss (`eps = xp.finfo(y_proba.dtype).eps`). It is
#   documented at the parameter y_proba; github.com/scikit-learn/scikit-learn/pull/24354 added it. The
#   parameter `eps`, which set the bound, was removed in 1.5.
# Seen:
#     one certain wrong answer                     float16 6.930, float32 15.942, float64 36.044
#     float32 probabilities after a CSV file       36.044
#     bold model (0.9, one certain mistake in 100) float32 0.264, float64 0.465
#     timid model (always 0.7)                     float32 0.357, float64 0.357
# Remedy: convert all probabilities to float64 and clip them to one stated bound before the call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 \
  2>"$folder/log" || { cat "$folder/log"; exit 1; }
OMP_NUM_THREADS=1 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import io
import warnings

import numpy as np
import sklearn
from sklearn.metrics import log_loss

warnings.simplefilter("error")
print("scikit-learn", sklearn.__version__)
certain = np.array([[1, 0], [0, 1]], "float32")
wrong = {name: log_loss([1, 0], certain.astype(name)) for name in ("float16", "float32", "float64")}
print("certain wrong answers:", {name: round(loss, 3) for name, loss in wrong.items()})
file = io.StringIO()
np.savetxt(file, certain, delimiter=",")
file.seek(0)
reread = log_loss([1, 0], np.loadtxt(file, delimiter=","))
print("float32 probabilities after a CSV file:", round(reread, 3))

labels = np.arange(100) % 2
right = np.eye(2)[labels]
bold = np.where(right == 1, 0.9, 0.1)
bold[0] = 1 - right[0]
timid = np.where(right == 1, 0.7, 0.3)
bold32, timid32 = bold.astype("float32"), timid.astype("float32")
losses = {
    name: (log_loss(labels, bold32.astype(name)), log_loss(labels, timid32.astype(name)))
    for name in ("float32", "float64")
}
print("bold and timid model:", {name: np.round(pair, 3).tolist() for name, pair in losses.items()})

small = np.array([[1, 1e-10], [0.5, 0.5]], "float32")
true_loss = -np.log(small[[0, 1], [1, 0]].astype("float64")).mean()
print("a probability of 1e-10:", log_loss([1, 0], small), "instead of", true_loss)

for name, loss in wrong.items():
    expected = -np.log(float(np.finfo(name).eps))
    assert abs(loss - expected) < 0.01, f"the loss of {name} no longer follows from its eps"
assert reread == wrong["float64"] > 2 * wrong["float32"]
assert losses["float32"][0] < losses["float32"][1], "the bold model no longer wins as float32"
assert losses["float64"][0] > losses["float64"][1], "the bold model no longer loses as float64"
assert abs(log_loss([1, 0], small.astype("float64")) - true_loss) < 1e-6
assert true_loss - log_loss([1, 0], small) > 3
PYTHON
echo "as described"
