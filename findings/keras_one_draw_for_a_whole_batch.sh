#!/usr/bin/env bash
# Guess: Keras's random image layers draw for each image of a batch, as RandomRotation, RandomHue and
#   most others do and as the papers (RandAugment: Cubuk et al. 2020) describe.
# What happens (keras 3.15.1, tensorflow 2.21.0): three layers draw once for the whole batch.
#   RandomCrop cuts every image at the same place, RandomGaussianBlur blurs all images that it blurs
#   with the same sigma, and RandAugment applies the same operations to all images of the batch.
# Who is hurt: who varies the batch size in a study of augmentation (the number of draws an epoch
#   changes with it), and who compares RandAugment with published results: at batch size 256 an epoch
#   of 50,000 images sees 196 choices of operations instead of 50,000.
# Source: keras/src/layers/preprocessing/image_preprocessing: random_crop.py and
#   random_gaussian_blur.py (get_random_transformation draws of shape () and (2,)), rand_augment.py
#   (layer_idxes of shape (num_ops,)).
# Seen: 64 equal images in, number of different images out, over 12 batches:
#     RandomRotation     [64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64]
#     RandomCrop         [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
#     RandomGaussianBlur [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
#     RandAugment        1 in a batch that got equalization or auto-contrast, else more
# Remedy: apply the layer before batching (one call an image).
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
keras.utils.set_random_seed(0)
image = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
batch = np.repeat(image, 64, axis=0)
layers = {
    "RandomRotation": keras.layers.RandomRotation(0.2, seed=1),
    "RandomCrop": keras.layers.RandomCrop(12, 12, seed=1),
    "RandomGaussianBlur": keras.layers.RandomGaussianBlur(factor=(1.0, 1.0), sigma=(0.2, 2.0), seed=1),
    "RandAugment": keras.layers.RandAugment((0, 255), num_ops=1, factor=0.5, seed=1),
}


def different(layer):
    images = np.asarray(layer(batch, training=True)).round(2)
    return len({one.tobytes() for one in images})


counts = {name: [different(layer) for _ in range(12)] for name, layer in layers.items()}
for name, numbers in counts.items():
    print(f"{name:18}", numbers)
assert set(counts["RandomRotation"]) == {64}
assert set(counts["RandomCrop"]) == {1}, "RandomCrop now draws for each image"
assert set(counts["RandomGaussianBlur"]) == {1}, "RandomGaussianBlur now draws for each image"
# If each image drew its own operation, a batch of 64 would never come out all alike.
assert 1 in counts["RandAugment"], "RandAugment now draws for each image"
PYTHON
echo "as described"
