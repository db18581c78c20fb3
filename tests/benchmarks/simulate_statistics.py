"""What the statistics promise, tried on data of which the truth is known.

    python tests/benchmarks/simulate_statistics.py [--repetitions 10000] [--jobs 2]
        [--only SECTION ...] [--markdown PATH]

Prints each section when it is done, with its processor time, and ends with 1 if a promise is
broken. A share of 10,000 repetitions has a
standard error of 0.22% where 5% are expected: a bound counts as broken beyond two of them.
"""

import argparse
import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from simulation.choices import best_variants, path_steps, skewed_paths
from simulation.errors import equivalence, family, same_twice, type_one
from simulation.factorials import fractions, holes, levels, own_errors
from simulation.failures import failures
from simulation.fronts import pareto_fronts
from simulation.importances import importance_intervals
from simulation.intervals import bca_coverage, modified_power, skewed_samples, t_coverage
from simulation.looking import looking
from simulation.new_data import crossed_bootstrap, fixed_test_sets, redrawn_splits
from simulation.pages import pages
from simulation.pooled import largest_deltas, new_data_sets, pilots, probabilities
from simulation.seeds import added_seeds
from simulation.stopping import settled_on_both
from simulation.tables import Report
from simulation.tied_ranks import tied_trends
from simulation.trends import trends
from simulation.turns import directions

SECTIONS = (
    t_coverage,
    skewed_samples,
    modified_power,
    bca_coverage,
    type_one,
    family,
    trends,
    tied_trends,
    same_twice,
    equivalence,
    added_seeds,
    settled_on_both,
    directions,
    best_variants,
    path_steps,
    skewed_paths,
    pareto_fronts,
    largest_deltas,
    probabilities,
    new_data_sets,
    pilots,
    own_errors,
    holes,
    fractions,
    levels,
    redrawn_splits,
    fixed_test_sets,
    crossed_bootstrap,
    importance_intervals,
    failures,
    looking,
    pages,
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1, help="sections to run at the same time")
    parser.add_argument("--markdown", type=Path, help="where to write the tables")
    names = [section.__name__ for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SECTION")
    chosen = parser.parse_args(arguments)
    run = functools.partial(run_section, repetitions=chosen.repetitions)
    sections = [section for section in SECTIONS if section.__name__ in chosen.only]
    if chosen.jobs == 1:
        results = [run(section) for section in sections]
    else:
        with ProcessPoolExecutor(chosen.jobs) as pool:
            results = list(pool.map(run, sections))
    parts = [part for found, _ in results for part in found]
    broken = [sentence for _, found in results for sentence in found]
    print(verdict_of(broken))
    if chosen.markdown:
        chosen.markdown.write_text(document(parts, broken, chosen.repetitions))
    return 1 if broken else 0


def run_section(section: Callable[[Report], None], repetitions: int) -> tuple[list[str], list[str]]:
    """Return the tables of a section, and the bounds that it breaks."""
    report = Report(repetitions)
    start = time.process_time()
    section(report)
    seconds = time.process_time() - start
    print(f"{section.__name__}: {seconds:,.0f} s of processor time", flush=True)
    return report.parts, report.broken


def verdict_of(broken: Sequence[str]) -> str:
    if broken:
        return "Broken, and in bold above: " + "; ".join(broken) + "."
    return "Every bound holds."


def document(parts: Sequence[str], broken: Sequence[str], repetitions: int) -> str:
    """Return the tables of all sections as a Markdown page."""
    head = (
        "# The statistics, by simulation\n\n"
        f"{repetitions:,} repetitions each, from fixed seeds, by "
        "`tests/benchmarks/simulate_statistics.py`. A share near 5% has a standard error of "
        f"{100 * math.sqrt(0.0475 / repetitions):.2f}%; a bound counts as broken beyond two of "
        "them.\n"
    )
    return "\n".join([head, *parts, verdict_of(broken), ""])


if __name__ == "__main__":
    sys.exit(main())
