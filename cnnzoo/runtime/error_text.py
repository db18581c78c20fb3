"""Errors as one line of text."""

import re

from cnnzoo.toggle import prints

LAYER = re.compile(r"Exception encountered when calling (\w+)\.call\(\)")
"""First line of Keras's message for an error inside a layer; the cause is on the next line."""

STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""Terminal colour codes."""


LONGEST = 1_000
"""Most characters of a line that is stored and shown."""


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Return a text that a file, a page and a terminal can hold.

    Characters that do not print, such as escape sequences of terminals, line separators and
    unpaired surrogates, are written as in Python's source; a long text is cut.

    Parameters
    ----------
    text
        Any text.
    longest
        Most characters that are kept.

    Examples
    --------
    >>> print(printable("red \x1b[31m"), printable("half \ud800"), printable("abcdefgh", 4))
    red \x1b[31m half \ud800 abcd...
    """
    cut = text[:longest] + ("..." if len(text) > longest else "")
    return "".join(one if prints(one) else repr(one)[1:-1] for one in cut)


def reason_of(error: BaseException) -> str:
    r"""Return the type of an error and the most informative line of its message.

    Examples
    --------
    >>> reason_of(ValueError("3 are too many\nfor this builder"))
    'ValueError: 3 are too many'
    >>> reason_of(ValueError("Exception encountered when calling Reshape.call().\n\nToo few."))
    'ValueError: Too few. (in Reshape)'
    """
    return f"{type(error).__name__}: {line_of(error)}"


def line_of(error: BaseException) -> str:
    r"""Return the most informative line of an error's message.

    Examples
    --------
    >>> line_of(ValueError("3 are too many\nfor this builder"))
    '3 are too many'
    """
    lines = [line.strip() for line in STYLE.sub("", str(error)).splitlines()]
    first, *rest = [line for line in lines if line] or [""]
    layer = LAYER.match(first)
    if layer and rest:
        return f"{printable(rest[0])} (in {layer[1]})"
    return printable(first)
