import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui import plain
from tests.support.cost import cost

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (plain.count, 0, "0"),
        (plain.count, 1234, f"1{NARROW}234"),
        (plain.count, 99_999, f"99{NARROW}999"),
        (plain.count, 128_000, f"128{NARROW}k"),
        (plain.count, 1_500_000, f"1.5{NARROW}M"),
        (plain.rate, 0, "0"),
        (plain.rate, 0.004, "< 0.01"),
        (plain.rate, 0.6, "0.60"),
        (plain.rate, 12.34, "12.3"),
        (plain.rate, 1437.2, f"1{NARROW}437"),
        (plain.ratio, 0.0, f"0{NARROW}%"),
        (plain.ratio, 0.004, f"0.4{NARROW}%"),
        (plain.ratio, 0.46, f"46{NARROW}%"),
        (plain.duration, 0, f"0{NARROW}ms"),
        (plain.duration, 0.0042, f"4.2{NARROW}ms"),
        (plain.duration, 0.278, f"278{NARROW}ms"),
        (plain.duration, 0.9999, f"1.00{NARROW}s"),
        (plain.duration, 38.3, f"38.3{NARROW}s"),
        (plain.duration, 600, f"10.0{NARROW}min"),
        (plain.span, 40, f"40{NARROW}s"),
        (plain.span, 61, f"1{NARROW}min"),
        (plain.span, 90_000, f"25{NARROW}h"),
        (plain.span, 200_000, f"2{NARROW}d"),
    ],
)
def test_figures_are_written_in_one_way(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize("write", [plain.count, plain.rate, plain.ratio, plain.duration])
def test_a_missing_value_is_a_dash_and_never_a_zero(write):
    assert write(None) == write(math.nan) == plain.ABSENT


def test_edges_share_their_unit():
    assert plain.between(0.25, 0.5) == f"250–500{NARROW}ms"
    assert plain.between(0.5, 1) == f"0.5–1{NARROW}s"
    assert plain.between(40, math.inf) == f"above 40{NARROW}s"


@given(st.text())
def test_plain_text_is_one_line_without_hidden_characters(text):
    line = plain.plain(text, 40)
    assert len(line) <= 40
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(categories=["L", "N"])))
def test_plain_leaves_ordinary_words_alone(text):
    assert plain.plain(text, 1000) == text


def test_escaped_text_leaves_markdown_nothing_to_read():
    assert plain.escaped("![x](http://h) *b*") == r"\!\[x\]\(http\:\/\/h\) \*b\*"


def test_megabytes_of_text_are_cut_before_they_are_read():
    text = "\u202e " * 4_000_000 + "end"
    whole, _ = cost(text.split)
    seconds, line = cost(lambda: plain.plain(text, 40))
    assert seconds < whole / 10
    assert line == "…"


def test_a_list_names_its_first_and_counts_the_rest():
    assert plain.listed(["a", "b\x1b"], 2) == "a, b"
    assert plain.listed(["x" * 99, *"abcd"], 2, limit=10) == "xxxxxxxxx…, a and 3 more"
