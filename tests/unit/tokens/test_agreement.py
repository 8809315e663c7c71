"""Two tokenizers compared: boundaries of one text, and ids over a fixed set of texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokens.agreement import PROBES, Probed, agreement, compared, probe
from lib.tokens.questions import Encoded
from tests.unit.tokens.cuts import Spans, each, spans

TEXTS = st.text("ab é你", max_size=20)
CUTS = st.lists(st.integers(0, 60), max_size=20)


def probed(tokens_of, special=None, texts=PROBES):
    """A set of texts, asked of a tokenizer that is a function; None of it is a refusal."""
    asking, answer = probe(special, texts), None
    try:
        while True:
            question = asking.send(answer)
            ids = tokens_of(question.text)
            answer = None if ids is None else Encoded(ids)
    except StopIteration as end:
        return end.value


def of_bytes(text):
    return list(text.encode())


# ── One text ──


def test_boundaries_that_differ_are_named():
    found = agreement(
        each("Hello you", "Hello", " you"), each("Hello you", "Hel", "lo", " ", "you")
    )
    assert (found.first, found.second, found.ratio) == (2, 4, 2.0)
    assert found.shared.tolist() == [5]
    assert found.only_first.tolist() == []
    assert found.only_second.tolist() == [3, 6]


def test_a_blank_that_belongs_to_no_token_makes_no_difference():
    bare = Spans("ab cd", np.array([0, 3]), np.array([2, 5]))
    found = agreement(each("ab cd", "ab", " cd"), bare)
    assert not len(found.only_first) + len(found.only_second)


def test_added_tokens_count_and_have_no_boundary():
    found = agreement(each("ab", "a", "b"), spans("ab", [1], before=1, after=1))
    assert (found.first, found.second, found.shared.tolist()) == (2, 4, [1])


def test_unknown_places_are_told():
    lost = Spans("ab", np.array([-1, 1]), np.array([-1, 2]))
    assert not agreement(lost, each("ab", "a", "b")).complete
    assert agreement(each("ab", "ab"), each("ab", "a", "b")).complete


def test_an_empty_text_has_no_ratio():
    found = agreement(spans("", []), spans("", [], before=2))
    assert found.ratio is None


def test_different_texts_are_not_compared():
    with pytest.raises(ValueError, match="same text"):
        agreement(each("a", "a"), each("b", "b"))


@given(TEXTS, CUTS, CUTS)
def test_agreement_is_the_same_from_both_sides(text, one, other):
    first, second = spans(text, one), spans(text, other)
    here, there = agreement(first, second), agreement(second, first)
    assert here.only_first.tolist() == there.only_second.tolist()
    assert here.shared.tolist() == there.shared.tolist()
    inner = len(here.shared) + len(here.only_first)
    assert inner == max(len(first.starts) - 1, 0)
    assert not len(agreement(first, first).only_first)


# ── The set of texts ──


def test_the_probes_are_all_different_and_can_be_sent():
    assert len(set(PROBES)) == len(PROBES) > 20
    assert all(text.encode().decode() == text for text in PROBES)


def test_the_same_tokenizer_is_found_the_same():
    one, other = probed(of_bytes), probed(of_bytes)
    assert one.digest == other.digest
    found = compared(one, other)
    assert found.is_equal
    assert found.words == f"The same tokens, id by id, for all {len(PROBES)} texts."


def test_one_other_id_in_one_text_is_found():
    def nearly(text):
        return [*of_bytes(text)[:-1], 7] if "🇩🇪" in text else of_bytes(text)

    one, other = probed(of_bytes), probed(nearly)
    assert one.digest != other.digest
    found = compared(one, other)
    assert found.is_equal is False
    assert [("🇩🇪" in text) for text in found.different] == [True]


def test_an_added_token_is_a_difference():
    assert compared(probed(of_bytes), probed(lambda text: [1, *of_bytes(text)])).is_equal is False


def test_a_text_that_one_refused_proves_nothing():
    def shy(text):
        return None if "<s>" in text else of_bytes(text)

    found = compared(probed(of_bytes), probed(shy))
    assert found.is_equal is None
    assert len(found.unanswered) == 1
    assert "nothing is proven" in found.words
    assert compared(probed(shy), probed(shy)).is_equal
    nobody = probed(lambda text: None)
    assert compared(nobody, nobody).is_equal is None


def test_answers_to_other_texts_are_not_compared():
    with pytest.raises(ValueError, match="same texts"):
        compared(probed(of_bytes), probed(of_bytes, texts=("a",)))


def test_it_is_asked_as_told():
    assert next(probe(special=False)).special is False
    assert next(probe()).special is None


IDS = st.none() | st.lists(st.integers(0, 300), max_size=3).map(tuple)


@given(st.lists(IDS, max_size=4), st.lists(IDS, max_size=4))
def test_digests_are_the_same_only_for_the_same_ids(one, other):
    first = Probed(tuple("abcd"[: len(one)]), tuple(one))
    second = Probed(tuple("abcd"[: len(other)]), tuple(other))
    assert (first.digest == second.digest) == (one == other)
