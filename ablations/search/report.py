"""The report of a search and its figures: the one way in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.report.search.contents import SearchContents
from ablations.report.study.contents import ReportError
from ablations.report.write import FIGURE_FORMATS, FORMATS, check_free, save_figures
from ablations.search.contents import contents_of
from cnnzoo.runtime.files import write_atomically
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
    place = Path(path).expanduser()
    suffix = place.suffix.lower()
    if suffix not in FORMATS:
        raise ReportError(
            f"a search report's name must end in one of {', '.join(FORMATS)}; got {str(path)!r}."
        )
    check_free([place], overwrite)
    text = _writer(suffix)(_gather(search, ablation))
    write_atomically(place, text.encode("utf-8", "replace"))
    return place


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
    from ablations.report.search.figures import draw_figures

    contents = _gather(search)
    return save_figures(
        lambda theme: draw_figures(contents, theme), directory, formats, overwrite=overwrite
    )


def _gather(
    search: SearchResults | str | Path, ablation: "SearchAblation | None" = None
) -> SearchContents:
    results = search if isinstance(search, SearchResults) else open_search(search)
    return contents_of(results, ablation)


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
