"""Run a study that a TOML file declares.

The command `ablations run pooling.toml` does the same and shows its progress.
"""

import tomllib
from pathlib import Path

import ablations

path = Path(__file__).with_name("pooling.toml")
study = ablations.Study.from_dict({"name": path.stem, **tomllib.loads(path.read_text())})
results = ablations.run(study, progress=False)

for row in results.deltas("loss").itertuples():
    print(
        f"{row.factor}={row.level} instead of {row.baseline} changes the loss by {row.delta:+.3f} "
        f"(95% CI {row.ci_low:+.3f} to {row.ci_high:+.3f}, {row.n_pairs} seeds): {row.verdict}"
    )
