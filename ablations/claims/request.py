"""What a run of the claims is asked for: which claims, and the changes of their studies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ablations.claims.catalogue import claims, find_claim
from ablations.claims.claim import Claim
from ablations.study import Study
from ablations.study.errors import StudyError, check_known
from cnnzoo.training.recipe import Recipe
from cnnzoo.zoo import DOCUMENTS

DIRECTORY = Path("claims")
QUICK_DIRECTORY = Path("claims-quick")
"""Default directories of a full and of a quick run."""

FILE = "claims.json"
"""File of the results in a run's directory."""

FULL_RUN = Path(__file__).with_name("full_run.json")
"""The results of a full run of the claims on packaged data, which come with this package."""


@dataclass(frozen=True)
class Request:
    """What a run of the claims is asked for, checked.

    Parameters
    ----------
    claims
        The claims to test.
    quick, data, seeds
        Changes of their studies; see `run_claims`.
    """

    claims: tuple[Claim, ...]
    quick: bool = False
    data: str | None = None
    seeds: int | None = None

    def studies_of(self, claim: Claim) -> tuple[Study, ...]:
        """Return the studies of a claim with the changes that are asked for.

        The changes of a quick run come first: fields of the study or of its recipe, and levels of
        toggles, which are added to the baseline.
        """
        return tuple(self._changed(study, claim) for study in claim.studies)

    def _changed(self, study: Study, claim: Claim) -> Study:
        quick = claim.quick if self.quick else {}
        of_study, of_recipe = ({each.name for each in fields(kind)} for kind in (Study, Recipe))
        changes: dict[str, Any] = {name: quick[name] for name in quick if name in of_study}
        recipe: dict[str, Any] = {name: quick[name] for name in quick if name in of_recipe}
        levels: dict[str, Any] = {
            name: quick[name] for name in quick if name not in of_study | of_recipe
        }
        changes["baseline"] = {**changes.get("baseline", study.baseline), **levels}
        changes["recipe"] = replace(changes.get("recipe", study.recipe), **recipe)
        if self.seeds is not None:
            changes["seeds"] = self.seeds
        if self.data is not None and not claim.fixed_data:
            changes["data"] = self.data
        return replace(study, **changes)


def asked(
    only: str | Sequence[str] = (),
    *,
    document: str | None = None,
    quick: bool = False,
    data: str | None = None,
    seeds: int | None = None,
) -> Request:
    """Return a checked request; the arguments are those of `run_claims`.

    Raises
    ------
    StudyError
        If there is no such claim or document, the number of seeds is not allowed, or a claim among
        `only` does not allow other data.

    Examples
    --------
    >>> [claim.id for claim in asked(["c02"], quick=True).claims]
    ['C02']
    """
    names = [only] if isinstance(only, str) else list(only)
    chosen = {claim.id: claim for claim in map(find_claim, names)} if names else dict(claims())
    if document is not None:
        check_known(document, list(DOCUMENTS), "There is no document")
        chosen = {name: claim for name, claim in chosen.items() if document in claim.documents}
        if not chosen:
            raise StudyError(f"None of the claims {', '.join(names)} is of document {document}.")
    if seeds is not None and (isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1):
        raise StudyError(f"`seeds`: expected a whole number from 1; got {seeds!r}.")
    if data is not None and names:
        check_replaceable(chosen.values())
    return Request(tuple(chosen[name] for name in sorted(chosen)), quick, data, seeds)


def check_replaceable(tested: Iterable[Claim]) -> None:
    """Raise StudyError if a claim depends on its own data."""
    for claim in tested:
        if claim.fixed_data:
            raise StudyError(
                f"`data`: {claim.id} depends on its own data, which other data cannot replace; run "
                "it without `data`."
            )
