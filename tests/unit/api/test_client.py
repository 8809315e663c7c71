import pytest

from lib.api import (
    AsyncVllmClient,
    BadRequest,
    CallerMistake,
    Kind,
    NotOffered,
    Reason,
    Refused,
    ServerFault,
    VllmClient,
    calls,
)
from lib.servers import AddressPolicy, Secret, Server, SettingsError, Source
from tests.support.faulty import FaultServer, answer, answer_json, empty, recorded

ONE_SAMPLE = 'vllm:num_requests_running{engine="0",model_name="m"} 0.0\n'
VLLM = {
    "/health": empty(),
    "/version": recorded("version.json"),
    "/v1/models": recorded("models.json"),
    "/load": recorded("load.json"),
    "/openapi.json": recorded("openapi.json"),
    "/metrics": recorded("metrics.txt"),
    "/metrics/": answer(ONE_SAMPLE, kind="text/plain", zipped=True),
    "/tokenize": recorded("tokenize_prompt_strs.json"),
    "/detokenize": recorded("detokenize.json"),
    "/tokenizer_info": recorded("tokenizer_info.json"),
}
TUTORIAL = {
    "/health": empty(),
    "/health/ready": answer_json({"status": "ready"}),
    "/debug/version": answer_json({"version": "0.6.6.post1", "git_hash": "abc"}),
    "/debug/stats": answer_json({"num_running_requests": 2}),
    "/debug/cache_stats": answer_json({"num_free_gpu_blocks": 7}),
    "/debug/config": answer_json({"block_size": 16}),
    "/debug/traces": answer_json([{"id": 1}]),
    "POST /v1/tokenize": answer_json({"tokens": [1, 2], "count": 2}),
    "GET /v1/tokenize": answer_json({"detail": "Method Not Allowed"}, 405),
    "POST /v1/detokenize": answer_json({"text": "Hi"}),
    "GET /v1/detokenize": answer_json({"detail": "Method Not Allowed"}, 405),
    "/v1/models": answer_json({"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]}),
}


@pytest.fixture
def vllm():
    with FaultServer(VLLM) as server, VllmClient(server.url, timeout=2) as client:
        yield server, client


@pytest.fixture
def tutorial():
    with FaultServer(TUTORIAL) as server, VllmClient(server.url, timeout=2) as client:
        yield server, client


def test_a_vllm_server_answers_every_question(vllm):
    _, client = vllm
    client.health()
    client.ready()
    assert client.version() == "0.32.0"
    assert client.models()[0].id == "Qwen/Qwen2.5-7B-Instruct"
    assert client.load() == 0
    assert client.openapi()["paths"]
    assert len(client.metrics()) == 78044
    assert client.metrics(("vllm:num_requests_running",)) == ONE_SAMPLE.encode()
    assert client.tokenizer_info()["tokenizer_class"]
    assert client.detokenize([9707]) == "Hello, 世界!"


def test_a_text_is_tokenized_in_the_servers_own_words(vllm):
    server, client = vllm
    assert client.tokenize("Hello", add_special=False).count == 13
    assert server.seen[-1].json == {
        "prompt": "Hello",
        "model": "Qwen/Qwen2.5-7B-Instruct",
        "add_special_tokens": False,
        "return_token_strs": True,
    }
    client.tokenize(messages=[{"role": "user", "content": "Hi"}], model="lora", strings=False)
    assert server.seen[-1].json == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "lora",
    }


def test_a_tutorial_server_answers_every_question(tutorial):
    server, client = tutorial
    client.ready()
    assert client.capabilities().engine_kind is Kind.TUTORIAL
    assert client.tokenize("Hi").ids == (1, 2)
    assert server.seen[-1].json == {"text": "Hi", "model": "m"}
    assert client.detokenize((1, 2)) == "Hi"
    assert client.debug_version()["git_hash"] == "abc"
    assert client.debug_stats() == {"num_running_requests": 2}
    assert client.debug_cache_stats() == {"num_free_gpu_blocks": 7}
    assert client.debug_config() == {"block_size": 16}
    assert client.debug_traces() == [{"id": 1}]
    with pytest.raises(CallerMistake, match="was not sent"):
        client.tokenize(messages=[])


def test_what_a_server_lacks_is_refused_with_what_would_show_it(vllm):
    _, client = vllm
    with pytest.raises(NotOffered, match="VLLM_SERVER_DEV_MODE=1"):
        client.server_info()
    with pytest.raises(NotOffered, match="no vLLM release does"):
        client.debug_stats()


def test_a_server_without_a_model_is_not_ready(vllm):
    server, client = vllm
    server["/v1/models"] = answer_json({"object": "list", "data": []})
    with pytest.raises(ServerFault) as caught:
        client.ready()
    assert caught.value.reason is Reason.NOT_READY


def test_an_engine_tells_whether_it_sleeps_or_pauses(vllm):
    server, client = vllm
    server["/is_sleeping"] = answer_json({"is_sleeping": True})
    server["/is_paused"] = answer_json({"is_paused": False})
    assert (client.is_sleeping(), client.is_paused()) == (True, False)
    assert [seen.method for seen in server.seen] == ["GET", "GET"]


@pytest.mark.parametrize("name", ["is_sleeping", "is_paused"])
def test_outside_development_mode_no_engine_is_asked(vllm, name):
    _, client = vllm
    with pytest.raises(NotOffered, match="VLLM_SERVER_DEV_MODE=1"):
        getattr(client, name)()


def test_an_unknown_model_is_told(vllm):
    server, client = vllm
    server["/tokenize"] = recorded("error_404_model.json", 404)
    with pytest.raises(BadRequest) as caught:
        client.tokenize("x", model="nope")
    assert caught.value.reason is Reason.UNKNOWN_MODEL


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x" * 1_000_001, Reason.TOO_LONG), ("\ud800", Reason.HALF_CHARACTER)],
)
def test_what_must_not_be_sent_is_not_sent(vllm, text, reason):
    server, client = vllm
    client.capabilities()
    before = len(server.seen)
    with pytest.raises(CallerMistake) as caught:
        client.tokenize(text)
    assert caught.value.reason is reason
    assert caught.value.detail
    with pytest.raises(CallerMistake):
        client.detokenize([-1])
    with pytest.raises(CallerMistake):
        client.tokenize("x", options={"temperature": float("nan")})
    assert len(server.seen) == before


def test_any_call_can_be_sent_for_what_it_took(vllm):
    _, client = vllm
    got = client.send(calls.version())
    assert (got.value, got.status, got.raw) == ("0.32.0", 200, b'{"version":"0.32.0"}')
    assert 0 < got.seconds < 2
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", [VllmClient, AsyncVllmClient])
def test_an_unfit_address_or_key_is_refused_before_anything_is_sent(kind):
    with pytest.raises(SettingsError):
        kind("h:8000")
    with pytest.raises(SettingsError) as caught:
        kind("http://h", "sk-canary two")
    assert "canary" not in str(caught.value)


def test_a_configured_server_has_its_client():
    server = Server(
        "a", "http://169.254.1.1", Secret("sk-canary"), Source.SECRETS, verify_tls=False
    )
    with VllmClient.of(server, AddressPolicy(), timeout=1) as client:
        assert client.url == server.url
        assert "canary" not in repr(client)
        with pytest.raises(Refused):
            client.health()


def test_a_health_text_is_accepted():
    with (
        FaultServer({"/health": answer('{"status":"ok"}')}) as server,
        VllmClient(server.url) as client,
    ):
        assert client.health() is None
