#!/usr/bin/env bash
# Guess: once a weight is NaN, the loss of `fit` is NaN and keras.callbacks.TerminateOnNaN ends it.
# What happens (keras 3.15.1, tensorflow 2.21.0, CPU): not if the layer is a Dense with ReLU. In the
#   graphs of `fit` and `predict`, MatMul, BiasAdd and Relu become one oneDNN kernel whose ReLU turns
#   NaN into 0. The loss stays finite, that of a constant answer, while the same model called
#   directly answers NaN. With tanh instead of ReLU, or with TF_ENABLE_ONEDNN_OPTS=0, all is NaN.
# Who is hurt: who has one missing value in a table and looks for the reason in the learning rate or
#   the architecture, because a loss that is finite and flat seems to rule out NaN.
# Source: tensorflow/core/grappler/optimizers/remapper.cc (_FusedMatMul), the oneDNN eltwise_relu.
# Seen, 320 rows with one NaN, loss of three epochs:
#     tanh [nan] (ended by TerminateOnNaN)
#     relu [0.783, 0.693, 0.693]; a share of 0.03 of the kernel is NaN; predict says one value for
#     all rows, model(x) says NaN for all
# Remedy: look at inputs and weights for NaN, not at the loss.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
cat >"$folder/check.py" <<'PYTHON'
import os

import keras
import numpy as np
import tensorflow as tf

print("keras", keras.__version__, "tensorflow", tf.__version__)
rng = np.random.default_rng(0)
x = rng.normal(size=(320, 30)).astype("float32")
y = (x[:, 0] > 0).astype("float32")
clean = x.copy()
x[7, 3] = np.nan


def train(activation):
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(16, activation=activation)
    head = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((30,)), hidden, head])
    model.compile("adam", "binary_crossentropy")
    stop = keras.callbacks.TerminateOnNaN()
    losses = model.fit(x, y, epochs=3, callbacks=[stop], verbose=0).history["loss"]
    print(f"{activation} {np.round(losses, 3)} NaN in the kernel: {np.isnan(hidden.kernel).mean():.2f}")
    assert np.isnan(hidden.kernel).any()
    return losses, model.predict(clean, verbose=0), np.asarray(model(clean))


losses, predicted, called = train("tanh")
assert np.isnan(losses[-1]) and np.isnan(predicted).all() and np.isnan(called).all()
losses, predicted, called = train("relu")
assert np.isnan(called).all()
if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
    assert np.isnan(losses[-1]) and np.isnan(predicted).all()
else:
    assert len(losses) == 3 and np.isfinite(losses).all(), "the loss now says NaN"
    assert np.isfinite(predicted).all() and np.unique(predicted).size == 1
PYTHON
for onednn in 1 0; do
    echo "TF_ENABLE_ONEDNN_OPTS=$onednn"
    TF_ENABLE_ONEDNN_OPTS=$onednn TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/check.py" 2>"$folder/log" || { tail -n 5 "$folder/log"; exit 1; }
done
echo "as described"
