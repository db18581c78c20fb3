"""The results of a study: what `run` returns and `open_results` opens, without Keras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ablations import stats
from ablations.store import Store
from ablations.study import EXPLORATORY_BELOW

COLUMNS = ["variant", "factor", "level", "baseline", "seed", "status", "params", "macs", "seconds"]
LAST = ["reason", "key"]


class Results:
    """Stored trials of a study, as tables.

    Parameters
    ----------
    directory
        Where the study is.

    Attributes
    ----------
    study
        The study as last run, as `Study.to_dict` gives it.
    """

    def __init__(self, directory: str | Path) -> None:
        with Store(directory) as store:
            self.directory = store.directory
            self.study: dict[str, Any] = store.spec or {}
            self._plan = store.plan()
            self._results = store.results(store.context)

    def __repr__(self) -> str:
        trials = self.trials
        done, failed = (int((trials["status"] == status).sum()) for status in ("done", "failed"))
        return (
            f"<Results of {self.study.get('name')} in {self.directory}: {len(trials)} trials, "
            f"{done} done, {failed} failed>"
        )

    @property
    def trials(self) -> pd.DataFrame:
        """A row a planned trial.

        Columns: ``variant``, ``factor``, ``level``, ``baseline``, ``seed``, ``status`` ("done",
        "failed", "infeasible", "pending"), ``params``, ``macs``, ``seconds``, then every
        metric by split ("test_loss"), ``reason`` and ``key``.
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
                    "params": result.get("params"),
                    "macs": result.get("macs"),
                    "seconds": result.get("seconds"),
                    **result.get("metrics", {}),
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
    def exploratory(self) -> bool:
        """Whether there are too few seeds for more than a first impression."""
        return len(self.study["seeds"]) < EXPLORATORY_BELOW

    def deltas(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Compare every variant to the baseline, pair by pair of one seed.

        Parameters
        ----------
        metrics
            On the test split, such as "loss"; the study's own if left out.

        Returns
        -------
        pandas.DataFrame
            A row a variant and metric: see `ablations.stats.deltas`.
        """
        names = [f"test_{metric}" for metric in metrics or self.study["metrics"]]
        return stats.deltas(self.trials, names)


def open_results(directory: str | Path) -> Results:
    """Open a stored study, without Keras.

    Raises
    ------
    StudyError
        If there is none.
    """
    return Results(directory)
