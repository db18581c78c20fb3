"""A trial as experiment trackers know it: parameters, curves and results under safe names."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ablations.store import Planned
from ablations.study import ENDED, Study, TrialResult
from ablations.study.errors import digest
from cnnzoo.toggle import Level

CURVES = "curves"
"""Group of the values after each epoch."""

RESULTS = "results"
"""Group of the values after the training."""

COSTS = ("params", "macs", "seconds", "fit_seconds")

OF_KEYS = r"[^\w. -]|^[. ]|[. ]$"
"""Characters that a tracker forbids in names of values."""

OF_FOLDERS = r"[^\w=,+. -]|^[. ]|[. ]$"
"""Characters that a file system forbids in names of folders."""

LONGEST = 100
"""Number of characters of a safe name."""


@dataclass(frozen=True)
class TrackedRun:
    """One trial that ended, as a run of a tracker.

    Parameters
    ----------
    study, variant, seed
        The name of the study, the name of the variant and the seed.
    data
        Data set of the trial if the study has several; else empty.
    key
        Digest of the trial.
    status, reason
        Whether the trial is done, and why it failed.
    parameters
        The model, the data, the seed, the recipe, and the levels that the study and the variant
        set.
    curves
        Values after each epoch, the first one first.
    results
        Metrics after the training, and costs.
    """

    study: str
    variant: str
    seed: int
    data: str
    key: str
    status: str
    reason: str
    parameters: Mapping[str, Level]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Digest of the study's name and the trial; the same for every export of the trial."""
        return digest({"study": self.study, "key": self.key, "data": self.data})

    @property
    def content(self) -> str:
        """Digest of what is exported."""
        return digest({name: repr(value) for name, value in asdict(self).items()})

    @property
    def name(self) -> str:
        """The variant, the data set if there are several, and the seed."""
        on = f" on {self.data}" if self.data else ""
        return f"{self.variant}{on}, seed {self.seed}"

    @property
    def steps(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The number of each epoch, from 1, and its values under safe names."""
        for epoch in range(max(map(len, self.curves.values()), default=0)):
            yield (
                epoch + 1,
                {
                    f"{CURVES}/{safe_name(name)}": float(values[epoch])
                    for name, values in self.curves.items()
                    if epoch < len(values)
                },
            )

    @property
    def final(self) -> dict[str, float]:
        """The results under safe names."""
        return {f"{RESULTS}/{safe_name(name)}": value for name, value in self.results.items()}

    @property
    def last_epoch(self) -> int:
        """Number of the last epoch; 0 if there is none."""
        return max(map(len, self.curves.values()), default=0)


def tracked_runs(
    study: Study, plan: Sequence[Planned], results: Mapping[str, TrialResult]
) -> list[TrackedRun]:
    """Return the planned trials that ended.

    Parameters
    ----------
    study
        The study as stored, with the baseline's level of every factor.
    plan
        Its plan.
    results
        Results by trial key.
    """
    ended = [row for row in plan if row.key in results and results[row.key].status in ENDED]
    return [_run_of(study, row, results[row.key]) for row in ended]


def _run_of(study: Study, row: Planned, result: TrialResult) -> TrackedRun:
    trial = result.trial
    costs = {name: getattr(result, name) for name in COSTS}
    return TrackedRun(
        study=study.name,
        variant=row.variant,
        seed=row.seed,
        data=row.data,
        key=row.key,
        status=str(result.status),
        reason=result.reason,
        parameters={
            "model": trial.model,
            "data": trial.data,
            "seed": trial.seed,
            **study.baseline,
            **row.changes,
            **trial.settings,
            **asdict(trial.recipe),
        },
        curves=result.history,
        results={
            name: float(value)
            for name, value in {**result.metrics, **costs}.items()
            if value is not None
        },
    )


def safe_name(text: str, unsafe: str = OF_KEYS) -> str:
    """Return a name that is accepted everywhere, different for different texts.

    Parameters
    ----------
    text
        The name.
    unsafe
        Regular expression for what is replaced: `OF_KEYS` or `OF_FOLDERS`.

    Examples
    --------
    >>> safe_name("pool_size=3, dropout=0.5", OF_FOLDERS)
    'pool_size=3, dropout=0.5'
    >>> safe_name("../x")
    '_._x-d6b96a97'
    """
    safe = re.sub(unsafe, "_", text)[:LONGEST]
    if text and safe == text:
        return text
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
