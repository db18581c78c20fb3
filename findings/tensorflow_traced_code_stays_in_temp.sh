#!/usr/bin/env bash
# Guess: what TensorFlow writes to the temporary folder while it traces a model is gone when the
#   process has ended normally.
# What happens (tensorflow 2.21.0, keras 3.15.1, Linux): every Python function that AutoGraph converts
#   is written to __autograph_generated_file*.py in the temporary folder, and removed by an atexit
#   handler. A child process of multiprocessing that was forked ends with os._exit, which runs no
#   such handlers: each child that maps a data set or traces a function with a branch or a loop
#   leaves its files there, although it ended with code 0. A spawned child leaves none. The modules also stay in sys.modules.
# Who is hurt: who trains in worker processes (searches, studies, cross-validation) for weeks: some
#   files a worker, up to the limit of inodes of /tmp, or of memory where /tmp is a tmpfs.
# Source: tensorflow/python/autograph/pyct/loader.py, load_source; multiprocessing/popen_fork.py.
# Seen, one `fit` on a mapped tf.data.Dataset in a child, and the files that it left:
#     spawn: exit code 0, 0 files
#     forkserver: exit code 0, 1 files
#     fork: exit code 0, 1 files
# Remedy: remove the files of the modules of that name in sys.modules after each training; TensorFlow
#   does not mind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 2>"$folder/log" || { cat "$folder/log"; exit 1; }
cat >"$folder/check.py" <<'PYTHON'
import multiprocessing
import os
import tempfile
from pathlib import Path


def train():
    import keras
    import numpy as np
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    examples = tf.data.Dataset.from_tensor_slices((np.zeros((8, 3)), np.zeros((8, 1))))
    model.fit(examples.map(lambda x, y: (x / 2, y)).batch(4), verbose=0)


if __name__ == "__main__":
    left = {}
    for method in ("spawn", "forkserver", "fork"):
        os.environ["TMPDIR"] = tempfile.mkdtemp(dir=os.environ["FOLDER"])
        tempfile.tempdir = None
        child = multiprocessing.get_context(method).Process(target=train)
        child.start()
        child.join()
        left[method] = len(list(Path(os.environ["TMPDIR"]).glob("__autograph_generated_file*.py")))
        print(f"{method}: exit code {child.exitcode}, {left[method]} files")
        assert child.exitcode == 0
    assert left["spawn"] == 0
    assert left["forkserver"] > 0
    assert left["fork"] > 0
PYTHON
"$folder/venv/bin/python" -c "import keras, tensorflow; print('tensorflow', tensorflow.__version__, 'keras', keras.__version__)" 2>/dev/null
FOLDER="$folder" TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/check.py" 2>/dev/null
