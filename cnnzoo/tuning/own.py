"""A user's own ``build(hp)`` or ``HyperModel``, to be searched as models of the zoo are.

Its hyperparameters are KerasTuner's: found by building, those that a plain ``if`` hides only once
a trial comes by them, as with KerasTuner's own tuners.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_tuner

from cnnzoo.builders import check_names, is_hypermodel, takes_hp
from cnnzoo.data import Data
from cnnzoo.hp_discovery import explore
from cnnzoo.models.initialization import build_seeded, fresh_names
from cnnzoo.models.loaded_weights import loaded_digest
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.toggle import Level, ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import check_fit
from cnnzoo.tuning.hypermodel import REFUSALS, ZooHyperModel
from cnnzoo.tuning.oracle import take_in
from cnnzoo.tuning.records import OWN
from cnnzoo.tuning.space import Levels, Space


def searched_model(
    model: str | Callable[..., Any], space: Space, recipe: Recipe, seed: int = 0
) -> ZooHyperModel:
    """Return what a search trains.

    Parameters
    ----------
    model
        A name of the zoo, a builder, ``build(hp)`` or a ``HyperModel``.
    space, recipe, seed
        As of `ZooHyperModel`.
    """
    return (OwnHyperModel if takes_hp(model) else ZooHyperModel)(model, space, recipe, seed)


class OwnHyperModel(ZooHyperModel):
    """A ``build(hp)`` or a ``HyperModel`` of a user's own, with toggles of recipe and data.

    Parameters
    ----------
    model
        What builds.
    space
        Of the recipe's and the data's toggles.
    recipe, seed
        As of `ZooHyperModel`.
    """

    def __init__(self, model: Any, space: Space, recipe: Recipe, seed: int = 0) -> None:
        super().__init__(model, space, recipe, seed)
        self._make = getattr(model, "build", model)
        self._declare = model.declare_hyperparameters if is_hypermodel(model) else None
        self._found: Any = None
        self._last: Any = None

    def declare(self, hp: Any) -> None:
        """Declare what is searched, the model's own hyperparameters after finding them."""
        self.space.declare(hp)
        if self._found is None:
            self._found = self._discover()
        take_in(hp, self._found)

    def build(self, hp: Any) -> Any:
        """Return nothing: KerasTuner looks whether building declares more, and all is declared."""

    def read(self, hp: Any) -> Levels:
        """Return the levels of the toggles, and the values of the model's own hyperparameters."""
        values = hp.values.items()
        known = self.space.searched
        own = {n: v for n, v in values if n not in known and not n.startswith(OWN)}
        return {**self.space.read(hp), **own}

    def make(self, levels: Mapping[str, Level], seed: int, **purpose: Any) -> Any:
        """Build the compiled model of these values, and start its weights from the seed."""
        chosen = keras_tuner.HyperParameters()
        known = self.space.searched
        chosen.values.update({n: v for n, v in levels.items() if n not in known})
        return build_seeded(lambda: self._built(chosen), seed, purpose.get("input_shape"))

    def learn(self, hp: Any) -> None:
        """Take in what the last building declared; build where a trial needs no training."""
        if self._last is None:
            with contextlib.suppress(Exception), isolated():  # it is a trial's reason already
                self.make(self.read(hp), self.seed)
        if self._last is not None:
            take_in(hp, self._last)
        self._last = None

    def check(self, data: Data, seed: int) -> None:
        """Refuse a model that cannot be built at its defaults or is not for the data.

        The same build sets `weights`.

        Parameters
        ----------
        data, seed
            As of `ZooHyperModel.check`.

        Raises
        ------
        ToggleError, LabelError
            If it cannot be.
        """
        defaults = keras_tuner.HyperParameters()
        try:
            with isolated():
                shape = data.info.input_shape
                built = build_seeded(lambda: self._built(defaults), seed, shape)
                self.weights = loaded_digest(built)
                check_fit(built, data, self.space.complete(self.recipe, {}))
        except REFUSALS as error:
            if not isinstance(error, keras_tuner.errors.FailedTrialError):
                raise  # the defaults may be what the model itself declines
        except Exception as error:  # a user's function may raise anything
            raise ToggleError(
                f"`{self.space.owner}` cannot be built at its defaults, {defaults.values}: "
                f"{reason_of(error)}"
            ) from error
        self.declare(keras_tuner.HyperParameters())
        self._check_names(self._found)
        toggles = {**self.space.recipe, **self.space.data}
        if not self._found.space and not self.space.searched:
            raise ToggleError(
                f"`{self.space.owner}` declares no hyperparameters; there is nothing to vary. "
                f"`search` takes toggles of the recipe and the data: {', '.join(toggles)}."
            )

    def _built(self, hp: Any) -> Any:
        self._last = hp
        keras.config.set_dtype_policy(self._policy)
        fresh_names()
        if self._declare is not None:
            self._declare(hp)
        built = self._make(hp)
        self._check_names(hp)
        if not isinstance(built, keras.Model):
            raise ToggleError(
                f"`{self.space.owner}` must return a compiled keras.Model; got {built!r}."
            )
        return built

    def _check_names(self, hp: Any) -> None:
        check_names((own.name for own in hp.space), "hyperparameter", self.space.owner)

    def _discover(self) -> Any:
        """Return all hyperparameters that scopes declare."""
        found = keras_tuner.HyperParameters()
        for call in explore(self._attempt, scopes_only=True):
            take_in(found, call.hp)
        self._last = None
        return found

    def _attempt(self, hp: Any) -> None:
        with isolated():
            self._built(hp)
