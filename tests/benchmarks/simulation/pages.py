"""How often a page of a study without any effect claims one, through the report's sentences."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ablations import Settings, Study
from ablations.designs import design
from ablations.report import ReportContents
from ablations.report.study.conclusions import answers, opening
from ablations.report.study.summary import summary
from ablations.results.analysis import Analysis
from ablations.results.report_contents import claims_of, error_rate
from ablations.results.trials import COSTS
from ablations.stats import looks
from ablations.store import Plan, Planned, StoredResults
from ablations.study import BASELINE, Variant
from simulation.draws import Array, rng_of
from simulation.tables import Report, Row

TWO = {"skip": [False, True], "dropout": [0.0, 0.5], "pool": ["max", "average"]}

STUDIES = {
    "one factor of 4 levels": Study("mlp", factors={"units": [8, 16, 32, 64]}),
    "two factors of 3 levels": Study("mlp", factors={"units": [8, 16, 32], "depth": [1, 2, 3]}),
    "full factorial, 2^3": Study("mlp", factors=TWO, design="full-factorial"),
    "fraction, 2^(4-1)": Study(
        "mlp", factors={**TWO, "depth": [1, 2]}, design="fractional-factorial"
    ),
    "path of 3": Study("mlp", factors=TWO, design="path"),
    'one factor of 4 levels, seeds="auto"': Study(
        "mlp", factors={"units": [8, 16, 32, 64]}, seeds="auto"
    ),
    "leave-one-out of 3": Study("mlp", factors=TWO, design="leave-one-out"),
    "add-one-in of 3": Study("mlp", factors=TWO, design="add-one-in"),
    "Plackett-Burman of 5": Study(
        "mlp", factors={**TWO, "depth": [1, 2], "width": [1, 2]}, design="plackett-burman"
    ),
}
"""A study of each design, with ten seeds, on loss and accuracy."""

CLAIMS = re.compile(
    r": (better|worse)\b|^Raising .* (increases|decreases) |\bhas an effect\b|\binteract in\b"
)
"""Words with which a sentence claims an effect."""

Values = Callable[[str, int], Array]
"""The loss and the accuracy of a variant with a seed."""


class Made(Analysis):
    """An analysis of trials that no store holds."""

    def __init__(self, study: Study, plan: list[Planned], trials: pd.DataFrame) -> None:
        self.directory = Path("made")
        self.study = study
        self.versions: dict[str, str] = {}
        self._studies = [study]
        self._plan = Plan(plan)
        self._results = StoredResults()
        self._deltas = {}
        self.__dict__["_trials"] = trials


def page_of(study: Study, values: Values) -> ReportContents:
    """Run a study whose trials come to the values, round by round, and return its report."""
    factors = {name: tuple(levels) for name, levels in study.factors.items()}
    start = Settings({name: levels[0] for name, levels in factors.items()})
    layout = design(study.design, factors, start, ())
    study = Study.from_dict(study.to_dict() | {"baseline": dict(start)})
    variants = list(layout.variants)
    at = looks(study.max_seeds)[0] if study.seeds == "auto" else len(study.seed_blocks)
    counts = {variant.name: at for variant in variants}
    while True:
        results = _results(study, variants, counts, start, values)
        grown = list(layout.grow(results.losses())) if study.design == "path" else []
        variants += grown
        counts |= {variant.name: at for variant in grown}
        if study.seeds == "auto" and (wanted := results.open_variants()):
            counts |= wanted | {BASELINE: max(wanted.values())}
        elif not grown:
            return _contents(results)


def _contents(results: "Made") -> ReportContents:
    """Return what the sentences of a report are made of, as `contents_of` gathers it."""
    claims, tables = claims_of(results)
    metrics = dict.fromkeys(claims.deltas["metric"])
    return ReportContents(
        results.study.to_dict(),
        claims.deltas,
        results.trials,
        tables=tables,
        changes=results.changes,
        secondary=tuple(name for name in metrics if name != claims.metric),
        error_rate=error_rate(claims),
    )


def _results(
    study: Study, variants: Iterable[Variant], counts: dict[str, int], start: Settings, at: Values
) -> Made:
    plan = []
    rows = []
    for variant in variants:
        changes = dict(variant.changes)
        one = next(iter(changes)) if len(changes) == 1 else None
        labels = (
            (one, changes[one], start[one])
            if one
            else tuple(
                " + ".join(map(str, each)) or None
                for each in (changes, changes.values(), (start[name] for name in changes))
            )
        )
        for seed in range(counts[variant.name]):
            key = f"{variant.name}, {seed}"
            plan.append(Planned(variant.name, changes, *labels, seed, key))
            loss, accuracy = at(variant.name, seed)
            rows.append(
                {
                    **dict(zip(("factor", "level", "baseline"), labels, strict=True)),
                    **dict.fromkeys(COSTS, 1.0),
                    "variant": variant.name,
                    "seed": seed,
                    "status": "done",
                    "test_loss": loss,
                    "test_accuracy": accuracy,
                    "val_loss": loss,
                    "val_accuracy": accuracy,
                    "findings": "",
                    "codes": "",
                    "reason": "",
                    "key": key,
                }
            )
    trials = pd.DataFrame(rows)
    for name in ("factor", "level", "baseline"):
        trials[name] = pd.Series([row[name] for row in rows], dtype=object)
    return Made(study, plan, trials)


def without_effect(rng: np.random.Generator, skewed: bool = False) -> Values:
    """Return values of trials that no toggle changes: an effect of the seed and noise."""
    seeds = rng.normal(size=(100, 2))
    drawn: dict[tuple[str, int], Array] = {}

    def values(variant: str, seed: int) -> Array:
        key = (variant, seed)
        if key not in drawn:
            noise = rng.lognormal(size=2) if skewed else rng.normal(size=2)
            drawn[key] = 5 + seeds[seed] + noise
        return drawn[key]

    return values


def sentences_with_claims(contents: ReportContents) -> list[str]:
    """Return the sentences of a report that claim an effect."""
    sentences = [*opening(contents), *answers(contents)]
    sentences += [one for many in summary(contents).values() for one in many]
    return [
        one.text
        for one in sentences
        if one.verdict in ("better", "worse") or CLAIMS.search(one.text)
    ]


def pages(report: Report, most: int = 1000) -> None:
    """Put studies without any effect through the report's sentences."""
    count = min(report.repetitions, most)
    rows = []
    for place, (name, study) in enumerate(STUDIES.items()):
        row: Row = {"study": name}
        for kind, skewed in (("normal", False), ("lognormal", True)):
            rng = rng_of(17, place, int(skewed))
            false = sum(
                bool(sentences_with_claims(page_of(study, without_effect(rng, skewed))))
                for _ in range(count)
            )
            row[f"{kind} errors: a claim on the page"] = report.at_most(
                f"page, {name}, {kind}", false / count, repetitions=count
            )
        first = page_of(study, without_effect(rng_of(17, place, 2)))
        row["primary claims"] = (*re.findall(r"its ([\d,]+) primary", first.error_rate), "1")[0]
        rows.append(row)
    report.add(
        f"Pages of studies without any effect, {count:,} of each design",
        "How often a report says better, worse, a trend or an effect in any sentence of its "
        "summary, where no toggle does anything: at most 5%. Two metrics, ten seeds.",
        rows,
    )
