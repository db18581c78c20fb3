"""Expected time of trials before they run: from stored trials, or from the cost of the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from ablations.running.past_times import PastTimes
from ablations.store import Planned, Store
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
    known: Mapping[str, TrialResult],
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
    took = {
        row.key: known[row.key].seconds
        for row, _ in rows
        if row.key in known and known[row.key].status == Status.DONE
    }
    of_variants: dict[str, list[float]] = {}
    for row, trial in rows:
        if row.key in took:
            of_variants.setdefault(trial.variant_key, []).append(took[row.key])
    pairs = {(trial.model, trial.data) for _, trial in rows}
    scales = {pair: past.scale(*pair) for pair in pairs}
    ratios = [seconds / guess for key, seconds in took.items() if (guess := rough[key])]
    times = {}
    for row, trial in rows:
        guess, time = rough[row.key], past.of_variant(trial)
        scale = scales[trial.model, trial.data]
        if row.infeasible:
            times[row.key] = ExpectedTime()
        elif trial.variant_key in of_variants:
            times[row.key] = expected(median(of_variants[trial.variant_key]), Source.VARIANT)
        elif time is not None:
            times[row.key] = expected(time.seconds, Source.PAST_VARIANT)
        elif guess is None:
            times[row.key] = ExpectedTime()
        elif ratios:
            times[row.key] = expected(guess * median(ratios), Source.OTHERS)
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


def stored_results(directory: Path) -> dict[str, TrialResult]:
    """Return the stored results of the last run in a directory that tell the time here, by key.

    It is empty if there is no study.
    """
    try:
        with Store(directory) as store:
            return results_of_this_machine(store, store.context)
    except StudyError:
        return {}


def results_of_this_machine(store: Store, context: Mapping[str, str]) -> dict[str, TrialResult]:
    """Return the stored results of a context by key.

    It is empty if another machine computed some of them, because their times say nothing about
    this machine.
    """
    here = describe_machine()
    if any(other_machine(machine, here) for machine in store.machines(context)):
        return {}
    return store.results(context)
