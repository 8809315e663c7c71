"""The engine's part of a `/metrics` page, made from a catalogue and from readings.

A catalogue (`families_0_32.tsv`, `families_0_6.tsv`) lists what a release reports, in its order:
kind, name without the `vllm:` prefix, the label that tells a family's values apart (or `-`), and
its HELP text. A reading gives one entry's value from the engine's state. This module joins the
two; `READINGS` are those of vLLM 0.32, the older release keeps its own beside its routes.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import NamedTuple

from lib.demo.blocks import BLOCK_TOKENS
from lib.demo.exposition import Family, counter, gauge, histogram
from lib.demo.ledger import Histogram, Ledger
from lib.demo.scheduler import Scheduler

__all__ = ["READINGS", "Entry", "Reading", "catalogue", "current_families", "family"]

Values = Mapping[str, float]
Reading = Callable[[Scheduler], float | Values | Histogram]


class Entry(NamedTuple):
    """One line of a catalogue."""

    kind: str
    name: str
    part: str
    about: str


def catalogue(file: str) -> tuple[Entry, ...]:
    """The catalogue of one release, from the file of that name in this folder."""
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    return tuple(Entry(*line.split("\t")) for line in text.splitlines())


def family(
    entry: Entry,
    value: float | Values | Histogram,
    labels: Mapping[str, str],
    *,
    created: float | None = None,
    last_edge: float = float("inf"),
) -> list[Family]:
    """One entry with its value, as families of the page."""
    name = f"vllm:{entry.name}"
    if isinstance(value, Histogram):
        return histogram(name, entry.about, [(labels, value)], created, last_edge)
    parts = value if isinstance(value, Mapping) else {"": value}
    series = [({**labels, entry.part: part} if part else labels, v) for part, v in parts.items()]
    if entry.kind == "counter":
        return counter(name, entry.about, series, created)
    return gauge(name, entry.about, series)


def _nothing(_: Scheduler) -> float:
    """For what an engine without that feature reports as 0."""
    return 0.0


def _by_source(engine: Scheduler) -> Values:
    cached = engine.ledger.cached_tokens
    return {
        "local_compute": engine.ledger.prompt_tokens - cached,
        "local_cache_hit": cached,
        "external_kv_transfer": 0,
    }


def _by_tier(engine: Scheduler) -> Values:
    elsewhere = dict.fromkeys(("host", "p2p", "disk", "external_unspecified"), 0.0)
    return {"device": engine.ledger.prefix_hits, **elsewhere}


def _of(read: Callable[[Ledger], float | Values | Histogram]) -> Reading:
    return lambda engine: read(engine.ledger)


READINGS: Mapping[str, Reading] = {
    "estimated_flops_per_gpu_total": _nothing,
    "estimated_read_bytes_per_gpu_total": _nothing,
    "estimated_write_bytes_per_gpu_total": _nothing,
    "num_requests_running": lambda engine: len(engine.running),
    "num_requests_waiting": lambda engine: len(engine.waiting),
    "num_requests_waiting_by_reason": lambda engine: {
        "capacity": len(engine.waiting),
        "deferred": 0,
    },
    "engine_sleep_state": lambda _: {"awake": 1, "weights_offloaded": 0, "discard_all": 0},
    "kv_cache_usage_perc": lambda engine: engine.pool.usage,
    "prefix_cache_queries_total": _of(lambda ledger: ledger.prefix_queries),
    "prefix_cache_hits_total": _of(lambda ledger: ledger.prefix_hits),
    "external_prefix_cache_queries_total": _nothing,
    "external_prefix_cache_hits_total": _nothing,
    "mm_cache_queries_total": _nothing,
    "mm_cache_hits_total": _nothing,
    "num_preemptions_total": _of(lambda ledger: ledger.preemptions),
    "prompt_tokens_total": _of(lambda ledger: ledger.prompt_tokens),
    "prompt_tokens_by_source_total": _by_source,
    "prompt_tokens_cached_total": _of(lambda ledger: ledger.cached_tokens),
    "prompt_tokens_cached_by_source_total": _by_tier,
    "generation_tokens_total": _of(lambda ledger: ledger.generation_tokens),
    "request_success_total": _of(lambda ledger: ledger.finished),
    "admission_rejections_total": lambda engine: {
        "max_num_queued_reqs": engine.ledger.rejections,
        "max_num_queued_tokens": 0,
    },
    "request_prompt_tokens": _of(lambda ledger: ledger.prompt_length),
    "request_generation_tokens": _of(lambda ledger: ledger.generation_length),
    "iteration_tokens_total": _of(lambda ledger: ledger.step_tokens),
    "request_max_num_generation_tokens": _of(lambda ledger: ledger.max_generation),
    "request_params_n": _of(lambda ledger: ledger.choices),
    "request_params_max_tokens": _of(lambda ledger: ledger.max_tokens),
    "time_to_first_token_seconds": _of(lambda ledger: ledger.ttft),
    "inter_token_latency_seconds": _of(lambda ledger: ledger.itl),
    "request_time_per_output_token_seconds": _of(lambda ledger: ledger.tpot),
    "e2e_request_latency_seconds": _of(lambda ledger: ledger.e2e),
    "request_queue_time_seconds": _of(lambda ledger: ledger.queue),
    "request_inference_time_seconds": _of(lambda ledger: ledger.inference),
    "request_prefill_time_seconds": _of(lambda ledger: ledger.prefill),
    "request_decode_time_seconds": _of(lambda ledger: ledger.decode),
    "request_num_preemptions": _of(lambda ledger: ledger.request_preemptions),
    "request_prefill_kv_computed_tokens": _of(lambda ledger: ledger.prefill_computed),
}

# Counted where requests enter, before an engine is chosen.
PER_MODEL = frozenset({"admission_rejections_total"})

# A part of the real release's labels: those that say something about a simulated cache.
CACHE_CONFIG = {
    "_block_size_resolved": "True",
    "cache_dtype": "auto",
    "enable_prefix_caching": "True",
    "engine": "0",
    "gpu_memory_utilization": "0.92",
    "is_attention_free": "False",
    "kv_offloading_size": "None",
    "num_cpu_blocks": "None",
    "num_gpu_blocks_override": "None",
    "prefix_caching_hash_algo": "sha256",
    "sliding_window": "None",
    "user_specified_block_size": "False",
}

ENTRIES = catalogue("families_0_32.tsv")


def current_families(engine: Scheduler, model: str, created: float) -> Iterator[Family]:
    """Everything vLLM 0.32 says about one engine; `created` is the Unix time it counts since."""
    per_model = {"model_name": model}
    per_engine = {"engine": "0", **per_model}
    for entry in ENTRIES:
        labels = per_model if entry.name in PER_MODEL else per_engine
        yield from family(entry, READINGS[entry.name](engine), labels, created=created)
    about = "Information of the LLMEngine CacheConfig"
    yield from gauge("vllm:cache_config_info", about, [(_cache_config(engine), 1.0)])


def _cache_config(engine: Scheduler) -> dict[str, str]:
    blocks = engine.pool.usable + 1  # the null block is counted, but not usable
    tokens = blocks * BLOCK_TOKENS
    return {
        **CACHE_CONFIG,
        "block_size": str(BLOCK_TOKENS),
        "effective_attention_block_size": str(BLOCK_TOKENS),
        "kv_cache_max_concurrency": str(tokens / engine.limits.max_model_len),
        "kv_cache_size_tokens": str(tokens),
        "num_gpu_blocks": str(blocks),
    }
