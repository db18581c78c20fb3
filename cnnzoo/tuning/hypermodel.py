"""The toggles of a model, or a custom ``build(hp)``, as a ``keras_tuner.HyperModel``."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from cnnzoo.builders import find_builder
from cnnzoo.data import Data, DataError, load_data
from cnnzoo.hp_discovery import explore, make_hyperparameters
from cnnzoo.kinds import AXES, Kind
from cnnzoo.model_paths import name_of, takes_hp
from cnnzoo.models.loaded_weights import loaded_digest
from cnnzoo.models.losses import LabelError
from cnnzoo.own_fit import OwnFit
from cnnzoo.runtime.error_text import reason_of
from cnnzoo.runtime.isolation import isolated
from cnnzoo.runtime.seeding import stream
from cnnzoo.shared_toggles import check_names
from cnnzoo.toggle import Level, ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import check_fit, fit
from cnnzoo.tuning.records import OWN
from cnnzoo.tuning.space import Levels, Search, Space, keywords_of, make_space

REFUSALS = (ToggleError, LabelError, keras_tuner.errors.FailedTrialError)
"""Errors that mean that the choices of a configuration do not go together."""


def hypermodel(
    model: str | Callable[..., Any],
    *,
    search: Search = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    **fixed: Any,
) -> "ZooHyperModel":
    """Return a ``keras_tuner.HyperModel`` of a model's toggles, for any tuner of KerasTuner.

    A configuration that the builder refuses, or whose loss is never finite, is a failed trial whose
    message ends with the reason, because KerasTuner 1.4.8 has no other status for it. Its tuners
    stop a search after three failed trials in a row. Give them
    ``max_consecutive_failed_trials=1000``, or search with `cnnzoo.tune`, which continues and tells
    refused trials (invalid) from failed ones.

    Parameters
    ----------
    model
        A name of the zoo, or a function that builds.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple (low, high). By default, all toggles of the
        model that list their levels or have a range, except the loss and those that depend on
        it, because scores of different losses do not compare.
    recipe
        How to train; ``Recipe()`` by default. Epochs of the tuner, as in Hyperband or in
        ``search(..., epochs=3)``, take precedence.
    seed
        Seed of the initial weights, the order of the data and the augmentations, the same for
        every trial. `cnnzoo.tune` trains every configuration with several seeds.
    **fixed
        Fixed levels of toggles, and other arguments of the builder, such as ``input_shape`` and
        ``classes``.

    Returns
    -------
    ZooHyperModel
        A hypermodel for ``tuner.search(data)`` with `data` from `cnnzoo.load_data` or anything that
        it loads, and for ``tuner.search(x, y, validation_data=(x, y))``.

    Raises
    ------
    ToggleError
        If a name is unknown, a level is not allowed, or a toggle cannot have an effect.

    Examples
    --------
    >>> from keras_tuner import HyperParameters
    >>> hp = HyperParameters()
    >>> tiny = hypermodel("downsampling", search={"pool_size": [2, 4], "filters": (4, 8)})
    >>> tiny.build(hp).name, hp.values
    ('downsampling', {'pool_size': 2, 'filters': 4})
    """
    if takes_hp(model):
        raise ToggleError(
            "`model`: expected a name of the zoo or a function that builds; got "
            f"`{name_of(model)}`, which is a hypermodel already. Give it to a tuner or to "
            "`cnnzoo.tune`."
        )
    space = make_space(model, search, recipe, fixed, keywords_of(hypermodel))
    return ZooHyperModel(model, space, recipe or Recipe(), seed)


class ZooHyperModel(keras_tuner.HyperModel):
    """The toggles of a model as a hypermodel.

    Parameters
    ----------
    model
        A name of the zoo, or a builder.
    space
        The searched and the fixed toggles.
    recipe
        How to train.
    seed
        Seed of every trial.

    Attributes
    ----------
    weights
        Digest of the weights that a custom builder, or `transfer` with a given `weights`, loads at
        its defaults; "" if it loads none. Set by `check`. Weights that it loads only at other
        levels are not included.
    """

    def __init__(
        self, model: str | Callable[..., Any], space: Space, recipe: Recipe, seed: int = 0
    ) -> None:
        super().__init__(name=space.owner)
        self.model, self.builder = model, find_builder(model)
        self.space, self.recipe, self.seed = space, recipe, seed
        self._policy = keras.config.dtype_policy()
        self._declared: Any = None
        self._loaded: tuple[Any, Data] | None = None
        self.weights = ""

    def declare(self, hp: Any) -> None:
        """Declare all searched hyperparameters."""
        self.space.declare(hp)

    def read(self, hp: Any) -> Levels:
        """Return the levels that hyperparameters stand for; see `Space.read`."""
        return self.space.read(hp)

    def take_declared(self) -> Any:
        """Return None: building declares no further hyperparameters."""
        return None

    def declare_by_building(self, hp: Any) -> Any:
        """Return None: building declares no further hyperparameters."""
        return None

    def check(self, data: Data, seed: int) -> None:
        """Refuse arguments of the builder that do not fit the data; set `weights`.

        Parameters
        ----------
        data
            Data loaded with the defaults of its toggles.
        seed
            Seed of the search. Weights that a builder draws and sets itself depend on it.

        Raises
        ------
        ToggleError
            If an argument does not fit.
        """
        given, info = self.space.others, data.info
        shape, classes = given.get("input_shape"), given.get("classes")
        fits = isinstance(shape, tuple | list) and len(shape) == len(info.input_shape)
        if shape is not None and not (
            fits and all(a in (None, b) for a, b in zip(shape, info.input_shape, strict=True))
        ):
            raise ToggleError(
                f"`input_shape` of `{self.space.owner}`: expected {info.input_shape}, the shape "
                f"of examples of `{info.name}`; got {shape}. Leave it out."
            )
        if isinstance(classes, int) and (
            not isinstance(info.classes, int)
            or (classes == 1) != (info.classes == 1)
            or classes < info.classes
        ):
            raise ToggleError(
                f"`classes` of `{self.space.owner}`: expected {info.classes}, the classes of "
                f"`{info.name}`; got {classes}. Leave it out."
            )
        loads = self.space.held.get("weights", "none") != "none"
        if not self.builder.reusable or loads or "weights" in self.space.searched:
            self.weights = self._digest_at_defaults(data, seed)

    def _digest_at_defaults(self, data: Data, seed: int) -> str:
        """Return the digest; "" if the defaults cannot be built, which the trials then report."""
        hp = keras_tuner.HyperParameters()
        self.declare(hp)
        purpose = {"input_shape": data.info.input_shape, "classes": data.info.classes}
        with contextlib.suppress(Exception, SystemExit):  # any error of a builder
            return loaded_digest(self.make(self.read(hp), seed, **purpose))
        return ""

    def declare_hyperparameters(self, hp: Any) -> None:
        """Declare the whole space, so that KerasTuner builds no models to discover it."""
        self.declare(hp)
        self._declared = hp

    def build(self, hp: Any) -> Any:
        """Build the compiled model for hyperparameters.

        Raises
        ------
        keras_tuner.errors.FailedTrialError
            If the choices do not go together.
        """
        declared, self._declared = self._declared, None
        if declared is not None and hp is not declared:
            return None  # KerasTuner only checks whether building declares more
        if not self.space.searched.keys() <= {known.name for known in hp.space}:
            self.space.declare(hp)
        try:
            return self.make(self.read(hp), self.seed)
        except REFUSALS as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None

    def make(self, levels: Mapping[str, Level], seed: int, **purpose: Any) -> Any:
        """Build the compiled model for levels.

        Parameters
        ----------
        levels
            Levels as `Space.read` returns them.
        seed
            Seed of the initial weights.
        **purpose
            `input_shape` and `classes` of the data, if they are not fixed.

        Raises
        ------
        ToggleError, LabelError
            If the choices do not go together.
        """
        chosen = self.space.chosen(self.space.model, levels)
        # KerasTuner clears Keras's session before each trial, which resets the policy
        keras.config.set_dtype_policy(self._policy)
        arguments = {**self.space.others, **chosen}
        return self.builder.build(
            arguments, seed=seed, precision=self._precision(levels), **purpose
        )

    def _precision(self, levels: Mapping[str, Level]) -> str | None:
        """Return the precision to build in; None for that of Keras if nothing sets it."""
        level = self.space.complete(self.recipe, levels).precision
        is_set = "precision" in self.space.searched or level != Recipe().precision
        return level if is_set else None

    def fitter(self, levels: Mapping[str, Level]) -> OwnFit | None:
        """Return the custom ``fit`` of the builder; None if the recipe trains its models."""
        return self.builder.fitter(self.space.chosen(self.space.model, levels))

    def load(self, source: object, levels: Mapping[str, Level], seed: int, **shares: Any) -> Data:
        """Load data with the levels of its toggles.

        Raises
        ------
        ToggleError, DataError
            If it cannot be loaded with them.
        """
        chosen: dict[str, Any] = {**self.space.chosen(self.space.data, levels)}
        return load_data(source, seed=seed, **shares, **chosen)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a built model with the recipe's and the data's levels.

        Parameters
        ----------
        hp, model
            Hyperparameters and model from KerasTuner.
        *args, **kwargs
            Arguments of ``tuner.search``: data, or `x` and `y` with `validation_data` or
            `validation_split`; `epochs`, `initial_epoch`, `batch_size`, `callbacks`, `verbose`.

        Returns
        -------
        keras.callbacks.History

        Raises
        ------
        keras_tuner.errors.FailedTrialError
            If the choices do not go together.
        keras_tuner.errors.FatalTypeError
            If there is no data, or an argument is unknown.
        """
        levels = self.read(hp)
        callbacks, verbose = kwargs.pop("callbacks", None) or [], kwargs.pop("verbose", 0)
        recipe, start = self._recipe(levels, kwargs)
        try:
            data = self._data(levels, model, args, kwargs)
            seed = stream(self.seed, f"from epoch {start}") if start else self.seed
            result = keras.callbacks.History()
            quiet = 0 if verbose == "auto" else verbose
            result.history = fit(
                model,
                data,
                recipe,
                seed=seed,
                callbacks=callbacks,
                verbose=quiet,
                own_fit=self.fitter(levels),
            )
        except REFUSALS as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except DataError as error:
            raise keras_tuner.errors.FatalValueError(str(error)) from error
        for name in ("loss", "val_loss"):  # KerasTuner would take an infinite one for a score
            if not np.isfinite(result.history.get(name, 0.0)).any():
                raise keras_tuner.errors.FailedTrialError(
                    f"{name} is not a finite number after any epoch of {recipe.epochs}"
                )
        return result

    def _recipe(self, levels: Levels, kwargs: dict[str, Any]) -> tuple[Recipe, int]:
        """Return the recipe, and the epoch from which it continues an earlier training."""
        recipe = self.space.complete(self.recipe, levels)
        start = kwargs.pop("initial_epoch", 0)
        size = kwargs.pop("batch_size", None)
        epochs = kwargs.pop("epochs", None)
        if epochs is not None and "epochs" not in levels:
            recipe = replace(recipe, epochs=epochs - start)
        if size is not None and "batch_size" not in levels:
            recipe = replace(recipe, batch_size=size)
        return recipe, start

    def _data(
        self, levels: Levels, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Data:
        names = ("x", "y")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        x, y = given.pop("x", None), given.pop("y", None)
        validation = given.pop("validation_data", None)
        shares: dict[str, Any] = {}
        source = x
        if y is not None:
            shares = {"test": 0.0, "validation": given.pop("validation_split", 0.0)}
            source = {"train": (np.asarray(x), np.asarray(y))}
            if validation is not None:
                source["validation"] = tuple(np.asarray(array) for array in validation)
            if "normalize" not in self.space.searched and "normalize" not in self.space.held:
                shares["normalize"] = "none"
            shares["kind"] = _kind_for(model, x)
        if x is None or given or len(args) > len(names):
            raise keras_tuner.errors.FatalTypeError(
                "`search`: expected data from `cnnzoo.load_data` or what it loads, or x and y with "
                "validation_data or validation_split; and epochs, batch_size, callbacks, verbose; "
                f"got {', '.join(given) or f'{len(args)} positional arguments'}."
            )
        key = (id(x), id(y), tuple(self.space.chosen(self.space.data, levels).items()))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = key, self.load(source, levels, self.seed, **shares)
        return self._loaded[1]


def _kind_for(model: Any, x: Any) -> Kind | None:
    """Return the kind of arrays with three axes; None if the input of the model does not tell."""
    inputs: Any = getattr(model, "inputs", None) or ()
    if np.ndim(x) != 3 or len(inputs) != 1:
        return None
    return "images" if len(inputs[0].shape) == AXES["images"] + 1 else "sequences"


class CustomHyperModel(ZooHyperModel):
    """A custom ``build(hp)`` or ``HyperModel``, with the toggles of recipe and data.

    Its hyperparameters are found by building. Those that a plain ``if`` hides are found once a
    trial reaches them, as with KerasTuner's own tuners.

    Parameters
    ----------
    model
        The function or the ``HyperModel``.
    space
        The searched toggles of recipe and data.
    recipe, seed
        As in `ZooHyperModel`.
    """

    def __init__(self, model: Any, space: Space, recipe: Recipe, seed: int = 0) -> None:
        super().__init__(model, space, recipe, seed)
        self._discovered: Any = None
        self._last: Any = None

    def declare(self, hp: Any) -> None:
        """Declare the searched toggles and the model's hyperparameters, which are discovered."""
        self.space.declare(hp)
        if self._discovered is None:
            self._discovered = self._discover()
        merge_hyperparameters(hp, self._discovered)

    def build(self, hp: Any) -> Any:
        """Return None: KerasTuner only checks whether building declares more, which it does not."""

    def read(self, hp: Any) -> Levels:
        """Return the levels of the toggles, and the values of the model's hyperparameters."""
        values = hp.values.items()
        known = self.space.searched
        own = {n: v for n, v in values if n not in known and not n.startswith(OWN)}
        return {**self.space.read(hp), **own}

    def make(self, levels: Mapping[str, Level], seed: int, **purpose: Any) -> Any:
        """Build the compiled model for these values, with initial weights from the seed."""
        chosen = make_hyperparameters()
        known = self.space.searched
        chosen.values.update({n: v for n, v in levels.items() if n not in known})
        return self._make_model(chosen, seed, precision=self._precision(levels), **purpose)

    def fitter(self, levels: Mapping[str, Level]) -> OwnFit | None:
        """Return the custom ``fit``, which declares hyperparameters in those of the last build."""
        return self.builder.fitter(levels, self._last)

    def take_declared(self) -> Any:
        """Return the hyperparameters that the last build declared, once."""
        last, self._last = self._last, None
        return last

    def declare_by_building(self, hp: Any) -> Any:
        """Build at these values, and return the hyperparameters that this declares."""
        with contextlib.suppress(Exception), isolated():  # an error is known: it ended the trial
            self.make(self.read(hp), self.seed)
        return self.take_declared()

    def check(self, data: Data, seed: int) -> None:
        """Refuse a model that cannot be built at its defaults or does not fit the data.

        The same build sets `weights`.

        Parameters
        ----------
        data, seed
            As in `ZooHyperModel.check`.

        Raises
        ------
        ToggleError, LabelError
            If it cannot be built or does not fit.
        """
        defaults = make_hyperparameters()
        shape, classes = data.info.input_shape, data.info.classes
        try:
            with isolated():
                recipe = self.space.complete(self.recipe, {})
                built = self._make_model(
                    defaults,
                    seed,
                    input_shape=shape,
                    classes=classes,
                    precision=self._precision({}),
                )
                self.weights = loaded_digest(built)
                check_fit(built, data, recipe, self.fitter({}))
        except REFUSALS as error:
            if not isinstance(error, keras_tuner.errors.FailedTrialError):
                raise  # the model may refuse its own defaults, which is one trial only
        except Exception as error:  # any error of a custom function
            raise ToggleError(
                f"`{self.space.owner}` cannot be built at its defaults, {defaults.values}: "
                f"{reason_of(error)}"
            ) from error
        self.declare(keras_tuner.HyperParameters())
        self._check_names(self._discovered)
        groups = {**self.space.recipe, **self.space.data}
        toggles = [name for name, toggle in groups.items() if not toggle.fixed]
        if not self._discovered.space and not self.space.searched:
            raise ToggleError(
                f"`{self.space.owner}` declares no hyperparameters, and `search` is empty. Add "
                f"toggles of the recipe or the data to `search`: {', '.join(toggles)}."
            )

    def _make_model(self, hp: Any, seed: int, **purpose: Any) -> Any:
        self._last = hp
        keras.config.set_dtype_policy(self._policy)
        built = self.builder.build_hp(hp, seed=seed, **purpose)
        self._check_names(hp)
        return built

    def _check_names(self, hp: Any) -> None:
        check_names((own.name for own in hp.space), "hyperparameter", self.space.owner)

    def _discover(self) -> Any:
        """Return all hyperparameters that scopes declare."""
        discovered = make_hyperparameters()
        for call in explore(self._try, scopes_only=True):
            merge_hyperparameters(discovered, call.hp)
        return discovered

    def _try(self, hp: Any) -> None:
        with isolated():
            keras.config.set_dtype_policy(self._policy)
            self.builder.try_hp(hp)


def make_hypermodel(
    model: str | Callable[..., Any], space: Space, recipe: Recipe, seed: int = 0
) -> ZooHyperModel:
    """Return the hypermodel of a checked search.

    Parameters
    ----------
    model
        A name of the zoo, a builder, ``build(hp)`` or a ``HyperModel``.
    space, recipe, seed
        As in `ZooHyperModel`.
    """
    return (CustomHyperModel if takes_hp(model) else ZooHyperModel)(model, space, recipe, seed)


def merge_hyperparameters(hp: Any, others: Any) -> None:
    """Add the hyperparameters that are missing, with their values.

    Parameters
    ----------
    hp
        A ``keras_tuner.HyperParameters``, which is changed.
    others
        Another ``keras_tuner.HyperParameters``.

    Examples
    --------
    >>> hp, others = keras_tuner.HyperParameters(), keras_tuner.HyperParameters()
    >>> others.values["units"] = 8
    >>> others.Choice("units", [4, 8])
    8
    >>> merge_hyperparameters(hp, others)
    >>> hp.values
    {'units': 8}
    """
    for name, value in others.values.items():
        if others.is_active(name):
            hp.values.setdefault(name, value)
    hp.merge(others, overwrite=False)
