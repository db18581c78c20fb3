"""Arithmetic that the claims of document 001 state."""

import cnnzoo
from ablations.claims.document_001 import CLAIMS
from cnnzoo.shared_toggles import by_group


def test_ways_to_pad_have_equally_many_parameters():
    (study,) = (claim.studies[0] for claim in CLAIMS if claim.id == "C10")
    toggles, _ = by_group(study.baseline)
    variants = [{factor: level} for factor, levels in study.factors.items() for level in levels]
    parameters = (9 + 1) * 16 + (9 * 16 + 1) * 16 + (16 + 1) * 10
    for variant in variants:
        model = cnnzoo.build(study.model_name, input_shape=(8, 8, 1), **{**toggles, **variant})
        assert model.count_params() == parameters
        kept = 4 if variant.get("padding") == "valid" else 8
        assert model.get_layer("stage2_conv").output.shape[1:3] == (kept, kept)
