"""Shares: the cores and GPUs that a trial is given."""

import math
from typing import TypeGuard


def refusal_of_shares(cpus: object, gpus: object) -> str:
    """Return why a trial cannot be given these; "" if it can.

    Parameters
    ----------
    cpus
        Cores: a number above 0.
    gpus
        GPUs: a number from 0 to 1; None for 1 if there are any.

    Examples
    --------
    >>> refusal_of_shares(1, 0.25), refusal_of_shares(1, 2)
    ('', '`gpus`: expected a number from 0 to 1; got 2.')
    """
    if not _is_number(cpus) or not 0 < cpus < math.inf:
        return f"`cpus`: expected a number of cores above 0; got {cpus!r}."
    if gpus is not None and not (_is_number(gpus) and 0 <= gpus <= 1):
        return f"`gpus`: expected a number from 0 to 1; got {gpus!r}."
    return ""


def how_many(amount: float, share: float) -> int:
    """Return how many shares an amount is enough for.

    Examples
    --------
    >>> how_many(0.7, 0.1), how_many(1, 0.3)
    (7, 3)
    """
    return math.floor(amount / share + 1e-9)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
