"""Random streams: one independent stream per purpose, all derived from one seed."""

import hashlib


def stream(seed: int, *names: str) -> int:
    """Return the seed of a named stream: a function of `seed` and the names alone.

    Draws from one stream never shift another stream, so a toggle changes what it toggles and
    nothing else.

    Parameters
    ----------
    seed
        Seed of the trial; 0 is a seed like any other.
    names
        Purpose of the stream, such as ``("order",)`` or ``("stage1_conv", "kernel_initializer")``.

    Returns
    -------
    int
        From 1 to 2**31 - 1; never 0, which some libraries treat as "no seed".

    Examples
    --------
    >>> stream(0, "order") == stream(0, "order")
    True
    >>> stream(0, "order") == stream(0, "split")
    False
    """
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8]) % (2**31 - 1) + 1
