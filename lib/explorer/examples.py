"""A good first request for each route, for the model that a server serves.

Pure. Decided here: the words of it. Every example is small: a few texts, a few tokens of answer,
no randomness, so that trying a route costs little and gives the same answer twice.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lib.api.strict_json import Json
from lib.explorer.schema import UNSET, Body, Field, Kind, Shape

__all__ = ["About", "example", "fitting", "made_up", "query"]

_TOKENS = 24
_TEXT = "Hello, world! 你好 🎉"
_PROMPT = "The key-value cache of a language model keeps"
_QUESTION = "What does the key-value cache of a language model keep? Answer in one sentence."
_QUERY = "How do I reset my password?"
_DOCUMENTS = [
    "Open the settings, choose Security, then Reset password.",
    "Our office is closed on public holidays.",
    "Passwords must have at least twelve characters.",
]
_MESSAGES = [{"role": "user", "content": _QUESTION}]


Fields = dict[str, Json]


class About(NamedTuple):
    """What an example is made for: a model ("" while none is known), and how the server spells."""

    model: str = ""
    text: str = "prompt"  # the field of a text that is to be tokenized
    tasks: frozenset[str] = frozenset()  # generate, embed, classify, score; empty: not known


def example(path: str, about: About) -> Fields | None:
    """The body of a first request; None for a route without a body, or an unknown one."""
    make = _EXAMPLES.get(path)
    if make is None:
        return None
    is_named = about.model and path not in _NAMELESS
    return ({"model": about.model} if is_named else {}) | make(about)


def query(path: str) -> tuple[str, ...]:
    """What a route reads from its query without saying so in its description."""
    return _QUERIES.get(path, ())


def fitting(body: Body, example: Mapping[str, Json]) -> Shape:
    """The form of a body that an example is of: what it requires is there, and most is known."""

    def misfit(shape: Shape) -> tuple[int, int]:
        names = {one.name for one in shape.fields}
        lacking = [one for one in shape.fields if one.is_required and one.name not in example]
        return len(lacking), len(set(example) - names)

    return min(body.shapes, key=misfit)


def made_up(shape: Shape, about: About) -> Fields:
    """A body of what a form requires, for a route that no example is known of."""
    needed = [one for one in shape.fields if one.is_required or one.name == "model"]
    found = {one.name: _value(one, about) for one in needed}
    return {name: value for name, value in found.items() if value is not UNSET}


def _value(field: Field, about: About) -> Json:
    known = {"model": about.model or UNSET, "messages": _MESSAGES}
    if field.name in known:
        return known[field.name]
    if field.default is not UNSET:
        return field.default
    if field.kind is Kind.CHOICE:
        return field.choices[0]
    empty: Json = [] if field.type.startswith("list") else {}
    return {
        Kind.INTEGER: int(field.low or 0),
        Kind.NUMBER: field.low or 0,
        Kind.FLAG: False,
        Kind.JSON: empty,
        Kind.FILE: UNSET,
    }.get(field.kind, _TEXT)


def _tokenize(about: About) -> Fields:
    told: Fields = {about.text: _TEXT}
    return told | ({"return_token_strs": True} if about.text == "prompt" else {})


def _chat(_: About) -> Fields:
    return {"messages": _MESSAGES, "max_tokens": _TOKENS, "temperature": 0}


def _completion(_: About) -> Fields:
    return {"prompt": _PROMPT, "max_tokens": _TOKENS, "temperature": 0}


def _embeddings(_: About) -> Fields:
    return {"input": [_QUERY, _DOCUMENTS[0]], "encoding_format": "float"}


def _rerank(_: About) -> Fields:
    return {"query": _QUERY, "documents": _DOCUMENTS, "top_n": len(_DOCUMENTS)}


def _score(_: About) -> Fields:
    return {"text_1": _QUERY, "text_2": _DOCUMENTS}


def _invocation(about: About) -> Fields:
    """Which route it stands for is told by its fields."""
    if not about.tasks or "generate" in about.tasks:
        return _chat(about)
    scores_pairs = about.tasks <= {"score", "rerank"}
    return _rerank(about) if scores_pairs else {"input": [_QUERY]}


def _decision(_: About) -> Fields:
    return {
        "state": "The server answers, but forty requests wait and none has ended for a minute.",
        "questions": {"is_stuck": {"type": "boolean", "instructions": "Is the server stuck?"}},
    }


_EXAMPLES: dict[str, Callable[[About], Fields]] = {
    "/tokenize": _tokenize,
    "/v1/tokenize": _tokenize,
    "/detokenize": lambda _: {"tokens": [72, 101, 108, 108, 111]},
    "/v1/detokenize": lambda _: {"tokens": [72, 101, 108, 108, 111]},
    "/v1/completions": _completion,
    "/v1/completions/render": _completion,
    "/v1/chat/completions": _chat,
    "/v1/chat/completions/render": _chat,
    "/v1/chat/completions/batch": lambda about: (
        _chat(about)
        | {"messages": [_MESSAGES, [{"role": "user", "content": "Say hello in French."}]]}
    ),
    "/v1/responses": lambda _: {
        "input": _QUESTION,
        "max_output_tokens": _TOKENS,
        "temperature": 0,
        "store": False,
    },
    "/v1/responses/render": lambda _: {"input": _QUESTION, "store": False},
    "/v1/messages": _chat,
    "/v1/messages/render": _chat,
    "/v1/messages/count_tokens": lambda _: {"messages": _MESSAGES},
    "/v1/systemone": _decision,
    "/v1/decisions": _decision,
    "/generative_scoring": lambda _: {
        "query": "Is this a fruit? ",
        "items": ["apple", "table"],
        "label_token_ids": [72, 101],
    },
    "/inference/v1/generate": lambda _: {
        "token_ids": [72, 101, 108, 108, 111],
        "sampling_params": {"max_tokens": _TOKENS, "temperature": 0},
    },
    "/cohere/v2/chat": _chat,
    "/invocations": _invocation,
    "/v1/embeddings": _embeddings,
    "/v2/embed": lambda _: {
        "texts": [_QUERY, _DOCUMENTS[0]],
        "embedding_types": ["float"],
    },
    "/pooling": lambda _: {"input": [_QUERY]},
    "/classify": lambda _: {"input": [_QUERY, _DOCUMENTS[1]]},
    "/score": _score,
    "/v1/score": _score,
    "/rerank": _rerank,
    "/v1/rerank": _rerank,
    "/v2/rerank": _rerank,
    "/scale_elastic_ep": lambda _: {"new_data_parallel_size": 1, "drain_timeout": 120},
    "/abort_requests": lambda _: {"request_ids": ["chatcmpl-unknown"]},
    "/inference/v1/abort_requests": lambda _: {"request_ids": ["generate-tokens-unknown"]},
    "/adapters": lambda _: {"name": "my-adapter", "src": "my/adapter"},
    "/v1/load_lora_adapter": lambda _: {"lora_name": "my-adapter", "lora_path": "my/adapter"},
    "/v1/unload_lora_adapter": lambda _: {"lora_name": "my-adapter"},
    "/v1/audio/transcriptions": lambda _: {"response_format": "json", "temperature": 0},
    "/v1/audio/translations": lambda _: {"response_format": "json", "temperature": 0},
}
_NAMELESS = frozenset(
    {
        "/abort_requests",
        "/adapters",
        "/inference/v1/abort_requests",
        "/scale_elastic_ep",
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
    }
)
"""Routes whose bodies name no model."""
_QUERIES = {
    "/sleep": ("level", "mode"),
    "/wake_up": ("tags",),
    "/server_info": ("config_format",),
    "/metrics/": ("name[]",),
}
