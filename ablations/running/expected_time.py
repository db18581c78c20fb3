"""Expected time of trials before they run: from stored trials, or from the cost of the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

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
    OTHERS = "other trials"
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
) -> dict[str, ExpectedTime]:
    """Return the expected times of trials by key.

    Parameters
    ----------
    rows
        The plan.
    costs
        Measurements of the models by `Planned.label`.
    known
        Results of trials by key.
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
    guesses = {key: guess for key, guess in rough.items() if guess is not None}
    ratios = [took[key] / guess for key, guess in guesses.items() if key in took]
    times = {}
    for row, trial in rows:
        guess = rough[row.key]
        if row.infeasible:
            times[row.key] = ExpectedTime()
        elif trial.variant_key in of_variants:
            seconds = median(of_variants[trial.variant_key])
            times[row.key] = ExpectedTime(round(seconds, 1), Source.VARIANT)
        elif guess is None:
            times[row.key] = ExpectedTime()
        elif ratios:
            times[row.key] = ExpectedTime(round(guess * median(ratios), 1), Source.OTHERS)
        else:
            times[row.key] = ExpectedTime(round(guess, 1), Source.COST)
    return times


def estimate(cost: TrialResult | None, trial: Trial) -> float | None:
    """Estimate the seconds of a trial; a backward pass costs as much as two forward ones."""
    if cost is None or cost.macs is None:
        return None
    passes = 3 * cost.metrics["examples"] * trial.recipe.epochs
    return float(passes * cost.macs / MACS_A_SECOND + 1)


def stored_results(directory: Path) -> dict[str, TrialResult]:
    """Return the stored results of the last run in a directory, by trial key.

    It is empty if there is no study or another machine computed some of the results, because their
    times say nothing about this machine.
    """
    try:
        with Store(directory) as store:
            context = store.context
            here = describe_machine()
            if any(other_machine(machine, here) for machine in store.machines(context)):
                return {}
            return store.results(context)
    except StudyError:
        return {}
