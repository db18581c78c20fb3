"""The analysis of a stored study: its trials, comparisons, trends, effects and costs."""

import statistics
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from ablations import stats
from ablations.designs import design
from ablations.designs.layout import Layout
from ablations.designs.orthogonality import lost_orthogonality
from ablations.results.choice import choosing_metric, losses_of, path_table
from ablations.results.profile import Profile, profile
from ablations.results.rules import (
    changed_rules,
    comparable,
    compare,
    loss_kinds,
    margins_of,
    measured,
)
from ablations.results.trials import (
    all_findings,
    history_table,
    losses_of_plan,
    timings_table,
    trials_table,
)
from ablations.stats.deltas import CONTRACT
from ablations.stats.metrics import Better
from ablations.stats.several_data import ALL_DATA, deltas_by_data, over_data
from ablations.store import Store, read_study
from ablations.store.provenance import all_machines
from ablations.study import Status, Study
from ablations.study.checks import AUTO, EXPLORATORY_BELOW
from ablations.study.errors import StudyError, check_known
from cnnzoo.folds import HeldOut
from cnnzoo.levels import Settings
from cnnzoo.toggle import Level
from cnnzoo.training.metric_names import WITHOUT_SPLIT, column_of, is_of_split, metric_of, name_of


class Analysis:
    """A stored study as it was when it was opened, as tables.

    Parameters
    ----------
    directory
        Directory of the study.

    Attributes
    ----------
    study
        The study as last run, with the baseline's level of every factor.
    versions
        Versions of the packages and the code that computed the results, and the fingerprint of
        the data.
    data_descriptions
        Descriptions of the data sets by name, as far as they are stored.
    network
        Graph and parts of the model, if the study changes parts; else None.

    Raises
    ------
    StudyError
        If there is no study.
    """

    def __init__(self, directory: str | Path) -> None:
        read_study(directory, self._read)
        self._deltas: dict[tuple[str, ...], pd.DataFrame] = {}

    def _read(self, store: Store) -> None:
        self.directory = store.directory
        study = store.study
        if study is None:
            raise StudyError(f"There is no study in {self.directory}: none was started.")
        self.study: Study = study
        self.versions = store.context
        self._studies = store.studies
        self._plan = store.plan()
        self._results = store.results(self.versions)
        self.data_descriptions = store.descriptions
        self.network = store.network

    def __repr__(self) -> str:
        statuses = self._trials["status"].value_counts()
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        return f"<Results of {self.study.name} in {self.directory}: {counts}>"

    @property
    def trials(self) -> pd.DataFrame:
        """One row per planned trial.

        Columns: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``status`` ("done",
        "failed", "infeasible", "pending"), ``params``, ``macs``, ``seconds`` of the whole trial
        and ``fit_seconds`` of its training alone, then every metric by split ("test_loss"),
        ``findings`` of the doctor without its notes, their ``codes`` separated by blanks,
        ``reason`` and ``key``. With several data sets, ``data`` is the one of the trial.
        """
        return self._trials.copy()

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return trials_table(self._plan, self._results, self.study.metrics)

    @property
    def findings(self) -> pd.DataFrame:
        """One row per finding of the doctor, notes included.

        Columns: ``variant``, ``seed``, ``code``, ``severity`` ("error", "warning" or "note"),
        ``layer``, ``epoch``, ``evidence``, ``remedy``, ``source`` and ``name``; also ``data`` if
        there are several data sets.
        """
        return all_findings(self._plan, self._results)

    @property
    def overall_trials(self) -> pd.DataFrame:
        """The trials that variants are compared on: means over the data sets, if there are several.

        The same as ``trials`` for a study of one data set.
        """
        return self._overall.copy()

    @cached_property
    def _overall(self) -> pd.DataFrame:
        return over_data(self._trials) if self.several_data else self._trials

    @property
    def several_data(self) -> bool:
        """True if the study has several data sets."""
        return len(self.study.data_sets) > 1

    @property
    def history(self) -> pd.DataFrame:
        """The training curves, one row per epoch: ``variant``, ``seed``, ``epoch``, the metrics."""
        return self._history.copy()

    @property
    def overall_history(self) -> pd.DataFrame:
        """The training curves as means over the data sets, in the epochs that all of them have."""
        history = self.history
        if not self.several_data or not len(history):
            return history
        groups = history.drop(columns="data").groupby(["variant", "seed", "epoch"], sort=False)
        complete = (groups.size() == len(self.study.data_sets)).to_numpy()
        return groups.mean().reset_index()[complete].reset_index(drop=True)

    @cached_property
    def _history(self) -> pd.DataFrame:
        return history_table(self._plan, self._results)

    @property
    def changes(self) -> dict[str, dict[str, Level]]:
        """By variant, the levels that it changes; empty for the baseline."""
        return {row.variant: dict(row.changes) for row in self._plan.variants}

    @property
    def machine(self) -> dict[str, str]:
        """The machine that computed the results; differences of several are joined by ";"."""
        return all_machines(self._results.machines)

    @property
    def load(self) -> float | None:
        """Median load per core of the machine while the trials ran; None if it is unknown."""
        loads = [load for load in self._results.values_of("load") if load is not None]
        return statistics.median(loads) if loads else None

    def profile(self) -> Profile | None:
        """Return where the time of the study went; None if no trial ran.

        Returns
        -------
        Profile
            Its ``parts`` are a DataFrame; printed, it is a sentence, advice and this table.

        Examples
        --------
        >>> print(results.profile())  # doctest: +SKIP
        40 trials in 1:13 on 2 workers, 32.9 per minute: 61% training, 17% tracing, ...
        """
        return profile(self._results)

    @property
    def timings(self) -> pd.DataFrame:
        """One row per trial whose timing is known, in the order in which they started.

        Columns: ``variant``, ``seed``, ``process``, ``started`` in seconds since 1970, and
        ``seconds``; also ``data`` if there are several data sets.
        """
        return timings_table(self._plan, self._results)

    @property
    def exploratory(self) -> bool:
        """True if the study has too few seeds for verdicts."""
        done = set(self._trials.loc[self._trials["status"] == Status.DONE, "seed"])
        return len(done or {*self._plan.seeds}) < EXPLORATORY_BELOW

    @property
    def held_out(self) -> HeldOut | None:
        """The test split: its size, and what each seed draws it from.

        None if it is unknown, or if the study has several data sets.
        """
        if self.several_data:
            return None
        return self._results.held_out

    def compared(self, metrics: str | Sequence[str] | None = None) -> list[str]:
        """Return the columns of the trials that variants are compared on.

        If a factor changes the loss itself, test_loss is replaced by a metric that all variants
        have: test_nll, else test_accuracy, or test_rmse for a regression; and loss_gap by gap.

        Parameters
        ----------
        metrics
            As for `deltas`.

        Raises
        ------
        StudyError
            If there is no such metric; the message suggests the nearest one.
        """
        given = [metrics] if isinstance(metrics, str) else [*(metrics or self.study.metrics)]
        stored = [
            metric_of(name) for name in self._trials if is_of_split(name) or name in WITHOUT_SPLIT
        ]
        stored.sort(key=is_of_split)  # those of the test split first
        names = [_name_of(text) for text in given]
        for name in names:
            check_known(name, stored, "The trials hold no metric")
        return comparable([*map(column_of, names)], self._loss_kinds, measured(self._trials))

    @cached_property
    def _loss_kinds(self) -> dict[str, str]:
        return loss_kinds(self.study.baseline, losses_of_plan(self._plan, self._results))

    def deltas(
        self, metrics: str | Sequence[str] | None = None, *, full: bool = False
    ) -> pd.DataFrame:
        """Compare every variant with the baseline, paired by seed.

        Parameters
        ----------
        metrics
            One or several metrics, such as "loss" (on the test split) or "gap"; the study's own if
            left out.
        full
            Whether to return all columns.

        Returns
        -------
        pandas.DataFrame
            One row per variant and metric: ``factor``, ``level``, ``baseline``, ``metric``,
            ``n_pairs``, ``n_failed``, ``baseline_mean``, ``level_mean``, ``p``, ``p_adjusted``,
            ``delta``, ``ci_low``, ``ci_high`` and ``verdict``; see `ablations.stats.deltas`. The
            interval is about other seeds on the same data. ``p_adjusted`` is corrected over the
            variants of one metric; a report corrects its first metric over all claims of the page,
            so that its p may be larger. With several data sets, ``data``
            follows ``metric``: rows with "all" compare the means over the data sets, with the same
            seeds on each; the others compare one data set, with Holm's correction over all
            variants and data sets. Then `heterogeneity` tells what to expect of new data.

            With `full`, further columns follow: ``variant``, ``primary`` (whether it is the study's
            first metric; the p values of the others are corrected apart) and the others of
            `ablations.stats.deltas`, those of `ablations.stats.sequential` for a study whose seeds
            are "auto", and the interval for new data, ``new_data_low`` to ``new_data_high``, with
            ``new_data_p`` and ``new_data_method``; see `ablations.stats.new_data`.

        Raises
        ------
        StudyError
            If there is no such metric; the message suggests the nearest one.
        """
        table = self.overall_deltas(metrics)
        columns = [*CONTRACT]
        if self.several_data:
            table = self._with_each_data(table, metrics)
            columns.insert(columns.index("metric") + 1, "data")
        further = [name for name in table if name not in columns] if full else []
        return table[columns + further]

    def _with_each_data(
        self, overall: pd.DataFrame, metrics: str | Sequence[str] | None
    ) -> pd.DataFrame:
        """Return the deltas over all data sets, then those of each."""
        names = self.compared(metrics)
        each = deltas_by_data(
            self._trials,
            lambda trials: compare(self.study, trials, names, self._loss_kinds),
            margins=margins_of(self.study),
        )
        table = pd.concat([overall.assign(data=ALL_DATA), each], ignore_index=True)
        table["new_data_method"] = table["new_data_method"].fillna("none: several data sets")
        return self._told_apart(table)

    def _told_apart(self, deltas: pd.DataFrame) -> pd.DataFrame:
        """Add the column that tells the primary metric from the secondary ones."""
        return deltas.assign(primary=deltas["metric"] == self.compared()[0])

    def overall_deltas(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return the deltas of `overall_trials`, with all columns: those over all data sets."""
        names = tuple(self.compared(metrics))
        if names not in self._deltas:
            table = compare(self.study, self._overall, names, self._loss_kinds)
            packed = self._results.outcomes
            looks = stats.looks(self.study.max_seeds) if self.study.seeds == AUTO else ()
            beside = stats.new_data(table, self._overall, self.held_out, packed, at=looks)
            self._deltas[names] = self._told_apart(table.join(beside))
        return self._deltas[names].copy()

    @property
    def chosen_by(self) -> str:
        """The column of the trials that variants are chosen by.

        The first metric on the validation split, such as "validation_loss". If the done trials
        have none, because the study has no validation split, it is the metric on the test split.

        Raises
        ------
        StudyError
            If the first metric is not of a split, such as "gap".
        """
        return choosing_metric(self._overall, self.compared()[0])

    def losses(self) -> dict[str, float]:
        """Return the mean of `chosen_by` by variant, as the steps of a path compare it.

        Lower is better, whatever the metric is.
        """
        return losses_of(self._overall, self.chosen_by, self.changes)

    def heterogeneity(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return how much deltas differ between data sets, and the delta on a new data set.

        Parameters
        ----------
        metrics
            As for `deltas`.

        Returns
        -------
        pandas.DataFrame
            See `ablations.stats.heterogeneity`.

        Raises
        ------
        StudyError
            If the study has one data set.
        """
        if not self.several_data:
            raise StudyError(
                f"`heterogeneity`: expected a study with several data sets; {self.study.name} has "
                f"one, {self.study.data}. Give `data` a list."
            )
        return stats.heterogeneity(self._trials, self.compared(metrics))

    def posterior(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return the deltas after partial pooling, with the probability of each conclusion.

        The largest of many deltas is too large on average; the pooled one is not. With a margin,
        the table has the probabilities that a variant is better or worse by more than the margin
        and that it is equivalent.

        Parameters
        ----------
        metrics
            As for `deltas`.

        Returns
        -------
        pandas.DataFrame
            See `ablations.stats.posterior`.
        """
        return stats.posterior(
            self._overall, self.compared(metrics), margins=margins_of(self.study)
        )

    def open_variants(self) -> dict[str, int]:
        """Return the variants without a final verdict, with the number of seed blocks to run next.

        By the rule of `deltas` for a study whose seeds are "auto", on the first metric. A variant
        gets more seed blocks until its verdict is final on the validation split and on the test
        split.
        """
        first = self.compared()[0]
        wanted: dict[str, int] = {}
        for metric in dict.fromkeys((self.chosen_by, first)):
            margins = margins_of(self.study)
            if first in margins:
                margins[metric] = margins[first]
            waiting = stats.open_variants(
                self._overall,
                metric,
                stats.looks(self.study.max_seeds),
                margins=margins,
                loss_kinds=self._loss_kinds,
            )
            wanted = {name: max(count, wanted.get(name, 0)) for name, count in waiting.items()} | {
                name: count for name, count in wanted.items() if name not in waiting
            }
        return wanted

    def aliases(self) -> pd.DataFrame:
        """Return the effects that the design cannot separate, or only partly.

        Returns
        -------
        pandas.DataFrame
            One row per pair of main effects or two-way interactions: ``effect``, ``aliased_with``
            and the ``correlation`` of their columns: 1 or -1 if the effects are the same, smaller
            if they overlap partly, as in Plackett-Burman designs.
        """
        columns = ["effect", "aliased_with", "correlation"]
        return pd.DataFrame(list(self._layout.aliases), columns=columns)

    @property
    def changed_rules(self) -> list[str]:
        """A sentence for each rule that was changed after results existed."""
        return changed_rules(self._studies)

    @property
    def crossed(self) -> bool:
        """True for designs that combine levels of several factors, such as factorials."""
        return self._layout.crossed

    @property
    def orthogonality(self) -> str:
        """A sentence if infeasible variants leave main effects not orthogonal; else empty."""
        if not self._layout.crossed:
            return ""
        infeasible = {row.variant for row in self._plan.variants if row.infeasible}
        return lost_orthogonality(list(self.study.factors), self.changes, infeasible)

    @cached_property
    def _layout(self) -> Layout:
        study = self.study
        factors = {name: tuple(levels) for name, levels in study.factors.items()}
        return design(study.design, factors, Settings(study.baseline), study.variants)

    def path(self, metric: str | None = None) -> pd.DataFrame:
        """Return the steps of a study with the design "path".

        Each step changes the factor that improves the study's first metric most on the validation
        split; see `chosen_by`. Its delta is measured on the test split and corrected for this
        choice: the chosen variant was also lucky, which makes its own step look too good and the
        next step too bad. See `ablations.stats.steps`.

        Parameters
        ----------
        metric
            Metric to show; the study's first if left out.

        Returns
        -------
        pandas.DataFrame
            One row per step so far, from 0 for the start: ``step``, ``factor``, ``from_level``,
            ``to_level``, ``metric``, ``mean`` after the step over the seed blocks that all steps
            share, ``delta`` from the step before, paired by seed and corrected for the choice,
            ``uncorrected`` delta, ``ci_low`` and ``ci_high``, which hold for all steps at once
            with 95%, ``p`` and ``p_adjusted`` for all changes that were tried, ``n_pairs``,
            ``share`` of the change so far, ``runner_up`` (the second best factor) with its mean
            ``runner_up_mean`` over the seeds that the step was chosen by, ``variant``,
            ``chosen_by``, and ``notes``, which say why a step has no verdict.

        Raises
        ------
        StudyError
            If the study has another design.
        """
        shown = self.compared(metric)[0]
        return path_table(self.study, self._overall, self.changes, shown, self.chosen_by)

    def trend(self, metric: str | None = None) -> pd.DataFrame:
        """Test for a trend over the ordered levels of each factor, with Holm's correction.

        See `ablations.stats.trend`.
        """
        return stats.trend(self._overall, list(self.study.factors), self.compared(metric)[0])

    def effects(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Estimate main effects and interactions of a factorial; see `ablations.stats.effects`.

        Of a list of variants, such as the design "pairs" of a study of parts makes, it estimates
        the interaction of each two changes that were trained alone and together; see
        `ablations.stats.interactions`.
        """
        trials, changes = self.overall_trials, self.changes
        if not self.study.factors:
            return stats.interactions(trials, changes, self.compared(metrics))
        for factor in self.study.factors:
            usual = self.study.baseline[factor]
            levels = [changes[variant].get(factor, usual) for variant in trials["variant"]]
            trials[f"factor:{factor}"] = pd.Series(levels, dtype=object)
        return stats.effects(trials, list(self.study.factors), self.compared(metrics))

    def agreement(self, importance: pd.DataFrame) -> pd.DataFrame:
        """Compare the order of parts by `ablations.importance` with that of this study.

        Parameters
        ----------
        importance
            Table of `ablations.importance` for the parts of the same model.

        Returns
        -------
        pandas.DataFrame
            Kendall's tau with its interval and p, and Spearman's correlation, for each metric and
            operation; see `ablations.stats.agreement`.
        """
        return stats.agreement(importance, self.overall_deltas())

    def stability(self, metrics: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Measure the spread over seeds; see `ablations.stats.stability`."""
        return stats.stability(self._overall, self.compared(metrics))

    def convergence(self) -> pd.DataFrame:
        """Count the epochs to the baseline's final value; see `ablations.stats.convergence`.

        The metric is the validation loss, or the training loss if there is no validation, both
        without penalties. If a factor changes the loss itself, it is the accuracy or, for a
        regression, the root mean squared error; without these the table is empty. The column
        ``metric`` names it.
        """
        history = self.overall_history
        one_loss = len(set(self._loss_kinds.values())) == 1
        names = ("loss",) if one_loss else ("accuracy", "rmse", "mae")
        columns = [name for each in names for name in (f"val_{each}", each) if name in history]
        if not columns:
            return stats.convergence(history.iloc[:0].assign(value=0.0))
        lower = stats.direction(columns[0]) == Better.LOWER
        return stats.convergence(history, columns[0], lower_is_better=lower)

    def costs(self) -> pd.DataFrame:
        """Compare the first metric with its cost; see `ablations.stats.pareto`."""
        return stats.pareto(self._overall, self.compared()[0])


def _name_of(given: str) -> str:
    """Return the name of a metric as a user gives it; what is no metric stays as it is."""
    try:
        return name_of(given)
    except ValueError:
        return given
