"""Errors as lines that a file, a page and a terminal can hold."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnzoo.runtime.error_text import LONGEST, line_of, printable, reason_of
from cnnzoo.toggle import prints

SURROGATE, ESCAPE = chr(0xD800), chr(0x1B)

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@given(ANY_TEXT)
def test_printable_text_can_be_stored_and_shown(text):
    shown = printable(text)
    shown.encode()  # no unpaired surrogate
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert (shown == text) == prints(text)


@given(ANY_TEXT)
def test_no_character_is_lost(text):
    """What was escaped reads back as it was, unless the text has backslashes itself."""
    if "\\" not in text:
        parts = [one if prints(one) else repr(one)[1:-1] for one in text]
        assert printable(text) == "".join(parts)
        assert "".join(p if len(p) == 1 else eval(f"'{p}'") for p in parts) == text  # noqa: S307


def test_messages_of_errors_are_bounded_and_print():
    error = ValueError(f"half {SURROGATE}, {ESCAPE}]0;title\x07 " + "x" * 5_000_000)
    reason = reason_of(error)
    assert reason.startswith("ValueError: half \\ud800, \\x1b]0;title\\x07 xxx")
    assert reason.endswith("x...")
    assert len(reason) < LONGEST + 100
    nested = ValueError(f"Exception encountered when calling Net.call().\n\n{ESCAPE}[2J gone")
    assert line_of(nested) == "\\x1b[2J gone (in Net)"


@pytest.mark.parametrize("text", ["", "naïve", "核", "1 000", "a" * LONGEST])
def test_usual_text_stays(text):
    assert printable(text) == text
