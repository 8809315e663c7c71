"""Every route of the two real servers is listed, explained and, where that is harmless, tried."""

import json
import re

import httpx
import pytest

from lib.api import (
    Control,
    Cost,
    Group,
    Reason,
    Refused,
    Route,
    State,
    Trial,
    Unsent,
    Verdict,
    VllmClient,
)
from lib.api.errors import refusal
from lib.api.surface import surface as find
from tests.real.vllm import CHAT, EMBED, serving

KEY = "sk-inspector-test-1"
"""Of the embedding server; the other has none."""
HEAVY = {"max_tokens": 1, "temperature": 0}
QUESTION = [{"role": "user", "content": "Hi"}]
BODIES = {
    Route.TOKENIZE: {"prompt": "Hi"},
    Route.DETOKENIZE: {"tokens": [1, 2]},
    Route.COUNT_TOKENS: {"messages": QUESTION},
    Route.CHAT: {"messages": QUESTION, **HEAVY},
    Route.CHAT_BATCH: {"messages": [QUESTION, QUESTION], **HEAVY},
    Route.COMPLETIONS: {"prompt": "Hi", **HEAVY},
    Route.RESPONSES: {"input": "Hi", "max_output_tokens": 1},
    Route.MESSAGES: {"messages": QUESTION, "max_tokens": 1},
    Route.SYSTEM_ONE: {"state": {}, "questions": {}},
    Route.GENERATIVE_SCORING: {"query": "Is it warm?", "items": ["yes"], "label_token_ids": [1, 2]},
    Route.EMBEDDINGS: {"input": "Hi"},
    Route.EMBED: {"texts": ["Hi"]},
    Route.POOLING: {"input": "Hi"},
    Route.SCORE: {"text_1": "Hi", "text_2": "Hello"},
    Route.V1_SCORE: {"text_1": "Hi", "text_2": "Hello"},
    Route.RERANK: {"query": "Hi", "documents": ["Hello"]},
    Route.V1_RERANK: {"query": "Hi", "documents": ["Hello"]},
    Route.V2_RERANK: {"query": "Hi", "documents": ["Hello"]},
}
INVOCATIONS = {CHAT: {"prompt": "Hi", **HEAVY}, EMBED: {"input": "Hi"}}
UNFIT = {Route.SYSTEM_ONE: 501, Route.RESPONSE: 404}
"""What these models cannot do, and what is not kept."""


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    with serving(
        "embed", "--api-key", KEY, log=tmp_path_factory.mktemp("embed") / "vllm.log"
    ) as server:
        yield server


@pytest.fixture(scope="module", params=[CHAT, EMBED], ids=["chat", "embed"])
def server(request, chat, embed):
    return (chat if request.param == CHAT else embed), request.param


@pytest.fixture(scope="module")
def client(server):
    with VllmClient(server[0].url, KEY if server[1] == EMBED else None) as client:
        yield client


@pytest.fixture(scope="module")
def surface(client):
    return client.surface()


def listed(server):
    """Method and path of every route, from its own list and from its start-up log."""
    document = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    found = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
    log = server.process.log.read_text()
    for path, methods in re.findall(r"Route: (\S+), Methods: (.+)$", log, re.MULTILINE):
        found |= {(method.strip(), path) for method in methods.split(",")}
    return {(method, path) for method, path in found if method != "HEAD"}


def test_every_route_that_it_lists_is_known_explained_and_there(server, surface):
    every = listed(server[0])
    assert len(every) > 20
    for method, path in every:
        row = surface.named(f"{method} {path}")
        assert row is not None, path
        assert row.route is not None, path
        assert row.group is not Group.OTHER
        assert row.what.endswith(".")
        assert row.state is State.PRESENT or row.reason == "it is switched off", row
    there = {(row.method, row.path) for row in surface.routes if row.state is not State.ABSENT}
    assert there - every <= {("GET", "/metrics/")}


def without_its_list(client):
    """What a surface tells of a server that was started with --disable-fastapi-docs."""
    conversation = find(client.capabilities())
    call = next(conversation)
    while True:
        try:
            outcome = client.send(call)
            if call.route is Route.OPENAPI and not call.probing:
                outcome = refusal(Reason.NO_ROUTE_THERE, client.url, route=call.route, status=404)
        except Refused as refused:
            outcome = refused
        try:
            call = conversation.send(outcome)
        except StopIteration as end:
            return end.value


def test_without_its_list_probes_find_the_same(client, surface):
    probed = without_its_list(client)
    assert (surface.source, probed.source) == ("its OpenAPI document", "harmless probes")
    there, found = (
        {row.route for row in one.routes if row.state is not State.ABSENT}
        for one in (surface, probed)
    )
    assert found == there


def test_what_changes_it_is_listed_and_not_sent(client, surface):
    for row in surface.routes:
        if row.state is State.PRESENT and isinstance(row.route, Control | Unsent):
            assert row.cost is Cost.CHANGES
            assert not row.may_be_sent


def trial(row, model):
    """A request that is right for this model."""
    body = INVOCATIONS[model] if row.route is Route.INVOCATIONS else BODIES.get(row.route)
    parts = (("response_id", "resp_none"),) if "{" in row.path else ()
    return Trial(row.route, body=body and {"model": model, **body}, parts=parts)


def test_every_harmless_route_answers(server, client, surface):
    rows = [row for row in surface.routes if row.state is State.PRESENT and row.may_be_sent]
    tried = {row.route: client.try_out(trial(row, server[1])) for row in rows}
    wrong = {route: one.body for route, one in tried.items() if one.status != UNFIT.get(route, 200)}
    assert not wrong
    for one in tried.values():
        if one.body and "json" in one.headers.get("content-type", ""):
            json.loads(one.body)
    assert len(tried) > 15


def test_what_is_switched_off_says_so(server, client, surface):
    stubs = [row for row in surface.routes if row.reason == "it is switched off"]
    assert bool(stubs) == (server[1] == CHAT)
    for row in stubs:
        if row.may_be_sent:
            body = {"model": server[1], "messages": QUESTION, "prompt": "Hi", "input": "Hi"}
            assert client.try_out(Trial(row.route, body=body)).status == 403, row.title


def test_an_audio_route_is_missing_with_its_reason(surface):
    row = surface.named("POST /v1/audio/transcriptions")
    assert (row.state, row.reason) == (State.ABSENT, "its model does something else")


def test_what_is_open_without_a_key_is_what_the_table_says(server, client, surface):
    present = {row.route for row in surface.routes if row.state is not State.ABSENT}
    exposure = client.exposure(present)
    assert exposure.has_key is (server[1] == EMBED)
    told = {row.route: row.verdict for row in exposure.routes}
    for row in surface.routes:
        if row.route in present - {Route.RESPONSE}:
            is_guarded = exposure.has_key and row.guarded
            assert told[row.route] is (Verdict.GUARDED if is_guarded else Verdict.OPEN), row.title
    wrong = {row.route for row in exposure.routes if row.is_wrong}
    assert Route.INVOCATIONS in wrong
    assert (Route.POOLING in wrong) == (server[1] == EMBED)


def test_without_the_key_what_it_guards_is_locked(embed):
    with VllmClient(embed.url) as stranger:
        rows = stranger.surface().routes
    for row in rows:
        if row.state is not State.ABSENT:
            assert (row.state is State.LOCKED) == row.guarded, row.title
    assert {row.reason for row in rows if row.state is State.LOCKED} == {"the server wants a key"}
