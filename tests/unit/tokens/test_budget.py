"""Cuts keep what they promise, whole characters and the budget, whatever the tokens are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.budget import Keep, room, truncate, verified
from lib.tokens.questions import Encoded
from lib.tokens.statistics import graphemes
from tests.unit.tokens.cuts import Spans, each, placed, spans

FAMILY = "👩\u200d👦"
KEEPS = st.sampled_from(Keep)


# ── Lengths ──


def test_a_length_is_checked_against_limit_and_reserve():
    fits = room(100, 128, reserve=28)
    assert (fits.fits, fits.over, fits.left, fits.budget) == (True, 0, 28, 100)
    over = room(101, 128, reserve=28)
    assert (over.fits, over.over, over.left) == (False, 1, 27)
    assert room(6001, 4096).over == 1905
    assert room(6001, 4096).left == 0
    assert room(64, 256).share == 0.25


def test_without_a_limit_nothing_is_known():
    found = room(5, None, reserve=1)
    assert (found.fits, found.over, found.left, found.share, found.budget) == (None,) * 5


def test_a_server_without_any_context_has_no_share():
    assert room(5, 0).share is None
    assert room(5, 0).over == 5


@pytest.mark.parametrize("wrong", [(-1, 5, 0), (1, -5, 0), (1, 5, -1)])
def test_less_than_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="never below nothing"):
        room(*wrong)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_length_fits_exactly_when_nothing_is_over(tokens, limit, reserve):
    found = room(tokens, limit, reserve)
    assert found.fits == (tokens + reserve <= limit)
    assert found.fits == (found.over == 0)
    if found.fits:
        assert found.left >= reserve
        assert tokens <= found.budget


# ── Cuts ──

HELLO = each("Hello there you", "Hello", " there", " you")


def test_each_end_can_be_kept():
    assert truncate(HELLO, 2, Keep.FRONT).text == "Hello there"
    assert truncate(HELLO, 2, Keep.END).text == " there you"
    both = truncate(HELLO, 2, Keep.BOTH)
    assert (both.text, both.kept, both.dropped) == ("Hello you", (range(1), range(2, 3)), 1)


def test_a_marker_stands_where_something_was_cut_and_is_counted():
    found = truncate(HELLO, 2, Keep.FRONT, " …", 1)
    assert (found.text, found.tokens, found.dropped) == ("Hello …", 2, 2)
    assert truncate(HELLO, 2, Keep.END, "… ", 1).text == "…  you"
    assert truncate(HELLO, 3, Keep.BOTH, "…", 1).text == "Hello there you"
    assert truncate(HELLO, 1, Keep.FRONT, "…", 2).text == ""


def test_no_character_is_cut_though_its_tokens_are():
    split = each("a👩b", "a", b"\xf0\x9f", b"\x91", b"\xa9", "b")
    assert [truncate(split, budget).text for budget in range(6)] == [
        "",
        "a",
        "a",
        "a",
        "a👩",
        "a👩b",
    ]
    ends = [truncate(split, budget, Keep.END).text for budget in range(6)]
    assert ends == ["", "b", "b", "b", "👩b", "a👩b"]


def test_what_a_reader_takes_for_one_is_not_cut_either():
    family = each(f"a{FAMILY}", "a", "👩", "\u200d", "👦")
    assert truncate(family, 3).text == "a"
    assert truncate(family, 3, Keep.END).text == FAMILY
    accent = each("cafe\u0301!", "cafe", "\u0301", "!")
    assert truncate(accent, 1).text == ""


def test_tokens_that_share_a_character_stay_together():
    shared = Spans("ﬁ①", np.array([0, 0, 3]), np.array([3, 3, 6]))
    assert truncate(shared, 1).text == ""
    assert truncate(shared, 2).text == "ﬁ"


def test_added_tokens_are_counted_and_never_cut():
    one = spans("abcd", [1, 2, 3], before=1, after=1)
    found = truncate(one, 4)
    assert (found.text, found.tokens, found.kept) == ("ab", 4, (range(3), range(5, 6)))
    assert truncate(one, 1).text == ""


def test_blanks_that_no_token_covers_stay_with_the_text_between():
    one = Spans("ab cd ef", np.array([0, 3, 6]), np.array([2, 5, 8]))
    assert truncate(one, 2).text == "ab cd"
    assert truncate(one, 2, Keep.END).text == "cd ef"


def test_nothing_is_cut_where_places_are_not_known():
    one = Spans("abcdef", np.array([0, 1, -1, 4, 5]), np.array([1, 2, -1, 5, 6]))
    assert [truncate(one, budget).text for budget in range(6)] == [
        "",
        "a",
        "a",
        "a",
        "abcde",
        "abcdef",
    ]
    lost = Spans("abc", np.full(3, -1), np.full(3, -1))
    assert truncate(lost, 2).text == ""


@given(placed(), st.integers(0, 50), KEEPS, st.integers(0, 3))
def test_a_cut_keeps_the_budget_whole_characters_and_the_ends(one, budget, keep, price):
    found = truncate(one, budget, keep, "¦", price)
    total = len(one.starts)
    assert found.tokens <= budget
    assert found.dropped + sum(map(len, found.kept)) == total
    if total <= budget:
        assert (found.text, found.dropped) == (one.text, 0)
        return
    front, _, back = found.text.partition("¦")
    assert one.text.startswith(front)
    assert one.text.endswith(back)
    middle = one.text[len(front) : len(one.text) - len(back)]
    assert graphemes(front) + graphemes(middle) + graphemes(back) == graphemes(one.text)
    assert keep is not Keep.FRONT or back == ""
    assert keep is not Keep.END or front == ""


@given(placed(), st.integers(0, 50), KEEPS)
def test_a_marker_that_costs_nothing_changes_nothing_else(one, budget, keep):
    bare, marked = truncate(one, budget, keep), truncate(one, budget, keep, "¦")
    assert marked.text.replace("¦", "") == bare.text
    assert (marked.kept, marked.tokens) == (bare.kept, bare.tokens)


@given(placed(letters="abc "), st.integers(0, 50), KEEPS)
def test_where_every_cut_is_clean_the_budget_is_used_up(one, budget, keep):
    total = len(one.starts)
    written = int((one.ends > one.starts).sum())
    found = truncate(one, budget, keep)
    if written and total - written <= budget:
        assert found.tokens == min(budget, total)


# ── Cuts that the server confirms ──


def ask(generator, tokens_of):
    """Drive a generator with a server that counts so; what was asked, and the outcome."""
    asked = []
    try:
        question = next(generator)
        while True:
            asked.append(question)
            question = generator.send(Encoded(list(range(tokens_of(question.text)))))
    except StopIteration as end:
        return asked, end.value


def test_a_cut_that_becomes_as_many_tokens_again_takes_one_question():
    asked, found = ask(verified(HELLO, 2, special=True), lambda text: len(text.split()))
    assert [(one.text, one.special) for one in asked] == [("Hello there", True)]
    assert (found.cut.text, found.counted, found.fits, found.questions) == (
        "Hello there",
        2,
        True,
        1,
    )


def test_a_cut_that_becomes_more_tokens_is_cut_deeper():
    one = spans("x" * 40, range(2, 40, 2))
    # What follows a cut merges no more: three tokens more than before.
    _, found = ask(verified(one, 10), lambda text: -(-len(text) // 2) + 3)
    assert found.fits
    assert 0 < found.counted <= 10
    assert found.questions == 2


def test_the_marker_is_counted_by_the_server_first():
    asked, found = ask(verified(HELLO, 2, marker=" [cut]"), lambda text: len(text.split()))
    assert [one.text for one in asked] == [" [cut]", "Hello [cut]"]
    assert (found.counted, found.fits) == (2, True)


def test_a_server_that_never_agrees_is_asked_so_often_and_no_more():
    one = spans("x" * 4000, range(1, 4000))
    asked, found = ask(verified(one, 3000, questions=5), lambda text: 3001)
    assert (found.fits, found.questions, len(asked)) == (False, 5, 5)


def test_where_not_even_nothing_fits_that_is_said():
    _, found = ask(verified(HELLO, 1), lambda text: 2 + len(text))
    assert (found.cut.text, found.fits, found.counted) == ("", False, 2)


@given(placed(), st.integers(0, 30), KEEPS, st.integers(0, 5), st.integers(1, 3))
def test_what_is_confirmed_fits_and_questions_are_bounded(one, budget, keep, extra, factor):
    asked, found = ask(
        verified(one, budget, keep, "…"), lambda text: extra + factor * len(text.encode())
    )
    assert len(asked) == found.questions <= 9
    assert found.fits == (found.counted <= budget)
    assert found.counted == extra + factor * len(found.cut.text.encode())
