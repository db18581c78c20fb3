"""Studies, their variants and trials, and the results of trials, as frozen values."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ablations.study.checks import (
    AUTO,
    DEFAULT_OPS,
    EXPLORATORY_BELOW,
    MAX_SEEDS,
    check_count,
    check_data,
    check_deciding_metric,
    check_design,
    check_factors,
    check_levels,
    check_margins,
    check_metrics,
    check_model,
    check_name,
    check_ops,
    check_parts,
    check_recipe,
    check_seeds,
    check_several_data,
    check_sizes,
    check_timeout,
    check_variants,
)
from ablations.study.errors import StudyError, check_known, digest, digest_of_text
from ablations.study.timing import Timing
from cnnzoo.data.dataset import DataError
from cnnzoo.data.given import GivenData
from cnnzoo.doctor.finding import Finding
from cnnzoo.folds import HeldOut
from cnnzoo.levels import Settings
from cnnzoo.runtime.shares import refusal_of_shares
from cnnzoo.signature import refuse_unknown
from cnnzoo.toggle import Level
from cnnzoo.training.recipe import Recipe

if TYPE_CHECKING:
    from cnnzoo.data.description import DataDescription
    from cnnzoo.parts.network import Network

BASELINE = "baseline"
"""Name of the variant that all deltas are against."""


@dataclass(frozen=True)
class Study:
    """A question about choices: factors with levels, on one model and one data set.

    Parameters
    ----------
    model
        Name of a zoo model; or a custom builder, as a function or as "package.module:function".
        The factors of a custom builder are its parameters with a default; ``input_shape``,
        ``classes`` and ``seed`` are passed if it takes them. A function whose first parameter is
        called ``hp`` or annotated as ``HyperParameters`` is KerasTuner's ``build(hp)``. Its
        hyperparameters are the factors. A built functional or sequential ``keras.Model``
        stands for its configuration: its weights are drawn anew for each seed. An object, or a
        class, with a method ``build`` may also have a ``fit(model, data, seed)`` that trains the
        models, and so may a ``HyperModel``.
        Changed code makes new trials, also if it is imported from the same package or folder.
    data
        Data that ``cnnzoo.load_data`` takes, such as a path, or a list of them. With several,
        every variant is trained on each of them, and the deltas are those of the mean over the
        data sets, and of each data set. Arrays get a name by shape and content, such as
        "arrays:300x28x28x1-6f0a12bcd3ef45aa". They are kept in the cache folder while the study
        runs, and not stored with its results: to resume it, give the same arrays. The splits of a
        loaded `Data` object are the same for every seed.
    factors
        Levels by toggle of the model, the recipe or the data. ``None``, tuples, functions and
        classes are levels of custom builders. If these return models uncompiled, `loss`,
        `label_smoothing`, `optimizer` and `learning_rate` are toggles of the model too.
    baseline
        Levels by toggle, of factors or others, that replace the defaults in the baseline and in
        every variant that does not change them. The shares ``test`` and ``validation`` of the
        splits are set here.
    design
        "one-at-a-time", "leave-one-out", "add-one-in", "full-factorial", "fractional-factorial",
        "plackett-burman", "path", or "list" for the variants in `variants`. If the toggles do not
        tell which level of a factor is off, `baseline` does ("leave-one-out", "add-one-in"). With
        `parts` also "pairs" and "progressive".
    variants
        Levels that each variant changes, for the design "list". Results keep those that "pairs" or
        "progressive" made, in place of `parts`.
    seeds
        Number of seed blocks, which start at seed 0; a list of seeds; or "auto", which adds
        blocks while a verdict is open on the validation or the test split.
    recipe
        How every trial is trained.
    metrics
        Metrics of the deltas, the first one being the primary one: "loss", "accuracy", "macro_f1",
        "minority_f1", "nll", "mae" or "rmse" on the test split; further ones as the `metrics` of
        `cnnzoo.train`, such as "recall[cat]", ``keras.metrics.AUC()`` or ``(function, "max")``;
        with several outputs, "digit_accuracy" for one of them and "accuracy" for all;
        any of these on another split by ``"train_"`` or ``"val_"`` before its name; "gap" or
        "loss_gap" between the training and the validation split; or what is measured on a batch of
        32 training examples, by layers with a trained kernel and a pass in training mode:
        "gradient_ratio", the gradient norm of the first layer over that of the last one before
        training, and "dead_units", the share of ReLU units that are 0 for every example after
        training. The study keeps them as texts, such as "AUC" and "module:function[max]". A trial
        that did not measure a metric is trained again. Where the design or the seeds depend on
        results, the first metric decides, on the validation split.
    margins
        By metric, the largest difference that does not matter. A verdict "equivalent" needs it.
    timeout
        Seconds after which a trial is stopped; 0 for no limit.
    retries
        Number of times that a trial is repeated after its process died.
    max_seeds
        Maximum number of seed blocks of "auto". It is fixed before the first trial, because the
        error that each look may spend depends on it.
    name
        Name of the directory and title of the report; by default the name of the model.
    parts
        Parts of the model that the study changes, one factor each: "blocks", "branches" or
        "layers", as `ablations.parts` lists them, or a list of names. The factor of the part
        ``block2`` is "part:block2", with the levels "keep" and those of `ops` that are possible;
        `factors`, `baseline` and `variants` may name it too. The parts that stay have the same
        initial weights in every variant.
    ops
        What is done to the parts: "remove", "linear", "no_norm", "no_skip", "no_bias", "freeze",
        "shuffle", "halve", "double"; see `ablations.parts`. Of the designs that are for parts
        only, "pairs" changes each part and each two of them, and "progressive" the last part, the
        last two, and so on.
    cpus
        Cores that a trial is given, which set how many trials run side by side. A trial computes
        on one thread whatever it is given.
    gpus
        GPUs that a trial is given: 0; 1; or a fraction, such as 0.25, if several trials share a
        GPU. By default 1, if there are any.

    Raises
    ------
    StudyError
        If a value is not allowed. Whether the model, the recipe or the data have the factors and
        their levels is checked by `ablations.plan`.

    Examples
    --------
    >>> study = Study("downsampling", factors={"pool_size": [1, 2, 3, 4]}, seeds=3)
    >>> study.seeds
    (0, 1, 2)
    """

    model: str | Callable[..., Any]
    data: Any = "mnist5k"
    factors: Mapping[str, Sequence[Level]] = field(default_factory=dict)
    baseline: Mapping[str, Level] = field(default_factory=dict)
    design: str = "one-at-a-time"
    variants: Sequence[Mapping[str, Level]] = ()
    seeds: int | Sequence[int] | str = 10
    recipe: Recipe = field(default_factory=Recipe)
    metrics: Sequence[Any] = ("loss", "accuracy")
    margins: Mapping[str, float] = field(default_factory=dict)
    timeout: float = 0.0
    retries: int = 1
    max_seeds: int = MAX_SEEDS
    name: str = ""
    parts: str | Sequence[str] = ()
    ops: Sequence[str] = DEFAULT_OPS
    cpus: float = 1
    gpus: float | None = None

    def __post_init__(self) -> None:
        baseline = check_levels(self.baseline, "baseline")
        factors = check_factors(self.factors, self.design, self.parts)
        variants = check_variants(self.variants, self.design, self.parts)
        varied: dict[str, Sequence[Level]] = dict(factors)
        for changes in variants:
            varied |= {name: (*varied.get(name, ()), level) for name, level in changes.items()}
        data = check_data(self.data, baseline, varied)
        if baseline.get("test") == 0:
            raise StudyError(
                "`test`: expected a share above 0, because variants are compared on the test "
                "split; got 0."
            )
        metrics = check_metrics(self.metrics, data)
        checked: dict[str, Any] = {
            "model": check_model(self.model),
            "data": data,
            "factors": factors,
            "baseline": baseline,
            "design": check_design(self.design),
            "variants": variants,
            "seeds": check_seeds(self.seeds),
            "recipe": check_recipe(self.recipe),
            "metrics": metrics,
            "margins": check_margins(self.margins, metrics),
            "timeout": check_timeout(self.timeout),
            "retries": check_count(self.retries, 0, "`retries`"),
            "parts": check_parts(self.parts, self.design, self.factors, variants),
            "ops": check_ops(self.ops, self.parts, self.design),
            "max_seeds": check_count(self.max_seeds, EXPLORATORY_BELOW, "`max_seeds`"),
        }
        if refusal := refusal_of_shares(self.cpus, self.gpus):
            raise StudyError(refusal)
        check_several_data(checked["data"], checked["design"], checked["seeds"])
        check_sizes(data, varied)
        check_deciding_metric(checked["metrics"], checked["design"], checked["seeds"])
        own = checked["model"].rpartition(":")[2].rpartition("<locals>.")[2].strip("<>")
        checked["name"] = check_name(self.name or own)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        # as JSON, which tells 1, True and 1.0 apart
        return isinstance(other, Study) and self._canonical() == other._canonical()

    def __hash__(self) -> int:
        return hash(self._canonical())

    def _canonical(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @property
    def model_name(self) -> str:
        """The text that the model is stored as: a zoo model or the path of a builder."""
        return self.model  # type: ignore[return-value]

    @property
    def data_sets(self) -> tuple[str, ...]:
        """The data specs; most studies have one. Of arrays and loaded data they are the names."""
        return (str(self.data),) if isinstance(self.data, str) else tuple(map(str, self.data))

    def keep_data(self) -> None:
        """Keep given arrays and loaded data in the cache folder, where workers find them.

        Raises
        ------
        StudyError
            If they cannot be written.
        """
        for spec in (self.data,) if isinstance(self.data, str) else self.data:
            if isinstance(spec, GivenData):
                try:
                    spec.keep()
                except DataError as error:
                    raise StudyError(str(error)) from error

    @property
    def seed_blocks(self) -> tuple[int, ...]:
        """Seeds of the blocks that are planned before there are results."""
        if self.seeds == AUTO:
            return tuple(range(EXPLORATORY_BELOW))
        return self.seeds  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return the study as JSON values, which TOML can hold too."""
        plain = ("name", "model", "design", "max_seeds", "timeout", "retries")
        return {
            **{name: getattr(self, name) for name in plain[:2]},
            "data": str(self.data) if isinstance(self.data, str) else list(self.data_sets),
            **{name: getattr(self, name) for name in plain[2:]},
            "factors": {name: list(levels) for name, levels in self.factors.items()},
            "baseline": dict(self.baseline),
            "variants": [dict(changes) for changes in self.variants],
            "seeds": self.seeds if self.seeds == AUTO else list(self.seed_blocks),
            "recipe": asdict(self.recipe),
            "metrics": list(self.metrics),
            "margins": dict(self.margins),
            **({"parts": self._listed_parts, "ops": list(self.ops)} if self.parts else {}),
            **({"cpus": self.cpus} if self.cpus != 1 else {}),
            **({"gpus": self.gpus} if self.gpus is not None else {}),
        }

    @property
    def _listed_parts(self) -> str | list[str]:
        return self.parts if isinstance(self.parts, str) else list(self.parts)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Study":
        """Return the study that `to_dict` describes.

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
            raise StudyError(f"`recipe`: expected a table; got {recipe!r}.")
        for name in recipe:
            check_known(name, [field.name for field in fields(Recipe)], "A Recipe has no")
        return cls(**{**values, "recipe": Recipe(**recipe)})


Study.__init__ = refuse_unknown(Study.__init__)  # type: ignore[method-assign]


@dataclass(frozen=True)
class Variant:
    """The baseline with some factors at other levels.

    Parameters
    ----------
    changes
        Levels that differ from the baseline; none for the baseline itself.
    """

    changes: Settings = field(default_factory=Settings)

    @property
    def name(self) -> str:
        """Name in tables: the changes."""
        return str(self.changes) or BASELINE


LATER_TOGGLES = ("precision",)
"""Toggles of recipes that are newer than stored trials, whose keys do not contain them."""


@dataclass(frozen=True)
class Trial:
    """One variant trained with one seed: all that its result depends on.

    Parameters
    ----------
    model, data
        Model and data as of `Study`.
    settings
        Levels of the model's and the data's toggles that differ from the defaults.
    recipe
        How the trial is trained.
    seed
        Seed of the split, the initial weights, the data order and the augmentation, each with a
        random stream of its own.
    measures
        Texts of the metrics that are measured only on request, see
        ``cnnzoo.training.metric_texts.requested``; and "gradient_ratio" and "dead_units".
    """

    model: str
    data: str
    settings: Settings
    recipe: Recipe
    seed: int
    measures: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """Digest of the trial, the same in every process."""
        return digest(self.to_dict())

    @cached_property
    def variant_key(self) -> str:
        """Digest of the trial without its seed."""
        return digest({**self.to_dict(), "seed": None})

    def with_seeds(self, seeds: Iterable[int]) -> "Iterator[Trial]":
        """Yield the trial with each of some seeds, with its keys.

        Examples
        --------
        >>> trial = Trial("mlp", "digits", Settings(units=8), Recipe(), seed=0)
        >>> [three] = trial.with_seeds([3])
        >>> three == replace(trial, seed=3), three.key == replace(trial, seed=3).key
        (True, True)
        """
        values = self.to_dict()
        del values["seed"]
        settings = json.dumps(values.pop("settings"), sort_keys=True)
        shared = json.dumps(values, sort_keys=True)[:-1]  # of names that are sorted before "seed"
        for seed in seeds:
            trial = replace(self, seed=seed)
            text = f'{shared}, "seed": {seed}, "settings": {settings}}}'
            vars(trial).update(key=digest_of_text(text), variant_key=self.variant_key)
            yield trial

    def to_dict(self) -> dict[str, Any]:
        """Return the trial as JSON values."""
        recipe, default = asdict(self.recipe), Recipe()
        for name in LATER_TOGGLES:
            if recipe[name] == getattr(default, name):
                del recipe[name]
        return {
            "model": self.model,
            "data": self.data,
            "settings": dict(self.settings),
            "recipe": recipe,
            "seed": self.seed,
            **({"measures": list(self.measures)} if self.measures else {}),
        }


class Status(StrEnum):
    """State of a trial; only a trial that has not run is pending."""

    DONE = "done"
    FAILED = "failed"
    INFEASIBLE = "infeasible"
    PENDING = "pending"

    __repr__ = str.__repr__


ENDED = (Status.DONE, Status.FAILED)
"""Statuses of the trials that ran."""


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial.

    Parameters
    ----------
    trial
        The trial.
    status
        A `Status`: done; or failed or infeasible, with the reason.
    metrics
        Results of `cnnzoo.train` by split and metric: "test_loss", "train_accuracy", ...
    history
        Values after each epoch, by name.
    seconds
        Duration of the trial, including loading and building.
    fit_seconds
        Duration of the fit. The first seed of a variant on a worker includes the tracing of the
        model, so compare medians over seeds.
    params, macs
        Number of weights, trainable or not, and of multiplications in a forward pass; None if a
        layer's are unknown.
    fingerprint
        Fingerprint of the data before anything was drawn.
    data_notes
        What was left out of the data source; see `cnnzoo.data.DataInfo`.
    data_description
        Description of the data, from a measurement; None if unknown.
    arithmetic
        How the process that measured the trial's model computes: its threads and kernels.
    weights
        Digest of the weights that the builder loaded, from a measurement; "" if it loaded none.
    network
        The model's graph and parts, from `draw_trial`; None if unknown.
    loss
        The compiled loss as a text. Losses may be compared only if their texts are equal: "mse",
        "focal, gamma=3.0".
    findings
        Findings of the doctor.
    held_out
        Sizes of the test split and of what it was drawn from; None if unknown.
    load
        Load of the machine at the end of the training, in running processes per core; None if
        unknown. Above 1 the trials and other programs waited for each other.
    timing
        Where its time went; None if unknown.
    outcomes
        Outcomes of the test examples, packed by ``cnnzoo.training.outcomes``; empty if unknown.
        The examples are those of ``cnnzoo.load_data(...).test_indices``, in their order.
    reason
        The error in one line, if the trial failed.
    machine
        Description of the machine that it ran on, if it is another one than that of its study.
    unrestored
        Global state that the trial changed and that could not be put back: its process runs no
        further trial.
    """

    trial: Trial
    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    fit_seconds: float | None = None
    params: int | None = None
    macs: int | None = None
    fingerprint: str = ""
    data_notes: Sequence[str] = ()
    data_description: "DataDescription | None" = None
    network: "Network | None" = None
    arithmetic: str = ""
    weights: str = ""
    loss: str = ""
    findings: Sequence[Finding] = ()
    held_out: HeldOut | None = None
    load: float | None = None
    timing: Timing | None = None
    outcomes: bytes = b""
    reason: str = ""
    machine: Mapping[str, str] = field(default_factory=dict)
    unrestored: Sequence[str] = ()
