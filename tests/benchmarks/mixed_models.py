"""Cluster-robust errors beside a mixed model, where trials of a factorial are missing.

Draws 2^3 studies as `simulate_statistics.py` does, takes trials away at random, and tests each term
with `ablations.stats.contrasts` and with the random-slopes model of statsmodels (REML, a random
intercept a seed and a random slope a term, uncorrelated)::

    python tests/benchmarks/mixed_models.py --markdown tests/benchmarks/results/mixed_models.md

A fit of the mixed model takes about half a second, so there are few repetitions.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import special
from simulation.draws import ALPHA, Array, rng_of
from simulation.factorials import POWER_80, SDS, SEEDS, TERMS, blocked, draw
from simulation.tables import Report, Row, percent
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from ablations.stats.contrasts import BlockedFit, Model


def mixed(model: Model, y: Array) -> tuple[Array, bool]:
    """Return the estimate of each term over its standard error, and whether the fit converged.

    NaN where the fit fails: nothing is found then.
    """
    x = np.hstack([np.ones((len(y), 1)), *model.terms.values()])
    seed = model.blocks.argmax(axis=1)
    slopes = VCSpec(
        list(model.terms),
        [[["slope"]] * model.blocks.shape[1]] * len(model.terms),
        [[column[seed == each] for each in np.unique(seed)] for column in model.terms.values()],
    )
    data = MixedLM(100 * y, x, seed, exog_re=np.ones((len(y), 1)), exog_vc=slopes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits at the boundary, which are counted
        try:
            fit = data.fit()
        except np.linalg.LinAlgError:
            return np.full(len(model.terms), np.nan), False
        return np.asarray(fit.fe_params[1:] / fit.bse_fe[1:]), bool(fit.converged)


def main() -> None:
    """Run both analyses and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--missing", type=int, default=6)
    parser.add_argument("--markdown", type=Path, help="where to write the table")
    asked = parser.parse_args()
    rng = rng_of(15)
    effect = POWER_80 * np.array(SDS) * (np.arange(len(SDS)) < len(TERMS))
    p: dict[str, tuple[list[Array], list[Array]]] = {
        "CR2, Satterthwaite's t": ([], []),
        "mixed model, z": ([], []),
        f"mixed model, t with {SEEDS - 1} df": ([], []),
    }
    converged, begun = [], time.process_time()
    for _ in range(asked.repetitions):
        kept = np.ones(SEEDS * 8, dtype=bool)
        kept[rng.choice(len(kept), asked.missing, replace=False)] = False
        model = blocked(TERMS, SEEDS, kept)
        for place, means in enumerate((0 * effect, effect)):
            y = draw(rng, 1, means)[kept]
            ratio, whether = mixed(model, y[:, 0])
            converged.append(whether)
            robust = np.array([test.p[0] for _, test in BlockedFit(model).tests(y)])
            normal = 2 * special.ndtr(-np.abs(ratio))
            student = 2 * special.stdtr(SEEDS - 1, -np.abs(ratio))
            for each, found in zip(p.values(), (robust, normal, student), strict=True):
                each[place].append(found)
    seconds = (time.process_time() - begun) / len(converged)
    rows: list[Row] = [
        {
            "analysis": name,
            "a term errs": percent((np.array(null) < ALPHA).mean()),
            "main effects found": percent((np.array(real)[:, :3] < ALPHA).mean()),
            "interactions found": percent((np.array(real)[:, 3:] < ALPHA).mean()),
        }
        for name, (null, real) in p.items()
    ]
    report = Report(asked.repetitions)
    report.add(
        f"{asked.missing} of {SEEDS * 8} trials missing",
        f"{asked.repetitions} repetitions with effects and as many without, "
        f"{len(TERMS)} terms each: a share near 5% has a standard error of about "
        f"{100 * (0.0475 / asked.repetitions / len(TERMS)) ** 0.5:.1f}%. Of the mixed model's fits "
        f"{percent(np.mean(converged))} converged, at {seconds:.2f} s each.",
        rows,
    )
    if asked.markdown:
        head = (
            "# Cluster-robust errors beside a mixed model\n\n"
            "By `tests/benchmarks/mixed_models.py`.\n"
        )
        asked.markdown.write_text("\n".join([head, *report.parts]))


if __name__ == "__main__":
    main()
