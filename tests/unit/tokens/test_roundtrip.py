"""Round trips: what is the same, what is the same after a known change, and what differs where."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.roundtrip import MOST_DIFFERENCES, named, round_trip

TEXTS = st.text(st.sampled_from("abé \n你🎉\u0301"), max_size=40)


def rebuilt(text, found):
    """What came back, put together from what went in and the differences."""
    parts, at = [], 0
    for one in found.differences:
        assert text[one.start : one.end] == one.typed
        parts += [text[at : one.start], one.back]
        at = one.end
    return "".join([*parts, text[at:]])


def test_the_same_text_is_equal():
    found = round_trip("你好 🎉", "你好 🎉")
    assert found.is_equal
    assert (found.normaliser, found.differences) == ("", ())


def test_added_tokens_are_taken_off_once():
    assert round_trip("x", "<s>x</s>", before=["<s>"], after=["</s>"]).is_equal
    assert round_trip("<s>x", "<s><s>x", before=["<s>"]).is_equal
    assert round_trip("<s>x", "<s>x", before=["<s>"]).is_equal
    twice = round_trip("x", "<s><s>x", before=["<s>"])
    assert [one.back for one in twice.differences] == ["<s>"]


def test_a_change_that_tokenizers_make_is_named():
    found = round_trip("cafe\u0301!", "caf\u00e9!")
    assert found.normaliser == "NFC"
    (one,) = found.differences
    assert (one.start, one.end, one.typed, one.back) == (3, 5, "e\u0301", "\u00e9")
    assert round_trip("ﬁ①", "fi1").normaliser == "NFKC"
    assert round_trip("Naïve", "naive").normaliser == "BERT uncased"
    spaced = round_trip("hi", " hi", before=["[CLS]"])
    assert spaced.normaliser == "blanks at the ends aside"
    assert not spaced.is_equal


def test_wordpiece_gives_back_words_between_its_added_tokens():
    found = round_trip("Hello", "[CLS] hello [SEP]", before=["[CLS]"], after=["[SEP]"])
    assert found.normaliser == "BERT uncased, blanks at the ends aside"


def test_differences_are_told_character_by_character():
    found = round_trip("price: 5 €, ok", "price: 5 \ufffd, okay")
    assert found.normaliser is None
    assert [(one.start, one.typed, one.back) for one in found.differences] == [
        (9, "€", "\ufffd"),
        (14, "", "ay"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("e\u0301", "U+0065 LATIN SMALL LETTER E, U+0301 COMBINING ACUTE ACCENT"),
        ("\a", "U+0007 control character"),
        ("\ud83d", "U+D83D lone surrogate"),
        ("\ue000", "U+E000 private use"),
        ("\u0378", "U+0378 unassigned"),
        ("", ""),
    ],
)
def test_characters_are_named(text, words):
    assert named(text) == words


def test_only_so_many_characters_are_named():
    assert named("ab", 1) == "U+0061 LATIN SMALL LETTER A, and 1 more"


@given(TEXTS, TEXTS)
def test_differences_lead_from_one_text_to_the_other(text, back):
    found = round_trip(text, back)
    assert found.is_equal == (text == back)
    assert rebuilt(text, found) == back
    assert not found.more


@given(st.lists(st.tuples(st.integers(0, 9_000), st.sampled_from("XY🎉")), max_size=30))
def test_a_long_text_is_compared_as_well(changes):
    text = "".join(f"line {number} of many\n" for number in range(600))
    letters = list(text)
    for place, letter in changes:
        letters[place] = letter
    back = "".join(letters)
    found = round_trip(text, back)
    assert rebuilt(text, found) == back
    assert sum(len(one.typed) for one in found.differences) >= len({p for p, _ in changes}) * (
        text != back
    )
    assert len(found.differences) <= 2 * len(changes)


@given(TEXTS)
def test_composing_is_never_told_as_a_loss(text):
    assert round_trip(text, unicodedata.normalize("NFC", text)).normaliser in {"", "NFC"}


def test_what_was_lost_in_a_long_text_is_found_again():
    text = "".join(f"{number} " for number in range(5_000))
    back = text[:3_000] + text[3_150:9_000] + "new" + text[9_000:]
    found = round_trip(text, back)
    assert rebuilt(text, found) == back
    assert len(found.differences) <= 4


@pytest.mark.parametrize(
    ("one", "other"), [("ab", "ba"), ("a", "b"), ("a ", "a"), ("abab", "aabb")]
)
def test_texts_with_nothing_in_common_take_no_time_and_are_cut_off(one, other):
    started = time.perf_counter()
    found = round_trip(one * 400_000, other * 300_001)
    assert time.perf_counter() - started < 20.0
    assert len(found.differences) <= MOST_DIFFERENCES
