import asyncio
import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api import (
    AsyncVllmClient,
    CallerMistake,
    Control,
    File,
    Reason,
    Refused,
    Route,
    Trial,
    Unreachable,
    Unsent,
    VllmClient,
)
from lib.api.multipart import form
from lib.api.trying import MOST_READ, tried
from tests.support.faulty import (
    FaultServer,
    answer,
    answer_json,
    big,
    close_at_once,
    endless,
    hang,
    redirect,
)
from tests.support.waiting import until

KEY = "sk-abcdefgh12345"
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


def attempt(behaviour, trial, *, asynchronous=False, **how):
    with FaultServer({"*": behaviour}) as server:
        if not asynchronous:
            with VllmClient(server.url, timeout=2, **how) as client:
                return client.try_out(trial), server

        async def main():
            async with AsyncVllmClient(server.url, timeout=2, **how) as client:
                return await client.try_out(trial)

        return asyncio.run(main()), server


@BOTH
@pytest.mark.parametrize("status", [200, 202, 400, 401, 404, 429, 500, 503])
def test_every_status_is_an_answer(asynchronous, status):
    before = time.time()
    trial = Trial(Route.TOKENIZE, body={"prompt": "hi"})
    tried, server = attempt(answer_json({"x": 1}, status), trial, asynchronous=asynchronous)
    assert (tried.status, json.loads(tried.body)) == (status, {"x": 1})
    assert tried.headers["content-type"] == "application/json"
    assert not tried.cut
    assert before - 1 < tried.at <= time.time()
    assert 0 < tried.seconds < 2
    assert server.seen[0].json == {"prompt": "hi"}


@pytest.mark.parametrize("behaviour", [redirect("/x"), answer("<html>", kind="text/html")])
def test_a_redirect_and_a_page_are_answers_too(behaviour):
    tried, server = attempt(behaviour, Trial(Route.HEALTH))
    assert tried.status in (200, 302, 307)
    assert len(server.seen) == 1


@BOTH
@pytest.mark.parametrize("behaviour", [big(10), endless()])
def test_of_a_long_body_the_beginning_is_kept(asynchronous, behaviour):
    tried, _ = attempt(behaviour, Trial(Route.VERSION, seconds=20), asynchronous=asynchronous)
    assert tried.cut
    assert len(tried.body) == MOST_READ


@pytest.mark.parametrize(("behaviour", "reason"), [(close_at_once(), "closed"), (hang(), "silent")])
def test_no_answer_is_refused(behaviour, reason):
    with pytest.raises(Unreachable) as refused:
        attempt(behaviour, Trial(Route.CHAT, body={}, seconds=0.3))
    assert refused.value.reason.value in (reason, "timeout", "overtime")


def test_whoever_gives_up_closes_the_connection():
    async def main(server):
        async with AsyncVllmClient(server.url) as client:
            task = asyncio.create_task(client.try_out(Trial(Route.CHAT, body={})))
            await asyncio.to_thread(until, lambda: server.seen)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            until(lambda: server.connections == 0)

    with FaultServer({"*": hang()}) as server:
        asyncio.run(main(server))


def test_what_costs_is_sent_once():
    with FaultServer({"*": close_at_once()}) as server, VllmClient(server.url) as client:
        with pytest.raises(Refused):
            client.try_out(Trial(Route.INVOCATIONS, body={}))
        assert len(server.seen) == 1


def test_query_and_parts_of_the_path_are_escaped():
    parts = (("response_id", "a/b?c#d%2f ü"),)
    trial = Trial(Route.RESPONSE, parts=parts, query=(("stream", "a&b"),))
    _, server = attempt(answer_json({}), trial)
    assert server.seen[0].path == "/v1/responses/a%2Fb%3Fc%23d%252f%20%C3%BC"
    assert server.seen[0].query == (("stream", "a&b"),)


def test_the_key_stays_here_where_that_is_asked():
    for anonymous in (True, False):
        trial = Trial(Route.MODELS, anonymous=anonymous)
        _, server = attempt(answer_json({}), trial, api_key=KEY)
        assert ("authorization" in server.seen[0].headers) is not anonymous


def test_neither_the_key_nor_the_servers_own_secrets_are_shown():
    told = {"key": KEY, "vllm_config": {"hf_token": "hf_1", "api_key": ["k1"], "port": 8000}}
    tried, _ = attempt(answer_json(told), Trial(Route.SERVER_INFO), api_key=KEY)
    assert KEY.encode() not in tried.body
    assert tried.hidden
    config = json.loads(tried.body)["vllm_config"]
    assert config == {"hf_token": "[hidden]", "api_key": ["[hidden]"], "port": 8000}


def test_secrets_in_a_configuration_that_is_one_text_are_hidden():
    text = "model='m', hf_token='hf_abc', api_key=['k1', 'k2'], seed=0, hf_token=None, token_ids=3"
    tried, _ = attempt(answer_json({"vllm_config": text}), Trial(Route.SERVER_INFO))
    shown = json.loads(tried.body)["vllm_config"]
    assert shown == (
        "model='m', hf_token=[hidden], api_key=[hidden], seed=0, hf_token=None, token_ids=3"
    )


def test_a_token_of_an_answer_is_no_secret():
    body = {"choices": [{"logprobs": {"content": [{"token": "Hello"}]}}]}
    tried, _ = attempt(answer_json(body), Trial(Route.CHAT, body={}))
    assert json.loads(tried.body) == body
    assert not tried.hidden


def test_headers_are_shown_without_cookies_and_key():
    headers = {"set-cookie": "a=secret", "x-echo": f"Bearer {KEY}", "X-Api-Key": "secret"}
    behaviour = answer("{}", kind="application/json", headers=headers)
    tried, _ = attempt(behaviour, Trial(Route.HEALTH), api_key=KEY)
    assert tried.headers["set-cookie"] == tried.headers["x-api-key"] == "[hidden]"
    assert tried.headers["x-echo"] == "Bearer [key]"
    assert "secret" not in repr(tried)


@pytest.mark.parametrize("route", [*Control, *Unsent], ids=repr)
def test_what_changes_a_server_is_not_sent(route):
    parts = (("response_id", "r"), ("adapter_name", "a"))
    with FaultServer({"*": answer_json({})}) as server, VllmClient(server.url) as client:
        with pytest.raises(CallerMistake) as refused:
            client.try_out(Trial(route, body={}, parts=parts))
        assert not server.seen
    assert refused.value.reason is Reason.CALLER
    assert "control is off" in refused.value.detail or "never sent" in refused.value.detail


def test_a_client_made_for_control_sends_it_once_and_hands_nothing_over():
    query = (("level", "1"),)
    tried, server = attempt(answer_json({}), Trial(Control.SLEEP, query=query), control=True)
    assert tried.status == 200
    assert [(seen.method, seen.path, seen.query) for seen in server.seen] == [
        ("POST", "/sleep", query)
    ]
    with pytest.raises(CallerMistake, match="was not sent"):
        attempt(answer_json({}), Trial(Unsent.COLLECTIVE_RPC, body={}), control=True)


@pytest.mark.parametrize(
    ("trial", "detail"),
    [
        (Trial(Route.TRANSCRIPTIONS, body={}, form={}), "either a body or a form"),
        (Trial(Route.TRANSCRIPTIONS, form={"model": "\ud800"}), "half a character"),
        (Trial(Route.CHAT, body={"a": float("nan")}), "JSON cannot"),
        (Trial(Route.CHAT, body={"a": "x" * 1_000_000}), "are sent at most"),
        (Trial(Route.RESPONSE), "needs what stands for the part in braces"),
        (Trial(Route.RESPONSE, parts=(("response_id", ""),)), "lead to another path"),
        (Trial(Route.RESPONSE, parts=(("response_id", ".."),)), "lead to another path"),
        (Trial(Route.RESPONSE, parts=(("response_id", "a/../../x"),)), "lead to another path"),
        (Trial(Route.RESPONSE, parts=(("response_id", "..\\x"),)), "lead to another path"),
        (Trial(Route.RESPONSE, parts=(("response_id", "\ud800"),)), "half a character"),
        (Trial(Route.RESPONSE, parts=(("response_id", "x"),), query=(("a", "\ud800"),)), "half"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(trial, detail):
    with pytest.raises(CallerMistake) as refused:
        attempt(answer_json({}), trial)
    assert detail in refused.value.detail


def test_a_recording_is_sent_as_a_form():
    sound = bytes(range(256)) * 20
    file = File('a "b"\r\n.wav', "audio/wav", sound)
    fields = {"model": "whisper", "language": "de"}
    _, server = attempt(answer_json({}), Trial(Route.TRANSCRIPTIONS, form=fields, file=file))
    seen = server.seen[0]
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert seen.body.count(sound) == 1
    assert b'filename="a %22b%22%0D%0A.wav"\r\nContent-Type: audio/wav\r\n' in seen.body
    assert "whisper" not in repr(Trial(Route.TRANSCRIPTIONS, form=fields, file=file))


@given(st.dictionaries(st.text("abc_", min_size=1), st.text(st.characters(codec="utf-8"))))
def test_a_form_comes_back_from_its_bytes(fields):
    upload = form(fields, None)
    boundary = upload.kind.partition("boundary=")[2]
    parts = upload.content.split(f"--{boundary}".encode())[1:-1]
    found = [
        part.removeprefix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n\r\n", 1) for part in parts
    ]
    assert [value.decode() for _, value in found] == list(fields.values())


def test_what_is_secret_in_an_answer_is_hidden_beside_the_event_loop(monkeypatch):
    threads = []

    def seen(*given):
        threads.append(threading.get_ident())
        return tried(*given)

    monkeypatch.setattr("lib.api.trying.tried", seen)
    told, _ = attempt(answer_json({"api_key": "abc"}), Trial(Route.SERVER_INFO), asynchronous=True)
    assert told.hidden
    assert len(threads) == 1
    assert threading.get_ident() not in threads, "answers that stream would stand still"
