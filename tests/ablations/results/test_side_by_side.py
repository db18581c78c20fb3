"""Two studies side by side."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ablations import Study, TrialResult, open_results, run
from ablations.report import ReportError
from ablations.report.formats import markdown_text
from ablations.report.numbers import decimals_of, fixed
from ablations.report.study import terminal
from ablations.report.study.document import figures
from ablations.report.study.side_by_side import beside_metrics, beside_table
from ablations.report.study.tables import deltas_table
from ablations.report.theme import PAGE
from ablations.results.report_contents import contents_of
from ablations.results.side_by_side import both_deltas
from ablations.running import run as runner
from ablations.stats.caveats import unseen_skew
from cnnzoo import Recipe


def stored(directory, *given, **fields):
    """Return the results of a study that was run with stub trials."""
    declared = {"factors": {"units": [128, 8]}, "seeds": 2} | fields
    study = Study(*(given or ("mlp", "digits")), **declared)
    return run(study, directory, engine="serial", progress=False)


def test_study_is_not_compared_with_itself(stubbed, tmp_path, monkeypatch):
    results = stored(tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    for beside in (results, open_results("study")):
        with pytest.raises(ReportError) as refusal:
            results.report("report.html", beside=beside)
        assert str(refusal.value) == (
            f"`beside`: expected another study; got {beside.directory}, the study itself."
        )
    assert not (tmp_path / "report.html").exists()


def test_studies_with_equal_names_are_called_by_directory(stubbed, tmp_path):
    first, second = stored(tmp_path / "first"), stored(tmp_path / "second")
    both = both_deltas(first, second)
    assert list(both["study"].unique()) == [str(first.directory), str(second.directory)]
    assert len(both) == len(first.deltas()) + len(second.deltas())
    third = stored(tmp_path / "third", name="other")
    assert list(both_deltas(first, third)["study"].unique()) == ["mlp", "other"]


def test_rows_hold_the_intervals_of_both_studies(stubbed, tmp_path):
    first = stored(tmp_path / "first", seeds=6, metrics=["accuracy", "loss"])
    second = stored(tmp_path / "second", seeds=6, factors={"units": [128, 16]}, name="other")
    contents = contents_of(first, second)
    assert beside_metrics(contents) == ["test_accuracy", "test_loss"]
    table = beside_table(contents, "test_loss")
    assert table.headers == (
        *("Variant", "Verdict here", "Delta here", "Pairs here"),
        *("Verdict there", "Delta there", "Pairs there"),
    )
    cells = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert list(cells) == ["units=8", "units=16"]
    own = first.deltas().set_index("metric").loc["test_loss"]
    decimals = decimals_of(own["delta"], own["ci_low"], own["ci_high"])
    size = f"{fixed(own['delta'], decimals, signed=True)} "
    assert cells["units=8"][1].startswith(size)
    assert cells["units=8"][1].endswith("]")
    assert cells["units=8"][3:] == ["not in study", "", ""]
    assert cells["units=16"][:3] == ["not in study", "", ""]


def test_status_replaces_a_missing_verdict(stubbed, tmp_path, monkeypatch):
    first = stored(tmp_path / "first", seeds=6)

    def fail(trial, report_to=None):
        if trial.settings["units"] == 8:
            return TrialResult(trial, "failed", reason="ValueError: no")
        return stubbed.run_trial(trial)

    monkeypatch.setattr(runner, "run_trial", fail)
    second = stored(tmp_path / "second", seeds=6, name="other")
    (row,) = beside_table(contents_of(first, second), "test_loss").rows
    assert [cell.text for cell in row[4:]] == ["failed", "", "0"]


def test_only_the_baseline_is_called_failed_if_it_failed(outcome):
    study = Study("mlp", "digits", factors={"units": [128, 8]}, seeds=3, metrics=["loss"])
    full = outcome(study, lambda trial: (1.0 + trial.seed,), "full")
    bare = outcome(
        study, lambda trial: (1.0,) if "units" in trial.settings else "ValueError: no", "bare"
    )
    contents = contents_of(bare, full)
    (here, there) = both_deltas(bare, full).to_dict("records")
    assert (here["n_pairs"], here["verdict"], here["status"]) == (0, "", "")
    assert there["n_pairs"] == 3
    (row,) = beside_table(contents, "test_loss").rows
    assert row[1].text == "none"
    (cell,) = [cell for cell in deltas_table(contents, "test_loss").rows[0] if cell.verdict]
    assert cell.text == "none"
    console = Console(file=io.StringIO(), width=120)
    table = terminal.short_deltas(bare.deltas(full=True), bare.trials)
    console.print(terminal.Printed(table))
    assert "failed" not in console.file.getvalue()


def test_variants_that_did_not_run_have_a_status(stubbed, tmp_path):
    first = stored(tmp_path / "first", factors={"units": [128, 8, 13, 66]}, seeds=6)
    second = stored(tmp_path / "second", seeds=6, name="other")
    both = both_deltas(first, second)
    own = both[(both["study"] == "mlp") & (both["metric"] == "test_loss")].set_index("variant")
    assert own["status"].to_dict() == {
        "units=8": "",
        "units=13": "infeasible",
        "units=66": "failed",
    }
    assert own.loc[["units=13", "units=66"], "verdict"].tolist() == ["", ""]
    rows = {row[0].text: row for row in beside_table(contents_of(first, second), "test_loss").rows}
    assert [rows[name][1].text for name in ("units=13", "units=66")] == ["infeasible", "failed"]


@pytest.mark.parametrize("suffix", ["html", "md", "csv", "tex", "json"])
def test_study_without_comparisons_can_be_shown_side_by_side(stubbed, tmp_path, suffix):
    full = stored(tmp_path / "full", seeds=6)
    bare = stored(tmp_path / "bare", factors={"units": [128]}, seeds=6, name="bare")
    assert not len(bare.deltas())
    for first, second in ((full, bare), (bare, full)):
        place = first.report(tmp_path / f"{first.study.name}.{suffix}", beside=second)
        assert place.stat().st_size
        contents = contents_of(first, second)
        assert contents.beside_names == (first.study.name, second.study.name)
        (row,) = beside_table(contents, "test_loss").rows
        texts = [cell.text for cell in row]
        there = texts[4:] if second is bare else texts[1:4]
        assert len(texts) == 7
        assert there == ["not in study", "", ""]


def test_page_names_a_study_without_comparisons(stubbed, tmp_path):
    full = stored(tmp_path / "full", seeds=6)
    bare = stored(tmp_path / "bare", factors={"units": [128]}, seeds=6, name="bare")
    page = bare.report(tmp_path / "report.html", beside=full).read_text()
    assert "Here is bare, there is mlp;" in page


def test_figures_show_both_studies(stubbed, tmp_path):
    first = stored(tmp_path / "first", seeds=6)
    second = stored(tmp_path / "second", seeds=6, name="other")
    contents = contents_of(first, second)
    drawn = [figure for figure in figures(contents, PAGE) if figure.section == "beside"]
    assert [figure.name for figure in drawn] == ["beside-test_loss", "beside-test_accuracy"]
    assert [row["study"] for row in drawn[0].rows] == ["mlp", "other"]
    page = first.report(tmp_path / "report.html", beside=second).read_text()
    assert page.count('id="spec-beside-') == 2
    notes = 1 + len(beside_metrics(contents))  # at the end, and below each table of both studies
    assert page.count(unseen_skew([6])) == notes
    told = first.report(tmp_path / "report.md", beside=second).read_text()
    assert told.count(markdown_text(unseen_skew([6]))) == notes


def test_differences_of_two_studies_are_reported(stubbed, tmp_path):
    first = stored(tmp_path / "first", recipe=Recipe(epochs=2))
    second = stored(
        tmp_path / "second",
        factors={"dropout": [0.0, 0.5]},
        baseline={"units": 16, "batch_size": 8},
        seeds=[3],
        name="other",
    )
    (said,) = [
        text for text in contents_of(first, second).findings if text.startswith("Differences")
    ]
    assert said == (
        f"Differences from other ({second.directory}): factors units (128, 8) here and dropout "
        "(0.0, 0.5) there; epochs 2 here and 10 there; batch_size 32 here and 8 there; units 128 "
        "here and 16 there; seeds 2 (0 to 1) here and 1 (3) there."
    )


def test_equal_studies_have_no_differences(stubbed, tmp_path):
    first, second = stored(tmp_path / "first"), stored(tmp_path / "second", baseline={"units": 128})
    assert not [text for text in contents_of(first, second).findings if "iffer" in text]


def test_models_side_by_side_may_have_different_toggles(stubbed, tmp_path):
    first = stored(tmp_path / "first")
    second = stored(tmp_path / "second", "simple_cnn", "mnist5k", factors={"epochs": [10, 2]})
    (said,) = [
        text for text in contents_of(first, second).findings if text.startswith("Differences")
    ]
    assert said.endswith(
        "): model mlp here and simple_cnn there; data digits here and mnist5k there; "
        "factors units (128, 8) here and epochs (10, 2) there; "
        "units 128 here and no such toggle there."
    )


def test_differences_of_design_margins_data_and_code(stubbed, tmp_path):
    first = stored(tmp_path / "first", margins={"loss": 0.25})
    second = stored(tmp_path / "second", name="other")
    second.versions = {**first.versions, "data": "3b" * 32, "cnnzoo": "0.2.0 (aaaa)"}
    second.study = replace(second.study, design="full-factorial")
    (said,) = [
        text for text in contents_of(first, second).findings if text.startswith("Differences")
    ]
    for part in (
        "design one-at-a-time here and full-factorial there",
        "margins loss 0.25 here and none there",
        f"cnnzoo {first.versions['cnnzoo']} here and 0.2.0 (aaaa) there",
        "here and 3b3b3b3b3b3b there.",
    ):
        assert part in said


def test_study_of_a_removed_model_can_be_compared(stubbed, tmp_path):
    first = stored(tmp_path / "first", baseline={"dropout": 0.5})
    second = stored(tmp_path / "second", name="other")
    second.study = replace(second.study, model="gone")
    (said,) = [
        text for text in contents_of(first, second).findings if text.startswith("Differences")
    ]
    assert "dropout 0.5 here and no such toggle there" in said
