"""Create the oracle of a search, by name or from a tuner of KerasTuner."""

import copy
import inspect
import math
import tempfile
from typing import Any

import keras_tuner

from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.tuning.kerastuner_private import trials_per_iteration
from cnnzoo.tuning.records import Objective
from cnnzoo.tuning.space import Space

TRIALS = 20
"""Default number of trials of a random or Bayesian search."""

NOT_SETTINGS = (
    *("objective", "hyperparameters", "allow_new_entries", "tune_new_entries"),  # elsewhere
    *("max_trials", "hyperband_iterations"),  # a resumed search may make more trials
    *("max_retries_per_trial", "max_consecutive_failed_trials"),  # without effect here
    "seed",  # KerasTuner draws one if none is given
)
"""Arguments of an oracle that may change when a search is resumed."""

TUNERS: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}
"""Oracles by name of the tuner."""


def make_oracle(
    tuner: Any,
    objective: Objective,
    trials: int | None,
    epochs: int,
    seed: int,
    hypermodel: Any,
) -> Any:
    """Create the oracle that proposes configurations.

    Parameters
    ----------
    tuner
        "random", "grid", "bayesian", "hyperband", or a Tuner of KerasTuner, class or instance.
    objective
        The objective.
    trials
        Maximum number of trials. By default, a grid is searched to its end, Hyperband goes through
        its brackets once, and the others make `TRIALS`.
    epochs
        Maximum number of epochs of a trial of Hyperband.
    seed
        Seed of the search. 0 is a seed like any other.
    hypermodel
        Hypermodel for Tuner classes, which require one.

    Raises
    ------
    ToggleError
        If there is no such tuner, or an instance has another space or trials already.
    """
    arguments = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "max_trials": trials,
        "max_epochs": epochs,
        "seed": stream(seed, "search"),  # KerasTuner takes 0 for no seed
    }
    if isinstance(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        oracle = copy.deepcopy(tuner.oracle)  # the user's oracle stays as it is
        if oracle.trials:
            raise ToggleError(
                f"`tuner`: expected a tuner without trials; got one with {len(oracle.trials)}. "
                "Create a new one, or give its class."
            )
        _check_space(oracle, hypermodel)
        oracle.objective = arguments["objective"]
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if isinstance(tuner, type) and issubclass(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        with tempfile.TemporaryDirectory() as unused:
            known = _accepted(tuner, {**arguments, "hypermodel": hypermodel, "directory": unused})
            oracle = tuner(**known).oracle
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if not isinstance(tuner, str) or tuner not in TUNERS:
        raise ToggleError(
            f"`tuner`: expected one of {', '.join(TUNERS)}, or a Tuner of KerasTuner; "
            f"got {tuner!r}{did_you_mean(str(tuner), TUNERS, quote='')}"
        )
    if tuner in ("random", "bayesian"):
        arguments["max_trials"] = trials or TRIALS
    oracle = TUNERS[tuner](**_accepted(TUNERS[tuner], arguments))
    if tuner == "hyperband" and trials is not None:
        oracle.hyperband_iterations = math.ceil(trials / trials_per_iteration(oracle))
        oracle.max_trials = trials
    return oracle


def _accepted(maker: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a class accepts."""
    parameters = inspect.signature(maker).parameters
    accepts_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = {*parameters, *(("directory",) if accepts_any else ())}
    return {name: value for name, value in arguments.items() if name in names}


def check_epochs(oracle: Any, space: Space) -> None:
    """Refuse to search `epochs` with Hyperband, which sets them itself.

    Raises
    ------
    ToggleError
        If `epochs` is searched.
    """
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle) and "epochs" in space.searched:
        raise ToggleError(
            "`search`: expected no `epochs` with Hyperband, which sets the epochs of each trial "
            "itself. Remove `epochs` from `search`, or use another tuner."
        )


def settings_of(oracle: Any) -> dict[str, Any]:
    """Return the arguments of an oracle that its proposals depend on.

    Parameters
    ----------
    oracle
        An oracle of KerasTuner, or of a class that inherits from one.

    Examples
    --------
    >>> oracle = keras_tuner.oracles.BayesianOptimizationOracle("val_loss", beta=3.0)
    >>> settings_of(oracle)
    {'alpha': 0.0001, 'beta': 3.0}
    """
    names = inspect.signature(type(oracle).__init__).parameters
    values = {name: getattr(oracle, name, None) for name in names if name not in NOT_SETTINGS}
    return {n: value for n, value in values.items() if isinstance(value, bool | int | float | str)}


def _check_space(oracle: Any, hypermodel: Any) -> None:
    """Refuse a tuner that was created for another search space."""
    expected = keras_tuner.HyperParameters()
    hypermodel.declare(expected)
    of_tuner, of_search = _in_words(oracle.hyperparameters), _in_words(expected)
    different = [
        name for name in {**of_search, **of_tuner} if of_tuner.get(name) != of_search.get(name)
    ]
    if of_tuner and different:
        name = different[0]
        raise ToggleError(
            "`tuner`: expected a tuner with the space of this search; got one with another space. "
            f"`{name}` is {of_tuner.get(name, 'missing')} in the tuner and "
            f"{of_search.get(name, 'missing')} in the search. Create the tuner with "
            "cnnzoo.hypermodel of the same model and search, or give its class."
        )


def _in_words(hp: Any) -> dict[str, str]:
    """Return a description of each hyperparameter, with its conditions."""
    words: dict[str, list[str]] = {}
    for found in hp.space:
        config = {n: value for n, value in found.get_config().items() if n != "name"}
        conditions = config.pop("conditions")
        given = ", ".join(f"{n}={value!r}" for n, value in config.items() if value is not None)
        under = "".join(
            f" where {c['config']['name']} is {' or '.join(map(str, c['config']['values']))}"
            for c in conditions
        )
        words.setdefault(found.name, []).append(f"{type(found).__name__}({given}){under}")
    return {name: " and ".join(sorted(parts)) for name, parts in words.items()}
