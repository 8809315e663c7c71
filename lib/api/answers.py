"""Answers: the values that come out of a server's bodies, and how each is read.

This module alone decides which fields are used and of what kind they must be. A reader takes the
whole answer as bytes and raises `Unfit` where it is not what the route gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lib.api.errors import Reason, Unfit
from lib.api.hidden import without_secrets
from lib.api.strict_json import (
    Json,
    boolean,
    integer,
    items,
    optional_integer,
    read_json,
    record,
    text,
)

__all__ = [
    "Answer",
    "Model",
    "Raw",
    "Tokens",
    "read_configuration",
    "read_debug",
    "read_exists",
    "read_flag",
    "read_json_object",
    "read_load",
    "read_metrics",
    "read_models",
    "read_nothing",
    "read_page_exists",
    "read_text",
    "read_tokens",
    "read_version",
]

T = TypeVar("T")
_MOST_TOKENS = 2**31  # no vocabulary is larger; an id beyond it is none
_MOST_MODELS = 20_000  # adapters too; to read more would hold up whoever asks many servers
_YEAR_10000 = 253_402_300_800  # seconds of 1970


@dataclass(frozen=True, slots=True)
class Raw:
    """One whole answer as it came, inflated; header names in lower case."""

    status: int
    # not in the repr: a server may send the key back, and tracebacks can show local variables
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cut: bool = False  # the answer goes on after this


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a call gave, and what it took: `seconds` from asking to the last byte."""

    value: T
    seconds: float
    status: int
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Model:
    """One name that the server serves. `parent` is set for an adapter (LoRA) only.

    `created` is what the server says, in seconds of 1970: vLLM says the moment of the answer, so it
    tells no age there.
    """

    id: str
    root: str | None
    parent: str | None
    max_model_len: int | None  # tokens of prompt and answer together
    owned_by: str | None
    created: int | None = None
    object: str | None = None  # "model", from every server seen


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text or chat in tokens.

    `strings` are raw pieces of the vocabulary, not text (`Ġ` for a blank); bytes where the server
    gives bytes; None where it gives none, or not one per token.
    """

    ids: tuple[int, ...]
    strings: tuple[str | bytes, ...] | None
    max_model_len: int | None

    @property
    def count(self) -> int:
        return len(self.ids)


def read_nothing(_: Raw) -> None:
    """The status has said all."""


def read_exists(raw: Raw) -> bool | None:
    """Whether the route exists, by the status alone; None where only a key would tell.

    405 says that it exists for another method, 400 and its like that it wants a body. A web page is
    what some proxies answer to everything.
    """
    if raw.status in (401, 403):
        return None
    page = "text/html" in raw.headers.get("content-type", "")
    return raw.status in (400, 405, 415, 422) or (raw.status < 300 and not page)


def read_page_exists(raw: Raw) -> bool | None:
    """The same of a route that gives a web page."""
    return None if raw.status in (401, 403) else raw.status < 300 or raw.status == 405


def read_json_object(raw: Raw) -> dict[str, Json]:
    """A JSON object."""
    return record(read_json(raw.body))


def read_configuration(raw: Raw) -> dict[str, Json]:
    """What a server tells of how it runs, without its secrets."""
    return record(without_secrets(read_json_object(raw)))


def read_debug(raw: Raw) -> Json:
    """Any document of the tutorial's, without secrets."""
    return without_secrets(read_json(raw.body))


def read_version(raw: Raw) -> str:
    """The release."""
    return text(read_json_object(raw), "version")


def read_flag(name: str, raw: Raw) -> bool:
    """A yes or no; each route names its field."""
    return boolean(read_json_object(raw), name)


def read_load(raw: Raw) -> int:
    """Requests in flight."""
    load = integer(read_json_object(raw).get("server_load"), "server_load")
    if load < 0:
        raise Unfit(Reason.WRONG_SHAPE, "server_load is no number of requests")
    return load


def read_models(raw: Raw) -> tuple[Model, ...]:
    """The list of models."""
    rows = items(read_json_object(raw), "data")
    if len(rows) > _MOST_MODELS:
        raise Unfit(Reason.TOO_LARGE, f"it lists {len(rows)} models")
    return tuple(_model(record(row, "a model")) for row in rows)


def read_metrics(raw: Raw) -> bytes:
    """Prometheus text, unread: the metrics room reads it."""
    body = raw.body.lstrip()
    if not body:
        raise Unfit(Reason.EMPTY, "the body is empty")
    if body[:1] in (b"{", b"[", b'"'):
        raise Unfit(Reason.NOT_METRICS, body[:80].decode("utf-8", "replace"))
    return raw.body


def read_tokens(raw: Raw) -> Tokens:
    """Tokens of any dialect: ids in `tokens`, or objects of `id` and `piece` (llama.cpp)."""
    answer = read_json_object(raw)
    rows, pieces = items(answer, "tokens"), answer.get("token_strs")
    if rows and isinstance(rows[0], dict):
        pieces = [record(row, "a token").get("piece") for row in rows]
        rows = [row.get("id") for row in rows]
    count = optional_integer(answer, "count")
    if count is not None and count != len(rows):
        raise Unfit(Reason.MISCOUNTED, f"it counts {count} tokens and lists {len(rows)}")
    return Tokens(
        tuple(_token_id(row) for row in rows),
        _pieces(pieces, len(rows)),
        _length(optional_integer(answer, "max_model_len")),
    )


def read_text(field: str, raw: Raw) -> str:
    """The text of tokens; each dialect names its field."""
    return text(read_json_object(raw), field)


def _model(row: Mapping[str, Json]) -> Model:
    meta = row.get("meta")
    length = optional_integer(row, "max_model_len")
    if length is None and isinstance(meta, dict):
        length = optional_integer(meta, "n_ctx_train")  # llama.cpp's place for it
    return Model(
        text(row, "id"),
        _optional_text(row, "root"),
        _optional_text(row, "parent"),
        _length(length),
        _optional_text(row, "owned_by"),
        _moment(row.get("created")),
        _optional_text(row, "object"),
    )


def _length(told: int | None) -> int | None:
    """A context length; None where what is told can be none, so that no answer fails for it."""
    return told if told is not None and 0 < told < _MOST_TOKENS else None


def _moment(value: Json) -> int | None:
    """Seconds of 1970, where a calendar can show them; no list fails for a strange date."""
    is_moment = type(value) is int and 0 <= value < _YEAR_10000
    return value if is_moment else None


def _optional_text(row: Mapping[str, Json], name: str) -> str | None:
    return None if row.get(name) is None else text(row, name)


def _token_id(value: Json) -> int:
    number = integer(value, "a token")
    if not 0 <= number < _MOST_TOKENS:
        raise Unfit(Reason.WRONG_SHAPE, "a token lies outside every vocabulary")
    return number


def _pieces(values: Json, count: int) -> tuple[str | bytes, ...] | None:
    """One piece per token, or None: fewer or stranger pieces would be worse than none."""
    if not isinstance(values, list) or len(values) != count:
        return None
    try:
        # llama.cpp gives a piece that is no whole text as a list of its bytes
        return tuple(value if isinstance(value, str) else bytes(value) for value in values)
    except (TypeError, ValueError):
        return None
