"""The report of a search and its figures: the one way in."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.report.page import Document
from ablations.report.search.document import search_document
from ablations.report.write import FIGURE_FORMATS, save_figures, save_report
from ablations.search.contents import contents_of
from cnnzoo.tuning.reading.results import SearchResults, open_search

if TYPE_CHECKING:
    from ablations.search.studies import SearchAblation


def search_report(
    search: SearchResults | str | Path,
    path: str | Path,
    *,
    ablation: "SearchAblation | None" = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of a search.

    Parameters
    ----------
    search
        The search, or its directory: of `cnnzoo.tune` or of any KerasTuner tuner elsewhere.
    path
        Ends in .html (one page, charts included), .md, .csv (the trials), .tex (the tables but the
        trials, for booktabs) or .json (everything).
    ablation
        What became of the search's best on fresh seeds, if that was tried.
    overwrite
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    ReportError
        If the ending is not one of these, or the file is there.
    SearchError
        If there is no search.
    """
    return save_report(_document(search, ablation), path, overwrite=overwrite)


def search_figures(
    search: SearchResults | str | Path,
    directory: str | Path,
    formats: Sequence[str] = FIGURE_FORMATS,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write the figures of a search's report as files of their own.

    Parameters
    ----------
    search
        The search, or its directory.
    directory
        Where they go; made if need be.
    formats
        Of "svg", "png" and "pdf".
    overwrite
        Whether files that are there may be replaced.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ReportError
        If a format is not one of these, or a file is there.
    SearchError
        If there is no search.
    """
    return save_figures(_document(search), directory, formats, overwrite=overwrite)


def _document(
    search: SearchResults | str | Path, ablation: "SearchAblation | None" = None
) -> Document:
    results = search if isinstance(search, SearchResults) else open_search(search)
    return search_document(contents_of(results, ablation))
