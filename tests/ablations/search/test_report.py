"""The report of a search: its page, figures, files and command."""

import csv
import html
import io
import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import ablations
import cnnzoo
from ablations.cli import app
from ablations.report import ReportError
from ablations.report.figure import spec
from ablations.report.search.figures import draw_figures
from ablations.report.search.tables import failures_table, optimism_table
from ablations.report.theme import LIGHT, PAGE
from ablations.search.contents import contents_of
from ablations.search.studies import COLUMNS


@pytest.fixture(scope="module")
def contents(search):
    return contents_of(cnnzoo.open_search(search))


@pytest.fixture(scope="module")
def page(search, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "search.html"
    return ablations.search_report(search, path).read_text()


def files_of(place):
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_report_loads_no_tensorflow_and_changes_no_file(search, tmp_path):
    before = files_of(search)
    code = """
import sys
from dataclasses import replace
from ablations import search_report
search_report(sys.argv[1], sys.argv[2])
assert not {"tensorflow", "keras", "keras_tuner"} & {*sys.modules}
"""
    subprocess.run([sys.executable, "-c", code, search, tmp_path / "a.html"], check=True)
    after = files_of(search)
    for files in (before, after):  # the list of the reports that were written
        files.pop(search / "written.json", None)
    assert after == before


def test_page_shows_the_main_numbers(page, contents):
    for text in (
        "57</span> <span class=\"more\">of 60 started",
        "3</span> <span class=\"more\">1 failed, 1 invalid, 1 unfinished",
        "The best score is the best of 57 configurations and so too good on average",
        "normalization (none, batch), norm_momentum (0.5 to 0.99)",
        "early: 57 configurations for 6 hyperparameters",
        "ToggleError: `filters` must be less",
        "studies = ablations.from_search(search)",
        "cnnzoo.train(&#39;downsampling&#39;, cnnzoo.load_data(&#39;digits&#39;)",
    ):  # fmt: skip
        assert text in page
    assert contents.best["score"].iloc[0] == contents.best["score"].max()


def test_hostile_texts_are_escaped(page):
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;' in page


def test_figures_are_vega_lite_of_the_scores(contents):
    import altair as alt

    figures = {figure.name: figure for figure in draw_figures(contents, LIGHT)}
    assert list(figures) == [
        *("progress", "importance", "surface"),
        *(f"slice-{name}" for name in contents.importance["toggle"]),
        *("parallel", "curves", "timeline"),
    ]
    for figure in figures.values():
        alt.Chart.from_dict(spec(figure, LIGHT))
        assert spec(figure, PAGE)["datasets"]["rows"]
    means = contents.trials.dropna(subset="score").groupby("trial")["score"].mean()
    shown = pd.DataFrame(figures["progress"].rows)
    assert shown["score"].tolist() == means.tolist()
    assert shown["best"].tolist() == means.cummax().tolist()
    assert shown["place"].tolist() == [at + 1 for at in range(60) if at not in (7, 20, 59)]


def test_curves_and_timeline_have_every_training(contents):
    figures = {figure.name: figure for figure in draw_figures(contents, PAGE)}
    done = contents.trials.dropna(subset="score")
    curves = pd.DataFrame(figures["curves"].rows)
    assert len(curves) == 3 * len(done)
    last = curves[curves["epoch"] == 3].groupby("trial")["value"].mean()
    means = 1 - done.groupby("trial")["score"].mean()
    assert last.to_numpy() == pytest.approx(means[last.index].to_numpy(), rel=1e-12)
    best = set(curves.loc[curves["group"] == "best", "trial"])
    assert best == set(means.nsmallest(5).index)
    bars = pd.DataFrame(figures["timeline"].rows)
    assert (bars["to"] - bars["from"]).to_numpy() == pytest.approx(2.0)
    assert bars["from"].min() == 0
    assert set(bars["worker"]) == {"worker 1", "worker 2"}
    unknown = replace(contents, history=contents.history.head(0), trials=contents.trials.assign(
        started=np.nan
    ))  # fmt: skip
    names = [figure.name for figure in draw_figures(unknown, PAGE)]
    assert not {"curves", "timeline"} & {*names}


def test_slices_of_numbers_have_true_distances(contents):
    figures = {figure.name: figure for figure in draw_figures(contents, PAGE)}
    axes = {
        name: figures[f"slice-{name}"].chart["layer"][0]["encoding"]["x"]
        for name in ("filters", "learning_rate", "normalization", "logits")
    }
    kinds = {name: axis["type"] for name, axis in axes.items()}
    assert kinds == {
        **dict.fromkeys(("filters", "learning_rate"), "quantitative"),
        **dict.fromkeys(("normalization", "logits"), "nominal"),
    }
    assert axes["learning_rate"]["scale"]["type"] == "log"
    assert "type" not in axes["filters"]["scale"]


@pytest.mark.parametrize(
    ("manifest", "call"),
    [
        ({"model": "mlp", "data": "digits"}, "search"),
        ({"model": "mlp", "data": ""}, 'search, data="npz:PATH"'),
        (None, 'search, model="package.module:build", data="npz:PATH"'),
    ],
)
def test_next_step_asks_for_missing_model_and_data(written, tmp_path, manifest, call):
    place = written(tmp_path / "a", {"0": ({"filters": 8}, 0.5, None)}, search=manifest)
    code = contents_of(cnnzoo.open_search(place)).code
    assert f"studies = ablations.from_search({call})" in code.splitlines()


def test_trials_without_a_score_are_listed_by_reason(written, tmp_path):
    trials = {str(at): ({"filters": 8}, "INVALID", "ToggleError: too wide") for at in range(14)}
    trials["14"] = ({"filters": 8}, "RUNNING", None)
    table = failures_table(contents_of(cnnzoo.open_search(written(tmp_path / "a", trials))))
    assert [[cell.text for cell in row] for row in table.rows] == [
        [
            *("invalid", "ToggleError: too wide", "14"),
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more",
        ],
        ["unfinished", "", "1", "14"],
    ]


def test_too_few_trials_have_no_most_important_choice(written, tmp_path):
    random = np.random.default_rng(3)
    trials = {
        str(at): ({"learning_rate": 10 ** -random.uniform(1, 4)}, random.normal(), None)
        for at in range(24)
    }
    search = written(tmp_path / "a", trials)
    contents = contents_of(cnnzoo.open_search(search))
    assert contents.too_few
    figure = next(figure for figure in draw_figures(contents, PAGE) if figure.name == "importance")
    assert not any(row["sure"] for row in figure.rows)
    assert figure.caption.endswith(" Here all are hollow because there are too few trials.")
    page = ablations.search_report(search, tmp_path / "a.html").read_text()
    assert 'unknown</span> <span class="more">too few trials' in page


def test_slice_leaves_out_trials_with_inactive_choice(contents):
    (figure,) = [
        figure for figure in draw_figures(contents, PAGE) if figure.name == "slice-norm_momentum"
    ]
    done = contents.trials.dropna(subset="score").drop_duplicates("trial")
    on = done[done["normalization"] == "batch"]
    assert [row["level"] for row in figure.rows] == on["norm_momentum"].tolist()
    assert f"{len(done) - len(on)} trials in which it is inactive are left out." in figure.caption


def test_diverged_score_is_drawn_at_the_edge(written, tmp_path):
    trials = {str(at): ({"filters": 8 * at + 8}, 1 + at / 10, None) for at in range(8)}
    trials["8"] = ({"filters": 8}, 1e9, None)
    manifest = {"objective": {"name": "val_accuracy", "direction": "min"}}
    place = written(tmp_path / "wild", trials, search=manifest)
    figure = draw_figures(contents_of(cnnzoo.open_search(place)), PAGE)[0]
    scale = figure.chart["layer"][0]["encoding"]["y"]["scale"]
    assert scale["clamp"]
    assert scale["domainMax"] < 10
    assert "are drawn at the edge" in figure.caption


def test_short_trials_of_hyperband_are_not_compared(written, tmp_path):
    def levels(at, epochs):
        return {"filters": at, "tuner/epochs": epochs, "tuner/bracket": 1, "tuner/round": 0}

    trials = {str(at): (levels(8 * at + 8, 1 if at < 3 else 9), at / 10, None) for at in range(6)}
    trials["0"] = (levels(8, 1), 0.99, None)  # good, but of one epoch
    contents = contents_of(cnnzoo.open_search(written(tmp_path / "hyper", trials, max_epochs=9)))
    rows = draw_figures(contents, PAGE)[0].rows
    assert [row["kind"] for row in rows] == ["fewer epochs"] * 3 + ["compared"] * 3
    assert [row["best"] for row in rows[3:]] == [0.3, 0.4, 0.5]
    assert contents.best["score"].iloc[0] == 0.5
    assert "Hyperband stopped 3 trials before 9 epochs" in contents.warnings[0]


@pytest.mark.parametrize(
    "trials",
    [{}, {"0": ({"filters": 8}, "FAILED", None)}, {"0": ({"filters": 8}, 0.5, None)}],
    ids=["none", "failed", "one"],
)
@pytest.mark.parametrize("suffix", [".html", ".md", ".csv", ".tex", ".json"])
def test_small_search_has_a_report(written, tmp_path, trials, suffix):
    place = written(tmp_path / "small", trials)
    assert ablations.search_report(place, tmp_path / f"report{suffix}").stat().st_size > 0


@pytest.mark.parametrize("space", [[], [("Fixed", {"name": "width", "value": 8})]])
def test_search_without_choices_has_a_report(written, tmp_path, space):
    levels = {config["name"]: 8 for _, config in space}
    place = written(tmp_path / "a", {"0": (levels, 0.5, None)}, space=space)
    assert cnnzoo.open_search(place).importance().empty
    texts = {
        suffix: ablations.search_report(place, tmp_path / f"a.{suffix}").read_text()
        for suffix in ("html", "md", "csv", "tex", "json")
    }
    warning = "The search varied nothing, so there are no choices to compare."
    for suffix in ("html", "md", "tex", "json"):
        assert warning in texts[suffix]
    assert ",done,0.5," in texts["csv"]
    assert "<dt>Searched</dt><dd>nothing</dd>" in texts["html"]
    assert 'unknown</span> <span class="more">nothing was varied' in texts["html"]
    assert 'id="importance"' not in texts["html"]
    assert json.loads(texts["json"])["importance"] == []
    drawn = draw_figures(contents_of(cnnzoo.open_search(place)), PAGE)
    assert [figure.name for figure in drawn] == ["progress"]


def test_search_without_scores_has_no_figures(written, tmp_path):
    place = written(tmp_path / "a", {"0": ({"filters": 8}, "FAILED", None)})
    assert draw_figures(contents_of(cnnzoo.open_search(place)), PAGE) == []


def test_unknown_order_of_trials_has_no_progress_figure(contents):
    drawn = draw_figures(replace(contents, in_order=False), PAGE)
    assert "progress" not in [figure.name for figure in drawn]


def test_other_formats_hold_the_trials(search, tmp_path):
    trials = cnnzoo.open_search(search).trials
    rows = list(
        csv.DictReader(io.StringIO(ablations.search_report(search, tmp_path / "a.csv").read_text()))
    )
    assert [row["trial"] for row in rows] == trials["trial"].tolist()
    values = json.loads(ablations.search_report(search, tmp_path / "a.json").read_text())
    assert [row["score"] for row in values["trials"]] == [
        None if score != score else score for score in trials["score"]
    ]
    assert values["importance"][0]["toggle"] == "learning_rate"
    text = ablations.search_report(search, tmp_path / "a.md").read_text()
    assert "# Search: downsampling" in text
    assert "\\<b\\>" in text


@pytest.mark.parametrize(
    ("direction", "row", "text"),
    [
        (
            "max",
            (0.95, 0.91, 8, 0.04, 0.03, 0.05),
            "On 8 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.910, not 0.950: the search's score was too good by 0.040 (95% CI 0.030 to 0.050).",
        ),
        (
            "max",
            (0.91, 0.941, 8, -0.031, -0.06, -0.005),
            "On 8 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.941, not 0.910: the search's score was too low by 0.031 (95% CI 0.005 to 0.060).",
        ),
        (
            "max",
            (0.91, 0.941, 8, -0.031, -0.06, 0.005),
            "On 8 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.941, and 0.910 in the search: no optimism is shown (difference "
            "\N{MINUS SIGN}0.031, 95% CI \N{MINUS SIGN}0.060 to 0.005).",
        ),
        (
            "max",
            (0.9312, 0.9309, 3, 0.0003, -0.0127, 0.0133),
            "On 3 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.931 again: no optimism is shown (difference 0.000, 95% CI \N{MINUS SIGN}0.013 to "
            "0.013).",
        ),
        (
            "max",
            (0.9312, 0.9308, 9, 0.0004, 0.0001, 0.0007),
            "On 9 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.93080, not 0.93120: the search's score was too good by 0.00040 (95% CI 0.00010 to "
            "0.00070).",
        ),
        (
            "max",
            (0.5, 0.5, 3, 0.0, math.nan, math.nan),
            "On 3 fresh seeds the search's best configuration scored a validation accuracy of "
            "0.500 again: no optimism is shown (difference 0.000, scores that are all alike give "
            "no interval).",
        ),
        (
            "min",
            (0.5, 0.4, 1, -0.1, math.nan, math.nan),
            "On 1 fresh seed the search's best configuration scored a validation accuracy of "
            "0.40, not 0.50: the search's score was too high by 0.10 (one seed gives no "
            "interval).",
        ),
    ],
)
def test_optimism_sentences(written, tmp_path, direction, row, text):
    class Tried:
        one_at_a_time = path = None

        def optimism(self):
            return pd.DataFrame([(1, "11", "baseline", *row, "")], columns=COLUMNS)

    goal = {"objective": {"name": "val_accuracy", "direction": direction}}
    place = written(
        tmp_path / "a", {"0": ({"filters": 8}, 0.5, None)}, search={**goal, "seeds": [0]}
    )
    assert contents_of(cnnzoo.open_search(place), Tried()).warnings == (text,)


@pytest.mark.parametrize(
    ("seeds", "start", "lead"),
    [
        ([0], "On 1 fresh seed ", "retrained on seeds that the search did not use."),
        (
            [],
            "On 1 seed ",
            "retrained. The seeds of the search are unknown, so it may have used some of these.",
        ),
    ],
)
def test_report_says_whether_the_seeds_are_fresh(written, tmp_path, seeds, start, lead):
    class Tried:
        one_at_a_time = path = None

        def optimism(self):
            row = (1, "0", "baseline", 0.5, 0.4, 1, 0.1, math.nan, math.nan, "")
            return pd.DataFrame([row], columns=COLUMNS)

    place = written(tmp_path / "a", {"0": ({"filters": 8}, 0.5, None)}, search={"seeds": seeds})
    ablations.search_report(place, tmp_path / "a.html", ablation=Tried())
    contents = contents_of(cnnzoo.open_search(place), Tried())
    assert contents.warnings[-1].startswith(start)
    text = (
        f"The winner and its rivals were {lead} Optimism is how much better the search's score was "
        "than the retrained mean, with its 95% CI."
    )
    assert optimism_table(contents).lead == text
    assert text in html.unescape((tmp_path / "a.html").read_text())


def test_damaged_search_json_is_a_warning(written, tmp_path):
    manifest = {"versions": ["a"], "recipe": {"epochs": "x"}}
    place = written(tmp_path / "a", {"0": ({"filters": 8}, 0.5, None)}, search=manifest)
    for suffix in (".html", ".md", ".csv", ".tex", ".json"):
        ablations.search_report(place, tmp_path / f"a{suffix}")
    assert "`versions` in search.json is ignored" in (tmp_path / "a.html").read_text()


def test_latex_has_all_tables(search, tmp_path):
    text = ablations.search_report(search, tmp_path / "a.tex").read_text()
    captions = [line for line in text.splitlines() if line.startswith("\\caption")]
    assert captions == [
        *("\\caption{Best configurations}", "\\caption{Importance}"),
        "\\caption{Trials without a score}",
    ]
    assert "\\label{tab:downsampling-best-configurations}" in text
    assert text.count("\\toprule") == text.count("\\bottomrule") == 3
    assert "learning\\_rate" in text
    assert "<" not in text
    assert text.rstrip().splitlines()[-1].startswith("% The best score is the best of 57")


def test_figures_are_written_as_files(search, tmp_path):
    paths = ablations.search_figures(search, tmp_path / "figures", ["svg", "png"])
    names = sorted({path.stem for path in paths})
    assert {"progress", "importance", "parallel", "slice-filters"} < {*names}
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(
        f"{name}.{suffix}" for name in names for suffix in ("svg", "png")
    )
    for path in paths:
        start = path.read_bytes()[:8]
        assert start == b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else start[:4] == b"<svg"
    for path in paths:
        path.write_text("edited")
    with pytest.raises(ReportError) as refused:
        ablations.search_figures(search, tmp_path / "figures", "svg")
    assert str(refused.value) == (
        f"{paths[0]} and {len(names) - 1} more files already exist; choose another name or pass "
        "overwrite=True (--overwrite)."
    )


def test_existing_report_is_not_overwritten(search, tmp_path):
    path = tmp_path / "a.md"
    ablations.search_report(search, path)
    ablations.search_report(search, path)  # its own, and unchanged
    path.write_text("edited")
    with pytest.raises(ReportError) as refused:
        ablations.search_report(search, path)
    assert str(refused.value) == (
        f"{path} already exists; choose another name or pass overwrite=True (--overwrite)."
    )
    ablations.search_report(search, path, overwrite=True)
    with pytest.raises(ReportError) as refused:
        ablations.search_report(search, "a.doc")
    assert str(refused.value) == (
        "`path`: expected a name that ends in .html, .md, .csv, .tex or .json; got 'a.doc'."
    )


def test_report_command_of_a_search(written, tmp_path):
    place = written(tmp_path / "small", {"0": ({"filters": 8}, 0.5, None)})
    before = files_of(place)
    answer = CliRunner().invoke(app, ["report", str(place)])
    assert answer.exit_code == 0, answer.output
    assert "<title>small: search</title>" in (tmp_path / "small.html").read_text()
    assert files_of(place) == before
    answer = CliRunner().invoke(app, ["report", str(place)])
    assert answer.output == f"{tmp_path / 'small.html'} (replaced)\n"
    answer = CliRunner().invoke(app, ["report", str(place), "--to", str(tmp_path / "a.csv")])
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "a.csv").exists()
    figures = tmp_path / "figures"
    answer = CliRunner().invoke(app, ["report", str(place), "--figures", str(figures)])
    assert answer.exit_code == 0, answer.output
    assert sorted(path.name for path in figures.iterdir()) == [
        *("progress.pdf", "progress.png", "progress.svg")
    ]
    answer = CliRunner().invoke(app, ["report", str(place), "--beside", str(place)])
    assert "--beside takes a study, and DIRECTORY holds a search" in answer.output


def test_optimism_interval_end_is_not_rounded_to_0(contents):
    gap = {"rank": 1, "trial": "00", "search_score": 0.94, "fresh_mean": 0.91, "optimism": 0.03}
    rows = [
        gap | {"ci_low": 0.0004, "ci_high": 0.0596, "seeds": 3},
        gap | {"rank": 2, "ci_low": -0.2, "ci_high": 0.26, "seeds": 3},
    ]
    table = optimism_table(replace(contents, optimism=pd.DataFrame(rows)))
    at = table.headers.index("95% CI")
    assert [row[at].text for row in table.rows] == [
        "[0.0004, 0.0596]",
        "[\N{MINUS SIGN}0.20, 0.26]",
    ]
