"""How often a verdict errs: one, of a family, of a study against itself, at the margin."""

import math

import numpy as np
import pandas as pd

from ablations.stats import deltas
from ablations.stats.paired_t import equivalence_p, paired_t
from ablations.stats.resampling import sign_flip_p, wilcoxon_p
from ablations.stats.verdicts import holm, verdicts
from simulation.draws import ALPHA, DISTRIBUTIONS, FEW, Array, real_residuals, rng_of
from simulation.tables import Report, Row, percent

REAL = "residuals of real studies"

SKEW = {
    "gamma, shape 4 (skewness 1)": 2.0,
    "exponential (skewness 2)": 1.0,
    "lognormal (skewness 6)": math.sqrt((math.e - 1) * math.e),
}
"""Standard deviations of skewed distributions."""

SKEW_BOUND = 0.11


def real_family(
    rng: np.random.Generator, repetitions: int, count: int, n: int
) -> tuple[Array, Array]:
    """Draw variants and their shared baseline from real trials, the same seeds for all of a study.

    A study is one of the stored ones with a metric; its variants are repeated up to ``count``.
    """
    own, shared = np.empty((repetitions, count, n)), np.empty((repetitions, 1, n))
    tables = real_residuals()
    study = rng.integers(len(tables), size=repetitions)
    for place, rows in enumerate(tables):
        here = np.flatnonzero(study == place)
        seeds = rng.integers(rows.shape[1], size=(len(here), n))
        scaled = rows / (rows[1:] - rows[0]).std()
        variants = 1 + np.arange(count) % (len(rows) - 1)
        own[here] = scaled[variants][:, seeds].transpose(1, 0, 2)
        shared[here] = scaled[0][seeds][:, None]
    return own, shared


def type_one(report: Report) -> None:
    rows = []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        for n in (6, 10, 20):
            values = draw(rng_of(3, place, n), (report.repetitions, n))
            found = paired_t(values, modified=True)
            said = verdicts(
                found.delta,
                found.p,
                np.full(len(values), np.nan),
                alpha=ALPHA,
                lower_is_better=True,
            )
            share = float(np.isin(said, ["better", "worse"]).mean())
            if kind == "normal":
                row[f"verdict, n = {n}"] = report.at_most(f"verdict, {name}, n = {n}", share)
            else:
                row[f"verdict, n = {n}"] = percent(share)
            if n == 10:
                flips = np.mean([sign_flip_p(one) < ALPHA for one in values])
                ranks = np.mean([wilcoxon_p(one) < ALPHA for one in values])
                fair = kind and "gamma" not in name and name != REAL
                row["sign flips, n = 10"] = (
                    report.at_most(f"sign flips, {name}", flips) if fair else percent(flips)
                )
                row["Wilcoxon, n = 10"] = (
                    report.at_most(f"Wilcoxon, {name}", ranks) if fair else percent(ranks)
                )
        rows.append(row)
    report.add(
        "Type-I error of one verdict",
        'How often a variant without effect is called "better" or "worse". Must be at most 5% for '
        "normal deltas, and for the sign tests wherever the deltas are symmetric. A toggle that "
        "does nothing gives symmetric deltas, whatever the trials' errors (see the next table); "
        "where skewed deltas with mean 0 come from, the toggle changed something else.",
        rows,
    )


def family(report: Report, n: int = 10, count: int = 10) -> None:
    rows = []
    for place, name in enumerate((*FEW, REAL)):
        draw = DISTRIBUTIONS[name][0]
        rng = rng_of(4, place)
        own = draw(rng, (report.repetitions, count, n))
        shared = draw(rng, (report.repetitions, 1, n))
        if name == REAL:
            own, shared = real_family(rng, report.repetitions, count, n)
        found = paired_t(own - shared, modified=True)
        p, sd = found.p, found.sd.mean()
        half = np.where(np.arange(count) < count // 2, 2 * sd, 0.0)[None, :, None]
        mixed = holm(paired_t(own - shared + half, modified=True).p)[:, count // 2 :]
        rows.append(
            {
                "trials' errors": name,
                "no correction": percent((p < ALPHA).any(axis=1).mean()),
                "Holm, none has an effect": report.at_most(
                    f"family, {name}", (holm(p) < ALPHA).any(axis=1).mean()
                ),
                "Holm, half have one": report.at_most(
                    f"family with effects, {name}", (mixed < ALPHA).any(axis=1).mean()
                ),
            }
        )
    report.add(
        f"Family-wise error over {count} variants that share a baseline, n = {n}",
        'How often at least one variant without effect is called "better" or "worse". Must be at '
        "most 5%.",
        rows,
    )


def same_twice(report: Report, n: int = 10) -> None:
    """Run A/A studies whole, each repetition a metric of one table of trials."""
    rng = rng_of(5)
    values = rng.normal(size=(2 * n, report.repetitions)) + np.tile(
        2 * rng.normal(size=(n, report.repetitions)), (2, 1)
    )
    names = [f"m{i}_loss" for i in range(report.repetitions)]
    label = pd.DataFrame(
        {
            "variant": ["baseline"] * n + ["same"] * n,
            "factor": ["none"] * 2 * n,
            "level": [0] * 2 * n,
            "baseline": [0] * 2 * n,
            "seed": [*range(n)] * 2,
            "status": ["done"] * 2 * n,
        }
    )
    trials = pd.concat([label, pd.DataFrame(values, columns=names)], axis=1)
    margin = 2 * math.sqrt(2)
    rows = []
    for title, margins in (("none", {}), ("2 sds of a delta", dict.fromkeys(names, margin))):
        said = deltas(trials, names, margins=margins)["verdict"].value_counts(normalize=True)
        different = float(said.get("better", 0.0) + said.get("worse", 0.0))
        rows.append(
            {
                "margin": title,
                "no difference": percent(1 - different),
                "of these equivalent": percent(float(said.get("equivalent", 0.0))),
                "better or worse": report.at_most(f"A/A, margin {title}", different),
            }
        )
    report.add(
        f"A/A studies: two names for one configuration, n = {n}",
        "Through `deltas`, from a table of trials with seed effects. No difference must be found "
        "in at least 95%.",
        rows,
    )


def equivalence(report: Report, count: int = 10) -> None:
    rows = []
    for place, margin in enumerate((0.5, 1.0, 2.0)):
        row: Row = {"true delta = margin, in sds": margin}
        for n in (6, 10, 20):
            values = rng_of(6, place, n).normal(margin, size=(report.repetitions, count, n))
            p = equivalence_p(values, margin, modified=True)
            one = float((p[:, 0] < ALPHA).mean())
            any_of = float((holm(p) < ALPHA).any(axis=1).mean())
            row[f"n = {n}"] = report.at_most(f"TOST, {margin} sd, n = {n}", one)
            row[f"any of {count}, n = {n}"] = report.at_most(f"TOST of {count}, {margin}", any_of)
        rows.append(row)
    report.add(
        'Size of "equivalent"',
        "How often a delta exactly at the margin is called equivalent. Must be at most 5%.",
        rows,
    )
    skewed = []
    for place, name in enumerate(SKEW):
        values = DISTRIBUTIONS[name][0](rng_of(6, 10 + place), (report.repetitions, 10))
        sd = SKEW[name]
        one: Row = {"deltas": name}
        for side, sign in (("above", 1), ("below", -1)):
            at_margin = values + sign * sd
            for how, modified in (("Student's t", False), ("as reported", True)):
                share = float((equivalence_p(at_margin, sd, modified=modified) < ALPHA).mean())
                one[f"at the margin {side} 0, {how}"] = (
                    report.at_most(f"TOST, {name}, {side}", share, SKEW_BOUND)
                    if modified
                    else percent(share)
                )
        skewed.append(one)
    report.add(
        'Size of "equivalent" for skewed deltas, n = 10',
        "The margin is one standard deviation of the deltas. Must be at most "
        f"{percent(SKEW_BOUND)}: one tail of lognormal deltas alone errs in more than 5%.",
        skewed,
    )
