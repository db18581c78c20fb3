"""Residuals of real studies, for simulations with realistic deltas.

    nice python tests/benchmarks/real_residuals.py [--seeds 30] [--workers 1]

Runs the built-in studies with one epoch of 2,000 digits and writes data/residuals.csv: the test
loss and the test accuracy of every trial, minus the mean of its variant over all seeds. Means over
the seeds are therefore 0, so deltas between two columns have a known mean, and keep the spread, the
skew, the ties and the dependence of real trials. The whole run takes about ten minutes of one core.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd

import ablations
import cnnzoo
from ablations.claims.catalogue import find_study

FILE = Path(__file__).parent / "data" / "residuals.csv"

STUDIES = ("downsampling", "feature-maps", "batch-norm")


def residuals(trials: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Return a row per seed and metric and a column per variant: values minus the variant's mean.

    Seeds in which a trial failed are left out.
    """
    frames = []
    for metric in metrics:
        table = trials.pivot_table(index="seed", columns="variant", values=metric, sort=False)
        table = table.dropna()
        frames.append((table - table.mean()).assign(metric=metric))
    return pd.concat(frames).reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    frames = []
    for name in STUDIES:
        built_in = find_study(name)
        study = ablations.Study(
            built_in.model,
            data=built_in.data,
            factors=built_in.factors,
            baseline={**built_in.baseline, "train_size": 2000},
            design=built_in.design,
            seeds=chosen.seeds,
            recipe=cnnzoo.Recipe(epochs=1),
            metrics=["loss", "accuracy"],
            name=name,
        )
        with tempfile.TemporaryDirectory() as folder:
            results = ablations.run(study, directory=folder, workers=chosen.workers)
            table = residuals(results.trials, ["test_loss", "test_accuracy"])
        long = table.melt(["seed", "metric"], var_name="variant", value_name="residual")
        frames.append(long.assign(study=name))
    rows = pd.concat(frames)[["study", "metric", "seed", "variant", "residual"]]
    FILE.parent.mkdir(exist_ok=True)
    wide = rows.pivot_table(
        index=["study", "metric", "variant"], columns="seed", values="residual", sort=False
    )
    wide.round(6).to_csv(FILE)


if __name__ == "__main__":
    main()
