"""Random streams: one for each thing that is drawn, all from one seed."""

import hashlib


def stream(seed: int, *names: str) -> int:
    """The seed of a named stream: a function of `seed` and the names alone.

    What one stream draws never shifts another, so a toggle changes what it toggles and nothing
    else.

    Parameters
    ----------
    seed
        The seed of a trial; 0 is a seed like any other.
    names
        What is drawn, for instance ``("order",)`` or ``("stage1_conv", "kernel_initializer")``.

    Returns
    -------
    int
        From 1 to 2**31 - 1; never 0, which some libraries take for "no seed".

    Examples
    --------
    >>> stream(0, "order") == stream(0, "order")
    True
    >>> stream(0, "order") == stream(0, "split")
    False
    """
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8]) % (2**31 - 1) + 1
