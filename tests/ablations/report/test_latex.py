"""Tables in LaTeX are as wide as a column, or else as a page, of an article."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.report.latex import COLUMN_SEP, FONT_SIZE, latex_table, text_width
from ablations.report.paper import POINTS_PER_MM
from ablations.report.table import Cell, Table
from ablations.report.write import write_report

COLUMN, PAGE = (millimetres * POINTS_PER_MM for millimetres in (84, 174))

ARTICLE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[paperwidth=210mm,textwidth=174mm,columnsep=6mm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""
"""Two columns of 84 mm."""


def table(*columns):
    """Return a table of columns, each a header and its cells; numbers are right-aligned."""
    cells = [
        tuple(
            Cell(cell, float(at)) if header.startswith("#") else Cell(cell, cell)
            for header, cell in zip([each[0] for each in columns], row, strict=True)
        )
        for at, row in enumerate(zip(*(each[1] for each in columns), strict=True))
    ]
    return Table("Title", tuple(each[0].lstrip("#") for each in columns), tuple(cells))


def width_of(written, numbers):
    """Add up the width of a table: that of its columns of texts and of the widest numbers."""
    given_widths = [float(width) for width in re.findall(r"p\{([\d.]+)pt\}", written)]
    gaps = 2 * COLUMN_SEP * (len(given_widths) + len(numbers) - 1)
    return sum(given_widths) + sum(FONT_SIZE * max(map(text_width, it)) for it in numbers) + gaps


def test_short_texts_do_not_break():
    written = latex_table(table(("Variant", ["a=1", "b=2"]), ("#Delta", ["1", "2"])), "t", [])
    assert r"\begin{tabular}{@{}lr@{}}" in written
    assert r"\begin{table}[htbp]" in written
    assert "raggedright" not in written


def test_long_name_breaks_to_fit_a_column():
    numbers = ["[-0.123, 0.456]", "[-0.1, 0.4]"]
    name = "kernel_initializer=he_normal, dropout=0.25"
    columns = ("Variant", [name, "a=1"]), ("#CI", numbers), ("#Delta", numbers)
    written = latex_table(table(*columns), "t", [])
    assert r"\begin{table}[htbp]" in written
    assert r"kernel\_\allowbreak{}initializer=\allowbreak{}he\_\allowbreak{}normal, " in written
    assert width_of(written, [numbers, numbers]) == pytest.approx(COLUMN, abs=0.1)


def test_texts_of_many_lines_span_the_page():
    sentence = "batch normalization helps a deep network more than a shallow one, " * 3
    columns = ("Claim", ["C01", "C02"]), ("Sentence", [sentence, sentence]), ("#n", ["1", "2"])
    written = latex_table(table(*columns), "t", [])
    assert r"\begin{table*}[htbp]" in written
    assert len(re.findall(r"p\{", written)) == 1  # the short texts keep their width


@given(
    names=st.lists(st.from_regex(r"\A[a-z]{1,12}(_[a-z]{1,12}){0,3}=[0-9]{1,4}\Z"), min_size=2),
    count=st.integers(1, 5),
)
def test_column_or_page_is_never_exceeded(names, count):
    numbers = [["-0.123"] * len(names)] * count
    columns = [("Variant", names), *((f"#{at}", each) for at, each in enumerate(numbers))]
    written = latex_table(table(*columns), "t", [])
    room = PAGE if "table*" in written else COLUMN
    if "p{" in written:
        width = width_of(written, numbers)
    else:
        name = FONT_SIZE * max(map(text_width, [*names, "Variant"]))
        width = name + width_of("", numbers) + 2 * COLUMN_SEP
    assert width <= room + 0.1


PDFLATEX = shutil.which("pdflatex")


@pytest.mark.skipif(PDFLATEX is None, reason="needs TeX")
def test_article_with_the_report_has_no_overfull_box(contents, tmp_path):
    report = write_report(contents, tmp_path / "report.tex").read_text(encoding="utf-8")
    (tmp_path / "article.tex").write_text(ARTICLE % report, encoding="utf-8")
    subprocess.run(
        [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "article.tex"],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    log = (tmp_path / "article.log").read_text(encoding="utf-8", errors="replace")
    assert "Overfull" not in log
