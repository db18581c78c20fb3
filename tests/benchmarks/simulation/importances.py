"""How often the forest's interval of an importance holds the true share of the variance."""

import numpy as np
import pandas as pd

from cnnzoo.tuning.reading.importance import importance
from simulation.draws import rng_of
from simulation.tables import Report, Row, percent

EXACT = 100_000
"""Configurations from which the true shares are computed."""

CHOICES = ("rate", "kind", "skip", "aside")
"""Hyperparameters, from a strong effect to none."""


def importance_intervals(report: Report) -> None:
    repetitions = max(20, report.repetitions // 200)
    rows = []
    for place, noise in enumerate((0.005, 0.03)):
        true = _true_shares(rng_of(23, place), noise)
        for count in (30, 60):
            rng = rng_of(24, place, count)
            inside = dict.fromkeys(CHOICES, 0)
            shares = dict.fromkeys(CHOICES, 0.0)
            above = 0
            for _ in range(repetitions):
                settings, terms = _draw(rng, count)
                scores = sum(terms.values()) + rng.normal(0, noise, count)
                table = importance(settings, scores.tolist()).set_index("toggle")
                for name in CHOICES:
                    row = table.loc[name]
                    inside[name] += row["low"] <= true[name] <= row["high"]
                    shares[name] += row["importance"] / repetitions
                above += table.loc["aside", "low"] > 0
            row: Row = {"noise": noise, "configurations": count}
            for name in CHOICES[:-1]:
                row[f"{name}: true share"] = percent(true[name])
                row[f"{name}: mean estimate"] = percent(shares[name])
                row[f"{name}: interval holds"] = percent(inside[name] / repetitions)
            row["no effect: low end above 0"] = report.at_most(
                f"importance, {count} configurations", above / repetitions
            )
            rows.append(row)
    report.add(
        "Importance of hyperparameters",
        f"Searches of a formula of four hyperparameters, {repetitions:,} of each. The forest's "
        "share is too small if there are few configurations, and the interval over its folds often "
        "leaves out the true share: it is not called a confidence interval. The lower end of a "
        "hyperparameter without effect may be above 0 in at most 5%.",
        rows,
    )


def _draw(rng: np.random.Generator, count: int):
    settings = pd.DataFrame(
        {
            "aside": rng.random(count),
            "rate": rng.uniform(-4, -1, count),
            "skip": rng.random(count) < 0.5,
            "kind": rng.choice(["a", "b", "c"], count),
        }
    )
    terms = {
        "rate": (-0.04 * (settings["rate"] + 2) ** 2).to_numpy(),
        "kind": settings["kind"].map({"a": 0.0, "b": 0.03, "c": 0.06}).to_numpy(),
        "skip": 0.02 * settings["skip"].to_numpy(),
    }
    return settings, terms


def _true_shares(rng: np.random.Generator, noise: float) -> dict[str, float]:
    """Return the total Sobol index of each hyperparameter in the ranks of the scores.

    Half the mean squared change of the expected rank if one hyperparameter is drawn again.
    """
    _, terms = _draw(rng, EXACT)
    mean = sum(terms.values())
    ordered = np.sort(mean + rng.normal(0, noise, EXACT))
    errors = rng.normal(0, noise, 30)

    def expected_rank(values):
        return np.mean([np.searchsorted(ordered, values + e) for e in errors], axis=0) / EXACT

    before = expected_rank(mean)
    shares = {"aside": 0.0}
    for name, term in terms.items():
        after = expected_rank(mean - term + rng.permutation(term))
        shares[name] = float(np.mean((before - after) ** 2) / 2 * 12)  # ranks have variance 1 / 12
    return shares
