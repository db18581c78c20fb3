"""Results of the claims: stored as JSON, as tables and in reports."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
from helpers.declared_claims import ALL
from helpers.programs import said_by

import ablations
from ablations import StudyError, open_claims
from ablations.claims.claim import RULE, Comparison
from ablations.claims.outcome import ClaimOutcome, StudyOutcome
from ablations.claims.record import ClaimsRun
from ablations.claims.report import effects_figure
from ablations.claims.results import ClaimsResults
from ablations.claims.verdict import Explanation, HypothesisVerdict
from ablations.report.page import ReportError
from ablations.report.theme import LIGHT

HOSTILE = '<script>alert("x")</script> & <b>'

GROWS = HypothesisVerdict(
    "the loss grows", "test_loss", "sizes", 0.051, 0.02, 0.027, 0.076, 6, 0.004, 0.01, "supported"
)
UNKNOWN = HypothesisVerdict(
    *("the gap grows", "gap", "gaps", *[math.nan] * 4, 0, math.nan, 0.02, "inconclusive"),
    "no verdict: the study gaps has not run",
)
FINDING = Explanation(
    "sizes", "pool=2", "modes-differ", "Modes differ", 5, 6, "0.4 apart", "Train longer", True
)
OUTCOMES = (
    ClaimOutcome(
        *("C04", "growth", ("000", "003"), "Losses grow", "inconclusive"),
        hypotheses=(GROWS, UNKNOWN),
        studies=(StudyOutcome("sizes", "digits", 12, 11, 1, 90.0),),
        explanation=(FINDING,),
        reason="the study gaps failed: ValueError: no gap",
    ),
    ClaimOutcome(
        *("C09", "sizes", ("001",), HOSTILE, "contradicted"),
        comparisons=(
            Comparison("64 to 31", 31, 31),
            Comparison("weights", 9, 10.0),
            Comparison("padding", "same", "valid"),
        ),
    ),
    ClaimOutcome("C28", "filters", ("003",), "Edges", reason="no number decides this claim"),
)


@pytest.fixture
def results(tmp_path):
    run = ClaimsRun(
        quick=True,
        made="2026-01-02 03:04 UTC",
        command="ablations claims --quick --to here",
        versions={"keras": "3.15.1"},
        machine={"cpu": HOSTILE},
    )
    return ClaimsResults(OUTCOMES[::-1], run, tmp_path)


def test_stored_results_open_unchanged(results):
    path = results.save()
    again = open_claims(results.directory)
    assert again.run == results.run
    assert again.outcomes[1:] == OUTCOMES[1:]
    first, second = again.outcomes[0].hypotheses
    assert first == GROWS
    assert math.isnan(second.effect)
    assert (second.note, second.verdict) == (UNKNOWN.note, "inconclusive")
    assert replace(again.outcomes[0], hypotheses=()) == replace(OUTCOMES[0], hypotheses=())
    assert open_claims(path).to_dict() == results.to_dict()
    assert json.loads(path.read_text())["claims"][0]["hypotheses"][1]["effect"] is None


def test_table_has_one_row_per_claim(results):
    rows = results.table.set_index("id")
    assert rows.loc["C04", "document"] == "000, 003"
    assert rows.loc["C04", "found"] == (
        "the loss grows: test loss +0.051 [0.027, 0.076], n = 6; the gap grows: no verdict: the "
        "study gaps has not run; the study gaps failed: ValueError: no gap"
    )
    assert rows.loc["C04", ["trials", "seconds", "n"]].tolist() == [12, 90.0, 0]
    assert rows.loc["C04", "explanation"] == (
        "pool=2 of sizes (5 of 6 trials): Modes differ: 0.4 apart. Train longer."
    )
    assert rows.loc["C09", "found"] == (
        "1 of 3 exact comparisons hold (weights: expected 9, computed 10; padding: expected same, "
        "computed valid)"
    )
    assert rows["verdict"].tolist() == ["inconclusive", "contradicted", "not tested"]


def test_hypotheses_and_comparisons_are_tables(results):
    assert results.hypotheses[["id", "measure", "n"]].to_numpy().tolist() == [
        ["C04", "test_loss", 6],
        ["C04", "gap", 0],
    ]
    assert results.comparisons[["id", "holds"]].to_numpy().tolist() == [
        ["C09", True],
        ["C09", False],
        ["C09", False],
    ]
    assert repr(results).endswith(": 1 contradicted, 1 inconclusive, 1 not tested>")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "does not hold results of claims: JSONDecodeError("),
        ('{"format": 1}', "does not hold results of claims: KeyError('quick')."),
        ('{"format": 9}', "has format 9; expected 1. Run the claims again in another directory."),
        ("[]", "does not hold results of claims: TypeError("),
    ],
)
def test_other_file_is_refused(tmp_path, text, sentence):
    (tmp_path / "claims.json").write_text(text)
    with pytest.raises(StudyError) as refused:
        open_claims(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'claims.json'} {sentence}")


def test_missing_results_are_refused(tmp_path):
    with pytest.raises(StudyError) as refused:
        open_claims(tmp_path / "none")
    assert str(refused.value) == (
        f"There are no results of claims in {tmp_path / 'none'}. `ablations claims --to "
        f"{tmp_path / 'none'}` makes some."
    )
    with pytest.raises(StudyError, match="`path`: expected the directory of a run of the claims"):
        open_claims(3)


def test_results_are_read_without_keras(results):
    results.save()
    code = (
        "import sys, ablations\n"
        f"results = ablations.open_claims({str(results.directory)!r})\n"
        "assert len(results.table) == 3\n"
        f"results.report({str(results.directory / 'report.md')!r})\n"
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])\n"
    )
    assert said_by(code).splitlines()[-1] == "[]"


# Reports


def test_page_escapes_every_text(results):
    page = results.report(results.directory / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; &lt;b&gt;" in page


def test_page_shows_summary_verdicts_rule_and_command(results):
    text = results.report(results.directory / "report.md").read_text()
    assert "It leaves C04 undecided." in text
    assert "ablations claims --quick --to here" in text
    assert f"{RULE}\n" in text.replace("\\", "")
    assert "> C04 growth: the study gaps failed: ValueError: no gap.\n" in text.replace("\\", "")
    (row,) = [line for line in text.splitlines() if line.startswith("| C28 |")]
    assert "| not tested | no number decides this claim |" in row
    assert "Losses grow (also 003)" in text.replace("\\", "")
    assert "pool=2 of sizes (5 of 6 trials): Modes differ: 0.4 apart." in text


def test_page_links_to_the_report_of_a_study(results):
    page = results.report(results.directory / "before.html").read_text()
    assert '<a href="sizes' not in page
    (results.directory / "sizes").mkdir()
    (results.directory / "sizes" / "report.html").touch()
    page = results.report(results.directory / "after.html").read_text()
    assert '<a href="sizes/report.html">sizes</a>' in page
    elsewhere = results.directory / "docs" / "claims.html"
    elsewhere.parent.mkdir()
    assert '<a href="../sizes/report.html">' in results.report(elsewhere).read_text()


def test_figure_has_standardized_effects_only_where_known(results):
    figure = effects_figure(results, LIGHT)
    (row,) = figure.rows
    assert row["label"] == "C04.1"
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((2.55, 1.35, 3.8))
    assert effects_figure(ClaimsResults(OUTCOMES[1:], results.run, "."), LIGHT) is None


def test_results_of_one_document_with_their_chart(results):
    chosen = results.of_document("000")
    assert [one.id for one in chosen.outcomes] == ["C04"]
    assert chosen.run == results.run
    (rows,) = chosen.plot().to_dict()["datasets"].values()
    assert [row["label"] for row in rows] == ["C04.1"]
    assert [one.id for one in results.of_document("003").outcomes] == ["C04", "C28"]
    with pytest.raises(StudyError) as refusal:
        results.of_document("001").plot()
    assert str(refusal.value) == (
        "`plot`: expected claims with hypotheses; got none with an effect and an interval."
    )
    with pytest.raises(StudyError) as refusal:
        results.of_document("13")
    assert str(refusal.value) == ("There is no document `13`. Known: 000, 001, 002, 003, 004.")


def test_csv_and_json_hold_the_results(results):
    table = pd.read_csv(results.report(results.directory / "report.csv"), keep_default_na=False)
    assert table["id"].tolist() == ["C04", "C09", "C28"]
    values = json.loads(results.report(results.directory / "report.json").read_text())
    assert values["claims"][0]["hypotheses"][0]["effect"] == 0.051
    assert r"\caption{" in results.report(results.directory / "report.tex").read_text()


def test_existing_report_is_not_replaced(results):
    for _ in range(2):  # its own is, unless somebody changed it
        results.report(results.directory / "report.md")
    (results.directory / "report.md").write_text("mine")
    with pytest.raises(ReportError, match=r"report\.md already exists; choose"):
        results.report(results.directory / "report.md")


def test_list_of_claims_is_a_table(declare):
    declare(*ALL)
    table = ablations.list_claims().set_index("id")
    assert table.loc["C01", ["trials", "data", "factors"]].tolist() == [
        12,
        "digits",
        "units 8, 128",
    ]
    assert table.loc["C09", ["check", "trials", "seconds"]].tolist() == ["size", 0, 0.0]
    assert math.isnan(table.loc["C01", "seconds"])
