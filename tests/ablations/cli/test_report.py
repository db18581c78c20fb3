"""The command `ablations report`."""

import shutil

import pytest

from ablations.report.study.document import figures
from ablations.report.theme import PAGE


@pytest.fixture
def stored(tell, tiny, serially, tmp_path):
    """Return the folder of a study that was run."""
    assert tell("run", tiny, "--to", "there").exit_code == 0
    return tmp_path / "there"


def test_report_replaces_an_earlier_one(tell, stored):
    page = stored / "report.html"
    assert tell("report", "there").output == "there/report.html\n"
    written = page.read_bytes()
    page.write_bytes(written.replace(b"</html>", b"<p>of yesterday</p></html>"))
    assert tell("report", "there").output == "there/report.html (replaced)\n"
    assert page.read_bytes() == written


def test_figures_of_two_studies_are_written(tell, stored, monkeypatch):
    drawn = []

    def write(contents, *given, **options):
        drawn.extend(figure.name for figure in figures(contents, PAGE))
        return []

    monkeypatch.setattr("ablations.report.write_figures", write)
    shutil.copytree(stored, "other")
    answer = tell("report", "there", "--beside", "other", "--figures", "drawn")
    assert answer.exit_code == 0
    assert [name for name in drawn if name.startswith("beside-")]


@pytest.mark.parametrize(("given", "width"), [("page", "page"), ("120", 120.0)])
def test_figures_have_the_width_of_a_paper(tell, stored, monkeypatch, given, width):
    found = []
    monkeypatch.setattr(
        "ablations.report.write_figures", lambda *_, **options: found.append(options) or []
    )
    answer = tell("report", "there", "--figures", "drawn", "--width", given)
    assert answer.exit_code == 0, answer.output
    assert found[0]["width"] == width


def test_unknown_width_is_refused(tell, stored):
    answer = tell("report", "there", "--figures", "drawn", "--width", "colum")
    assert answer.exit_code == 2
    assert answer.stderr.splitlines()[-1] == (
        "ReportError: `width`: expected 'column', 'page' or 30 to 1,000 mm; got 'colum'; did you "
        "mean 'column'?"
    )


def test_width_without_figures_is_refused(tell, stored):
    answer = tell("report", "there", "--width", "page")
    assert answer.exit_code == 2
    assert "--width is that of --figures, which is missing" in " ".join(answer.stderr.split())


def test_other_page_is_not_replaced(tell, stored):
    page = stored / "report.html"
    page.write_text("<!doctype html><title>My notes on the report</title>")
    answer = tell("report", "there")
    assert answer.exit_code == 2
    assert answer.stderr == (
        "ReportError: there/report.html already exists; choose another name or pass overwrite=True "
        "(--overwrite).\n"
    )
    assert page.read_text() == "<!doctype html><title>My notes on the report</title>"
    assert tell("report", "there", "--overwrite").output == "there/report.html (replaced)\n"


def test_report_that_was_edited_is_replaced_only_on_request(tell, stored, tmp_path):
    for _ in range(2):
        assert tell("report", "there", "--to", "mine.html", "--to", "mine.csv").exit_code == 0
    (tmp_path / "mine.html").write_text("edited")
    answer = tell("report", "there", "--to", "mine.html")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("ReportError: mine.html already exists;")
    assert tell("report", "there", "--to", "mine.html", "--overwrite").output == "mine.html\n"
    assert not (stored / "report.html").exists()
