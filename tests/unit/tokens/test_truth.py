"""Spans against independent truths, over random texts and ten tokenizers, with and without pieces.

The tokenizers: Tekken and two SentencePiece models as published, a SentencePiece unigram model with
nmt_nfkc, and five of the shapes of Qwen, Llama 3, Llama 2, T5 and BERT.
"""

import pytest
from hypothesis import given, settings

from lib.tokens import Fit, Kind, faults
from tests.unit.tokens.servers import SERVERS, known, known_mute, nmt, trained
from tests.unit.tokens.texts import is_young, outside, placed, texts, wrong_bytes, wrong_texts

BYTE_LEVEL = ["Tekken, byte-level", "Qwen-like", "Llama-3-like"]
OWN_OFFSETS = {"Qwen-like": "qwen", "Llama-3-like": "llama3", "Unigram NFKC": "unigram"}
OWN_OFFSETS |= {"BERT-like": "bert"}
UNCHANGED = ["Tekken, byte-level", "Tekken, decoded pieces", "Llama-3-like", "Llama-2-like"]
UNCHANGED += ["Mistral SentencePiece v1", "Mistral SentencePiece v3"]

often = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("name", SERVERS)
@often
@given(text=texts)
def test_every_token_of_every_tokenizer_finds_its_place(name, text):
    server, profile = known(name)
    found = server.align(text, profile)
    assert faults(found) == ""
    # The tables of BERT's normaliser are old: what it does to younger characters is not known.
    young = name == "BERT-like" and any(map(is_young, text))
    assert found.fit in {Fit.EXACT, Fit.NORMALISED} or young, found.reason


@pytest.mark.parametrize("name", BYTE_LEVEL)
@often
@given(text=texts)
def test_the_bytes_of_a_token_are_those_that_its_piece_spells(name, text):
    server, profile = known(name)
    found = server.align(text, profile)
    assert wrong_bytes(found, server.pieces(found.ids.tolist())) == []


@pytest.mark.parametrize("name", UNCHANGED)
@often
@given(text=texts)
def test_the_text_of_a_group_is_what_the_server_decodes_its_tokens_to(name, text):
    server, profile = known(name)
    assert wrong_texts(server.align(text, profile), server) == []


@pytest.mark.parametrize("name", OWN_OFFSETS)
@often
@given(text=texts)
def test_no_span_reaches_over_the_offsets_of_the_tokenizers_own_library(name, text):
    server, profile = known(name)
    assert outside(server.align(text, profile), trained(OWN_OFFSETS[name])) == []


@often
@given(text=texts)
def test_no_span_reaches_over_the_surface_that_sentencepiece_names(text):
    server, profile = known("SentencePiece nmt_nfkc")
    found = server.align(text, profile)
    pieces = nmt().encode(text, return_type="proto").pieces
    for index in placed(found):
        told = pieces[index - 1]
        if found.kinds[index] == Kind.TEXT:
            assert told.begin <= found.starts[index]
            assert found.ends[index] <= told.end


@pytest.mark.parametrize("name", SERVERS)
@often
@given(text=texts)
def test_without_pieces_no_span_is_another_than_with_them(name, text):
    server, profile = known(name)
    mute, mute_profile = known_mute(name)
    exact, found = server.align(text, profile), mute.align(text, mute_profile)
    assert faults(found) == ""
    for index in placed(found):
        if exact.ends[index] > exact.starts[index]:
            assert found.starts[index] == exact.starts[index]
            assert found.ends[index] == exact.ends[index]
    for index in found.shared:
        assert found.starts[index] <= exact.starts[index]
        assert exact.ends[index] <= found.ends[index]
