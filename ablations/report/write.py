"""Write a report or its figures: the one way in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.report.study.contents import ReportContents, ReportError
from cnnzoo.runtime.files import write_atomically

if TYPE_CHECKING:
    from ablations.report.figure import Figure, Theme

FORMATS = (".html", ".md", ".csv", ".tex", ".json")

FIGURE_FORMATS = ("svg", "png", "pdf")


def write_report(contents: ReportContents, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a report in the format that the name ends in.

    Parameters
    ----------
    contents
        What it shows.
    path
        Ends in .html (one page, charts included), .md, .csv (the deltas), .tex (the deltas, for
        booktabs) or .json (everything).
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
    """
    place = Path(path).expanduser()
    suffix = place.suffix.lower()
    if suffix not in FORMATS:
        raise ReportError(
            f"a report's name must end in one of {', '.join(FORMATS)}; got {str(path)!r}."
        )
    check_free([place], overwrite)
    write_atomically(place, _writer(suffix)(contents).encode("utf-8", "replace"))
    return place


def write_figures(
    contents: ReportContents,
    directory: str | Path,
    formats: Sequence[str] = FIGURE_FORMATS,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write each figure of a report as files.

    Parameters
    ----------
    contents
        What they show.
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
    """
    from ablations.report.study.document import figures
    from ablations.report.wording import about_study

    return save_figures(
        lambda theme: figures(contents, theme),
        directory,
        formats,
        about=about_study(contents.study),
        overwrite=overwrite,
    )


def save_figures(
    draw: Callable[["Theme"], Sequence["Figure"]],
    directory: str | Path,
    formats: Sequence[str] = FIGURE_FORMATS,
    *,
    about: str = "",
    overwrite: bool = False,
) -> list[Path]:
    """Write figures as files.

    Parameters
    ----------
    draw
        From a theme to the figures.
    about
        What they are of, written in each.
    directory, formats, overwrite
        As of `write_figures`.

    Raises
    ------
    ReportError
        If a format is not one of these, or a file is there.
    """
    asked = [formats] if isinstance(formats, str) else list(formats)
    for name in asked:
        if name not in FIGURE_FORMATS:
            raise ReportError(
                f"a figure's format must be one of {', '.join(FIGURE_FORMATS)}; got {name!r}."
            )
    import vl_convert

    from ablations.report.figure import file_spec
    from ablations.report.theme import LIGHT

    drawn = draw(LIGHT)
    place = Path(directory).expanduser()
    paths = [place / f"{figure.name}.{name}" for figure in drawn for name in asked]
    check_free(paths, overwrite)
    for figure in drawn:
        described = file_spec(figure, about)
        for name in asked:
            path = place / f"{figure.name}.{name}"
            if name == "svg":
                write_atomically(path, vl_convert.vegalite_to_svg(described).encode())
            elif name == "png":
                write_atomically(path, vl_convert.vegalite_to_png(described, scale=2))
            else:
                write_atomically(path, vl_convert.vegalite_to_pdf(described))
    return paths


def check_free(paths: Sequence[Path], overwrite: bool) -> None:
    """Refuse to replace files that nobody said may be.

    Raises
    ------
    ReportError
        If one is there.
    """
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ReportError(
            f"{there[0]}{more} is there already; give another name, or "
            "overwrite=True (--overwrite) to replace it."
        )


def _writer(suffix: str) -> Callable[[ReportContents], str]:
    if suffix == ".html":
        from ablations.report.study.document import page

        return page
    from ablations.report.study import document as files

    return {
        ".md": files.markdown_report,
        ".csv": files.csv_report,
        ".tex": files.latex_report,
        ".json": files.json_report,
    }[suffix]
