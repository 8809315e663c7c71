"""What a server reports only with a feature on: adapters, connectors, drafts, sampled blocks.

A part of the table of `lib.metrics.names`, with the same rules.
"""

from lib.metrics.quantity import Quantity, counter, gauge, histogram

__all__ = ["FEATURES"]

FEATURES: tuple[Quantity, ...] = (
    gauge(
        "lora_wanted",
        unit="adapters",
        meaning="adapters with a request under way, by the newest line of vllm:lora_requests_info",
        shown_by="--enable-lora",
    ),
    gauge(
        "lora_slots",
        unit="adapters",
        meaning="max_lora of the newest line of vllm:lora_requests_info (--max-loras)",
        shown_by="--enable-lora",
    ),
    gauge(
        "kv_fetch",
        "num_requests_kv_fetch_by_stage",
        unit="requests",
        meaning="requests whose KV blocks are being fetched from another server",
        part="stage",
        shown_by="vLLM 0.32 with a KV connector",
    ),
    gauge(
        "offload_kv_usage",
        "kv_offload_cpu_cache_usage_perc",
        unit="fraction",
        meaning="use of the CPU memory that KV blocks are offloaded to",
        shown_by="vLLM 0.25 with a KV offload connector",
    ),
    gauge(
        "offload_pending",
        "simple_kv_offload_pending_store_blocks",
        unit="blocks",
        meaning="KV blocks that wait to be stored in CPU memory",
        shown_by="vLLM 0.32 with the simple KV offload connector",
    ),
    counter(
        "offload_failures",
        "kv_offload_allocation_failure_total",
        unit="failures",
        meaning="times that no CPU memory was free for KV blocks to offload",
        shown_by="a KV offload connector",
    ),
    counter(
        "external_prefix_queries",
        "external_prefix_cache_queries_total",
        unit="tokens",
        meaning="prompt tokens looked up in a KV connector's cache",
        shown_by="vLLM 0.11.2 or newer",
    ),
    counter(
        "external_prefix_hits",
        "external_prefix_cache_hits_total",
        unit="tokens",
        meaning="prompt tokens found in a KV connector's cache",
        shown_by="vLLM 0.11.2 or newer",
    ),
    counter(
        "transfer_failures",
        "nixl_num_failed_transfers_total",
        unit="transfers",
        meaning="transfers of KV blocks between servers that failed",
        shown_by="the NIXL connector",
    ),
    counter(
        "transfer_expired",
        "nixl_num_kv_expired_reqs_total",
        unit="requests",
        meaning="requests whose KV blocks were given up before the other server had fetched them",
        shown_by="the NIXL connector, on the server that prefills",
    ),
    counter(
        "drafts",
        "spec_decode_num_drafts_total",
        unit="drafts",
        meaning="speculative drafts",
        shown_by="speculative decoding",
    ),
    counter(
        "draft_tokens",
        "spec_decode_num_draft_tokens_total",
        unit="tokens",
        meaning="tokens that were drafted",
        shown_by="speculative decoding",
    ),
    counter(
        "accepted_tokens",
        "spec_decode_num_accepted_tokens_total",
        unit="tokens",
        meaning="drafted tokens that were accepted",
        shown_by="speculative decoding",
    ),
    histogram(
        "block_idle",
        "kv_block_idle_before_evict_seconds",
        unit="s",
        meaning="how long a cached KV block had rested when it was given to another text",
        shown_by="vLLM 0.13 or newer with --kv-cache-metrics",
    ),
)
