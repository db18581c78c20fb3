"""Write the report of a search, or its figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ablations.report.search.contents import SearchContents
from ablations.report.study.contents import ReportError
from ablations.report.write import FIGURE_FORMATS, FORMATS, check_free, save_figures
from ablations.search.contents import AblatedSearch, contents_of
from cnnzoo.runtime.files import write_atomically
from cnnzoo.tuning.reading.results import SearchResults, open_search


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
        Whether to replace an existing file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ReportError
        If the suffix is another one, or the file exists and `overwrite` is false.
    SearchError
        If there is no search.
    """
    place = Path(path).expanduser()
    suffix = place.suffix.lower()
    if suffix not in FORMATS:
        raise ReportError(
            f"a search report's name must end in one of {', '.join(FORMATS)}; got {str(path)!r}."
        )
    check_free([place], overwrite)
    contents = contents_of(_opened(search), ablation)
    write_atomically(place, _writer(suffix)(contents).encode("utf-8", "replace"))
    return place


def search_figures(
    search: SearchResults | str | Path,
    directory: str | Path,
    formats: Sequence[str] = FIGURE_FORMATS,
    *,
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
    overwrite
        Whether to replace existing files.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ReportError
        If a format is unknown, or a file exists and `overwrite` is false.
    SearchError
        If there is no search.
    """
    from ablations.report.search.figures import draw_figures

    contents = contents_of(_opened(search))
    return save_figures(
        lambda theme: draw_figures(contents, theme), directory, formats, overwrite=overwrite
    )


def _opened(search: SearchResults | str | Path) -> SearchResults:
    return search if isinstance(search, SearchResults) else open_search(search)


def _writer(suffix: str) -> Callable[[SearchContents], str]:
    if suffix == ".html":
        from ablations.report.search.document import page

        return page
    from ablations.report.search import document as files

    return {
        ".md": files.markdown_report,
        ".csv": files.csv_report,
        ".tex": files.latex_report,
        ".json": files.json_report,
    }[suffix]
