"""Alignment with the tokenizers of the two real models that the tests of this folder serve."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from tokenizers import Tokenizer

from lib.tokens import Family, Fit, Kind, faults
from tests.unit.tokens.servers import hugging_face
from tests.unit.tokens.texts import is_young, outside, placed, texts, wrong_bytes

MODELS = Path(os.environ.get("REAL_VLLM_HOME") or Path.home() / ".cache" / "real-vllm")
"""Where `serve install` keeps them."""


def tokenizer_of(model):
    tokenizer = Tokenizer.from_file(str(MODELS / model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.fixture(scope="module")
def qwen():
    tokenizer = tokenizer_of("chat")
    server = hugging_face(tokenizer)
    return tokenizer, server, server.profile()


@pytest.fixture(scope="module")
def minilm():
    tokenizer = tokenizer_of("embed")
    server = hugging_face(tokenizer)
    return tokenizer, server, server.profile()


def test_the_profiles_of_both_are_learnt(qwen, minilm):
    assert (qwen[2].family, qwen[2].normaliser, qwen[2].prefix) == (Family.BYTE_LEVEL, "NFC", ())
    assert (minilm[2].family, minilm[2].normaliser) == (Family.WORDPIECE, "BERT uncased")
    assert (minilm[2].prefix, minilm[2].suffix) == ((101,), (102,))


def test_the_line_of_the_issue_has_its_groups(qwen):
    _, server, profile = qwen
    text = "你好 🎉👩\u200d👦 cafe\u0301"
    found = server.align(text, profile)
    assert found.fit is Fit.NORMALISED
    boxes = {}
    for index, group in enumerate(found.groups.tolist()):
        first, last = boxes.get(group, (found.char_starts[index], 0))
        boxes[group] = first, max(last, found.char_ends[index])
    drawn = [text[first:last] for first, last in boxes.values()]
    assert "".join(drawn) == text
    assert "cafe\u0301" in drawn[-1] or drawn[-1].endswith("e\u0301")
    assert all(len(box.encode()) for box in drawn)


def test_typed_control_tokens_are_pointed_out(qwen):
    _, server, profile = qwen
    found = server.align("<|im_start|>x<|im_end|>", profile)
    assert [Kind(kind) for kind in found.kinds] == [Kind.SPECIAL, Kind.TEXT, Kind.SPECIAL]


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_qwen_spans_are_the_bytes_of_the_pieces(qwen, text):
    tokenizer, server, profile = qwen
    found = server.align(text, profile)
    assert found.fit in {Fit.EXACT, Fit.NORMALISED}
    assert faults(found) == ""
    assert wrong_bytes(found, server.pieces(found.ids.tolist())) == []
    assert outside(found, tokenizer) == []


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_minilm_spans_lie_within_its_own_offsets(minilm, text):
    tokenizer, server, profile = minilm
    found = server.align(text, profile)
    assert faults(found) == ""
    assert found.fit in {Fit.EXACT, Fit.NORMALISED} or any(map(is_young, text)), found.reason
    assert outside(found, tokenizer) == []


@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_without_pieces_both_are_aligned_alike(qwen, minilm, text):
    for _, server, profile in (qwen, minilm):
        mute = server.mute()
        exact, found = server.align(text, profile), mute.align(text, profile)
        for index in placed(found):
            if exact.ends[index] > exact.starts[index]:
                assert found.starts[index] == exact.starts[index]
                assert found.ends[index] == exact.ends[index]
