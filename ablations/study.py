"""What is studied, as plain values: Study, Variant, Trial, TrialResult.

They are frozen, checked and hashable, and know nothing of what runs them. Levels keep their type:
1, True and 1.0 are three levels.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cnnzoo.recipe import Recipe
from cnnzoo.toggle import Level, ToggleError, did_you_mean

BASELINE = "baseline"
"""The name of the variant that every delta is against."""

EXPLORATORY_BELOW = 6
"""With fewer seeds than this no sign-flip test reaches 5%: 2 / 2**5 is 0.0625."""


class StudyError(ValueError):
    """A study that cannot be run as declared."""


class Settings(Mapping[str, Level]):
    """Levels by toggle: a mapping that neither changes nor confuses 1 with True.

    Examples
    --------
    >>> Settings(pool_size=1) == Settings(pool_size=True)
    False
    >>> str(Settings(pool_size=4, filters=64))
    'pool_size=4, filters=64'
    """

    def __init__(self, levels: Mapping[str, Level] | None = None, /, **more: Level) -> None:
        self._levels = {**(levels or {}), **more}

    def __getitem__(self, name: str) -> Level:
        return self._levels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and _canonical(self) == _canonical(other)

    def __hash__(self) -> int:
        return hash(_canonical(self))

    def __repr__(self) -> str:
        return f"Settings({self._levels!r})"

    def __str__(self) -> str:
        return ", ".join(f"{name}={level}" for name, level in self._levels.items())


@dataclass(frozen=True)
class Study:
    """A question about choices, as factors with levels, asked on one model and one data set.

    Parameters
    ----------
    model
        A name of the zoo.
    data
        A spec that ``cnnzoo.load_data`` takes.
    factors
        Levels by toggle. The toggles may be the model's, the recipe's or the data's.
    baseline
        Levels that differ from the defaults in the baseline, and so in every variant that does
        not change them; of factors or of any other toggle.
    design
        How variants are made of factors: see `ablations.designs.DESIGNS`.
    seeds
        How many seed blocks, from seed 0 up, or the seeds themselves.
    recipe
        How every trial is trained.
    metrics
        What the deltas are of: names that ``cnnzoo.evaluate`` gives, on the test split.
    name
        For the directory and the title of the report; the model's name if left out.

    Raises
    ------
    StudyError
        If a value is not allowed. Whether the model, the recipe or the data take the factors and
        their levels is checked by `ablations.plan`, which reads their signatures.

    Examples
    --------
    >>> study = Study("downsampling", factors={"pool_size": [1, 2, 3, 4]}, seeds=3)
    >>> study.seeds
    (0, 1, 2)
    """

    model: str
    data: str = "mnist5k"
    factors: Mapping[str, Sequence[Level]] = field(default_factory=dict)
    baseline: Mapping[str, Level] = field(default_factory=dict)
    design: str = "one-at-a-time"
    seeds: int | tuple[int, ...] = 10
    recipe: Recipe = field(default_factory=Recipe)
    metrics: Sequence[str] = ("loss", "accuracy")
    name: str = ""

    def __post_init__(self) -> None:
        for attribute in ("model", "data"):
            if not isinstance(getattr(self, attribute), str):
                raise StudyError(
                    f"`{attribute}` of a Study must be a text; got {getattr(self, attribute)!r}."
                )
        if not isinstance(self.recipe, Recipe):
            raise StudyError(f"`recipe` of a Study must be a Recipe; got {self.recipe!r}.")
        object.__setattr__(self, "factors", _check_factors(self.factors))
        object.__setattr__(self, "baseline", Settings(self.baseline))
        object.__setattr__(self, "seeds", _check_seeds(self.seeds))
        metrics = (self.metrics,) if isinstance(self.metrics, str) else tuple(self.metrics)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "name", self.name or self.model)

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True))

    @property
    def seed_blocks(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    def to_dict(self) -> dict[str, Any]:
        """Return the study as values that JSON and TOML can hold."""
        return {
            **{name: getattr(self, name) for name in ("name", "model", "data", "design")},
            "factors": {name: list(levels) for name, levels in self.factors.items()},
            "baseline": dict(self.baseline),
            "seeds": list(self.seed_blocks),
            "recipe": asdict(self.recipe),
            "metrics": list(self.metrics),
        }


@dataclass(frozen=True)
class Variant:
    """The baseline with some factors at another level.

    Parameters
    ----------
    changes
        The levels that differ from the baseline's; none for the baseline itself.
    """

    changes: Settings = field(default_factory=Settings)

    @property
    def name(self) -> str:
        """What it is called in tables: its changes."""
        return str(self.changes) or BASELINE


@dataclass(frozen=True)
class Trial:
    """One variant trained with one seed: all that its result is a function of.

    Parameters
    ----------
    model, data
        As of `Study`.
    settings
        Toggles of the model and of the data that are not left at their defaults.
    recipe
        How it is trained.
    seed
        Of the split, the initial weights, the order, the augmentations: a stream for each.
    """

    model: str
    data: str
    settings: Settings
    recipe: Recipe
    seed: int

    @property
    def key(self) -> str:
        """A short digest of the trial, the same in every process."""
        return _digest(self.to_dict())

    @property
    def variant_key(self) -> str:
        """The same for all seeds of one variant."""
        return _digest({**self.to_dict(), "seed": None})

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as values that JSON can hold."""
        return {
            "model": self.model,
            "data": self.data,
            "settings": dict(self.settings),
            "recipe": asdict(self.recipe),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Parameters
    ----------
    trial
        The trial.
    status
        "done", or "failed" with the reason.
    metrics
        What `cnnzoo.train` measured, by split: "test_loss", "train_accuracy", ...
    history
        Numbers of each epoch, by name.
    seconds
        That the trial took, loading and building included.
    params
        Weights of the model, trainable or not.
    fingerprint
        Of the data before anything was drawn.
    reason
        Why it failed: the error in one line.
    """

    trial: Trial
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    params: int | None = None
    fingerprint: str = ""
    reason: str = ""


def _check_factors(factors: Mapping[str, Sequence[Level]]) -> "_Factors":
    if not isinstance(factors, Mapping) or not factors:
        raise StudyError(
            "`factors` of a Study must name at least one toggle with its levels, as in "
            f"{{'pool_size': [1, 2, 3, 4]}}; got {factors!r}."
        )
    for name, levels in factors.items():
        if isinstance(levels, str) or not isinstance(levels, Sequence) or len(levels) == 0:
            raise StudyError(
                f"`factors` of a Study: `{name}` needs a list of levels; got {levels!r}."
            )
        seen: set[str] = set()
        for level in levels:
            if not isinstance(level, bool | int | float | str):
                raise StudyError(
                    f"`factors` of a Study: a level of `{name}` must be a bool, a number or a "
                    f"text; got {level!r}."
                )
            if json.dumps(level) in seen:
                raise StudyError(f"`factors` of a Study: `{name}` has the level {level!r} twice.")
            seen.add(json.dumps(level))
    return _Factors({name: tuple(levels) for name, levels in factors.items()})


class _Factors(dict[str, tuple[Level, ...]]):
    """A dict that says no to changes, for a frozen study."""

    def __setitem__(self, *_: object) -> None:
        raise TypeError("a Study does not change; make another with dataclasses.replace")


def _check_seeds(seeds: object) -> tuple[int, ...]:
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
        return tuple(range(seeds))
    if isinstance(seeds, Sequence) and not isinstance(seeds, str) and len(seeds):
        whole = all(
            isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds
        )
        if whole and len(set(seeds)) == len(seeds):
            return tuple(seeds)
    raise StudyError(
        "`seeds` of a Study must be how many (at least 1), or different whole numbers from 0; "
        f"got {seeds!r}."
    )


def check_known(name: str, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not among the known ones.

    Raises
    ------
    StudyError
        With the nearest of them.
    """
    if name not in known:
        raise StudyError(f"{what} `{name}`{did_you_mean(name, known)} Known: {', '.join(known)}.")


def _digest(described: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:20]


def _canonical(settings: Settings) -> str:
    return json.dumps(dict(settings), sort_keys=True)


__all__ = [
    "BASELINE",
    "EXPLORATORY_BELOW",
    "Settings",
    "Study",
    "StudyError",
    "ToggleError",
    "Trial",
    "TrialResult",
    "Variant",
]
