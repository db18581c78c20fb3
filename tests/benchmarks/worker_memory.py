"""Whether a worker's memory stays flat: resident memory while one process runs 200 trials.

Over the seeds of one variant, and where another variant comes every ten trials, of which
TensorFlow keeps something each time; a worker is replaced after 200 trials::

    python tests/benchmarks/worker_memory.py --seeds 200 --markdown results/worker_memory.md
    python tests/benchmarks/worker_memory.py --markdown results/worker_memory.md
"""

import argparse
import gc
import os
from pathlib import Path

from ablations.running.trial import run_trial
from ablations.study import Trial
from cnnzoo.levels import Settings
from cnnzoo.runtime.determinism import fix_arithmetic
from cnnzoo.training.recipe import Recipe


def resident():
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    """Run the trials and print the memory now and then."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10, help="of a variant, one after the other")
    parser.add_argument("--markdown", type=Path, help="where to add what is printed")
    asked = parser.parse_args()
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(f"    {line}")

    fix_arithmetic()
    gc.freeze()
    after_warm_up = 0.0
    for number in range(asked.trials):
        filters = 4 + number // asked.seeds % 8
        trial = Trial(
            "downsampling",
            "digits",
            Settings(filters=filters, pool_size=1 + filters % 2),
            Recipe(epochs=1),
            number % asked.seeds,
        )
        result = run_trial(trial)
        if result.status != "done":
            raise SystemExit(result.reason)
        if number + 1 == asked.trials // 4:
            after_warm_up = resident()
        if (number + 1) % (asked.trials // 10) == 0:
            say(f"{number + 1:5} trials  {resident():7.0f} MiB")
    say(f"grown by {resident() / after_warm_up - 1:.1%} over the last three quarters")
    if asked.markdown:
        head = (
            f"# Memory of a worker: {asked.seeds} seeds a variant\n\n"
            "By `tests/benchmarks/worker_memory.py`.\n\n"
        )
        with asked.markdown.open("a") as file:
            file.write(head + "\n".join(lines) + "\n\n")


if __name__ == "__main__":
    main()
