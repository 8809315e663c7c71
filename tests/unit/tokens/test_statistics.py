"""Figures of texts whose counts are known by hand, and what holds for every text."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.statistics import figures, graphemes, is_between_graphemes, words

FAMILY = "👩\u200d👦"
ANY = st.text(st.characters(exclude_categories=[]), max_size=60)
TANGLED = st.text(
    st.sampled_from("ae\u0600\u0301\u200d👩👦🇩🇪\r\n \u1112\u1161\u11abक्षि"), max_size=40
)


def test_a_text_is_counted_in_every_way():
    found = figures(f"你好 {FAMILY} café", 9)
    assert (found.characters, found.graphemes, found.bytes, found.words) == (11, 9, 24, 3)
    assert found.characters_per_token == pytest.approx(11 / 9)
    assert found.bytes_per_token == pytest.approx(24 / 9)
    assert found.tokens_per_word == 3.0


def test_an_empty_text_has_figures_and_no_ratios():
    found = figures("", 2, added=2)
    assert (found.characters, found.graphemes, found.bytes, found.words) == (0, 0, 0, 0)
    assert found.characters_per_token is None
    assert found.bytes_per_token is None
    assert found.tokens_per_word is None


def test_what_has_no_answer_yet_has_no_ratios():
    found = figures("some text", None)
    assert (found.characters, found.words) == (9, 2)
    assert found.characters_per_token is None
    assert found.tokens_per_word is None


def test_added_tokens_are_in_no_ratio():
    assert figures("abcd", 4, added=2).characters_per_token == 2.0


def test_signs_without_words_have_no_tokens_per_word():
    assert figures("!?", 2).tokens_per_word is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("don't stop", 2),
        ("well-known", 2),
        ("3.14 and 1,000", 3),
        ("one,two", 2),
        ("naïve cafe\u0301", 2),
        ("人工智能", 4),
        ("これはテスト", 4),
        ("スーパー", 1),
        ("Hello 世界!", 3),
        ("สวัสดีครับ", 1),
        ("안녕하세요 세계", 2),
        ("नमस्ते दुनिया", 2),
        ("__init__(self)", 2),
        ("... --- !!!", 0),
    ],
)
def test_words_are_counted_as_the_module_says(text, count):
    assert words(text) == count


def test_a_note_says_how_words_without_blanks_are_counted():
    assert figures("plain", 1).words_note == ""
    assert "Chinese" in figures("人工", 1).words_note
    assert "Thai" in figures("สวัสดี", 1).words_note


@given(ANY)
def test_counts_are_ordered(text):
    found = figures(text, 3)
    assert found.graphemes <= found.characters <= found.bytes <= 4 * found.characters
    assert found.words <= found.characters
    assert (found.graphemes == 0) == (text == "")


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_the_short_way_for_ascii_counts_graphemes_alike(text):
    with_one_more = graphemes(text + " é")
    assert graphemes(text) == with_one_more - 2


@given(TANGLED)
def test_graphemes_are_those_of_unicode(text):
    assert graphemes(text) == len(regex.findall(r"\X", text))


def test_a_long_row_of_flags_is_counted_as_fast_as_any_text():
    assert graphemes("🇩" * 200_001) == 100_001


@given(TANGLED)
def test_cuts_between_graphemes_are_as_many_as_there_are_graphemes(text):
    cuts = sum(is_between_graphemes(text, at) for at in range(len(text)))
    assert cuts == graphemes(text)


def test_a_cut_far_behind_the_last_plain_character_is_judged_too():
    flags = "🇩🇪" * 900
    assert is_between_graphemes(flags, 1000)
    assert not is_between_graphemes(flags, 1001)


@given(TANGLED)
def test_graphemes_do_not_depend_on_how_accents_are_spelled(text):
    assert graphemes(unicodedata.normalize("NFC", text)) == graphemes(text)
