"""Why something failed, in one line."""

import re

LAYER = re.compile(r"Exception encountered when calling (\w+)\.call\(\)")
"""How Keras begins the message of an error inside a layer; what went wrong stands below."""

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def reason_of(error: BaseException) -> str:
    r"""Return the kind of an error and the line of its message that tells most.

    Examples
    --------
    >>> reason_of(ValueError("3 are too many\nfor this builder"))
    'ValueError: 3 are too many'
    >>> reason_of(ValueError("Exception encountered when calling Reshape.call().\n\nToo few."))
    'ValueError: Too few. (in Reshape)'
    """
    return f"{type(error).__name__}: {line_of(error)}"


def line_of(error: BaseException) -> str:
    r"""Return the line of an error's message that tells most.

    Examples
    --------
    >>> line_of(ValueError("3 are too many\nfor this builder"))
    '3 are too many'
    """
    lines = [line.strip() for line in STYLE.sub("", str(error)).splitlines()]
    first, *rest = [line for line in lines if line] or [""]
    layer = LAYER.match(first)
    if layer and rest:
        return f"{rest[0]} (in {layer[1]})"
    return first
