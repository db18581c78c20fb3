"""The catalogue: all claims of the documents, and the studies that test them, by name."""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from ablations.claims import document_000, document_001, document_002, document_003, document_004
from ablations.claims.claim import Claim
from ablations.study import Study
from ablations.study.errors import StudyError, check_known
from cnnzoo.toggle import did_you_mean

DOCUMENTS = (document_000, document_001, document_002, document_003, document_004)


@cache
def claims() -> Mapping[str, Claim]:
    """Return all claims by id, in the order of their ids.

    Raises
    ------
    StudyError
        If two claims, two different studies, or a claim and a study have the same name.

    Examples
    --------
    >>> claims()["C02"].documents
    ('000',)
    """
    return catalogue_of(claim for document in DOCUMENTS for claim in document.CLAIMS)


def catalogue_of(declared: Iterable[Claim]) -> Mapping[str, Claim]:
    """Return claims by id, in the order of their ids, after a check that no name is taken twice.

    Raises
    ------
    StudyError
        As `claims`.
    """
    ordered = sorted(declared, key=lambda claim: claim.id)
    holders: dict[str, Claim] = {}
    by_name: dict[str, Study] = {}
    for claim in ordered:
        for word in (claim.id, claim.name):
            holder = holders.setdefault(word.casefold(), claim)
            if holder is not claim:
                raise StudyError(f"The claims {holder.id} and {claim.id} are both called {word}.")
        for study in claim.studies:
            if by_name.setdefault(study.name, study) != study:
                raise StudyError(f"Two different studies are called {study.name}.")
    for name in by_name:
        if name.casefold() in holders:
            holder = holders[name.casefold()]
            raise StudyError(f"The claim {holder.id} and a study are both called {name}.")
    return MappingProxyType({claim.id: claim for claim in ordered})


def find_claim(name: str) -> Claim:
    """Return a claim by its id, in upper or lower case, or by its name.

    Raises
    ------
    StudyError
        If there is none; the message gives the nearest.

    Examples
    --------
    >>> find_claim("c02").id
    'C02'
    """
    words = {word: claim for claim in claims().values() for word in (claim.id, claim.name)}
    folded = {word.casefold(): word for word in words}
    word = folded.get(name.casefold(), name)
    check_known(word, list(words), "There is no claim")
    return words[word]


@cache
def studies() -> Mapping[str, Study]:
    """Return the studies of all claims by name.

    Examples
    --------
    >>> studies()["downsampling"].factors["pool_size"]
    (1, 2, 3, 4)
    """
    return MappingProxyType(
        {study.name: study for claim in claims().values() for study in claim.studies}
    )


def find_study(name: str) -> Study:
    """Return a study of a claim by its name.

    Raises
    ------
    StudyError
        If there is none of that name; the message gives the nearest.

    Examples
    --------
    >>> find_study("downsampling").factors["pool_size"]
    (1, 2, 3, 4)
    """
    check_known(name, list(studies()), "There is no built-in study")
    return studies()[name]


def find(name: str) -> Claim | Study:
    """Return a claim by its id or name, or a study by its name.

    Raises
    ------
    StudyError
        If there is neither; the message gives the nearest.

    Examples
    --------
    >>> find("downsampling").model, find("C02").name
    ('downsampling', 'number-of-filters')
    """
    if name in studies():
        return studies()[name]
    try:
        return find_claim(name)
    except StudyError:
        words = [word for claim in claims().values() for word in (claim.id, claim.name)]
        near = did_you_mean(name, [*studies(), *words])
        raise StudyError(
            f"There is no claim or built-in study `{name}`{near} `ablations list` shows them."
        ) from None


def claims_of(study: str) -> tuple[Claim, ...]:
    """Return the claims that a study tests.

    Examples
    --------
    >>> [claim.id for claim in claims_of("downsampling-average")]
    ['C01']
    """
    return tuple(
        claim for claim in claims().values() if study in {each.name for each in claim.studies}
    )
