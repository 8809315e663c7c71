"""What each argument of a vLLM server does, in a sentence.

A table of the arguments that servers are really started with; one that is not in it is shown
without a sentence. Names are those of the log: `max_model_len` is `--max-model-len`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lib.secrets import HIDDEN, Masker, is_secret

__all__ = ["WHAT", "Argument", "explained", "flag"]

WHAT: Mapping[str, str] = {
    # ── The model ──
    "model": "The model to load: a name on a hub, or a folder.",
    "model_tag": "The model to load, given without a flag's name.",
    "served_model_name": "The names by which requests ask for it; the first is the metrics' label.",
    "tokenizer": "Another tokenizer than the model's own.",
    "tokenizer_mode": "Which implementation of the tokenizer; auto takes the fast one.",
    "skip_tokenizer_init": "No tokenizer is loaded: requests and answers are token ids.",
    "revision": "The branch, tag or commit of the model on the hub.",
    "trust_remote_code": "Runs Python code that comes with the model: only for authors you trust.",
    "download_dir": "Where downloaded weights are kept.",
    "load_format": "How the weights are stored; dummy fills them with random numbers.",
    "config_format": "How the model's configuration is stored; auto looks.",
    "dtype": "The type of weights and activations; auto follows the model.",
    "quantization": "The method with which the weights are quantised.",
    "hf_overrides": "Changes to the model's own configuration.",
    "hf_token": "The token for a hub that asks for one.",
    "runner": "What the model is used for: generate or pooling.",
    "convert": "Turns a model into one of another task, for instance embeddings.",
    "task": "What the model is used for; replaced by --runner and --convert.",
    "model_impl": "vLLM's own implementation of the model, or that of Transformers.",
    "generation_config": "Where sampling defaults come from; vllm ignores the model's own.",
    "override_generation_config": "Sampling defaults that go before the model's own.",
    "seed": "The seed of all randomness.",
    "rope_scaling": "Stretches the positions of a model to longer texts.",
    "max_model_len": "Tokens that a prompt and its answer may have together. Smaller needs less"
    " memory for each request.",
    "max_logprobs": "How many alternatives of a token a request may ask for.",
    "logits_processors": "Code that changes probabilities before sampling.",
    # ── Memory and cache ──
    "gpu_memory_utilization": "The share of the device's memory that the server may take for"
    " weights, activations and KV cache; 0.9 to 0.92 unless given.",
    "kv_cache_memory_bytes": "The size of the KV cache, given instead of measured.",
    "block_size": "Tokens in a block of the KV cache, the unit of sharing and of eviction.",
    "num_gpu_blocks_override": "The number of KV blocks, given instead of measured: for tests.",
    "kv_cache_dtype": "The type of the KV cache; fp8 holds twice as many tokens.",
    "swap_space": "GiB of main memory for requests that were swapped out; V1 swaps nothing.",
    "cpu_offload_gb": "GiB of weights kept in main memory: more room, slower steps.",
    "kv_offloading_size": "GiB of main memory for KV blocks that leave the device.",
    "kv_transfer_config": "Shares the KV cache with other servers or storage.",
    "kv_events_config": "Publishes which KV blocks are stored and removed.",
    "enable_prefix_caching": "Prompts that begin alike share their computed blocks; on by default"
    " in V1.",
    "no_enable_prefix_caching": "Every prompt is computed anew.",
    "prefix_caching_hash_algo": "How blocks are told apart; sha256 is safe against made-up twins.",
    "enable_sleep_mode": "The server can be put to sleep and give its memory back.",
    "mm_processor_cache_gb": "GiB for images and sounds that were already prepared.",
    # ── Scheduling ──
    "max_num_seqs": "Requests in the running batch at most; more wait.",
    "max_num_batched_tokens": "Tokens that one step computes at most: greater is better for"
    " throughput and first tokens, smaller for the pace of running answers.",
    "enable_chunked_prefill": "Long prompts are computed in pieces between decode steps.",
    "max_num_partial_prefills": "Prompts that may be half computed at once.",
    "long_prefill_token_threshold": "From so many tokens on a prompt counts as long.",
    "scheduling_policy": "fcfs takes requests as they come, priority by their priority.",
    "preemption_mode": "What happens to a request that loses its blocks; V1 always recomputes.",
    "num_scheduler_steps": "Decode steps between two plans; gone in V1.",
    "async_scheduling": "Plans the next step while this one runs.",
    "stream_interval": "Tokens that are collected before a chunk is sent.",
    "max_num_queued_reqs": "Requests that may wait; more are refused with 503.",
    "max_num_queued_tokens": "Tokens that may wait; more are refused with 503.",
    "disable_hybrid_kv_cache_manager": "One kind of block for all layers: simpler, more memory.",
    "speculative_config": "A small model or rule drafts tokens that the model then checks at once.",
    "num_speculative_tokens": "Tokens that are drafted at a time.",
    # ── Computing ──
    "enforce_eager": "No CUDA graphs and no compilation: starts fast, decodes more slowly.",
    "compilation_config": "What is compiled and which batch sizes get a CUDA graph.",
    "optimization_level": "How much is compiled: from 0, nothing, to 3.",
    "max_seq_len_to_capture": "Longer contexts run without CUDA graphs.",
    "attention_backend": "The implementation of attention, instead of the one it would choose.",
    "disable_custom_all_reduce": "The devices add up their results by NCCL alone.",
    "device": "The kind of device; auto finds it.",
    # ── Several devices ──
    "tensor_parallel_size": "Devices that share every layer; the model's memory is divided by it.",
    "pipeline_parallel_size": "Groups of devices that hold one part of the layers each.",
    "data_parallel_size": "Copies of the model, each with a KV cache and a queue of its own.",
    "data_parallel_size_local": "Copies on this machine.",
    "data_parallel_backend": "How the copies are run: mp or ray.",
    "data_parallel_address": "The machine that leads the copies.",
    "data_parallel_hybrid_lb": "Each machine shares out its requests to its own copies.",
    "data_parallel_external_lb": "A load balancer outside shares out the requests.",
    "api_server_count": "Processes that read requests; with several, the line of statistics is"
    " not printed.",
    "enable_expert_parallel": "Experts are spread over the devices instead of cut into pieces.",
    "distributed_executor_backend": "How workers are run: mp on one machine, ray over several.",
    "nnodes": "Machines that run this server together.",
    "worker_extension_cls": "Code that is added to every worker.",
    # ── Adapters ──
    "enable_lora": "Requests may ask for adapters.",
    "lora_modules": "Adapters that are there from the start: name and folder.",
    "max_loras": "Different adapters in one step; requests for others wait.",
    "max_lora_rank": "The greatest rank of an adapter; greater takes memory for all.",
    "max_cpu_loras": "Adapters kept in main memory.",
    # ── Chat ──
    "chat_template": "The template that makes a prompt of messages, instead of the model's own.",
    "chat_template_content_format": "Whether a message's content is a text or a list.",
    "trust_request_chat_template": "Requests may bring a template of their own.",
    "response_role": "The role of the answers' messages.",
    "enable_auto_tool_choice": "The model may decide by itself to call a tool.",
    "tool_call_parser": "How tool calls are read out of the model's text.",
    "reasoning_parser": "How a model's thinking is told from its answer.",
    "enable_reasoning": "The model thinks before it answers; replaced by --reasoning-parser.",
    "guided_decoding_backend": "What keeps answers in a given shape; now structured outputs.",
    "structured_outputs_config": "What keeps answers in a given shape.",
    "limit_mm_per_prompt": "Images, videos and sounds that a prompt may hold.",
    "allowed_local_media_path": "Requests may read media files below this folder.",
    "return_tokens_as_token_ids": "Tokens in answers are written as their ids.",
    # ── The web server ──
    "host": "The address to listen on; 0.0.0.0 is every network of the machine.",
    "port": "The port to listen on; 8000 unless given.",
    "uds": "Listens on a socket file instead of a port.",
    "api_key": "Requests must bring this key, on routes under /v1 and a few more only.",
    "root_path": "The path that a proxy in front takes away.",
    "allowed_origins": "Web pages that may call it from a browser; all up to 0.30, none since.",
    "allow_credentials": "Browsers may send cookies along.",
    "ssl_keyfile": "The private key for https.",
    "ssl_certfile": "The certificate for https.",
    "middleware": "Code that every request passes through.",
    "disable_fastapi_docs": "No /docs and no /openapi.json.",
    "enable_request_id_headers": "Answers carry the request's id.",
    "enable_tokenizer_info_endpoint": "Adds /tokenizer_info, with the chat template.",
    "enable_server_load_tracking": "/load counts requests; without it, it always says 0.",
    "enable_prompt_tokens_details": "Answers say how many prompt tokens were cached.",
    "enable_per_request_metrics": "Answers carry their own times: queue, first token, pace.",
    "enable_force_include_usage": "Every stream ends with the number of its tokens.",
    "enable_scale_out": "Opens the render and tokens-in routes.",
    "enable_elastic_ep": "The number of copies can be changed while it runs.",
    "sse_keep_alive_interval": "Seconds after which a silent stream says that it is alive.",
    "grpc": "Speaks gRPC as well.",
    # ── Looking at it ──
    "disable_log_stats": "No line of statistics, and no vLLM metrics: nothing to diagnose with.",
    "disable_log_requests": "Requests are not logged: the default since 0.10.",
    "enable_log_requests": "Requests are logged; newer releases add their prompts at the level"
    " DEBUG only.",
    "enable_log_outputs": "Answers are logged too.",
    "max_log_len": "Characters of a prompt that are logged.",
    "uvicorn_log_level": "How much the web server logs.",
    "disable_uvicorn_access_log": "Requests leave no line in the log.",
    "show_hidden_metrics_for_version": "Shows metrics that the release before has hidden.",
    "otlp_traces_endpoint": "Where traces of requests are sent.",
    "collect_detailed_traces": "Traces of the steps inside; costs speed.",
    "kv_cache_metrics": "Samples how long KV blocks live and rest.",
    "enable_mfu_metrics": "Counts the arithmetic that is done.",
    "profiler_config": "Where profiles are written; adds /start_profile.",
    "enable_logging_iteration_details": "One line for every step: much.",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as the log says it; `what` is "" where the table has no sentence."""

    name: str
    value: str
    what: str


def flag(name: str) -> str:
    """As it is typed: --max-model-len."""
    return "--" + name.replace("_", "-")


def explained(told: Mapping[str, str], masker: Masker, longest: int = 600) -> tuple[Argument, ...]:
    """All arguments of a log, without secrets."""
    return tuple(
        Argument(name, _value(name, value, masker, longest), WHAT.get(name.replace("-", "_"), ""))
        for name, value in told.items()
    )


def _value(name: str, value: str, masker: Masker, longest: int) -> str:
    if is_secret(name) and value.lower() not in ("none", "***", ""):
        masker.learn(value)
        return HIDDEN
    shown = masker.masked(value)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
