"""Normalisers: from which typed bytes each byte comes that the tokenizer sees."""

import unicodedata

import pytest
from hypothesis import given, settings
from tokenizers import normalizers

from lib.tokens.normalise import NORMALISERS, see
from tests.unit.tokens.servers import nmt
from tests.unit.tokens.texts import is_young, texts


@pytest.mark.parametrize("name", NORMALISERS)
@settings(max_examples=80, deadline=None)
@given(text=texts)
def test_every_seen_byte_comes_from_typed_ones_in_order(name, text):
    seen = see(text, name)
    if seen is None:
        return
    data, (low, high) = text.encode(), seen.arrays()
    assert len(low) == len(high) == len(seen.data)
    assert ((low >= 0) & (low < high) & (high <= len(data))).all()
    assert (low[1:] >= low[:-1]).all()
    assert (high[1:] >= high[:-1]).all()
    for place in range(len(low)):
        typed = data[low[place]]
        if high[place] - low[place] == 1 and seen.data[place] != typed:
            assert chr(seen.data[place]) == NORMALISERS[name](chr(typed))


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
@given(text=texts)
def test_the_parts_join_to_the_whole_of_unicodes_own_forms(form, text):
    seen = see(text, form)
    assert seen is not None
    assert seen.data.decode() == unicodedata.normalize(form, text)


@settings(max_examples=200)
@given(text=texts)
def test_nmt_nfkc_is_what_sentencepiece_does(text):
    old = "".join(letter for letter in text if not is_young(letter))
    seen = see(old, "nmt_nfkc, blanks joined")
    assert seen is not None
    theirs = nmt().normalize(old).replace("\u2581", " ").removeprefix(" ")
    assert seen.data.decode().replace("\u2581", " ") == theirs


@settings(max_examples=200)
@given(text=texts)
def test_bert_uncased_is_what_hugging_face_does_but_for_blanks(text):
    old = "".join(letter for letter in text if not is_young(letter))
    theirs = normalizers.BertNormalizer(lowercase=True).normalize_str(old)
    seen = see(old, "BERT uncased")
    assert seen is not None
    assert seen.without_blanks().data.decode() == "".join(theirs.split())


def test_a_mark_stays_with_its_letter_and_a_jamo_with_its_syllable():
    seen = see("xe\u0301y\u1112\u1161", "NFC")
    assert seen is not None
    assert seen.low.tolist() == [0, 1, 1, 4, 5, 5, 5]
    assert seen.high.tolist() == [1, 4, 4, 5, 11, 11, 11]


def test_a_literal_mark_of_a_blank_is_a_blank_of_three_bytes():
    seen = see("a\u2581b", "").with_plain_blanks()
    assert seen.data == b"a b"
    assert (seen.low.tolist(), seen.high.tolist()) == ([0, 1, 4], [1, 4, 5])


def test_a_normaliser_whose_parts_do_not_join_to_the_whole_is_not_followed(monkeypatch):
    monkeypatch.setitem(NORMALISERS, "backwards", lambda text: text[::-1])
    assert see("aba", "backwards") is not None
    assert see("abc", "backwards") is None
