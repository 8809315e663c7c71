import asyncio

import pytest

from lib.api import (
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    File,
    NotOffered,
    Reason,
    Refused,
    VllmClient,
    WronglyAnswered,
)
from lib.api.further import Phrase
from tests.support.faulty import FaultServer, answer, answer_json, close_at_once

MODEL = "Qwen/Qwen2.5-7B-Instruct"
CHAT = [{"role": "user", "content": "Hi"}]
SOUND = File("a.wav", "audio/wav", b"RIFF")
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
CALLS = {
    "ping": ("/ping", lambda c: c.ping(), answer(""), None),
    "docs": ("/docs", lambda c: c.docs(), answer("<html>", kind="text/html"), "<html>"),
    "is_scaling": (
        "/is_scaling_elastic_ep",
        lambda c: c.is_scaling(),
        answer_json({"is_scaling_elastic_ep": False}),
        False,
    ),
    "kv_event_sources": (
        "/kv_event_sources",
        lambda c: c.kv_event_sources(),
        answer_json({"0": {"endpoint": "tcp://*:5557"}}),
        {"0": {"endpoint": "tcp://*:5557"}},
    ),
    "count_tokens": (
        "/v1/messages/count_tokens",
        lambda c: c.count_tokens(MODEL, CHAT),
        answer_json({"input_tokens": 30, "context_management": {"original_input_tokens": 30}}),
        30,
    ),
    "invoke": (
        "/invocations",
        lambda c: c.invoke({"prompt": "Hi", "max_tokens": 1}),
        answer_json({"object": "text_completion"}),
        {"object": "text_completion"},
    ),
}


def ask(behaviours, question, *, asynchronous=False):
    with FaultServer(behaviours) as server:
        if not asynchronous:
            with VllmClient(server.url, timeout=2) as client:
                return question(client), server

        async def main():
            async with AsyncVllmClient(server.url, timeout=2) as client:
                return await question(client)

        return asyncio.run(main()), server


@BOTH
@pytest.mark.parametrize("name", CALLS)
def test_a_call_asks_its_route_and_reads_its_answer(name, asynchronous):
    path, question, behaviour, expected = CALLS[name]
    value, server = ask({path: behaviour}, question, asynchronous=asynchronous)
    assert value == expected
    assert [seen.path for seen in server.seen] == [path]


@BOTH
def test_a_response_is_read(asynchronous):
    document = {
        "id": "resp_1",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Well"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Hel"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "lo"}, {}]},
        ],
        "usage": {"input_tokens": 30, "output_tokens": 3},
    }
    written, server = ask(
        {"/v1/responses": answer_json(document)},
        lambda client: client.responses(MODEL, "Hi", max_output_tokens=3),
        asynchronous=asynchronous,
    )
    assert (written.text, written.thoughts, written.finish) == (
        "Hello",
        "Well",
        "max_output_tokens",
    )
    assert (written.prompt_tokens, written.tokens) == (30, 3)
    assert server.seen[0].json == {"model": MODEL, "input": "Hi", "max_output_tokens": 3}


def test_a_kept_response_is_asked_for_by_its_id():
    document = {"id": "resp_1", "status": "completed", "output": [], "usage": None}
    written, server = ask(
        {"/v1/responses/resp_1": answer_json(document)}, lambda c: c.response("resp_1")
    )
    assert (written.finish, written.tokens) == ("completed", None)
    assert server.seen[0].method == "GET"


@BOTH
def test_a_message_is_read(asynchronous):
    document = {
        "id": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm"},
            {"type": "text", "text": "Hello"},
        ],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 30, "output_tokens": 2},
    }
    written, server = ask(
        {"/v1/messages": answer_json(document)},
        lambda client: client.messages(MODEL, CHAT, max_tokens=2, system="Be brief."),
        asynchronous=asynchronous,
    )
    assert (written.text, written.thoughts, written.finish) == ("Hello", "Hm", "max_tokens")
    assert server.seen[0].json["max_tokens"] == 2
    assert server.seen[0].json["system"] == "Be brief."


@BOTH
@pytest.mark.parametrize("name", ["transcribe", "translate"])
def test_a_recording_is_heard(name, asynchronous):
    told = {
        "text": "Hello there.",
        "language": "en",
        "duration": "1.5",
        "segments": [{"start": 0.0, "end": 1.5, "text": "Hello there."}],
    }
    heard, server = ask(
        {"/v1/audio*": answer_json(told)},
        lambda client: getattr(client, name)(MODEL, SOUND, response_format="verbose_json"),
        asynchronous=asynchronous,
    )
    assert (heard.text, heard.language, heard.seconds) == ("Hello there.", "en", 1.5)
    assert heard.phrases == (Phrase(0.0, 1.5, "Hello there."),)
    assert b'name="response_format"\r\n\r\nverbose_json\r\n' in server.seen[0].body


def test_a_recording_is_heard_as_plain_text_too():
    heard, _ = ask(
        {"/v1/audio/transcriptions": answer("Hello.", kind="text/plain")},
        lambda client: client.transcribe(MODEL, SOUND, response_format="text"),
    )
    assert (heard.text, heard.language, heard.seconds) == ("Hello.", None, None)


@pytest.mark.parametrize(
    "question",
    [
        lambda client: client.responses(MODEL, "Hi", stream=True),
        lambda client: client.messages(MODEL, CHAT, max_tokens=1, stream=True),
        lambda client: client.invoke({"stream": True}),
        lambda client: client.transcribe(MODEL, SOUND, stream="true"),
    ],
)
def test_no_stream_is_asked_for_where_none_is_read(question):
    with pytest.raises(CallerMistake, match="was not sent"):
        ask({}, question)


@pytest.mark.parametrize(
    ("path", "question", "body"),
    [
        ("/v1/messages", lambda c: c.messages(MODEL, CHAT, max_tokens=1), {"id": "m"}),
        ("/v1/responses", lambda c: c.responses(MODEL, "Hi"), {"output": []}),
        ("/v1/messages/count_tokens", lambda c: c.count_tokens(MODEL, CHAT), {"input_tokens": -1}),
        (
            "/v1/audio/transcriptions",
            lambda c: c.transcribe(MODEL, SOUND),
            {"text": "a", "segments": [{"start": "x", "end": 1, "text": ""}]},
        ),
    ],
)
def test_an_answer_of_another_shape_is_none(path, question, body):
    with pytest.raises(WronglyAnswered):
        ask({path: answer_json(body)}, question)


def test_what_a_server_refuses_is_told_in_its_words():
    anthropic = {"type": "error", "error": {"type": "invalid", "message": "max_tokens is 0"}}
    with pytest.raises(BadRequest) as refused:
        ask(
            {"/v1/messages": answer_json(anthropic, 400)},
            lambda client: client.messages(MODEL, CHAT, max_tokens=0),
        )
    assert refused.value.detail == "max_tokens is 0"
    with pytest.raises(NotOffered):
        ask({}, lambda client: client.transcribe(MODEL, SOUND))


@pytest.mark.parametrize("spelling", ["/rerank", "/v1/rerank", "/v2/rerank"])
@BOTH
def test_a_ranking_is_asked_in_the_spelling_that_the_server_has(spelling, asynchronous):
    told = {"results": [{"index": 0, "relevance_score": 0.5}]}
    ranked, server = ask(
        {spelling: answer_json(told)},
        lambda client: client.rerank("a", ["b"], model=MODEL),
        asynchronous=asynchronous,
    )
    assert [(one.index, one.score) for one in ranked] == [(0, 0.5)]
    assert server.seen[-1].path == spelling


def test_a_score_is_asked_in_the_spelling_that_the_server_has():
    told = {"data": [{"index": 0, "score": 0.5}]}
    scores, server = ask(
        {"/v1/score": answer_json(told)}, lambda client: client.score("a", ["b"], model=MODEL)
    )
    assert scores == (0.5,)
    assert [seen.path for seen in server.seen] == ["/score", "/v1/score"]


def test_without_any_spelling_the_usual_one_is_named():
    with pytest.raises(NotOffered) as refused:
        ask({}, lambda client: client.rerank("a", ["b"], model=MODEL))
    assert "/rerank;" in refused.value.sentence


def test_another_refusal_is_not_asked_again_in_another_spelling():
    wrong = {"error": {"message": "The model `m` does not exist.", "code": 404}}
    with FaultServer({"/rerank": answer_json(wrong, 404)}) as server:
        with VllmClient(server.url) as client, pytest.raises(Refused) as refused:
            client.rerank("a", ["b"], model="m")
        assert refused.value.reason is Reason.UNKNOWN_MODEL
        assert len(server.seen) == 1


def test_what_costs_gpu_time_is_sent_once():
    with FaultServer({"*": close_at_once()}) as server, VllmClient(server.url) as client:
        for question in (
            lambda: client.responses(MODEL, "Hi"),
            lambda: client.transcribe(MODEL, SOUND),
            lambda: client.invoke({}),
        ):
            seen = len(server.seen)
            with pytest.raises(Refused):
                question()
            assert len(server.seen) == seen + 1
