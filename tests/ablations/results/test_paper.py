"""Tables and figures for a paper."""

import re
import struct

import numpy as np
import pandas as pd
import pytest
from helpers.stub_trials import noise
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from ablations import Study
from ablations.report import ReportError
from ablations.report.study.paper_table import (
    Estimate,
    SummaryTable,
    rule_words,
    summary_table,
)

SIX = Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=6)

# widths in points of Computer Modern, as TeX's \settowidth measures them: 8 points, bold, 7 points
DIGIT, BOLD_DIGIT, SMALL_DIGIT = 4.25006, 4.90004, 3.98613
DOT, BOLD_DOT, SMALL_DOT = 2.36115, 2.72224, 2.2639
PLUS_MINUS, STAR, LETTER_M = 6.25, 4.33331, 7.08344

NAME_EM = {"a": 0.531, "b": 0.590, "M": 0.973, "W": 1.091, "_": 0.383, "=": 0.826, ",": 0.295}
NAME_EM |= {"&": 0.826, " ": 0.354, "%": 0.885, "0": 0.531}

COLUMN = 84 * 72.27 / 25.4
"""A column of 84 mm, in TeX's points."""

CELL = re.compile(
    r"(?P<bold>\\textbf\{)?(?P<mean>[\d.]+)\}?\{\\scriptsize\$\\pm\$(?P<spread>[\d.]+)\}"
)


def told(trial):
    loss = {8: 0.5, 16: 1.99, 128: 2.0}[trial.settings.get("units", 128)] + 0.05 * noise(trial)
    return loss, 1 - loss / 4


@pytest.fixture
def results(outcome):
    return outcome(SIX, told)


def table_of(names, metrics, spread="sd", seeds=10, decimals=0.01, verdict="worse"):
    rng = np.random.default_rng(0)
    rows = [
        {"variant": name, "seed": seed, "status": "done"}
        | {metric: 0.9 + decimals * rng.normal() for metric in metrics}
        for name in ["baseline", *names]
        for seed in range(seeds)
    ]
    verdicts = [{"variant": n, "metric": m, "verdict": verdict} for n in names for m in metrics]
    columns = ["variant", "metric", "verdict"]
    deltas = pd.DataFrame(verdicts, columns=columns)
    study = {"name": "s", "data": "digits", "seeds": [*range(seeds)]}
    rule = rule_words("paired t test over seeds")
    return summary_table(pd.DataFrame(rows), deltas, metrics, study, spread=spread, rule=rule)


def rows_of(latex):
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0]
    return [line.removesuffix(r" \\").split(" & ") for line in body.strip().splitlines()]


def number_width(digit, dot, text):
    return sum(dot if character == "." else digit for character in text)


def cell_width(cell):
    found = CELL.match(cell)
    kind = (BOLD_DIGIT, BOLD_DOT) if found["bold"] else (DIGIT, DOT)
    mean = number_width(*kind, found["mean"])
    return mean + PLUS_MINUS + number_width(SMALL_DIGIT, SMALL_DOT, found["spread"]) + STAR


def name_column(latex):
    return re.search(r"\\begin\{tabular\}\{@\{\}(?:l|p\{([\d.]+)pt\})r+@\{\}\}", latex)


def test_table_has_means_and_deviations_of_shared_seeds(results):
    values = results.trials.pivot_table(index="seed", columns="variant", values="test_accuracy")
    cells = rows_of(results.to_latex("accuracy"))
    assert [name for name, _ in cells] == ["baseline", "units=8", "units=16"]
    for name, cell in cells:
        found = CELL.match(cell)
        decimals = len(found["mean"].partition(".")[2])
        assert found["mean"] == f"{values[name].mean():.{decimals}f}"
        assert found["spread"] == f"{values[name].std():.{decimals}f}"
    halves = rows_of(results.to_latex("accuracy", spread="ci"))
    for name, cell in halves:
        low, high = scipy_stats.t.interval(
            0.95, 5, values[name].mean(), scipy_stats.sem(values[name])
        )
        spread = CELL.match(cell)["spread"]
        assert spread == f"{(high - low) / 2:.{len(spread.partition('.')[2])}f}"


def test_marks_follow_verdicts_and_bold_the_best_mean(results):
    latex = results.to_latex()
    verdicts = results.deltas("loss", full=True).set_index("variant")["verdict"]
    assert set(verdicts) == {"better", "inconclusive"}
    rows = {name: loss for name, loss, _ in rows_of(latex)}
    star = "$^{*}$"
    assert rows["units=8"].startswith(r"\textbf{0.5")
    assert rows["units=8"].endswith(f"}}{star}")
    assert rows["units=16"].endswith(rf"\phantom{{{star}}}")
    caption = " ".join(latex.split())
    assert (
        "*: better or worse than the baseline by a paired t test over seeds, p "
        r"\textless{} 0.05 after Holm's correction over the variants, for test loss over all "
        "claims of the report." in caption
    )
    assert "Bold: the best printed mean of each column, without a test." in caption


def test_printed_ties_are_all_bold_and_equal_means_are_not():
    trials = pd.DataFrame(
        [
            {"variant": name, "seed": seed, "status": "done", "test_loss": mean + (seed - 1) * 0.1}
            for name, mean in (("baseline", 2.0), ("a", 1.0), ("b", 1.001))
            for seed in range(3)
        ]
    )
    none = pd.DataFrame(columns=["variant", "metric", "verdict"])
    table = summary_table(trials, none, ["test_loss"], {}, rule="")
    assert [name for name, (cell,) in table.rows.items() if cell.best] == ["a", "b"]
    same = summary_table(trials.assign(test_loss=1.0), none, ["test_loss"], {}, rule="")
    assert not any(cell.best for (cell,) in same.rows.values())


def test_few_seeds_have_no_marks(outcome):
    three = outcome(Study("mlp", "digits", factors={"units": [8, 16, 128]}, seeds=3), told)
    latex = three.to_latex()
    assert "Fewer than 6 seeds: nothing is marked." in latex
    assert latex.count("$^{*}$") == latex.count(r"\phantom{$^{*}$}")


def test_variant_that_failed_has_a_dash_and_a_note(outcome):
    def failing(trial):
        return "ValueError: no" if trial.settings.get("units") == 16 else told(trial)

    latex = outcome(SIX, failing).to_latex("loss")
    assert ["units=16", r"--\phantom{$^{*}$}"] in rows_of(latex)
    assert "units=16: left out: done in 0 of 6 seed blocks." in latex


@pytest.mark.parametrize("metrics", [["test_loss"], ["test_loss", "test_accuracy"]])
def test_twenty_variants_fit_a_column(metrics):
    names = [f"normalization=batch_{i}, kernel_initializer=truncated_normal" for i in range(20)]
    latex = table_of(names, metrics).latex("column", None, None)
    rows = rows_of(latex)
    assert len(rows) == 21
    numbers = sum(max(cell_width(row[at]) for row in rows) for at in range(1, len(metrics) + 1))
    for_name = float(name_column(latex)[1]) * 72.27 / 72  # points of PDF
    assert for_name + numbers + 2 * 3 * len(metrics) <= COLUMN
    longest = "initializer="  # it has no wider part, and m is the widest letter
    assert len(longest) * LETTER_M * 0.75 <= for_name


@settings(max_examples=25)
@given(
    st.lists(st.text("abMW_=,& %0", min_size=1, max_size=40), min_size=1, max_size=3, unique=True),
    st.lists(st.decimals("0.1", "999", places=3).map(str), min_size=1, max_size=3),
    st.booleans(),
)
def test_any_table_fits_its_column_or_is_refused(names, numbers, best):
    row = [Estimate(number, number, significant=True, best=best) for number in numbers]
    metrics = ["test_loss", "test_accuracy", "gap"][: len(numbers)]
    table = SummaryTable("s", metrics, dict.fromkeys(["baseline", *names], row), "caption")
    try:
        latex = table.latex("column", None, None)
    except ReportError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal.startswith("`metrics`: expected at most ")
        return
    cells = rows_of(latex)[0][1:]
    room = COLUMN - sum(map(cell_width, cells)) - 2 * 3 * len(cells)
    if (width := name_column(latex)[1]) is not None:
        assert float(width) * 72.27 / 72 <= room
    else:
        assert max(sum(NAME_EM[one] for one in name) * 8 for name in names) <= room


def test_metrics_that_do_not_fit_are_refused():
    metrics = ["test_loss", "test_accuracy", "test_macro_f1", "gap", "test_nll"]
    table = table_of(["normalization=batch"], metrics)
    with pytest.raises(ReportError) as refused:
        table.latex("column", None, None)
    assert str(refused.value) == (
        "`metrics`: expected at most 2 in a table of 84 mm; got 5. Give fewer metrics or a larger "
        "width, such as 'page'."
    )
    assert r"\begin{table*}" in table.latex("page", None, None)


def test_texts_are_escaped_and_labels_distinct(results):
    table = table_of(["a&b_50%#$"], ["test_loss"])
    latex = table.latex("column", "50% & more", None)
    assert r"a\&b\_50\%\#\$" in latex.replace(r"\allowbreak{}", "")
    assert r"\caption{50\% \& more}" in latex
    texts = [results.to_latex(m, spread=s) for m in ("loss", "accuracy") for s in ("sd", "ci")]
    labels = [re.search(r"\\label\{(.*)\}", text)[1] for text in texts]
    assert len(set(labels)) == 4
    assert r"\label{tab:mine}" in results.to_latex(label="mine")


def test_style_escapes_html_and_marks_the_best(results):
    page = results.style().to_html()
    assert page.count("font-weight: bold") == 1  # one rule for the cells that share it
    assert re.search(r"0\.5\d* ± 0\.\d+\*", page)
    assert "<b>x" not in table_of(["<b>x"], ["test_loss"]).style().to_html()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"spread": "se"}, "`spread`: expected one of 'sd', 'ci'; got 'se'."),
        (
            {"width": "colum"},
            "`width`: expected 'column', 'page' or 30 to 1,000 mm; got 'colum'; did you mean "
            "'column'?",
        ),
    ],
)
def test_wrong_options_of_the_table_are_refused(results, options, sentence):
    with pytest.raises(ReportError) as refused:
        results.to_latex(**options)
    assert str(refused.value) == sentence


# Figures


@pytest.mark.parametrize(("width", "mm"), [("column", 84), ("page", 174), (60, 60)])
def test_figure_has_its_width_and_font_size_in_every_format(results, tmp_path, width, mm):
    figure = results.figure(width=width, font_size=7)
    svg = figure.save(tmp_path / "a.svg").read_text()
    size = re.match(r'<svg [^>]*width="(\d+)mm" height="([\d.]+)mm" viewBox="0 0 ([\d.]+) ', svg)
    assert float(size[1]) == mm
    fonts = {float(one) for one in re.findall(r'font-size="([\d.]+)px"', svg)}
    points = [one * mm / float(size[3]) * 72 / 25.4 for one in fonts]
    assert points == pytest.approx([7.0] * len(points))
    box = re.search(rb"MediaBox \[0 0 ([\d.]+) ", figure.save(tmp_path / "a.pdf").read_bytes())
    assert float(box[1]) == pytest.approx(mm / 25.4 * 72, abs=0.1)
    pixels = struct.unpack(">I", figure.save(tmp_path / "a.png").read_bytes()[16:20])[0]
    assert pixels == pytest.approx(mm / 25.4 * 600, abs=2)


def test_figure_has_neither_title_nor_caption(results):
    figure = results.figure()
    assert (figure.name, figure.width) == ("forest-test_loss", 84)
    assert "Deltas of" not in figure.svg
    assert "dashed line" not in figure.svg
    assert figure.caption.startswith("Mean delta over paired seeds with its 95% CI.")
    assert "image/svg+xml" in figure._repr_mimebundle_()


def test_all_figures_are_written_for_a_paper(results, tmp_path):
    paths = results.figures(tmp_path, "svg", width="column")
    assert {path.stem for path in paths} > {
        "forest-test_loss",
        "forest-test_accuracy",
        "pairs-test_loss",
    }
    assert all('width="84mm"' in path.read_text() for path in paths)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "forest-test_los"}, "; got 'forest-test_los'; did you mean 'forest-test_loss'?"),
        ({"font_size": 0}, "`font_size`: expected 4 to 30 points; got 0."),
        ({"width": 3}, "`width`: expected 'column', 'page' or 30 to 1,000 mm; got 3."),
    ],
)
def test_wrong_options_of_the_figure_are_refused(results, options, sentence):
    with pytest.raises(ReportError) as refused:
        results.figure(**options)
    assert str(refused.value).endswith(sentence)


def test_figure_refuses_other_formats_and_existing_files(results, tmp_path):
    figure = results.figure()
    with pytest.raises(ReportError) as refused:
        figure.save(tmp_path / "a.pgf")
    assert str(refused.value).startswith(
        "`path`: expected a name that ends in .svg, .pdf or .png; got "
    )
    place = figure.save(tmp_path / "a.svg")
    assert results.figure(font_size=7).save(place) == place
    place.write_text("edited")
    with pytest.raises(ReportError) as refused:
        figure.save(place)
    assert str(refused.value) == (
        f"{place} already exists; choose another name or pass overwrite=True (--overwrite)."
    )
