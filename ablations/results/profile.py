"""The profile of a study: seconds by part, trials per minute, and advice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ablations.report.numbers import share_words
from ablations.report.study.costs import shared_machine
from ablations.report.wording import count_of, joined
from ablations.store import StoredResults
from ablations.study.timing import PHASES
from cnnzoo.runtime.progress import duration

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRACE, OTHER, WAIT = "trace", "other", "wait"

MEANINGS = {
    "load": "loading the data",
    "build": "building the models",
    TRACE: "tracing, once a variant and worker",
    "train": "training",
    "evaluate": "measuring on the splits",
    "explain": "the doctor's experiments",
    OTHER: "the rest of the trials",
    WAIT: "workers without a trial",
}
"""Meaning of each part of the time, by its name in the table."""

LEAST_SAID = 0.05
"""Share of the time from which a part is in the sentence."""

FORMATS = {"seconds": "{:.1f}".format, "share": "{:.1%}".format}

OF_PROCESS = ("process", "started", "traced")
"""Columns of the timings that are no phases."""

BREAK = 60.0
"""Seconds without any trial after which a run was a further one."""

MUCH_WAITING = 0.25
MUCH_TRACING = 0.3


@dataclass(frozen=True)
class Profile:
    """Seconds of a study by part, over all workers, with its speed and advice.

    Attributes
    ----------
    parts
        One row per part of the time: ``part``, ``seconds`` over all workers, ``share`` and
        ``meaning``. "trace" is estimated from the trainings of the same variant on warm models; it
        is part of "train" where a variant has none.
    trials
        Number of trials with a known timing.
    seconds
        From the beginning of the first trial to the end of the last one; breaks between runs do
        not count.
    workers
        Mean number of processes at once.
    trials_per_minute
        Trials per minute of ``seconds``.
    load
        Median load per core of the machine; None if unknown.
    advice
        What would make such a study faster; may be empty.
    """

    parts: pd.DataFrame
    trials: int
    seconds: float
    workers: float
    trials_per_minute: float
    load: float | None = None
    advice: Sequence[str] = ()

    @property
    def words(self) -> str:
        """The profile in one sentence."""
        shown = self.parts[self.parts["share"] >= LEAST_SAID]
        shown = shown.sort_values("share", ascending=False, kind="stable")
        parts = [f"{share_words(row.share)} {MEANINGS[row.part]}" for row in shown.itertuples()]
        return (
            f"{count_of(self.trials, 'trial')} in {duration(self.seconds)} on "
            f"{count_of(round(self.workers), 'worker')}, {self.trials_per_minute:.3g} per minute: "
            f"{joined(parts)}."
        )

    @property
    def notes(self) -> list[str]:
        """The sentence, whether the machine was shared, and the advice."""
        return [text for text in (self.words, shared_machine(self.load), *self.advice) if text]

    def __str__(self) -> str:
        table = self.parts.to_string(index=False, formatters=FORMATS)
        return "\n".join([*self.notes, "", table])

    def _repr_html_(self) -> str:
        texts = "".join(f"<p>{escape(text)}</p>" for text in self.notes)
        return f"{texts}{self.parts.to_html(index=False, formatters=FORMATS)}"


def profile(results: StoredResults) -> Profile | None:
    """Return where the time of trials went; None if it is not known of any.

    Parameters
    ----------
    results
        The trials that ran.

    Examples
    --------
    >>> from ablations import Settings, Trial, TrialResult
    >>> from ablations.study.timing import Timing
    >>> from cnnzoo import Recipe
    >>> trials = [Trial("mlp", "digits", Settings({}), Recipe(epochs=1), seed) for seed in (0, 1)]
    >>> timings = [Timing(7, 0.0, {"train": 3.0}), Timing(7, 4.5, {"train": 1.0}, traced=False)]
    >>> told = profile(
    ...     StoredResults.of(
    ...         TrialResult(trial, "done", seconds=seconds, timing=timing)
    ...         for trial, timing, seconds in zip(trials, timings, (4.0, 1.5))
    ...     )
    ... )
    >>> told.parts[told.parts["seconds"] > 0][["part", "seconds"]]
        part  seconds
    2  trace      2.0
    3  train      2.0
    6  other      1.5
    7   wait      0.5
    >>> told.seconds, told.trials_per_minute
    (6.0, 20.0)
    """
    rows = [row for row in results.rows.values() if results.timings.shapes[row]]
    if not rows:
        return None
    times = pd.DataFrame(
        {name: column.array[rows] for name, column in results.timings.columns.items()}
    )
    phases = [name for name in times if name not in OF_PROCESS]
    times["seconds"] = results.plain["seconds"].array[rows].astype(float)
    times["variant"] = np.asarray(results.variants)[rows]
    spent = {name: times[name].fillna(0.0).to_numpy(dtype=float) for name in phases}
    sums = dict.fromkeys(MEANINGS, 0.0)
    sums |= {name: _sum(spent[name]) for name in PHASES if name in spent}
    measured = sum(spent.values(), np.zeros(len(times)))
    sums[OTHER] = _sum(np.maximum(times["seconds"].to_numpy() - measured, 0.0))
    train = spent.get("train", np.zeros(len(times)))
    sums[TRACE] = _sum(_tracing(times.assign(train=train)))
    sums["train"] -= sums[TRACE]
    elapsed = available = 0.0
    for start, end, workers in _runs(times):
        elapsed += end - start
        available += workers * (end - start)
    sums[WAIT] = max(available - _sum(times["seconds"].to_numpy()), 0.0)
    whole = sum(sums.values()) or 1.0
    parts = pd.DataFrame(
        {
            "part": list(sums),
            "seconds": list(sums.values()),
            "share": [seconds / whole for seconds in sums.values()],
            "meaning": list(MEANINGS.values()),
        }
    )
    shares = dict(zip(parts["part"], parts["share"], strict=True))
    loads = [load for load in results.plain["load"].array[rows].tolist() if load is not None]
    mean_workers = available / elapsed if elapsed else 1.0
    rate = 60 * len(times) / elapsed if elapsed else float("nan")
    load = median(loads) if loads else None
    advice = tuple(_advice(shares, mean_workers))
    return Profile(parts, len(times), elapsed, mean_workers, rate, load, advice)


def _sum(values: "NDArray[np.float64]") -> float:
    """Return the sum of values in their order."""
    return float(values.cumsum()[-1]) if len(values) else 0.0


def _tracing(times: pd.DataFrame) -> "NDArray[np.float64]":
    """Return by how much trainings were longer because their models were new."""
    traced = times["traced"].astype(bool)
    usual = times[~traced].groupby("variant")["train"].median()
    new = times[traced & times["variant"].isin(usual.index)]
    return np.asarray(np.maximum(new["train"] - new["variant"].map(usual), 0.0), dtype=float)


def _runs(times: pd.DataFrame) -> Iterator[tuple[float, float, int]]:
    """Yield start, end and number of workers of each time in which trials ran.

    A process that replaces another is no further worker, so the workers are the processes that
    were there at once.
    """
    ordered = times.sort_values("started", kind="stable")
    starts = ordered["started"].to_numpy(dtype=float)
    ends = starts + ordered["seconds"].to_numpy()
    begins = _begins(starts, ends)
    for first, after in zip(begins, [*begins[1:], len(starts)], strict=True):
        run = slice(first, after)
        process = ordered["process"].to_numpy()[run]
        spans = pd.DataFrame({"start": starts[run], "end": ends[run]}).groupby(process)
        each = zip(spans["start"].min(), spans["end"].max(), strict=True)
        yield float(starts[first]), float(ends[run].max()), _at_once(each)


def _begins(starts: "NDArray[np.float64]", ends: "NDArray[np.float64]") -> list[int]:
    """Return the places of the first trials of runs, of trials in the order of their starts."""
    last = np.maximum.accumulate(ends)
    return [0, *(int(place) + 1 for place in np.flatnonzero(starts[1:] > last[:-1] + BREAK))]


def last_run(timings: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of the last run, of `Analysis.timings`.

    Examples
    --------
    >>> timings = pd.DataFrame({"started": [0.0, 900.0, 901.0], "seconds": 1.5, "seed": [0, 1, 2]})
    >>> last_run(timings)["seed"].tolist()
    [1, 2]
    """
    if not len(timings):
        return timings
    starts = timings["started"].to_numpy()
    return timings.iloc[_begins(starts, starts + timings["seconds"].to_numpy())[-1] :]


def _at_once(spans: Iterable[tuple[float, float]]) -> int:
    """Return the largest number of spans that overlap.

    Examples
    --------
    >>> _at_once([(0.0, 5.0), (1.0, 9.0), (5.0, 9.0)])
    2
    """
    ends = [change for start, end in spans for change in ((start, 1), (end, -1))]
    return max(accumulate(step for _, step in sorted(ends)))


def _advice(shares: dict[str, float], workers: float) -> Iterator[str]:
    """Yield what would make such a study faster."""
    if workers > 1 and shares[WAIT] > MUCH_WAITING:
        yield (
            f"Workers had no trial for {share_words(shares[WAIT])} of the time. Fewer workers, or "
            "more trials in one run, would use them better."
        )
    if shares[TRACE] > MUCH_TRACING:
        yield "Each worker traces each variant once, so further seeds need no further tracing" + (
            ", and fewer workers trace less." if workers > 1 else "."
        )
