"""Export a study's trials to a tracker on this machine, each trial once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ablations.export.tracked_run import TrackedRun
from ablations.study.errors import StudyError, check_known
from cnnzoo.runtime.files import write_atomically

RECORD = "ablations-export.json"
"""File in the folder of an export that says which trials it has."""


WriteRun = Callable[[TrackedRun, Path, Path | None], Path]
"""Writes a trial; see `Destination`."""


@dataclass(frozen=True)
class Destination:
    """A tracker that trials can be exported to.

    Parameters
    ----------
    title
        Its name in sentences.
    package
        The package that writes its files, which is also the name of the extra.
    module
        Module with a function ``write_run(run, folder, earlier)``, which writes a trial below a
        folder in the place of an earlier run of the trial and returns the folder of the trial.
    command
        Command that shows the exported trials.
    """

    title: str
    package: str
    module: str
    command: str

    def writer(self) -> WriteRun:
        """Return the function that writes a trial.

        Raises
        ------
        StudyError
            If the package is not installed.
        """
        if find_spec(self.package) is None:
            raise StudyError(
                f"The export to {self.title} needs the package {self.package}; install it with: "
                f'pip install "cnnzoo[{self.package}]"'
            )
        writer: Any = import_module(self.module).write_run
        return writer  # type: ignore[no-any-return]


DESTINATIONS = {
    "tensorboard": Destination(
        "TensorBoard",
        "tensorboard",
        "ablations.export.tensorboard_run",
        "tensorboard --logdir {folder}",
    ),
    "mlflow": Destination(
        "MLflow",
        "mlflow",
        "ablations.export.mlflow_run",
        "mlflow ui --backend-store-uri sqlite:///{folder}/mlflow.db",
    ),
    "wandb": Destination(
        "Weights & Biases",
        "wandb",
        "ablations.export.wandb_run",
        "wandb sync {folder}/wandb/offline-run-* (this uploads them)",
    ),
}
"""The trackers by the name that `ablations.Results.export` takes."""


def export_trials(
    runs: Sequence[TrackedRun], to: str, path: str | Path, *, overwrite: bool = False
) -> list[Path]:
    """Export trials; see `ablations.Results.export`.

    Returns
    -------
    list of Path
        The folders of the trials that were written. Trials that are there already are left alone.

    Raises
    ------
    StudyError
        If there is no such tracker, its package is not installed, the folder cannot be written, or
        it has other results of a trial and `overwrite` is false.
    """
    check_known(to, list(DESTINATIONS), "`to`: there is no tracker")
    write = DESTINATIONS[to].writer()
    folder = Path(path).expanduser().resolve()
    exported = _Record(folder, to)
    stale = [run for run in runs if exported.differs(run)]
    if stale and overwrite is not True:
        more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
        raise StudyError(
            f"{folder} has other results of {stale[0].name}{more}; choose another folder or pass "
            "overwrite=True (--overwrite)."
        )
    return [exported.write(run, write) for run in runs if not exported.has(run)]


class _Record:
    """Register of the exported trials: the folder of each."""

    def __init__(self, folder: Path, to: str) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"`path`: {folder} cannot be created: {error.strerror}.") from error
        self._values = self._read()
        if self._values["to"] not in (to, None):
            raise StudyError(
                f"`path`: expected a folder for {to}; got {folder}, which has an export to "
                f"{self._values['to']}. Choose another folder."
            )
        self._values["to"] = to

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            if not isinstance(values["runs"], Mapping) or not isinstance(values["to"], str):
                raise TypeError(values)
        except FileNotFoundError:
            return {"to": None, "runs": {}}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudyError(
                f"{self.folder / RECORD} is not the record of an export; choose another folder."
            ) from error
        return dict(values)

    def has(self, run: TrackedRun) -> bool:
        """Return whether the folder has this result of a trial."""
        return self._place_of(run) is not None and not self.differs(run)

    def differs(self, run: TrackedRun) -> bool:
        """Return whether the folder has another result of a trial."""
        known = self._place_of(run) is not None
        return known and self._values["runs"][run.id]["content"] != run.content

    def write(self, run: TrackedRun, write: WriteRun) -> Path:
        """Write a trial in the place of an earlier result, and note where it is."""
        place = write(run, self.folder, self._place_of(run))
        entry = {"content": run.content, "place": place.relative_to(self.folder).as_posix()}
        self._values["runs"][run.id] = entry
        content = json.dumps(self._values, indent=1, sort_keys=True)
        write_atomically(self.folder / RECORD, content.encode())
        return place

    def _place_of(self, run: TrackedRun) -> Path | None:
        """Return the folder of an exported trial, if it is still there."""
        entry = self._values["runs"].get(run.id)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("place"), str):
            return None
        place = Path(self.folder, entry["place"]).resolve()
        if self.folder not in place.parents or not place.is_dir():
            return None  # it was deleted, or the record was changed
        return place
