"""How many trials paired seed blocks need against independent seeds, for intervals of one width.

Runs the studies of document 000 (or goes on with what is in the directory), and prints for each
variant what pairing saved::

    python tests/benchmarks/paired_blocks.py DIRECTORY --markdown results/paired_blocks.md
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
from variance_reduction import variance_reduction

import ablations
from ablations.claims.catalogue import find_study

STUDIES = ("downsampling", "downsampling-average", "feature-maps", "batch-norm")


def main():
    """Run the studies and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--study", choices=STUDIES, action="append", help="all, if left out")
    parser.add_argument("--seeds", type=int, default=10, help="blocks of each study")
    parser.add_argument("--markdown", type=Path, help="where to write what is printed")
    asked = parser.parse_args()
    tables = []
    for name in asked.study or STUDIES:
        study = replace(find_study(name), seeds=asked.seeds)
        results = ablations.run(study, asked.directory / name)
        for metric in study.metrics:
            table = variance_reduction(results.trials, f"test_{metric}")
            table.insert(0, "study", name)
            tables.append(table)
    table = pd.concat(tables, ignore_index=True).round(3)
    saved = table["trials_ratio"].median()
    said = (
        f"Of {len(table)} comparisons over {asked.seeds} seed blocks each, independent seeds need "
        f"{saved:.2f} times the trials in the median. With independent seeds each trial also draws "
        "its own split and so its own test set. Against trials with one fixed split, pairing saves "
        "less."
    )
    text = table.to_string(index=False)
    print(f"{text}\n\n{said}")
    if asked.markdown:
        rows = "\n".join(f"    {line}" for line in text.splitlines())
        head = "# Paired seed blocks against independent seeds"
        asked.markdown.write_text(
            f"{head}\n\nBy `tests/benchmarks/paired_blocks.py`.\n\n{rows}\n\n{said}\n"
        )


if __name__ == "__main__":
    main()
