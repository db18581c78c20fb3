"""Contents of a report, gathered from results."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ablations import Study, StudyError, TrialResult, run
from ablations.claims.catalogue import find_study
from ablations.designs.planner import Planner
from ablations.report.study.contents import BY_DATA
from ablations.report.study.tables import shaped_table
from ablations.results.report_contents import contents_of
from ablations.running import run as runner
from ablations.stats import caveats as notes
from cnnzoo import Recipe
from cnnzoo.doctor.finding import AT_CHANCE, DIVERGED, Finding

SHIFT = 0.015
"""An effect that is significant among two deltas, and not among these and a trend."""

FINDING = "the moving averages have not converged"


def finding(evidence):
    return Finding("modes-differ", FINDING, str(evidence), "Wait")


def test_integer_level_of_a_float_toggle_is_reported(stubbed, tmp_path):
    study = Study("mlp", "digits", factors={"dropout": [0, 0.5]}, seeds=2)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    assert "dropout=0.5 (baseline: 0.0)" in results.report(tmp_path / "report.md").read_text()


def test_list_of_variants_without_factors_is_reported(stubbed, tmp_path):
    study = Study("mlp", "digits", design="list", variants=[{"units": 8}], seeds=2)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    assert "units=8 (baseline: 128)" in results.report(tmp_path / "report.md").read_text()


@pytest.mark.parametrize("suffix", ["html", "md"])
def test_findings_are_in_the_report(stubbed, tmp_path, monkeypatch, suffix):
    train = runner.run_trial
    monkeypatch.setattr(
        runner,
        "run_trial",
        lambda *args, **more: replace(train(*args, **more), findings=[finding("it")]),
    )
    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=2)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    page = results.report(tmp_path / f"report.{suffix}").read_text()
    words = "All variants, 4 of 4 trials, for instance baseline with seed 0: "
    assert f"{words}{FINDING}: it. Wait." in page
    assert page.count(FINDING) == 1


def test_differing_findings_are_shown_by_an_example(stubbed, tmp_path, monkeypatch):
    train = runner.run_trial

    def told(trial, *args, **more):
        found = [finding(trial.seed + 0.25)] if trial.settings.get("units") == 8 else []
        note = replace(finding("all the same"), code="wide", severity="note")
        return replace(train(trial, *args, **more), findings=[*found, note])

    monkeypatch.setattr(runner, "run_trial", told)
    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=3)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    assert contents_of(results).variant_findings == {
        "units=8": [f"3 of 3 trials, for instance seed 0: {FINDING}: 0.25. Wait."]
    }
    assert set(results.trials["codes"]) == {"", "modes-differ"}
    assert results.findings["severity"].value_counts().to_dict() == {"note": 6, "warning": 3}


def test_report_of_several_data_sets_tells_them_apart(outcome):
    """A finding names its data set; verdicts on one data set are secondary."""
    data = ["digits", "mnist1d"]
    study = Study("mlp", data, factors={"units": [8, 64, 128]}, seeds=8)
    spread = np.random.default_rng(3).normal(scale=0.01, size=(3, 8))

    def told(trial):
        units = trial.settings.get("units", 128)
        loss = 1.0 - 0.2 * (units == 64) + spread[(8, 64, 128).index(units), trial.seed]
        return (loss + (trial.data == "mnist1d"), 0.5)

    results = outcome(study, told)
    assert set(results.findings["data"]) == set(data)
    contents = contents_of(results)
    texts = contents.variant_findings["units=8"]
    assert all(text.startswith("8 of 8 seeds: On digits: ") for text in texts)
    assert all(" On mnist1d: " in text for text in texts)
    assert contents.best["variant"].tolist() == ["units=64"]
    table = shaped_table(contents, BY_DATA, contents.tables[BY_DATA])
    verdict = table.headers.index("Verdict")
    of_units = {row[verdict].text for row in table.rows if row[0].text == "units=64"}
    assert of_units == {"better (secondary)", "inconclusive (secondary)"}
    assert not any(row[verdict].verdict for row in table.rows)


def test_verdicts_side_by_side_are_those_of_the_reports(outcome):
    """The correction over a page with a trend leaves no verdict; both tables must say so."""
    levels = {8: 0.0, 64: 0.0, 128: 0.0}
    spread = np.random.default_rng(21).normal(scale=0.01, size=(3, 8))

    def told(trial):
        units = trial.settings.get("units", 128)
        return levels[units] + spread[list(levels).index(units), trial.seed] + 1.0, 0.5

    study = Study("mlp", "digits", factors={"units": list(levels)}, seeds=8, baseline={"units": 8})
    levels[64] = SHIFT
    first = outcome(study, told)
    second = outcome(replace(study, name="other"), told, "other")
    alone, contents = first.deltas("loss"), contents_of(first, second)
    assert alone["verdict"].tolist()[0] == "worse"
    assert contents.deltas_of("test_loss")["verdict"].tolist()[0] == "inconclusive"
    beside = contents.beside[contents.beside["metric"] == "test_loss"]
    assert beside.loc[beside["variant"] == "units=64", "verdict"].tolist() == ["inconclusive"] * 2


def test_path_must_start_at_the_baseline():
    study = Study(
        "mlp", "digits", factors={"units": [8, 16]}, baseline={"units": 16}, design="path"
    )
    with pytest.raises(StudyError) as refusal:
        Planner.of(study)
    assert str(refusal.value) == (
        "`units`: the design path starts at the first of the two levels, 8; the study's baseline "
        "says 16. Leave it out of `baseline`, or change the order of the levels."
    )


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, ""),
        ({"seeds": 2}, " --seeds 2"),
        ({"seeds": "auto"}, " --seeds auto"),
        ({"seeds": [3, 4]}, None),
        ({"name": "mine"}, None),
        ({"factors": {"pool_size": [1, 2, 3]}}, None),
        ({"baseline": {"pool_size": 3}}, None),
        ({"recipe": Recipe(epochs=4)}, None),
    ],
)
def test_report_shows_the_command_of_a_built_in_study(stubbed, tmp_path, changes, more):
    directory = tmp_path / "my study"
    study = replace(find_study("downsampling"), **changes)
    results = run(study, directory, engine="serial", progress=False)
    asked = "" if more is None else f"ablations run downsampling --to '{directory}'{more}"
    assert contents_of(results).rerun == asked


UNUSUAL = 0.01 * np.random.default_rng(0).lognormal(sigma=1.5, size=10)
"""Deltas of strong skew: at 10 seeds their 95% interval covers 84%."""


@pytest.mark.parametrize(
    ("code", "why", "said"),
    [
        (
            AT_CHANCE,
            "no verdict: in every pair both trials are at chance level",
            "14 of 14 trials are not better than a constant answer (at chance level): see the "
            "findings.",
        ),
        (
            DIVERGED,
            "no verdict: training diverged in 7 of 7 pairs",
            "14 of 14 trials are far worse than a constant answer (training diverged): see the "
            "findings.",
        ),
    ],
)
def test_trials_that_learned_nothing_have_no_verdict(
    stubbed, tmp_path, monkeypatch, code, why, said
):
    train = runner.run_trial

    def told(trial, *args, **more):
        return replace(train(trial, *args, **more), findings=[Finding(code, "It", "is", "so")])

    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=7)
    plain = run(study, tmp_path / "plain", engine="serial", progress=False).deltas()
    monkeypatch.setattr(runner, "run_trial", told)
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    assert results.trials["codes"].tolist() == [code] * 14
    assert set(plain["verdict"]) & {"better", "worse", "inconclusive"}
    assert results.deltas()["verdict"].tolist() == ["", ""]
    assert results.deltas()[["delta", "p_adjusted"]].equals(plain[["delta", "p_adjusted"]])
    page = results.report(tmp_path / "report.md").read_text()
    assert f"> {said}" in page
    assert f"> All comparisons: {why}.\n" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| units | 8 | none | \u2212")]
    notes = row.removesuffix(" |").split(" | ")[-1].split("; ")
    assert {why, "see its finding"} <= set(notes)
    # a trend over two levels is none; with more, nothing is said of what learned nothing
    assert ("No trends or effects are reported" in page) == (code == AT_CHANCE)


def skewed(seeds, factors, tmp_path, monkeypatch):
    """Return the report of a study whose units=8 has skewed deltas, and others none."""

    def told(trial, report_to=None):
        units = trial.settings.get("units", 128)
        delta = UNUSUAL[trial.seed] if units == 8 else 0.001 * (trial.seed % 2)
        return TrialResult(trial, "done", metrics={"test_loss": 1.0 + delta * (units != 128)})

    monkeypatch.setattr(runner, "run_trial", told)
    study = Study("mlp", "digits", factors=factors, seeds=seeds, metrics=["loss"])
    results = run(study, tmp_path / "study", engine="serial", progress=False)
    return results.report(tmp_path / "report.md").read_text().splitlines()


def test_modified_t_of_a_skewed_variant_is_named(stubbed, tmp_path, monkeypatch):
    lines = skewed(10, {"units": [128, 8, 16]}, tmp_path, monkeypatch)
    header, *rows = [line for line in lines if line.startswith(("| Variant | B", "| units="))]
    methods = [row.split(" | ")[header.split(" | ").index("Interval and p")] for row in rows[:2]]
    assert [row.split(" | ")[0] for row in rows[:2]] == ["| units=8", "| units=16"]
    assert methods == ["modified t", "t"]


@pytest.mark.parametrize("levels", [[128, 8], [128, 16], [128, 8, 16]])
def test_five_seeds_are_too_few_to_see_skew(stubbed, tmp_path, monkeypatch, levels):
    lines = skewed(5, {"units": levels}, tmp_path, monkeypatch)
    rows = [line for line in lines if re.match(r"\| units \| \d+ \| \w+ \|", line)]
    assert len(rows) == len(levels) - 1
    assert all(notes.TOO_FEW_TO_SEE_SKEW in row for row in rows)
    assert any(
        "exploratory and have no verdict: they have fewer than 6 paired seeds" in line
        for line in lines
    )
