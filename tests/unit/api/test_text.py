import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.text import plain_line


@given(st.text() | st.binary(), st.integers(2, 50))
def test_a_line_is_short_and_holds_no_control_character(text, limit):
    line = plain_line(text, limit)
    assert len(line) <= limit
    assert not any(unicodedata.category(char).startswith("C") for char in line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\r\ntwo\tthree", "one two three"),
        ("\x1b[31mred", "[31mred"),
        ("a\u202eb\u200bc", "abc"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_what_could_forge_or_colour_is_gone(text, line):
    assert plain_line(text) == line
