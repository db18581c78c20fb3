"""The report says what its verdicts are about, and where new data may differ."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report.study.document import study_document
from ablations.report.study.new_data import about, missing, what_verdicts_are_about
from ablations.report.study.summary import sentence, summary
from ablations.report.study.tables import statistics_table
from cnnzoo.folds import HeldOut

NONE = "none: the trials have no outcomes by example"


@pytest.fixture
def with_new_data(contents):
    """The study with intervals for new data, 1.5 times as wide as the others."""
    table = contents.deltas
    half = 1.5 * (table["ci_high"] - table["delta"])
    deltas = table.assign(
        new_data_low=table["delta"] - half,
        new_data_high=table["delta"] + half,
        new_data_p=0.03,
        new_data_method="corrected t",
    )
    return replace(contents, deltas=deltas, held_out=HeldOut(size=500, pool=5000, train=4000))


@pytest.mark.parametrize(
    ("held_out", "text"),
    [
        (
            HeldOut(size=500, pool=5000, train=4000),
            "Verdicts are about other seeds on the same 5,000 examples, 500 of which each seed "
            "draws as its test split. The interval for new data, among the further statistics, is "
            "about another sample of this size.",
        ),
        (
            HeldOut(size=10_000, pool=0, train=54_000),
            "Verdicts are about other seeds with the same 10,000 test examples. The interval for "
            "new data, among the further statistics, is about other test examples of this number, "
            "with the same training data.",
        ),
        (None, "Verdicts are about other seeds on the same data, not about new data."),
    ],
)
def test_verdicts_are_about_seeds(contents, held_out, text):
    assert about(held_out) == text
    document = study_document(replace(contents, held_out=held_out))
    page = document.page()
    parts = next(section for section in page.sections if section.id == "notes").parts
    assert parts[0].text.endswith(f" are not corrected for multiple comparisons. {text}")
    assert text in document.values()["notes"]


def test_sentence_says_where_the_interval_for_new_data_includes_0(with_new_data):
    row = with_new_data.deltas.iloc[0].to_dict()
    assert (row["variant"], row["verdict"]) == ("pool_size=1", "better")
    plain = sentence(row | {"new_data_low": -0.03, "new_data_high": -0.001})
    assert plain.endswith("10 seeds): better")
    wide = sentence(row | {"new_data_low": -0.03, "new_data_high": 0.001})
    assert wide == f"{plain}; for new data the interval includes 0"
    inconclusive = row | {"verdict": "inconclusive", "new_data_low": -1, "new_data_high": 1}
    assert "new data" not in sentence(inconclusive)
    assert sentence(row | {"new_data_low": np.nan, "new_data_high": np.nan}) == plain


def test_summary_names_only_claims_that_new_data_may_change(with_new_data):
    table = with_new_data.deltas
    settled = table["verdict"].isin(["better", "worse"])
    zero = (table["new_data_low"] <= 0) & (table["new_data_high"] >= 0)
    said = [
        one for many in summary(with_new_data).values() for one in many if "new data" in one.text
    ]
    assert len(said) == (settled & zero).sum()


def test_terminal_names_the_claims_that_new_data_may_change():
    columns = ["variant", "metric", "verdict", "new_data_low", "new_data_high"]
    rows = [
        ("units=4", "test_loss", "worse", -0.1, 0.3),
        ("units=4", "test_accuracy", "worse", -0.3, -0.1),
        ("units=8", "test_accuracy", "better", -0.1, 0.1),
        ("units=16", "test_loss", "inconclusive", -0.1, 0.1),
        ("units=32", "test_loss", "better", np.nan, np.nan),
    ]
    held_out = HeldOut(size=10, pool=0, train=90)
    notes = what_verdicts_are_about(pd.DataFrame(rows, columns=columns), held_out)
    assert notes == [
        "Verdicts are about other seeds with the same 10 test examples.",
        "For new data the interval includes 0: units=4 (test loss), units=8 (test accuracy).",
    ]
    none = pd.DataFrame([("units=4", "test_loss", "", -0.1, 0.3)], columns=columns)
    assert what_verdicts_are_about(none, held_out) == []


def test_further_statistics_have_the_interval_for_new_data(with_new_data):
    table = statistics_table(with_new_data, "test_loss")
    at = [table.headers.index(name) for name in ("New data low", "New data high", "p (new data)")]
    assert [table.rows[2][place].text for place in at][2] == "0.030"
    assert table.below == ""
    none = with_new_data.deltas.assign(
        new_data_low=np.nan, new_data_high=np.nan, new_data_p=np.nan, new_data_method=NONE
    )
    table = statistics_table(replace(with_new_data, deltas=none), "test_loss")
    assert "New data low" not in table.headers
    assert table.below == "No interval for new data: the trials have no outcomes by example."


def test_each_reason_for_a_missing_interval_is_given_once():
    methods = [NONE, "corrected t", "", NONE, "none: too few or equal deltas"]
    assert missing([{"new_data_method": method} for method in methods]) == (
        "No interval for new data: the trials have no outcomes by example; too few or equal deltas."
    )
