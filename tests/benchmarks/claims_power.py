"""Power of the claims' studies for the stated effects, from pilots with other seeds.

    nice python tests/benchmarks/claims_power.py --to DIR [--claims C01,C02] [--workers 2]
        [--markdown PATH]

Runs each study of the statistical claims with 4 seed blocks from seed 1000 on, so that no trial of
a pilot is one of the study itself, and computes the chance that each hypothesis is supported if its
effect is the margin. Trials that DIR holds already are not run again.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import ablations
from ablations.claims.catalogue import claims
from ablations.claims.check import check_claim
from ablations.claims.claim import Claim
from ablations.claims.power import claim_power
from ablations.stats.paired_t import POWER
from ablations.study.errors import check_known

FIRST_SEED = 1000
BLOCKS = 4
RESULTS = Path(__file__).parent / "results" / "claims_power.md"

HEAD = f"""# Power of the claims' studies

By `tests/benchmarks/claims_power.py`, from pilots of {BLOCKS} seed blocks (seeds {FIRST_SEED} to \
{FIRST_SEED + BLOCKS - 1}), none of which is a seed of a study. The stated effect of a hypothesis is
its margin. *power* is the chance of "supported" for this effect and *twice* for twice this effect,
each with the standard deviation of the pilot and, after the slash, with its upper 80% confidence
limit. *needed* is the number of seeds for a power of 80% at the margin. *pilot* is the mean
contrast of the pilot: it decides nothing.
"""


def declared() -> dict[str, Claim]:
    """Return the claims with hypotheses, by id."""
    return {name: claim for name, claim in claims().items() if claim.hypotheses}


def pilot_power(claim: Claim, directory: Path, workers: int | None) -> pd.DataFrame:
    """Run the pilots of a claim, as far as they are not stored, and return its power."""
    check_claim(claim)
    seeds = range(FIRST_SEED, FIRST_SEED + BLOCKS)
    pilots = {
        study.name: ablations.run(
            replace(study, seeds=seeds), directory / study.name, workers=workers
        )
        for study in claim.studies
    }
    return claim_power(claim, pilots)


def page(tables: Iterable[pd.DataFrame], failures: Sequence[str]) -> str:
    """Return the tables as a Markdown page, with the reasons why others are missing."""
    rows = [
        "| claim | hypothesis | measure | margin | pilot | sd | seeds | power | twice | needed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    enough = total = 0
    for table in tables:
        for row in table.itertuples():
            total += 1
            enough += row.power >= POWER
            cells = (
                row.claim,
                row.statement + (f" ({row.note})" if row.note else ""),
                row.measure,
                f"{row.margin:.3g}",
                f"{row.pilot_effect:.3g}",
                f"{row.sd:.3g}/{row.sd_high:.3g}",
                row.seeds,
                f"{row.power:.0%}/{row.power_low:.0%}",
                f"{row.power_twice:.0%}/{row.power_twice_low:.0%}",
                f"{_count(row.seeds_needed)}/{_count(row.seeds_needed_high)}",
            )
            rows.append("| " + " | ".join(map(str, cells)) + " |")
    share = f"{enough} of {total} hypotheses have a power of 80% or more for their stated effect."
    missing = [f"- {sentence}" for sentence in failures]
    return "\n".join(
        [HEAD, *rows, "", share, *(["", "No power:", "", *missing] if missing else [])]
    )


def _count(seeds: float) -> str:
    return f"{seeds:.0f}" if np.isfinite(seeds) else "over 1,000"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--to", type=Path, required=True, help="directory of the pilots")
    parser.add_argument("--claims", help="ids, separated by commas; all if left out")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--markdown", type=Path, default=RESULTS, help="where to write the table")
    chosen = parser.parse_args(arguments)
    claims = declared()
    names = chosen.claims.split(",") if chosen.claims else list(claims)
    for name in names:
        check_known(name, list(claims), "There is no claim with hypotheses")
    tables, failures = [], []
    for name in names:
        try:
            tables.append(pilot_power(claims[name], chosen.to, chosen.workers))
        except ValueError as error:  # the other claims go on
            failures.append(f"{name}: {error}")
    text = page(tables, failures) + "\n"
    print(text)
    chosen.markdown.write_text(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
