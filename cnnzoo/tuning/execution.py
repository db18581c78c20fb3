"""Train configurations, each with one seed at a time: the one place where a search trains."""

import gc
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnzoo.data import Data
from cnnzoo.doctor.likelihood import check_likelihood
from cnnzoo.models.initialization import restart
from cnnzoo.runtime.determinism import STEPS_PER_EXECUTION
from cnnzoo.runtime.error_text import line_of, reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level
from cnnzoo.training.evaluation import evaluate
from cnnzoo.training.train import fit
from cnnzoo.tuning.hypermodel import REFUSALS, ZooHyperModel
from cnnzoo.tuning.records import OWN, Execution

KEPT_BYTES = 2**29
"""Of data sets kept in memory beside the last one: one for each seed and choice of the data's
toggles."""


class Trainer:
    """Trains configurations of a hypermodel on data.

    With one seed it trains as `cnnzoo.train` does with that seed and the data loaded with it.

    Parameters
    ----------
    hypermodel
        What is searched.
    source
        The data, or what `cnnzoo.load_data` loads it from.
    objective
        The metric that is the score.

    Attributes
    ----------
    unrestored
        Global state that the last training changed and that could not be put back, by
        `cnnzoo.runtime.isolation`: this process must train nothing more.
    """

    def __init__(self, hypermodel: ZooHyperModel, source: object, objective: str) -> None:
        self.hypermodel, self.source, self.objective = hypermodel, source, objective
        self._loaded: dict[Any, Data] = {}
        self._warm: tuple[Any, Any] | None = None
        self._littered = False
        self.unrestored: list[str] = []

    def load(self, levels: Mapping[str, Level], seed: int) -> Data:
        """Load the data with the levels of its toggles, or take what was loaded with them."""
        if isinstance(self.source, Data):
            return self.source
        space = self.hypermodel.space
        key = (seed, tuple(space.chosen(space.data, levels).items()))
        found = self._loaded.pop(key, None)
        if found is None:
            kept = sum(map(_bytes_of, self._loaded.values()))
            while kept > KEPT_BYTES:  # the ones longest not asked for go, and before the next comes
                kept -= _bytes_of(self._loaded.pop(next(iter(self._loaded))))
            found = self.hypermodel.load(self.source, levels, seed)
        self._loaded[key] = found
        return found

    def run(self, hp: Any, seed: int, save_to: Path | None = None) -> Execution:
        """Train one configuration with one seed.

        Whatever goes wrong comes back as a row with its reason, so that a search goes on.

        Parameters
        ----------
        hp
            The ``keras_tuner.HyperParameters`` of the configuration.
        seed
            The seed.
        save_to
            A ``.keras`` file for the trained model.
        """
        start = time.perf_counter()
        try:
            # Hyperband's epochs; it also names a trial to go on from, of which no weights are
            # kept: from the start, the score hangs on the configuration and seeds alone
            epochs = hp.values.get(f"{OWN}epochs")
            with isolated() as self.unrestored:
                found = self._train(self.hypermodel.read(hp), seed, epochs, save_to)
        except REFUSALS as error:
            found = {"status": "invalid", "reason": line_of(error)}
        except (Exception, SystemExit) as error:  # a builder may raise anything, memory may end
            found = {"status": "failed", "reason": reason_of(error)}
            self._littered = True
        if found["status"] != "done":
            self._warm = None
        return Execution(**{"epochs": 0, **found}, seed=seed, seconds=time.perf_counter() - start)

    def _train(
        self,
        levels: Mapping[str, Level],
        seed: int,
        epochs: int | None,
        save_to: Path | None,
    ) -> dict[str, Any]:
        recipe = self.hypermodel.space.complete(self.hypermodel.recipe, levels)
        if epochs is not None:
            recipe = replace(recipe, epochs=epochs)
        data = self.load(levels, seed)
        model = self._model(levels, data, seed)
        history = fit(model, data, recipe, seed=seed, steps_per_execution=STEPS_PER_EXECUTION)
        if save_to is not None:
            model.save(save_to)
        history.pop("learning_rate", None)  # which is no result
        last = {n: values[-1] for n, values in history.items() if not n.startswith("val_")}
        validation = evaluate(model, *data.validation)
        metrics = {**last, **{f"val_{name}": value for name, value in validation.items()}}
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        found = {"metrics": finite, "epochs": len(history["loss"])}
        broken = [name for name in metrics if name not in finite]
        if broken:
            reason = (
                f"{broken[0]} is not a finite number after epoch {found['epochs']} of "
                f"{recipe.epochs}"
            )
            return {**found, "status": "failed", "reason": reason}
        if self.objective not in finite:  # which of what is measured the likelihood alone can lack
            return {**found, "status": "failed", "reason": f"{check_likelihood(model, metrics)}"}
        return {**found, "status": "done", "score": finite[self.objective]}

    def _model(self, levels: Mapping[str, Level], data: Data, seed: int) -> Any:
        """Build the model, or start the one anew that the same levels were traced with."""
        purpose = {"input_shape": data.info.input_shape, "classes": data.info.classes}
        key = (tuple(levels.items()), tuple(purpose.values()))
        if self._warm is not None and self._warm[0] == key:
            restart(self._warm[1], seed)
            return self._warm[1]
        self._warm = None
        if self._littered:
            gc.collect()  # a traced model is full of cycles
        self._littered = False
        model = self.hypermodel.make(levels, seed, **purpose)
        self._littered = True
        if isinstance(self.hypermodel.model, str):  # of others it is not known
            self._warm = key, model
        return model


def _bytes_of(data: Data) -> int:
    return sum(
        array.nbytes for split in (data.train, data.validation, data.test) for array in split
    )
