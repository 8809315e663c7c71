"""Chunks: from the JSON of a generating server to deltas, of chat and completions alike.

This module alone decides which fields of an answer are read, under which of their names, and which
are believed. Text must be text, or the answer is none; what only describes it (ids, probabilities,
counts, times) is left out where it is not what it should be, for no answer should be lost for it.
"""

from collections.abc import Mapping
from functools import lru_cache

from lib.api.answers import Raw
from lib.api.deltas import Delta, Event, Probability, ServerTimes, TokenChoice, ToolPart, Usage
from lib.api.errors import Reason, Unfit
from lib.api.strict_json import Json, items, read_json, record, text
from lib.api.text import plain_line

__all__ = ["MOST_RAW", "read_chunk", "read_whole"]

MOST_RAW = 4_000
"""Characters of a line that are kept as it came."""
_MOST_TOKENS = 2**31
_MOST_CHOICES = 64  # at most 8 are asked for
_MOST_TOOLS = 128
_ENDLESS = 1e12
"""Of nothing that a server measures there is so much."""
_ID = "token_id:"


def read_chunk(body: bytes, at: float) -> Event:
    """One event of a stream; `at` is when it came.

    Raises:
        Unfit: it is no piece of an answer.
    """
    return _event(record(read_json(body), "an event"), body, at)


def read_whole(raw: Raw) -> Event:
    """An answer that was not streamed, at the moment 0.

    Raises:
        Unfit: it is no answer.
    """
    answer = record(read_json(raw.body))
    if not items(answer, "choices"):
        raise Unfit(Reason.WRONG_SHAPE, "choices is empty")
    return _event(answer, raw.body, 0.0)._replace(kind="whole")


def _event(answer: Mapping[str, Json], body: bytes, at: float) -> Event:
    has_none = answer.get("choices") is None and "usage" in answer
    rows = [] if has_none else [record(row, "a choice") for row in items(answer, "choices")]
    if len(rows) > _MOST_CHOICES:
        raise Unfit(Reason.WRONG_SHAPE, f"it has more than {_MOST_CHOICES} choices")
    first: Mapping[str, Json] = rows[0] if rows else {}
    told = answer.get("prompt_token_ids")
    return Event(
        at,
        "data",
        tuple(_delta(row, number) for number, row in enumerate(rows)),
        _usage(answer.get("usage")),
        _times(answer.get("metrics")),
        _ids(first.get("prompt_token_ids") if told is None else told),
        _name(answer.get("id")),
        _name(answer.get("model")),
        _name(answer.get("system_fingerprint")),
        body[: 4 * MOST_RAW].decode("utf-8", "replace")[:MOST_RAW],
    )


def _delta(row: Mapping[str, Json], number: int) -> Delta:
    part = row.get("delta", row.get("message", row))  # completions have no part of their own
    part = record({} if part is None else part, "a delta")
    ids = _ids(row.get("token_ids"))
    finish, stop = row.get("finish_reason"), row.get("stop_reason")
    return Delta(
        _number(row.get("index"), _MOST_CHOICES, number),
        _text(part, "content" if part is not row else "text"),
        _text(part, "reasoning") or _text(part, "reasoning_content"),
        _tools(part.get("tool_calls")),
        _choices(row.get("logprobs"), ids),
        ids,
        plain_line(finish, 40) if isinstance(finish, str) else None,
        stop[:1000] if isinstance(stop, str) else _count(stop),
    )


def _tools(rows: Json) -> tuple[ToolPart, ...]:
    if not isinstance(rows, list):
        return ()
    return tuple(
        _tool(record(row, "a tool call"), number) for number, row in enumerate(rows[:_MOST_TOOLS])
    )


def _tool(row: Mapping[str, Json], number: int) -> ToolPart:
    function = row.get("function")
    part = record({} if function is None else function, "a function")
    index = _number(row.get("index"), _MOST_TOOLS, number)
    return ToolPart(
        index, _name(row.get("id")), _text(part, "name")[:200], _text(part, "arguments")
    )


def _choices(told: Json, ids: tuple[int, ...] | None) -> tuple[TokenChoice, ...]:
    if not isinstance(told, dict):
        return ()
    rows = told.get("content")
    found = _of_chat(rows) if isinstance(rows, list) else _of_completion(told)
    if ids is None or len(ids) != len(found):
        return found
    return tuple(
        choice if choice.chosen.id is not None else _with_id(choice, id_)
        for choice, id_ in zip(found, ids, strict=True)
    )


def _of_chat(rows: list[Json]) -> tuple[TokenChoice, ...]:
    found = []
    for row in rows:
        if isinstance(row, dict):
            top = row.get("top_logprobs")
            others = top if isinstance(top, list) else ()
            kept = tuple(_spelt(other) for other in others if isinstance(other, dict))
            found.append(TokenChoice(_spelt(row), kept))
    return tuple(found)


def _of_completion(told: Mapping[str, Json]) -> tuple[TokenChoice, ...]:
    names, numbers, top = told.get("tokens"), told.get("token_logprobs"), told.get("top_logprobs")
    if not isinstance(names, list) or not isinstance(numbers, list) or len(names) != len(numbers):
        return ()
    others = top if isinstance(top, list) and len(top) == len(names) else [None] * len(names)
    return tuple(
        TokenChoice(
            _named(name, number),
            tuple(_named(*pair) for pair in row.items()) if isinstance(row, dict) else (),
        )
        for name, number, row in zip(names, numbers, others, strict=True)
    )


def _spelt(row: Mapping[str, Json]) -> Probability:
    """A token of a chat, which brings its bytes; of an id's name they are only its spelling."""
    found, told = _named(row.get("token"), row.get("logprob")), row.get("bytes")
    try:
        spelt = bytes(told) if isinstance(told, list) else None
    except (TypeError, ValueError):
        spelt = None
    if spelt is None or found.id is None:
        return found._replace(bytes_=spelt)
    if spelt == f"{_ID}{found.id}".encode():
        return found
    return found._replace(bytes_=spelt, token=spelt.decode("utf-8", "replace"))


def _named(name: Json, number: Json) -> Probability:
    """A token by its text, or by its id where that was asked for."""
    token = name if isinstance(name, str) else ""
    fits = type(number) in (int, float) and abs(number) < _ENDLESS
    logprob = float(number) if fits else None
    digits = token.removeprefix(_ID)
    if digits != token and digits.isascii() and digits.isdigit() and len(digits) < 11:
        return Probability("", logprob, _count(int(digits)))
    return Probability(token, logprob)


def _with_id(choice: TokenChoice, id_: int) -> TokenChoice:
    return choice._replace(chosen=choice.chosen._replace(id=id_))


def _ids(told: Json) -> tuple[int, ...] | None:
    if not isinstance(told, list):
        return None
    fits = all(type(one) is int and 0 <= one < _MOST_TOKENS for one in told)
    return tuple(told) if fits else None


def _usage(told: Json) -> Usage | None:
    if not isinstance(told, dict):
        return None
    prompt, completion = told.get("prompt_tokens_details"), told.get("completion_tokens_details")
    return Usage(
        _count(told.get("prompt_tokens")),
        _count(told.get("completion_tokens")),
        _count(prompt.get("cached_tokens")) if isinstance(prompt, dict) else None,
        _count(completion.get("reasoning_tokens")) if isinstance(completion, dict) else None,
    )


def _times(told: Json) -> ServerTimes | None:
    if not isinstance(told, dict):
        return None
    return ServerTimes(
        _measured(told.get("time_to_first_token_ms"), 1000),
        _measured(told.get("generation_time_ms"), 1000),
        _measured(told.get("queue_time_ms"), 1000),
        _measured(told.get("mean_itl_ms"), 1000),
        _measured(told.get("tokens_per_second"), 1),
    )


def _measured(value: Json, parts: int) -> float | None:
    return value / parts if type(value) in (int, float) and 0 <= value < _ENDLESS else None


def _count(value: Json) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def _number(value: Json, most: int, otherwise: int) -> int:
    if value is None:
        return otherwise
    if type(value) is not int or not 0 <= value < most:
        raise Unfit(Reason.WRONG_SHAPE, "an index is none")
    return value


def _text(part: Mapping[str, Json], name: str) -> str:
    return "" if part.get(name) is None else text(part, name)


@lru_cache(maxsize=64)  # every chunk of an answer repeats them
def _line(value: str) -> str:
    return plain_line(value)


def _name(value: Json) -> str:
    return _line(value[:1000]) if isinstance(value, str) else ""
