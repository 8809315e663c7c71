"""Over real HTTP: a current demo server answers as the recorded real one did."""

import json

import pytest

from tests.unit.demo.asking import RECORDINGS, families, recorded, value


@pytest.mark.parametrize(
    ("method", "path", "body", "recording", "status"),
    [
        ("GET", "/load", None, "load", 200),
        ("GET", "/kv_event_sources", None, "kv_event_sources", 200),
        ("GET", "/debug/stats", None, "error_404_debug_stats", 404),
        ("GET", "/health/ready", None, "error_404_health_ready", 404),
        ("GET", "/v1/models/demo", None, "error_404_v1_models_id", 404),
        ("POST", "/v1/tokenize", {"text": "x"}, "error_404_path_v1_tokenize", 404),
        ("GET", "/tokenize", None, "error_405_get_tokenize", 405),
        ("POST", "/v1/models", {}, "error_405_post_models", 405),
        ("POST", "/tokenize", {"text": "x"}, "error_400_tokenize_text_field", 400),
        ("POST", "/tokenize", {"prompt": ["a", "b"]}, "tokenize_prompt_list", 400),
        ("POST", "/tokenize", {"model": "nope", "prompt": "x"}, "error_404_tokenize_model", 404),
        ("POST", "/detokenize", {"tokens": [-1]}, "detokenize_negative", 400),
        ("POST", "/detokenize", {"tokens": []}, "detokenize_empty", 200),
        ("POST", "/detokenize", {"tokens": [10**9]}, "detokenize_out_of_vocab", 200),
        (
            "POST",
            "/tokenize",
            {"messages": [{"role": "user", "content": "x"}], "continue_final_message": True},
            "tokenize_chat_continue_default",
            400,
        ),
        (
            "POST",
            "/tokenize",
            {"messages": [{"role": "user", "content": "x"}], "chat_template": "{{ x }}"},
            "tokenize_chat_template_untrusted",
            400,
        ),
    ],
)
def test_answers_are_the_recorded_ones(chat, method, path, body, recording, status):
    answer = chat.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json() == recorded(recording)


def test_a_body_that_is_no_json_is_refused_in_the_recorded_words(chat):
    text = b'{"prompt": nope}'
    bad = chat.post("/tokenize", content=text, headers={"content-type": "application/json"})
    assert (bad.status_code, bad.json()) == (400, recorded("error_400_bad_json"))
    bare = chat.post("/tokenize", content=text, headers={"content-type": "text/plain"})
    assert (bare.status_code, bare.json()) == (400, recorded("error_400_content_type"))
    array = chat.post("/tokenize", json=[1])
    assert array.json()["error"]["type"] == "Bad Request"


def test_tokenizing_there_and_back(chat):
    text = "Hello, 世界! 🎉"
    answer = chat.post("/tokenize", json={"prompt": text, "return_token_strs": True}).json()
    assert answer["count"] == len(answer["tokens"]) == len(answer["token_strs"])
    assert answer["max_model_len"] == 4096
    assert answer["token_strs"][0] == "<s>"
    back = chat.post("/detokenize", json={"tokens": answer["tokens"]}).json()
    assert back == {"prompt": f"<s>{text}"}
    plain = chat.post("/tokenize", json={"prompt": text, "add_special_tokens": False}).json()
    assert plain["tokens"] == answer["tokens"][1:]
    assert plain["token_strs"] is None


def test_messages_go_through_the_chat_template(chat):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And?"},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    answer = chat.post("/tokenize", json={"messages": messages, "tools": tools}).json()
    text = chat.post("/detokenize", json={"tokens": answer["tokens"]}).json()["prompt"]
    assert text == (
        "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi[/INST]Hello</s>"
        f"[AVAILABLE_TOOLS]{json.dumps(tools)}[/AVAILABLE_TOOLS][INST]And?[/INST]"
    )
    open_end = {"continue_final_message": True, "add_generation_prompt": False}
    answer = chat.post("/tokenize", json={"messages": messages[:3], **open_end}).json()
    text = chat.post("/detokenize", json={"tokens": answer["tokens"]}).json()["prompt"]
    assert text.endswith("[/INST]Hello")


def test_the_page_has_the_recorded_families_and_types(chat):
    chat.get("/v1/models")
    ours = families(chat.get("/metrics").text)
    real = families((RECORDINGS / "metrics.txt").read_text())
    assert {name: family.type for name, family in ours.items()} == {
        name: family.type for name, family in real.items()
    }
    assert {name: family.documentation for name, family in ours.items()} == {
        name: family.documentation for name, family in real.items()
    }


def test_both_pages_say_what_they_are(chat):
    plain, mounted = chat.get("/metrics?name[]=x"), chat.get("/metrics/")
    assert plain.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    assert "content-encoding" not in plain.headers
    assert mounted.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert mounted.headers["content-encoding"] == "gzip"
    assert families(plain.text).keys() == families(mounted.text).keys()


def test_the_mounted_page_heeds_a_filter(chat):
    names = ["vllm:kv_cache_usage_perc", "vllm:num_requests_running", "vllm:prompt_tokens_total"]
    answer = chat.get("/metrics/", params={"name[]": names})
    heads = [line for line in answer.text.splitlines() if line.startswith("#")]
    real = (RECORDINGS / "metrics_slash_filter.txt").read_text().splitlines()
    assert sorted(heads) == sorted(line for line in real if line.startswith("#"))
    assert len(answer.text) < 700


def test_scraping_is_not_counted_and_other_calls_are(chat):
    before = value(chat, "http_requests_total")
    for path in ("/metrics/", "/health", "/version", "/load", "/ping"):
        chat.get(path)
    background = value(chat, "http_requests_total") - before
    chat.get("/nowhere")
    page = families(chat.get("/metrics").text)["http_requests"]
    handlers = {sample.labels["handler"] for sample in page.samples}
    assert "none" in handlers
    assert not handlers & {"/metrics", "/metrics/", "/health", "/version", "/load", "/ping"}
    assert background < 10


def test_an_adapter_is_asked_by_its_own_name(servers):
    client = servers["demo-pressure"]
    names = [one["id"] for one in client.get("/v1/models").json()["data"]]
    answers = [client.post("/tokenize", json={"model": one, "prompt": "hi"}) for one in names]
    assert [one.status_code for one in answers] == [200] * 2
    assert answers[0].json()["tokens"] == answers[1].json()["tokens"]
    assert client.post("/tokenize", json={"model": "no", "prompt": "hi"}).status_code == 404
