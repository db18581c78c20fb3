"""Processor time of `ablations.importance`: each channel of ResNet-20, each layer of ResNet-50.

Random weights and images, because the time does not depend on them. Run it on a quiet machine::

    python tests/benchmarks/importance_speed.py \
        --markdown tests/benchmarks/results/importance_speed.md
"""

import argparse
import dataclasses
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import ablations
import cnnzoo

CASES = (
    ("ResNet-20", "channels", 32, 250),
    ("ResNet-50", "layers", 224, 8),
)
"""Model, level, side of the images, and number of examples."""

HEADER = """# Time of importance

`ablations.importance` by `tests/benchmarks/importance_speed.py`, in seconds of processor time. The
time grows in proportion to the number of examples. Keras {version}.

| model | level | replacements | side | examples | s | s per example |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
"""


def build(name, side):
    """Return a compiled model with random weights."""
    if name == "ResNet-20":
        return cnnzoo.residual(input_shape=(side, side, 3), classes=10, seed=0)
    model = keras.applications.ResNet50(weights=None, input_shape=(side, side, 3), classes=10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def images(side, count):
    """Return data whose test split are random images."""
    random = np.random.default_rng(0)
    x = random.normal(size=(max(count, 40), side, side, 3)).astype("float32")
    y = np.arange(len(x)) % 10
    loaded = cnnzoo.load_data((x, y), normalize="none")
    return dataclasses.replace(loaded, test=type(loaded.test)(x, y))


def measured(name, level, side, count):
    """Return a row of the table."""
    model, data = build(name, side), images(side, count)
    start = time.process_time()
    table = ablations.importance(model, data, level=level, examples=count)
    seconds = time.process_time() - start
    replaced = int((table["metric"] == "loss").sum())
    return f"| {name} | {level} | {replaced} | {side} | {count} | {seconds:.0f} | " + (
        f"{seconds / count:.2f} |"
    )


def main():
    """Measure all cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    rows = []
    for case in CASES:
        rows.append(measured(*case))
        print(rows[-1], flush=True)
    if options.markdown:
        header = HEADER.format(version=keras.__version__)
        options.markdown.write_text(header + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
