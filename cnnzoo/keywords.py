"""Keywords that a function does not take, answered by the nearest that it does."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import ParamSpec, TypeVar

from cnnzoo.toggle import ToggleError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")


def refuse_unknown(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse keywords that it does not take by name, as builders do.

    Examples
    --------
    >>> @refuse_unknown
    ... def prepare(*, train_size=1.0, seed=0): ...
    >>> prepare(trainsize=0.5)
    Traceback (most recent call last):
    cnnzoo.toggle.ToggleError: `prepare` takes no `trainsize`; did you mean `train_size`? It takes
    train_size, seed.
    """
    owner = function.__qualname__.removesuffix(".__init__")
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        check_keywords(kwargs, known, owner)
        return function(*args, **kwargs)

    return checked


def check_keywords(given: Iterable[str], known: Collection[str], owner: str) -> None:
    """Refuse keywords that are not among the known ones.

    Raises
    ------
    ToggleError
        With the nearest of them.
    """
    for name in given:
        if name not in known:
            raise ToggleError(
                f"`{owner}` takes no `{name}`{did_you_mean(name, known)} "
                f"It takes {', '.join(known)}."
            )
