"""Answers that lie and texts that are huge: one sentence each, in seconds, and no wrong span."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.tokens import (
    Decoded,
    Encoded,
    Family,
    Fit,
    Kind,
    Profile,
    Unreadable,
    align,
    faults,
    questions,
)
from tests.unit.tokens.servers import Recorded, drive, known
from tests.unit.tokens.texts import texts

MANY = 300_000
FAMILIES = list(Family)


def aligned(text, encoded, profile, **options):
    return drive(align(text, encoded, profile, **options), Recorded({}))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(
    text=texts,
    pieces=st.lists(
        st.one_of(st.text(max_size=6), st.none(), st.binary(max_size=4), st.just("\ud83d"))
    ),
)
def test_pieces_made_up_give_a_sound_alignment_or_none(family, text, pieces):
    found = aligned(text, Encoded(list(range(len(pieces))), pieces), Profile(family))
    assert faults(found) == ""
    assert found.text == text
    if found.fit in {Fit.UNALIGNED, Fit.APPROXIMATE}:
        assert found.reason.endswith(".")


@settings(max_examples=80, deadline=None)
@given(text=texts, data=st.data())
def test_a_token_that_spells_another_byte_never_takes_one_of_the_text(text, data):
    server, profile = known("Llama-3-like")
    ids, pieces = server.answer_pieces(text)
    if not ids:
        return
    lied = data.draw(st.integers(0, len(ids) - 1))
    found = aligned(
        text, Encoded(ids, [*pieces[:lied], "QQQ", *pieces[lied + 1 :]], special=False), profile
    )
    assert found.fit in {Fit.UNALIGNED, Fit.APPROXIMATE}
    assert found.starts[lied] == -1
    honest = aligned(text, Encoded(ids, pieces, special=False), profile)
    for index in range(len(ids)):
        if found.starts[index] >= 0:
            assert found.starts[index] == honest.starts[index]
            assert found.ends[index] == honest.ends[index]


def test_after_a_lie_the_tokens_are_placed_again_where_only_they_fit():
    pieces = ["The", "ĠWRONG", "Ġfox", "Ġjumps", "Ġover", "Ġthe", "Ġlazy", "Ġdog"]
    text = "The quick fox jumps over the lazy dog"
    found = aligned(text, Encoded(list(range(8)), pieces), Profile(Family.BYTE_LEVEL))
    assert found.fit is Fit.APPROXIMATE
    assert found.starts.tolist() == [0, -1, 9, 13, 19, 24, 28, 33]
    assert "character 4" in found.reason
    assert found.dropped == ()


def test_after_a_lie_nothing_is_placed_that_would_fit_in_two_places():
    pieces = ["LIE", " same words here again", " LIE"]
    text = "x same words here again y same words here again z"
    found = aligned(text, Encoded([1, 2, 3], pieces), Profile(Family.PLAIN))
    assert found.starts.tolist() == [-1, -1, -1]
    assert found.fit is Fit.UNALIGNED


def test_unknown_tokens_side_by_side_are_one_group():
    pieces = ["▁a", "<unk>", "<unk>", "b"]
    found = aligned("a漢字語b", Encoded([1, 2, 2, 3], pieces), Profile(Family.SENTENCEPIECE))
    assert found.fit is Fit.GROUPED
    assert found.shared == {1, 2}
    assert found.starts.tolist() == [0, 1, 1, 10]
    assert found.ends.tolist() == [1, 10, 10, 11]
    assert found.groups.tolist() == [0, 1, 1, 2]
    assert "2 tokens" in found.reason


def test_a_blank_before_a_text_of_nothing_but_blanks_is_told_from_those_typed():
    pieces = ["▁"] * (MANY + 1)
    found = aligned(" " * MANY, Encoded([5] * (MANY + 1), pieces), Profile(Family.SENTENCEPIECE))
    assert found.fit is Fit.EXACT
    assert found.kinds[0] == Kind.PREFIX
    assert found.ends[-1] == MANY


def test_tokens_that_end_before_the_text_does_say_where():
    found = aligned("abcdef", Encoded([1, 2], ["ab", "c"]), Profile(Family.BYTE_LEVEL))
    assert found.fit is Fit.APPROXIMATE
    assert found.ends.tolist() == [2, 3]
    assert found.reason == "From character 4 on, the tokens do not spell the text."


def test_pieces_of_another_number_than_ids_are_left_aside():
    found = drive(
        align("ab", Encoded([5, 6], ["a"]), Profile(Family.BYTE_LEVEL)),
        Recorded({(5,): "a", (6,): "b"}),
    )
    assert found.fit is Fit.EXACT
    assert found.ends.tolist() == [1, 2]
    assert found.reason == "The server named 1 pieces for 2 tokens."


@pytest.mark.parametrize("absurd", [2**63, 10**40, -(10**30), None, "7", 1.5, 1.5j])
def test_an_impossible_id_is_refused_in_one_sentence(absurd):
    with pytest.raises(Unreadable, match=r"^The server named a token id .*\.$"):
        aligned("a", Encoded([absurd], ["a"]), Profile())


@pytest.mark.parametrize("odd", [-5, 2**40])
def test_an_id_that_cannot_be_asked_about_is_not_asked_about(odd):
    server = Recorded({(7,): "a"})
    found = drive(align("ab", Encoded([7, odd]), Profile(Family.PLAIN)), server)
    assert server.asked == 1
    assert faults(found) == ""


def test_no_more_questions_are_asked_than_allowed_and_none_twice():
    server, memory = Recorded({(one,): "x" for one in range(50)}), Decoded()
    encoded = Encoded(list(range(50)) * 2)
    drive(align("x" * 100, encoded, Profile(Family.PLAIN), memory=memory, calls=10), server)
    assert server.asked == 10
    found = drive(align("x" * 100, encoded, Profile(Family.PLAIN), memory=memory), server)
    assert server.asked == 50
    assert found.fit is Fit.EXACT


def test_no_more_text_is_remembered_than_allowed_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(questions, "_KEPT_CHARACTERS", 100)
    memory = Decoded()
    for one in range(9):
        memory.keep((one % 5,), "x" * 30)
    assert list(memory.texts) == [(1,), (2,), (3,)]
    assert memory.size == 93


def test_what_was_typed_as_an_unknown_token_is_no_unknown_token():
    found = aligned("[UNK] é", Encoded([1, 1], ["[UNK]"] * 2), Profile(Family.WORDPIECE))
    assert [Kind(kind) for kind in found.kinds] == [Kind.SPECIAL, Kind.UNKNOWN]


LIES = {
    "nothing joins": ("x" * MANY, ["y"] * MANY, Profile(Family.BYTE_LEVEL)),
    "every second lies": ("ab" * MANY, ["a", "c"] * (MANY // 2), Profile(Family.BYTE_LEVEL)),
    "cut for ever": ("🙂" * (MANY // 4), ["\ufffd"] * MANY, Profile(Family.PLAIN)),
    "long cut pieces": (
        "\ufffd" * MANY,
        ["\ufffd" * 60 + "x" * 1000] * MANY,
        Profile(Family.PLAIN),
    ),
    "unknown for ever": ("é" * MANY, ["<unk>"] * MANY, Profile(Family.SENTENCEPIECE)),
    "too many blanks": (" " * (MANY - 5), ["▁"] * MANY, Profile(Family.SENTENCEPIECE)),
    "no family": ("Éé\u0301 X" * 100_000, ["q"] * MANY, Profile()),
    "no pieces": ("a" * MANY, None, Profile(Family.BYTE_LEVEL)),
}


@pytest.mark.parametrize("name", LIES)
def test_300_000_tokens_that_lie_are_given_up_in_seconds(name):
    text, pieces, profile = LIES[name]
    began = time.process_time()
    found = aligned(text, Encoded([5] * MANY, pieces), profile)
    assert time.process_time() - began < 15
    assert faults(found) == ""
    assert found.fit is Fit.UNALIGNED
    assert (found.starts == -1).all()


def test_5_megabytes_are_aligned_with_a_normaliser():
    server, profile = known("Qwen-like")
    part = "The quick 你好世界 naïve cafe\u0301 🎉\n"
    times = 5_000_000 // len(part.encode()) + 1
    ids, pieces = server.answer_pieces(part)
    began = time.process_time()
    found = aligned(part * times, Encoded(ids * times, pieces * times), profile)
    assert time.process_time() - began < 15
    assert found.fit is Fit.NORMALISED
    assert found.ends[-1] == len((part * times).encode())
    assert faults(found) == ""


def test_tokens_whose_text_is_not_known_are_put_nowhere():
    text = "né 你"
    ids = list(range(len(text.encode())))
    for pieces in ([None] * len(ids), ["n", *[None] * (len(ids) - 1)]):
        found = aligned(text, Encoded(ids, pieces), Profile())
        assert found.fit in {Fit.UNALIGNED, Fit.APPROXIMATE}
        assert (found.starts[[piece is None for piece in pieces]] == -1).all()
