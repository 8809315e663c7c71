"""Calls: every question to a server, written once as a value.

This module alone decides what is sent: the route, the body, the query, how much of an answer is
read, and which reader turns it into a value. Both clients send these; neither builds a request.
The calls that generate or embed stand in `inference`, beside how their answers are read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Literal, NamedTuple, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from lib.api import answers
from lib.api.answers import Model, Raw, Tokens
from lib.api.dialects import Dialect
from lib.api.errors import Reason, Unfit
from lib.api.routes import Route
from lib.api.strict_json import Json
from lib.api.ways import Cost, Known

__all__ = [
    "METRICS_LIMIT",
    "Call",
    "Debug",
    "Message",
    "TokenizeFields",
    "Upload",
    "debug",
    "detokenize",
    "filled",
    "health",
    "is_paused",
    "is_sleeping",
    "load",
    "metrics",
    "models",
    "openapi",
    "probe",
    "ready",
    "server_info",
    "stand_ins",
    "tokenize",
    "tokenizer_info",
    "version",
]

T = TypeVar("T")
Message = Mapping[str, Json]
Debug = Literal["version", "stats", "cache_stats", "config", "traces"]

METRICS_LIMIT = 4 << 20  # bytes, inflated
_SMALL, _JSON_LIMIT = 256 << 10, 8 << 20
_MOST_SENT = 1_000_000  # bytes: tokenizing more would hold up the server's only event loop
_TOKENS_LIMIT = 32 << 20  # a megabyte of text in tokens of one byte each, with their pieces


class TokenizeFields(TypedDict, total=False):
    """What else tokenizing can be told; each server's own name for it stands in its dialect."""

    messages: Sequence[Message] | None  # a chat, instead of a text
    add_special: bool | None  # a beginning token and the like; None: as the server does by itself
    strings: bool  # ask for the pieces as text as well; on unless switched off
    options: Mapping[str, Json] | None  # further fields of vLLM's chat form


class Upload(NamedTuple):
    """A body that is no JSON: its bytes, and the content type that they are sent as."""

    content: bytes
    kind: str

    def __repr__(self) -> str:
        return f"Upload({len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One question: where, with what, and how to read the answer."""

    route: Known
    read: Callable[[Raw], T]
    # not in the repr: tracebacks can show local variables, and a person typed this
    body: Mapping[str, Json] | None = field(default=None, repr=False)
    upload: Upload | None = field(default=None, repr=False)  # instead of a body of JSON
    parts: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # what stands for `{…}`
    query: tuple[tuple[str, str], ...] = ()
    limit: int = _SMALL  # bytes of the inflated answer
    most_sent: int = _MOST_SENT  # bytes of the body
    seconds: float | None = None  # for the whole exchange; None: as long as the client allows
    zipped: bool = False  # whether to offer gzip
    probing: bool = False  # asks only whether the route exists; any status is an answer
    any_status: bool = False  # an error is an answer too
    cut: bool = False  # of a longer answer the beginning is read
    anonymous: bool = False  # the key stays here

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent twice: what makes a model work must not be, for it may run twice.

        The same holds of what changes a server.
        """
        return self.probing or self.route.way.cost in (Cost.NOTHING, Cost.CPU)

    @property
    def method(self) -> str:
        """A probe never does what the route does: GET where it takes POST, HEAD where GET.

        What would change a server is probed by HEAD only: other servers take GET for the same. So
        is a path on which another route takes GET.
        """
        if not self.probing:
            return self.route.method
        way = self.route.way
        harmless = way.method == "POST" and way.cost is not Cost.CHANGES and not way.shadowed
        return "GET" if harmless else "HEAD"

    @property
    def path(self) -> str:
        """The path with its parts filled in.

        Raises:
            Unfit: one is missing, or leads elsewhere.
        """
        path = filled(self.route.path, self.parts)
        if "{" in path:
            raise Unfit(Reason.CALLER, f"{path} needs what stands for the part in braces")
        return path


def health() -> Call[None]:
    """Whether the server calls itself well."""
    return Call(Route.HEALTH, answers.read_nothing)


def ready() -> Call[None]:
    """Whether a model is ready, where the server has a route for that."""
    return Call(Route.HEALTH_READY, answers.read_nothing)


def version(route: Route = Route.VERSION) -> Call[str]:
    """The release."""
    return Call(route, answers.read_version)


def models() -> Call[tuple[Model, ...]]:
    """The models it serves."""
    return Call(Route.MODELS, answers.read_models, limit=_JSON_LIMIT)


def load() -> Call[int]:
    """Requests in flight; always 0 without `--enable-server-load-tracking`."""
    return Call(Route.LOAD, answers.read_load)


def is_sleeping() -> Call[bool]:
    """Whether the engine sleeps or is paused, in development mode; a hung engine never answers.

    Release 0.32 says yes to this and to `is_paused` in both cases: only the gauge of the sleep
    state in its metrics tells one from the other.
    """
    return Call(Route.IS_SLEEPING, partial(answers.read_flag, "is_sleeping"))


def is_paused() -> Call[bool]:
    """Whether the engine is paused or sleeps, in development mode: see `is_sleeping`."""
    return Call(Route.IS_PAUSED, partial(answers.read_flag, "is_paused"))


def server_info() -> Call[dict[str, Json]]:
    """The whole running configuration, in development mode."""
    query = (("config_format", "json"),)
    return Call(Route.SERVER_INFO, answers.read_configuration, query=query, limit=_JSON_LIMIT)


def tokenizer_info() -> Call[dict[str, Json]]:
    """The tokenizer's configuration."""
    return Call(Route.TOKENIZER_INFO, answers.read_json_object, limit=_JSON_LIMIT)


def openapi() -> Call[dict[str, Json]]:
    """The description of its routes."""
    return Call(Route.OPENAPI, answers.read_json_object, limit=_JSON_LIMIT, zipped=True)


def metrics(names: Sequence[str] = ()) -> Call[bytes]:
    """A scrape: whole, or only the samples of these names where the server can filter."""
    route = Route.METRICS_FILTERED if names else Route.METRICS
    query = tuple(("name[]", name) for name in names)
    return Call(route, answers.read_metrics, query=query, limit=METRICS_LIMIT, zipped=True)


def debug(what: Debug) -> Call[Json]:
    """One of the tutorial's debug routes."""
    return Call(Route[f"DEBUG_{what.upper()}"], answers.read_debug, limit=_JSON_LIMIT)


def tokenize(
    dialect: Dialect,
    text: str | None,
    model: str | None = None,
    **fields: Unpack[TokenizeFields],
) -> Call[Tokens]:
    """The tokens of a text, or of a chat through the model's template.

    Raises:
        Unfit: neither or both are given, or this dialect tokenizes no chat.
    """
    messages = fields.get("messages")
    if (text is None) == (messages is None):
        raise Unfit(Reason.CALLER, "give either a text or messages")
    if messages is not None and not dialect.takes_chat:
        raise Unfit(Reason.CALLER, f"{dialect.kind.value} tokenizes texts only, no chats")
    body: dict[str, Json] = {} if text is None else {dialect.text: text}
    if messages is not None:
        body["messages"] = list(messages)
    if model is not None and dialect.takes_model:
        body["model"] = model
    if fields.get("add_special") is not None:
        body[dialect.special] = fields["add_special"]
    if fields.get("strings", True) and dialect.strings:
        body[dialect.strings] = True
    body |= fields.get("options") or {}
    return Call(dialect.tokenize, answers.read_tokens, body, limit=_TOKENS_LIMIT)


def detokenize(dialect: Dialect, ids: Sequence[int], model: str | None = None) -> Call[str]:
    """The text of tokens.

    Raises:
        Unfit: an id is no whole number from 0 to 2³¹ - 1.
    """
    if not all(type(number) is int and 0 <= number < 2**31 for number in ids):
        raise Unfit(Reason.CALLER, "token ids are whole numbers from 0 on")
    body: dict[str, Json] = {"tokens": list(ids)}
    if model is not None and dialect.takes_model:
        body["model"] = model
    read = partial(answers.read_text, dialect.back)
    return Call(dialect.detokenize, read, body, limit=_JSON_LIMIT)


def probe(route: Known) -> Call[bool | None]:
    """Whether a route exists, without using it; None where only a key would tell."""
    read = answers.read_page_exists if route.way.page else answers.read_exists
    # cut: the head of a long answer announces its length
    return Call(route, read, parts=stand_ins(route), probing=True, cut=True)


def filled(path: str, parts: Sequence[tuple[str, str]]) -> str:
    """A path with what stands for its parts, of which none leads to another route.

    Raises:
        Unfit: one is empty or walks through the path; half a character is none.
    """
    for name, value in parts:
        if not value or not {".", ".."}.isdisjoint(re.split(r"[/\\]", value)):
            raise Unfit(Reason.CALLER, f"{name} would lead to another path")
        try:
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        except UnicodeEncodeError:
            raise Unfit(Reason.HALF_CHARACTER, f"{name} holds half a character") from None
    return path


def stand_ins(route: Known) -> tuple[tuple[str, str], ...]:
    """Something for each part of a path in braces, where only the path matters."""
    return tuple((name, "unknown") for name in re.findall(r"\{(\w+)\}", route.path))
