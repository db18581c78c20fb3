"""Report files: escaped texts and unchanged numbers."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ablations.report import ReportContents, ReportError, write_figures, write_report
from ablations.report.figure import file_spec
from ablations.report.study.document import figures
from ablations.report.study.rerun import MOST_OF_A_LINE
from ablations.report.theme import LIGHT
from ablations.report.wording import about_study


@pytest.fixture
def text(contents, tmp_path):
    def written(suffix, shown=contents):
        return write_report(shown, tmp_path / f"report{suffix}").read_bytes().decode()

    return written


def test_csv_keeps_every_digit(contents, text):
    read = pd.read_csv(io.StringIO(text(".csv")), keep_default_na=True)
    numbers = contents.deltas.select_dtypes("number").columns
    assert list(read.columns) == list(contents.deltas.columns)
    np.testing.assert_array_equal(
        read[numbers].to_numpy(float), contents.deltas[numbers].to_numpy(float)
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_has_no_formulas(contents, text, start):
    deltas = contents.deltas.copy()
    deltas.loc[0, "level"] = f"{start}cmd|' /C calc'!A0"
    deltas.loc[1, "level"] = -1
    read = pd.read_csv(io.StringIO(text(".csv", replace(contents, deltas=deltas))), dtype=str)
    assert read["level"][0] == f"'{start}cmd|' /C calc'!A0".replace("\r", "\n")
    assert read["level"][1] == "-1"
    assert float(read["delta"][0]) == deltas["delta"][0]


def test_json_keeps_types_and_digits(contents, text):
    aliases = pd.DataFrame([{"effect": "a", "aliased_with": "b x c", "correlation": 1.0}])
    read = json.loads(text(".json", replace(contents, aliases=aliases)))
    assert [row["level"] for row in read["deltas"][::2]] == contents.deltas["level"][::2].tolist()
    assert read["deltas"][8]["level"] is True
    assert [row["delta"] for row in read["deltas"][:14]] == contents.deltas["delta"][:14].tolist()
    assert read["deltas"][-1]["delta"] is None
    assert len(read["trials"]) == len(contents.trials)
    assert read["study"] == contents.study
    assert read["summary"]["test_loss"][0].startswith("pool_size=1 (baseline: 2) ")
    assert list(read["tables"]) == ["Stability"]
    assert read["versions"]["keras"] == "3.15.1"
    assert len(read["history"]) == len(contents.history)
    assert read["history"][0]["val_loss"] == contents.history["val_loss"].iloc[0]
    assert read["aliases"] == [{"effect": "a", "aliased_with": "b x c", "correlation": 1.0}]


def test_json_has_no_infinities(contents, text):
    deltas = contents.deltas.assign(seeds_needed=np.inf)
    read = json.loads(text(".json", replace(contents, deltas=deltas)))
    assert read["deltas"][0]["seeds_needed"] is None


def test_markdown_rows_have_all_their_cells(text):
    lines = [line for line in text(".md").splitlines() if line.startswith("|")]
    tables = re.findall(r"(?:^\|.*\n)+", text_of(lines), re.MULTILINE)
    assert tables
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) <= 5
    assert any("\\</script\\>\\<script\\>alert(1)\\</script\\> \\| not finite" in x for x in lines)
    assert all(not re.search(r"(?<!\\)<", line) for line in lines)


def text_of(lines):
    return "\n".join(lines) + "\n"


def test_markdown_has_all_sections(text):
    report = text(".md")
    assert report.startswith("# Ablation study: downsampling \\& friends\n")
    for part in (
        "- 7 comparisons in test loss: 2 better, 3 worse",
        "## Before the numbers",
        "#### Deltas of test loss",
        "## Stability",
        "### Findings",
        "#### Further statistics of test loss",
        "### Cost and mean outcome of each variant",
        "### Failed trials",
        "### Infeasible variants",
        "### Pending trials",
        "ablations run downsampling --to studies/downsampling",
        "study = ablations.Study(\n    'downsampling',",
        "recipe=cnnzoo.Recipe(\n        epochs=12,\n    ),",
        "- tensorflow: 2.21.0",
    ):
        assert part in report


def test_latex_is_escaped_and_balanced(text):
    report = text(".tex")
    assert r"augment=\textless{}b\textgreater{}\&''x''\textless{}/b\textgreater{} & " in report
    assert r"95\% CI" in report
    assert report.count(r"\begin{tabular}") == report.count(r"\end{tabular}")
    assert report.count(r"\toprule") == report.count(r"\bottomrule") == 2
    rows = [line for line in report.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert not re.search(r"(?<!\\)[_#%](?!.*booktabs)", "\n".join(rows))
    assert "\N{MINUS SIGN}" not in report


def test_latex_note_ends_with_one_period(contents, text):
    findings = {"skip=True": ["2 of 2 trials: It is slow.", "It is deaf"]}
    report = text(".tex", replace(contents, variant_findings=findings))
    start = r"\par\smallskip\footnotesize skip=True: "
    assert report.count(start + "2 of 2 trials: It is slow; It is deaf.\n") == 1
    assert report.count(start + "see its finding above.\n") == 1


def test_latex_caption_names_study_and_intervals(text):
    captions = [line for line in text(".tex").splitlines() if line.startswith(r"\caption")]
    assert captions[0] == (
        r"\caption{Deltas of test loss. Study downsampling \& friends on mnist5k, seeds: 10 (0 to "
        r"9); baseline: the defaults. The 95\% CIs are from paired t tests and are not corrected "
        "for multiple comparisons; p is Holm-corrected over the table. *: better or worse than the "
        "baseline. =: equivalent within the margin.}"
    )


def test_latex_caption_names_the_modified_t(contents, text):
    deltas = contents.deltas.copy()
    deltas["ci_method"] = "t"
    deltas.loc[deltas["metric"] == "test_loss", "ci_method"] = "modified t"
    captions = [
        line
        for line in text(".tex", replace(contents, deltas=deltas)).splitlines()
        if line.startswith(r"\caption")
    ]
    words = "paired t tests (modified where the deltas are skewed) and are not corrected"
    assert [words in caption for caption in captions] == [True, False]


def test_figure_file_names_its_study(contents):
    drawn = figures(contents, LIGHT)[0]
    subtitle = file_spec(drawn, about_study(contents.study))["title"]["subtitle"]
    assert subtitle[0] == "Study downsampling & friends on mnist5k, seeds: 10 (0 to 9)"


def test_rerun_code_declares_the_same_study(contents, text):
    levels = {f"factor_{at}": ["none", "one", "another"] for at in range(5)}
    more = {
        "name": "mine",
        "factors": contents.study["factors"] | levels,
        "margins": {"loss": 0.01},
        "timeout": 0.0,
        "retries": 1,
    }
    shown = replace(contents, study=contents.study | more)
    code = re.search(r"```python\n(.*?)```", text(".md", shown), re.DOTALL).group(1)
    assert "retries" not in code
    assert "batch_size" not in code  # nor the recipe's defaults
    assert max(map(len, code.splitlines())) <= MOST_OF_A_LINE
    assert "metrics" not in code  # the default, which is stored as a list
    declared = code[code.index("study =") : code.index("results =")]
    import ablations
    import cnnzoo

    names = {"ablations": ablations, "cnnzoo": cnnzoo}
    exec(declared, names)  # noqa: S102
    made = names["study"].to_dict()
    recipe = made.pop("recipe")
    assert recipe == recipe | shown.study["recipe"]
    assert made == made | {key: shown.study[key] for key in shown.study if key != "recipe"}


@pytest.mark.parametrize("suffix", [".html", ".md", ".csv", ".tex", ".json"])
@pytest.mark.parametrize("overwrite", [False, "no"])
def test_existing_file_is_not_overwritten(contents, tmp_path, suffix, overwrite):
    path = tmp_path / f"report{suffix}"
    path.write_text("mine")
    with pytest.raises(ReportError) as caught:
        write_report(contents, path, overwrite=overwrite)
    assert str(caught.value) == (
        f"{path} already exists; choose another name or pass overwrite=True (--overwrite)."
    )
    assert path.read_text() == "mine"
    assert write_report(contents, path, overwrite=True) == path
    assert path.read_text(encoding="utf-8") != "mine"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["report.docx", "report"])
def test_unknown_file_ending_raises(contents, tmp_path, name):
    with pytest.raises(ReportError) as caught:
        write_report(contents, tmp_path / name)
    assert str(caught.value) == (
        "`path`: expected a name that ends in .html, .md, .csv, .tex or .json; "
        f"got {str(tmp_path / name)!r}."
    )


def test_missing_column_raises(contents):
    with pytest.raises(ReportError) as caught:
        ReportContents(study={}, deltas=contents.deltas, trials=contents.trials[["variant"]])
    assert str(caught.value) == (
        "`trials`: expected the columns seed, status, reason too; got variant."
    )


def test_figures_are_written_in_each_format(contents, tmp_path):
    one = replace(contents, history=pd.DataFrame(), costs=contents.costs.head(0), changes={})
    paths = write_figures(one, tmp_path / "figures")
    assert sorted({path.stem for path in paths}) == [
        "forest-test_accuracy",
        "forest-test_loss",
        "pairs-test_accuracy",
        "pairs-test_loss",
        "time",
    ]
    starts = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    for path in paths:
        assert path.read_bytes().startswith(starts[path.suffix])
        assert b"var(--" not in path.read_bytes()
    with pytest.raises(ReportError) as caught:
        write_figures(one, tmp_path / "figures", "svg")
    assert str(caught.value) == (
        f"{tmp_path / 'figures' / 'forest-test_loss.svg'} and 4 more files already exist; choose "
        "another name or pass overwrite=True (--overwrite)."
    )
    with pytest.raises(ReportError) as caught:
        write_figures(one, tmp_path / "more", ["gif"])
    assert str(caught.value) == "`formats`: expected any of svg, png and pdf; got 'gif'."


def test_study_without_results_has_a_report(contents, tmp_path):
    empty = replace(
        contents,
        deltas=contents.deltas.head(0),
        trials=contents.trials.assign(status="pending"),
        history=contents.history.head(0),
        costs=None,
        tables={},
    )
    for suffix in (".html", ".md", ".csv", ".tex", ".json"):
        assert write_report(empty, tmp_path / f"empty{suffix}").stat().st_size > 0
    assert "There are no comparisons yet." in (tmp_path / "empty.html").read_text(encoding="utf-8")
    assert write_figures(empty, tmp_path) == []


@pytest.mark.parametrize(
    ("suffix", "written"),
    [
        (".html", '<p class="lead">{}</p>'),
        (".md", "\n\n{}\n"),
        (".tex", "\\par\\smallskip\\footnotesize {}\n"),
        (".json", '"notes": [\n  "{}",\n'),
    ],
)
def test_caution_on_skew_stands_in_the_notes(contents, text, suffix, written):
    caution = (  # of 10 pairs, and of 9 where a trial failed
        "If deltas are strongly skewed, few seeds seldom show it, and the interval covers the true "
        "delta too rarely: with lognormal deltas and 8 seeds, the 95% interval covers it in 90% of "
        "simulated studies."
    )
    escaped = caution.replace("%", r"\%") if suffix == ".tex" else caution
    tables = len(contents.metrics) if suffix == ".tex" else 1
    assert text(suffix, contents).count(written.format(escaped)) == tables
