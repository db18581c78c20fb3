#!/usr/bin/env bash
# Guess: `keras.layers.AugMix(seed=7)` in a tf.data pipeline draws a new chain of operations for every
#   batch, as it does when it is called eagerly, and `seed` decides which.
# What happens (keras 3.15.1, tensorflow 2.21.0): the operations are chosen by Python's global
#   `random.choice` while the function is traced. In `Dataset.map` (and in a compiled model) that is
#   once: every batch of the whole training gets the same operations. Which ones follows from Python's
#   global random state, not from `seed`.
# Who is hurt: who trains with AugMix in an input pipeline (the documented way) and compares it with
#   other augmentations. The comparison measures one operation, such as posterization alone, and a
#   rerun with the same layer seed measures another one.
# Source: keras/src/layers/preprocessing/image_preprocessing/aug_mix.py, AugMix.get_random_transformation
#   (`py_random.choice(self._augment_layers + [None])`).
# Seen: per dataset or loop of 40 batches, the number of batches that came back unchanged (the empty
#   chain is one of five choices):
#     eager  [6, 8, 5, 7, 2, 3, 5, 1, 7, 4, 7, 10]
#     mapped [0, 0, 0, 0, 0, 0, 0, 1, 0, 40, 0, 40]
#   (a single unchanged batch is an operation of strength 0)
# Remedy: call the layer eagerly, or choose one operation per example inside the graph (tf.switch_case).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" 2>"$folder/log" - <<'PYTHON' || { tail -n 5 "$folder/log"; exit 1; }
import random

import keras
import numpy as np
import tensorflow as tf

print("keras", keras.__version__, "tensorflow", tf.__version__)
image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
BATCHES = 40


def layer():
    return keras.layers.AugMix(
        (0, 255), num_chains=1, chain_depth=1, factor=1.0, all_ops=False, seed=7
    )


def unchanged(batches):
    return sum(bool(np.allclose(batch, image, atol=1e-2)) for batch in batches)


def eager(python_seed):
    random.seed(python_seed)
    augment = layer()
    return unchanged(np.asarray(augment(image, training=True)) for _ in range(BATCHES))


def mapped(python_seed):
    random.seed(python_seed)
    augment = layer()
    data = tf.data.Dataset.from_tensors(image).repeat(BATCHES)
    return unchanged(data.map(lambda x: augment(x, training=True)).as_numpy_iterator())


by_hand = [eager(seed) for seed in range(12)]
in_pipeline = [mapped(seed) for seed in range(12)]
print("eager ", by_hand)
print("mapped", in_pipeline)
assert all(0 < count < BATCHES for count in by_hand), "eager calls no longer vary"
assert all(count <= 3 or count == BATCHES for count in in_pipeline), "a pipeline's chain now varies"
assert BATCHES in in_pipeline and min(in_pipeline) <= 3, "the chain now follows from the layer's seed"
PYTHON
echo "as described"
