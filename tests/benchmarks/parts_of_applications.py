"""Blocks of every model of keras.applications, against those of the papers.

No weights are downloaded. Run it on a quiet machine::

    python tests/benchmarks/parts_of_applications.py --markdown \
        tests/benchmarks/results/parts_of_applications.md
"""

import argparse
import inspect
import math
import os
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from cnnzoo.parts.part import Scene, parts_of
from cnnzoo.parts.table import table_of_parts

B0 = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of the stages of EfficientNet-B0 (Tan and Le 2019, table 1)."""

V2_B0 = (1, 2, 2, 3, 5, 8)
"""Blocks of the stages of EfficientNetV2-B0, in the code of its authors."""


def deeper(stages, factor):
    """Return the number of blocks after compound scaling of the depth."""
    return sum(math.ceil(round(factor * count, 6)) for count in stages)


PUBLISHED = {
    "VGG": {"16": 5, "19": 5},
    "ResNet": {"50": 16, "101": 33, "152": 50, "50V2": 16, "101V2": 33, "152V2": 50},
    "DenseNet": {"121": 58, "169": 82, "201": 98},
    "MobileNet": {"": 13, "V2": 17, "V3Small": 11, "V3Large": 15},
    "Inception": {"V3": 11, "ResNetV2": 43},
    "Xception": {"": 14},
    "EfficientNet": {
        **{
            f"B{n}": deeper(B0, factor)
            for n, factor in enumerate((1.0, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1))
        },
        **{f"V2B{n}": deeper(V2_B0, factor) for n, factor in enumerate((1.0, 1.1, 1.2, 1.4))},
        "V2S": 40,
        "V2M": 57,
        "V2L": 79,
    },
    "ConvNeXt": {"Tiny": 18, "Small": 36, "Base": 36, "Large": 36, "XLarge": 36},
}
"""Number of blocks in the papers, by family and member. Of VGG they are the five stages."""

HEADER = """# Blocks of the models of keras.applications

`ablations.parts` on models of keras.applications without weights, by
`tests/benchmarks/parts_of_applications.py`. The number of blocks is compared with the papers. The
times are processor times of one call: of finding the blocks, and of the whole table. A cell of
NASNet takes the outputs of the two cells before it, so it has two entries and is no part that
can be replaced by one input; its layers are listed. Keras {keras}.

| model | layers | blocks | published | kinds | ms, blocks | ms, table |
| --- | ---: | ---: | ---: | --- | ---: | ---: |
"""


def builders():
    """Return the functions of keras.applications that build a model, by name."""
    return {
        name: function
        for name, function in sorted(vars(keras.applications).items())
        if inspect.isfunction(function) and "weights" in inspect.signature(function).parameters
    }


def published(name):
    """Return the number of blocks in the paper, or None."""
    counts = {
        f"{family}{member}": n for family, ns in PUBLISHED.items() for member, n in ns.items()
    }
    return counts.get(name)


def row(name, build):
    """Return the cells of one model."""
    model = build(weights=None)
    if None in model.input_shape[1:]:
        model = build(weights=None, input_shape=(224, 224, 3))
    scene = Scene(model)
    start = time.process_time()
    scene.blocks  # noqa: B018
    middle = time.process_time()
    table_of_parts(model)
    end = time.process_time()
    blocks = [part for part in parts_of(model) if part.level == "blocks"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(b.kind for b in blocks).most_common())
    expected = published(name)
    times = (f"{1000 * (middle - start):.0f}", f"{1000 * (end - middle):.0f}")
    return (name, len(model.layers), len(blocks), expected or "", kinds, *times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    lines = [HEADER.format(keras=keras.__version__).rstrip("\n")]
    differences = 0
    for name, build in builders().items():
        if arguments.only and name not in arguments.only.split(","):
            continue
        cells = row(name, build)
        differences += cells[3] not in ("", cells[2])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
        print(lines[-1], flush=True)
        keras.utils.clear_session()
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{differences} models differ from the papers")


if __name__ == "__main__":
    main()
