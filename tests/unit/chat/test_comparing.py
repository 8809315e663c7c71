"""Where answers part, and what differs in their figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api.deltas import Usage, timing
from lib.chat.comparing import (
    Sent,
    cache,
    first_difference,
    runs_agree,
    side_by_side,
    word_diff,
)
from lib.chat.figures import figures
from tests.support.cost import cost
from tests.unit.chat.said import reply, says, streamed

TEXTS = st.text(alphabet="ab e\u0301\n🎉", max_size=30)


def said(text, *ids):
    return reply(says(0.1, text, ids=ids or None))


def test_answers_of_the_same_tokens_are_the_same():
    assert first_difference(said("ab", 1, 2), said("ab", 1, 2)) is None
    assert first_difference(said("ab"), said("ab")) is None


def test_tokens_go_before_text():
    found = first_difference(said("one two", 1, 2, 3), said("one too", 1, 2, 4))
    assert (found.at, found.unit) == (2, "token")
    assert (found.before, found.one, found.other) == ("one t", "wo", "oo")
    same_text = first_difference(said("ab", 1, 2), said("ab", 3))
    assert (same_text.at, same_text.one, same_text.other) == (0, "", "")


def test_an_answer_that_goes_on_parts_where_the_other_ends():
    assert first_difference(said("ab", 1, 2), said("abc", 1, 2, 3)).at == 2


def test_without_ids_a_character_is_what_a_reader_takes_for_one():
    found = first_difference(said("e\u0301e\u0301a"), said("e\u0301e\u0301b", 1))
    assert (found.at, found.unit) == (2, "character")


def test_reasoning_and_tools_are_compared_too():
    one = reply(says(0.1, "x", "why"), says(0.2, tool=("f", "{}")))
    other = reply(says(0.1, "x", "why"), says(0.2, tool=("g", "{}")))
    assert first_difference(one, one) is None
    assert first_difference(one, other).one == "f({})"


@given(TEXTS, TEXTS)
def test_two_texts_part_once_or_never(one, other):
    found = first_difference(said(one), said(other))
    back = first_difference(said(other), said(one))
    assert (found is None) == (one == other)
    assert found is None or (found.at, found.one, found.other) == (back.at, back.other, back.one)


def test_runs_that_are_the_same_agree():
    found = runs_agree([said("ab", 1, 2)] * 3)
    assert (found.same, found.at, found.groups) == (True, None, ((0, 1, 2),))
    assert found.words == "All 3 answers are the same."


def test_runs_that_part_are_told_by_their_first_parting():
    found = runs_agree([said("abc", 1, 2, 3), said("abd", 1, 2, 4), said("axd", 1, 9, 4)] * 2)
    assert (found.same, found.at) == (False, 1)
    assert found.groups == ((0, 3), (1, 4), (2, 5))
    assert "3 different answers of 6: they part at token 2" in found.words


def test_the_largest_group_comes_first():
    assert runs_agree([said("a"), said("b"), said("b")]).groups == ((1, 2), (0,))


@pytest.mark.parametrize("replies", [[], [said("a")]])
def test_one_answer_agrees_with_nobody(replies):
    assert runs_agree(replies).same is None


def test_words_that_differ_are_told():
    assert word_diff("the cat sat", "the dog sat") == (
        ("same", "the "),
        ("out", "cat"),
        ("in", "dog"),
        ("same", " sat"),
    )


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_difference(one, other):
    ops = word_diff(one, other)
    assert "".join(text for op, text in ops if op != "in") == one
    assert "".join(text for op, text in ops if op != "out") == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a " * 50_000 + "x", "b " + "a " * 50_000),
        ("a " * 990 + "b", "c " + "a " * 990),
        (" ".join(map(str, range(990))), " ".join(map(str, reversed(range(990))))),
    ],
)
def test_long_texts_are_compared_in_a_moment(one, other):
    seconds, ops = cost(lambda: word_diff(one, other))
    assert seconds < 5
    assert "".join(text for op, text in ops if op != "in") == one


def test_figures_stand_side_by_side_with_their_ratio():
    answers = [streamed("a", "b"), streamed("a", "b", "c", start=1.0, step=0.2)]
    found = side_by_side(
        [(name, figures(one, timing(one))) for name, one in zip("xy", answers, strict=True)]
    )
    assert found.header == ("", "x", "y", "Second / first")
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows["TTFT"][2] == "× 2.00"
    assert rows["Answer"] == ("2", "3", "× 1.50")
    assert rows["Finish"] == ("stop", "stop", "")
    assert rows["Cached"] == ("not reported", "not reported", "")


def test_a_figure_that_only_one_has_leaves_a_gap_in_the_other():
    answers = [streamed("a"), streamed("a", times={"queue": 0.1}), streamed("b")]
    found = side_by_side([(str(n), figures(one, timing(one))) for n, one in enumerate(answers)])
    assert found.header == ("", "0", "1", "2")
    assert ("Queue", "–", "100\u202fms", "–") in found.rows


def sent(ttft, usage=None):
    return Sent(timing(streamed("a", start=ttft)), usage)


def test_a_warm_prompt_that_comes_sooner_shows_the_cache():
    first, second = cache(sent(0.8), sent(0.1, Usage(512, 1, 496)))
    assert first.startswith("The cache works")
    assert "8.0 times sooner" in first
    assert "496 of 512 tokens (97" in second


def test_what_is_not_told_of_the_cache_is_not_zero():
    assert "does not report" in cache(sent(0.8), sent(0.7))[1]
    assert "does not report" in cache(sent(0.8), sent(0.7, Usage(512, 1)))[1]
    assert "none of the prompt" in cache(sent(0.8), sent(0.7, Usage(512, 1, 0)))[1]


def test_what_the_times_and_the_count_say_is_not_at_odds():
    def said(warm, cached):
        return cache(sent(0.8), sent(warm, Usage(512, 1, cached)))[0]

    assert said(0.1, None).startswith("It looks as if")
    assert "not for the cache" in said(0.1, 0)
    assert said(0.75, 496).startswith("The cache works, but")


def test_a_prompt_that_comes_as_late_again_shows_no_cache():
    assert "No difference" in cache(sent(0.8), sent(0.75))[0]
    nothing = Sent(timing(reply()), None)
    assert "not known" in cache(nothing, sent(0.1))[0]
