"""The report of a search: the one way in."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.report.bundle import write_whole
from ablations.report.contents import ReportError
from ablations.search.contents import SearchContents, contents_of
from cnnzoo.tuning.results import SearchResults, open_search

if TYPE_CHECKING:
    from ablations.search.from_search import SearchAblation

FORMATS = (".html", ".md", ".csv", ".json")


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
        Ends in .html (one page, charts included), .md, .csv (the trials) or .json (everything).
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
    if place.exists() and not overwrite:
        raise ReportError(
            f"{place} is there already; give another name, or overwrite=True (--overwrite) to "
            "replace it."
        )
    results = search if isinstance(search, SearchResults) else open_search(search)
    text = _writer(suffix)(contents_of(results, ablation))
    write_whole(place, text.encode("utf-8", "replace"))
    return place


def _writer(suffix: str) -> Callable[[SearchContents], str]:
    if suffix == ".html":
        from ablations.search.page import page

        return page
    from ablations.search.files import csv_report, json_report, markdown_report

    return {".md": markdown_report, ".csv": csv_report, ".json": json_report}[suffix]
