"""What each variant of a study costs, or why it cannot be built: known before anything trains."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from ablations.designs.planner import Planner
from ablations.study import BASELINE, Status, Study, Trial, TrialResult, Variant
from ablations.study.checks import METRICS_OF
from ablations.study.settings import StudyError

Measure = Callable[[Sequence[Trial]], Iterable[TrialResult]]
"""What builds the models of some trials and counts their cost, as `ablations.running.trial` does."""

MACS_A_SECOND = 15e9
"""What one core manages in the small convolutions of the zoo, for estimates of time."""


def measured(
    planner: Planner,
    variants: Iterable[Variant],
    measure: Measure,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, TrialResult]:
    """Build a model of each variant, and return its cost or why it cannot be built.

    Parameters
    ----------
    planner
        The checked study.
    variants
        Some of its variants.
    measure
        What builds and counts.
    refused
        By trial, why it could not be built before; such a one is not built again.

    Raises
    ------
    StudyError
        If the baseline is among the variants and cannot be trained.
    """
    trials: dict[str, Trial] = {}
    names: dict[str, list[str]] = {}
    for row, trial in planner.rows(list(variants), {}, {}):
        if row.infeasible and row.variant == BASELINE:
            raise StudyError(f"The baseline of the study cannot be trained: {row.infeasible}")
        if trial.seed == planner.study.seed_blocks[0] and not row.infeasible:
            trials[trial.key] = trial
            names.setdefault(trial.key, []).append(row.variant)
    results = [
        TrialResult(trial, Status.INFEASIBLE, reason=refused[key])
        for key, trial in trials.items()
        if key in refused
    ]
    results += measure([trial for key, trial in trials.items() if key not in refused])
    found = {name: result for result in results for name in names[result.trial.key]}
    baseline = found.get(BASELINE)
    if baseline is not None and baseline.status != Status.DONE:
        raise StudyError(f"The baseline of the study cannot be trained: {baseline.reason}")
    if baseline is not None:
        check_task(planner.study, baseline.metrics["classes"])
    return found


def check_task(study: Study, classes: float) -> None:
    """Refuse metrics of another task than the data's.

    Raises
    ------
    StudyError
        With the metrics that there are.
    """
    task = "regression" if classes == 1 else "classification"
    for name in study.metrics:
        if name not in METRICS_OF[task]:
            raise StudyError(
                f"`metrics` of the study: {study.data} is a {task}, which is measured by "
                f"{', '.join(METRICS_OF[task])}; got {name}."
            )


def infeasible(found: Mapping[str, TrialResult]) -> dict[str, str]:
    """Return why variants cannot be built; one whose worker died in the attempt may be yet."""
    return {
        name: result.reason for name, result in found.items() if result.status == Status.INFEASIBLE
    }


def estimate(cost: TrialResult | None, trial: Trial) -> float | None:
    """Return the seconds that a trial may take: a backward pass costs two forward ones."""
    if cost is None or cost.macs is None:
        return None
    passes = 3 * cost.metrics["examples"] * trial.recipe.epochs
    return round(passes * cost.macs / MACS_A_SECOND + 1, 1)
