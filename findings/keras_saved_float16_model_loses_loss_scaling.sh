#!/usr/bin/env bash
# Guess: a model that was compiled under "mixed_float16" trains the same after saving and loading.
# What happens (keras 3.15.1): `compile` wraps the optimizer in a LossScaleOptimizer if the model's own
#   dtype policy is mixed_float16. The file names the optimizer that was passed to `compile`, and not the
#   policy of a functional model. So the loaded model has float16 layers and a plain optimizer: its
#   gradients may underflow, and the optimizer's state is skipped with a warning about its number of
#   variables, so moments and iterations start at 0.
# Who is hurt: who continues a training in mixed_float16 from a saved model.
# Source: keras/src/trainers/trainer.py, compile and get_compile_config; keras/src/models/functional.py,
#   get_config.
# Seen: LossScaleOptimizer with 7 iterations before, Adam with 0 iterations after loading
# Remedy: pass keras.optimizers.LossScaleOptimizer(optimizer) to `compile`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 2>"$folder/log" || { cat "$folder/log"; exit 1; }
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import keras
import numpy as np

print("keras", keras.__version__)
x = np.random.default_rng(0).random((32, 4), "float32")


def trained_and_loaded(optimizer):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile(optimizer, "mse")
    model.fit(x, x[:, :1], batch_size=4, verbose=0)
    model.save("model.keras")
    optimizers = [each.optimizer for each in (model, keras.saving.load_model("model.keras"))]
    return [(type(each).__name__, int(each.iterations)) for each in optimizers]


keras.config.set_dtype_policy("mixed_float16")
plain = keras.optimizers.Adam()
wrapped = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
# another process, which has the default policy, loads the file
save = keras.Model.save
keras.Model.save = lambda self, path: (save(self, path), keras.config.set_dtype_policy("float32"))
before, after = trained_and_loaded(plain)
print("%s with %d iterations before, %s with %d after" % (*before, *after))
assert before[0] == "LossScaleOptimizer" and before[1] > 0, "the optimizer is not wrapped"
assert after == ("Adam", 0), "the loaded model scales its loss"
keras.config.set_dtype_policy("mixed_float16")
before, after = trained_and_loaded(wrapped)
assert before == after, "the remedy is none"
PYTHON
echo "as described"
