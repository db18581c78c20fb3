"""Format numbers to the precision that their interval supports."""

import math
from typing import Any

import pandas as pd

CONFIDENCE = 0.95
CI = f"{CONFIDENCE:.0%} CI"
MINUS = "\N{MINUS SIGN}"
MOST_DECIMALS = 8


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number; True and False are none.

    Examples
    --------
    >>> is_number(2), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    if isinstance(value, bool | str) or value is None or type(value).__name__ == "bool":
        return False
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def decimals_for(*sizes: float) -> int:
    """Return the decimals that show two digits of the first of these sizes that is above 0.

    Examples
    --------
    >>> decimals_for(0.040), decimals_for(12.0), decimals_for(float("nan"), 0.3)
    (3, 0, 2)
    """
    for size in sizes:
        if is_number(size) and size > 0:
            return min(max(1 - math.floor(math.log10(size)), 0), MOST_DECIMALS)
    return 3


def decimals_of(
    delta: float, low: float, high: float, usual: int | None = None, other: float = math.nan
) -> int:
    """Return the decimals of a delta and its interval.

    They show two digits of the interval's width; without an interval, of the delta; without a
    delta, of another size. They follow the rest of the column if that has one decimal more. No end
    of the interval that differs from 0 is rounded to 0, because the interval would seem to include
    0.

    Examples
    --------
    >>> decimals_of(0.108, 0.090, 0.130), decimals_of(-0.0659, -0.1287, -0.0031)
    (3, 3)
    >>> decimals_of(0.51, 0.31, 0.71, usual=3), decimals_of(0.51, 0.31, 0.71, usual=4)
    (3, 2)
    """
    decimals = decimals_for(high - low, abs(delta), other)
    if usual is not None and usual - decimals == 1:
        decimals = usual
    ends = [end for end in (low, high) if is_number(end) and end != 0]
    while decimals < MOST_DECIMALS and any(abs(end) < 0.5 * 10**-decimals for end in ends):
        decimals += 1
    return decimals


def usual_decimals(deltas: pd.DataFrame) -> int:
    """Return the decimals of the typical delta of a metric."""
    return decimals_for((deltas["ci_high"] - deltas["ci_low"]).median())


def fixed(value: Any, decimals: int, *, signed: bool = False) -> str:
    """Write a number with a fixed number of decimals; "" if there is no number.

    Examples
    --------
    >>> fixed(0.1084, 3, signed=True), fixed(-0.00001, 3), fixed(float("nan"), 3), fixed(1234.5, 0)
    ('+0.108', '0.000', '', '1,234')
    """
    if not is_number(value):
        return ""
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        return text.lstrip("-")
    if text.startswith("-"):
        return MINUS + text[1:]
    return f"+{text}" if signed else text


def bracket(low: Any, high: Any, decimals: int) -> str:
    """Write an interval for a table; "" if there is none.

    Examples
    --------
    >>> bracket(0.0899, 0.1301, 3)
    '[0.090, 0.130]'
    """
    if not (is_number(low) and is_number(high)):
        return ""
    return f"[{fixed(low, decimals)}, {fixed(high, decimals)}]"


def size_words(delta: float, low: float, high: float, usual: int | None = None) -> str:
    """Write a delta with its interval for a table.

    Examples
    --------
    >>> size_words(0.108, 0.0899, 0.1301)
    '+0.108 [0.090, 0.130]'
    """
    decimals = decimals_of(delta, low, high, usual)
    return f"{fixed(delta, decimals, signed=True)} {bracket(low, high, decimals)}".rstrip()


def estimate(
    delta: float,
    low: float,
    high: float,
    *more: str,
    usual: int | None = None,
    signed: bool = True,
    unit: str = "",
) -> str:
    """Write a delta with its unit and interval, and more in parentheses, for a sentence.

    Examples
    --------
    >>> estimate(0.108, 0.0899, 0.1301, "10 seeds")
    '+0.108 (95% CI 0.090 to 0.130, 10 seeds)'
    >>> estimate(0.108, math.nan, math.nan, signed=False)
    '0.11'
    """
    decimals = decimals_of(delta, low, high, usual)
    ends = is_number(low) and is_number(high)
    interval = [f"{CI} {fixed(low, decimals)} to {fixed(high, decimals)}"] if ends else []
    inside = ", ".join([*interval, *more])
    return fixed(delta, decimals, signed=signed) + unit + (f" ({inside})" if inside else "")


def p_value(value: Any) -> str:
    """Write a p value.

    Examples
    --------
    >>> p_value(0.00002), p_value(0.0312), p_value(0.4), p_value(1.0)
    ('<0.001', '0.031', '0.40', '1.00')
    """
    if not is_number(value):
        return ""
    return "<0.001" if value < 0.001 else fixed(value, 2 if value >= 0.1 else 3)


def p_words(value: float, correction: str = "Holm") -> str:
    """Write a p value, and how it was corrected, for a sentence.

    Examples
    --------
    >>> p_words(0.00002), p_words(0.0312)
    ('p (Holm) < 0.001', 'p (Holm) = 0.031')
    """
    return f"p ({correction}) " + ("< 0.001" if value < 0.001 else f"= {p_value(value)}")


def share_words(share: Any) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> share_words(0.7223), share_words(0.004), share_words(0.0002), share_words(0.0)
    ('72%', '0.4%', '<0.1%', '0%')
    """
    if not is_number(share):
        return ""
    if 0 < abs(share) < 0.0005:
        return "<0.1%"
    decimals = 1 if abs(share) < 0.0095 and share else 0
    return f"{100 * share:.{decimals}f}%".replace("-", MINUS)


def brief(value: Any) -> str:
    """Write any value of a table in a few characters.

    Examples
    --------
    >>> [brief(value) for value in (12345, 0.123456, 3e-9, True, None, "text", 2.0, 48211.4)]
    ['12,345', '0.1235', '3e-09', 'True', '', 'text', '2', '48,211']
    """
    if not is_number(value):
        return "" if value is None or value is pd.NA or value != value else str(value)
    if value == int(value) and abs(value) < 1e15:
        return fixed(int(value), 0)
    size = abs(value)
    if size < 1e-4:
        return f"{value:.3g}".replace("-", MINUS, 1) if value < 0 else f"{value:.3g}"
    return fixed(value, max(3 - math.floor(math.log10(size)), 0))
