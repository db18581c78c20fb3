#!/bin/sh
# TensorFlow Datasets: one prepared set, read by as_dataset and by as_data_source.
#
# One would guess: both give the same examples in the same order (nothing is shuffled:
#   shuffle_files=False), so that a split by index or a checksum holds for both.
# What happens: of a set in several files as_dataset interleaves 16 files in blocks of 16 examples,
#   as_data_source reads one file after the other; and JPEG images have other pixels, because
#   as_dataset decodes them by TensorFlow, as_data_source by OpenCV or Pillow.
# Who is hurt: whoever prepares a set as array_record, which only as_data_source reads, and compares
#   with results of the same set as tfrecord: other splits by index, other pixels.
# Source: tensorflow_datasets/core/reader.py (_read_files, _get_default_interleave_cycle_length),
#   core/data_sources/base.py, core/features/image_feature.py (decode_example_np).
# Versions: tensorflow-datasets 4.9.10, tensorflow 2.21.0, pillow 13.0.0, Python 3.11, Linux.
# Output seen:
#   same examples: True
#   at another place: 40 of 60; largest difference of a pixel: 9
# Exits non-zero if this is no longer so.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tensorflow-datasets==4.9.10 tensorflow==2.21.0 \
    pillow==13.0.0 importlib-resources==6.5.2
cat > "$place/read.py" <<'EOF'
import sys

import numpy as np
import tensorflow_datasets as tfds

RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (60, 16, 16, 3), np.uint8)


class Photos(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(16, 16, 3), encoding_format="jpeg")
        features = tfds.features.FeaturesDict({"image": image, "index": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": ((i, {"image": x, "index": i}) for i, x in enumerate(PHOTOS))}

    def _generate_examples(self):
        raise NotImplementedError


builder = Photos(data_dir=sys.argv[1], file_format="parquet")  # which both can read
builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3))
streamed = list(tfds.as_numpy(builder.as_dataset(split="train", shuffle_files=False)))
indexed = list(builder.as_data_source(split="train"))
orders = [[int(example["index"]) for example in read] for read in (streamed, indexed)]
moved = sum(a != b for a, b in zip(*orders))
pixels = {int(e["index"]): e["image"].astype(int) for e in streamed}
distance = max(abs(pixels[int(e["index"])] - e["image"]).max() for e in indexed)
print(f"same examples: {sorted(orders[0]) == sorted(orders[1])}")
print(f"at another place: {moved} of {len(indexed)}; largest difference of a pixel: {distance}")
sys.exit(not (moved and distance))
EOF
TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/read.py" "$place/data" 2>/dev/null
