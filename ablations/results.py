"""The results of a study: what `run` returns and `open_results` opens, without Keras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ablations import stats
from ablations.declared import AUTO
from ablations.store import Store
from ablations.study import BASELINE, EXPLORATORY_BELOW

COLUMNS = ["variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"]
LAST = ["findings", "reason", "key"]


class Results:
    """Stored trials of a study, as tables.

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
            self.directory = store.directory
            self.study: dict[str, Any] = store.spec or {}
            self.versions = store.context
            self._plan = store.plan()
            self._results = store.results(store.context)

    def __repr__(self) -> str:
        statuses = self.trials["status"].value_counts()
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        return f"<Results of {self.study['name']} in {self.directory}: {counts}>"

    @property
    def trials(self) -> pd.DataFrame:
        """A row a planned trial.

        Columns: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``status`` ("done",
        "failed", "infeasible", "pending"), ``params``, ``macs``, ``seconds``, then every metric
        by split ("test_loss"), ``findings`` of the doctor, ``reason`` and ``key``.
        """
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
        names = [*COLUMNS, *(name for name in metrics if name not in (*COLUMNS, *LAST)), *LAST]
        return pd.DataFrame(
            {
                # Left to itself pandas makes one type of levels such as 1 and True.
                name: pd.Series([row.get(name) for row in rows], dtype=object)
                if name in ("factor", "level", "baseline")
                else [row.get(name) for row in rows]
                for name in names
            }
        )

    @property
    def history(self) -> pd.DataFrame:
        """The training curves, a row an epoch: ``variant``, ``seed``, ``epoch``, the numbers."""
        frames = []
        for row in self._plan:
            history = self._results.get(row.key, {}).get("history", {})
            if history:
                frame = pd.DataFrame(history)
                frame.insert(0, "epoch", range(1, len(frame) + 1))
                frame.insert(0, "seed", row.seed)
                frame.insert(0, "variant", row.variant)
                frames.append(frame)
        if not frames:
            return pd.DataFrame(columns=["variant", "seed", "epoch"])
        return pd.concat(frames, ignore_index=True)

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """By variant, the levels that it changes; none for the baseline."""
        return {row.variant: dict(row.changes) for row in self._plan}

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
            whose seeds are "auto". Where a factor changes the loss itself, test_loss is not
            compared but test_nll.
        """
        names = self._metrics(metrics)
        margins = {f"test_{name}": margin for name, margin in self.study["margins"].items()}
        kinds = self._loss_kinds()
        if len(set(kinds.values())) > 1:
            names = list(dict.fromkeys("test_nll" if n == "test_loss" else n for n in names))
        compare = stats.sequential if self.study["seeds"] == AUTO else stats.deltas
        return compare(self.trials, names, margins=margins, loss_kinds=kinds)

    def trend(self, metric: str | None = None) -> pd.DataFrame:
        """Test for a trend over the ordered levels of each factor; see `ablations.stats.trend`."""
        (name,) = self._metrics([metric] if metric else self.study["metrics"][:1])
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
        return stats.effects(trials, list(self.study["factors"]), self._metrics(metrics))

    def stability(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Measure the spread over seeds; see `ablations.stats.stability`."""
        return stats.stability(self.trials, self._metrics(metrics))

    def convergence(self) -> pd.DataFrame:
        """Count the epochs to the baseline's final loss; see `ablations.stats.convergence`."""
        history = self.history
        name = "val_loss" if "val_loss" in history else "loss"
        return stats.convergence(history.rename(columns={name: "value"}))

    def costs(self) -> pd.DataFrame:
        """Set the first metric against parameters and time; see `ablations.stats.pareto`."""
        return stats.pareto(self.trials, self._metrics(None)[0])

    def best(self) -> dict[str, Any]:
        """Return the levels of the variant with the best mean of the first metric.

        The mean is over seeds; there is no best seed. The levels are what the variant sets, and
        what the study's baseline sets, of the model's toggles: what ``cnnzoo.build`` takes.
        """
        from ablations.models import find_builder

        metric = self._metrics(None)[0]
        trials = self.trials
        means = trials[trials["status"] == "done"].groupby("variant", sort=False)[metric].mean()
        lower = stats.direction(metric) == "lower"
        name = str(means.idxmin() if lower else means.idxmax())
        levels = {**self.study["baseline"], **self.changes[name]}
        toggles = find_builder(self.study["model"]).toggles
        return {name: level for name, level in levels.items() if name in toggles}

    def _metrics(self, metrics: Sequence[str] | None) -> list[str]:
        return [f"test_{metric}" for metric in metrics or self.study["metrics"]]

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
