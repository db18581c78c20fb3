"""Seconds of past trials on this machine, for estimates: a small file in the cache folder."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from ablations.study import Status, Trial, TrialResult
from ablations.study.errors import digest
from cnnzoo.runtime.files import cache_folder, write_atomically
from cnnzoo.runtime.machine import describe_machine

KEPT = 1000
"""Number of variants whose times are kept: the last ones that ran."""

MACHINE = ("cpu", "gpus", "system")
"""Names of `describe_machine` on which the time of a trial depends."""


OF_PROGRAM = "__main__:"
"""Beginning of the names of functions of a script or notebook, which are not the same in others."""


@dataclass(frozen=True)
class PastTime:
    """Time of a variant's trials in the last run that trained it.

    Parameters
    ----------
    model, data
        Model and data, as a trial names them.
    seconds
        Median seconds of a trial.
    estimate
        Estimate of `ablations.running.expected_time.estimate`; None if unknown.
    machine
        Digest of the machine, because several ones may share a cache folder.
    """

    model: str
    data: str
    seconds: float
    estimate: float | None
    machine: str


class PastTimes:
    """Times of past trials on this machine by variant.

    The code of builders and the content of files may have changed since: the times are for
    estimates only.

    Parameters
    ----------
    times
        Times by the digest of a variant and this machine.
    """

    def __init__(self, times: Mapping[str, PastTime] | None = None) -> None:
        machine = describe_machine()
        self._machine = {name: machine.get(name, "") for name in MACHINE}
        self._times = dict(times or {})

    @classmethod
    def stored(cls) -> "PastTimes":
        """Return the times in the cache folder; none if there is no readable file."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            stored = json.loads(times_file().read_text(encoding="utf-8"))
            return cls({key: PastTime(**time) for key, time in stored.items()})
        return cls()

    def of_variant(self, trial: Trial) -> PastTime | None:
        """Return the time of a trial's variant, with any seed."""
        return self._times.get(self._key(trial))

    def scale(self, model: str, data: str) -> float | None:
        """Return the median of time over estimate for a model and data; None if unknown."""
        ratios = [
            time.seconds / time.estimate
            for time in self._times.values()
            if (time.model, time.data, time.machine) == (model, data, digest(self._machine))
            and time.estimate
        ]
        return median(ratios) if ratios else None

    def add(self, results: Iterable[TrialResult], estimates: Mapping[str, float | None]) -> None:
        """Add the times of completed trials.

        Parameters
        ----------
        results
            Results of one run.
        estimates
            Estimated seconds by the key of a trial.
        """
        of_variants: dict[str, list[TrialResult]] = {}
        for result in results:
            of_program = result.trial.model.startswith(OF_PROGRAM)
            if result.status == Status.DONE and not of_program:
                of_variants.setdefault(self._key(result.trial), []).append(result)
        for key, group in of_variants.items():
            trial, before = group[0].trial, self._times.pop(key, None)
            guess = estimates.get(trial.key) or (before.estimate if before else None)
            seconds = median(result.seconds for result in group)
            self._times[key] = PastTime(
                trial.model, trial.data, seconds, guess, digest(self._machine)
            )

    def write(self) -> None:
        """Write the times of the last variants to the cache folder; I/O errors are ignored."""
        kept = list(self._times.items())[-KEPT:]
        content = json.dumps({key: asdict(time) for key, time in kept})
        with suppress(OSError):  # an estimate is not worth a failed run
            write_atomically(times_file(), content.encode())

    def _key(self, trial: Trial) -> str:
        return digest({"variant": trial.variant_key, **self._machine})


def keep_times(results: Iterable[TrialResult], estimates: Mapping[str, float | None]) -> None:
    """Add the times of a run's trials to those in the cache folder.

    Of two runs that end at the same moment, one may lose its times.
    """
    times = PastTimes.stored()
    times.add(results, estimates)
    times.write()


def times_file() -> Path:
    """Return the file of the times."""
    return cache_folder() / "trial_seconds.json"
