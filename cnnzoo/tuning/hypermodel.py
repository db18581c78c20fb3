"""The toggles of a model as a ``keras_tuner.HyperModel``."""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from cnnzoo.builders import name_of, takes_hp
from cnnzoo.data import Data, DataError, load_data
from cnnzoo.kinds import AXES, Kind
from cnnzoo.models.initialization import build_seeded
from cnnzoo.models.loaded_weights import loaded_digest
from cnnzoo.models.losses import LabelError
from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import Level, ToggleError
from cnnzoo.training.recipe import Recipe
from cnnzoo.training.train import fit
from cnnzoo.tuning.space import Levels, Space
from cnnzoo.tuning.wanted import Search, keywords_of, make_space
from cnnzoo.zoo import get_model

REFUSALS = (ToggleError, LabelError, keras_tuner.errors.FailedTrialError)
"""What says that the choices of a configuration do not go together."""


def hypermodel(
    model: str | Callable[..., Any],
    *,
    search: Search = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    **fixed: Any,
) -> "ZooHyperModel":
    """Make a ``keras_tuner.HyperModel`` of a model's toggles, for any of KerasTuner's tuners.

    A configuration that the builder refuses, or whose loss is finite after no epoch, is a failed
    trial whose message ends with the reason; KerasTuner 1.4.8 has no other end for it. Its tuners
    give up a search after three failed trials in a row: give them
    ``max_consecutive_failed_trials=1000``, or search with `cnnzoo.tune`, which goes on and tells
    what was refused (invalid) from what failed.

    Parameters
    ----------
    model
        A name of the zoo, or a builder with annotated parameters.
    search
        Names of toggles of the model, the recipe or the data; or a mapping from names to a list
        of levels or, for toggles with a range, a tuple of its ends. If left out, all toggles of
        the model but the loss and what hangs on it: losses are not compared with each other.
    recipe
        How to train; ``Recipe()`` if left out. A tuner that gives epochs itself, as Hyperband
        does, or in ``search(..., epochs=3)``, has its way.
    seed
        Of the initial weights, the order of the data and the augmentations, the same for every
        trial. `cnnzoo.tune` trains every configuration with several seeds.
    **fixed
        Levels of toggles that hold, and other arguments of the builder, such as ``input_shape``
        and ``classes``.

    Returns
    -------
    ZooHyperModel
        Which takes ``tuner.search(data)`` with `data` from `cnnzoo.load_data` or anything that
        it loads, and ``tuner.search(x, y, validation_data=(x, y))``.

    Raises
    ------
    ToggleError
        If a name is unknown, a level is not allowed, or a toggle can have no effect.

    Examples
    --------
    >>> from keras_tuner import HyperParameters
    >>> hp = HyperParameters()
    >>> tiny = hypermodel("downsampling", search={"pool_size": [2, 4], "filters": (4, 8)})
    >>> tiny.build(hp).name, hp.values
    ('downsampling', {'pool_size': 2, 'filters': 4})
    """
    if not isinstance(model, str) and takes_hp(model):
        raise ToggleError(
            f"`{name_of(model)}` is KerasTuner's build(hp) or a hypermodel already: give it to a "
            "tuner, or to `cnnzoo.tune`."
        )
    space = make_space(model, search, recipe, fixed, keywords_of(hypermodel))
    return ZooHyperModel(model, space, recipe or Recipe(), seed)


class ZooHyperModel(keras_tuner.HyperModel):
    """The toggles of a model, to be searched with KerasTuner.

    Parameters
    ----------
    model
        A name of the zoo, or a builder.
    space
        What is searched, and what holds.
    recipe
        How to train.
    seed
        Of every trial.

    Attributes
    ----------
    weights
        Digest of the weights that a custom builder, or `transfer` with a given `weights`, loads at
        its defaults, from `check`; "" if it loads none. Weights that it loads only at other levels
        are not in it.
    """

    def __init__(
        self, model: str | Callable[..., Any], space: Space, recipe: Recipe, seed: int = 0
    ) -> None:
        super().__init__(name=space.owner)
        self.model, self.space, self.recipe, self.seed = model, space, recipe, seed
        self._policy = keras.config.dtype_policy()
        self._declared: Any = None
        self._loaded: tuple[Any, Data] | None = None
        self.weights = ""

    def declare(self, hp: Any) -> None:
        """Declare all that is searched."""
        self.space.declare(hp)

    def read(self, hp: Any) -> Levels:
        """Return the levels that hyperparameters stand for; see `Space.read`."""
        return self.space.read(hp)

    def learn(self, hp: Any) -> None:
        """Take in what building declared: nothing, for all was declared before."""

    def check(self, data: Data, seed: int) -> None:
        """Refuse arguments of the builder that are not for the data; set `weights`.

        Parameters
        ----------
        data
            With the defaults of its toggles.
        seed
            Seed of the search. Weights that a builder draws and sets itself follow from it.

        Raises
        ------
        ToggleError
            If there is one.
        """
        given, info = self.space.others, data.info
        shape, classes = given.get("input_shape"), given.get("classes")
        fits = isinstance(shape, tuple | list) and len(shape) == len(info.input_shape)
        if shape is not None and not (
            fits and all(a in (None, b) for a, b in zip(shape, info.input_shape, strict=True))
        ):
            raise ToggleError(
                f"`input_shape` of `{self.space.owner}` is {shape}, and examples of "
                f"`{info.name}` are {info.input_shape}; leave it out."
            )
        if isinstance(classes, int) and (
            (classes == 1) != (info.classes == 1) or classes < info.classes
        ):
            raise ToggleError(
                f"`classes` of `{self.space.owner}` is {classes}, and `{info.name}` has "
                f"{info.classes}; leave it out."
            )
        if not isinstance(self.model, str) or given.get("weights"):
            self.weights = self._digest_at_defaults(data, seed)

    def _digest_at_defaults(self, data: Data, seed: int) -> str:
        """Return `weights`; "" if the defaults cannot be built, which the trials then report."""
        hp = keras_tuner.HyperParameters()
        self.declare(hp)
        purpose = {"input_shape": data.info.input_shape, "classes": data.info.classes}
        with contextlib.suppress(Exception, SystemExit):  # a builder may raise anything
            return loaded_digest(self.make(self.read(hp), seed, **purpose))
        return ""

    def declare_hyperparameters(self, hp: Any) -> None:
        """Declare the whole space, so that KerasTuner need not build models to discover it."""
        self.declare(hp)
        self._declared = hp

    def build(self, hp: Any) -> Any:
        """Build the compiled model that hyperparameters stand for.

        Raises
        ------
        keras_tuner.errors.FailedTrialError
            If the choices do not go together.
        """
        declared, self._declared = self._declared, None
        if declared is not None and hp is not declared:
            return None  # KerasTuner looks whether building declares more, and at nothing else
        if not self.space.searched.keys() <= {known.name for known in hp.space}:
            self.space.declare(hp)
        try:
            return self.make(self.read(hp), self.seed)
        except REFUSALS as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None

    def make(self, levels: Mapping[str, Level], seed: int, **purpose: Any) -> Any:
        """Build the compiled model that levels stand for.

        Parameters
        ----------
        levels
            As `Space.read` gives them.
        seed
            Of the initial weights.
        **purpose
            What the model is for, where that is not fixed: `input_shape`, `classes`.

        Raises
        ------
        ToggleError, LabelError
            If the choices do not go together.
        """
        chosen = self.space.chosen(self.space.model, levels)
        # KerasTuner clears Keras's session before each trial, which forgets the policy
        keras.config.set_dtype_policy(self._policy)
        if isinstance(self.model, str):
            settings = {**purpose, "seed": seed, **self.space.others, **chosen}
            return get_model(self.model).builder(**settings)
        model = self.model
        takes = inspect.signature(model).parameters
        known = {name: value for name, value in {**purpose, "seed": seed}.items() if name in takes}
        given = {**known, **self.space.others, **chosen}
        return build_seeded(lambda: model(**given), seed, purpose.get("input_shape"))

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
        """Train a built model by the recipe, with the levels of its toggles and of the data's.

        Parameters
        ----------
        hp, model
            As KerasTuner gives them.
        *args, **kwargs
            What was given to ``tuner.search``: data, or `x` and `y` with `validation_data` or
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
            result.history = fit(model, data, recipe, seed=seed, callbacks=callbacks, verbose=quiet)
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
        """Return the recipe, and the epoch at which it takes up what was trained before."""
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
                "`search` takes data from `cnnzoo.load_data` or what it loads, or x and y with "
                "validation_data or validation_split; epochs, batch_size, callbacks and verbose; "
                f"got {', '.join(given) or f'{len(args)} positional arguments'}."
            )
        key = (id(x), id(y), tuple(self.space.chosen(self.space.data, levels).items()))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = key, self.load(source, levels, self.seed, **shares)
        return self._loaded[1]


def _kind_for(model: Any, x: Any) -> Kind | None:
    """Return what three axes of arrays are for a model; None where its input does not tell."""
    inputs: Any = getattr(model, "inputs", None) or ()
    if np.ndim(x) != 3 or len(inputs) != 1:
        return None
    return "images" if len(inputs[0].shape) == AXES["images"] + 1 else "sequences"
