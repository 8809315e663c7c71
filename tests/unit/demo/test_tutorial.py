"""Over real HTTP: the tutorial's dialect, and a page as an engine of its time wrote it."""

from tests.unit.demo.asking import families


def test_the_tutorial_dialect(tutorial):
    text = "Hello, 世界! 🎉"
    answer = tutorial.post("/v1/tokenize", json={"model": "", "text": text}).json()
    assert answer.keys() == {"tokens", "count"}
    back = tutorial.post("/v1/detokenize", json={"model": "", "tokens": answer["tokens"]}).json()
    assert back == {"text": text}
    assert tutorial.get("/health/ready").status_code == 200
    for path in ("/tokenize", "/detokenize", "/load", "/ping"):
        assert tutorial.get(path).status_code == 404


def test_the_tutorial_server_refuses_in_the_flat_form(tutorial):
    missing = tutorial.post("/v1/tokenize", json={"model": ""})
    unknown = tutorial.post("/v1/tokenize", json={"model": "nope", "text": "x"})
    assert (missing.status_code, unknown.status_code) == (400, 404)
    for answer in (missing, unknown):
        assert answer.json().keys() == {"object", "message", "type", "param", "code"}
    assert missing.json()["type"] == "BadRequestError"


def test_the_tutorial_s_debug_routes_agree_with_its_metrics(tutorial):
    stats, cache, config, traces = (
        tutorial.get(f"/debug/{name}").json()
        for name in ("stats", "cache_stats", "config", "traces")
    )
    assert cache["num_free_gpu_blocks"] + cache["num_used_gpu_blocks"] == config["num_gpu_blocks"]
    assert 0 <= stats["gpu_cache_usage"] < 0.5
    assert stats["avg_generation_throughput"] > 0
    assert "demo" in tutorial.get("/debug/version").json()["version"]
    assert "demo" in config["model_name"]
    for trace in traces["traces"]:
        assert trace["queue_time"] < trace["time_to_first_token"] <= trace["e2e_latency"]
    labels = families(tutorial.get("/metrics").text)["vllm:cache_config_info"].samples[0].labels
    assert int(labels["num_gpu_blocks"]) == config["num_gpu_blocks"]
    assert "kv_cache_size_tokens" not in labels


def test_the_tutorial_s_page_is_of_its_time(tutorial):
    page = families(tutorial.get("/metrics").text)
    assert {
        "vllm:gpu_cache_usage_perc",
        "vllm:cpu_cache_usage_perc",
        "vllm:num_requests_swapped",
        "vllm:time_per_output_token_seconds",
    } <= page.keys()
    assert not {"vllm:kv_cache_usage_perc", "vllm:inter_token_latency_seconds"} & page.keys()
    assert all(name.startswith("vllm:") for name in page)
    for family in page.values():
        for sample in family.samples:
            extra = {"le", "finished_reason"}
            assert family.name.endswith("_info") or sample.labels.keys() - extra == {"model_name"}
            assert not sample.name.endswith("_created")
    ttft = page["vllm:time_to_first_token_seconds"].samples
    edges = [sample.labels["le"] for sample in ttft if "le" in sample.labels]
    assert edges[-2:] == ["10.0", "+Inf"]
    assert tutorial.get("/metrics/", params={"name[]": "vllm:num_requests_running"}).text == ""
