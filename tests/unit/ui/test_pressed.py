import asyncio
import threading

import pytest

from lib.health import Check, State
from lib.servers import Server, Source
from lib.ui import pressed
from lib.ui.pressed import Pressed, Pressing
from tests.support.faulty import FaultServer, Seen, answer_json, hang, recorded
from tests.support.waiting import until

TOKEN = {"choices": [{"finish_reason": "length", "text": "!"}], "usage": {"completion_tokens": 1}}


@pytest.fixture
def vllm():
    """A server that answers what a vLLM server answers."""
    model = {"id": "chat", "object": "model", "created": 1, "owned_by": "vllm", "root": "chat"}
    with FaultServer(
        {
            "/health": answer_json(None),
            "/openapi.json": recorded("openapi.json"),
            "/version": answer_json({"version": "0.32.0"}),
            "/v1/models": answer_json({"object": "list", "data": [model]}),
            "/metrics*": recorded("metrics.txt"),
            "POST /v1/completions": answer_json(TOKEN),
        }
    ) as server:
        yield server


@pytest.fixture
def pressing():
    made = Pressing({})
    yield made
    made.close()


def at(vllm) -> Server:
    return Server("chat", vllm.url, None, Source.ENVIRONMENT)


def asked(vllm, path: str) -> int:
    return sum(seen.path == path for seen in vllm.seen)


def tokens(vllm) -> list[Seen]:
    """Requests for a token; what a server offers is found out by asking for nothing."""
    posts = (seen for seen in vllm.seen if seen.method == "POST")
    return [seen for seen in posts if seen.path == "/v1/completions"]


def test_nothing_is_asked_before_somebody_presses(vllm, pressing):
    assert pressing.told(at(vllm)) == Pressed()
    assert vllm.seen == []


def test_a_look_asks_every_check_but_no_token(vllm, pressing):
    pressing.look(at(vllm))
    told = until(lambda: pressing.told(at(vllm)).round)
    passed = {one.check for one in told if one.passed}
    assert {Check.CONNECT, Check.HEALTH, Check.MODELS, Check.METRICS} <= passed
    assert tokens(vllm) == []


def test_a_look_does_not_wait_for_tokens_of_servers_that_hang(vllm, pressing):
    vllm["POST /v1/completions"] = hang()
    others = [Server(f"s{n}", vllm.url, None, Source.ENVIRONMENT) for n in range(6)]
    for one in others:
        pressing.infer(one, "chat", State.HEALTHY)
    until(lambda: len(tokens(vllm)) == len(others), 30)
    pressing.look(at(vllm))
    assert until(lambda: pressing.told(at(vllm)).round, 30)
    assert all(pressing.told(one).is_inferring for one in others)


def test_however_many_press_a_server_is_asked_once(vllm, pressing):
    go = threading.Event()

    async def held(exchange):
        await asyncio.to_thread(go.wait, 60)
        await answer_json(None)(exchange)

    vllm["/health"] = held
    try:
        for _ in range(20):
            pressing.look(at(vllm))
        assert pressing.told(at(vllm)).is_looking
        until(lambda: asked(vllm, "/health"))
    finally:
        go.set()
    until(lambda: not pressing.told(at(vllm)).is_looking)
    assert asked(vllm, "/health") == 1


def test_one_token_is_asked_of_the_model_that_was_chosen(vllm, pressing):
    pressing.infer(at(vllm), "chat", State.HEALTHY)
    told = until(lambda: pressing.told(at(vllm)).token)
    assert told.passed
    assert told.seconds > 0
    (request,) = tokens(vllm)
    assert request.json["model"] == "chat"
    assert request.json["max_tokens"] == 1


def test_a_model_that_is_not_listed_any_more_is_not_asked(vllm, pressing):
    pressing.infer(at(vllm), "gone", State.HEALTHY)
    told = until(lambda: pressing.told(at(vllm)).token)
    assert told.passed is False
    assert tokens(vllm) == []


@pytest.mark.parametrize("state", [State.ASLEEP, State.PAUSED])
def test_a_server_at_rest_is_not_asked_for_a_token(vllm, pressing, state):
    pressing.infer(at(vllm), "chat", state)
    told = pressing.told(at(vllm)).token
    assert told.passed is None
    assert "could wake or crash it" in told.words
    assert vllm.seen == []


def test_a_round_ends_though_a_server_hangs(vllm, pressing, monkeypatch):
    monkeypatch.setattr("lib.ui.pressed.ROUND_SECONDS", 2.5)
    vllm["/health"] = hang()

    def failed():
        pressing.look(at(vllm))
        return {one.check for one in pressing.told(at(vllm)).round if one.passed is False}

    # A round in which this machine stands still may find that nothing can be reached.
    until(lambda: Check.HEALTH in (found := failed()) and Check.CONNECT not in found, 20)


def test_a_server_that_generates_nothing_has_not_failed(vllm, pressing):
    vllm["POST /v1/completions"] = answer_json({"detail": "Not Found"}, 404)
    vllm["/openapi.json"] = answer_json({"paths": {"/health": {"get": {}}}})
    pressing.infer(at(vllm), "chat", State.HEALTHY)
    told = until(lambda: pressing.told(at(vllm)).token)
    assert told.passed is None
    assert "no way to generate" in told.words


def test_what_is_under_way_ends_with_the_dashboard(vllm, monkeypatch):
    monkeypatch.setattr(pressed, "INFERENCE_SECONDS", 3600.0)
    vllm["POST /v1/completions"] = hang()
    pressing = Pressing({})
    pressing.infer(at(vllm), "chat", State.HEALTHY)
    until(lambda: tokens(vllm))
    pressing.close()
    until(lambda: not pressing.told(at(vllm)).is_inferring)
    until(lambda: vllm.connections == 0)
    pressing.look(at(vllm))
    assert pressing.told(at(vllm)) == Pressed()
