#!/usr/bin/env bash
# Guess: `SGD(0.1, momentum=0.9, weight_decay=5e-4)`, the recipe of most ResNet papers, shrinks weights
#   alike in Keras and in PyTorch, which name the arguments alike. Adam and AdamW differ in how they
#   decay, so SGD with `weight_decay` should be the one that is the same.
# What happens (keras 3.15.1, torch 2.13.0): PyTorch adds weight_decay * w to the gradient, so that the
#   momentum buffer accumulates it: the decay a step tends to lr * weight_decay / (1 - momentum). Keras
#   multiplies w by 1 - lr * weight_decay beside the momentum ("decoupled"), in SGD as in every other
#   optimizer. With momentum 0.9 Keras decays a tenth as fast. `keras.optimizers.Adam(weight_decay=...)`
#   is AdamW for the same reason, where `torch.optim.Adam(weight_decay=...)` is not.
# Who is hurt: who takes the recipe of a paper (He et al. 2015: momentum 0.9, decay 1e-4) to Keras, and
#   who compares "with weight decay" across frameworks: the regularization is ten times weaker.
# Source: keras/src/optimizers/base_optimizer.py, _apply_weight_decay; torch/optim/sgd.py,
#   _single_tensor_sgd.
# Seen: a weight of 1 after 1,000 steps whose loss has gradient 0:
#     keras 0.9512, torch 0.6078; the logarithms differ by the factor 9.95
# Remedy: in Keras a kernel_regularizer of L2(weight_decay / 2), whose gradient passes through the
#   momentum, or weight_decay / (1 - momentum).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 torch==2.13.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
KERAS_BACKEND=torch "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import math

import keras
import torch

print("keras", keras.__version__, "torch", torch.__version__)
STEPS = 1000

of_keras = keras.Variable([1.0])
optimizer = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=5e-4)
optimizer.build([of_keras])
regularized = keras.Variable([1.0])
plain = keras.optimizers.SGD(0.1, momentum=0.9)
plain.build([regularized])
of_torch = torch.nn.Parameter(torch.ones(1))
peer = torch.optim.SGD([of_torch], 0.1, momentum=0.9, weight_decay=5e-4)
for _ in range(STEPS):
    optimizer.apply([torch.zeros(1)])
    plain.apply([5e-4 * regularized.value.detach()])  # the gradient of an L2(5e-4 / 2) penalty
    of_torch.grad = torch.zeros(1)
    peer.step()

left = {
    "keras": float(of_keras.value),
    "torch": float(of_torch),
    "keras, L2 penalty": float(regularized.value),
}
print({name: round(value, 4) for name, value in left.items()})
factor = math.log(left["torch"]) / math.log(left["keras"])
print("factor", round(factor, 2))
assert abs(left["keras"] - (1 - 0.1 * 5e-4) ** STEPS) < 1e-3, "Keras no longer decays beside the momentum"
assert 9 < factor < 11, "the two now decay alike"
assert abs(left["keras, L2 penalty"] - left["torch"]) < 1e-4
PYTHON
echo "as described"
