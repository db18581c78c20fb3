"""The results of a study: what `run` returns and `open_results` opens, without Keras."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.results.analysis import Analysis
from ablations.results.choice import best_table, best_variant
from ablations.study import Status
from ablations.study.errors import StudyError
from ablations.study.space import Space
from cnnzoo.shared_toggles import by_group, recipe_toggles
from cnnzoo.toggle import did_you_mean, listed

if TYPE_CHECKING:
    import altair
    import pandas as pd
    from pandas.io.formats.style import Styler

    from ablations.report.paper import PaperFigure

GROUPS = ["model", "recipe", "data"]


class Results(Analysis):
    """The results of a study: trials, deltas, trends, the best variant, reports.

    Parameters
    ----------
    directory
        Directory of the study.

    Attributes
    ----------
    interrupted
        Whether Ctrl-C ended the run before all trials were done; False for an opened study.
    stop_asked
        Whether Ctrl-C was pressed during the run, even if all trials were done by then.

    Raises
    ------
    StudyError
        If there is no study.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.interrupted = self.stop_asked = False

    def __str__(self) -> str:
        from ablations.results.shown import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from ablations.results.shown import as_html

        return as_html(self)

    def best_variant(self) -> str:
        """Return the name of the variant with the best mean of the first metric on validation.

        The mean is over the seed blocks in which every compared variant is done. A variant that
        is done in less than half of its seeds is not compared. In a study without a validation
        split the test metric chooses; see `chosen_by`.

        Raises
        ------
        StudyError
            If no trial is done, no seed block is complete, or the first metric is not of a split.
        """
        self._check_done()
        return best_variant(self._overall, self.chosen_by)

    def best_delta(self, metrics: str | Sequence[str] | None = None) -> "pd.DataFrame":
        """Compare the best variant with the baseline, corrected for its choice.

        The best of several variants looks better than it is, because it was also lucky. So each
        seed block is measured with the variant that is the best in the other blocks, and
        ``delta`` is the mean of these deltas. It says what choosing the best variant is worth,
        also on average over studies in which the baseline is the best. The interval is that of
        the bootstrap bias correction (Tsamardinos, Greasidou and Borboudakis 2018); see
        ``ablations.stats.selection.held_out``.

        Parameters
        ----------
        metrics
            One or several metrics, such as "loss" (on the test split) or "gap"; the study's own if
            left out.

        Returns
        -------
        pandas.DataFrame
            One row per metric: ``variant``; ``metric``; ``chosen_by``, the metric that chose it;
            ``n_variants`` that it was chosen from, with the baseline; ``n_seeds`` that all of
            these have; ``uncorrected``, its mean delta; ``delta`` after the correction, with its
            95% interval ``ci_low`` and ``ci_high``, NaN for fewer than 6 seed blocks;
            ``chosen_again``, the share of resamples of the seed blocks that choose it again; and
            ``notes``, such as that the study has no validation split.

        Raises
        ------
        StudyError
            As `best_variant`, or if there is no such metric.
        """
        self._check_done()
        return best_table(self._overall, self.compared(metrics), self.chosen_by)

    def _check_done(self) -> None:
        if not (self._trials["status"] == Status.DONE).any():
            raise StudyError(f"No trial of the study in {self.directory} is done.")

    def best(self, group: str = "model") -> dict[str, Any]:
        """Return the levels of the best variant, as keyword arguments.

        The variant is chosen by the first metric on the validation split, see `best_variant`.
        `best_delta` says what it is worth on the test split.

        Parameters
        ----------
        group
            Which toggles: "model", for ``cnnzoo.build(study_model, **results.best())``; "recipe",
            for ``cnnzoo.Recipe(**results.best("recipe"))``; or "data", for
            ``cnnzoo.load_data(study_data, **results.best("data"))``. If the study varies the
            recipe or the data, the best model alone is not the best variant.

        Returns
        -------
        dict
            The levels that the baseline and the variant set; for the recipe, all of its options.
            Levels without effect are left out for models of the zoo.

        Raises
        ------
        StudyError
            As `best_variant`, or if there is no such group.
        """
        if group not in GROUPS:
            near = did_you_mean(str(group), GROUPS, "'")
            raise StudyError(f"`group`: expected one of {listed(GROUPS)}; got {group!r}{near}")
        levels = {**self.study.baseline, **self.changes[self.best_variant()]}
        recipe = {name: level for name, level in levels.items() if name in recipe_toggles()}
        if group == "recipe":
            return {**asdict(self.study.recipe), **recipe}
        if ":" not in self.study.model_name:  # a stored study runs no custom code
            levels = Space.of(self.study.model_name, [levels]).effective(levels, ())
        model, data = by_group({n: level for n, level in levels.items() if n not in recipe})
        return model if group == "model" else data

    def report(
        self, path: str | Path, *, beside: "Results | None" = None, overwrite: bool = False
    ) -> Path:
        """Write a report.

        Parameters
        ----------
        path
            File to write; its suffix gives the format: .html, .md, .csv, .tex or .json.
        beside
            Results of another study, to show the deltas of both side by side.
        overwrite
            Whether to replace any existing file. A report that this study wrote and nobody changed
            is replaced in any case, so that a program can be run again.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ReportError
            If the suffix is another one, or another file exists and `overwrite` is false.
        """
        from ablations.report import write_report
        from ablations.report.written import WrittenFiles
        from ablations.results.report_contents import contents_of

        written = WrittenFiles(self.directory)
        return write_report(contents_of(self, beside), path, overwrite=overwrite, written=written)

    def plot(self, metric: str | None = None) -> "altair.Chart":
        """Draw the deltas of a metric with their intervals.

        Notebooks draw the chart without a network.

        Parameters
        ----------
        metric
            Metric to show; the study's first if left out.

        Returns
        -------
        altair.Chart
        """
        from ablations.report.study.document import forest_chart
        from ablations.results.report_contents import contents_of
        from cnnzoo.runtime.charts import offline

        return offline(forest_chart(contents_of(self), self.compared(metric)[0]).to_dict())

    def style(self, metrics: str | Sequence[str] | None = None, *, spread: str = "sd") -> "Styler":
        """Return the means of all variants as a pandas Styler: a row per variant.

        Parameters
        ----------
        metrics, spread
            As for `to_latex`.

        Returns
        -------
        pandas.io.formats.style.Styler
            The table of `to_latex`, to be shown in a notebook, restyled or exported.

        Raises
        ------
        StudyError, ReportError
            As `to_latex`.
        """
        from ablations.results.paper import summary_of

        return summary_of(self, metrics, spread).style()

    def to_latex(
        self,
        metrics: str | Sequence[str] | None = None,
        *,
        spread: str = "sd",
        width: str | float = "column",
        caption: str | None = None,
        label: str | None = None,
    ) -> str:
        r"""Return a compact table for a paper in LaTeX: a row per variant, a column per metric.

        Each cell has the mean over the seeds that all variants share and its spread. A star marks
        the variants whose verdict is better or worse than the baseline, and the best printed mean
        of each column is bold. The caption says both rules. Put ``\usepackage{booktabs}`` in the
        preamble.

        Parameters
        ----------
        metrics
            As for `deltas`.
        spread
            "sd" for the standard deviation over seeds, or "ci" for half the width of the 95%
            interval of the mean.
        width
            Largest width: "column" (84 mm), "page" (174 mm) or a number of mm. In a column, names
            of variants break into lines if they are too long.
        caption
            Another caption, which is escaped.
        label
            Another name for references, after "tab:"; by default from the names of the study and
            the metrics, and the spread.

        Returns
        -------
        str
            A table of \footnotesize, which fits in an article with a font of 10 points.

        Raises
        ------
        StudyError
            If there is no such metric.
        ReportError
            If no trial is done, an argument is invalid, or the metrics do not fit.
        """
        from ablations.results.paper import summary_of

        return summary_of(self, metrics, spread).latex(width, caption, label)

    def figure(
        self,
        name: str | None = None,
        *,
        width: str | float = "column",
        font_size: float = 8.0,
    ) -> "PaperFigure":
        """Draw a figure of the report for a paper, without title and caption.

        Parameters
        ----------
        name
            Name of the figure, such as "pairs-test_loss" or, of a study of parts, "network": the
            names of the files that `figures` writes. If left out, the deltas of the first metric.
        width
            "column" (84 mm), "page" (174 mm) or a number of mm.
        font_size
            Size of the labels in points.

        Returns
        -------
        PaperFigure
            The figure, with ``save`` and a caption.

        Raises
        ------
        ReportError
            If there is no such figure, or an argument is invalid.
        """
        from ablations.report.paper import named, paper_figure
        from ablations.report.study.document import figures
        from ablations.report.theme import LIGHT
        from ablations.report.written import WrittenFiles
        from ablations.results.report_contents import contents_of

        drawn = named(figures(contents_of(self), LIGHT), name)
        return replace(paper_figure(drawn, width, font_size), written=WrittenFiles(self.directory))

    def figures(
        self,
        directory: str | Path,
        formats: str | Sequence[str] = ("svg", "png", "pdf"),
        *,
        width: str | float | None = None,
        font_size: float = 8.0,
        beside: "Results | None" = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write each figure of the report to a file.

        Parameters
        ----------
        directory
            Directory of the files.
        formats
            Any of "svg", "png" and "pdf".
        width
            Width for a paper, without title and caption: "column", "page" or a number of mm, as
            for `figure`. If left out, the figures have both.
        font_size
            Size of the labels in points if a width is given.
        beside
            Results of another study, to draw the deltas of both side by side.
        overwrite
            As for `report`.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        ReportError
            If an argument is invalid, or another file exists and `overwrite` is false.
        """
        from ablations.report import write_figures
        from ablations.report.written import WrittenFiles
        from ablations.results.report_contents import contents_of

        options = {"width": width, "font_size": font_size, "overwrite": overwrite}
        written = WrittenFiles(self.directory)
        return write_figures(
            contents_of(self, beside), directory, formats, written=written, **options
        )

    def export(self, to: str, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Export the trials that ended, with their training curves, to an experiment tracker.

        Files are written on this machine and nothing is sent. Each trial has its variant, seed,
        levels and recipe as parameters, its values after each epoch ("curves/val_loss") and
        those after the training ("results/test_loss").

        Parameters
        ----------
        to
            "tensorboard"; "mlflow", a SQLite database; or "wandb", offline runs. The last two need
            the extra of that name, as in ``pip install "cnnzoo[mlflow]"``.
        path
            Folder of the export, which is created. It may be used again, also by other studies.
        overwrite
            Whether to replace trials that the folder has with other results.

        Returns
        -------
        list of Path
            The folders of the trials that were written. A trial that the folder already has is not
            written again.

        Raises
        ------
        StudyError
            Before anything is written, if there is no such tracker, its package is not installed,
            the folder cannot be used, or it has other results of a trial and `overwrite` is false.
        """
        from ablations.export import export_trials
        from ablations.export.tracked_run import tracked_runs

        runs = tracked_runs(self.study, self._plan, self._results)
        return export_trials(runs, to, path, overwrite=overwrite)


def open_results(directory: str | Path) -> Results:
    """Open a stored study, without Keras.

    Parameters
    ----------
    directory
        Directory of the study.

    Raises
    ------
    StudyError
        If there is no study.
    """
    if not isinstance(directory, str | os.PathLike):
        raise StudyError(f"`directory`: expected the path of a study; got {directory!r}.")
    return Results(directory)
