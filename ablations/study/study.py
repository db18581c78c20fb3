"""What is studied, as plain values: Study, Variant, Trial, TrialResult.

They are frozen, all but the result are hashable, and they know nothing of what runs them. What a
study declares is checked.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from ablations.study.checks import (
    AUTO,
    EXPLORATORY_BELOW,
    MAX_SEEDS,
    check_design,
    check_factors,
    check_levels,
    check_margins,
    check_max_seeds,
    check_metrics,
    check_model,
    check_name,
    check_recipe,
    check_retries,
    check_seeds,
    check_timeout,
    check_variants,
)
from ablations.study.settings import StudyError, check_known, digest
from cnnzoo.doctor.finding import Finding
from cnnzoo.levels import Settings
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe

BASELINE = "baseline"
"""The name of the variant that every delta is against."""


@dataclass(frozen=True)
class Study:
    """A question about choices, as factors with levels, asked on one model and one data set.

    Parameters
    ----------
    model
        A name of the zoo; or a builder of one's own, as a function at the top of a module or as
        "package.module:function". Its factors are the parameters with a default, and
        ``input_shape``, ``classes`` and ``seed`` are given to it if it takes them. If its first
        parameter is called ``hp``, or annotated as ``HyperParameters``, it is KerasTuner's
        ``build(hp)`` (a ``HyperModel`` class is taken too), and its hyperparameters are the
        factors. Changed code of the builder, and of what it imports from its own package and
        folder, makes new trials.
    data
        A spec that ``cnnzoo.load_data`` takes.
    factors
        Levels by toggle. The toggles may be the model's, the recipe's or the data's.
    baseline
        Levels that differ from the defaults in the baseline, and so in every variant that does
        not change them; of factors or of any other toggle.
    design
        How variants are made of factors: "one-at-a-time", "leave-one-out", "add-one-in",
        "full-factorial", "fractional-factorial", "plackett-burman" or "path"; or "list", for the
        variants in `variants`. For "leave-one-out" and "add-one-in", `baseline` says which levels
        are on where the toggles do not tell.
    variants
        For the design "list": the levels that each variant changes.
    seeds
        How many seed blocks, from seed 0 up; the seeds themselves; or "auto", which adds blocks
        where a verdict is open.
    recipe
        How every trial is trained.
    metrics
        What the deltas are of: names that ``cnnzoo.evaluate`` gives, on the test split. The first
        one decides where the design or the seeds depend on results.
    margins
        By metric, the largest difference that does not matter: what makes "equivalent" a verdict.
    timeout
        Seconds after which a trial is given up; 0 for never.
    retries
        How often a trial is tried again after the process that ran it died.
    max_seeds
        How many seed blocks there may be where the seeds are "auto", fixed before the first trial:
        what a look may spend depends on it.
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

    model: str | Callable[..., Any]
    data: str = "mnist5k"
    factors: Mapping[str, Sequence[Level]] = field(default_factory=dict)
    baseline: Mapping[str, Level] = field(default_factory=dict)
    design: str = "one-at-a-time"
    variants: Sequence[Mapping[str, Level]] = ()
    seeds: int | Sequence[int] | str = 10
    recipe: Recipe = field(default_factory=Recipe)
    metrics: Sequence[str] = ("loss", "accuracy")
    margins: Mapping[str, float] = field(default_factory=dict)
    timeout: float = 0.0
    retries: int = 1
    max_seeds: int = MAX_SEEDS
    name: str = ""

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "model": check_model(self.model),
            "design": check_design(self.design),
            "factors": check_factors(self.factors, self.design),
            "baseline": check_levels(self.baseline, "baseline"),
            "variants": check_variants(self.variants, self.design),
            "seeds": check_seeds(self.seeds),
            "max_seeds": check_max_seeds(self.max_seeds),
            "recipe": check_recipe(self.recipe),
            "metrics": check_metrics(self.metrics),
            "margins": check_margins(self.margins, self.metrics),
            "timeout": check_timeout(self.timeout),
            "retries": check_retries(self.retries),
        }
        if not isinstance(self.data, str):
            raise StudyError(
                "`data` of a Study must be a text that `load_data` takes; to study arrays, save "
                f"them with numpy.savez and give 'npz:PATH'; got {type(self.data).__name__}."
            )
        checked["name"] = check_name(self.name or checked["model"].rpartition(":")[2])
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        # as text, which tells 1 from True and 1.0
        return isinstance(other, Study) and self._canonical() == other._canonical()

    def __hash__(self) -> int:
        return hash(self._canonical())

    def _canonical(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @property
    def model_name(self) -> str:
        """The model as a text."""
        return str(self.model)

    @property
    def seed_blocks(self) -> tuple[int, ...]:
        """The seeds that are planned before there are results."""
        if self.seeds == AUTO:
            return tuple(range(EXPLORATORY_BELOW))
        return self.seeds  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return the study as values that JSON and TOML can hold."""
        plain = ("name", "model", "data", "design", "max_seeds", "timeout", "retries")
        return {
            **{name: getattr(self, name) for name in plain},
            "factors": {name: list(levels) for name, levels in self.factors.items()},
            "baseline": dict(self.baseline),
            "variants": [dict(changes) for changes in self.variants],
            "seeds": self.seeds if self.seeds == AUTO else list(self.seed_blocks),
            "recipe": asdict(self.recipe),
            "metrics": list(self.metrics),
            "margins": dict(self.margins),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Study":
        """Make the study that `to_dict` described.

        Raises
        ------
        StudyError, ToggleError
            If a name is unknown or a value is not allowed.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            check_known(name, known, "A Study has no")
        if "model" not in values:
            raise StudyError("A Study needs a `model`.")
        recipe = values.get("recipe", {})
        if not isinstance(recipe, Mapping):
            raise StudyError(f"`recipe` of a Study must be a table; got {recipe!r}.")
        for name in recipe:
            check_known(name, [field.name for field in fields(Recipe)], "A Recipe has no")
        return cls(**{**values, "recipe": Recipe(**recipe)})


Study.__init__ = refuse_unknown(Study.__init__)  # type: ignore[method-assign]


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
        return digest(self.to_dict())

    @property
    def variant_key(self) -> str:
        """The same for all seeds of one variant."""
        return digest({**self.to_dict(), "seed": None})

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as values that JSON can hold."""
        return {
            "model": self.model,
            "data": self.data,
            "settings": dict(self.settings),
            "recipe": asdict(self.recipe),
            "seed": self.seed,
        }


class Status(StrEnum):
    """How far a trial has come."""

    DONE = "done"
    FAILED = "failed"
    INFEASIBLE = "infeasible"
    PENDING = "pending"

    __repr__ = str.__repr__


ENDED = (Status.DONE, Status.FAILED)
"""Statuses of the trials that were trained, as far as they came."""


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Parameters
    ----------
    trial
        The trial.
    status
        "done", or "failed" or "infeasible" with the reason.
    metrics
        What `cnnzoo.train` measured, by split: "test_loss", "train_accuracy", ...
    history
        Numbers of each epoch, by name.
    seconds
        That the trial took, loading and building included.
    fit_seconds
        That the fit alone took. The first seed of a variant on a worker includes tracing the
        model, so that over seeds the median tells more than the mean.
    params, macs
        Weights of the model, trainable or not, and multiplications of a forward pass; None where
        those of a layer cannot be told.
    fingerprint
        Of the data before anything was drawn.
    data_notes
        What was left out of the data's source; see `cnnzoo.data.DataInfo`.
    arithmetic
        How the process that measured the trial's model computes: its threads and kernels.
    weights
        Digest of the weights that the builder loaded; "" if it loaded none. Set by a measurement.
    loss
        What the model minimizes, read off the compiled model, as a text that is the same only
        where the losses may be compared: "mse", "focal, gamma=3.0".
    findings
        What the doctor says of it.
    reason
        Why it failed: the error in one line.
    unrestored
        Global state that the trial changed and that could not be put back: its process runs no
        further trial.
    """

    trial: Trial
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    fit_seconds: float | None = None
    params: int | None = None
    macs: int | None = None
    fingerprint: str = ""
    data_notes: Sequence[str] = ()
    arithmetic: str = ""
    weights: str = ""
    loss: str = ""
    findings: Sequence[Finding] = ()
    reason: str = ""
    unrestored: Sequence[str] = ()
