"""Comparison of this project's own statistics with the libraries that offer the same.

For each procedure of which the project keeps an implementation of its own: the numbers of both and
the processor time of one call. docs/decisions gives the decision that follows from each table.
Run it on a quiet machine::

    cd tests/benchmarks && python library_choices.py --markdown results/library_choices.md
"""

import argparse
import gc
import importlib.util
import math
import platform
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight
from statsmodels.api import OLS
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from ablations.stats.contrasts import BlockedFit, Model, sum_coded
from ablations.stats.paired_t import detectable_effect, equivalence_p, paired_t, power
from ablations.stats.pairs import doubled_ranks, noise_of
from ablations.stats.resampling import sign_flip_p, wilcoxon_p
from ablations.stats.sequential import LOOKS, boundaries, shares_of
from ablations.stats.trends import null_distribution, page_p
from ablations.stats.verdicts import holm

PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels")
HEADERS = ("case", "library", "ours", "library, µs", "ours, µs")


def timed(function, least=0.05):
    """Return the result of a function and the microseconds of processor time of one call."""
    result, calls, start = function(), 0, time.process_time()
    while time.process_time() - start < least:
        function()
        calls += 1
    return result, (time.process_time() - start) / calls * 1e6


def compared(case, library, ours, form="{:.4g}"):
    """Return a row: both results and both times."""
    (theirs, their_time), (own, own_time) = timed(library), timed(ours)
    return case, form.format(theirs), form.format(own), f"{their_time:,.0f}", f"{own_time:,.0f}"


def page():
    """Compare Page's test with scipy's, without and with ties."""
    rng = np.random.default_rng(0)
    places = np.arange(1, 5)

    def drawn(values):
        def statistic(*blocks, axis):
            return sum(np.moveaxis(block, axis, -1) @ places for block in blocks)

        return stats.permutation_test(
            tuple(stats.rankdata(values, axis=1)),
            statistic,
            permutation_type="pairings",
            alternative="greater",
            n_resamples=9999,
            vectorized=True,
            rng=np.random.default_rng(0),
        ).pvalue

    def exact(values):
        null_distribution.cache_clear()
        return page_p(doubled_ranks(values))

    untied = rng.normal(size=(10, 4)) + 0.3 * np.arange(4)
    tied = np.round(rng.integers(0, 3, (10, 4)) + 0.4 * np.arange(4))
    clear = np.round(rng.integers(0, 3, (10, 4)) + 1.5 * np.arange(4))
    rows = [compared("untied: page_trend_test", lambda: p_page(untied), lambda: exact(untied))]
    for name, values in (("tied", tied), ("tied, clear trend", clear)):
        rows += [
            compared(
                f"{name}: page_trend_test", lambda v=values: p_page(v), lambda v=values: exact(v)
            ),
            compared(
                f"{name}: permutation_test, 9,999 draws",
                lambda v=values: drawn(v),
                lambda v=values: exact(v),
            ),
        ]
    return rows


def p_page(values):
    """Return the p of scipy's test, which is exact for ranks without ties."""
    return stats.page_trend_test(values, method="exact").pvalue


def signs():
    """Compare sign flips and Wilcoxon's test with scipy's."""
    rng = np.random.default_rng(0)
    rows = []
    for n in (10, 15, 18):
        deltas = rng.normal(0.5, 1, n)

        def flipped(values=deltas):
            return stats.permutation_test(
                (values,),
                np.mean,
                permutation_type="samples",
                n_resamples=np.inf,
                batch=2**16,
                vectorized=True,
            ).pvalue

        case = f"permutation_test, all flips of {n} pairs"
        rows.append(compared(case, flipped, lambda d=deltas: sign_flip_p(d)))
    level = np.float32([0.9, 0.8, 0.7, 0.6, 0.9, 0.8]).astype(float)
    base = np.float32([0.8, 0.7, 0.6, 0.7, 0.8, 0.9]).astype(float)
    rows.append(
        compared(
            "permutation_test, float32 deltas of one size",
            lambda: (
                stats.permutation_test(
                    (level - base,), np.mean, permutation_type="samples", vectorized=True
                ).pvalue
            ),
            lambda: sign_flip_p(level - base, noise_of(level, base)),
        )
    )
    for n, method in ((20, "exact"), (20, "auto"), (12, "auto")):
        ties = rng.choice([-2.0, -1, 1, 2, 3, 4], n)

        def ranked(values=ties, method=method):
            return stats.wilcoxon(values, method=method).pvalue

        case = f"wilcoxon, {n} pairs with ties, method {method}"
        rows.append(compared(case, ranked, lambda d=ties: wilcoxon_p(d)))
    return rows


def t_tests():
    """Compare the paired t test, equivalence and power with scipy's and statsmodels'."""
    rng = np.random.default_rng(0)
    base, level = rng.normal(size=10), rng.normal(0.5, size=10)
    deltas, tests = level - base, TTestPower()

    def interval():
        return stats.ttest_rel(level, base).confidence_interval().low

    detectable = detectable_effect.__wrapped__
    rows = [
        compared("ttest_rel, lower end", interval, lambda: paired_t(deltas).low, "{:.6g}"),
        compared(
            "ttost_paired, p",
            lambda: ttost_paired(level, base, -1, 1)[0],
            lambda: equivalence_p(deltas, 1),
        ),
        compared(
            "TTestPower.solve_power, detectable effect",
            lambda: float(np.squeeze(tests.solve_power(None, 10, 0.05, 0.8))),
            lambda: detectable(10, 0.05),
            "{:.10g}",
        ),
        compared(
            "TTestPower.power, effect 1",
            lambda: tests.power(1.0, 10, 0.05),
            lambda: power(1.0, 10, 0.05),
        ),
        compared(
            "TTestPower.power, effect 4",
            lambda: tests.power(4.0, 10, 0.05),
            lambda: power(4.0, 10, 0.05),
        ),
    ]
    grid = [(e, n) for n in (5, 10, 20, 50) for e in np.linspace(0.05, 5, 40)]
    missing = sum(math.isnan(tests.power(effect, n, 0.05)) for effect, n in grid)
    equal = 0
    for _ in range(1000):
        draws = rng.normal(0.1, 1, rng.integers(2, 40))
        theirs = stats.ttest_1samp(draws, 0)
        equal += theirs.confidence_interval().low == paired_t(draws).low
    rows.append((f"NaN of TTestPower.power in {len(grid)} cases", str(missing), "0", "", ""))
    rows.append(("ends of 1,000 intervals that agree to the last bit", str(equal), "", "", ""))
    alike = np.float32([[0.93] * 6, [0.925] * 6]).astype(float)
    rows.append(
        compared(
            "six deltas that float32 cannot tell apart, p",
            lambda: stats.ttest_rel(*(alike + np.arange(6) * 1e-9 * [[1], [-1]])).pvalue,
            lambda: paired_t(alike[0] - alike[1], noise=noise_of(*alike)).p,
        )
    )
    return rows


def holm_correction():
    """Compare Holm's correction with statsmodels', in this process and with much in memory."""
    p = np.random.default_rng(0).random(20) ** 3

    def theirs():
        return multipletests(p, method="holm")[1].max()

    rows = [compared("multipletests, largest of 20 adjusted p", theirs, lambda: holm(p).max())]
    gc.disable()
    rows.append(("of that, a gc.collect()", "", "", f"{timed(gc.collect)[1]:,.0f}", "0"))
    gc.enable()
    gap = np.append(p, np.nan)
    rows.append(
        compared(
            "smallest adjusted p, times its p, with one NaN more",
            lambda: np.nanmin(multipletests(gap, method="holm")[1]) / p.min(),
            lambda: np.nanmin(holm(gap)) / p.min(),
        )
    )
    return rows


def variance():
    """Compare the analysis of variance with statsmodels': spheric or not, complete or not."""
    rng = np.random.default_rng(0)
    seeds, levels, repeats = 10, 4, 1000
    seed, level = np.repeat(np.arange(seeds), levels), np.tile(np.arange(levels), seeds)
    blocks = (seed[:, None] == np.arange(seeds)).astype(float)
    values = rng.normal(size=(seeds * levels, repeats)) * np.array([1, 1, 1, 5])[level][:, None]
    model = Model(blocks, {"a": sum_coded(list(level))})
    corrected = next(BlockedFit(model).tests(values))[1].p
    frame = pd.DataFrame({"seed": seed, "a": level})

    def repeated(y):
        table = AnovaRM(frame.assign(y=y), "y", "seed", within=["a"]).fit().anova_table
        return float(table["Pr > F"].iloc[0])

    plain = np.array([repeated(y) for y in values.T])
    rows = [
        (
            f"4 levels, one of them 5 times as spread: {repeats:,} times no effect, p < 5%",
            f"AnovaRM {np.mean(plain < 0.05):.1%}",
            f"{np.mean(corrected < 0.05):.1%}",
            "",
            "",
        )
    ]
    try:
        AnovaRM(frame.assign(y=values[:, 0]).iloc[1:], "y", "seed", within=["a"]).fit()
    except ValueError as error:
        rows.append(("a trial is missing", f"AnovaRM: {error}", "CR2", "", ""))
    kept = np.sort(rng.permutation(seeds * levels)[: seeds * levels - 6])
    model = Model(blocks[kept], {"a": sum_coded(list(level[kept]))})
    ours = next(BlockedFit(model).tests(values[kept]))[1].p
    term = np.eye(seeds + levels - 1)[seeds:]
    theirs = [
        OLS(y, model.matrix())
        .fit(cov_type="cluster", cov_kwds={"groups": seed[kept]}, use_t=True)
        .f_test(term)
        .pvalue
        for y in values[kept].T
    ]
    rows.append(
        (
            "the same with 6 of 40 trials missing",
            f"OLS, cov_type='cluster' {np.mean(np.array(theirs) < 0.05):.1%}",
            f"{np.mean(ours < 0.05):.1%}",
            "",
            "",
        )
    )
    two = blocks[::levels].repeat(2, axis=0), np.tile([-1.0, 1.0], seeds)[:, None]
    pairs = rng.normal(size=(seeds, 2)) + np.array([0, 1.0])
    paired = stats.ttest_rel(*pairs.T).pvalue
    fit = OLS(pairs.ravel(), np.hstack(two)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(seeds), 2)}, use_t=True
    )
    ours = next(BlockedFit(Model(two[0], {"a": two[1]})).tests(pairs.reshape(-1, 1)))[1].p[0]
    rows.append(
        (
            f"2 levels, 10 complete blocks, p; by the paired t test {paired:.4f}",
            f"OLS, cov_type='cluster' {fit.pvalues[-1]:.4f}",
            f"{ours:.4f}",
            "",
            "",
        )
    )
    a, b = np.array([-1.0, 1, -1, 1] * 5), np.array([-1.0, -1, 1, 1] * 5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = OLS(a, np.column_stack([np.ones(20), a, b, a * b, a])).fit()
    halves = f"OLS {fit.params[1]:.2g} and {fit.params[4]:.2g}, {len(caught)} warning of the rank"
    rows.append(("effect 1 of `a`, whose column is also that of `b:c`", halves, "1, alias", "", ""))
    return rows


def sequential():
    """Compare boundaries from normal theory with Bonferroni's over the looks, on t statistics."""
    rng = np.random.default_rng(0)
    blocks, repeats, alpha = np.array(LOOKS), 200_000, 0.05
    roots = np.sqrt(blocks)

    def statistics():
        deltas = rng.normal(size=(repeats, blocks[-1]))
        sums, squares = deltas.cumsum(axis=1)[:, blocks - 1], (deltas**2).cumsum(axis=1)
        spread = (squares[:, blocks - 1] - sums**2 / blocks) / (blocks - 1)
        return np.abs(sums / roots), np.abs(sums / roots / np.sqrt(spread))

    known = statistics()[0]
    levels, alive = [], np.ones(repeats, dtype=bool)
    for look, share in enumerate(shares_of(blocks)):
        spent = round(alpha * share * repeats)
        bound = np.sort(known[alive, look])[-spent]
        levels.append(2 * special.ndtr(-bound))
        alive &= known[:, look] < bound
    found = statistics()[1]
    normal = special.stdtrit(blocks - 1, 1 - np.array(levels) / 2)
    ours = boundaries(LOOKS, confidence=1 - alpha)["t"].to_numpy()
    errors = [f"{(found >= bound).any(axis=1).mean():.2%}" for bound in (normal, ours)]
    return [(f"any of the looks {LOOKS} errs, stated 5%, {repeats:,} draws", *errors, "", "")]


def evaluation():
    """Compare macro F1, log loss and balanced weights with scikit-learn's."""
    # Keras would make the measured gc.collect() of statsmodels slower than it is in a report.
    from cnnzoo.training.class_weights import class_weights
    from cnnzoo.training.evaluation import _macro_f1
    from cnnzoo.training.recipe import Recipe

    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 10, 1000), rng.integers(0, 10, 1000)
    shares = rng.dirichlet(np.full(10, 0.1), 1000).astype("float32")

    def likelihood():
        own = shares[np.arange(1000), labels]
        return -np.log(np.maximum(own, np.finfo("float32").tiny)).mean()

    recipe, seen = Recipe(class_weight="balanced"), np.array([0, 0, 0, 1])
    rows = [
        compared(
            "f1_score, 1,000 labels of 10 classes",
            lambda: f1_score(labels, predicted, average="macro"),
            lambda: _macro_f1(labels, predicted),
            "{:.16g}",
        ),
        compared(
            "log_loss, sure of wrong classes",
            lambda: log_loss(labels, shares, labels=range(10)),
            likelihood,
        ),
        compared(
            "compute_class_weight, weight of class 0",
            lambda: compute_class_weight("balanced", classes=np.arange(2), y=seen)[0],
            lambda: class_weights(recipe, seen, 2)[0],
        ),
    ]
    try:
        theirs = str(compute_class_weight("balanced", classes=np.arange(3), y=seen))
    except ValueError as error:
        theirs = f"{error}"
    ours = str(class_weights(recipe, seen, 3).round(3))
    rows.append(("balanced weights of 3 classes, one without examples", theirs, ours, "", ""))
    seconds, megabytes = import_cost("sklearn.metrics")
    rows.append(("import in a worker", f"{seconds} s, {megabytes} MB", "none", "", ""))
    return rows


def import_cost(name):
    """Return the seconds and megabytes that importing a module after numpy takes."""
    code = (
        "import numpy, time; from pathlib import Path\n"
        "def kept(): return int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 2**20\n"
        "memory, start = kept(), time.process_time()\n"
        f"import {name}\n"
        "print(round(time.process_time() - start, 2), round(kept() - memory))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


def splits():
    """Compare stratified subsets of two sizes with scikit-learn's: is the smaller in the larger?"""
    from cnnzoo.data.splits import interleave

    labels = np.random.default_rng(0).integers(0, 10, 1000)
    order = np.random.default_rng(0).permutation(1000)
    order = order[interleave(labels[order])]

    def drawn(size):
        splitter = StratifiedShuffleSplit(1, train_size=size, random_state=0)
        return set(next(splitter.split(labels, labels))[0])

    outside = len(drawn(200) - drawn(400)), len({*order[:200]} - {*order[:400]})
    case = "StratifiedShuffleSplit, examples of a subset of 200 that the one of 400 lacks"
    return [(case, *map(str, outside), "", "")]


def tables():
    """Tell what a table in Markdown by pandas needs."""
    there = importlib.util.find_spec("tabulate") is not None
    frame = pd.DataFrame({"a": ["+0.050", "1|2"]})
    try:
        text = repr(frame.to_markdown(index=False))
    except ImportError as error:
        text = str(error)
    said = "installed" if there else "not among the dependencies"
    return [("DataFrame.to_markdown needs tabulate", f"{said}: {text}", "none", "", "")]


SECTIONS = {
    "Page's test": page,
    "Sign flips and Wilcoxon's test": signs,
    "Paired t, equivalence and power": t_tests,
    "Holm's correction": holm_correction,
    "Analysis of variance and aliases": variance,
    "Looks while seeds are added": sequential,
    "Measures of a model": evaluation,
    "Stratified subsets": splits,
    "Tables in Markdown": tables,
}


def written(title, rows):
    """Return a section with its table in Markdown."""
    cells = [HEADERS, ("---", "---", "---", "---:", "---:"), *rows]
    escaped = ([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in cells)
    return f"\n## {title}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def main():
    """Print each section; write all of them where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--markdown", type=Path, help="file to write the tables to")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    text = (
        "# Own statistics beside the libraries'\n\n"
        "By `tests/benchmarks/library_choices.py`: both results and the processor time of one call "
        f"in microseconds. Python {platform.python_version()}, {versions}, on "
        f"{platform.processor() or platform.machine()}.\n"
    )
    for title in arguments.only:
        section = written(title, SECTIONS[title]())
        print(section, flush=True)
        text += section
    if arguments.markdown:
        arguments.markdown.write_text(text)


if __name__ == "__main__":
    main()
