"""The catalogue of claims."""

from dataclasses import replace

import pytest
from helpers.declared_claims import FALSE, TRUE, study

from ablations.claims.catalogue import (
    DOCUMENTS,
    catalogue_of,
    claims,
    find,
    find_claim,
    find_study,
    studies,
)
from ablations.claims.check import check_claim
from ablations.claims.request import asked
from ablations.claims.verdict import least_blocks
from ablations.designs.planner import Planner
from ablations.study.errors import StudyError


def test_every_claim_is_declared_in_its_first_document():
    for document in DOCUMENTS:
        number = document.__name__.rpartition("_")[2]
        for claim in document.CLAIMS:
            assert claim.documents[0] == number, claim.id


PICTURES = ("C28",)
"""Claims that no number decides."""


def test_all_claims_of_the_documents_are_declared():
    assert [*claims()] == [f"C{number:02d}" for number in range(1, 34)]


@pytest.mark.parametrize("name", [name for name in claims() if name not in PICTURES])
def test_declared_claim_can_be_tested(name):
    check_claim(claims()[name])


@pytest.mark.parametrize("name", [one.id for one in claims().values() if one.hypotheses])
def test_studies_have_seed_blocks_enough_for_a_verdict(name):
    claim = claims()[name]
    fewest = min(len(study.seed_blocks) for study in claim.studies)
    assert fewest >= least_blocks(len(claim.hypotheses))


def test_claims_that_share_a_study_shrink_it_alike():
    request = asked(quick=True)
    by_name = {}
    for claim in request.claims:
        for smaller in request.studies_of(claim):
            assert by_name.setdefault(smaller.name, smaller) == smaller


@pytest.mark.parametrize("name", [one.id for one in claims().values() if one.quick])
def test_quick_studies_still_test_the_claim(name):
    (claim,) = asked([name], quick=True).claims
    smaller = asked([name], quick=True).studies_of(claim)
    assert smaller != claim.studies
    check_claim(replace(claim, studies=smaller))


@pytest.mark.parametrize("name", studies())
def test_every_built_in_study_can_be_planned(name):
    planner = Planner.of(find_study(name))
    rows = planner.rows(planner.layout.variants, {}, {})
    assert len(rows) >= 2
    assert not any(row.infeasible for row, _ in rows)


@pytest.mark.parametrize(
    ("name", "pool"), [("downsampling", "max"), ("downsampling-average", "average")]
)
def test_both_poolings_are_studied_over_all_sizes(name, pool):
    planner = Planner.of(find_study(name))
    trials = [trial for _, trial in planner.rows(planner.layout.variants, {}, {})]
    assert {trial.settings.get("pool", "max") for trial in trials} == {pool}
    assert {trial.settings.get("pool_size", 2) for trial in trials} == {1, 2, 3, 4}


@pytest.mark.parametrize("word", ["C01", "c01", "small-is-good", "Small-Is-Good"])
def test_claim_is_found_by_id_and_name(declare, word):
    declare(TRUE, FALSE)
    assert find_claim(word) is TRUE


def test_unknown_claim_is_refused_with_the_nearest(declare):
    declare(TRUE, FALSE)
    with pytest.raises(StudyError) as refused:
        find_claim("small-is-goood")
    assert str(refused.value) == (
        "There is no claim `small-is-goood`; did you mean `small-is-good`? Known: C01, "
        "small-is-good, C02, small-is-bad."
    )


def test_claim_and_study_are_found_by_name(declare):
    declare(TRUE, FALSE)
    assert find("first") == TRUE.studies[0]
    assert find("Small-Is-Bad") is FALSE


def test_unknown_word_is_refused_with_the_nearest(declare):
    declare(TRUE, FALSE)
    with pytest.raises(StudyError) as refused:
        find("secnd")
    assert str(refused.value) == (
        "There is no claim or built-in study `secnd`; did you mean `second`? `ablations list` "
        "shows them."
    )


def test_unknown_study_is_refused_with_the_nearest(declare):
    declare(TRUE, FALSE)
    with pytest.raises(StudyError) as refused:
        find_study("firts")
    assert str(refused.value) == (
        "There is no built-in study `firts`; did you mean `first`? Known: first, second."
    )


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (replace(FALSE, id="C01"), "The claims C01 and C01 are both called C01."),
        (replace(FALSE, name="small-is-good"), "The claims C01 and C02 are both called small-is-"),
        (replace(FALSE, name="c01"), "The claims C01 and C02 are both called c01."),
        (replace(FALSE, name="First"), "The claim C02 and a study are both called first."),
        (replace(FALSE, studies=(study("first", 9),)), "Two different studies are called first."),
    ],
)
def test_name_that_is_taken_is_refused(other, sentence):
    with pytest.raises(StudyError) as refused:
        catalogue_of([TRUE, other])
    assert str(refused.value).startswith(sentence)


def test_claims_may_share_a_study():
    shared = catalogue_of([TRUE, replace(FALSE, studies=(study("first"),))])
    assert list(shared) == ["C01", "C02"]
