"""Write a report or its figures to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.report.figure import Figure, file_spec
from ablations.report.formats import csv_of, json_text, markdown_page
from ablations.report.html import html_page
from ablations.report.latex import latex_report
from ablations.report.page import Document, ReportError
from ablations.report.paper import FONT_SIZE, paper_figure
from ablations.report.study.contents import ReportContents
from ablations.report.theme import LIGHT
from ablations.report.written import NO_FILES, WrittenFiles, check_free

FORMATS = (".html", ".md", ".csv", ".tex", ".json")

FIGURE_FORMATS = ("svg", "png", "pdf")


def write_report(
    contents: ReportContents,
    path: str | Path,
    *,
    overwrite: bool = False,
    written: WrittenFiles = NO_FILES,
) -> Path:
    """Write the report of a study; see `ablations.Results.report`."""
    from ablations.report.study.document import study_document

    return save_report(study_document(contents), path, overwrite=overwrite, written=written)


def write_figures(
    contents: ReportContents,
    directory: str | Path,
    formats: str | Sequence[str] = FIGURE_FORMATS,
    **options: Any,
) -> list[Path]:
    """Write the figures of a study's report; see `ablations.Results.figures`."""
    from ablations.report.study.document import study_document

    return save_figures(study_document(contents), directory, formats, **options)


def save_report(
    document: Document,
    path: str | Path,
    *,
    overwrite: bool = False,
    written: WrittenFiles = NO_FILES,
) -> Path:
    """Write a report in the format of the path's ending.

    Raises
    ------
    ReportError
        If the ending is not one of `FORMATS`, or the file exists, is not among those that were
        written, and `overwrite` is false.
    """
    place = Path(path).expanduser()
    if place.suffix.lower() not in FORMATS:
        raise ReportError(
            f"`path`: expected a name that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; "
            f"got {str(path)!r}."
        )
    check_free([place], overwrite, written)
    written.write(place, _render(document, place.suffix.lower()).encode("utf-8", "replace"))
    return place


def save_figures(
    document: Document,
    directory: str | Path,
    formats: str | Sequence[str] = FIGURE_FORMATS,
    *,
    width: str | float | None = None,
    font_size: float = FONT_SIZE,
    overwrite: bool = False,
    written: WrittenFiles = NO_FILES,
) -> list[Path]:
    """Write each figure of a report in each format; the folder is created.

    With a width the figures are for a paper: see `ablations.report.paper.paper_figure`.

    Raises
    ------
    ReportError
        If a format is not one of `FIGURE_FORMATS`; a file exists, is not among those that were
        written, and `overwrite` is false; or the width or the font size is invalid.
    """
    names = [formats] if isinstance(formats, str) else list(formats)
    for name in names:
        if name not in FIGURE_FORMATS:
            raise ReportError(f"`formats`: expected any of svg, png and pdf; got {name!r}.")
    figures = document.figures(LIGHT)
    place = Path(directory).expanduser()
    paths = {(it.name, name): place / f"{it.name}.{name}" for it in figures for name in names}
    check_free(list(paths.values()), overwrite, written)
    for figure in figures:
        paper = None if width is None else paper_figure(figure, width, font_size)
        for name in names:
            content = paper.content(name) if paper else _with_caption(figure, document.about, name)
            written.write(paths[figure.name, name], content)
    return list(paths.values())


def _with_caption(figure: Figure, about: str, kind: str) -> bytes:
    """Return the content of a file that holds a figure with its title and caption."""
    import vl_convert

    chart = file_spec(figure, about)
    if kind == "svg":
        return str(vl_convert.vegalite_to_svg(chart)).encode()
    if kind == "png":
        return bytes(vl_convert.vegalite_to_png(chart, scale=2))
    return bytes(vl_convert.vegalite_to_pdf(chart))


def _render(document: Document, suffix: str) -> str:
    if suffix == ".html":
        return html_page(document.page())
    if suffix == ".md":
        return markdown_page(document.page())
    if suffix == ".csv":
        return csv_of(document.data)
    return latex_report(document) if suffix == ".tex" else json_text(document.values())
