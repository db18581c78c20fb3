"""How many trials paired seed blocks need against independent seeds, for intervals of one width.

Runs the studies of document 000 (or goes on with what is in the directory), and prints for each
variant what pairing saved::

    python tests/benchmarks/paired_blocks.py DIRECTORY
"""

import argparse
from pathlib import Path

import pandas as pd

import ablations
from ablations.documents.loss_causes import STUDIES
from ablations.stats import variance_reduction


def main():
    """Run the studies and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--study", choices=STUDIES, action="append", help="all, if left out")
    asked = parser.parse_args()
    tables = []
    for name in asked.study or STUDIES:
        results = ablations.run(STUDIES[name], asked.directory / name)
        for metric in STUDIES[name].metrics:
            table = variance_reduction(results.trials, f"test_{metric}")
            table.insert(0, "study", name)
            tables.append(table)
    with pd.option_context("display.width", 200, "display.max_columns", None):
        print(pd.concat(tables, ignore_index=True).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
