"""Dialects: the same question as different servers want it asked. One table, one row each.

This module alone decides how a server is told apart and what its fields are called. A new kind of
server is a new row. A dialect is recognised by its signs (routes it alone has) or by the owner that
its list of models names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lib.api.routes import Route
from lib.api.ways import Kind, Known

__all__ = ["DIALECTS", "Dialect", "recognised"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server tokenizes, detokenizes and says that it is ready."""

    kind: Kind
    tokenize: Route
    detokenize: Route
    text: str = "prompt"  # field of the text to tokenize
    back: str = "prompt"  # field of the text that detokenizing gives
    special: str = "add_special_tokens"  # field that asks for a beginning token and the like
    strings: str = ""  # field that asks for the pieces as text; empty: it has none
    takes_chat: bool = False  # whether `messages` can stand for the text
    takes_model: bool = True
    ready: Route | None = None  # None: well, and a model in its list
    signs: frozenset[Route] = frozenset()
    owner: str = ""  # `owned_by` of its models
    flags: Mapping[Known, str] = field(default_factory=dict)  # what switches a route on


# In the order of asking: a row with signs of its own before the rows that it resembles.
DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        Kind.TUTORIAL,
        Route.V1_TOKENIZE,
        Route.V1_DETOKENIZE,
        text="text",
        back="text",
        ready=Route.HEALTH_READY,
        signs=frozenset({Route.DEBUG_STATS, Route.DEBUG_CACHE_STATS, Route.HEALTH_READY}),
    ),
    Dialect(
        Kind.SGLANG,
        Route.V1_TOKENIZE,
        Route.V1_DETOKENIZE,
        back="text",
        signs=frozenset({Route.MODEL_INFO}),
        owner="sglang",
        flags={Route.METRICS: "--enable-metrics", Route.METRICS_FILTERED: "--enable-metrics"},
    ),
    Dialect(
        Kind.LLAMACPP,
        Route.TOKENIZE,
        Route.DETOKENIZE,
        text="content",
        back="content",
        special="add_special",
        strings="with_pieces",
        takes_model=False,
        signs=frozenset({Route.PROPS}),
        owner="llamacpp",
        flags={Route.METRICS: "--metrics", Route.EMBEDDINGS: "--embeddings"},
    ),
    Dialect(
        Kind.VLLM,
        Route.TOKENIZE,
        Route.DETOKENIZE,
        strings="return_token_strs",
        takes_chat=True,
        signs=frozenset({Route.VERSION}),
        owner="vllm",
    ),
)
_OTHER = Dialect(Kind.OTHER, Route.TOKENIZE, Route.DETOKENIZE, takes_chat=True)


def recognised(routes: frozenset[Route], owners: frozenset[str]) -> Dialect:
    """The dialect of a server that has these routes and names these owners of its models."""
    for dialect in DIALECTS:
        if dialect.owner in owners or dialect.signs & routes:
            return dialect
    return _OTHER
