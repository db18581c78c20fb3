"""Results and plans of trials as columns: what a million of them need is memory for numbers.

A trial's result is a `TrialResult` wherever one is asked for by its key. Tables are made from whole
columns.
"""

import json
import re
from array import array as numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ablations.study import Settings, Status, Trial, TrialResult
from ablations.study.timing import Timing
from cnnzoo.doctor.finding import Finding
from cnnzoo.folds import HeldOut
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MISSING = float("nan")

FRESH = 4096
"""Number of values of a column that are kept as Python objects before they become an array."""

PLAIN = ("status", "reason", "seconds", "fit_seconds", "params", "macs", "loss", "load")
"""Fields of `TrialResult` that are stored as they are."""

HELD_OUT = ("size", "pool", "train")

OF_TRIAL = re.compile(r'"seed": (-?\d+)(?=, "measures"|\}$)')
"""The seed in the JSON of a trial; all else is the same for the seeds of a variant."""


@dataclass(frozen=True)
class Planned:
    """A row of the plan: the trial of one variant with one seed.

    Parameters
    ----------
    variant, changes
        The variant's name and the levels that it changes.
    factor, level, baseline
        The changed factor, its level, and the baseline's level; several changes are joined by
        " + "; None for the baseline itself.
    seed, key
        The trial's seed and digest.
    infeasible
        Why the model cannot be built; empty if it can.
    data
        Data set of the trial, if the study has several; else empty.
    """

    variant: str
    changes: Mapping[str, Level]
    factor: str | None
    level: Level | None
    baseline: Level | None
    seed: int
    key: str
    infeasible: str = ""
    data: str = ""

    @property
    def label(self) -> str:
        """Name of the variant, with the data set if the study has several."""
        return f"{self.variant} on {self.data}" if self.data else self.variant


class Plan(Sequence[Planned]):
    """The rows of a plan. What the seeds of a variant have in common is kept once.

    Parameters
    ----------
    rows
        Rows to begin with.

    Attributes
    ----------
    variants
        A row for each variant, of any seed.
    places
        For each row of the plan, the place of its variant in `variants`.
    seeds, keys
        Seed and key of each row.

    Examples
    --------
    >>> row = Planned("skip=True", {"skip": True}, "skip", True, False, 0, "a")
    >>> plan = Plan([row, replace(row, seed=1, key="b")])
    >>> len(plan), len(plan.variants), plan[1].seed, plan.column("level")
    (2, 1, 1, [True, True])
    """

    def __init__(self, rows: Iterable[Planned] = ()) -> None:
        self.variants: list[Planned] = []
        self.places = numbers("q")
        self.seeds: list[int] = []
        self.keys: list[str] = []
        places: dict[tuple[str, ...], int] = {}
        for row in rows:
            variant = row.variant, row.infeasible, row.data
            if variant not in places:
                places[variant] = self.add_variant(row)
            self.add_seed(places[variant], row.seed, row.key)

    def add_variant(self, row: Planned) -> int:
        """Add a variant, by one of its rows, and return its place."""
        self.variants.append(row)
        return len(self.variants) - 1

    def add_seed(self, place: int, seed: int, key: str) -> None:
        """Add the row of a variant's seed."""
        self.places.append(place)
        self.seeds.append(seed)
        self.keys.append(key)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[place] for place in range(len(self))[number]]
        variant = self.variants[self.places[number]]
        return replace(variant, seed=self.seeds[number], key=self.keys[number])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> list[Any]:
        """Return a field that the seeds of a variant share, a value per row."""
        values = [getattr(variant, name) for variant in self.variants]
        return [values[place] for place in self.places]


class Column:
    """Values in their order: an array of floats as long as all of them are floats."""

    def __init__(self) -> None:
        self._parts: list[NDArray[Any]] = []
        self._fresh: list[object] = []

    def extend(self, values: Iterable[object]) -> None:
        """Add values."""
        self._fresh.extend(values)
        if len(self._fresh) >= FRESH:
            self._pack()

    def _pack(self) -> None:
        import numpy as np

        if self._fresh:
            kind = float if {*map(type, self._fresh)} == {float} else object
            self._parts.append(np.fromiter(self._fresh, kind, len(self._fresh)))
            self._fresh = []

    @property
    def array(self) -> "NDArray[Any]":
        """All values; of the dtype object unless all are floats."""
        import numpy as np

        self._pack()
        if len(self._parts) != 1:
            kind = object if any(part.dtype == object for part in self._parts) else float
            self._parts = [np.concatenate([np.empty(0, kind), *self._parts]).astype(kind)]
        return self._parts[0]


class Columns:
    """Mappings of names to values, a row per mapping and a column per name.

    Attributes
    ----------
    shapes
        The names of each row.
    columns
        Column of each name, with NaN in the rows without the name.
    """

    def __init__(self) -> None:
        self.shapes: list[tuple[str, ...]] = []
        self.columns: dict[str, Column] = {}
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def extend(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows."""
        self._add_names(rows, len(self.shapes))
        for name, column in self.columns.items():
            column.extend([row.get(name, MISSING) for row in rows])

    def _add_names(self, rows: Sequence[Mapping[str, object]], before: int) -> None:
        """Add the shapes of rows, and columns for new names, which so many values lack."""
        shapes = [self._known.setdefault(shape, shape) for shape in map(tuple, rows)]
        self.shapes += shapes
        for name in dict.fromkeys(chain.from_iterable(dict.fromkeys(shapes))):
            if name not in self.columns:
                self.columns[name] = Column()
                self.columns[name].extend([MISSING] * before)

    def names(self, rows: Iterable[int]) -> list[str]:
        """Return the names that rows have, in the order in which they appear there."""
        shapes = self.shapes
        return [*dict.fromkeys(chain.from_iterable(dict.fromkeys(shapes[row] for row in rows)))]

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {name: _plain(self.columns[name].array[row]) for name in self.shapes[row]}


class Curves(Columns):
    """Values after each epoch by name, a row per training and as many values as it has epochs.

    Attributes
    ----------
    starts
        Place of the first epoch of each row in the columns, and the number of all epochs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.starts = numbers("q", [0])

    def extend(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows. Values beyond the last one of a shorter curve are missing."""
        self._add_names(rows, self.starts[-1])
        epochs = [max(map(len, row.values()), default=0) for row in rows]
        for count in epochs:
            self.starts.append(self.starts[-1] + count)
        for name, column in self.columns.items():
            column.extend(
                chain.from_iterable(
                    values
                    if len(values := row.get(name, ())) == count
                    else [*values, *[MISSING] * (count - len(values))]
                    for row, count in zip(rows, epochs, strict=True)
                )
            )

    def __getitem__(self, row: int) -> dict[str, list[Any]]:
        epochs = slice(self.starts[row], self.starts[row + 1])
        return {name: self.columns[name].array[epochs].tolist() for name in self.shapes[row]}


class StoredResults(Mapping[str, TrialResult]):
    """Results by trial key: the done result of a trial, else its latest one.

    Attributes
    ----------
    rows
        Row of each key in the columns. A result that another one has replaced keeps its row.
    plain
        Columns of the fields in `PLAIN`, of `HELD_OUT`, "packed", and "machine" as JSON.
    metrics, history, timings
        Columns of these fields. A row of the timings is empty if they are unknown.
    findings
        Findings of each row.
    variants
        For each row, a number that the seeds of a variant share.

    Examples
    --------
    >>> results = StoredResults()
    >>> trial = Trial("mlp", "digits", Settings(), Recipe(), seed=3)
    >>> results.add(TrialResult(trial, "done", metrics={"test_loss": 0.5}))
    >>> results[trial.key].metrics, results.metrics.columns["test_loss"].array.tolist()
    ({'test_loss': 0.5}, [0.5])
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.plain = {name: Column() for name in (*PLAIN, *HELD_OUT, "packed", "machine")}
        self.metrics, self.timings, self.history = Columns(), Columns(), Curves()
        self.findings: list[tuple[Finding, ...]] = []
        self.variants = numbers("q")
        self._statuses: list[str] = []
        self._seeds: list[int] = []
        self._trials: list[Trial] = []
        self._of_texts: dict[object, int] = {}
        self._known: dict[object, Any] = {}

    def forget(self, keys: Iterable[str]) -> None:
        """Leave out the results of some keys, if there are any."""
        for key in keys:
            self.rows.pop(key, None)

    @classmethod
    def of(cls, results: Iterable[TrialResult]) -> "StoredResults":
        """Return results as columns."""
        gathered = cls()
        for result in results:
            gathered.add(result)
        return gathered

    def add(self, result: TrialResult) -> None:
        """Add the result of a trial."""
        held_out = result.held_out
        fields = {name: [getattr(result, name)] for name in PLAIN}
        fields |= {name: [getattr(held_out, name, None)] for name in HELD_OUT}
        self._add_trial(result.trial)
        self._take([result.trial.key], fields | {"packed": [result.outcomes], "machine": [None]})
        self.metrics.extend([result.metrics])
        self.history.extend([result.history])
        self.findings.append(tuple(result.findings))
        self.timings.extend([_flat(result.timing)])

    def extend(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add results as they are stored: JSON in the columns of `seal.COLUMNS`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If they cannot be read.
        """
        for text in columns["trial"]:
            self._add_text(text)
        known = self._known.setdefault
        shared = {
            name: columns[name]
            if name == "packed" or name.endswith("seconds")
            else [known(value, value) for value in columns[name]]
            for name in self.plain
        }
        self._take(columns["key"], shared)
        self.metrics.extend(_decoded(columns["metrics"]))
        self.history.extend(_decoded(columns["history"]))
        self.findings += map(self._findings_of, columns["findings"])
        self.timings.extend(
            [_flat(Timing(**one) if one else None) for one in _decoded(columns["timing"])]
        )

    def _take(self, keys: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> None:
        first = len(self._statuses)
        self._statuses += fields["status"]
        for row, key in enumerate(keys, first):
            before = self.rows.get(key)
            is_done = self._statuses[row] == Status.DONE
            if before is None or is_done or self._statuses[before] != Status.DONE:
                self.rows[key] = row
        for name, column in self.plain.items():
            column.extend(fields[name])

    def _add_text(self, text: str) -> None:
        """Add a trial by its JSON, of which the part without the seed is decoded once."""
        match = OF_TRIAL.search(text)
        if match is None:  # not written by this package
            return self._add_trial(_trial_of(json.loads(text)))
        rest = text[: match.start()], text[match.end() :]
        if rest not in self._of_texts:
            self._of_texts[rest] = self._variant_of(_trial_of(json.loads(text)))
        self.variants.append(self._of_texts[rest])
        self._seeds.append(int(match[1]))
        return None

    def _add_trial(self, trial: Trial) -> None:
        self.variants.append(self._variant_of(trial))
        self._seeds.append(trial.seed)

    def _variant_of(self, trial: Trial) -> int:
        """Return the number of a trial's variant."""
        key = replace(trial, seed=0)
        if key not in self._of_texts:
            self._of_texts[key] = len(self._trials)
            self._trials.append(key)
        return self._of_texts[key]

    def _findings_of(self, text: str) -> tuple[Finding, ...]:
        if text not in self._known:
            self._known[text] = tuple(Finding(**finding) for finding in json.loads(text))
        found: tuple[Finding, ...] = self._known[text]
        return found

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def __getitem__(self, key: str) -> TrialResult:
        row = self.rows[key]
        value = {name: _plain(column.array[row]) for name, column in self.plain.items()}
        sizes = [value[name] for name in HELD_OUT]
        return TrialResult(
            replace(self._trials[self.variants[row]], seed=self._seeds[row]),
            metrics=self.metrics[row],
            history=self.history[row],
            findings=self.findings[row],
            held_out=HeldOut(*sizes) if None not in sizes else None,
            outcomes=value["packed"] or b"",
            timing=_timing_of(self.timings[row]),
            **{name: value[name] for name in PLAIN},
        )

    @property
    def live(self) -> "NDArray[np.int64]":
        """Rows of the results that no other one has replaced."""
        import numpy as np

        return np.fromiter(self.rows.values(), np.int64, len(self.rows))

    def values_of(self, name: str) -> list[Any]:
        """Return a column of `plain`, a value per key."""
        values: list[Any] = self.plain[name].array[self.live].tolist()
        return values

    @property
    def statuses(self) -> dict[str, str]:
        """Status by key."""
        return dict(zip(self.rows, self.values_of("status"), strict=True))

    @property
    def machines(self) -> list[dict[str, str]]:
        """The different machines that computed the results."""
        return [json.loads(machine) for machine in dict.fromkeys(self.values_of("machine"))]

    @property
    def held_out(self) -> HeldOut | None:
        """Sizes of the test split of the first result that knows them."""
        sizes = zip(*map(self.values_of, HELD_OUT), strict=True)
        known = (HeldOut(*each) for each in sizes if None not in each)
        return next(known, None)

    @property
    def outcomes(self) -> dict[str, bytes]:
        """Packed outcomes by key; empty if unknown."""
        packed = self.values_of("packed")
        return {key: one or b"" for key, one in zip(self.rows, packed, strict=True)}


def _decoded(texts: Sequence[str | None]) -> list[Any]:
    """Decode JSON texts, at once."""
    values: list[Any] = json.loads(f"[{','.join(text or 'null' for text in texts)}]")
    if len(values) != len(texts):
        raise ValueError("not one value per text")
    return values


def _flat(timing: Timing | None) -> dict[str, Any]:
    if timing is None:
        return {}
    values = {**timing.to_dict(), **timing.phases}
    del values["phases"]
    return values


def _timing_of(values: dict[str, Any]) -> Timing | None:
    if not values:
        return None
    named = {name: values.pop(name) for name in ("process", "started", "traced")}
    return Timing(phases=values, **named)


def _trial_of(values: Mapping[str, Any]) -> Trial:
    settings, recipe = Settings(values["settings"]), Recipe(**values["recipe"])
    measures = tuple(values.get("measures", ()))
    return Trial(values["model"], values["data"], settings, recipe, values["seed"], measures)


def _plain(value: Any) -> Any:
    """Return a value of an array as Python's own."""
    return value.item() if hasattr(value, "item") else value
