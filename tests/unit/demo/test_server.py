"""Over real HTTP: what all demo servers have in common, and how one is made to fail."""

import httpx
import pytest
from packaging.version import Version

from tests.support.waiting import until
from tests.unit.demo.asking import recorded, value


def test_all_servers_answer_and_call_themselves_demo(servers):
    assert list(servers) == [
        "demo-chat",
        "demo-pressure",
        "demo-tutorial",
        "demo-hang",
        "demo-embed",
    ]
    for client in servers.values():
        health = client.get("/health")
        assert (health.status_code, health.content) == (200, b"")
        version = client.get("/version").json()["version"]
        assert Version(version).local == "demo"
        card, *adapters = client.get("/v1/models").json()["data"]
        assert all(one["parent"] == card["id"] and "demo" in one["id"] for one in adapters)
        assert "demo" in card["id"]
        assert card["owned_by"] == "vllm"


def test_a_model_card_has_the_recorded_fields(chat):
    def shape(value):
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return [shape(one) for one in value] if isinstance(value, list) else type(value)

    assert shape(chat.get("/v1/models").json()) == shape(recorded("models"))


def test_the_http_layer_behaves_like_the_real_one(chat):
    head = chat.head("/health")
    assert (head.status_code, head.headers["allow"]) == (405, "GET")
    redirect = chat.get("/v1/models/")
    assert redirect.status_code == 307
    assert redirect.headers["location"].endswith("/v1/models")
    origin = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "GET"}
    preflight = chat.options("/v1/models", headers=origin)
    assert (preflight.status_code, preflight.text) == (400, "Disallowed CORS origin")
    for path in ("/ping", "/docs", "/redoc", "/server_info"):
        assert chat.get(path).status_code == (200 if path == "/ping" else 404)
    assert chat.post("/ping").status_code == 200


def test_the_schema_lists_exactly_the_routes_there_are(servers):
    for client in servers.values():
        for path, methods in client.get("/openapi.json").json()["paths"].items():
            other = client.request("DELETE", path)
            assert other.status_code == 405
            allowed = {method.strip().lower() for method in other.headers["allow"].split(",")}
            assert allowed == methods.keys()


def test_a_server_begins_in_the_middle_of_its_work(servers):
    pressure = servers["demo-pressure"]
    assert value(pressure, "vllm:num_requests_running") > 5
    assert value(pressure, "vllm:kv_cache_usage_perc") > 0.5
    first = value(pressure, "vllm:generation_tokens_total")
    until(lambda: value(pressure, "vllm:generation_tokens_total") > first)


def test_an_engine_that_hangs_still_answers(servers, hanging):
    steps = "vllm:iteration_tokens_total_count"
    hanging.post("/demo/hang", json={"seconds": 60})
    frozen, elsewhere = value(hanging, steps), value(servers["demo-pressure"], steps)
    until(lambda: value(servers["demo-pressure"], steps) > elsewhere + 10)
    assert value(hanging, steps) == frozen
    assert hanging.get("/health").status_code == 200
    hanging.post("/demo/hang", json={"seconds": 0})
    until(lambda: value(hanging, steps) > frozen)


def test_a_hanging_http_side_answers_nobody_until_it_is_over(hanging):
    hanging.post("/demo/hang", json={"seconds": 60, "http": True})
    with pytest.raises(httpx.ReadTimeout):
        hanging.get("/health", timeout=0.3)
    hanging.post("/demo/hang", json={"seconds": 0})
    assert hanging.get("/health").status_code == 200


def test_a_restart_resets_counters_and_the_moment_of_the_start(hanging):
    before = {
        name: value(hanging, name)
        for name in ("process_start_time_seconds", "vllm:generation_tokens_total")
    }
    assert hanging.post("/demo/restart").status_code == 200
    assert value(hanging, "process_start_time_seconds") > before["process_start_time_seconds"]
    generated = value(hanging, "vllm:generation_tokens_total")
    assert generated < before["vllm:generation_tokens_total"]


def test_a_list_of_models_can_be_empty_for_a_while(hanging):
    def listed():
        return [card["id"] for card in hanging.get("/v1/models").json()["data"]]

    hanging.post("/demo/unlist", json={"seconds": 60})
    assert listed() == []
    hanging.post("/demo/unlist", json={"seconds": 0})
    assert listed() == ["demo/sentencepiece-7b"]


def test_an_adapter_names_its_base_and_no_length(servers):
    base, adapter = servers["demo-pressure"].get("/v1/models").json()["data"]
    assert base["parent"] is None
    assert adapter["parent"] == base["id"]
    assert adapter["max_model_len"] is None


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": "1"}, {"seconds": True}])
def test_a_hang_needs_its_seconds(hanging, body):
    assert hanging.post("/demo/hang", json=body).status_code == 400


def test_only_one_server_can_be_made_to_hang(servers):
    for name in servers.keys() - {"demo-hang"}:
        assert servers[name].post("/demo/hang", json={"seconds": 1}).status_code == 404
