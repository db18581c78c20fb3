"""The check of a declared claim: what would stop its verdict is found before anything trains."""

import ast
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ablations.claims.claim import Claim, Hypothesis
from ablations.claims.measures import SIGNED, known_measures, require_variant
from ablations.designs.planner import Planner
from ablations.results.rules import loss_kinds
from ablations.stats.metrics import is_loss
from ablations.study.checks import AUTO
from ablations.study.errors import StudyError, check_known
from cnnzoo.training.metric_names import ON_REQUEST

EXACT_CHECKS = "ablations.claims.exact_checks"
"""Module of the functions that `Claim.check` names."""


def check_claim(claim: Claim) -> None:
    """Check that a claim can have a verdict, without training and without Keras.

    Each of its studies has a plan; each hypothesis names one of the studies, a measure that its
    trials will have, and cells that the plan trains; it has a margin above 0; its weights sum to 0,
    so that a difference of levels is tested and not a level, unless there is a constant, or two
    cells whose ratio is tested; and the exact check exists.

    Parameters
    ----------
    claim
        The claim.

    Raises
    ------
    StudyError, ToggleError
        If the claim or one of its studies cannot be tested as declared.
    """
    if not (claim.hypotheses or claim.check):
        raise StudyError(f"{claim.id}: expected hypotheses or an exact check; got neither.")
    if claim.hypotheses and not claim.studies:
        raise StudyError(f"{claim.id}: expected a study for its hypotheses; got none.")
    planners = {study.name: Planner.of(study) for study in claim.studies}
    if len(planners) < len(claim.studies):
        names = ", ".join(study.name for study in claim.studies)
        raise StudyError(f"{claim.id}: expected different names of its studies; got {names}.")
    for study in claim.studies:
        if study.seeds == AUTO:
            raise StudyError(
                f"{claim.id}: expected a fixed number of seeds in the study {study.name}, because "
                f"its verdict is computed once; got {AUTO!r}."
            )
    for hypothesis in claim.hypotheses:
        name = hypothesis.study or claim.studies[0].name
        check_known(name, list(planners), f"{claim.id} has no study")
        where = f"{claim.id}, {hypothesis.statement!r}"
        _check_numbers(hypothesis, where)
        _check_measure(hypothesis.measure, planners[name], where)
        _check_cells(hypothesis, planners[name], where)
    if claim.check:
        check_known(claim.check, exact_checks(), f"{claim.id}: there is no exact check")


def exact_checks() -> list[str]:
    """Return the names of the exact checks, read from the source so that Keras is not loaded."""
    spec = find_spec(EXACT_CHECKS)
    if spec is None or spec.origin is None:
        return []
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def _check_numbers(hypothesis: Hypothesis, where: str) -> None:
    weights = [weight for _, weight in hypothesis.weights]
    if not any(weights) or not all(map(math.isfinite, weights)):
        raise StudyError(f"{where}: expected finite weights other than 0; got {weights}.")
    if not (math.isfinite(hypothesis.margin) and hypothesis.margin > 0):
        raise StudyError(
            f"{where}: expected a finite margin above 0, the smallest contrast that matters; got "
            f"{hypothesis.margin!r}."
        )
    if not math.isfinite(hypothesis.constant):
        raise StudyError(f"{where}: expected a finite constant; got {hypothesis.constant!r}.")
    if hypothesis.constant or abs(sum(weights)) <= 1e-9 * max(map(abs, weights)):
        return
    if not (_is_ratio(weights) or (len(weights) == 1 and hypothesis.measure in SIGNED)):
        raise StudyError(
            f"{where}: expected weights that sum to 0, a constant, or two weights of opposite "
            f"sign; got weights that sum to {sum(weights):g}."
        )


def _is_ratio(weights: Sequence[float]) -> bool:
    """Return whether a contrast is positive if one mean is more than a multiple of another."""
    return len(weights) == 2 and min(weights) < 0 < max(weights)


def _check_measure(measure: str, planner: Planner, where: str) -> None:
    study = planner.study
    if measure in ON_REQUEST and measure not in study.metrics:
        raise StudyError(
            f"{where}: {measure} is measured on request only. Add it to `metrics` of the study "
            f"{study.name}."
        )
    check_known(measure, known_measures(study), f"{where}: the trials will hold no measure")


def _check_cells(hypothesis: Hypothesis, planner: Planner, where: str) -> None:
    layout, study = planner.layout, planner.study
    plan = [(variant.name, variant.changes) for variant in layout.variants]
    names = []
    for cell, _ in hypothesis.weights:
        try:
            names.append(require_variant(cell, plan, layout.baseline, study.name))
        except StudyError as error:
            raise StudyError(f"{where}: {str(error)[0].lower()}{str(error)[1:]}") from error
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise StudyError(f"{where}: expected one weight per variant; {twice[0]} has several.")
    compared = [variant for variant in layout.variants if variant.name in names]
    blocks = dict.fromkeys(names, study.seed_blocks[:1])
    for row, _ in planner.rows(compared, blocks, {}):
        if row.infeasible:
            raise StudyError(f"{where}: {row.variant} cannot be trained: {row.infeasible}")
    kinds = loss_kinds(layout.baseline, [(name, changes, None) for name, changes in plan])
    if is_loss(hypothesis.measure) and len({kinds[name] for name in names}) > 1:
        raise StudyError(
            f"{where}: {hypothesis.measure} is not comparable between variants that minimize "
            "different losses. Take a measure such as test_nll, test_accuracy or test_rmse."
        )
