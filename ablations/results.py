"""The results of a study: what `run` returns and `open_results` opens, without Keras."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ablations import stats
from ablations.comparing import compare, looks_of, margins_of
from ablations.settings import Settings, StudyError
from ablations.store import Store
from ablations.study import BASELINE, EXPLORATORY_BELOW

COLUMNS = ["variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"]
LAST = ["findings", "reason", "key"]


class Results:
    """Stored trials of a study, as tables: what was there when it was opened.

    Parameters
    ----------
    directory
        Where the study is.

    Attributes
    ----------
    study
        The study as last run, as `Study.to_dict` gives it, with the baseline's level of every
        factor.
    versions
        Of what computed the results, and the fingerprint of the data.
    """

    def __init__(self, directory: str | Path) -> None:
        with Store(directory) as store:
            if store.spec is None:
                raise StudyError(f"There is no study in {store.directory}: none was begun.")
            self.directory = store.directory
            self.study: dict[str, Any] = store.spec
            self.versions = store.context
            self._plan = store.plan()
            self._results = store.results(store.context)
        self._deltas: dict[tuple[str, ...], pd.DataFrame] = {}

    def __repr__(self) -> str:
        statuses = self._trials["status"].value_counts()
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        return f"<Results of {self.study['name']} in {self.directory}: {counts}>"

    @property
    def trials(self) -> pd.DataFrame:
        """A row a planned trial.

        Columns: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``status`` ("done",
        "failed", "infeasible", "pending"), ``params``, ``macs``, ``seconds``, then every metric
        by split ("test_loss"), ``findings`` of the doctor, ``reason`` and ``key``.
        """
        return self._trials.copy()

    @cached_property
    def _trials(self) -> pd.DataFrame:
        rows = []
        for row in self._plan:
            result = self._results.get(row.key, {})
            status = "infeasible" if row.infeasible else result.get("status", "pending")
            rows.append(
                {
                    "variant": row.variant,
                    "factor": row.factor,
                    "level": row.level,
                    "baseline": row.baseline,
                    "seed": row.seed,
                    "status": status,
                    **{name: result.get(name) for name in ("params", "macs", "seconds")},
                    **result.get("metrics", {}),
                    "findings": " ".join(result.get("findings", ())),
                    "reason": row.infeasible or result.get("reason", ""),
                    "key": row.key,
                }
            )
        metrics = dict.fromkeys(name for row in rows for name in row)
        if not any(name.startswith("test_") for name in metrics):  # nothing is done yet
            metrics |= dict.fromkeys(f"test_{name}" for name in self.study["metrics"])
        names = [*COLUMNS, *(name for name in metrics if name not in (*COLUMNS, *LAST)), *LAST]
        return pd.DataFrame(
            {
                # Left to itself pandas makes one type of levels such as 1 and True.
                name: pd.Series([row.get(name) for row in rows], dtype=object)
                if name in ("factor", "level", "baseline")
                else [row.get(name, float("nan")) for row in rows]
                for name in names
            }
        )

    @property
    def history(self) -> pd.DataFrame:
        """The training curves, a row an epoch: ``variant``, ``seed``, ``epoch``, the numbers."""
        return self._history.copy()

    @cached_property
    def _history(self) -> pd.DataFrame:
        rows = []
        for row in self._plan:
            history = self._results.get(row.key, {}).get("history", {})
            epochs = max(map(len, history.values()), default=0)
            rows += [
                {"variant": row.variant, "seed": row.seed, "epoch": epoch + 1}
                | {name: values[epoch] for name, values in history.items()}
                for epoch in range(epochs)
            ]
        return pd.DataFrame(rows, columns=None if rows else ["variant", "seed", "epoch"])

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """By variant, the levels that it changes; none for the baseline."""
        return {row.variant: dict(row.changes) for row in self._plan}

    @property
    def machine(self) -> dict[str, Any]:
        """What computed the results."""
        return next((row["machine"] for row in self._results.values()), {})

    @property
    def exploratory(self) -> bool:
        """Whether there are too few seeds for more than a first impression."""
        return len({row.seed for row in self._plan}) < EXPLORATORY_BELOW

    def deltas(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Compare every variant to the baseline, pair by pair of one seed.

        Parameters
        ----------
        metrics
            On the test split, such as "loss"; the study's own if left out.

        Returns
        -------
        pandas.DataFrame
            A row a variant and metric: see `ablations.stats.deltas`, or `sequential` for a study
            whose seeds are "auto". Of the columns that `compared` names.
        """
        names = tuple(self.compared(metrics))
        if names not in self._deltas:
            kinds = self._loss_kinds()
            self._deltas[names] = compare(self.study, self._trials, names, kinds)
        return self._deltas[names].copy()

    def open_variants(self) -> dict[str, int]:
        """Return the variants on whose first metric the verdict is open.

        With the number of seed blocks that each should have next; for a study whose seeds are
        "auto", by the rule that `deltas` judges by.
        """
        return stats.open_variants(
            self._trials,
            self.compared()[0],
            looks_of(self.study),
            margins=margins_of(self.study),
            loss_kinds=self._loss_kinds(),
        )

    def aliases(self) -> pd.DataFrame:
        """Return the effects that the design cannot tell apart, a row a pair."""
        from ablations.designs import design

        study = self.study
        layout = design(
            study["design"],
            {name: tuple(levels) for name, levels in study["factors"].items()},
            Settings(study["baseline"]),
            study["variants"],
        )
        return pd.DataFrame(layout.aliases, columns=["effect", "aliased_with"])

    def trend(self, metric: str | None = None) -> pd.DataFrame:
        """Test for a trend over the ordered levels of each factor; see `ablations.stats.trend`."""
        name = self.compared([metric] if metric else None)[0]
        trials = self.trials
        tables = [stats.trend(trials, factor, name) for factor in self.study["factors"]]
        return pd.concat(tables, ignore_index=True)

    def effects(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Estimate main effects and interactions of a factorial; see `ablations.stats.effects`."""
        trials = self.trials
        changes = self.changes
        own = self.study["baseline"]
        for factor in self.study["factors"]:
            levels = [changes[name].get(factor, own[factor]) for name in trials["variant"]]
            trials[f"factor:{factor}"] = pd.Series(levels, dtype=object)
        return stats.effects(trials, list(self.study["factors"]), self.compared(metrics))

    def stability(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Measure the spread over seeds; see `ablations.stats.stability`."""
        return stats.stability(self._trials, self.compared(metrics))

    def convergence(self) -> pd.DataFrame:
        """Count the epochs to the baseline's final loss; see `ablations.stats.convergence`."""
        history = self.history
        name = "val_loss" if "val_loss" in history else "loss"
        return stats.convergence(history.rename(columns={name: "value"}))

    def costs(self) -> pd.DataFrame:
        """Set the first metric against parameters and time; see `ablations.stats.pareto`."""
        return stats.pareto(self._trials, self.compared()[0])

    def best(self) -> dict[str, Any]:
        """Return the levels of the variant with the best mean of the first metric.

        The mean is over seeds; there is no best seed. The levels are what the variant sets, and
        what the study's baseline sets, of the model's toggles: what ``cnnzoo.build`` takes.
        """
        from ablations.space import Space

        metric = self.compared()[0]
        trials = self.trials
        if not (trials["status"] == "done").any():
            raise StudyError(f"No trial of the study in {self.directory} is done.")
        means = trials[trials["status"] == "done"].groupby("variant", sort=False)[metric].mean()
        lower = stats.direction(metric) == "lower"
        name = str(means.idxmin() if lower else means.idxmax())
        space = Space.of(self.study["model"])
        levels = space.effective({**self.study["baseline"], **self.changes[name]}, ())
        return {name: level for name, level in levels.items() if name in space.model}

    def compared(self, metrics: Sequence[str] | None = None) -> list[str]:
        """Name the columns that variants are compared on.

        Where a factor changes the loss itself, they stand in for test_loss: test_nll or, of a
        regression, test_rmse.

        Parameters
        ----------
        metrics
            As of `deltas`.
        """
        names = [f"test_{metric}" for metric in metrics or self.study["metrics"]]
        if len(set(self._loss_kinds().values())) > 1:
            known = self._trials.columns
            common = [name for name in ("test_rmse", "test_nll", "test_loss") if name in known]
            names = [common[0] if name == "test_loss" else name for name in names]
        return list(dict.fromkeys(names))

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
        from ablations.reporting import contents_of

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
        from ablations.report.figures import forest_chart
        from ablations.reporting import contents_of

        return forest_chart(contents_of(self), self.compared([metric] if metric else None)[0])

    def figures(
        self,
        directory: str | Path,
        formats: Sequence[str] = ("svg", "png", "pdf"),
        *,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the report's figures as files of their own.

        Parameters
        ----------
        directory
            Where to.
        formats
            Of "svg", "png" and "pdf".
        overwrite
            Whether files that are there may be replaced.

        Returns
        -------
        list of Path
        """
        from ablations.report import write_figures
        from ablations.reporting import contents_of

        return write_figures(contents_of(self), directory, formats, overwrite=overwrite)

    def _loss_kinds(self) -> dict[str, str]:
        """Return by variant what is minimized, label smoothing included."""
        baseline = self.study["baseline"]
        kinds = {BASELINE: baseline}
        kinds |= {row.variant: {**baseline, **row.changes} for row in self._plan}
        return {
            name: f"{levels.get('loss', '')} {levels.get('label_smoothing', 0.0)}"
            for name, levels in kinds.items()
        }


def open_results(directory: str | Path) -> Results:
    """Open a stored study, without Keras.

    Raises
    ------
    StudyError
        If there is none.
    """
    return Results(directory)
