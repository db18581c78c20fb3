"""The results of a study: what `run` returns and `open_results` opens, without Keras."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.results.analysis import ComparedStudy
from ablations.results.choice import best_variant
from ablations.study import Status
from ablations.study.settings import StudyError, check_known

GROUPS = ["model", "recipe", "data"]


class Results(ComparedStudy):
    """What a study's stored trials say: deltas, trends, the best variant, reports.

    Parameters
    ----------
    directory
        Where the study is.

    Attributes
    ----------
    interrupted
        Whether Ctrl-C ended the run that these come from before all was done; not of what is
        opened.
    stop_asked
        Whether Ctrl-C was heard in that run, be it in the last trial, after which all was done.

    Raises
    ------
    StudyError
        If there is none.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.interrupted = self.stop_asked = False

    def best_variant(self) -> str:
        """Return the name of the variant with the best mean of the first metric.

        The mean is over the seed blocks in which every variant that is compared is done; there is
        no best seed. A variant that is done in less than half of them is not compared.

        Raises
        ------
        StudyError
            If nothing is done, or no seed block is whole.
        """
        if not (self._trials["status"] == Status.DONE).any():
            raise StudyError(f"No trial of the study in {self.directory} is done.")
        return best_variant(self._trials, self.compared()[0])

    def best(self, group: str = "model") -> dict[str, Any]:
        """Return the levels of the best variant, for what builds, trains or loads it.

        Parameters
        ----------
        group
            Whose toggles: "model", for ``cnnzoo.build(study_model, **results.best())``; "recipe",
            for ``cnnzoo.Recipe(**results.best("recipe"))``; or "data", for
            ``cnnzoo.load_data(study_data, **results.best("data"))``. Where factors are of the
            recipe or the data, the best model alone is not the best variant.

        Returns
        -------
        dict
            What the study's baseline and the variant set; of the recipe, all of it.

        Raises
        ------
        StudyError
            As of `best_variant`, or if there is no such group.
        """
        from ablations.study.space import Space

        check_known(group, GROUPS, "`group` of the best variant: there is none called")
        levels = {**self.study["baseline"], **self.changes[self.best_variant()]}
        space = Space.of(self.study["model"], [levels])
        toggles = getattr(space, group)
        if group == "recipe":
            chosen = {name: level for name, level in levels.items() if name in toggles}
            return {**self.study["recipe"], **chosen}
        levels = space.effective(levels, ())
        return {name: level for name, level in levels.items() if name in toggles}

    def report(
        self, path: str | Path, *, beside: "Results | None" = None, overwrite: bool = False
    ) -> Path:
        """Write a report.

        Parameters
        ----------
        path
            Where to; its suffix says what: .html, .md, .csv, .tex or .json.
        beside
            The results of another study, whose deltas are to stand beside these.
        overwrite
            Whether a file that is there may be replaced.

        Returns
        -------
        Path
            Of the report.

        Raises
        ------
        ReportError
            If the suffix is another one, or the file is there already.
        """
        from ablations.report import write_report
        from ablations.results.report_contents import contents_of

        return write_report(contents_of(self, beside), path, overwrite=overwrite)

    def plot(self, metric: str | None = None) -> Any:
        """Draw the deltas of a metric with their intervals.

        Parameters
        ----------
        metric
            On the test split; the study's first if left out.

        Returns
        -------
        altair.Chart
        """
        from ablations.report.study.document import forest_chart
        from ablations.results.report_contents import contents_of

        return forest_chart(contents_of(self), self.compared(metric)[0])

    def figures(
        self,
        directory: str | Path,
        formats: Sequence[str] = ("svg", "png", "pdf"),
        *,
        beside: "Results | None" = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the report's figures as files of their own.

        Parameters
        ----------
        directory
            Where to.
        formats
            Of "svg", "png" and "pdf".
        beside
            The results of another study, whose deltas are to be drawn beside these.
        overwrite
            Whether files that are there may be replaced.

        Returns
        -------
        list of Path
        """
        from ablations.report import write_figures
        from ablations.results.report_contents import contents_of

        return write_figures(contents_of(self, beside), directory, formats, overwrite=overwrite)


def open_results(directory: str | Path) -> Results:
    """Open a stored study, without Keras.

    Raises
    ------
    StudyError
        If there is none.
    """
    if not isinstance(directory, str | os.PathLike):
        raise StudyError(f"`open_results` takes the path of a study; got {directory!r}.")
    return Results(directory)
