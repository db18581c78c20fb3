"""Kinds of examples: images and sequences, distinguished by shape."""

from typing import Literal

Kind = Literal["images", "sequences"]

AXES: dict[Kind, int] = {"images": 3, "sequences": 2}
"""Number of axes of one example, including the channels."""

MOST_CHANNELS = 4
"""Largest number of channels of an image (RGBA); a longer axis may be a side."""

LARGEST_RATIO = 4
"""Largest ratio of the sides of an image; examples beyond it are sequences."""


class SequenceShape(tuple[int, ...]):
    """Shape (length, channels) of data that are known to be sequences."""


def may_be_grey(shape: tuple[int, ...]) -> bool:
    """Return whether two axes may be (height, width) as well as (length, channels).

    Examples
    --------
    >>> may_be_grey((28, 28)), may_be_grey((62, 47))
    (True, True)
    >>> may_be_grey((40, 1)), may_be_grey((128, 9)), may_be_grey((28, 28, 1))
    (False, False, False)
    """
    if len(shape) != AXES["sequences"]:
        return False
    short, long = sorted(shape)
    return short > MOST_CHANNELS and long <= LARGEST_RATIO * short


def channels_first_kind(shape: tuple[int, ...]) -> Kind | None:
    """Return the kind of an example whose first axis looks like channels, or None.

    Examples
    --------
    >>> channels_first_kind((3, 32, 32)), channels_first_kind((1, 40)), channels_first_kind((40, 1))
    ('images', 'sequences', None)
    """
    if shape[0] in (1, 3) and may_be_grey(shape[1:]):
        return "images"
    of_sequences = len(shape) == AXES["sequences"] and 1 <= shape[0] <= MOST_CHANNELS
    if of_sequences and shape[1] > LARGEST_RATIO * shape[0]:
        return "sequences"
    return None
