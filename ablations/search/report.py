"""Write the report of a search, or its figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.report.search.document import search_document
from ablations.report.write import FIGURE_FORMATS, save_figures, save_report
from ablations.report.written import WrittenFiles
from ablations.search.contents import AblatedSearch, contents_of
from cnnzoo.tuning.reading.results import SearchResults, open_search
from cnnzoo.tuning.records import SEARCH


def search_report(
    search: SearchResults | str | Path,
    path: str | Path,
    *,
    ablation: AblatedSearch | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of a search.

    Parameters
    ----------
    search
        The search, or its directory: of `cnnzoo.tune` or of any KerasTuner tuner elsewhere.
    path
        File to write; its suffix gives the format: .html (one page with charts), .md, .csv (the
        trials), .tex (all tables but the trials, for booktabs) or .json (everything).
    ablation
        The `SearchAblation` of the search, to show its best configurations on fresh seeds.
    overwrite
        Whether to replace any existing file. A report that this search of `cnnzoo.tune` wrote and
        nobody changed is replaced in any case.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ReportError
        If the suffix is another one, or another file exists and `overwrite` is false.
    SearchError
        If there is no search.
    """
    results = _opened(search)
    document = search_document(contents_of(results, ablation))
    return save_report(document, path, overwrite=overwrite, written=_written(results))


def search_figures(
    search: SearchResults | str | Path,
    directory: str | Path,
    formats: str | Sequence[str] = FIGURE_FORMATS,
    *,
    width: str | float | None = None,
    font_size: float = 8.0,
    overwrite: bool = False,
) -> list[Path]:
    """Write each figure of a search's report to a file.

    Parameters
    ----------
    search
        The search, or its directory.
    directory
        Directory of the files; created if it does not exist.
    formats
        Any of "svg", "png" and "pdf".
    width, font_size
        Width and size of the labels for a paper, as for `ablations.Results.figures`.
    overwrite
        As for `search_report`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ReportError
        If an argument is invalid, or another file exists and `overwrite` is false.
    SearchError
        If there is no search.
    """
    options: dict[str, Any] = {"width": width, "font_size": font_size, "overwrite": overwrite}
    results = _opened(search)
    document = search_document(contents_of(results))
    return save_figures(document, directory, formats, written=_written(results), **options)


def _opened(search: SearchResults | str | Path) -> SearchResults:
    return search if isinstance(search, SearchResults) else open_search(search)


def _written(results: SearchResults) -> WrittenFiles:
    """Return the files that a search wrote; none of one made elsewhere, which is not modified."""
    return WrittenFiles(results.directory if (results.directory / SEARCH).is_file() else None)
