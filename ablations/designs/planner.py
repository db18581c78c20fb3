"""From a study to the trials that it plans, as far as its results so far tell."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ablations.designs import design
from ablations.designs.layout import Layout, check_different
from ablations.designs.orthogonality import lost_orthogonality
from ablations.designs.switching import STARTS, switched
from ablations.store import Planned
from ablations.study import Study, Trial, Variant
from ablations.study.errors import StudyError
from ablations.study.space import Space
from cnnzoo.levels import Settings, same
from cnnzoo.toggle import Level, ToggleError


@dataclass(frozen=True)
class Planner:
    """A checked study: its space and its layout.

    Parameters
    ----------
    study, space, layout
        The study, the toggles that it may set, and what its design gives.
    """

    study: Study
    space: Space
    layout: Layout

    @classmethod
    def of(cls, study: Study) -> "Planner":
        """Check all of a study that signatures tell.

        Raises
        ------
        StudyError, ToggleError
            If the study cannot be run as declared.
        """
        if not isinstance(study, Study):
            raise StudyError(f"`study`: expected an ablations.Study; got {study!r}.")
        space = Space.of_study(study)
        factors, baseline = space.factors(study), space.baseline(study)
        variants = space.variants(study)
        check_different(baseline, variants)
        if study.design in STARTS:
            toggles = {name: space.toggle(name) for name in factors}
            baseline = switched(study.design, factors, baseline, toggles, study.baseline)
        layout = design(study.design, factors, baseline, variants)
        for name in study.baseline:
            if name in factors and not same(baseline[name], layout.baseline[name]):
                raise StudyError(
                    f"`{name}`: the design {study.design} starts at the first of the two levels, "
                    f"{layout.baseline[name]!r}; the study's baseline says {baseline[name]!r}. "
                    "Leave it out of `baseline`, or change the order of the levels."
                )
        return cls(study, space, layout)

    def rows(
        self,
        variants: Sequence[Variant],
        blocks: Mapping[str, Sequence[int]],
        infeasible: Mapping[str, str],
    ) -> list[tuple[Planned, Trial]]:
        """Return the trials of some variants.

        Parameters
        ----------
        variants
            The variants.
        blocks
            Seeds by variant; the study's own for those left out.
        infeasible
            Why a variant cannot be built, by `Planned.label`.
        """
        return [*self.each_row(variants, blocks, infeasible)]

    def each_row(
        self,
        variants: Iterable[Variant],
        blocks: Mapping[str, Sequence[int]],
        infeasible: Mapping[str, str],
    ) -> Iterator[tuple[Planned, Trial]]:
        """Yield what `rows` returns."""
        several = len(self.study.data_sets) > 1
        for variant in variants:
            levels = self._levels(variant)
            for data in self.study.data_sets:
                first = self.space.trial(self.study, levels, 0, data)  # of any seed
                row = planned(variant, self.layout.baseline, first)
                row = replace(row, data=data if several else "")
                reason = infeasible.get(row.label) or self._clash(first)
                for trial in first.with_seeds(blocks.get(variant.name, self.study.seed_blocks)):
                    yield replace(row, seed=trial.seed, key=trial.key, infeasible=reason), trial

    def first_rows(self, variants: Iterable[Variant]) -> Iterator[tuple[Planned, Trial]]:
        """Yield the rows of the study's first seed."""
        first = self.study.seed_blocks[:1]
        for variant in variants:
            yield from self.each_row([variant], {variant.name: first}, {})

    def labels(self, variant: Variant) -> list[str]:
        """Return the labels of a variant's rows, one per data set."""
        names = self.study.data_sets
        return [f"{variant.name} on {data}" for data in names] if names[1:] else [variant.name]

    def orthogonality(self, rows: Sequence[Planned]) -> str:
        """Say what the rows that cannot be built do to main effects; empty if nothing."""
        if not self.layout.crossed:
            return ""
        variants = {row.variant: row.changes for row in rows}
        infeasible = {row.variant for row in rows if row.infeasible}
        return lost_orthogonality(list(self.study.factors), variants, infeasible)

    def _levels(self, variant: Variant) -> Mapping[str, Level]:
        levels = {**self.layout.baseline, **variant.changes}
        if not variant.changes:
            return levels
        crossed = self.study.factors if self.layout.crossed else ()
        return self.space.effective(levels, {*variant.changes, *crossed})

    def _clash(self, trial: Trial) -> str:
        try:
            self.space.check_trial(trial)
        except ToggleError as error:
            return str(error)
        return ""


def planned(variant: Variant, baseline: Settings, trial: Trial) -> Planned:
    """Write a variant's trial as a row of the plan."""
    changes = dict(variant.changes)
    own = {name: baseline[name] for name in changes}
    if len(changes) == 1:
        ((name, changed),) = changes.items()
        return Planned(variant.name, changes, name, changed, own[name], trial.seed, trial.key)
    factor, level, before = (
        " + ".join(str(part) for part in parts) or None
        for parts in (changes, changes.values(), own.values())
    )
    return Planned(variant.name, changes, factor, level, before, trial.seed, trial.key)
