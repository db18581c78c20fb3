"""The verdicts on claims, tried on data of which the truth is known.

    python tests/benchmarks/simulate_claims.py [--repetitions 10000] [--markdown PATH]

Prints a table a kind of claim, and ends with 1 if more than 5% of the verdicts are false: supported
where the claim is false, contradicted where it is true. The whole run takes less
than two minutes of a core.
"""

import argparse
import math
import sys
from pathlib import Path

from simulate_statistics import verdict_of
from simulation.claims import SECTIONS
from simulation.tables import Report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--markdown", type=Path, help="where to write the tables")
    chosen = parser.parse_args(arguments)
    report = Report(chosen.repetitions)
    for section in SECTIONS:
        section(report)
    print(verdict_of(report.broken))
    if chosen.markdown:
        chosen.markdown.write_text(document(report))
    return 1 if report.broken else 0


def document(report: Report) -> str:
    """Return the tables as a Markdown page."""
    head = (
        "# The verdicts on claims, by simulation\n\n"
        f"{report.repetitions:,} claims each, from fixed seeds, by "
        "`tests/benchmarks/simulate_claims.py`. A claim has one to four hypotheses with "
        "independent contrasts; the margin of each is one standard deviation of its contrast. "
        "Three hypotheses need 8 seed blocks for a verdict, four need 10. "
        "Cells give the shares of the verdicts *supported*, *contradicted* and *inconclusive* in "
        "percent, by the number of seed blocks n. Bounded by 5% are the false ones: *supported* "
        "where the claim is false, *contradicted* where it is true. A share near 5% has a "
        f"standard error of {100 * math.sqrt(0.0475 / report.repetitions):.2f}%; a bound counts as "
        "broken, and stands in bold, beyond two of them.\n"
    )
    return "\n".join([head, *report.parts, verdict_of(report.broken), ""])


if __name__ == "__main__":
    sys.exit(main())
