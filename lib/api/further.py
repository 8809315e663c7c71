"""Further calls: routes beside the usual ones, in the forms of other makers' interfaces.

Responses (OpenAI), messages (Anthropic), recordings of speech, invocations (SageMaker) and what
tells of scaling and KV cache events. This module alone decides how they are asked for and read. An
answer is taken in one piece: streams stand in `streams`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Literal

from lib.api.answers import Raw, read_flag, read_json_object, read_nothing
from lib.api.calls import Call, Message
from lib.api.errors import Reason, Unfit
from lib.api.multipart import File, form
from lib.api.routes import Route
from lib.api.strict_json import Json, inside, integer, items, optional_integer, read_json, record
from lib.api.strict_json import text as text_of
from lib.api.text import plain_line

__all__ = [
    "Heard",
    "Phrase",
    "Written",
    "count_tokens",
    "docs",
    "invoke",
    "is_scaling",
    "kv_event_sources",
    "listen",
    "messages",
    "ping",
    "response",
    "responses",
]

_LIMIT = 8 << 20  # bytes of an answer
_MOST_SOUND = 32 << 20  # bytes of a recording with its form
_MOST_TOKENS = 2**31


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote; `document` is the whole answer."""

    id: str
    text: str
    thoughts: str
    finish: str | None  # why it ended, in the words of the interface
    prompt_tokens: int | None  # as the server counts them; None where it does not
    tokens: int | None
    document: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a recording, in seconds from its beginning."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a recording; what the server did not tell is None."""

    text: str
    language: str | None
    seconds: float | None
    phrases: tuple[Phrase, ...] = ()


def ping() -> Call[None]:
    """The same as health, as SageMaker asks for it."""
    return Call(Route.PING, read_nothing)


def docs() -> Call[str]:
    """The web page on which the routes can be tried."""
    return Call(Route.DOCS, _read_page, limit=_LIMIT)


def is_scaling() -> Call[bool]:
    """Whether the number of the server's engines is being changed."""
    return Call(Route.IS_SCALING, partial(read_flag, "is_scaling_elastic_ep"))


def kv_event_sources() -> Call[dict[str, Json]]:
    """Where each engine publishes what happens in its KV cache; empty where none does."""
    return Call(Route.KV_EVENT_SOURCES, read_json_object)


def count_tokens(model: str, chat: Sequence[Message], **fields: Json) -> Call[int]:
    """The tokens of a chat in Anthropic's form, through the model's template; no GPU time."""
    body = {"model": model, "messages": list(chat), **fields}
    return Call(Route.COUNT_TOKENS, _read_count, body)


def responses(model: str, prompt: str | Sequence[Message], **fields: Json) -> Call[Written]:
    """An answer in the form of OpenAI's responses; `max_output_tokens` bounds it.

    Raises:
        Unfit: it would be streamed.
    """
    _check_whole(fields)
    asked = prompt if isinstance(prompt, str) else list(prompt)
    return Call(
        Route.RESPONSES, _read_response, {"model": model, "input": asked, **fields}, limit=_LIMIT
    )


def response(name: str) -> Call[Written]:
    """A response that the server has kept."""
    parts = (("response_id", name),)
    return Call(Route.RESPONSE, _read_response, parts=parts, limit=_LIMIT)


def messages(
    model: str, chat: Sequence[Message], most_tokens: int, **fields: Json
) -> Call[Written]:
    """A chat's next turn in Anthropic's form, of `most_tokens` at most.

    Raises:
        Unfit: it would be streamed.
    """
    _check_whole(fields)
    body = {"model": model, "messages": list(chat), "max_tokens": most_tokens, **fields}
    return Call(Route.MESSAGES, _read_message, body, limit=_LIMIT)


def listen(
    route: Literal[Route.TRANSCRIPTIONS, Route.TRANSLATIONS],
    recording: File,
    model: str,
    **fields: str,
) -> Call[Heard]:
    """The words of a recording, in its own language or in English.

    Raises:
        Unfit: it would be streamed.
    """
    _check_whole(fields)
    upload = form({"model": model, **fields}, recording)
    return Call(route, _read_heard, upload=upload, limit=_LIMIT, most_sent=_MOST_SOUND)


def invoke(body: Mapping[str, Json]) -> Call[Json]:
    """Whatever the body asks for, by its fields: a chat, a completion, vectors, tokens.

    Raises:
        Unfit: it would be streamed.
    """
    _check_whole(body)
    return Call(Route.INVOCATIONS, _read_any, body, limit=_LIMIT)


def _check_whole(fields: Mapping[str, Json]) -> None:
    if fields.get("stream"):
        raise Unfit(Reason.CALLER, "this answer is read in one piece: leave stream out")


def _read_any(raw: Raw) -> Json:
    return read_json(raw.body)


def _read_page(raw: Raw) -> str:
    return raw.body.decode("utf-8", "replace")


def _read_count(raw: Raw) -> int:
    return _tokens(read_json_object(raw), "input_tokens")


def _read_response(raw: Raw) -> Written:
    answer = read_json_object(raw)
    rows = [row for row in items(answer, "output") if isinstance(row, dict)]
    why = inside(answer, "incomplete_details").get("reason")
    return _written(
        answer,
        text=_joined(rows, "message", "output_text"),
        thoughts=_joined(rows, "reasoning", "reasoning_text"),
        finish=why or answer.get("status"),
    )


def _read_message(raw: Raw) -> Written:
    answer = read_json_object(raw)
    parts = items(answer, "content")
    return _written(
        answer,
        text=_texts(parts, "text", "text"),
        thoughts=_texts(parts, "thinking", "thinking"),
        finish=answer.get("stop_reason"),
    )


def _written(answer: dict[str, Json], text: str, thoughts: str, finish: Json) -> Written:
    usage = inside(answer, "usage")
    return Written(
        id=plain_line(text_of(answer, "id")),
        text=text,
        thoughts=thoughts,
        finish=plain_line(finish, 40) if isinstance(finish, str) else None,
        prompt_tokens=_counted(usage, "input_tokens"),
        tokens=_counted(usage, "output_tokens"),
        document=answer,
    )


def _joined(rows: Sequence[Mapping[str, Json]], kind: str, part: str) -> str:
    """The texts of all rows of a kind."""
    return "".join(
        _texts(row.get("content") or [], part, "text") for row in rows if row.get("type") == kind
    )


def _texts(parts: Json, kind: str, name: str) -> str:
    found = [part for part in parts if isinstance(part, dict) and part.get("type") == kind]
    return "".join(text_of(part, name) for part in found)


def _read_heard(raw: Raw) -> Heard:
    """JSON in either length, or plain text, whichever format was asked for."""
    if "json" not in raw.headers.get("content-type", ""):
        return Heard(raw.body.decode("utf-8", "replace"), None, None)
    answer = read_json_object(raw)
    rows = answer.get("segments")
    language = answer.get("language")
    return Heard(
        text_of(answer, "text"),
        plain_line(language, 40) if isinstance(language, str) else None,
        _seconds(answer.get("duration")),
        tuple(_phrase(record(row, "a segment")) for row in rows or ()),
    )


def _phrase(row: Mapping[str, Json]) -> Phrase:
    start, end = _seconds(row.get("start")), _seconds(row.get("end"))
    if start is None or end is None:
        raise Unfit(Reason.WRONG_SHAPE, "a segment has no times")
    return Phrase(start, end, text_of(row, "text"))


def _seconds(value: Json) -> float | None:
    """Seconds as a number, or as a text, as OpenAI's own server gives them."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _tokens(answer: Mapping[str, Json], name: str) -> int:
    count = integer(answer.get(name), name)
    if not 0 <= count < _MOST_TOKENS:
        raise Unfit(Reason.WRONG_SHAPE, f"{name} is no number of tokens")
    return count


def _counted(usage: Mapping[str, Json], name: str) -> int | None:
    return None if optional_integer(usage, name) is None else _tokens(usage, name)
