"""The tokens of an answer: where each stands in the text, and how sure the model was of it."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.api.deltas import Delta, Probability, TokenChoice
from lib.chat.placing import places
from lib.chat.probabilities import layer, unnamed
from tests.unit.chat.said import choice, data, reply, says, token

TEXTS = st.text(alphabet=st.sampled_from("ab \n.é你🎉\u0301<"), max_size=30)


def answered(content, *choices, reasoning=""):
    return reply(
        *([says(0.1, reasoning=reasoning)] if reasoning else []),
        data(0.2, Delta(content=content, choices=choices)),
    )


def texts(found):
    return [row.text for row in found.rows]


def groups(found):
    return [row.group for row in found.rows]


def spelt(found):
    return "".join(row.text for row in found.rows if row.group is not None)


def cut(content, where):
    """The bytes of a text, cut at any of them."""
    raw = content.encode()
    ends = sorted({0, len(raw), *(at % (len(raw) + 1) for at in where)})
    return [raw[start:end] for start, end in pairwise(ends)]


def test_tokens_that_spell_the_text_stand_in_it():
    found = layer(answered("Hello you", choice("Hello"), choice(" you")))
    assert found.placed
    assert texts(found) == ["Hello", " you"]
    assert groups(found) == [0, 1]
    assert found.words == ""


def test_a_cut_character_is_one_group():
    emoji = "🎉".encode()
    found = layer(
        answered(
            "a🎉b",
            choice("a"),
            choice("\ufffd", raw=emoji[:2]),
            choice("\ufffd", raw=emoji[2:]),
            choice("b"),
        )
    )
    assert texts(found) == ["a", "🎉", "", "b"]
    assert groups(found) == [0, 1, 1, 2]


def test_a_cut_character_that_a_server_only_replaces_is_one_group_too():
    found = layer(answered("a🎉 b", *map(choice, ["a", "\ufffd", "\ufffd", "\ufffd", " b"])))
    assert texts(found) == ["a", "🎉", "", "", " b"]
    assert groups(found) == [0, 1, 1, 1, 2]


def test_a_replaced_character_that_the_model_wrote_stands_there():
    assert texts(layer(answered("a\ufffdb", *map(choice, ["a", "\ufffd", "b"])))) == [
        *("a", "\ufffd", "b")
    ]


def test_tokens_of_nothing_belong_to_the_cut_character_that_follows():
    found = layer(answered("a🎉b", *map(choice, ["a", "", "", "🎉", "b"])))
    assert texts(found) == ["a", "🎉", "", "", "b"]
    assert groups(found) == [0, 1, 1, 1, 2]
    assert groups(layer(answered("ab", *map(choice, ["a", "", "b"])))) == [0, 1, 2]


def test_tokens_that_lost_their_blanks_find_them():
    found = layer(answered(" Tell me: you", *map(choice, ["", "Tell", "me", ":", "", "you"])))
    assert found.placed
    assert spelt(found) == " Tell me: you"
    assert [row.text for row in found.rows if row.text] == [" Tell", " me", ":", " you"]


def test_what_the_server_left_out_has_no_place():
    found = layer(answered("Hi you", *map(choice, ["<|start|>", "Hi", " you", "<|im_end|>"])))
    assert found.placed
    assert groups(found) == [None, 0, 1, None]
    assert texts(found)[-1] == "<|im_end|>"


def test_what_follows_a_stop_text_has_no_place():
    found = layer(answered("one tw", *map(choice, ["one", " two", "###", " more"])))
    assert texts(found)[:2] == ["one", " tw"]
    assert groups(found) == [0, 1, None, None]


def test_reasoning_has_no_place_in_the_answer():
    told = map(choice, ["42", "?", "</think>", "\n\n", "42", "!"])
    found = layer(answered("42!", *told, reasoning="42?"))
    assert found.placed
    assert groups(found) == [None, None, None, None, 0, 1]
    assert spelt(found) == "42!"


def test_an_answer_that_may_begin_in_two_places_is_told_apart_by_its_end():
    told = map(choice, ["a", "a", "</think>", "a"])
    found = layer(answered("a", *told, reasoning="aa"))
    assert groups(found) == [None, None, None, 0]


def test_tokens_of_another_text_stand_alone():
    found = layer(answered("Good day", choice("Hello"), choice(" you")))
    assert not found.placed
    assert texts(found) == ["Hello", " you"]
    assert groups(found) == [None, None]
    assert "could not be placed" in found.words


def test_tokens_that_are_too_few_stand_alone():
    assert not layer(answered("Hello you", choice("Hello"))).placed


def test_a_tool_call_has_tokens_but_no_text():
    found = layer(answered("", choice("{"), choice("}")))
    assert (found.placed, texts(found)) == (False, ["{", "}"])
    assert "no text of an answer" in found.words


def test_an_answer_without_probabilities_has_no_rows():
    found = layer(answered("Hello"))
    assert (found.rows, found.placed) == ((), False)
    assert "No probabilities" in found.words


def test_ids_without_text_are_asked_for_once_and_then_placed():
    one = TokenChoice(Probability("", -0.1, 7), (Probability("", -0.1, 7), Probability("", -3, 9)))
    answer = answered("Hi", one)
    assert unnamed(answer) == (7, 9)
    assert not layer(answer).placed
    found = layer(answer, {7: "Hi", 9: "Ho"})
    assert texts(found) == ["Hi"]
    assert [other.text for other in found.rows[0].alternatives] == ["Hi", "Ho"]


def test_ids_of_the_answer_are_the_ids_of_its_tokens():
    told = (choice("Hi"), choice("!"))
    answer = reply(data(0.1, Delta(content="Hi!", choices=told, ids=(5, 6))))
    assert [row.id for row in layer(answer).rows] == [5, 6]
    more = reply(data(0.1, Delta(content="Hi!", choices=told, ids=(5, 6, 7))))
    assert [row.id for row in layer(more).rows] == [None, None]


def test_probability_rank_and_entropy():
    row = layer(answered("b", choice("b", 0.25, ("a", 0.5)))).rows[0]
    assert row.probability == pytest.approx(0.25)
    assert row.rank == 2
    assert row.entropy == pytest.approx(1.5)
    assert [one.text for one in row.alternatives] == ["a", "b"]


def test_a_token_below_all_that_were_told_has_no_rank_and_still_counts():
    chosen = token("z", math.log(0.25))
    top = (token("a", math.log(0.5)),)
    row = layer(answered("z", TokenChoice(chosen, top))).rows[0]
    assert row.rank is None
    assert row.entropy == pytest.approx(1.5)


@pytest.mark.parametrize("told", [2, 5, 20])
def test_a_model_that_knows_nothing_is_as_unsure_as_its_vocabulary_is_large(told):
    flat = TokenChoice(
        token("0", math.log(1 / 4096)),
        tuple(token(str(n), math.log(1 / 4096)) for n in range(told)),
    )
    assert layer(answered("0", flat)).rows[0].entropy == pytest.approx(12)


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=12), st.integers(1, 12), st.data())
def test_the_entropy_is_never_more_than_that_of_all_tokens(weights, told, drawn):
    shares = sorted((one / sum(weights) for one in weights), reverse=True)
    names = [token(str(n), math.log(one)) for n, one in enumerate(shares)]
    chosen = drawn.draw(st.sampled_from(names))
    top = (*names[:told], *([] if chosen in names[:told] else [chosen]))
    whole = -sum(one * math.log2(one) for one in shares)
    found = layer(answered("x", TokenChoice(chosen, top))).rows[0].entropy
    assert found <= whole + 1e-9
    assert told < len(shares) or found == pytest.approx(whole)


def test_what_was_not_told_is_not_known():
    row = layer(answered("a", TokenChoice(Probability("a", None, None, b"a")))).rows[0]
    assert (row.probability, row.entropy, row.rank) == (None, None, None)
    row = layer(answered("a", TokenChoice(Probability("a", -9999.0, None, b"a")))).rows[0]
    assert row.probability == 0.0


def test_a_model_that_was_never_trained_is_told():
    flat = TokenChoice(token("a", -11.9312), (token("a", -11.9312), token("b", -11.9313)))
    told = layer(answered("aaa", flat, flat, flat)).flat
    assert "random or broken" in told
    assert "151,9" in told


@pytest.mark.parametrize(
    ("probability", "other"), [(0.9, 0.05), (0.001, 0.0001), (0.5, 0.499), (1e-6, 1e-9)]
)
def test_a_model_that_prefers_anything_is_no_random_one(probability, other):
    one = choice("a", probability, ("b", other))
    assert layer(answered("aaa", one, one, one)).flat == ""


def test_one_token_or_no_alternative_says_nothing_of_the_weights():
    alone = TokenChoice(token("a", -11.9), (token("a", -11.9),))
    assert layer(answered("aaa", alone, alone, alone)).flat == ""
    flat = TokenChoice(token("a", -11.9), (token("a", -11.9), token("b", -11.9)))
    assert layer(answered("a", flat)).flat == ""


NUMBERS = st.none() | st.floats(-1e12, 1e12) | st.floats(-20, 1e-6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4))
@example([(1000.0, 1000.0, 1000.0)])
@example([(-8000.0, -8000.0, -8000.0)] * 2)
def test_whatever_a_server_calls_a_probability_is_one_or_none(numbers):
    told = [
        TokenChoice(token("a", one), (token("a", two), token("b", three)))
        for one, two, three in numbers
    ]
    found = layer(answered("a" * len(told), *told))
    for row in found.rows:
        assert row.probability is None or 0 <= row.probability <= 1
        assert row.entropy is None or row.entropy >= 0
    assert found.flat == "" or "1 in" in found.flat


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_a_text_cut_anywhere_comes_together_again(content, where):
    pieces = cut(content, where)
    found = layer(answered(content, *(choice("?", raw=one) for one in pieces)))
    assert found.placed == bool(content)
    assert not content or spelt(found) == content


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_every_token_stands_where_its_bytes_are(content, where):
    pieces = cut(content, where)
    spans = places(content.encode(), pieces)
    at = 0
    for piece, (start, end) in zip(pieces, spans, strict=True):
        assert start <= at
        assert at + len(piece) <= end
        at += len(piece)


@given(TEXTS, TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_tokens_are_placed_in_no_other_text(content, other, where):
    pieces = cut(other, where)
    spans = places(content.encode(), pieces)
    if content and spans is not None:
        # what is cut off at the end is the stop text: the rest must be spelt, blanks apart
        assert other.replace(" ", "").startswith(content.replace(" ", ""))


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12), st.lists(st.integers(0, 20), max_size=3))
def test_control_tokens_between_change_no_place(content, where, marks):
    pieces = cut(content, where)
    mixed = list(pieces)
    for at in marks:
        mixed.insert(at % (len(mixed) + 1), b"<|im_end|>")
    spans = places(content.encode(), mixed)
    placed = [span for span, piece in zip(spans, mixed, strict=True) if piece in pieces]
    assert placed == places(content.encode(), pieces)


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_replaced_bytes_are_placed_between_characters_or_not_at_all(content, where):
    pieces = [piece.decode("utf-8", "replace") for piece in cut(content, where)]
    found = layer(answered(content, *map(choice, pieces)))
    if found.placed:
        assert spelt(found) == content


@given(st.lists(st.text("abé🎉", min_size=1, max_size=4), min_size=1, max_size=8))
def test_words_without_their_blanks_are_placed_in_their_text(words):
    found = layer(answered(" " + " ".join(words), *map(choice, words)))
    assert found.placed
    assert [row.text for row in found.rows] == [" " + word for word in words]


@given(TEXTS, TEXTS.filter(bool), st.lists(st.integers(0, 200), max_size=8))
def test_an_answer_after_reasoning_is_placed_at_its_end(thought, content, where):
    pieces = [*cut(thought, where), b"</think>", *cut(content, where)]
    told = [choice("?", raw=one) for one in pieces]
    found = layer(answered(content, *told, reasoning=thought or "x"))
    if found.placed:
        assert spelt(found) == content
        assert found.rows[-1].group is not None


def test_a_long_answer_is_placed_in_a_moment():
    tokens = [b" word"] * 20_000
    spans = places(b" word" * 20_000, tokens)
    assert spans[-1] == (99_995, 100_000)
    assert places("é".encode() * 5_000, ["\ufffd".encode()] * 5_000) is None
