"""Images and sequences, told apart by the shape of one example."""

from typing import Literal

Kind = Literal["images", "sequences"]

AXES: dict[Kind, int] = {"images": 3, "sequences": 2}
"""Axes of one example, the channels included."""

MOST_CHANNELS = 4
"""Most channels of an image (RGBA), and the longest axis that is no side of one."""

LARGEST_RATIO = 4
"""Largest ratio of the sides of an image; beyond it examples are sequences."""


class SequenceShape(tuple[int, ...]):
    """The shape (length, channels) of data that are known to be sequences."""


def may_be_grey(shape: tuple[int, ...]) -> bool:
    """Tell whether two axes may be a grey image's (height, width) as well as (length, channels).

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
    """Return what an example looks like if its first axis holds the channels; None if not.

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
