"""Conditional hyperparameters of KerasTuner 1.0.0 and 1.0.1.

These versions write a condition into the name, as in ``pool=max,mean/pool_size``, and keep a level
of a hyperparameter that is switched off (``HyperParameters._get_name``). Later versions keep the
conditions apart and no such level. Names of hyperparameters hold neither "/" nor "=" nor ",".
"""

from collections.abc import Mapping

from cnnzoo.toggle import Level


def plain_name(name: str) -> str:
    """Return a name without its conditions, as later versions write it.

    Examples
    --------
    >>> plain_name("head/pool=max,mean/pool_size")
    'head/pool_size'
    """
    *scopes, leaf = name.split("/")
    return "/".join([*(scope for scope in scopes if "=" not in scope), leaf])


def active_levels(values: Mapping[str, Level]) -> dict[str, Level]:
    """Return the levels whose conditions hold, by plain name.

    Examples
    --------
    >>> active_levels({"pool": "none", "pool=max/pool_size": 3, "skip": True})
    {'pool': 'none', 'skip': True}
    """
    return {plain_name(name): level for name, level in values.items() if _is_active(name, values)}


def _is_active(name: str, values: Mapping[str, Level]) -> bool:
    scopes = name.split("/")[:-1]
    for depth, scope in enumerate(scopes):
        parent, equals, levels = scope.partition("=")
        if equals and str(values["/".join([*scopes[:depth], parent])]) not in levels.split(","):
            return False
    return True
