#!/usr/bin/env bash
# Guess: `copy = clone_model(model); copy.set_weights(model.get_weights())` is how Keras's documentation
#   copies a model, so the copy computes what the model does.
# What happens (keras 3.15.1): a Normalization layer that was adapted computes with `self.mean` and
#   `self.variance`, tensors that `adapt` and `load_own_variables` make from its weights. `set_weights`
#   and `assign` change the weights only, so the copy has the right weights and computes as one that
#   was never adapted. Saving and loading the copy makes it right again, which hides the cause.
# Who is hurt: who copies a model with an adapted Normalization, averages weights over models or restores
#   them from arrays.
# Source: keras/src/layers/preprocessing/normalization.py, finalize_state and call.
# Seen: for inputs with mean 5 and deviation 3, the model gives mean 0.0, the copy 4.9
# Remedy: call `finalize_state()` of each Normalization layer after its weights were set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 2>"$folder/log" || { cat "$folder/log"; exit 1; }
KERAS_BACKEND=jax "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import keras
import numpy as np

print("keras", keras.__version__)
x = np.random.default_rng(0).normal(5, 3, size=(1000, 1)).astype("float32")
layer = keras.layers.Normalization()
layer.adapt(x)
model = keras.Sequential([keras.Input((1,)), layer])
copy = keras.models.clone_model(model)
copy.set_weights(model.get_weights())
assert all((a == b).all() for a, b in zip(model.get_weights(), copy.get_weights()))
means = [float(np.mean(each(x))) for each in (model, copy)]
print("mean of the model %.1f, of the copy %.1f" % (abs(means[0]), means[1]))
assert abs(means[0]) < 1e-3 and abs(means[1] - x.mean()) < 1e-3, "the copy is as the model"
copy.layers[0].finalize_state()
assert np.array_equal(model(x), copy(x)), "finalize_state is no remedy"
PYTHON
echo "as described"
