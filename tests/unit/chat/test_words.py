"""Figures in sentences are written as the drawing room writes them."""

from hypothesis import example, given
from hypothesis import strategies as st

from lib.chat.words import count, counted, duration, share
from lib.ui import plain


@given(st.none() | st.floats(0, 1e6) | st.just(float("nan")))
@example(0.00999)
@example(0.9995)
def test_times_are_written_as_on_every_page(seconds):
    assert duration(seconds) == plain.duration(seconds)


@given(st.none() | st.floats(0, 2))
def test_shares_are_written_as_on_every_page(value):
    assert share(value) == plain.ratio(value)


@given(st.none() | st.integers(0, 99_999))
def test_counts_are_written_as_on_every_page(value):
    assert count(value) == plain.count(value)


def test_a_number_comes_with_its_noun():
    assert counted(1, "token") == "1 token"
    assert counted(0, "token") == "0 tokens"
    assert counted(2, "more request") == "2 more requests"
    assert counted(2, "reply", "replies") == "2 replies"
