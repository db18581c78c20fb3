"""What the statistics promise, tried on data of which the truth is known.

    python tests/benchmarks/simulate_statistics.py [--repetitions 10000] [--markdown PATH]

Prints a table a promise, and ends with 1 if one is broken. A share of 10,000 repetitions has a
standard error of 0.22% where 5% are expected: a bound counts as broken beyond two of them.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablations.stats import deltas, looks
from ablations.stats.bootstrap import bca_interval
from ablations.stats.notes import skewness, skewness_limit
from ablations.stats.page import page_p
from ablations.stats.signs import sign_flip_p, wilcoxon_p
from ablations.stats.spending import sequential_p
from ablations.stats.student import equivalence_p, paired_t
from ablations.stats.verdicts import holm, verdicts

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Row = dict[str, object]

ALPHA = 0.05

SIZES = (3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
"""Pairs of which the coverage is simulated: a report quotes the nearest ones."""


def _accuracy(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (rng.binomial(200, 0.95, shape) - rng.binomial(200, 0.95, shape)) / 200


# Name, draw of deltas with mean 0, and what of it is bounded at n = 10.
DISTRIBUTIONS: dict[str, tuple[Draw, str]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), "normal"),
    "t with 3 df": (lambda rng, shape: rng.standard_t(3, shape), "robust"),
    "gamma, shape 4 (skewness 1)": (lambda rng, shape: rng.gamma(4, size=shape) - 4, "robust"),
    "rounded to whole sds": (lambda rng, shape: np.round(rng.normal(size=shape)), "robust"),
    "rounded to 3 levels": (
        lambda rng, shape: np.clip(np.round(rng.normal(size=shape) / 1.5), -1, 1),
        "robust",
    ),
    "accuracies of 200 images": (_accuracy, "robust"),
    "exponential (skewness 2)": (lambda rng, shape: rng.exponential(size=shape) - 1, ""),
    "lognormal (skewness 6)": (
        lambda rng, shape: rng.lognormal(size=shape) - math.exp(0.5),
        "",
    ),
}
FEW = ("normal", "t with 3 df", "gamma, shape 4 (skewness 1)", "lognormal (skewness 6)")


class Report:
    """Tables as they come, and the promises that they broke."""

    def __init__(self, repetitions: int) -> None:
        self.repetitions = repetitions
        self.parts: list[str] = []
        self.broken: list[str] = []

    def at_most(self, what: str, share: float, bound: float = ALPHA) -> str:
        slack = 2 * math.sqrt(bound * (1 - bound) / self.repetitions)
        return self._judge(what, share, share <= bound + slack)

    def covers(self, what: str, share: float, low: float, high: float = 1.0) -> str:
        # At the aimed-for 10,000 repetitions 95 +- 0.5% is 2.3 standard errors; with fewer, more.
        slack = max(0.0, 2 * math.sqrt(0.05 * 0.95 / self.repetitions) - 0.0044)
        return self._judge(what, share, low - slack <= share <= high + slack)

    def add(self, title: str, text: str, rows: list[Row]) -> None:
        table = pd.DataFrame(rows).fillna("")
        head = "| " + " | ".join(table.columns) + " |"
        rule = "|" + "|".join(" --- " for _ in table.columns) + "|"
        body = ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
        part = "\n".join([f"## {title}", "", text, "", head, rule, *body, ""])
        print(part, flush=True)
        self.parts.append(part)

    def _judge(self, what: str, share: float, holds: bool) -> str:
        if not holds:
            self.broken.append(f"{what}: {share:.2%}")
        return _percent(share) if holds else f"**{_percent(share)}**"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _rng(section: int, *more: int) -> np.random.Generator:
    return np.random.default_rng([20240, section, *more])


def t_coverage(report: Report, sizes: tuple[int, ...] = SIZES) -> None:
    rows = []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        for n in sizes:
            found = paired_t(draw(_rng(1, place, n), (report.repetitions, n)))
            given = np.isfinite(found.low)
            share = float(((found.low <= 0) & (found.high >= 0))[given].mean())
            what = f"t interval, {name}, n = {n}"
            if kind == "normal":
                row[f"n = {n}"] = report.covers(what, share, 0.945, 0.955)
            elif kind == "robust" and n == 10:
                row[f"n = {n}"] = report.covers(what, share, 0.93)
            else:
                row[f"n = {n}"] = _percent(share)
        rows.append(row)
    report.add(
        "Coverage of the 95% t interval",
        "Must be 95 +- 0.5% for normal deltas, and at least 93% at n = 10 down to accuracies of "
        "200 images. Below, it fails. Of deltas that are all alike no interval is given.",
        rows,
    )


def skew_notes(report: Report, sizes: tuple[int, ...] = SIZES) -> None:
    rows, silent = [], []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        unsaid: Row = {"deltas": f"{name}: covers where nothing is said"}
        for n in sizes:
            values = draw(_rng(1, place, n), (report.repetitions, n))
            said = np.array([abs(skewness(one)) > skewness_limit(n) for one in values])
            found = paired_t(values[~said])
            row[f"n = {n}"] = _percent(said.mean())
            unsaid[f"n = {n}"] = _percent(((found.low <= 0) & (found.high >= 0)).mean())
        rows.append(row)
        if not kind:  # of which the intervals fail
            silent.append(unsaid)
    limits: Row = {"deltas": "skewness above which it says so"}
    rows += [*silent, limits | {f"n = {n}": f"{skewness_limit(n):.2f}" for n in sizes}]
    report.add(
        'How often the report says "strongly skewed"',
        "On the same draws. Below n = 6 skew can hardly be seen: rows whose deltas differ and are "
        "not called skewed say that instead. The intervals that fail are those of skewed deltas "
        "whose sample does not show it; so a report says so below every table of deltas.",
        rows,
    )


def bca_coverage(report: Report, n: int = 20) -> None:
    rows = []
    for place, name in enumerate(FEW):
        values = DISTRIBUTIONS[name][0](_rng(2, place), (report.repetitions, n))
        limits = np.array([bca_interval(one) for one in values])
        found = paired_t(values)
        width = np.ptp(limits, axis=1).mean() / (found.high - found.low).mean()
        rows.append(
            {
                "deltas": name,
                "BCa": _percent(((limits[:, 0] <= 0) & (limits[:, 1] >= 0)).mean()),
                "t": _percent(((found.low <= 0) & (found.high >= 0)).mean()),
                "width, BCa / t": f"{width:.2f}",
            }
        )
    report.add(
        f"Coverage of the 95% BCa interval at n = {n}",
        "It stands beside the t interval and not in its place: it is narrower.",
        rows,
    )


def type_one(report: Report) -> None:
    rows = []
    for place, (name, (draw, kind)) in enumerate(DISTRIBUTIONS.items()):
        row: Row = {"deltas": name}
        for n in (6, 10, 20):
            values = draw(_rng(3, place, n), (report.repetitions, n))
            found = paired_t(values)
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
                row[f"verdict, n = {n}"] = _percent(share)
            if n == 10:
                flips = np.mean([sign_flip_p(one) < ALPHA for one in values])
                ranks = np.mean([wilcoxon_p(one) < ALPHA for one in values])
                fair = kind and "gamma" not in name
                row["sign flips, n = 10"] = (
                    report.at_most(f"sign flips, {name}", flips) if fair else _percent(flips)
                )
                row["Wilcoxon, n = 10"] = (
                    report.at_most(f"Wilcoxon, {name}", ranks) if fair else _percent(ranks)
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
    for place, name in enumerate(FEW):
        draw = DISTRIBUTIONS[name][0]
        rng = _rng(4, place)
        own = draw(rng, (report.repetitions, count, n))
        shared = draw(rng, (report.repetitions, 1, n))
        p = paired_t(own - shared).p
        sd = paired_t(own - shared).sd.mean()
        half = np.where(np.arange(count) < count // 2, 2 * sd, 0.0)[None, :, None]
        mixed = holm(paired_t(own - shared + half).p)[:, count // 2 :]
        rows.append(
            {
                "trials' errors": name,
                "no correction": _percent((p < ALPHA).any(axis=1).mean()),
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


def trends(report: Report, levels: int = 4, count: int = 5) -> None:
    """Test the order of levels of which none has an effect, of factors that share a baseline."""
    rows = []
    for place, name in enumerate(FEW):
        row: Row = {"trials' errors": name}
        for n in (6, 10):
            rng = _rng(9, place, n)
            draw = DISTRIBUTIONS[name][0]
            own = draw(rng, (report.repetitions, count, n, levels - 1))
            shared = np.broadcast_to(draw(rng, (report.repetitions, 1, n, 1)), (*own.shape[:3], 1))
            p, low, high = _trend_tests(np.concatenate([shared, own], axis=3))
            one = float((p[:, 0] < ALPHA).mean())
            any_of = float((holm(p) < ALPHA).any(axis=1).mean())
            row[f"one factor, n = {n}"] = report.at_most(f"trend, {name}, n = {n}", one)
            row[f"any of {count}, n = {n}"] = report.at_most(f"trends of {count}, {name}", any_of)
            row[f"slope leaves out 0, n = {n}"] = _percent(((low > 0) | (high < 0))[:, 0].mean())
            row[f"either, n = {n}"] = _percent(((p < ALPHA) | (low > 0) | (high < 0))[:, 0].mean())
        rows.append(row)
    report.add(
        f"Trends over {levels} levels without effect",
        "How often Page's test says that a metric rises or falls: for one factor, and for any of "
        f"{count} that share a baseline, corrected by Holm. Must be at most 5% of any errors. The "
        "interval of the slope beside it is a t interval of its own; to say so where either of "
        "the two does would err more often.",
        rows,
    )


def _trend_tests(values: Array) -> tuple[Array, Array, Array]:
    """Return Page's two-sided p and the ends of the slope's interval; levels last, seeds before."""
    n, k = values.shape[-2:]
    ranks = values.argsort(axis=-1).argsort(axis=-1) + 1
    statistic = (ranks.sum(axis=-2) @ np.arange(1, k + 1)).astype(int)
    opposite = n * k * (k + 1) ** 2 // 2 - statistic  # of the levels in falling order
    known = {each: page_p(each, n, k) for each in np.unique([statistic, opposite]).tolist()}
    rises, falls = (np.vectorize(known.get)(each) for each in (statistic, opposite))
    centred = np.arange(k) - (k - 1) / 2
    slope = paired_t(values @ centred / (centred @ centred))
    return np.minimum(1.0, 2 * np.minimum(rises, falls)), slope.low, slope.high


def same_twice(report: Report, n: int = 10) -> None:
    """Run A/A studies whole, each repetition a metric of one table of trials."""
    rng = _rng(5)
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
                "no difference": _percent(1 - different),
                "of these equivalent": _percent(float(said.get("equivalent", 0.0))),
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
            values = _rng(6, place, n).normal(margin, size=(report.repetitions, count, n))
            p = equivalence_p(values, margin)
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


def adaptive(values: Array, at: tuple[int, ...]) -> tuple[NDArray[np.bool_], Array]:
    """Add seed blocks where a verdict is open; return which closed and how many blocks it took."""
    p = np.full((*values.shape[:-1], len(at)), np.nan)
    closed = np.zeros(values.shape[:-1], dtype=bool)
    blocks = np.zeros(values.shape[:-1])
    for k, n in enumerate(at):
        p[..., k] = np.where(closed, np.nan, paired_t(values[..., :n]).p)
        blocks[~closed] = n
        closed |= holm(sequential_p(p, at)) < ALPHA
    return closed, blocks


def added_seeds(report: Report, count: int = 10) -> None:
    at = looks()
    rows, power = [], []
    for place, name in enumerate(FEW):
        draw, rng = DISTRIBUTIONS[name][0], _rng(7, place)
        single = draw(rng, (report.repetitions, 1, at[-1]))
        many = draw(rng, (report.repetitions, count, at[-1]))
        many = many - draw(rng, (report.repetitions, 1, at[-1]))
        fixed = np.stack([paired_t(single[:, 0, :n]).p for n in at]) < ALPHA
        held = np.ones(report.repetitions, dtype=bool)
        for n, new in zip(at, np.diff(at, prepend=0), strict=True):
            found = paired_t(single[:, 0, :n], 1 - ALPHA * new / at[-1])
            held &= (found.low <= 0) & (found.high >= 0)
        one = float(adaptive(single, at)[0].mean())
        any_of = float(adaptive(many, at)[0].any(axis=1).mean())
        sure = name == "normal"
        rows.append(
            {
                "deltas": name,
                "p < 5% at any look": _percent(fixed.any(axis=0).mean()),
                "one variant": report.at_most(f"looks, {name}", one) if sure else _percent(one),
                f"any of {count} variants": report.at_most(f"looks of {count}, {name}", any_of),
                "all looks' intervals hold": report.covers(
                    f"looks' intervals, {name}", held.mean(), 0.95
                )
                if sure
                else _percent(held.mean()),
            }
        )
    report.add(
        f"Seeds added where a verdict is open: looks at {', '.join(map(str, at))} blocks",
        "How often a variant without effect is closed as better or worse over all looks. Must be "
        "at most 5% for normal deltas, and for 10 variants that share a baseline whose trials' "
        "errors have these distributions. Testing at 5% at every look errs as the first column "
        "says.",
        rows,
    )
    for place, effect in enumerate((0.0, 0.5, 1.0, 1.5, 2.0, 3.0)):
        values = _rng(8, place).normal(effect, size=(report.repetitions, 1, at[-1]))
        closed, blocks = adaptive(values, at)
        power.append(
            {
                "effect, in sds of a delta": effect,
                "closed": _percent(closed.mean()),
                "mean blocks": f"{blocks.mean():.1f}",
                "10 blocks fixed": _percent((paired_t(values[:, 0, :10]).p < ALPHA).mean()),
                "30 blocks fixed": _percent((paired_t(values[:, 0, :]).p < ALPHA).mean()),
            }
        )
    report.add(
        "What adding seeds costs and finds, one variant",
        "How often the verdict is closed as better or worse, and the seed blocks it took; beside "
        "it the chance with all seeds fixed beforehand.",
        power,
    )


SECTIONS = (
    t_coverage,
    skew_notes,
    bca_coverage,
    type_one,
    family,
    trends,
    same_twice,
    equivalence,
    added_seeds,
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--markdown", type=Path, help="where to write the tables")
    chosen = parser.parse_args(arguments)
    report = Report(chosen.repetitions)
    for section in SECTIONS:
        section(report)
    verdict = (
        "Every bound holds."
        if not report.broken
        else "Broken, and in bold above: " + "; ".join(report.broken) + "."
    )
    print(verdict)
    if chosen.markdown:
        head = (
            "# The statistics, by simulation\n\n"
            f"{chosen.repetitions:,} repetitions each, from fixed seeds, by "
            "`tests/benchmarks/simulate_statistics.py`. A share near 5% has a standard error of "
            f"{100 * math.sqrt(0.0475 / chosen.repetitions):.2f}%; a bound counts as broken beyond "
            "two of them.\n"
        )
        chosen.markdown.write_text("\n".join([head, *report.parts, verdict, ""]))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
