"""The pooled deltas in a report: the card of the largest effect, and the table."""

import numpy as np
import pytest
from helpers.stub_trials import STUDY

from ablations import Study
from ablations.report.page import unfolded
from ablations.report.study.conclusions import opening
from ablations.report.study.contents import POSTERIOR
from ablations.report.study.document import study_page
from ablations.results.report_contents import contents_of


@pytest.fixture
def results(outcome):
    """Return a study of three variants, one of which is worse, with a margin for the loss."""
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.02, (8, 200))

    def told(trial):
        units = int(trial.settings.get("units", 128))
        loss = 0.5 + 0.2 * (units == 16) + noise[trial.seed, units]
        return loss, 1 - loss

    study = Study(
        STUDY.model,
        "digits",
        factors={"units": [16, 32, 64, 128]},
        seeds=8,
        margins={"loss": 0.05},
    )
    return outcome(study, told)


def test_sentence_on_the_largest_effect_has_the_pooled_delta(results):
    pooled = results.posterior("loss").set_index("variant").loc["units=16", "pooled"]
    delta = results.deltas("loss", full=True).set_index("variant").loc["units=16", "delta"]
    assert 0 < pooled < delta
    (sentence,) = [one for one in opening(contents_of(results)) if "the largest" in one.text]
    assert "; the largest, units=16 (baseline: 128), is +" in sentence.text
    assert sentence.text.endswith(f"; shrunk to +{pooled:.3f} as the largest of 3")


def test_table_has_probabilities_of_metrics_with_a_margin(results):
    parts = unfolded(part for it in study_page(contents_of(results)).sections for part in it.parts)
    (table,) = [part for part in parts if getattr(part, "title", "") == POSTERIOR]
    assert table.headers[:5] == ("Variant", "Metric", "Better", "Equivalent", "Worse")
    assert [row[0].text for row in table.rows] == ["units=16", "units=32", "units=64"]
    assert {row[1].text for row in table.rows} == {"test loss"}
    assert table.rows[0][4].text == "100%"


def test_report_without_margin_has_no_probabilities(outcome):
    noise = np.random.default_rng(2).normal(0, 0.02, (6, 200))
    study = Study(STUDY.model, "digits", factors={"units": [64, 128]}, seeds=6)
    told = lambda trial: (0.5 + noise[trial.seed, int(trial.settings.get("units", 128))], 0.5)  # noqa: E731
    assert POSTERIOR not in contents_of(outcome(study, told)).tables
