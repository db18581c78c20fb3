"""What stored trials say: their deltas, trends, effects, costs, and the steps of a path."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ablations import stats
from ablations.results.choosing import losses_of, path_table
from ablations.results.comparing import changed_rules, compare, looks_of, margins_of
from ablations.results.stored import StoredStudy
from ablations.study.settings import Settings

if TYPE_CHECKING:
    from ablations.designs.layout import Layout


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
        lower = stats.direction(known[0]) == "lower"
        return stats.convergence(history, known[0], lower_is_better=lower)

    def costs(self) -> pd.DataFrame:
        """Set the first metric against what it costs, over the seed blocks that variants share.

        See `ablations.stats.pareto`.
        """
        return stats.pareto(self._trials, self.compared()[0])
