"""Seconds of a trial of each built-in study, for the estimates of `ablations list`.

Takes them from a run of the claims in the directory. If there is none, runs one seed block of each
study there first. Writes the table, with the speed of this machine::

    python tests/benchmarks/claim_seconds.py DIRECTORY
"""

import argparse
import json
from pathlib import Path

import ablations
from ablations.claims import times
from ablations.claims.catalogue import studies
from ablations.claims.request import FILE
from ablations.store.provenance import describe_machine


def main():
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    if not (directory / FILE).exists():
        ablations.run_claims(directory=directory, seeds=1)
    seconds = times.measured_seconds(directory)
    machine = describe_machine()
    table = {
        "machine": f"{machine['cpu']}, {machine['cores']} cores",
        "speed": round(times.measure_speed(seconds=2.0), 1),
        "studies": {name: round(seconds[name], 2) for name in sorted(studies()) if name in seconds},
    }
    path = Path(times.__file__).with_name(times.TABLE)
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    missing = sorted(studies().keys() - seconds.keys())
    print(f"{path}: {len(table['studies'])} studies; not measured: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
