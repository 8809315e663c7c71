"""The tutorial's dialect, over a V0 engine as vLLM 0.6.6 would have reported it.

No vLLM ever had these routes (`/v1/tokenize` with `text`, `/health/ready`, `/debug/*`); a course
teaches them, and a server of this dialect is what its readers expect to see. The `/metrics` page is
that of 0.6.6 in its default mode of several processes: old names, one label, no `process_*`, no
`_created`, and a `name[]` filter that leaves nothing.
"""

import asyncio
import gzip
import platform
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lib.demo import tokenizers
from lib.demo.blocks import BLOCK_TOKENS
from lib.demo.demo import Demo
from lib.demo.exposition import Family, gauge, render
from lib.demo.families import READINGS, Reading, catalogue, family
from lib.demo.ledger import Finished
from lib.demo.replies import Fields, read_fields, unknown_model
from lib.demo.scheduler import Scheduler

__all__ = ["Tutorial"]

CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
BYTES_PER_BLOCK = BLOCK_TOKENS * 131072

ENTRIES = catalogue("families_0_6.tsv")

LAST_EDGES = {
    "time_to_first_token_seconds": 10.0,
    "time_per_output_token_seconds": 2.5,
    "iteration_tokens_total": 8192.0,
    **dict.fromkeys(
        (
            "e2e_request_latency_seconds",
            "request_queue_time_seconds",
            "request_inference_time_seconds",
            "request_prefill_time_seconds",
            "request_decode_time_seconds",
        ),
        60.0,
    ),
}
"""Where a histogram of that release ended; later releases added edges after these."""


def _cpu_usage(engine: Scheduler) -> float:
    return engine.swapped_blocks / engine.limits.swap_blocks


def _hit_rate(engine: Scheduler) -> float:
    return engine.ledger.prefix_hits / max(1, engine.ledger.prefix_queries)


V0_READINGS: Mapping[str, Reading] = {
    **READINGS,
    "num_requests_swapped": lambda engine: len(engine.swapped),
    "gpu_cache_usage_perc": lambda engine: engine.pool.usage,
    "cpu_cache_usage_perc": _cpu_usage,
    "gpu_prefix_cache_hit_rate": _hit_rate,
    "cpu_prefix_cache_hit_rate": lambda _: -1.0,  # how V0 says that there is none
    "tokens_total": lambda engine: engine.ledger.prompt_tokens + engine.ledger.generation_tokens,
    "time_per_output_token_seconds": lambda engine: engine.ledger.itl,
}


class Tutorial:
    """The handlers, for one demo."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    async def metrics(self, request: Request) -> Response:
        """The page, compressed where asked. A filter finds nothing, as in that release."""
        body = b"" if "name[]" in request.query_params else render(self._families())
        headers = {}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers = (
                gzip.compress(body, compresslevel=6, mtime=0),
                {"content-encoding": "gzip"},
            )
        return Response(body, media_type=CLASSIC, headers=headers)

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"status": "ready"})

    async def tokenize(self, request: Request) -> Response:
        fields = await read_fields(request)
        text = fields.text("text")
        self._check(fields)
        tokenizer = await asyncio.to_thread(tokenizers.load, self._demo.role.tokenizer)
        ids = await asyncio.to_thread(tokenizer.encode, text, add_special_tokens=False)
        return JSONResponse({"tokens": ids, "count": len(ids)})

    async def detokenize(self, request: Request) -> Response:
        fields = await read_fields(request)
        ids = fields.ids("tokens")
        self._check(fields)
        tokenizer = await asyncio.to_thread(tokenizers.load, self._demo.role.tokenizer)
        return JSONResponse({"text": await asyncio.to_thread(tokenizer.decode, ids)})

    async def version(self, _: Request) -> Response:
        return JSONResponse(
            {
                "version": self._demo.role.version,
                "git_hash": "demo",
                "cuda_version": "demo",
                "torch_version": "demo",
                "python_version": platform.python_version(),
            }
        )

    async def stats(self, _: Request) -> Response:
        engine = self._demo.poll()
        prompt, generated = self._demo.throughput.rates()
        return JSONResponse(
            {
                "num_running_requests": len(engine.running),
                "num_waiting_requests": len(engine.waiting),
                "num_swapped_requests": len(engine.swapped),
                "gpu_cache_usage": engine.pool.usage,
                "cpu_cache_usage": _cpu_usage(engine),
                "avg_prompt_throughput": prompt,
                "avg_generation_throughput": generated,
            }
        )

    async def cache_stats(self, _: Request) -> Response:
        engine = self._demo.poll()
        return JSONResponse(
            {
                "num_free_gpu_blocks": engine.pool.free,
                "num_used_gpu_blocks": engine.pool.used,
                "gpu_cache_percent": 100 * engine.pool.usage,
                "num_free_cpu_blocks": engine.limits.swap_blocks - engine.swapped_blocks,
                "num_used_cpu_blocks": engine.swapped_blocks,
            }
        )

    async def config(self, _: Request) -> Response:
        limits = self._demo.role.limits
        return JSONResponse(
            {
                "model_name": self._demo.role.model,
                "max_model_len": limits.max_model_len,
                "block_size": BLOCK_TOKENS,
                "num_gpu_blocks": limits.usable_blocks,
                "num_cpu_blocks": limits.swap_blocks,
                "swap_space_bytes": limits.swap_blocks * BYTES_PER_BLOCK,
                "max_num_seqs": limits.max_num_seqs,
                "max_num_batched_tokens": limits.token_budget,
            }
        )

    async def traces(self, _: Request) -> Response:
        """The requests that ended last, newest first."""
        recent = reversed(self._demo.poll().recent)
        return JSONResponse({"traces": [self._trace(end) for end in recent]})

    def _trace(self, end: Finished) -> dict[str, object]:
        return {
            "request_id": f"demo-{end.number}",
            "arrival_time": self._demo.at_wall(end.arrived),
            "queue_time": end.scheduled - end.arrived,
            "time_to_first_token": end.first_token - end.arrived,
            "e2e_latency": end.ended - end.arrived,
            "prompt_tokens": end.prompt_tokens,
            "generation_tokens": end.generated_tokens,
            "finish_reason": end.reason,
        }

    def _check(self, fields: Fields) -> None:
        model = fields.text("model")
        fields.check()
        if model not in {"", self._demo.role.model}:
            raise unknown_model(model, self._demo.role.model)

    def _families(self) -> Iterator[Family]:
        engine = self._demo.poll()
        prompt, generated = self._demo.throughput.rates()
        averages = {
            "avg_prompt_throughput_toks_per_s": prompt,
            "avg_generation_throughput_toks_per_s": generated,
        }
        labels = {"model_name": self._demo.role.model}
        for entry in ENTRIES:
            value = averages.get(entry.name)
            reading = V0_READINGS[entry.name](engine) if value is None else value
            last_edge = LAST_EDGES.get(entry.name, float("inf"))
            yield from family(entry, reading, labels, last_edge=last_edge)
        yield from gauge(
            "vllm:cache_config_info",
            "Information of the LLMEngine CacheConfig",
            [self._config(engine)],
        )

    def _config(self, engine: Scheduler) -> tuple[dict[str, str], float]:
        labels = {
            "block_size": str(BLOCK_TOKENS),
            "cache_dtype": "auto",
            "enable_prefix_caching": "True",
            "gpu_memory_utilization": "0.9",
            "is_attention_free": "False",
            "num_cpu_blocks": str(engine.limits.swap_blocks),
            "num_gpu_blocks": str(engine.limits.usable_blocks),
            "num_gpu_blocks_override": "None",
            "sliding_window": "None",
            "swap_space_bytes": str(engine.limits.swap_blocks * BYTES_PER_BLOCK),
        }
        return labels, 1.0
