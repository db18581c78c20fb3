"""How often terms of a factorial err and are found, with factors that differ between seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablations import Settings
from ablations.designs import design
from ablations.stats.contrasts import TOGETHER, BlockedFit, Model, TermTest
from ablations.stats.verdicts import holm
from simulation.draws import ALPHA, Array, rng_of
from simulation.tables import Report, Row, percent

SDS = (0.0211, 0.0276, 0.0153, 0.0075, 0.0103, 0.0085, 0.0066)
"""Standard deviations over 12 seeds of the contrasts of a 2^3 study of pool_size, optimizer and
padding on mnist5k, each of unit length: three main effects, their interactions, all three."""

FACTORS = ("pool_size", "optimizer", "padding")

SEEDS = 12

POWER_80 = 0.886
"""The mean, in standard deviations, that a paired t test of 12 seeds finds in 80%."""


def _columns(names: tuple[str, ...]) -> dict[str, Array]:
    """Return the columns of -1 and 1 of a full factorial: mains, then their products."""
    table = np.array(list(product((-1.0, 1.0), repeat=len(names)))).T
    mains = dict(zip(names, table, strict=True))
    pairs = {TOGETHER.join(two): mains[two[0]] * mains[two[1]] for two in combinations(names, 2)}
    return mains | pairs


TERMS = _columns(FACTORS)

UNIT = np.column_stack([*TERMS.values(), np.prod([TERMS[name] for name in FACTORS], axis=0)])
UNIT /= np.sqrt(len(UNIT))


@dataclass(frozen=True)
class Tested:
    """The tests of a study's terms, over repetitions.

    Parameters
    ----------
    p
        A row a term, a column a repetition.
    holds
        Whether the interval of the term's coefficient holds what is true.
    """

    p: Array
    holds: NDArray[np.bool_]

    @property
    def errs(self) -> Array:
        """How often each term has a p below 5%."""
        return np.asarray((self.p < ALPHA).mean(axis=1))

    @property
    def any_errs(self) -> float:
        """How often a term has a p below 5% after Holm's correction."""
        return float((holm(self.p.T) < ALPHA).any(axis=1).mean())


def run_tests(fit: BlockedFit, y: Array, true: Array) -> Tested:
    """Test what the report tests, with the code that it runs; the truth is by term."""
    found = [test for _, test in fit.tests(y)]
    return Tested(
        np.array([test.p for test in found]),
        np.array([_holds(test, each) for test, each in zip(found, true, strict=True)]),
    )


def _holds(test: TermTest, true: float) -> NDArray[np.bool_]:
    half = special.stdtrit(test.df_error, 1 - ALPHA / 2) * np.sqrt(test.variance[0])
    return np.asarray(np.abs(test.coefficients[0] - true) <= half)


def blocked(terms: Mapping[str, Array], seeds: int, kept: NDArray[np.bool_] | None = None) -> Model:
    """Return the model of a design that is repeated over seeds, of the trials that are kept."""
    runs = len(next(iter(terms.values())))
    kept = np.ones(seeds * runs, dtype=bool) if kept is None else kept
    of = np.repeat(np.arange(seeds), runs)[kept]
    return Model(
        (of[:, None] == np.unique(of)).astype(float),
        {name: np.tile(column, seeds)[kept, None] for name, column in terms.items()},
    )


def draw(rng: np.random.Generator, repetitions: int, means: Array) -> Array:
    """Return trials, a column a repetition: contrasts of unit length with `SDS` over seeds."""
    own = means + rng.normal(size=(repetitions, SEEDS, len(SDS))) * SDS
    seed = 0.03 * rng.normal(size=(repetitions, SEEDS, 1))
    return (own @ UNIT.T + seed).reshape(repetitions, -1).T


def pooled(model: Model, y: Array) -> Array:
    """Return the p of each term against one residual, which all terms share."""
    x = model.matrix()
    found = np.linalg.lstsq(x, y)[0]
    freedom = len(x) - x.shape[1]
    error = ((y - x @ found) ** 2).sum(axis=0) / freedom
    scale = np.diag(np.linalg.inv(x.T @ x))[model.blocks.shape[1] :, None]
    ratio = found[model.blocks.shape[1] :] ** 2 / (scale * error)
    return np.asarray(special.fdtrc(1, freedom, ratio))


def own_errors(report: Report) -> None:
    model = blocked(TERMS, SEEDS)
    fit, rng = BlockedFit(model), rng_of(11)
    none, effect = np.zeros(len(SDS)), POWER_80 * np.array(SDS)
    y, with_effects = (draw(rng, report.repetitions, means) for means in (none, effect))
    null = run_tests(fit, y, none[:-1])
    real = run_tests(fit, with_effects, effect[:-1] / np.sqrt(len(UNIT)))
    pools = pooled(model, y), pooled(model, with_effects)
    rows: list[Row] = []
    for at, term in enumerate(TERMS):
        errs = report.at_most(f"effects, {term}", null.errs[at])
        rows.append(
            {
                "term": term,
                "sd over seeds": SDS[at],
                "errs": errs,
                "95% interval holds": report.covers(
                    f"effects' interval, {term}", real.holds[at].mean(), 0.94, 0.96
                ),
                "found": percent(real.errs[at]),
                "errs, one pooled residual": percent((pools[0][at] < ALPHA).mean()),
                "found, one pooled residual": percent((pools[1][at] < ALPHA).mean()),
            }
        )
    any_pooled = (holm(pools[0].T) < ALPHA).any(axis=1).mean()
    rows.append(
        {
            "term": "any of 6, by Holm",
            "errs": report.at_most("effects, any of 6", null.any_errs),
            "errs, one pooled residual": percent(any_pooled),
        }
    )
    report.add(
        f"Main effects and interactions of a 2^3 study, {SEEDS} seeds",
        "Each term against its own variation between seeds, with the standard deviations of a real "
        "study. How often a term without effect has p < 5%, which must be at most 5%; how often "
        "the interval holds the true effect, which must be 95 +- 1%; and how often an effect of "
        f"{POWER_80} standard deviations is found, beside an analysis in which all terms share one "
        "residual.",
        rows,
    )


def holes(report: Report, patterns: int = 200) -> None:
    rng = rng_of(12)
    all_three = POWER_80 * np.array(SDS)
    effect = all_three * (np.arange(len(SDS)) < len(TERMS))
    runs = len(UNIT)

    def at_random(count: int) -> NDArray[np.int_]:
        return rng.choice(SEEDS * runs, count, replace=False)

    def of_one_variant(count: int) -> NDArray[np.int_]:
        return rng.choice(SEEDS, count, replace=False) * runs + int(rng.integers(runs))

    cases: list[tuple[str, int, Callable[[int], NDArray[np.int_]]]] = [
        *((f"{count} of {SEEDS * runs} trials", count, at_random) for count in (1, 3, 6, 12)),
        *((f"one variant in {count} of {SEEDS} seeds", count, of_one_variant) for count in (6, 9)),
    ]
    rows: list[Row] = []
    for title, count, choose in cases:
        nulls, reals, biased, alone, left = [], [], [], [], []
        for _ in range(patterns):
            kept = np.ones(SEEDS * runs, dtype=bool)
            kept[choose(count)] = False
            size = -(-report.repetitions // patterns)
            y, with_effects = (draw(rng, size, means) for means in (0 * effect, effect))
            fit = BlockedFit(blocked(TERMS, SEEDS, kept))
            nulls.append(run_tests(fit, y[kept], 0 * effect[:-1]))
            reals.append(run_tests(fit, with_effects[kept], effect[:-1] / np.sqrt(runs)))
            y = draw(rng, size, all_three)
            biased.append(run_tests(fit, y[kept], effect[:-1] / np.sqrt(runs)).holds.mean())
            whole = np.repeat(kept.reshape(SEEDS, runs).all(axis=1), runs)
            left.append(whole.sum() / runs)
            if left[-1] > 1:
                complete = BlockedFit(blocked(TERMS, SEEDS, whole))
                alone.append(run_tests(complete, with_effects[whole], effect[:-1]).errs)
            else:
                alone.append(np.zeros(len(TERMS)))
        errs = np.mean([one.errs for one in nulls])
        held = np.mean([one.holds.mean() for one in reals])
        found = np.mean([one.errs for one in reals], axis=0)
        rows.append(
            {
                "missing": title,
                "complete blocks": f"{np.mean(left):.1f}",
                "a term errs": report.at_most(f"effects, {title}", float(errs)),
                "any of 6, by Holm": report.at_most(
                    f"effects of 6, {title}", float(np.mean([one.any_errs for one in nulls]))
                ),
                "95% interval holds": report.covers(
                    f"effects' interval, {title}", float(held), 0.94, 0.96
                ),
                "holds where all three interact": percent(np.mean(biased)),
                "main effects found": percent(found[:3].mean()),
                "interactions found": percent(found[3:].mean()),
                "found in complete blocks alone": percent(np.mean(alone)),
            }
        )
    report.add(
        "The same study with trials missing",
        "With cluster-robust errors (CR2) over all seed blocks; over "
        f"{patterns} patterns of missing trials. The model has no interaction of three factors: "
        "where there is one of the same size, trials that are missing bias what is estimated from "
        "the others. The last column is what the blocks without a missing trial find alone, main "
        "effects and interactions alike.",
        rows,
    )


def fractions(report: Report, seeds: int = 10) -> None:
    rows: list[Row] = []
    for place, (name, count) in enumerate(
        (("fractional-factorial", 3), ("fractional-factorial", 6), ("plackett-burman", 11))
    ):
        names = [f"f{i}" for i in range(count)]
        layout = design(
            name, dict.fromkeys(names, (False, True)), Settings(dict.fromkeys(names, False))
        )
        on = [{**layout.baseline, **variant.changes} for variant in layout.variants]
        terms = {each: np.array([1.0 if run[each] else -1.0 for run in on]) for each in names}
        runs = np.column_stack(list(terms.values()))
        sds = np.resize(SDS, count) / np.sqrt(len(runs))
        rng = rng_of(13, place)
        shape = (report.repetitions, seeds)
        noise = SDS[-1] * rng.normal(size=(*shape, len(runs)))
        y = (rng.normal(size=(*shape, count)) * sds) @ runs.T + noise
        model = blocked(terms, seeds)
        flat = y.reshape(report.repetitions, -1).T
        tested = run_tests(BlockedFit(model), flat, np.zeros(count))
        shared = (holm(pooled(model, flat).T) < ALPHA).any(axis=1).mean()
        rows.append(
            {
                "design": f"{name}, {count} factors in {len(runs)} runs",
                "a term errs": report.at_most(f"effects, {name} {count}", tested.errs.mean()),
                "most of any term": percent(tested.errs.max()),
                "any, by Holm": report.at_most(f"effects, any, {name} {count}", tested.any_errs),
                "any, one pooled residual": percent(shared),
                "95% interval holds": report.covers(
                    f"effects' interval, {name} {count}", tested.holds.mean(), 0.94, 0.96
                ),
            }
        )
    report.add(
        f"Main effects of a fraction and of a screening design, {seeds} seeds",
        "Factors without effect that differ between seeds with the same standard deviations, in "
        "turn. Must be at most 5%, and 95 +- 1%.",
        rows,
    )


def levels(report: Report, count: int = 4) -> None:
    rows: list[Row] = []
    steps = np.eye(count) - 1 / count
    terms = {"pool_size": np.linalg.qr(steps)[0][:, : count - 1]}
    for place, (seeds, spreads) in enumerate(
        product((4, 6, 12), ((1, 1, 1, 1), (1, 1, 1, 4), (1, 2, 4, 8)))
    ):
        rng = rng_of(14, place)
        of = np.repeat(np.arange(seeds), count)
        model = Model(
            (of[:, None] == np.arange(seeds)).astype(float),
            {name: np.tile(columns, (seeds, 1)) for name, columns in terms.items()},
        )
        values = rng.normal(size=(report.repetitions, seeds, count)) * spreads
        shift = 2 * np.sqrt(np.mean(np.square(spreads)) / seeds) * np.array([-1, 1, -1, 1])
        none, some = (
            next(iter(BlockedFit(model).tests(y.reshape(report.repetitions, -1).T)))[1]
            for y in (values, values + shift)
        )
        bare = special.fdtrc(none.df, none.df_error, none.F)
        title = f"{seeds} seeds, spreads {', '.join(map(str, spreads))}"
        rows.append(
            {
                "levels": title,
                "errs, no correction": percent((bare < ALPHA).mean()),
                "errs, Greenhouse-Geisser": report.at_most(
                    f"effects, {title}", float((none.p < ALPHA).mean())
                ),
                "found": percent((some.p < ALPHA).mean()),
                "found, Hotelling's T2": percent(
                    (_hotelling(values + shift, terms["pool_size"]) < ALPHA).mean()
                ),
            }
        )
    report.add(
        f"A factor of {count} levels",
        "How often a factor without effect has p < 5%, by how levels spread; and how often an "
        "effect is found, beside Hotelling's T2, which needs more seeds than contrasts. With the "
        "correction it must be at most 5%.",
        rows,
    )


def _hotelling(values: Array, contrasts: Array) -> Array:
    each = values @ contrasts
    n, k = each.shape[1:]
    mean = each.mean(axis=1)
    left = each - mean[:, None]
    cov = np.einsum("rni,rnj->rij", left, left) / (n - 1)
    size = n * np.einsum("ri,ri->r", mean, np.linalg.solve(cov, mean[:, :, None])[:, :, 0])
    return np.asarray(special.fdtrc(k, n - k, size * (n - k) / (k * (n - 1))))
