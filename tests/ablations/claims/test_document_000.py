"""Arithmetic that the claims of document 000 state."""

import cnnzoo
from ablations.claims.document_000 import CLAIMS
from cnnzoo.shared_toggles import by_group


def test_dilation_changes_the_receptive_field_alone():
    (study,) = (claim.studies[0] for claim in CLAIMS if claim.id == "C03")
    toggles, _ = by_group(study.baseline)
    models = [
        cnnzoo.build(study.model_name, **toggles, dilation=dilation)
        for dilation in study.factors["dilation"]
    ]
    # a kernel of 3 spans 1 + 2d pixels; after pooling by 2, its taps are 2d pixels apart
    sizes = [(1 + 2 * d) + 1 + 4 * d for d in (1, 2, 3)]
    assert sizes == [8, 14, 20]
    fields = [cnnzoo.receptive_field(model, "stage2_conv").size for model in models]
    assert fields == [(size, size) for size in sizes]
    parameters = (9 + 1) * 16 + (9 * 16 + 1) * 32 + (32 + 1) * 10
    assert [model.count_params() for model in models] == 3 * [parameters]
