"""Every model of keras.applications, described: time, multiply-accumulates, receptive field.

The multiply-accumulates are compared with TensorFlow's profiler, and the time of `describe` is
measured after building. Aim: ResNet50 within 100 ms. No weights are downloaded. Run it on a quiet
machine::

    python tests/benchmarks/describe_applications.py --markdown \
        tests/benchmarks/results/describe_applications.md
"""

import argparse
import inspect
import os
import platform
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
from helpers.profiler import profiled_macs

import cnnzoo

REPETITIONS = 5
"""Number of times that a model is described; the median counts."""

HEADER = """# Models of keras.applications, described

`cnnzoo.describe` on models of keras.applications without weights, by
`tests/benchmarks/describe_applications.py`: processor time of {repetitions} calls after building,
the median and the first. MACs are compared with half of the floating-point operations of
TensorFlow's profiler, which leaves out operations whose shapes are not constant in the graph, such
as dense layers on maps. The receptive field is that of the last layer whose units see different
parts of the image, or of the last map. {machine}; load at the end {load:.1f}. Keras {keras}.

| model | layers | ms, median | ms, first | MACs | profiler | last map | receptive field | notes |
| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |
"""


def builders():
    """Return the functions of keras.applications that build a model, by name."""
    return {
        name: function
        for name, function in sorted(vars(keras.applications).items())
        if inspect.isfunction(function) and "weights" in inspect.signature(function).parameters
    }


def row(name, build, *, profiler):
    """Return the cells of one model."""
    model = build(weights=None)
    if None in model.input_shape[1:]:
        model = build(weights=None, input_shape=(224, 224, 3))
    times = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        table = cnnzoo.describe(model)
        times.append(1000 * (time.process_time() - start))
    macs = int(table["macs"].sum())
    profiled = profiled_macs(model) if profiler else None
    maps = table[[len(shape) == 3 for shape in table["output_shape"]]]
    moving = maps[[bool(jump and jump[0]) for jump in maps["jump"]]]
    last = (moving if len(moving) else maps).iloc[-1]
    pixels = "x".join(map(str, last["receptive_field"]))
    unknown = table["note"].ne("").sum()
    keras.backend.clear_session(free_memory=True)
    return (
        name,
        len(table),
        f"{statistics.median(times):.0f}",
        f"{times[0]:.0f}",
        f"{macs:,}",
        "not run" if profiled is None else "equal" if profiled == macs else f"{profiled:,}",
        last["layer"],
        pixels,
        f"{unknown} layers with a note" if unknown else "",
    )


def main():
    """Describe the models and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, help="file to write the table to")
    parser.add_argument("--only", default="", help="names separated by commas; all by default")
    parser.add_argument("--no-profiler", action="store_true", help="leave the profiler out")
    options = parser.parse_args()
    chosen = {name for name in options.only.split(",") if name}
    rows = []
    for name, build in builders().items():
        if not chosen or name in chosen:
            rows.append(row(name, build, profiler=not options.no_profiler))
            print(*rows[-1], sep="  ", flush=True)
    text = HEADER.format(
        repetitions=REPETITIONS,
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        load=os.getloadavg()[0],
        keras=keras.__version__,
    )
    text += "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
