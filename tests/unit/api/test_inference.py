import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import (
    AsyncVllmClient,
    Embedded,
    Generated,
    NotOffered,
    Reason,
    Refused,
    VllmClient,
    inference,
)
from lib.api.answers import Raw
from lib.api.errors import Unfit
from lib.api.strict_json import encode
from tests.support.faulty import FaultServer, answer_json, close_at_once, in_turn, recorded, reset

TOKEN = {
    "choices": [{"index": 0, "text": " rend", "finish_reason": "length"}],
    "usage": {"prompt_tokens": 1, "total_tokens": 2, "completion_tokens": 1},
}
TURN = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": None}
VECTOR = {
    "data": [{"index": 0, "embedding": [0.5, -1, 0.25]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
SERVING = {
    "/v1/completions": answer_json(TOKEN),
    "/v1/chat/completions": answer_json(TURN),
    "/v1/embeddings": answer_json(VECTOR),
}


def read(call, body):
    return call.read(Raw(200, {}, encode(body)))


def three(url):
    """What the awaiting client gets of each."""

    async def main():
        async with AsyncVllmClient(url, timeout=2) as client:
            return (
                await client.one_token("m"),
                await client.one_turn("m"),
                await client.one_embedding("m"),
            )

    return asyncio.run(main())


def test_both_clients_get_what_a_server_makes():
    with FaultServer(SERVING) as server:
        with VllmClient(server.url, timeout=2) as client:
            got = client.one_token("m"), client.one_turn("m"), client.one_embedding("m")
        assert got == (Generated(1, "length"), Generated(None, "stop"), Embedded(3, 3))
        assert three(server.url) == got


def test_no_more_than_a_token_is_asked_for_and_always_the_same():
    with FaultServer(SERVING) as server:
        three(server.url)
        token, turn, vector = (seen.json for seen in server.seen)
    once = {"model": "m", "max_tokens": 1, "temperature": 0, "stream": False}
    assert token == once | {"prompt": "Hello"}
    assert turn == once | {"messages": [{"role": "user", "content": "Hello"}]}
    assert vector == {"model": "m", "input": "Hello", "encoding_format": "float"}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])
@pytest.mark.parametrize("breaking", [close_at_once, reset], ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("name", ["one_token", "one_turn", "one_embedding"])
def test_what_makes_a_model_work_is_never_sent_twice(name, breaking, asynchronous):
    def ask(url):
        if asynchronous:
            return asyncio.run(awaited(url))
        with VllmClient(url, timeout=2) as client:
            return getattr(client, name)("m")

    async def awaited(url):
        async with AsyncVllmClient(url, timeout=2) as client:
            return await getattr(client, name)("m")

    with FaultServer({"/v1/*": in_turn(breaking(), answer_json(TOKEN | VECTOR))}) as server:
        with pytest.raises(Refused) as caught:
            ask(server.url)
        assert caught.value.reason is Reason.CLOSED
        assert len(server.seen) == 1


def test_a_server_without_completions_is_told_from_one_without_the_model():
    with FaultServer() as server, VllmClient(server.url, timeout=2) as client:
        with pytest.raises(NotOffered):
            client.one_token("m")
        server["/v1/completions"] = recorded("error_404_model.json", 404)
        with pytest.raises(Refused) as caught:
            client.one_token("m")
        assert caught.value.reason is Reason.UNKNOWN_MODEL


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": ["text"]},
        TOKEN | {"choices": [{"finish_reason": 3}]},
        TOKEN | {"usage": "1"},
        TOKEN | {"usage": {"completion_tokens": "1"}},
        TOKEN | {"usage": {"completion_tokens": -1}},
        TOKEN | {"usage": {"completion_tokens": True}},
        TOKEN | {"usage": {"completion_tokens": 2**31}},
    ],
)
def test_what_is_no_generated_token_is_refused(answer):
    with pytest.raises(Unfit) as caught:
        read(inference.one_token("m"), answer)
    assert caught.value.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        {"data": [[0.5]]},
        *({"data": [{"embedding": e}]} for e in (None, [], "AAAA", ["a"], [[0.5]], [True], [None])),
    ],
)
def test_what_is_no_vector_is_refused(answer):
    with pytest.raises(Unfit) as caught:
        read(inference.one_embedding("m"), answer)
    assert caught.value.reason is Reason.WRONG_SHAPE


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {}}])
def test_a_server_that_counts_nothing_is_believed_nothing(usage):
    bare = {"choices": [{"text": "", "finish_reason": None}]}
    assert read(inference.one_token("m"), bare | usage) == Generated(None, None)
    vector = {"data": VECTOR["data"]}
    assert read(inference.one_embedding("m"), vector | usage) == Embedded(3, None)


@given(st.text(max_size=300))
def test_why_it_ended_is_one_short_clean_line(finish):
    got = read(inference.one_turn("m"), {"choices": [{"finish_reason": finish}]}).finish
    assert len(got) <= 40
    assert got == "" or got.isprintable()


def test_an_endless_text_is_not_taken_in():
    long = {"choices": [{"text": "x" * 300_000, "finish_reason": "stop"}]}
    with (
        FaultServer({"/v1/completions": answer_json(long)}) as server,
        VllmClient(server.url, timeout=2) as client,
        pytest.raises(Refused) as caught,
    ):
        client.one_token("m")
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_large_vector_is():
    wide = {"data": [{"embedding": [-0.12345678901234567] * 65_536}]}
    with (
        FaultServer({"/v1/embeddings": answer_json(wide)}) as server,
        VllmClient(server.url, timeout=5) as client,
    ):
        assert client.one_embedding("m") == Embedded(65_536, None)
