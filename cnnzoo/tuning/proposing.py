"""What proposes configurations: one of KerasTuner's oracles, by name or out of a Tuner."""

import copy
import inspect
import math
import tempfile
from typing import Any

import keras_tuner

from cnnzoo.runtime.seeding import stream
from cnnzoo.toggle import ToggleError, did_you_mean
from cnnzoo.tuning.records import Objective
from cnnzoo.tuning.space import Space

TRIALS = 20
"""Of a random or Bayesian search, if nobody says how many."""

NOT_SETTLED = (
    *("objective", "hyperparameters", "allow_new_entries", "tune_new_entries"),  # said elsewhere
    *("max_trials", "hyperband_iterations"),  # there may be more of them
    *("max_retries_per_trial", "max_consecutive_failed_trials"),  # without effect here
    "seed",  # KerasTuner draws one where none is given
)
"""What an oracle is made with that another one may differ in to go on with its search."""


def make_oracle(
    tuner: Any,
    objective: Objective,
    trials: int | None,
    epochs: int,
    seed: int,
    hypermodel: Any,
) -> Any:
    """Make what proposes configurations.

    Parameters
    ----------
    tuner
        "random", "grid", "bayesian", "hyperband", or a Tuner of KerasTuner, class or instance.
    objective
        What is optimized.
    trials
        How many at most. If left out, a grid is searched to its end, Hyperband goes through its
        brackets once, and the others make `TRIALS`.
    epochs
        The most that Hyperband trains a configuration.
    seed
        0 is a seed like any other.
    hypermodel
        For the Tuner classes, which ask for it.

    Raises
    ------
    ToggleError
        If there is no such tuner, or an instance has another space or trials of its own.
    """
    given = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "max_trials": trials,
        "max_epochs": epochs,
        "seed": stream(seed, "search"),  # to KerasTuner 0 is none
    }
    if isinstance(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        oracle = copy.deepcopy(tuner.oracle)  # the user's own stays as it is
        if oracle.trials:
            raise ToggleError(
                f"`tuner` of a search has made {len(oracle.trials)} trials of its own already; "
                "give a new one, or its class."
            )
        _check_space(oracle, hypermodel)
        oracle.objective = given["objective"]
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if isinstance(tuner, type) and issubclass(tuner, keras_tuner.engine.base_tuner.BaseTuner):
        with tempfile.TemporaryDirectory() as nowhere:
            known = _taken(tuner, {**given, "hypermodel": hypermodel, "directory": nowhere})
            oracle = tuner(**known).oracle
        oracle.max_trials = trials or oracle.max_trials
        return oracle
    if not isinstance(tuner, str) or tuner not in TUNERS:
        raise ToggleError(
            f"`tuner` of a search must be one of {', '.join(TUNERS)}, or a Tuner of KerasTuner; "
            f"got {tuner!r}{did_you_mean(str(tuner), TUNERS, quote='')}"
        )
    if tuner in ("random", "bayesian"):
        given["max_trials"] = trials or TRIALS
    oracle = TUNERS[tuner](**_taken(TUNERS[tuner], given))
    if tuner == "hyperband" and trials is not None:
        oracle.hyperband_iterations = math.ceil(trials / _one_round(oracle))
        oracle.max_trials = trials
    return oracle


TUNERS: dict[str, Any] = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


def _taken(maker: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a class takes."""
    parameters = inspect.signature(maker).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    names = {*parameters, *(("directory",) if anything else ())}
    return {name: value for name, value in given.items() if name in names}


def _one_round(oracle: Any) -> int:
    """Return how many trials Hyperband makes in going through its brackets once."""
    return sum(
        oracle._get_size(bracket, number)
        for bracket in range(oracle._get_num_brackets())
        for number in range(oracle._get_num_rounds(bracket))
    )


def check_epochs(oracle: Any, space: Space) -> None:
    """Refuse to search the epochs where Hyperband gives them.

    Raises
    ------
    ToggleError
        If they are searched.
    """
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle) and "epochs" in space.searched:
        raise ToggleError(
            "`epochs` is searched, and Hyperband itself decides for how many each trial trains: "
            "leave `epochs` out of `search`, or take another tuner."
        )


def settings_of(oracle: Any) -> dict[str, Any]:
    """Return what an oracle was made with, as far as its proposals hang on it.

    Parameters
    ----------
    oracle
        Of KerasTuner, or of a class that inherits from one.

    Examples
    --------
    >>> oracle = keras_tuner.oracles.BayesianOptimizationOracle("val_loss", beta=3.0)
    >>> settings_of(oracle)
    {'alpha': 0.0001, 'beta': 3.0}
    """
    names = inspect.signature(type(oracle).__init__).parameters
    values = {name: getattr(oracle, name, None) for name in names if name not in NOT_SETTLED}
    return {n: value for n, value in values.items() if isinstance(value, bool | int | float | str)}


def _check_space(oracle: Any, hypermodel: Any) -> None:
    """Refuse a tuner that was made for something else than what is searched."""
    wanted = keras_tuner.HyperParameters()
    hypermodel.declare(wanted)
    there, here = _in_words(oracle.hyperparameters), _in_words(wanted)
    different = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    if there and different:
        name = different[0]
        raise ToggleError(
            f"`tuner` of a search was made for another one: `{name}` is "
            f"{there.get(name, 'nothing')} there, and {here.get(name, 'nothing')} here. Make it "
            "with cnnzoo.hypermodel of the same model and search, or give its class."
        )


def _in_words(hp: Any) -> dict[str, str]:
    """Return what each hyperparameter may be, under every condition that it is declared."""
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
