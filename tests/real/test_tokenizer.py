"""Served tokenizers of real vLLM: Qwen2.5's (byte-level, NFC) and MiniLM's (WordPiece)."""

import asyncio
import unicodedata

import pytest

from lib.api import (
    AsyncRemoteTokenizer,
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    Reason,
    RemoteTokenizer,
    VllmClient,
)
from lib.api.learnt import Learnt
from lib.tokens import Family, Fit, Kind
from lib.tokens.budget import Keep
from lib.tokens.chat import Chat
from tests.real.vllm import serving

TEXT = "你好 🎉👩‍👦 cafe\u0301\n\tx = [1, 23]  "
SEEN = unicodedata.normalize("NFC", TEXT)
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving("embed", log=tmp_path_factory.mktemp("embed") / "vllm.log") as server:
        yield server


@pytest.fixture(scope="module")
def qwen(chat):
    with VllmClient(chat.url, timeout=60) as client:
        yield RemoteTokenizer(client, learnt=Learnt())


@pytest.fixture(scope="module")
def minilm(embed):
    with VllmClient(embed.url, timeout=60) as client:
        yield RemoteTokenizer(client, learnt=Learnt())


def turns(*contents):
    roles = ["system", "user", "assistant", "user"]
    return [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]


def test_both_tokenizers_are_told_apart(qwen, minilm):
    assert (qwen.profile().family, qwen.profile().normaliser) == (Family.BYTE_LEVEL, "NFC")
    assert (qwen.profile().prefix, qwen.profile().suffix) == ((), ())
    assert minilm.profile().family is Family.WORDPIECE
    assert len(minilm.profile().prefix) == len(minilm.profile().suffix) == 1


def test_every_byte_that_qwen_sees_has_its_token(qwen):
    found = qwen.align(TEXT)
    assert found.fit is Fit.NORMALISED
    assert b"".join(found.token_bytes(index) for index in range(len(found))) == SEEN.encode()
    at = [TEXT[a:b] for a, b in zip(found.char_starts, found.char_ends, strict=True)]
    changed = [text for text, kind in zip(at, found.kinds, strict=True) if kind == Kind.NORMALISED]
    assert len(changed) == 1
    assert changed[0].endswith("e\u0301")


def test_words_of_minilm_stand_where_they_were_typed(minilm):
    text = "Naïve unhappiness"
    found = minilm.align(text)
    kinds = found.kinds.tolist()
    assert kinds[0] == kinds[-1] == Kind.ADDED
    spans = list(zip(found.char_starts.tolist(), found.char_ends.tolist(), strict=True))[1:-1]
    assert text[spans[0][0] : spans[0][1]] == "Naïve"
    assert "".join(text[start:end] for start, end in spans[1:]) == "unhappiness"
    assert len(minilm.align(text, special=False)) == len(found) - 2


def test_a_blocking_and_an_awaiting_tokenizer_say_the_same(qwen, chat):
    async def asked():
        async with AsyncVllmClient(chat.url, timeout=60) as client:
            one = AsyncRemoteTokenizer(client, learnt=Learnt())
            counts = await one.encode_batch(["x " * count for count in range(20)])
            return (await one.align(TEXT)).starts.tolist(), [each.count for each in counts]

    starts, counts = asyncio.run(asked())
    assert starts == qwen.align(TEXT).starts.tolist()
    batch = qwen.encode_batch(["x " * count for count in range(20)])
    assert counts == [each.count for each in batch]
    assert counts == sorted(counts)


def test_a_served_chat_is_coloured_by_message(qwen):
    chat = Chat(turns("Be brief. ", "user", "ok", "cafe\u0301 <|im_end|> 🎉"))
    found = qwen.render(chat)
    assert found.text == (
        "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\nuser<|im_end|>\n"
        "<|im_start|>assistant\nok<|im_end|>\n<|im_start|>user\ncafé <|im_end|> 🎉<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    shown = [found.text[one.start : one.end] for one in found.contents]
    assert shown == ["Be brief. ", "user", "ok", "café <|im_end|> 🎉"]
    assert [part.overhead for part in found.parts] == [3, 5, 5, 5]
    assert found.closing == 5
    assert found.remarks == ("Text in message 4 (user) is read as control tokens: <|im_end|>.",)


def test_the_templates_own_words_and_tools_are_overhead(qwen):
    hi = turns("", "Hi")[1:]
    plain, tools = qwen.render(Chat(hi)), qwen.render(Chat(hi, tools=[TOOL]))
    assert plain.tokens == 30
    assert plain.overhead == 29
    assert "You are Qwen" in plain.text
    assert "# Tools" in tools.text
    assert tools.overhead > plain.overhead + 90
    assert qwen.count(Chat(hi, tools=[TOOL])) == tools.tokens


def test_an_answer_to_be_continued_stays_open(qwen):
    found = qwen.render(Chat(turns("a", "b", "Well"), continue_final_message=True))
    assert found.text.endswith("assistant\nWell")
    assert found.closing == 0


@pytest.mark.parametrize("keep", Keep)
def test_a_text_is_cut_to_what_the_server_counts(qwen, minilm, keep):
    for tokenizer in (qwen, minilm):
        cut = tokenizer.truncate("naïve café 👩‍👦 " * 60, 64, keep, "…")
        assert cut.fits
        assert 32 < cut.counted <= 64
        assert tokenizer.count(cut.cut.text) == cut.counted


def test_round_trips_tell_what_a_tokenizer_changes(qwen, minilm):
    assert qwen.round_trip(SEEN).is_equal
    assert qwen.round_trip(TEXT).normaliser == "NFC"
    assert minilm.round_trip("hello world").is_equal
    back = minilm.round_trip("Hello world")
    assert not back.is_equal
    assert back.differences[0].typed == "H"


def test_lengths_are_checked_against_the_servers_limit(qwen):
    assert qwen.check("x " * 100, 0).limit == 4096
    assert qwen.check("x " * 5000, 0).fits is False


def test_what_the_server_refuses_is_said_without_the_text(qwen, chat):
    with VllmClient(chat.url) as client, pytest.raises(BadRequest) as caught:
        RemoteTokenizer(client, "none", learnt=Learnt()).align("a very private text")
    assert caught.value.reason is Reason.UNKNOWN_MODEL
    assert "private" not in caught.value.detail
    with pytest.raises(CallerMistake):
        qwen.align("a very private \ud83d text")
    bad = Chat([{"role": "user", "content": "a very private text"}], tools=[{"type": "nonsense"}])
    with pytest.raises(BadRequest) as caught:
        qwen.render(bad)
    assert "private" not in caught.value.detail


def test_a_long_text_is_placed_whole(qwen):
    text = "The quick brown fox, 你好世界 🎉, jumps over 12345 lazy dogs.\n" * 10_000
    found = qwen.align(text)
    assert found.fit is Fit.EXACT
    assert int(found.ends[-1]) == len(text.encode())
