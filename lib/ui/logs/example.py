"""The example: the log of a simulated server, as the demo server with little memory would print it.

It is made, not recorded: release, model, cache, seats and routes are those of demo-pressure (a test
compares both), its clients come in waves.
"""

from collections.abc import Iterator
from math import sin, tau

__all__ = ["EXAMPLE_SERVER", "example"]

EXAMPLE_SERVER = "demo-pressure"
_MODEL = "demo/tekken-7b-tight"
_ROUTES = (
    ("/openapi.json", "GET"),
    ("/load", "GET"),
    ("/version", "GET"),
    ("/kv_event_sources", "GET"),
    ("/health", "GET"),
    ("/metrics", "GET"),
    ("/tokenize", "POST"),
    ("/detokenize", "POST"),
    ("/v1/models", "GET"),
    ("/ping", "GET"),
    ("/ping", "POST"),
    ("/invocations", "POST"),
    ("/v1/chat/completions", "POST"),
    ("/v1/responses", "POST"),
    ("/v1/completions", "POST"),
    ("/v1/messages", "POST"),
    ("/v1/messages/count_tokens", "POST"),
    ("/is_scaling_elastic_ep", "POST"),
)
_START = (
    ("APIServer", 0, "", " ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0+demo"),
    ("APIServer", 0, "", f"  █▄█▀ █     █     █     █  model   {_MODEL}"),
    (
        "APIServer",
        0,
        "",
        (
            f"non-default args: {{'port': 18002, 'api_key': '***', 'model': '{_MODEL}',"
            " 'max_model_len': 4096, 'max_num_seqs': 48, 'max_num_queued_reqs': 96,"
            " 'gpu_memory_utilization': 0.92, 'enable_lora': True, 'reasoning_parser': 'qwen3',"
            " 'enable_per_request_metrics': True}"
        ),
    ),
    (
        "APIServer",
        0,
        "WARNING",
        (
            "Found ulimit of 1024 and failed to automatically increase with error current limit"
            " exceeds maximum limit. Consider increasing with ulimit -n"
        ),
    ),
    ("APIServer", 1, "", "Resolved architecture: MistralForCausalLM"),
    ("APIServer", 1, "", "Using max model len 4096"),
    (
        "EngineCore",
        9,
        "",
        (
            f"Initializing a V1 LLM engine (v0.32.0+demo) with config: model='{_MODEL}', dtype="
            "torch.bfloat16, max_seq_len=4096, tensor_parallel_size=1, enable_prefix_caching=True,"
            " enable_chunked_prefill=True"
        ),
    ),
    ("Worker", 12, "", f"Starting to load model {_MODEL}..."),
    ("Worker", 26, "", "Loading weights took 12.41 seconds"),
    ("Worker", 27, "", "Model loading took 14.29 GiB memory and 13.870000 seconds"),
    (
        "Worker",
        28,
        "",
        "Using cache directory: /cache/torch_compile_cache/demo for vLLM's torch.compile",
    ),
    ("Worker", 49, "", "torch.compile took 19.80 s in total"),
    ("Worker", 53, "", "Available KV cache memory: 2.34 GiB"),
    (
        "EngineCore",
        53,
        "",
        "GPU KV cache size: 19,200 tokens, Maximum concurrency for 4,096 tokens per request: 4.69x",
    ),
    ("Worker", 65, "", "Graph capturing finished in 11 secs, took 0.62 GiB"),
    (
        "EngineCore",
        65,
        "",
        "init engine (profile, create kv cache, warmup model) took 37.90 s",
    ),
    ("APIServer", 66, "", "Supported tasks: ['generate']"),
    ("APIServer", 67, "", "Starting vLLM server on http://127.0.0.1:18002"),
    ("APIServer", 67, "", "Available routes are:"),
)
_PIDS = {"APIServer": 2520, "EngineCore": 2561, "Worker": 2602}
_BEGUN = 9 * 3600 + 4 * 60 + 27


def example() -> bytes:
    """The whole log: a start, and forty minutes with too little cache for its clients."""
    lines = [_line(*one) for one in _START]
    lines += [
        _line("APIServer", 67, "", f"Route: {path}, Methods: {method}") for path, method in _ROUTES
    ]
    lines += [
        "INFO:     Started server process [2520]",
        "INFO:     Waiting for application startup.",
        "INFO:     Application startup complete.",
        *_served(),
    ]
    return ("\n".join(lines) + "\n").encode()


def _served() -> Iterator[str]:
    for number in range(240):
        second = 77 + 10 * number
        wave = max(0.0, sin(number / 54 * tau))
        if 150 <= number < 171:
            continue  # nobody asked anything
        running = round(4 + 44 * wave)
        waiting = round(max(0.0, wave - 0.7) * 70)
        kept = min(0.998, 0.08 + wave)
        preempted = f"Preemptions: {round((wave - 0.85) * 40)}, " if wave > 0.9 else ""
        yield 'INFO:     10.0.0.7:40222 - "POST /v1/chat/completions HTTP/1.1" 200 OK'
        yield _line(
            "APIServer",
            second,
            "",
            f"Engine 000: Avg prompt throughput: {40 + 420 * wave:.1f} tokens/s, Avg generation"
            f" throughput: {60 + 610 * wave:.1f} tokens/s, Running: {running} reqs, Waiting:"
            f" {waiting} reqs, {preempted}GPU KV cache usage: {100 * kept:.1f}%, Prefix cache hit"
            f" rate: {38 + 6 * sin(number / 40):.1f}%",
        )
        if number == 40:
            yield _line(
                "APIServer",
                second,
                "WARNING",
                "The following fields were present in the request but ignored: {'guided_json'}",
            )


def _line(process: str, second: int, level: str, message: str) -> str:
    at = _BEGUN + second
    when = f"11-22 {at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}"
    return f"({process} pid={_PIDS[process]}) {level or 'INFO'} {when} [demo.py:1] {message}"
