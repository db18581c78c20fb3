"""Compare the results of the built-in studies between two checkouts of this project, bit for bit.

Each checkout runs each study in a directory of its own (a study that is finished is only read),
with its own code; then the deltas and the metrics of all trials are compared as text::

    git worktree add ../before COMMIT
    python tests/benchmarks/compare_builds.py ../before . --to /tmp/builds

The exit status is 1 if anything differs.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

STUDIES = ("downsampling", "downsampling-average", "feature-maps", "batch-norm")

RUN = """
import sys
from ablations.cli import app
app(["run", sys.argv[1], "--to", sys.argv[2]])
"""

TABLES = """
import sys
import ablations
results = ablations.open_results(sys.argv[1])
trials = results.trials
metrics = [c for c in trials if c.startswith(("train_", "validation_", "test_"))]
keys = [c for c in ("variant", "seed", "status", "params", "macs") if c in trials]
print(results.overall_deltas().to_csv(index=False))
print(trials[keys + metrics].to_csv(index=False))
"""


def run_in(checkout: Path, code: str, *arguments: str) -> str:
    """Run Python code with the packages of a checkout and return its standard output."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def tables_of(checkout: Path, name: str, directory: Path) -> list[str]:
    """Run a built-in study with a checkout and return its tables, line by line."""
    run_in(checkout, RUN, name, str(directory))
    return run_in(checkout, TABLES, str(directory)).splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="checkout of the project")
    parser.add_argument("after", type=Path, help="another checkout of it")
    parser.add_argument("--to", type=Path, required=True, help="folder for the stored studies")
    parser.add_argument("--studies", nargs="*", default=STUDIES)
    options = parser.parse_args()
    differing_studies = 0
    for name in options.studies:
        before, after = (
            tables_of(checkout.resolve(), name, options.to.resolve() / side / name)
            for side, checkout in (("before", options.before), ("after", options.after))
        )
        changed = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
        differs = bool(changed) or len(before) != len(after)
        differing_studies += differs
        print(f"{name}: {len(before)} lines, {len(changed)} differ", flush=True)
        for old, new in changed[:3]:
            print(f"  before {old}\n  after  {new}")
    sys.exit(1 if differing_studies else 0)


if __name__ == "__main__":
    main()
