"""The declared claims of documents 003 and 004."""

from dataclasses import fields

import pytest

from ablations.claims import document_003, document_004
from ablations.claims.check import check_claim
from ablations.study import Study
from cnnzoo.training.recipe import Recipe

CLAIMS = {claim.id: claim for claim in (*document_003.CLAIMS, *document_004.CLAIMS)}

PICTURES = {"C28"}
"""Claims without a verdict."""

SETTINGS = {field.name for kind in (Study, Recipe) for field in fields(kind)}


def test_all_claims_of_both_documents_are_declared():
    assert [claim.id for claim in document_003.CLAIMS] == [f"C{i}" for i in range(17, 30)]
    assert [claim.id for claim in document_004.CLAIMS] == [f"C{i}" for i in range(30, 34)]


@pytest.mark.parametrize("name", sorted(CLAIMS.keys() - PICTURES))
def test_claim_can_have_a_verdict(name):
    check_claim(CLAIMS[name])


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_picture_has_neither_study_nor_check(name):
    claim = CLAIMS[name]
    assert (claim.studies, claim.hypotheses, claim.check) == ((), (), "")
    assert "notebook of document 003" in claim.text


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.studies])
def test_studied_claim_says_what_it_takes(name):
    claim = CLAIMS[name]
    assert claim.hypotheses
    assert claim.data_needed.endswith(".")
    assert claim.quick.keys() <= SETTINGS
    # six seed blocks are the fewest that have a verdict
    assert 6 <= claim.quick["seeds"] < min(len(study.seeds) for study in claim.studies)
