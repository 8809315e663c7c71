"""What is learnt of a tokenizer from the empty text and the probe, with and without pieces."""

import pytest

from lib.tokens import PROBE, Decode, Encode, Encoded, Family, Profile, learn
from tests.unit.tokens.servers import Server, drive, known, known_mute

JOINED = "nmt_nfkc, blanks joined"
LEARNT = {
    "Tekken, byte-level": (Family.BYTE_LEVEL, "", Family.PLAIN),
    "Tekken, decoded pieces": (Family.PLAIN, "", Family.PLAIN),
    "Mistral SentencePiece v1": (Family.SENTENCEPIECE, "", Family.SENTENCEPIECE),
    "Mistral SentencePiece v3": (Family.SENTENCEPIECE, "", Family.SENTENCEPIECE),
    "SentencePiece nmt_nfkc": (Family.SENTENCEPIECE, JOINED, Family.SENTENCEPIECE),
    "Qwen-like": (Family.BYTE_LEVEL, "NFC", Family.PLAIN),
    "Llama-3-like": (Family.BYTE_LEVEL, "", Family.PLAIN),
    "Llama-2-like": (Family.SENTENCEPIECE, "", Family.SENTENCEPIECE),
    "Unigram NFKC": (Family.SENTENCEPIECE, "NFKC", Family.SENTENCEPIECE),
    "BERT-like": (Family.WORDPIECE, "BERT uncased", Family.WORDPIECE),
}
ADDED = {
    "Tekken, byte-level": ((1,), ()),
    "Qwen-like": ((), ()),
    "Llama-3-like": ((0,), ()),
    "Unigram NFKC": ((), (1,)),
    "BERT-like": ((2,), (3,)),
}


@pytest.mark.parametrize("name", LEARNT)
def test_family_and_normaliser_are_found_by_trying(name):
    family, normaliser, decoded = LEARNT[name]
    profile, mute = known(name)[1], known_mute(name)[1]
    assert (profile.family, profile.normaliser) == (family, normaliser)
    assert (mute.family, mute.normaliser) == (decoded, normaliser)


@pytest.mark.parametrize("name", ADDED)
def test_the_empty_text_tells_what_the_server_adds(name):
    profile = known(name)[1]
    assert (profile.prefix, profile.suffix) == ADDED[name]
    assert profile.bare == ((), ())


def test_added_tokens_are_counted_only_where_they_stand():
    profile = Profile(prefix=(1,), suffix=(2,), bare=((7,), ()))
    assert profile.added([1, 5, 2], None) == (1, 1)
    assert profile.added([5, 2], special=True) == (0, 1)
    assert profile.added([1, 5, 2], special=False) == (0, 0)
    assert profile.added([7, 5], special=False) == (1, 0)
    assert profile.added([1], None) == (0, 0)


def test_tokens_that_are_added_even_when_none_are_asked_for_are_known():
    server, _ = known("BERT-like")
    stubborn = Server(lambda text, _: server.ids(text, True), server.decode, server.pieces)
    profile = stubborn.profile()
    assert profile.bare == ((2,), (3,)) == (profile.prefix, profile.suffix)


def test_learning_asks_three_texts_and_decodes_nothing_where_pieces_are_given():
    server, _ = known("Qwen-like")
    asked = []
    listening = Server(
        lambda text, special: asked.append((text, special)) or server.ids(text, special),
        lambda ids: pytest.fail("decoded"),
        server.pieces,
    )
    listening.profile()
    assert asked == [("", True), ("", False), (PROBE, True)]


@pytest.mark.parametrize(
    "answer",
    [
        Encoded([], []),
        Encoded(list(range(90)), ["x"] * 90),
        Encoded([1, 2, 3], ["a"]),
        Encoded([1, 2, 3], None),
        Encoded([-1, 10**30], ["a", "b"]),
        "not an answer to that",
    ],
    ids=["nothing", "the same for all", "wrong count", "no pieces", "absurd ids", "wrong type"],
)
def test_a_server_that_answers_nonsense_is_of_no_known_family(answer):
    class Nonsense:
        def answer(self, question: Encode | Decode) -> Encoded | str:
            return "nonsense" if isinstance(question, Decode) else answer

    profile = drive(learn(), Nonsense())
    assert profile.family is Family.UNKNOWN
    assert len(profile.prefix) <= 64
