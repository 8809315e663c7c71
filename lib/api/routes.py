"""Routes: everything that may be asked of a server. What is not in this list cannot be asked.

This module alone decides it. There is no route here that changes a server's state: those stand
apart, in `control`. Those of the second half are asked for by somebody who explores a server, or
calls them by name: no page finds out whether a server has them.
"""

from functools import partial

from lib.api.ways import Cost, Group, Kind, Known, Way

__all__ = ["Route"]

_ALL = tuple(Kind)
_TOKENS = (Kind.VLLM, Kind.SGLANG, Kind.LLAMACPP)
_TUTORIAL = (Kind.TUTORIAL,)
_GENERATING = "a server whose model generates text"
_POOLING = "a server whose model embeds (--runner pooling)"
_SCORING = "a server whose model scores pairs (--runner pooling)"
_HEARING = "a server whose model writes down speech"
_DEVELOPING = "VLLM_SERVER_DEV_MODE=1 (not for production)"
_DOCUMENTED = "a start without --disable-fastapi-docs"
_SCALE_OUT = "--enable-scale-out (from release 0.30 on)"
_STORED = "VLLM_ENABLE_RESPONSES_API_STORE=1 and a model that generates text"

_get, _post = partial(Way, "GET"), partial(Way, "POST", cost=Cost.CPU)
_gpu = partial(Way, "POST", cost=Cost.GPU)
_debug = partial(Way, "GET", group=Group.DEBUGGING, kinds=_TUTORIAL)
_develop = partial(
    Way, "GET", group=Group.DEVELOPMENT, needs=_DEVELOPING, cost=Cost.CPU, since=(0, 8, 5)
)
_page = partial(
    Way, "GET", group=Group.SYSTEM, needs=_DOCUMENTED, kinds=_ALL, page=True, seldom=True
)
_seldom = partial(Way, seldom=True)
_generate = partial(
    Way, "POST", group=Group.GENERATION, needs=_GENERATING, cost=Cost.GPU, seldom=True
)
_render = partial(Way, "POST", group=Group.GENERATION, needs=_SCALE_OUT, cost=Cost.CPU, seldom=True)
_listen = partial(
    Way, "POST", group=Group.AUDIO, needs=_HEARING, cost=Cost.GPU, form=True, seldom=True
)


class Route(Known):
    """Every route that this project may use."""

    HEALTH = _get("/health", Group.SYSTEM, "whether the server calls itself well", _ALL)
    HEALTH_READY = _get(
        "/health/ready",
        Group.SYSTEM,
        "whether a model is ready",
        _TUTORIAL,
        instead="/health and a model in /v1/models",
    )
    PING = _get(
        "/ping", Group.SYSTEM, "the same as /health", (Kind.VLLM, Kind.SGLANG), since=(0, 7, 3)
    )
    VERSION = _get("/version", Group.SYSTEM, "the release", (Kind.VLLM, Kind.TUTORIAL))
    MODELS = _get("/v1/models", Group.MODELS, "the models it serves", _ALL)
    LOAD = _get(
        "/load",
        Group.SYSTEM,
        "requests in flight (always 0 without --enable-server-load-tracking)",
        since=(0, 8, 5),
    )
    IS_SLEEPING = _develop(
        path="/is_sleeping", what="whether its engine sleeps (the engine itself answers)"
    )
    IS_PAUSED = _get(
        "/is_paused",
        Group.DEVELOPMENT,
        "whether generating is paused (the engine itself answers)",
        since=(0, 12, 0),
        needs=_DEVELOPING,
        cost=Cost.CPU,
    )
    SERVER_INFO = _develop(path="/server_info", what="the whole running configuration")
    METRICS = _get("/metrics", Group.SYSTEM, "every measured quantity", _ALL, cost=Cost.CPU)
    METRICS_FILTERED = _get(
        "/metrics/",
        Group.SYSTEM,
        "chosen quantities only, compressed",
        (Kind.VLLM, Kind.SGLANG),
        since=(0, 8, 5),
        cost=Cost.CPU,
    )
    OPENAPI = _get(
        "/openapi.json",
        Group.SYSTEM,
        "the list of its routes",
        needs=_DOCUMENTED,
        cost=Cost.CPU,
    )
    TOKENIZE = _post(
        "/tokenize", Group.TOKENIZER, "the tokens of a text or chat", _TOKENS, since=(0, 5, 1)
    )
    DETOKENIZE = _post(
        "/detokenize", Group.TOKENIZER, "the text of tokens", _TOKENS, since=(0, 5, 1)
    )
    V1_TOKENIZE = _post(
        "/v1/tokenize",
        Group.TOKENIZER,
        "the tokens of a text",
        (Kind.TUTORIAL, Kind.SGLANG),
        instead="/tokenize",
    )
    V1_DETOKENIZE = _post(
        "/v1/detokenize",
        Group.TOKENIZER,
        "the text of tokens",
        (Kind.TUTORIAL, Kind.SGLANG),
        instead="/detokenize",
    )
    TOKENIZER_INFO = _get(
        "/tokenizer_info",
        Group.TOKENIZER,
        "the tokenizer's configuration and chat template",
        since=(0, 10, 0),
        needs="--enable-tokenizer-info-endpoint",
    )
    COUNT_TOKENS = _post(
        "/v1/messages/count_tokens",
        Group.TOKENIZER,
        "the number of tokens of an Anthropic chat",
        since=(0, 19, 1),
        needs=_GENERATING,
    )
    KV_EVENT_SOURCES = _get(
        "/kv_event_sources",
        Group.SYSTEM,
        "where KV cache events are published",
        since=(0, 32, 0),
    )
    DEBUG_VERSION = _debug(
        path="/debug/version",
        what="release, commit and libraries",
        instead="/version, and /server_info in development mode",
    )
    DEBUG_STATS = _debug(
        path="/debug/stats",
        what="running, waiting and swapped requests",
        instead="vllm:num_requests_running, _waiting and kv_cache_usage_perc in /metrics",
    )
    DEBUG_CACHE_STATS = _debug(
        path="/debug/cache_stats",
        what="free and used KV cache blocks",
        instead="vllm:kv_cache_usage_perc and cache_config_info in /metrics",
    )
    DEBUG_CONFIG = _debug(
        path="/debug/config",
        what="the running configuration",
        instead="/v1/models and the labels of vllm:cache_config_info",
    )
    DEBUG_TRACES = _debug(
        path="/debug/traces",
        what="the way of recent requests",
        instead="OpenTelemetry (--otlp-traces-endpoint)",
    )
    MODEL_INFO = _get("/get_model_info", Group.MODELS, "the model it has loaded", (Kind.SGLANG,))
    PROPS = _get("/props", Group.SYSTEM, "its settings and chat template", (Kind.LLAMACPP,))
    CHAT = _gpu(
        "/v1/chat/completions", Group.GENERATION, "a chat's next turn", _ALL, needs=_GENERATING
    )
    COMPLETIONS = _gpu(
        "/v1/completions", Group.GENERATION, "a text continued", _ALL, needs=_GENERATING
    )
    EMBEDDINGS = _gpu("/v1/embeddings", Group.EMBEDDINGS, "vectors of texts", _ALL, needs=_POOLING)
    POOLING = _gpu(
        "/pooling", Group.EMBEDDINGS, "raw pooled outputs", since=(0, 6, 6), needs=_POOLING
    )
    CLASSIFY = _gpu(
        "/classify",
        Group.EMBEDDINGS,
        "classes of texts",
        since=(0, 9, 0),
        needs="a server whose model classifies (--runner pooling)",
    )
    SCORE = _gpu(
        "/score", Group.EMBEDDINGS, "how well two texts match", since=(0, 6, 6), needs=_SCORING
    )
    RERANK = _gpu(
        "/rerank", Group.EMBEDDINGS, "texts ordered by a query", since=(0, 7, 3), needs=_SCORING
    )

    # ── Asked for by name only ────────────────────────────────────────────────────────────────────

    DOCS = _page(path="/docs", what="its routes as a page to try them (Swagger)")
    DOCS_LOGIN = _page(path="/docs/oauth2-redirect", what="where a login leads back to /docs")
    REDOC = _page(path="/redoc", what="its routes as a page to read (ReDoc)")
    PING_POST = _seldom("POST", "/ping", Group.SYSTEM, "the same as /health", since=(0, 7, 3))
    RENDER_CHAT = _render(
        path="/v1/chat/completions/render", what="the prompt of a chat", since=(0, 16, 0)
    )
    RENDER_COMPLETION = _render(
        path="/v1/completions/render", what="the prompt of a completion", since=(0, 16, 0)
    )
    RENDER_MESSAGES = _render(
        path="/v1/messages/render", what="the prompt of an Anthropic chat", since=(0, 16, 0)
    )
    RENDER_RESPONSE = _render(
        path="/v1/responses/render",
        what="the prompt of a response",
        since=(0, 16, 0),
        shadowed=True,
    )
    DERENDER_CHAT = _render(
        path="/v1/chat/completions/derender",
        what="a chat's answer out of its tokens",
        since=(0, 25, 1),
    )
    DERENDER_COMPLETION = _render(
        path="/v1/completions/derender",
        what="a completion out of its tokens",
        since=(0, 25, 1),
    )
    CHAT_BATCH = _generate(
        path="/v1/chat/completions/batch",
        what="the next turns of many chats",
        since=(0, 19, 1),
    )
    RESPONSES = _generate(
        path="/v1/responses", what="an answer in the form of OpenAI's responses", since=(0, 10, 0)
    )
    RESPONSE = _seldom(
        "GET",
        "/v1/responses/{response_id}",
        Group.GENERATION,
        "a response that the server has kept",
        since=(0, 10, 0),
        needs=_STORED,
    )
    MESSAGES = _generate(
        path="/v1/messages", what="a chat's next turn in Anthropic's form", since=(0, 11, 2)
    )
    COHERE_CHAT = _seldom(
        "POST",
        "/cohere/v2/chat",
        Group.GENERATION,
        "a chat's next turn in Cohere's form",
        since=(0, 28, 0),
        needs="VLLM_ENABLE_COHERE_API=1 and Cohere's library",
        cost=Cost.GPU,
    )
    COHERE_RENDER = _seldom(
        "POST",
        "/cohere/v2/chat/render",
        Group.GENERATION,
        "the prompt of a chat in Cohere's form",
        since=(0, 28, 0),
        needs=f"VLLM_ENABLE_COHERE_API=1, Cohere's library and {_SCALE_OUT}",
        cost=Cost.CPU,
    )
    GENERATIVE_SCORING = _generate(
        path="/generative_scoring",
        what="how probable chosen tokens are after each of several texts",
        since=(0, 22, 1),
    )
    SYSTEM_ONE = _generate(
        path="/v1/systemone",
        what="answers to questions about a state, in a given form",
        since=(0, 32, 0),
    )
    DECISIONS = _generate(
        path="/v1/decisions",
        what="answers to questions about a state, in a given form",
        since=(0, 33, 0),
    )
    GENERATE = _seldom(
        "POST",
        "/inference/v1/generate",
        Group.GENERATION,
        "tokens that continue tokens",
        since=(0, 11, 2),
        needs=_SCALE_OUT,
        cost=Cost.GPU,
    )
    INVOCATIONS = _seldom(
        "POST",
        "/invocations",
        Group.GENERATION,
        "whatever the body asks for: a chat, a completion, vectors, tokens",
        since=(0, 7, 3),
        cost=Cost.GPU,
    )
    EMBED = _seldom(
        "POST",
        "/v2/embed",
        Group.EMBEDDINGS,
        "vectors of texts in Cohere's form",
        since=(0, 19, 1),
        needs=_POOLING,
        cost=Cost.GPU,
    )
    V1_SCORE = _seldom(
        "POST",
        "/v1/score",
        Group.EMBEDDINGS,
        "the same as /score",
        since=(0, 6, 6),
        needs=_SCORING,
        cost=Cost.GPU,
    )
    V1_RERANK = _seldom(
        "POST",
        "/v1/rerank",
        Group.EMBEDDINGS,
        "the same as /rerank",
        since=(0, 7, 3),
        needs=_SCORING,
        cost=Cost.GPU,
    )
    V2_RERANK = _seldom(
        "POST",
        "/v2/rerank",
        Group.EMBEDDINGS,
        "the same as /rerank",
        since=(0, 7, 3),
        needs=_SCORING,
        cost=Cost.GPU,
    )
    TRANSCRIPTIONS = _listen(
        path="/v1/audio/transcriptions", what="the words of a recording", since=(0, 7, 3)
    )
    TRANSLATIONS = _listen(
        path="/v1/audio/translations",
        what="the words of a recording in English",
        since=(0, 9, 2),
    )
    IS_SCALING = _seldom(
        "POST",
        "/is_scaling_elastic_ep",
        Group.SCALING,
        "whether the number of its engines is being changed",
        since=(0, 10, 0),
        needs=_GENERATING,
    )
    WEIGHT_INFO = _develop(
        path="/weight_info", what="the version of its weights", since=(0, 16, 0), seldom=True
    )
    WORLD_SIZE = _develop(
        path="/get_world_size", what="the number of its workers", since=(0, 16, 0), seldom=True
    )
    FAULT_TOLERANCE = _seldom(
        "GET",
        "/fault_tolerance/status",
        Group.SYSTEM,
        "which engines are lost or restored",
        since=(0, 28, 0),
        needs="--enable-fault-tolerance",
    )
