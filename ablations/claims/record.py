"""The record of a run of the claims: its outcomes as tables and as JSON values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.claims.claim import Comparison
from ablations.claims.outcome import OUTCOMES, ClaimOutcome
from ablations.claims.verdict import HypothesisVerdict

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Version of the layout of the stored record."""


@dataclass(frozen=True)
class ClaimsRun:
    """Settings, command, versions and machine of a run of the claims.

    Parameters
    ----------
    quick, data, seeds
        As of `ablations.run_claims`.
    made
        Date and time of the last change, in UTC.
    command
        Command that repeats the run.
    versions, machine
        Versions of packages and code, and the machine.
    """

    quick: bool = False
    data: str | None = None
    seeds: int | None = None
    made: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that must equal those of the stored run that it resumes."""
        return {"quick": self.quick, "data": self.data, "seeds": self.seeds}


class ClaimsRecord:
    """The outcomes of a run of the claims.

    Parameters
    ----------
    outcomes
        Outcomes of the claims.
    run
        How they were run.
    directory
        Directory of the run.

    Attributes
    ----------
    outcomes, run, directory
        As given; outcomes in the order of the claims' ids.
    interrupted
        Whether Ctrl-C ended the run before all claims were tested; False for opened results.
    """

    def __init__(
        self, outcomes: Sequence[ClaimOutcome], run: ClaimsRun, directory: str | Path
    ) -> None:
        self.outcomes = tuple(sorted(outcomes, key=lambda one: one.id))
        self.run = run
        self.directory = Path(directory)
        self.interrupted = False

    def __repr__(self) -> str:
        """Return the directory with the number of claims by verdict."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items() if count)
        return f"<{type(self).__name__} in {self.directory}: {counts or 'no claims'}>"

    @property
    def counts(self) -> dict[str, int]:
        """Number of claims by verdict."""
        verdicts = [outcome.verdict for outcome in self.outcomes]
        return {verdict: verdicts.count(verdict) for verdict in OUTCOMES}

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per claim.

        Its columns are ``id``, ``name``, ``document``, ``claim`` (its text), ``found`` (effect,
        interval and number of seed blocks, or exact comparisons, in words), ``verdict``, ``n``
        (smallest number of seed blocks of its hypotheses), ``trials`` and ``seconds`` (of all
        trials, one after the other), ``explanation`` (findings of the doctor) and ``reason`` (why
        the claim was not tested).
        """
        return _frame(
            (
                *("id", "name", "document", "claim", "found", "verdict", "n", "trials"),
                *("seconds", "explanation", "reason"),
            ),
            [
                (
                    *(one.id, one.name, ", ".join(one.documents), one.text, one.found),
                    *(one.verdict, one.seed_blocks, one.trials, one.seconds),
                    *(one.explained, one.reason),
                )
                for one in self.outcomes
            ],
        )

    @cached_property
    def hypotheses(self) -> "pd.DataFrame":
        """One row per hypothesis: the claim's id, and the fields of `HypothesisVerdict`."""
        names = [each.name for each in fields(HypothesisVerdict)]
        return _frame(
            ("id", *names),
            [
                (one.id, *(getattr(each, name) for name in names))
                for one in self.outcomes
                for each in one.hypotheses
            ],
        )

    @cached_property
    def comparisons(self) -> "pd.DataFrame":
        """One row per comparison of an exact check: its claim, its fields, and ``holds``."""
        names = [*(each.name for each in fields(Comparison)), "holds"]
        return _frame(
            ("id", *names),
            [
                (one.id, *(getattr(each, name) for name in names))
                for one in self.outcomes
                for each in one.comparisons
            ],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON values; an unknown number is None."""
        values = {"format": FORMAT, **asdict(self.run), "claims": list(map(asdict, self.outcomes))}
        return _jsonable(values)  # type: ignore[no-any-return]


def _jsonable(value: Any) -> Any:
    """Return a value for JSON, in which None stands for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(name): _jsonable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int) or value is None:
        return value
    number = float(value)  # also NumPy's
    return number if math.isfinite(number) else None


def _frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))
