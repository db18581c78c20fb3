#!/usr/bin/env bash
# Guess: `keras.Variable(other.value)` makes a new variable that starts with the values of another one,
#   as `keras.Variable(other)` and `keras.Variable(array)` do. Assigning to one leaves the other alone.
# What happens (keras 3.15.1, tensorflow 2.21.0): on the TensorFlow backend `value` of a variable is
#   its `tf.Variable`, and the new Keras variable keeps that very object. Training the copy trains the
#   original. No warning is given, and the same line makes a copy on JAX, whose arrays do not change.
# Who is hurt: who copies weights to try something on the side (a learning-rate range test, a
#   lookahead optimizer, a moving average, an experiment on a copy) with `v.value`: the model under
#   test is changed by its own test, and every later measurement is of another model.
# Source: keras/src/backend/tensorflow/core.py, Variable._initialize: a value that is a tf.Variable
#   already is stored as it is.
# Seen:
#   from .value   original after assigning to the copy: [5. 5.]
#   from variable original after assigning to the copy: [0. 0.]
#   a dense layer's kernel after one step of SGD on copies: changed
# Remedy: keras.Variable(other) or keras.Variable(keras.ops.convert_to_numpy(other)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import keras
import numpy as np
import tensorflow as tf

print("keras", keras.__version__, "tensorflow", tf.__version__)
kept = {}
for name, source in (("from .value  ", lambda v: v.value), ("from variable", lambda v: v)):
    original = keras.Variable(np.zeros(2, "float32"))
    copy = keras.Variable(source(original))
    copy.assign([5.0, 5.0])
    kept[name.strip()] = original.numpy()
    print(name, "original after assigning to the copy:", original.numpy())
assert kept["from .value"].tolist() == [5, 5], "the copy of a value is a copy now"
assert kept["from variable"].tolist() == [0, 0], "the copy of a variable shares its memory now"

layer = keras.layers.Dense(1)
layer.build((None, 2))
before = keras.ops.convert_to_numpy(layer.kernel).copy()
copies = [keras.Variable(weight.value) for weight in layer.trainable_variables]
optimizer = keras.optimizers.SGD(0.1)
optimizer.build(copies)
optimizer.apply([np.ones(copy.shape, "float32") for copy in copies], copies)
changed = not np.array_equal(before, keras.ops.convert_to_numpy(layer.kernel))
print("a dense layer's kernel after one step of SGD on copies:", "changed" if changed else "kept")
assert changed
PYTHON
echo "as described"
