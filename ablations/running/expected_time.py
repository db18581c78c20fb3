"""Expected time of trials before they run: from stored trials, or from the cost of the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from ablations.running.past_times import PastTimes
from ablations.store import Planned, Store, StoredResults
from ablations.store.provenance import other_machine
from ablations.study import Status, Trial, TrialResult
from ablations.study.errors import StudyError
from cnnzoo.runtime.machine import describe_machine

MACS_A_SECOND = 15e9
"""Speed of one core in the small convolutions of the zoo, for estimates of time."""


class Source(StrEnum):
    """Source of an expected time."""

    VARIANT = "trials of the variant"
    PAST_VARIANT = "earlier runs of the variant"
    OTHERS = "other trials"
    PAST_OTHERS = "earlier runs of the model"
    COST = "multiply-accumulates"


@dataclass(frozen=True)
class ExpectedTime:
    """Expected seconds of a trial.

    Parameters
    ----------
    seconds
        Seconds of the whole trial on one worker; None if unknown.
    seconds_from
        A `Source`; empty if unknown.
    """

    seconds: float | None = None
    seconds_from: str = ""


def expected_times(
    rows: Sequence[tuple[Planned, Trial]],
    costs: Mapping[str, TrialResult],
    known: StoredResults,
    past: PastTimes,
) -> dict[str, ExpectedTime]:
    """Return the expected times of trials by key.

    The trials of the variant come first, those of the study before those of other studies; then
    trials of other variants, scaled by the multiply-accumulates.

    Parameters
    ----------
    rows
        The plan.
    costs
        Measurements of the models by `Planned.label`.
    known
        Results of the study's trials by key.
    past
        Times of other studies' trials.
    """
    rough = {row.key: estimate(costs.get(row.label), trial) for row, trial in rows}
    statuses = known.statuses.items()
    seconds_of = {
        key: seconds
        for (key, status), seconds in zip(statuses, known.values_of("seconds"), strict=True)
        if status == Status.DONE
    }
    took = {row.key: seconds_of[row.key] for row, _ in rows if row.key in seconds_of}
    of_variants: dict[str, list[float]] = {}
    for row, trial in rows:
        if row.key in took:
            of_variants.setdefault(trial.variant_key, []).append(took[row.key])
    pairs = {(trial.model, trial.data) for _, trial in rows}
    scales = {pair: past.scale(*pair) for pair in pairs}
    ratios = [seconds / guess for key, seconds in took.items() if (guess := rough[key])]
    ratio = median(ratios) if ratios else None
    first = {trial.variant_key: trial for _, trial in rows}
    earlier = {variant: past.of_variant(trial) for variant, trial in first.items()}
    usual = {variant: median(seconds) for variant, seconds in of_variants.items()}
    times = {}
    for row, trial in rows:
        guess, time = rough[row.key], earlier[trial.variant_key]
        scale = scales[trial.model, trial.data]
        if row.infeasible:
            times[row.key] = ExpectedTime()
        elif trial.variant_key in usual:
            times[row.key] = expected(usual[trial.variant_key], Source.VARIANT)
        elif time is not None:
            times[row.key] = expected(time.seconds, Source.PAST_VARIANT)
        elif guess is None:
            times[row.key] = ExpectedTime()
        elif ratio is not None:
            times[row.key] = expected(guess * ratio, Source.OTHERS)
        elif scale is not None:
            times[row.key] = expected(guess * scale, Source.PAST_OTHERS)
        else:
            times[row.key] = expected(guess, Source.COST)
    return times


def expected(seconds: float, source: Source) -> ExpectedTime:
    """Return an expected time, to a tenth of a second."""
    return ExpectedTime(round(seconds, 1), source)


def estimate(cost: TrialResult | None, trial: Trial) -> float | None:
    """Estimate the seconds of a trial; a backward pass costs as much as two forward ones."""
    if cost is None or cost.macs is None:
        return None
    passes = 3 * cost.metrics["examples"] * trial.recipe.epochs
    return float(passes * cost.macs / MACS_A_SECOND + 1)


def stored_results(directory: Path) -> StoredResults:
    """Return the stored results of the last run in a directory that tell the time here, by key.

    It is empty if there is no study.
    """
    try:
        with Store(directory) as store:
            return of_this_machine(store.results(store.context))
    except StudyError:
        return StoredResults()


def of_this_machine(results: StoredResults) -> StoredResults:
    """Return stored results; none if another machine computed some of them.

    Their times say nothing about this machine.
    """
    here = describe_machine()
    if any(other_machine(machine, here) for machine in results.machines):
        return StoredResults()
    return results
