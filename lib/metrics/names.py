"""What each quantity is called, in every release of vLLM since 0.6.

This table alone decides which families of a scrape are read and under which of our names. A
quantity lists its wire names newest first: where a server reports two of them (0.9.2–0.11.2 did),
the first one that is there wins and the others are ignored, because they hold the same figure
twice. Wire names are written without the `vllm:` prefix; `process_…` and `http_…` families are
written whole. A quantity without a wire name is computed from others when a scrape is read
(`lib.metrics.reader`), or measured by the watcher (`check_seconds`).

A family that a server does not report stays unreported: `shown_by` says which flag or release would
show it.
"""

from collections.abc import Iterator

from lib.metrics.features import FEATURES
from lib.metrics.quantity import Kind, Quantity, counter, full_name, gauge, histogram

__all__ = ["BY_NAME", "QUANTITIES", "Kind", "Quantity", "wire_names"]


_V0_ONLY = "only the V0 engine (before 0.8) swaps; V1 preempts and recomputes instead"

_GAUGES = (
    gauge(
        "running", "num_requests_running", unit="requests", meaning="requests in the running batch"
    ),
    gauge(
        "waiting",
        "num_requests_waiting",
        unit="requests",
        meaning="requests queued for the scheduler",
    ),
    gauge(
        "waiting_by_reason",
        "num_requests_waiting_by_reason",
        unit="requests",
        meaning="queued requests by what they wait for: capacity, or deferred (adapter, grammar)",
        part="reason",
        shown_by="vLLM 0.22 or newer",
    ),
    gauge(
        "swapped",
        "num_requests_swapped",
        unit="requests",
        meaning="requests whose KV blocks were moved to CPU memory",
        shown_by=_V0_ONLY,
    ),
    gauge(
        "kv_usage",
        "kv_cache_usage_perc",
        "gpu_cache_usage_perc",
        unit="fraction",
        meaning="share of the usable KV cache blocks in use; those that are only cached are free",
    ),
    gauge(
        "blocks_used",
        unit="blocks",
        meaning="KV cache usage × usable blocks of cache_config_info",
        shown_by="vLLM 0.9 or newer (0.8 logged num_gpu_blocks before it was known)",
    ),
    gauge(
        "blocks_usable",
        unit="blocks",
        meaning="num_gpu_blocks of cache_config_info, less the null block of each V1 engine",
        shown_by="vLLM 0.9 or newer (0.8 logged num_gpu_blocks before it was known)",
    ),
    gauge(
        "kv_tokens",
        unit="tokens",
        meaning="kv_cache_size_tokens of cache_config_info, else num_gpu_blocks × block_size",
        shown_by="vLLM 0.9 or newer",
    ),
    gauge(
        "cpu_kv_usage",
        "cpu_cache_usage_perc",
        unit="fraction",
        meaning="CPU swap blocks in use, as a share of all",
        shown_by=_V0_ONLY,
    ),
    gauge(
        "prefix_hit_rate",
        "gpu_prefix_cache_hit_rate",
        unit="fraction",
        meaning="prefix cache hit rate as the V0 engine computed it; none while the cache is off",
        shown_by="only the V0 engine reports a rate; V1 reports the counters it is made of",
    ),
    gauge(
        "sleep_state",
        "engine_sleep_state",
        unit="0 or 1",
        meaning="which sleep state the engine is in",
        part="sleep_state",
        shown_by="vLLM 0.11.2 or newer",
    ),
    gauge(
        "process_start",
        "process_start_time_seconds",
        unit="s since 1970",
        meaning="when the API server process started",
        shown_by="one API server process (--api-server-count 1)",
    ),
    gauge(
        "process_rss",
        "process_resident_memory_bytes",
        unit="bytes",
        meaning="resident memory of the API server process",
        shown_by="one API server process (--api-server-count 1)",
    ),
    gauge(
        "open_fds",
        "process_open_fds",
        unit="files",
        meaning="files and connections that the API server process holds open",
        shown_by="one API server process (--api-server-count 1)",
    ),
    gauge(
        "max_fds",
        "process_max_fds",
        unit="files",
        meaning="how many files and connections it may hold open",
        shown_by="one API server process (--api-server-count 1)",
    ),
    gauge(
        "check_seconds",
        unit="s",
        meaning="how long the server took to answer a health check",
        part="check",
    ),
)

_COUNTERS = (
    counter(
        "prompt_tokens",
        "prompt_tokens_total",
        unit="tokens",
        meaning="prompt tokens, cached ones included",
    ),
    counter(
        "prompt_tokens_by_source",
        "prompt_tokens_by_source_total",
        unit="tokens",
        meaning="prompt tokens by where their KV came from: computed, local cache, another server",
        part="source",
        shown_by="vLLM 0.16 or newer",
    ),
    counter(
        "prompt_tokens_cached",
        "prompt_tokens_cached_total",
        unit="tokens",
        meaning="prompt tokens whose KV was found in a cache, this server's or another's",
        shown_by="vLLM 0.16 or newer",
    ),
    counter(
        "generation_tokens", "generation_tokens_total", unit="tokens", meaning="generated tokens"
    ),
    counter(
        "preemptions",
        "num_preemptions_total",
        unit="preemptions",
        meaning="requests pushed out of the batch",
    ),
    counter(
        "prefix_queries",
        "prefix_cache_queries_total",
        "gpu_prefix_cache_queries_total",
        unit="tokens",
        meaning="prompt tokens looked up in the prefix cache",
        shown_by="vLLM 0.7.3 (V1) or newer",
    ),
    counter(
        "prefix_hits",
        "prefix_cache_hits_total",
        "gpu_prefix_cache_hits_total",
        unit="tokens",
        meaning="prompt tokens found in the prefix cache",
        shown_by="vLLM 0.7.3 (V1) or newer",
    ),
    counter(
        "finished",
        "request_success_total",
        unit="requests",
        meaning="finished requests by reason; requests whose client went away are not counted",
        part="finished_reason",
    ),
    counter(
        "rejections",
        "admission_rejections_total",
        unit="requests",
        meaning="requests refused because the queue was full",
        part="reason",
        shown_by="vLLM 0.32 or newer",
    ),
    counter(
        "corrupted",
        "corrupted_requests_total",
        unit="requests",
        meaning="requests whose logits held NaN",
        shown_by="VLLM_COMPUTE_NANS_IN_LOGITS=1",
    ),
    counter(
        "http_requests",
        "http_requests_total",
        unit="requests",
        meaning="HTTP answers by status class; probes and /metrics are not counted",
        part="status",
        shown_by="vLLM 0.8.5 or newer",
    ),
    counter(
        "process_cpu",
        "process_cpu_seconds_total",
        unit="s",
        meaning="CPU time of the API server process",
        shown_by="one API server process (--api-server-count 1)",
    ),
)

_HISTOGRAMS = (
    histogram(
        "ttft", "time_to_first_token_seconds", unit="s", meaning="time to first token (TTFT)"
    ),
    histogram(
        "itl",
        "inter_token_latency_seconds",
        "time_per_output_token_seconds",
        unit="s",
        meaning="inter-token latency (ITL), one value per output event after the first",
    ),
    histogram(
        "tpot",
        "request_time_per_output_token_seconds",
        unit="s",
        meaning="time per output token (TPOT), one mean per request",
        shown_by="vLLM 0.11 or newer",
    ),
    histogram(
        "e2e", "e2e_request_latency_seconds", unit="s", meaning="end-to-end latency of a request"
    ),
    histogram(
        "queue_time",
        "request_queue_time_seconds",
        unit="s",
        meaning="time in the queue, known at the end",
    ),
    histogram(
        "inference_time",
        "request_inference_time_seconds",
        unit="s",
        meaning="time in the running batch",
    ),
    histogram(
        "prefill_time",
        "request_prefill_time_seconds",
        unit="s",
        meaning="time in the prefill phase",
    ),
    histogram(
        "decode_time", "request_decode_time_seconds", unit="s", meaning="time in the decode phase"
    ),
    histogram(
        "prompt_length",
        "request_prompt_tokens",
        unit="tokens",
        meaning="prompt tokens of a request",
    ),
    histogram(
        "generation_length",
        "request_generation_tokens",
        unit="tokens",
        meaning="output tokens of a request",
    ),
    histogram(
        "max_tokens",
        "request_params_max_tokens",
        unit="tokens",
        meaning="max_tokens that requests ask for",
    ),
    histogram(
        "step_tokens", "iteration_tokens_total", unit="tokens", meaning="tokens per engine step"
    ),
    histogram(
        "request_preemptions",
        "request_num_preemptions",
        unit="preemptions",
        meaning="preemptions per request",
        shown_by="vLLM 0.30 or newer",
    ),
    histogram(
        "prefill_computed",
        "request_prefill_kv_computed_tokens",
        unit="tokens",
        meaning="prompt tokens of a request that had to be computed",
        shown_by="vLLM 0.13 or newer",
    ),
)

QUANTITIES: tuple[Quantity, ...] = _GAUGES + _COUNTERS + _HISTOGRAMS + FEATURES
BY_NAME: dict[str, Quantity] = {quantity.name: quantity for quantity in QUANTITIES}


def wire_names() -> tuple[str, ...]:
    """Every sample name that is worth fetching, for the `name[]` filter of `/metrics/`."""
    return tuple(sorted(set(_wanted())))


def _wanted() -> Iterator[str]:
    yield from ("vllm:cache_config_info", "vllm:lora_requests_info")
    for quantity in QUANTITIES:
        for wire in map(full_name, quantity.wire):
            if quantity.kind is Kind.HISTOGRAM:
                yield from (f"{wire}_bucket", f"{wire}_sum")
            else:
                yield wire
