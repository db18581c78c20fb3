"""The commands that list and test claims."""

import os
import signal

import pytest
from helpers import stub_trials
from helpers.declared_claims import ALL, EXACT, FALSE, TRUE
from helpers.programs import said_by

from ablations import open_claims, open_results
from ablations.claims.catalogue import claims, studies
from ablations.claims.claim import RULE
from ablations.running import run as runner
from cnnzoo.training.recipe import Recipe
from cnnzoo.zoo import DOCUMENTS

# The list


def lines_of(answer):
    assert answer.exit_code == 0, answer.output
    return [line.rstrip() for line in answer.stdout.splitlines()]


@pytest.mark.parametrize("width", ["80", "200"])
def test_list_shows_every_claim_and_study_within_the_width(tell, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    lines = lines_of(tell("list"))
    assert max(map(len, lines)) <= int(width)
    assert {line.split()[0] for line in lines if line.startswith(" C")} == {*claims()}
    missing = [name for name in studies() if not any(f"study {name}" in line for line in lines)]
    assert not missing


def test_list_tells_what_tests_a_claim_and_what_it_costs(tell, declare):
    declare(*ALL)
    lines = lines_of(tell("list"))
    (first,) = [line.split() for line in lines if line.startswith(" C01")]
    assert first[:5] == ["C01", "small-is-good", "000", "digits", "12"]
    assert any(line.endswith("- study first: units 8, 128") for line in lines)
    assert any(line.endswith("- exact check size") for line in lines)
    assert any(line.endswith("- a picture. see the notebook of document 003") for line in lines)
    assert "6 claims, 36 trials, about 0 s on this machine without 3 of unknown time." in lines[-1]
    (document,) = [line for line in lines if line.startswith("  003")]
    assert document == f"  003  {DOCUMENTS['003']}"


def test_list_is_filtered_by_document(tell, declare):
    declare(*ALL)
    lines = lines_of(tell("list", "--document", "003"))
    assert [line.split()[0] for line in lines if line.startswith(" C")] == ["C02", "C22", "C28"]


def test_one_claim_is_shown_in_full(tell, declare):
    declare(*ALL)
    lines = lines_of(tell("list", "c01"))
    assert lines[:2] == ["C01 small-is-good (document 000)", "Few units are better."]
    start = lines.index("Hypothesis 1: 8 units have a lower loss")
    assert lines[start + 1 : start + 4] == [
        "  measure: test loss in the study first",
        "  contrast, positive if the claim is right: + 1 x (baseline) \N{MINUS SIGN} 1 x (units=8)",
        "  margin: 0.05",
    ]
    assert f"  seeds: 6 (0 to 5); epochs: {Recipe().epochs}" in lines
    assert f"Rule: {RULE}" in lines
    assert "A quick run changes seeds 7, epochs 2, train_size 200." in lines


def test_list_loads_no_keras():
    code = (
        "import sys\n"
        "from ablations.cli import app\n"
        "try:\n"
        "    app(['list'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])\n"
    )
    assert said_by(code).splitlines()[-1] == "[]"


# One claim


def test_claim_is_run_and_its_hypotheses_are_shown(tell, declare):
    declare(*ALL)
    answer = tell("run", "C02")
    lines = lines_of(answer)
    assert lines[0] == "C02 small-is-bad: Few units are worse."
    (row,) = [line for line in lines if "8 units have a higher loss" in line]
    outcome = next(one for one in open_claims("claims").outcomes if one.id == "C02")
    (hypothesis,) = outcome.hypotheses
    assert row.split()[0] == f"\N{MINUS SIGN}{abs(hypothesis.effect):.4f}"
    assert " 6  contradicted  8 units have a higher loss (test loss, second)" in row
    assert "Verdict on C02: contradicted" in lines
    assert "Results are in claims" in lines


def test_exact_check_shows_its_numbers(tell, declare):
    declare(EXACT)
    lines = lines_of(tell("run", "size"))
    assert "64 to 31: 31 = 31" in lines
    assert "Verdict on C09: supported" in lines


def test_study_that_stops_by_its_results_decides_no_claim(tell, declare):
    declare(TRUE)
    lines = lines_of(tell("run", "first", "--seeds", "auto"))
    assert "C01 has no verdict here, because it needs a fixed number of seeds." in lines
    assert not any("8 units have a lower loss" in line for line in lines)


def test_study_of_a_claim_is_run_by_its_name(tell, declare):
    declare(*ALL)
    lines = lines_of(tell("run", "second"))
    assert "C02: Few units are worse" in lines
    assert any("contradicted  8 units have a higher loss" in line for line in lines)
    assert open_results("studies/second").study.name == "second"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("run", "C22", "--data", "mnist5k"),
            "StudyError: `data`: C22 depends on its own data, which other data cannot replace; run "
            "it without `data`.",
        ),
        (
            ("run", "own", "--data", "mnist5k"),
            "StudyError: `data`: C22 depends on its own data, which other data cannot replace; run "
            "it without `data`.",
        ),
        (
            ("run", "C01", "--seeds", "auto"),
            "StudyError: --seeds: expected a whole number for a claim; got auto.",
        ),
        (
            ("run", "first", "--quick"),
            "StudyError: --quick: expected a claim; got the study first.",
        ),
        (
            ("claims", "--only", "C99"),
            "StudyError: There is no claim `C99`; did you mean `C09`? Known: C01, small-is-good, "
            "C02, small-is-bad, C09, size, C10, broken, C22, transfer, C28, filters.",
        ),
        (
            ("list", "--document", "four"),
            "StudyError: There is no document `four`. Known: 000, 001, 002, 003, 004.",
        ),
    ],
)
def test_wrong_choice_is_refused_in_one_line(tell, declare, words, sentence):
    declare(*ALL)
    answer = tell(*words)
    assert (answer.exit_code, answer.stdout, answer.stderr) == (2, "", f"{sentence}\n")
    assert not stub_trials.CALLS


def test_data_replace_those_of_a_study(tell, declare):
    declare(*ALL)
    lines_of(tell("run", "first", "--data", "mnist5k", "--seeds", "1"))
    assert {trial.data for trial in stub_trials.CALLS} == {"mnist5k"}


# All claims


def test_all_claims_are_tested_and_reported(tell, declare):
    declare(*ALL)
    lines = lines_of(tell("claims"))
    assert "6 claims: 3 supported, 1 contradicted, 2 not tested" in lines
    assert lines[-1] == "claims/report.html"
    assert lines_of(tell("claims"))[-1] == "claims/report.html (replaced)"
    assert lines_of(tell("report", "claims", "--to", "table.csv")) == ["table.csv"]


def test_quick_run_has_its_own_directory(tell, declare):
    declare(TRUE, FALSE)
    assert lines_of(tell("claims", "--quick", "--only", "C01"))[-1] == "claims-quick/report.html"
    assert open_results("claims-quick/first").study.recipe.epochs == 2


def test_interrupted_claims_exit_with_130(tell, declare, monkeypatch):
    declare(*ALL)

    def interrupted(trial, report_to=None):
        if len(stub_trials.CALLS) == 15:
            os.kill(os.getpid(), signal.SIGINT)
        return stub_trials.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", interrupted)
    answer = tell("claims")
    assert answer.exit_code == 130
    assert "Not all claims are tested; run the same command to resume." in answer.stdout
    assert [one.id for one in open_claims("claims").outcomes] == ["C01", "C09", "C10", "C28"]
    monkeypatch.setattr(runner, "run_trial", stub_trials.run_trial)
    assert tell("claims").exit_code == 0
    assert len(stub_trials.CALLS) == 36
