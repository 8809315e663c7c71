"""Routes: everything that may be sent to a server. What is not in this list cannot be sent.

This module alone decides it. There is no route here that changes a server's state; those that cost
GPU time are known so that a server's abilities can be told, and wait for the calls that use them.
Releases are those in which vLLM has the route at the latest (`since`) and what switches it on.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = ["Cost", "Kind", "Route", "Way"]

Version = tuple[int, ...]


class Kind(Enum):
    """Whose server it is."""

    VLLM = "vLLM"
    TUTORIAL = "vLLM as a tutorial describes it"
    SGLANG = "SGLang"
    LLAMACPP = "llama.cpp"
    OTHER = "an OpenAI-compatible server"


class Cost(Enum):
    """What an answer costs the server."""

    NOTHING = "nothing"
    CPU = "processor time"
    GPU = "GPU time"


@dataclass(frozen=True, slots=True)
class Way:
    """Method and path of a route, and what a person should know of it."""

    method: Literal["GET", "POST"]
    path: str
    what: str  # completes "The route gives …"
    kinds: tuple[Kind, ...] = (Kind.VLLM,)
    since: Version = ()  # vLLM releases before this one lack it
    needs: str = ""  # the flag, variable or model without which a vLLM server lacks it
    instead: str = ""  # where no vLLM release has it: what to use there
    cost: Cost = Cost.NOTHING


_ALL = tuple(Kind)
_GENERATING = "a server whose model generates text"
_POOLING = "a server whose model embeds (--runner pooling)"
_SCORING = "a server whose model scores pairs (--runner pooling)"
_DEVELOPING = "VLLM_SERVER_DEV_MODE=1 (not for production)"
_TUTORIAL = (Kind.TUTORIAL,)


class Route(Enum):
    """Every route that this project may use."""

    HEALTH = Way("GET", "/health", "whether the server calls itself well", _ALL)
    HEALTH_READY = Way(
        "GET",
        "/health/ready",
        "whether a model is ready",
        _TUTORIAL,
        instead="/health and a model in /v1/models",
    )
    PING = Way("GET", "/ping", "the same as /health", (Kind.VLLM, Kind.SGLANG), (0, 7, 3))
    VERSION = Way("GET", "/version", "the release", (Kind.VLLM, Kind.TUTORIAL))
    MODELS = Way("GET", "/v1/models", "the models it serves", _ALL)
    LOAD = Way(
        "GET",
        "/load",
        "requests in flight (always 0 without --enable-server-load-tracking)",
        since=(0, 8, 5),
    )
    IS_SLEEPING = Way(
        "GET",
        "/is_sleeping",
        "whether its engine sleeps (the engine itself answers)",
        since=(0, 8, 5),
        needs=_DEVELOPING,
        cost=Cost.CPU,
    )
    IS_PAUSED = Way(
        "GET",
        "/is_paused",
        "whether generating is paused (the engine itself answers)",
        since=(0, 12, 0),
        needs=_DEVELOPING,
        cost=Cost.CPU,
    )
    SERVER_INFO = Way(
        "GET",
        "/server_info",
        "the whole running configuration",
        since=(0, 8, 5),
        needs=_DEVELOPING,
        cost=Cost.CPU,
    )
    METRICS = Way("GET", "/metrics", "every measured quantity", _ALL, cost=Cost.CPU)
    METRICS_FILTERED = Way(
        "GET",
        "/metrics/",
        "chosen quantities only, compressed",
        (Kind.VLLM, Kind.SGLANG),
        (0, 8, 5),
        cost=Cost.CPU,
    )
    OPENAPI = Way(
        "GET",
        "/openapi.json",
        "the list of its routes",
        needs="starting without --disable-fastapi-docs",
        cost=Cost.CPU,
    )
    TOKENIZE = Way(
        "POST",
        "/tokenize",
        "the tokens of a text or chat",
        (Kind.VLLM, Kind.SGLANG, Kind.LLAMACPP),
        (0, 5, 1),
        cost=Cost.CPU,
    )
    DETOKENIZE = Way(
        "POST",
        "/detokenize",
        "the text of tokens",
        (Kind.VLLM, Kind.SGLANG, Kind.LLAMACPP),
        (0, 5, 1),
        cost=Cost.CPU,
    )
    V1_TOKENIZE = Way(
        "POST",
        "/v1/tokenize",
        "the tokens of a text",
        (Kind.TUTORIAL, Kind.SGLANG),
        instead="/tokenize",
        cost=Cost.CPU,
    )
    V1_DETOKENIZE = Way(
        "POST",
        "/v1/detokenize",
        "the text of tokens",
        (Kind.TUTORIAL, Kind.SGLANG),
        instead="/detokenize",
        cost=Cost.CPU,
    )
    TOKENIZER_INFO = Way(
        "GET",
        "/tokenizer_info",
        "the tokenizer's configuration and chat template",
        since=(0, 10, 0),
        needs="--enable-tokenizer-info-endpoint",
    )
    COUNT_TOKENS = Way(
        "POST",
        "/v1/messages/count_tokens",
        "the number of tokens of an Anthropic chat",
        since=(0, 19, 1),
        needs=_GENERATING,
        cost=Cost.CPU,
    )
    KV_EVENT_SOURCES = Way(
        "GET", "/kv_event_sources", "where KV cache events are published", since=(0, 32, 0)
    )
    DEBUG_VERSION = Way(
        "GET",
        "/debug/version",
        "release, commit and libraries",
        _TUTORIAL,
        instead="/version, and /server_info in development mode",
    )
    DEBUG_STATS = Way(
        "GET",
        "/debug/stats",
        "running, waiting and swapped requests",
        _TUTORIAL,
        instead="vllm:num_requests_running, _waiting and kv_cache_usage_perc in /metrics",
    )
    DEBUG_CACHE_STATS = Way(
        "GET",
        "/debug/cache_stats",
        "free and used KV cache blocks",
        _TUTORIAL,
        instead="vllm:kv_cache_usage_perc and cache_config_info in /metrics",
    )
    DEBUG_CONFIG = Way(
        "GET",
        "/debug/config",
        "the running configuration",
        _TUTORIAL,
        instead="/v1/models and the labels of vllm:cache_config_info",
    )
    DEBUG_TRACES = Way(
        "GET",
        "/debug/traces",
        "the way of recent requests",
        _TUTORIAL,
        instead="OpenTelemetry (--otlp-traces-endpoint)",
    )
    MODEL_INFO = Way("GET", "/get_model_info", "the model it has loaded", (Kind.SGLANG,))
    PROPS = Way("GET", "/props", "its settings and chat template", (Kind.LLAMACPP,))
    CHAT = Way(
        "POST", "/v1/chat/completions", "a chat's next turn", _ALL, needs=_GENERATING, cost=Cost.GPU
    )
    COMPLETIONS = Way(
        "POST", "/v1/completions", "a text continued", _ALL, needs=_GENERATING, cost=Cost.GPU
    )
    EMBEDDINGS = Way(
        "POST", "/v1/embeddings", "vectors of texts", _ALL, needs=_POOLING, cost=Cost.GPU
    )
    POOLING = Way(
        "POST", "/pooling", "raw pooled outputs", since=(0, 6, 6), needs=_POOLING, cost=Cost.GPU
    )
    CLASSIFY = Way(
        "POST",
        "/classify",
        "classes of texts",
        since=(0, 9, 0),
        needs="a server whose model classifies (--runner pooling)",
        cost=Cost.GPU,
    )
    SCORE = Way(
        "POST", "/score", "how well two texts match", since=(0, 6, 6), needs=_SCORING, cost=Cost.GPU
    )
    RERANK = Way(
        "POST",
        "/rerank",
        "texts ordered by a query",
        since=(0, 7, 3),
        needs=_SCORING,
        cost=Cost.GPU,
    )

    @property
    def method(self) -> Literal["GET", "POST"]:
        return self.value.method

    @property
    def path(self) -> str:
        return self.value.path

    def __repr__(self) -> str:
        return f"Route.{self.name}"
