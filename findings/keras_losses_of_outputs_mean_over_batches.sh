#!/usr/bin/env bash
# Guess: a model with several outputs reports `loss` and one loss for each output, and the sum of the
#   latter is the former, since `evaluate` gives means over the examples.
# What happens (keras 3.15.1, tensorflow 2.21.0): `loss` is the mean over the examples. The loss of an
#   output is the mean over the batches, whatever their size, because its metric is weighted by the
#   static size of a batch, which is None in the graph that TensorFlow traces for arrays and datasets.
#   A small last batch counts as much as a full one.
# Who is hurt: who selects by `val_digit_loss` (early stopping, a search), compares such losses of
#   different batch sizes, or wonders why the parts do not add up.
# Source: keras/src/trainers/compile_utils.py, CompileLoss.call: `sample_weight=tree.flatten(y_p)[0].shape[0]`.
# Seen: losses 0, 0 and 9 of three examples in batches of 2: one_loss 4.5 and loss 6.0 for two equal
#   outputs, where 3.0 and 6.0 are right.
# Remedy: a batch size that divides the number of examples, or losses computed from `predict`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import keras
import numpy as np
import tensorflow as tf

print("keras", keras.__version__, "tensorflow", tf.__version__)
inputs = keras.Input((1,))
outputs = [keras.layers.Identity(name=name)(inputs) for name in ("one", "two")]
model = keras.Model(inputs, outputs)
model.compile(loss="mse")
x, zeros = np.array([[0.0], [0.0], [3.0]]), np.zeros((3, 1))
found = {}
for size in (2, 3):
    found[size] = model.evaluate(x, [zeros, zeros], batch_size=size, verbose=0, return_dict=True)
    print("batches of", size, {name: round(value, 4) for name, value in found[size].items()})
assert found[2]["loss"] == found[3]["loss"] == 6.0
assert found[3]["one_loss"] == 3.0
assert found[2]["one_loss"] == 4.5, "the losses of outputs are now means over the examples"
PYTHON
echo "as described"
