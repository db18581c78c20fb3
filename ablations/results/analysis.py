"""The analysis of stored trials: comparisons, trends, effects and choices."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ablations import stats
from ablations.results.choice import losses_of, path_table
from ablations.results.rules import changed_rules, compare, looks_of, margins_of
from ablations.stats.metrics import Better
from ablations.store import Store
from ablations.store.provenance import all_machines
from ablations.study import BASELINE, Status
from ablations.study.checks import EXPLORATORY_BELOW
from ablations.study.settings import StudyError, check_known
from cnnzoo.doctor.finding import Finding
from cnnzoo.levels import Settings

if TYPE_CHECKING:
    from ablations.designs.layout import Layout


COSTS = ["params", "macs", "seconds", "fit_seconds"]
COLUMNS = ["variant", "factor", "level", "baseline", "seed", "status", *COSTS]
LAST = ["findings", "codes", "reason", "key"]


class StoredStudy:
    """A study's trials as they were when it was opened.

    Parameters
    ----------
    directory
        Where the study is.

    Attributes
    ----------
    study
        The study as last run, as `Study.to_dict` gives it, with the baseline's level of every
        factor.
    versions
        Of what computed the results, and the fingerprint of the data.
    """

    def __init__(self, directory: str | Path) -> None:
        with Store(directory) as store:
            if store.spec is None:
                raise StudyError(f"There is no study in {store.directory}: none was begun.")
            self.directory = store.directory
            self.study: dict[str, Any] = store.spec
            self.versions = store.context
            self._specs = store.specs
            self._plan = store.plan()
            self._results = store.results(store.context)

    def __repr__(self) -> str:
        statuses = self._trials["status"].value_counts()
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        return f"<Results of {self.study['name']} in {self.directory}: {counts}>"

    @property
    def trials(self) -> pd.DataFrame:
        """A row a planned trial.

        Columns: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``status`` ("done",
        "failed", "infeasible", "pending"), ``params``, ``macs``, ``seconds`` of the whole trial
        and ``fit_seconds`` of its training alone, then every metric by split ("test_loss"),
        ``findings`` of the doctor, their ``codes`` joined by blanks, ``reason`` and ``key``.
        """
        return self._trials.copy()

    @cached_property
    def _trials(self) -> pd.DataFrame:
        rows = []
        for row in self._plan:
            result = self._results.get(row.key, {})
            found = result.get("findings", ())
            status = Status.INFEASIBLE if row.infeasible else result.get("status", Status.PENDING)
            rows.append(
                {
                    "variant": row.variant,
                    "factor": row.factor,
                    "level": row.level,
                    "baseline": row.baseline,
                    "seed": row.seed,
                    "status": status,
                    **{name: result.get(name) for name in COSTS},
                    **result.get("metrics", {}),
                    "findings": " ".join(str(Finding(**one)) for one in found),
                    "codes": codes_of(found),
                    "reason": row.infeasible or result.get("reason", ""),
                    "key": row.key,
                }
            )
        metrics = dict.fromkeys(name for row in rows for name in row)
        # nothing may be done yet, and a model without a likelihood has no nll
        metrics |= dict.fromkeys(f"test_{name}" for name in self.study["metrics"])
        names = [*COLUMNS, *(name for name in metrics if name not in (*COLUMNS, *LAST)), *LAST]
        return pd.DataFrame(
            {
                # Left to itself pandas makes one type of levels such as 1 and True.
                name: pd.Series([row.get(name) for row in rows], dtype=object)
                if name in ("factor", "level", "baseline")
                else [row.get(name, float("nan")) for row in rows]
                for name in names
            }
        )

    @property
    def history(self) -> pd.DataFrame:
        """The training curves, a row an epoch: ``variant``, ``seed``, ``epoch``, the numbers."""
        return self._history.copy()

    @cached_property
    def _history(self) -> pd.DataFrame:
        rows = []
        for row in self._plan:
            history = self._results.get(row.key, {}).get("history", {})
            epochs = max(map(len, history.values()), default=0)
            rows += [
                {"variant": row.variant, "seed": row.seed, "epoch": epoch + 1}
                | {name: values[epoch] for name, values in history.items()}
                for epoch in range(epochs)
            ]
        return pd.DataFrame(rows, columns=None if rows else ["variant", "seed", "epoch"])

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """By variant, the levels that it changes; none for the baseline."""
        return {row.variant: dict(row.changes) for row in self._plan}

    @property
    def machine(self) -> dict[str, Any]:
        """What computed the results; of several machines, what differs is joined by ";"."""
        return all_machines([row["machine"] for row in self._results.values()])

    @property
    def exploratory(self) -> bool:
        """Whether there are too few seeds for more than a first impression, so far."""
        done = set(self._trials.loc[self._trials["status"] == Status.DONE, "seed"])
        return len(done or {row.seed for row in self._plan}) < EXPLORATORY_BELOW

    def compared(self, metrics: str | Sequence[str] | None = None) -> list[str]:
        """Name the columns that variants are compared on.

        Where a factor changes the loss itself, test_loss is replaced by what all variants have:
        test_nll, else test_accuracy, or, of a regression, test_rmse.

        Parameters
        ----------
        metrics
            As of `deltas`.

        Raises
        ------
        StudyError
            If there is no such metric, with the nearest.
        """
        asked = [metrics] if isinstance(metrics, str) else [*(metrics or self.study["metrics"])]
        stored = [name.removeprefix("test_") for name in self._trials if name.startswith("test_")]
        for name in asked:
            if name not in self.study["metrics"]:  # of which there may be no result yet
                check_known(name, stored, "The trials hold no metric")
        names = [f"test_{metric}" for metric in asked]
        return comparable(names, self._loss_kinds(), measured(self._trials))

    def _loss_kinds(self) -> dict[str, str]:
        rows = [
            (row.variant, row.changes, self._results.get(row.key, {}).get("loss"))
            for row in self._plan
        ]
        return loss_kinds(self.study["baseline"], rows)


def codes_of(findings: Iterable[Mapping[str, str]]) -> str:
    """Return the codes of stored findings, joined by blanks."""
    return " ".join(dict.fromkeys(one["code"] for one in findings))


def loss_kinds(
    baseline: Mapping[str, Any], rows: Iterable[tuple[str, Mapping[str, Any], str | None]]
) -> dict[str, str]:
    """Tell what each variant minimizes.

    Parameters
    ----------
    baseline
        The baseline's levels.
    rows
        Of each trial the variant, the levels that it changes, and the loss that its model was
        found to have; none as long as it has no result.

    Returns
    -------
    dict
        By variant, a text that is the same only if the losses may be compared. As long as no
        trial of a variant, or of the baseline, tells, the toggles of the zoo do.

    Examples
    --------
    >>> loss_kinds({}, [("baseline", {}, "mse"), ("wide=True", {"wide": True}, None)])
    {'baseline': 'mse', 'wide=True': 'mse'}
    """
    declared, found = {BASELINE: _declared_loss(baseline)}, dict[str, str]()
    for variant, changes, loss in rows:
        declared[variant] = _declared_loss({**baseline, **changes})
        if loss:
            found[variant] = loss
    ours = found.get(BASELINE)
    if ours is None:  # what was found has nothing to be held against
        return declared
    return {
        variant: found.get(variant, ours if kind == declared[BASELINE] else kind)
        for variant, kind in declared.items()
    }


def measured(trials: pd.DataFrame) -> list[str]:
    """Name the columns in which no trial that is done lacks a value; none before one is done.

    Examples
    --------
    >>> rows = {"status": ["done", "pending"], "test_nll": [0.5, None], "seconds": [None, None]}
    >>> measured(pd.DataFrame(rows))
    ['status', 'test_nll']
    """
    done = trials[trials["status"] == Status.DONE]
    return [str(name) for name in trials if len(done) and done[name].notna().all()]


def comparable(
    metrics: Sequence[str], kinds: Mapping[str, str], known: Collection[str]
) -> list[str]:
    """Put what means the same under every loss in the place of test_loss, where losses differ.

    Parameters
    ----------
    metrics
        Columns of trials.
    kinds
        As `loss_kinds` gives them.
    known
        The columns that all variants have; see `measured`.

    Examples
    --------
    >>> comparable(["test_loss"], {"baseline": "focal", "loss=mse": "mse"}, ["test_nll"])
    ['test_nll']
    """
    names = list(metrics)
    if len(set(kinds.values())) > 1:
        common = [name for name in ("test_rmse", "test_nll", "test_accuracy") if name in known]
        names = [next(iter(common), name) if name == "test_loss" else name for name in names]
    return list(dict.fromkeys(names))


def _declared_loss(levels: Mapping[str, Any]) -> str:
    smoothing = levels.get("label_smoothing", 0.0)
    return f"{levels.get('loss', '')}{f', label_smoothing={smoothing}' if smoothing else ''}"


class ComparedStudy(StoredStudy):
    """A study's trials as they were when it was opened, compared.

    Parameters
    ----------
    directory
        Where the study is.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._deltas: dict[tuple[str, ...], pd.DataFrame] = {}

    def deltas(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Compare every variant to the baseline, pair by pair of one seed.

        Parameters
        ----------
        metrics
            On the test split, such as "loss", one or several; the study's own if left out.

        Returns
        -------
        pandas.DataFrame
            A row a variant and metric: see `ablations.stats.deltas`, or `sequential` for a study
            whose seeds are "auto". Of the columns that `compared` names.

        Raises
        ------
        StudyError
            If there is no such metric, with the nearest.
        """
        names = tuple(self.compared(metrics))
        if names not in self._deltas:
            kinds = self._loss_kinds()
            self._deltas[names] = compare(self.study, self._trials, names, kinds)
        return self._deltas[names].copy()

    def losses(self) -> dict[str, float]:
        """Return what each variant that ended came to in the first metric, lower being better.

        Over the seeds that variants with equally many changes share, which a path chooses among. A
        variant that is done in less than half of its seeds counts as the worst; one with trials to
        come is left out.
        """
        return losses_of(self._trials, self.compared()[0], self.changes)

    def open_variants(self) -> dict[str, int]:
        """Return the variants on whose first metric the verdict is open.

        With the number of seed blocks that each should have next; for a study whose seeds are
        "auto", by the rule that `deltas` judges by.
        """
        return stats.open_variants(
            self._trials,
            self.compared()[0],
            looks_of(self.study),
            margins=margins_of(self.study),
            loss_kinds=self._loss_kinds(),
        )

    def aliases(self) -> pd.DataFrame:
        """Return the effects that the design cannot tell apart, or not wholly.

        Returns
        -------
        pandas.DataFrame
            A row a pair of main effects or two-way interactions: ``effect``, ``aliased_with`` and
            ``correlation`` of their columns: 1 or -1 where they are one and the same, less where
            one carries a part of the other, as in Plackett-Burman designs.
        """
        columns = ["effect", "aliased_with", "correlation"]
        return pd.DataFrame(list(self._layout.aliases), columns=columns)

    @property
    def changed_rules(self) -> list[str]:
        """What is to be said of rules that were not kept from the first result on."""
        return changed_rules(self._specs)

    @property
    def crossed(self) -> bool:
        """Whether the design sets factors against each other, as a factorial does."""
        return self._layout.crossed

    @property
    def orthogonality(self) -> str:
        """What is to be said of main effects that are not orthogonal; empty if they are.

        Of designs that cross factors, where some combinations cannot be built.
        """
        from ablations.designs.orthogonality import lost_orthogonality

        if not self._layout.crossed:
            return ""
        infeasible = {row.variant for row in self._plan if row.infeasible}
        return lost_orthogonality(list(self.study["factors"]), self.changes, infeasible)

    @cached_property
    def _layout(self) -> "Layout":
        from ablations.designs import design

        study = self.study
        return design(
            study["design"],
            {name: tuple(levels) for name, levels in study["factors"].items()},
            Settings(study["baseline"]),
            study["variants"],
        )

    def path(self, metric: str | None = None) -> pd.DataFrame:
        """Return the steps from one configuration to the other, of the design "path".

        Each step changes the factor that helps the study's first metric most, so that its delta
        is optimistic: the same trials chose it.

        Parameters
        ----------
        metric
            On the test split, to show the steps by; the study's first if left out.

        Returns
        -------
        pandas.DataFrame
            A row a step, from 0 for the start, as far as the path is known: ``step``, ``factor``,
            ``from_level``, ``to_level``, ``metric``, ``mean`` after the step over the seed blocks
            that all steps share, ``delta`` to the step before, paired by seed, with ``ci_low`` and
            ``ci_high``, ``p``, ``p_adjusted`` for all the changes that were tried, ``n_pairs``,
            ``share`` of the change so far, ``runner_up`` (the factor that helped next most there)
            with ``runner_up_mean`` of the first metric over the seeds that the step was chosen by,
            ``variant``, and ``notes``, which say why a step has no verdict.

        Raises
        ------
        StudyError
            If the design is another one.
        """
        shown, decisive = self.compared(metric)[0], self.compared()[0]
        return path_table(self.study, self._trials, self.changes, shown, decisive)

    def trend(self, metric: str | None = None) -> pd.DataFrame:
        """Test for a trend over the ordered levels of each factor; see `ablations.stats.trend`.

        With Holm's correction over the factors.
        """
        return stats.trend(self._trials, list(self.study["factors"]), self.compared(metric)[0])

    def effects(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Estimate main effects and interactions of a factorial; see `ablations.stats.effects`."""
        trials = self.trials
        changes = self.changes
        own = self.study["baseline"]
        for factor in self.study["factors"]:
            levels = [changes[name].get(factor, own[factor]) for name in trials["variant"]]
            trials[f"factor:{factor}"] = pd.Series(levels, dtype=object)
        return stats.effects(trials, list(self.study["factors"]), self.compared(metrics))

    def stability(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Measure the spread over seeds; see `ablations.stats.stability`."""
        return stats.stability(self._trials, self.compared(metrics))

    def convergence(self) -> pd.DataFrame:
        """Count the epochs to where the baseline ends; see `ablations.stats.convergence`.

        By the validation loss, or the training loss where there is no validation, both without
        penalties. Where a factor changes the loss itself, by the accuracy or, of a regression, the
        root mean squared error, which mean the same under every loss; without rows if the epochs
        have neither. The column ``metric`` says which.
        """
        history = self._history
        same = len(set(self._loss_kinds().values())) == 1
        names = ("loss",) if same else ("accuracy", "rmse", "mae")
        known = [name for each in names for name in (f"val_{each}", each) if name in history]
        if not known:
            return stats.convergence(history.iloc[:0].assign(value=0.0))
        lower = stats.direction(known[0]) == Better.LOWER
        return stats.convergence(history, known[0], lower_is_better=lower)

    def costs(self) -> pd.DataFrame:
        """Set the first metric against what it costs, over the seed blocks that variants share.

        See `ablations.stats.pareto`.
        """
        return stats.pareto(self._trials, self.compared()[0])
