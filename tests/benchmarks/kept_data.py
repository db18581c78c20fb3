"""What it costs to load a folder of images again, and the memory that loaded images take.

Seconds are CPU seconds of the loading process, because they do not depend on what else runs::

    python tests/benchmarks/kept_data.py FOLDER --markdown tests/benchmarks/results/kept_data.md
    python tests/benchmarks/kept_data.py --large 50000 --markdown ...

With a folder of images (Linux only): the first load in a fresh process and cache; the second seed
in the same process, as in a worker of a study; the first load of another process. Then the
proportional set sizes of two workers that have read every example are added up, and compared with
those of two that have only imported the same modules. With `--large`: one epoch over that many
images of 128x128x3, which are generated on the disk, and the largest memory of the process that is
not mapped from files.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LOAD = """
import json, sys, time
from cnnzoo.data.loader import Loader
spec, loader, seconds = sys.argv[1], Loader(), []
for seed in (0, 1):
    start = time.process_time()
    data = loader.load(spec, seed, {})
    seconds.append(time.process_time() - start)
pixels = sum(x.size for x, _ in (data.train, data.validation, data.test))
print(json.dumps({"seconds": seconds, "bytes": pixels}))
"""

HOLD = """
import sys
from cnnzoo.data.loader import Loader
from cnnzoo.data.scaling import in_parts
if len(sys.argv) > 1:
    data = Loader().load(sys.argv[1], int(sys.argv[2]), {})
    for x, _ in (data.train, data.validation, data.test):
        for batch in in_parts(x, 256):
            batch.sum()
    del batch
print("ready", flush=True)
sys.stdin.read()
"""

EPOCH = """
import json, re, sys, threading, time
from pathlib import Path
import numpy as np
import cnnzoo

def unmapped():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

x = np.load(sys.argv[1], mmap_mode="c")
peak, over = unmapped(), threading.Event()
def watch():
    global peak
    while not over.wait(0.05):
        peak = max(peak, unmapped())
watcher = threading.Thread(target=watch)
watcher.start()
data = cnnzoo.load_data((x, np.arange(len(x)) % 10))
trained = cnnzoo.train(
    "simple_cnn", data, cnnzoo.Recipe(epochs=1, batch_size=128), filters=1, pool_size=4,
    steps_per_execution=25,
)
over.set()
watcher.join()
print(json.dumps({"peak": peak, "seconds": trained.seconds, "steps": -(-len(data.train.x) // 128)}))
"""


def python(code, *arguments, cache):
    """Run code in a fresh process and return what it prints as JSON."""
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "CNNZOO_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def shared_memory(*arguments, cache):
    """Return the sum of the proportional set sizes of two processes in bytes."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, *arguments, *([str(seed)] if arguments else [])],
            env={**os.environ, "CNNZOO_CACHE": str(cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for seed in (0, 1)
    ]
    for process in processes:
        process.stdout.readline()
    sizes = []
    for process in processes:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        sizes += [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    for process in processes:
        process.communicate()
    return sum(sizes) * 1024


def measure_folder(folder, rounds, scratch):
    """Yield lines on a folder of images."""
    first, second, other = [], [], []
    for number in range(rounds):
        cache = scratch / f"cache{number}"
        fresh = python(LOAD, f"folder:{folder}", cache=cache)
        again = python(LOAD, f"folder:{folder}", cache=cache)
        first.append(fresh["seconds"][0])
        second.append(fresh["seconds"][1])
        other.append(again["seconds"][0])
        if number < rounds - 1:
            shutil.rmtree(cache)
    seconds = [statistics.median(values) for values in (first, second, other)]
    yield f"first load                       {seconds[0]:8.2f} s of CPU"
    yield f"second seed, same process        {seconds[1]:8.3f} s  {seconds[1] / seconds[0]:7.2%}"
    yield f"first load of another process    {seconds[2]:8.2f} s  {seconds[2] / seconds[0]:7.2%}"
    idle = shared_memory(cache=cache)
    loaded = shared_memory(f"folder:{folder}", cache=cache)
    size = fresh["bytes"]
    yield f"pixels as uint8                  {size / 2**20:8.0f} MiB"
    yield f"two workers, beyond imports      {(loaded - idle) / 2**20:8.0f} MiB  " + (
        f"{(loaded - idle) / size:.2f} times the pixels"
    )


def measure_epoch(count, scratch):
    """Yield lines on an epoch over large images."""
    import numpy as np

    file = scratch / "images.npy"
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (count, 128, 128, 3))
    rng = np.random.default_rng(0)
    for start in range(0, count, 500):
        part = images[start : start + 500]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
    images.flush()
    size = images.nbytes
    del images
    found = python(EPOCH, file, cache=scratch)
    yield f"{count:,} images of 128x128x3       {size / 2**20:8.0f} MiB as uint8"
    yield f"an epoch of {found['steps']} steps            {found['seconds']:8.0f} s"
    yield f"largest memory not of files      {found['peak']:8.0f} MiB"


def main():
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, metavar="IMAGES", help="train an epoch on so many")
    parser.add_argument("--markdown", type=Path, help="where to add what is printed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for title, lines in (
            ("A folder of images", asked.folder and measure_folder),
            ("Images larger than memory", asked.large and measure_epoch),
        ):
            if not lines:
                continue
            arguments = (asked.folder, asked.rounds) if lines is measure_folder else (asked.large,)
            printed = []
            for line in lines(*arguments, Path(scratch)):
                print(line, flush=True)
                printed.append(f"    {line}\n")
            if asked.markdown:
                by = f"By `tests/benchmarks/kept_data.py`, on {os.cpu_count()} cores."
                head = f"# {title}\n\n{by}\n\n"
                with asked.markdown.open("a") as file:
                    file.write(head + "".join(printed) + "\n")


if __name__ == "__main__":
    main()
