"""Pages of studies without any effect: what their sentences claim.

The benchmark simulation/pages.py counts 1,000 pages of each design; here are few, among them those
whose tables would claim something without the correction over the page.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from ablations.results.report_contents import error_rate
from ablations.stats.page_claims import Claims

DESIGNS = {
    "one factor of 4 levels": [16, 21, 30, 49, 50],
    "two factors of 3 levels": [12, 32, 47],
    "full factorial, 2^3": [17, 24, 27],
    "fraction, 2^(4-1)": [0, 11],
    "leave-one-out of 3": [],
    "add-one-in of 3": [],
    "Plackett-Burman of 5": [],
}
"""Studies of each design of which a table alone shows an effect on some metric."""

MORE = 3
"""Further studies of each design."""


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from simulation import pages

    return pages


def page(pages, name, number, effect=0.0):
    """Return the page of a study; with an effect, variants without the name baseline differ."""
    from simulation.draws import rng_of

    values = pages.without_effect(rng_of(18, list(pages.STUDIES).index(name), number))

    def moved(variant, seed):
        return values(variant, seed) + np.array([effect, 0.0]) * (variant != "baseline")

    return pages.page_of(pages.STUDIES[name], moved)


def test_pages_without_effect_claim_nothing(pages):
    numbers = [
        (name, number)
        for name, known in DESIGNS.items()
        for number in (*known, *range(100, 100 + MORE))
    ]
    claims = {
        one: found for one in numbers if (found := pages.sentences_with_claims(page(pages, *one)))
    }
    assert [one for one in claims if one[1] < 100] == []
    further = MORE * len(DESIGNS)
    assert len(claims) <= binom.ppf(0.999, further, 0.05)


@pytest.mark.parametrize(
    "name",
    [
        "path of 3",
        'one factor of 4 levels, seeds="auto"',
    ],
)
def test_adaptive_pages_without_effect_claim_nothing(pages, name):
    claims = [pages.sentences_with_claims(page(pages, name, number)) for number in range(2)]
    assert claims == [[], []]


def test_pages_with_effects_claim_them(pages):
    shown = page(pages, "one factor of 4 levels", 1, effect=4.0)
    assert shown.secondary == ("test_accuracy",)
    claims = pages.sentences_with_claims(shown)
    assert sum(claim.endswith(": worse") for claim in claims) >= 3
    assert all("accuracy" not in claim for claim in claims)


def test_secondary_metrics_have_p_and_no_verdict(pages):
    contents = page(pages, "one factor of 4 levels", 1)
    from ablations.report.study.summary import summary

    sentences = summary(contents)["test_accuracy"]
    assert [one.verdict for one in sentences] == ["", "", ""]
    assert all(": difference in test accuracy " in one.text for one in sentences)
    assert all("95% CI" in one.text for one in sentences)
    assert all("p (Holm)" in one.text for one in sentences)


def test_page_says_how_often_it_errs(pages):
    assert page(pages, "full factorial, 2^3", 1).error_rate == (
        'Of studies in which nothing has an effect, at most 5% have a page with any "better", '
        '"worse", trend or effect of test loss: its 13 primary claims (7 deltas and 6 effects) are '
        "corrected together. Other metrics are secondary: their p values are corrected apart."
    )


def test_verdicts_of_secondary_metrics_look_secondary(pages):
    """An effect on both metrics has its word on the first one; figures show the other alike."""
    from ablations.report.study.forest import forest, pairs
    from ablations.report.study.tables import deltas_table
    from ablations.report.theme import LIGHT

    contents = page(pages, "one factor of 4 levels", 1, effect=4.0)
    moved = contents.deltas.assign(verdict="worse")
    contents = replace(contents, deltas=moved)
    for draw in (forest, pairs):
        assert draw(contents, "test_loss", LIGHT).verdicts == ["worse"]
        assert draw(contents, "test_accuracy", LIGHT).verdicts == ["secondary"]
    words = {
        metric: {row[2].text for row in deltas_table(contents, metric).rows}
        for metric in contents.metrics
    }
    assert words == {"test_loss": {"worse"}, "test_accuracy": {"worse (secondary)"}}


def test_page_with_one_claim_needs_no_correction():
    claims = Claims(pd.DataFrame(), "test_loss", counts={"delta": 1})
    assert error_rate(claims) == (
        'Of studies in which nothing has an effect, at most 5% have a page with any "better", '
        '"worse", trend or effect of test loss. Other metrics are secondary: their p values are '
        "corrected apart."
    )


def test_unfinished_study_has_verdicts_so_far_only(pages):
    """With two seeds of one variant pending, deltas and trends claim nothing."""
    from ablations.report.study.contents import SO_FAR

    shown = page(pages, "one factor of 4 levels", 1, effect=4.0)
    study = replace(pages.STUDIES["one factor of 4 levels"], baseline={"units": 8})
    trials = shown.trials.copy()
    later = (trials["variant"] == "units=64") & (trials["seed"] > 7)
    trials["status"] = trials["status"].mask(later, "pending")
    results = pages.Made(study, [], trials)
    contents = pages._contents(results)
    assert pages.sentences_with_claims(contents) == []
    so_far = contents.tables[SO_FAR].set_index("variant")
    assert so_far["n_pairs"].to_dict() == {"units=16": 10, "units=32": 10, "units=64": 8}
    assert so_far["verdict"].tolist() == ["worse"] * 3
    assert contents.deltas["notes"].str.contains("no verdict: the study is not finished").any()
    from ablations.report.study.summary import summary

    assert not any("p (Holm)" in one.text for one in summary(contents)["test_accuracy"])


def test_error_rate_of_an_unfinished_study_is_about_finished_ones(pages):
    claims = Claims(pd.DataFrame(), "test_loss", counts={"delta": 2})
    sentence = error_rate(claims, finished=False)
    assert sentence.startswith("Of finished studies in which nothing has an effect, at most 5% ")
