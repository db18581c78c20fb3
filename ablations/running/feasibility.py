"""Feasibility: what each variant of a study costs, or why it cannot be built."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from ablations.designs.planner import Planner
from ablations.study import BASELINE, Status, Study, Trial, TrialResult, Variant
from ablations.study.errors import StudyError
from cnnzoo.data.dataset import DataInfo
from cnnzoo.data.description import DataDescription
from cnnzoo.doctor.finding import MEASURE_MISSING
from cnnzoo.training.metric_names import MINORITY, parts_of
from cnnzoo.training.metric_texts import STANDARD, kind_of_metric, output_and_metric, standard_of

Measure = Callable[[Sequence[Trial]], Iterable[TrialResult]]
"""Builds the models of trials and counts their cost: `ablations.running.trial.measure_trial`."""


def measured(
    planner: Planner,
    variants: Iterable[Variant],
    measure: Measure,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, TrialResult]:
    """Build a model of each variant, and return its cost or why it cannot be built, by label.

    Trials that are known to be infeasible, by `refused`, are not built again.

    Raises
    ------
    StudyError
        If the baseline is among the variants and cannot be trained.
    """
    trials: dict[str, Trial] = {}
    names: dict[str, list[str]] = {}
    for row, trial in planner.first_rows(variants):
        if row.infeasible and row.variant == BASELINE:
            raise StudyError(f"The baseline of the study cannot be trained: {row.infeasible}")
        if not row.infeasible:
            trials[trial.key] = trial
            names.setdefault(trial.key, []).append(row.label)
    results = [
        TrialResult(trial, Status.INFEASIBLE, reason=refused[key])
        for key, trial in trials.items()
        if key in refused
    ]
    results += measure([trial for key, trial in trials.items() if key not in refused])
    measurements = {name: result for result in results for name in names[result.trial.key]}
    for label in planner.labels(Variant()):
        baseline = measurements.get(label)
        if baseline is not None:
            if baseline.status != Status.DONE:
                several = len(planner.study.data_sets) > 1
                on = f" on {baseline.trial.data}" if several else ""
                raise StudyError(
                    f"The baseline of the study cannot be trained{on}: {baseline.reason}"
                )
            if baseline.data_description is not None:
                check_task(planner.study, baseline.trial.data, baseline.data_description)
            check_measures(planner.study, baseline)
    return measurements


def check_task(study: Study, data: str, about: DataInfo | DataDescription) -> None:
    """Raise StudyError if a metric does not fit the task of a data set."""
    if about.outputs:
        allowed = standard_of(about.outputs)
        why = f"has the outputs {', '.join(output.name for output in about.outputs)}"
    else:
        allowed, why = STANDARD[about.task], f"is a {about.task} task"  # type: ignore[index]
    for text in study.metrics:
        is_standard = kind_of_metric(output_and_metric(text)[1]) == "standard"
        if is_standard and parts_of(text).path not in allowed:
            raise StudyError(
                f"`metrics`: expected any of {', '.join(allowed)}, because {data} {why}; got "
                f"{text}."
            )


def check_measures(study: Study, baseline: TrialResult) -> None:
    """Raise StudyError if a metric of the study is not defined for the baseline."""
    names = {parts_of(output_and_metric(text)[1]).path for text in study.metrics}
    if MINORITY in names and not baseline.metrics["rare_classes"]:
        raise StudyError(
            f"`metrics`: expected metrics that the baseline has; got {MINORITY}, but no class of "
            f"{baseline.trial.data} has less than half of the training examples of the most "
            "frequent one. Leave it out, or set `imbalance` in `baseline`."
        )
    for finding in baseline.findings:
        if finding.code == MEASURE_MISSING:
            raise StudyError(
                "`metrics`: expected metrics that the baseline's model has; got "
                f"{finding.evidence}. {finding.remedy}."
            )


def infeasible(measurements: Mapping[str, TrialResult]) -> dict[str, str]:
    """Return why variants cannot be built, without those whose worker died."""
    return {
        name: result.reason
        for name, result in measurements.items()
        if result.status == Status.INFEASIBLE
    }
