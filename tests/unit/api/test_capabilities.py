import pytest

from lib.api import Answer, Kind, Reason, Refused, Route, Unreachable, VllmClient
from lib.api.capabilities import Memory, recall
from tests.support.faulty import (
    MODES,
    FaultServer,
    answer,
    answer_json,
    closed_port,
    empty,
    recorded,
)
from tests.unit.api.test_client import TUTORIAL, VLLM

POST_ONLY = answer_json({"detail": "Method Not Allowed"}, 405)
OPENAPI = {"/v1/models": {"get": {}}, "/health": {"get": {}}, "/version": {"get": {}}}


def found(behaviours, key=None):
    with FaultServer(behaviours) as server, VllmClient(server.url, key, timeout=2) as client:
        return client.capabilities(), server


def absent(known):
    return {row.route: (row.why, row.shown_by) for row in known.absent}


def test_real_vllm_is_known_by_its_own_list():
    known, server = found(VLLM)
    assert (known.version, known.engine_kind, known.tasks) == ("0.32.0", Kind.VLLM, {"generate"})
    assert (known.metrics_filter, known.metrics_gzip) == (True, True)
    assert {Route.TOKENIZE, Route.CHAT, Route.METRICS, Route.METRICS_FILTERED} <= known.routes
    assert absent(known)[Route.SERVER_INFO] == (
        "it is not switched on",
        "VLLM_SERVER_DEV_MODE=1 (not for production)",
    )
    assert absent(known)[Route.EMBEDDINGS][0] == "its model does something else"
    assert absent(known)[Route.V1_TOKENIZE] == ("no vLLM release has it", "use /tokenize")
    assert [seen.method for seen in server.seen] == ["GET"] * 4


def test_an_embedding_server_is_known_by_its_list():
    known, _ = found(
        VLLM
        | {
            "/openapi.json": recorded("openapi_embed.json"),
            "/v1/models": recorded("models_embed.json"),
        }
    )
    assert known.tasks == {"embed", "score"}
    assert Route.CHAT in absent(known)


def test_without_a_list_every_route_is_asked_for_and_none_is_used():
    posts = {
        f"GET {path}": POST_ONLY for path in ("/tokenize", "/detokenize", "/v1/chat/completions")
    }
    heads = {f"HEAD {path}": POST_ONLY for path in ("/health", "/load", "/server_info")}
    routes = {"/version": recorded("version.json"), "/v1/models": recorded("models.json")}
    known, server = found(posts | heads | routes)
    assert known.routes == {
        Route.TOKENIZE,
        Route.DETOKENIZE,
        Route.CHAT,
        Route.HEALTH,
        Route.LOAD,
        Route.SERVER_INFO,
        Route.VERSION,
        Route.MODELS,
    }
    assert known.engine_kind is Kind.VLLM
    assert not known.metrics_filter
    assert known.requests is None
    used = {(seen.method, seen.path) for seen in server.seen if seen.method != "HEAD"}
    gets = {route.path for route in Route if route.method == "POST"}
    assert used <= {
        ("GET", path)
        for path in gets
        | {"/version", "/debug/version", "/v1/models", "/openapi.json", "/metrics/"}
    }


def test_an_old_release_names_what_a_newer_one_would_have():
    lists = answer_json(
        {"paths": OPENAPI | {"/v1/chat/completions": {"post": {}}, "/v1/embeddings": {"post": {}}}}
    )
    known, _ = found(
        VLLM
        | {
            "/version": answer_json({"version": "0.6.6.post1"}),
            "/openapi.json": lists,
            "/metrics/": empty(404),
        }
    )
    assert absent(known)[Route.TOKENIZER_INFO] == (
        "release 0.6.6.post1 does not have it",
        "vLLM 0.10.0 or later with --enable-tokenizer-info-endpoint",
    )
    assert absent(known)[Route.TOKENIZE] == ("this server does not offer it", "")
    assert known.tasks == frozenset()  # releases before 0.16 register every route


def test_a_development_build_counts_as_newer_than_any_release():
    known, _ = found(VLLM | {"/version": answer_json({"version": "0.1.dev18498+g7a33ba95f"})})
    assert known.tasks == {"generate"}
    assert "does not have it" not in str(
        [row.why for row in known.absent if row.route is Route.SERVER_INFO]
    )


def test_the_tutorials_server_is_known_by_its_debug_routes():
    known, _ = found(TUTORIAL)
    assert (known.version, known.engine_kind) == ("0.6.6.post1", Kind.TUTORIAL)
    assert known.dialect.tokenize is Route.V1_TOKENIZE
    assert {Route.DEBUG_TRACES, Route.HEALTH_READY} <= known.routes


def test_sglang_and_llamacpp_are_known_by_the_owner_of_their_models_or_a_route():
    for owner, kind in (("sglang", Kind.SGLANG), ("llamacpp", Kind.LLAMACPP)):
        known, _ = found({"/v1/models": answer_json({"data": [{"id": "m", "owned_by": owner}]})})
        assert known.engine_kind is kind
        assert known.version is None
        assert absent(known)[Route.METRICS][1] in ("--enable-metrics", "--metrics")
    known, _ = found({"HEAD /props": empty(), "/v1/models": answer_json({"data": [{"id": "m"}]})})
    assert known.engine_kind is Kind.LLAMACPP


def test_another_openai_server_is_called_that():
    known, _ = found({"/v1/models": answer_json({"data": [{"id": "m", "owned_by": "acme"}]})})
    assert known.engine_kind is Kind.OTHER
    assert not known.metrics_filter


def test_what_a_proxy_does_not_let_through_is_told_as_that():
    bare = {"/version": recorded("version.json"), "/v1/models": recorded("models.json")}
    known, _ = found(bare | {"HEAD /load": answer("", 502), "HEAD /health": answer("")})
    assert Route.HEALTH in known.routes
    assert Route.LOAD not in known.routes
    why, shown_by = absent(known)[Route.LOAD]
    assert why.startswith("it could not be asked: The proxy before")
    assert shown_by == ""
    assert absent(known)[Route.PING][0] == "this server does not offer it"


def test_what_only_a_key_would_show_is_told():
    locked = answer_json({"error": "Unauthorized"}, 401)
    known, _ = found({"/version": recorded("version.json"), "/v1*": locked})
    reasons = absent(known)
    assert reasons[Route.MODELS][0] == "the server wants a key"
    assert reasons[Route.CHAT][0] == "only a key would tell whether it exists"
    assert known.models == ()


@pytest.mark.parametrize(
    "listing",
    [
        "{}",
        '{"paths": 3}',
        '{"paths": {}}',
        '{"paths": {"/v1/models": 3}}',
        "nonsense",
        '{"paths": {"/docs": {"get": {}}}}',
    ],
)
def test_a_list_that_is_no_help_is_not_trusted(listing):
    known, _ = found(VLLM | {"/openapi.json": answer(listing), "GET /tokenize": POST_ONLY})
    assert isinstance(known.routes, frozenset)
    if "/v1/models" not in listing:
        assert Route.TOKENIZE in known.routes


def test_a_filter_that_lets_everything_through_is_none():
    known, _ = found(VLLM | {"/metrics/": recorded("metrics.txt")})
    assert not known.metrics_filter
    assert Route.METRICS_FILTERED not in known.routes


def test_a_server_that_cannot_be_asked_is_refused():
    with closed_port() as url, VllmClient(url) as client, pytest.raises(Unreachable):
        client.capabilities()
    for mode, reason in (
        ("503 scaling", Reason.SCALING),
        ("html", Reason.HTML),
        ("empty", Reason.EMPTY),
        ("502", Reason.GATEWAY),
    ):
        with pytest.raises(Refused) as caught:
            found({"/*": MODES[mode]()})
        assert caught.value.reason is reason


@pytest.mark.parametrize("mode", sorted(set(MODES) - {"endless", "10 MB", "gzip bomb"}))
def test_no_fault_of_any_route_ends_in_anything_but_a_value_or_a_refusal(mode):
    behaviours = {
        "/*": MODES[mode](),
        "/version": recorded("version.json"),
        "/v1/models": recorded("models.json"),
    }
    with FaultServer(behaviours) as server, VllmClient(server.url, timeout=0.2) as client:
        try:
            outcome = client.capabilities().version
        except Refused as refused:
            outcome = refused.sentence
    assert outcome == "0.32.0" or outcome.startswith(("http://", "The ", "What "))


def converse(memory, now, version):
    """Hold the conversation with a server of that version; the number of its questions."""
    conversation, asked = recall(memory, now), []
    try:
        call = next(conversation)
        while True:
            asked.append(call)
            outcome = Refused(Reason.NO_ROUTE_THERE, "x")
            if call.route is Route.VERSION and not call.probing:
                outcome = Answer(version, 0.0, 200, {}, b"")
            call = conversation.send(outcome)
    except StopIteration:
        return len(asked)


def test_a_server_is_asked_once_per_version_and_again_after_five_minutes():
    memory = Memory()
    everything = converse(memory, 0.0, "1.0.0")
    assert everything > 10
    assert converse(memory, 5.0, "1.0.0") == 0
    assert converse(memory, 20.0, "1.0.0") == 1
    assert converse(memory, 25.0, "2.0.0") == 0
    assert converse(memory, 40.0, "2.0.0") == everything + 1
    assert memory.value.version == "2.0.0"
    assert converse(memory, 400.0, "2.0.0") == everything
    memory.forget()
    assert converse(memory, 401.0, "2.0.0") == everything
