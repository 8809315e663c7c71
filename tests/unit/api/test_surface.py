import asyncio
import json

import pytest

from lib.api import (
    AsyncVllmClient,
    Control,
    Cost,
    Group,
    Route,
    State,
    Unreachable,
    Unsent,
    VllmClient,
)
from lib.api.surface import EVERY
from tests.support.faulty import RECORDINGS, FaultServer, answer, answer_json, hang, recorded
from tests.unit.api.test_client import TUTORIAL, VLLM

EXISTS = answer_json({"detail": "Method Not Allowed"}, 405)
LOCKED = answer_json({"error": "Unauthorized"}, 401)
BARE = {"/version": recorded("version.json"), "/v1/models": recorded("models.json")}
STUBS = {f"GET {path}": EXISTS for path in ("/v1/chat/completions/render", "/v1/messages/render")}


def found(behaviours, key=None):
    with FaultServer(behaviours) as server, VllmClient(server.url, key, timeout=2) as client:
        return client.surface(), server


def states(surface):
    return {row.route: row.state for row in surface.routes if row.route is not None}


@pytest.mark.parametrize("behaviours", [VLLM, TUTORIAL, BARE], ids=["vllm", "tutorial", "bare"])
def test_every_known_route_is_told_once_and_in_words(behaviours):
    surface, _ = found(behaviours)
    assert sorted(map(repr, states(surface))) == sorted(map(repr, EVERY))
    assert len({row.title for row in surface.routes}) == len(surface.routes)
    for row in surface.routes:
        assert row.what.endswith(".")
        assert row.reason or row.state is State.PRESENT
    order = [list(Group).index(row.group) for row in surface.routes]
    assert order == sorted(order)


@pytest.mark.parametrize("name", ["openapi.json", "openapi_embed.json"])
def test_everything_that_a_server_lists_is_there_and_explained(name):
    surface, _ = found(VLLM | {"/openapi.json": recorded(name)})
    assert surface.source == "its OpenAPI document"
    paths = json.loads((RECORDINGS / name).read_bytes())["paths"]
    listed = {row.title: row for row in surface.routes if row.state is State.PRESENT}
    for path, methods in paths.items():
        for method in methods:
            row = listed[f"{method.upper()} {path}"]
            assert row.route is not None
            assert row.summary


def test_a_body_has_its_schema_and_its_name():
    surface, _ = found(VLLM)
    tokenize = surface.named("POST /tokenize")
    assert tokenize.body == "TokenizeCompletionRequest"
    assert len(tokenize.schema["anyOf"]) == 2
    assert tokenize.body in surface.schemas
    response = surface.named("GET /v1/responses/{response_id}")
    assert [(one.name, one.place, one.is_required) for one in response.parameters] == [
        ("response_id", "path", True),
        ("starting_after", "query", False),
        ("stream", "query", False),
    ]


def test_what_no_description_holds_is_asked_for_without_using_it():
    page = {"HEAD /docs": answer("", kind="text/html")}
    surface, server = found(VLLM | STUBS | page)
    told = states(surface)
    assert told[Route.RENDER_CHAT] is told[Route.RENDER_MESSAGES] is State.LOCKED
    assert surface.named("POST /v1/chat/completions/render").reason == "it is switched off"
    assert told[Route.DERENDER_CHAT] is State.ABSENT
    assert told[Route.DOCS] is State.PRESENT
    assert told[Route.REDOC] is State.ABSENT
    assert {seen.method for seen in server.seen} == {"GET", "HEAD"}


def test_without_a_description_every_route_is_asked_for_and_none_is_used():
    posts = {f"GET {path}": EXISTS for path in ("/tokenize", "/v1/score", "/v1/responses/unknown")}
    heads = {f"HEAD {path}": EXISTS for path in ("/health", "/sleep", "/v1/responses/unknown")}
    surface, server = found(BARE | posts | heads)
    assert surface.source == "harmless probes"
    assert {route for route, state in states(surface).items() if state is State.PRESENT} == {
        Route.TOKENIZE,
        Route.V1_SCORE,
        Route.HEALTH,
        Route.RESPONSE,
        Route.MODELS,
        Route.VERSION,
        Control.SLEEP,
    }
    changing = {route.path for route in (*Control, *Unsent)}
    for seen in server.seen:
        assert seen.method in ("GET", "HEAD")
        assert seen.method == "HEAD" or seen.path not in changing


def test_a_path_on_which_another_route_answers_comes_with_the_others_of_its_kind():
    reads_an_id = answer_json({"error": {"message": "Response with id 'render' not found."}}, 404)
    for stubs, state in ((STUBS, State.LOCKED), ({}, State.ABSENT)):
        surface, server = found(VLLM | stubs | {"/v1/responses/render": reads_an_id})
        assert states(surface)[Route.RENDER_RESPONSE] is state
        assert not any(seen.path == "/v1/responses/render" for seen in server.seen)


def test_the_head_of_a_long_answer_is_a_sign_of_it():
    long = answer("", headers={"content-length": "5000000"})
    surface, _ = found(BARE | {"HEAD /openapi.json": long, "/openapi.json": EXISTS})
    assert states(surface)[Route.OPENAPI] is State.PRESENT


def test_other_servers_are_not_asked_for_what_changes_them():
    models = answer_json({"data": [{"id": "m", "owned_by": "sglang"}]})
    surface, server = found({"/v1/models": models, "/get_model_info": answer_json({})})
    paths = {seen.path for seen in server.seen}
    assert not paths & {route.path for route in (*Control, *Unsent)}
    assert surface.named("POST /sleep").reason == "SGLang does not have it"
    assert surface.named("POST /tokenize").guarded is None


def test_vllms_releases_and_flags_are_told_of_vllm_only():
    described = {path: {"post": {}} for path in ("/v1/embeddings", "/tokenize", "/pooling")}
    listing = answer_json(
        {"paths": {"/v1/models": {"get": {}}, "/metrics": {"get": {}}} | described}
    )
    for owner, needs in (("llamacpp", "--embeddings"), ("sglang", ""), ("acme", "")):
        models = answer_json({"data": [{"id": "m", "owned_by": owner}]})
        surface, _ = found({"/v1/models": models, "/openapi.json": listing})
        embeddings = surface.named("POST /v1/embeddings")
        assert (embeddings.state, embeddings.needs) == (State.PRESENT, needs)
        assert not any(row.since for row in surface.routes)
        told = " ".join(row.needs for row in surface.routes)
        assert "--runner" not in told
        assert "VLLM" not in told
    surface, _ = found(VLLM | {"/openapi.json": recorded("openapi_embed.json")})
    assert surface.named("POST /v1/embeddings").needs.endswith("(--runner pooling)")
    assert surface.named("POST /tokenize").since == "0.5.1"


def test_what_only_a_key_would_tell_is_locked():
    locked = {"/v1/models": LOCKED, "GET /v1/chat/completions/render": LOCKED}
    surface, _ = found(VLLM | locked)
    render = surface.named("POST /v1/chat/completions/render")
    assert (render.state, render.reason) == (State.LOCKED, "the server wants a key")
    assert not render.is_sure
    chat = surface.named("POST /v1/chat/completions")
    assert (chat.state, chat.reason) == (State.LOCKED, "the server wants a key")
    assert chat.is_sure, "its description holds it"
    assert surface.named("POST /tokenize").state is State.PRESENT
    surface, _ = found(VLLM | {"/v1/models": LOCKED}, "another-key")
    assert surface.named("GET /v1/models").reason == "the server does not accept the key"
    surface, _ = found({"/version": recorded("version.json"), "/v1*": LOCKED})
    assert surface.named("POST /v1/completions").state is State.LOCKED


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_a_proxy_does_not_let_through_is_not_surely_absent(status):
    fault, not_there = answer("", status), answer("", 501)
    for behaviours, path in (
        (BARE | {"HEAD /load": fault, "HEAD /ping": not_there}, "/load"),
        (VLLM | {"HEAD /docs": fault, "HEAD /redoc": not_there}, "/docs"),
    ):
        surface, server = found(behaviours)
        row = surface.named(f"GET {path}")
        assert (row.state, row.is_sure) == (State.ABSENT, False)
        assert row.reason.startswith("it could not be asked: ")
        assert server.url in row.reason
    assert surface.named("GET /redoc").is_sure


def test_what_is_missing_is_told_with_what_would_show_it():
    surface, _ = found(VLLM)
    told = {
        "GET /server_info": (
            "it is not switched on",
            "VLLM_SERVER_DEV_MODE=1 (not for production)",
        ),
        "POST /classify": (
            "its model does something else",
            "a server whose model classifies (--runner pooling)",
        ),
        "POST /v1/decisions": (
            "release 0.32.0 does not have it",
            "vLLM 0.33.0 or later with a server whose model generates text",
        ),
        "GET /debug/stats": (
            "no vLLM release has it",
            "use vllm:num_requests_running, _waiting and kv_cache_usage_perc in /metrics",
        ),
    }
    for title, words in told.items():
        row = surface.named(title)
        assert row.state is State.ABSENT
        assert (row.reason, row.needs) == words


def test_what_is_not_known_is_listed_and_cannot_be_sent():
    described = {
        "/v1/models": {"get": {}},
        "/own\u202eroute": {"post": {"summary": "Does\nmuch."}, "get": "no object"},
        "/bare": {"delete": {}},
        "/broken": [],
    }
    document = answer_json({"paths": described})
    surface, _ = found(BARE | {"/openapi.json": document})
    row = surface.named("POST /ownroute")
    assert (row.route, row.group, row.what, row.cost) == (None, Group.OTHER, "Does much.", None)
    assert not row.may_be_sent
    assert surface.named("DELETE /bare").what == "The server says nothing of it."


def test_both_clients_find_the_same():
    async def asked(url):
        async with AsyncVllmClient(url) as client:
            return await client.surface()

    with FaultServer(VLLM | STUBS) as server, VllmClient(server.url) as client:
        assert client.surface() == asyncio.run(asked(server.url))


def test_a_server_that_falls_silent_ends_it():
    with (
        FaultServer(VLLM | {"HEAD /docs": hang()}) as server,
        VllmClient(server.url, timeout=0.3) as client,
        pytest.raises(Unreachable),
    ):
        client.surface()


def test_what_costs_most_is_told():
    surface, _ = found(VLLM)
    assert surface.named("POST /invocations").cost is Cost.GPU
    assert surface.named("POST /scale_elastic_ep").cost is Cost.CHANGES
    assert not surface.named("POST /scale_elastic_ep").may_be_sent
    assert surface.named("POST /is_scaling_elastic_ep").may_be_sent
