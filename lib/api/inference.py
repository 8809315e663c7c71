"""Inference: the smallest requests that make a model work, for a check that somebody asked for.

This module alone decides what is generated or embedded, and what of the answer is believed. Each
call costs GPU time and goes out once: what may have reached the engine is never sent again. A
request has brought sleeping engines down, and a paused one lets it wait without end, so ask
`is_sleeping` before, where a server offers it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lib.api.answers import Raw, read_json_object
from lib.api.calls import Call
from lib.api.errors import Reason, Unfit
from lib.api.routes import Route
from lib.api.strict_json import Json, items, optional_integer, record, text
from lib.api.text import plain_line

__all__ = ["Embedded", "Generated", "one_embedding", "one_token", "one_turn"]

_PROMPT = "Hello"
_LIMIT = 2 << 20  # bytes: a vector of 65,536 numbers in full length fits
_MOST_TOKENS = 2**31  # as for a token's id: no answer of a token or two holds more


class Generated(NamedTuple):
    """What a model wrote, without the text, which proves nothing."""

    tokens: int | None  # generated ones, as the server counts them; None where it does not
    finish: str | None  # why it ended: "length" is right, for one token was asked for


class Embedded(NamedTuple):
    """What a model made of a text, without the numbers."""

    dimensions: int
    tokens: int | None  # of the text, as the server counts them; None where it does not


def one_token(model: str) -> Call[Generated]:
    """One token after a short text."""
    return _generating(Route.COMPLETIONS, model, {"prompt": _PROMPT})


def one_turn(model: str) -> Call[Generated]:
    """One token of a chat, for servers without completions."""
    chat = [{"role": "user", "content": _PROMPT}]
    return _generating(Route.CHAT, model, {"messages": chat})


def one_embedding(model: str) -> Call[Embedded]:
    """The vector of a short text."""
    body = {"model": model, "input": _PROMPT, "encoding_format": "float"}
    return Call(Route.EMBEDDINGS, _read_embedded, body, limit=_LIMIT)


def _generating(route: Route, model: str, prompt: Mapping[str, Json]) -> Call[Generated]:
    body = {"model": model, **prompt, "max_tokens": 1, "temperature": 0, "stream": False}
    return Call(route, _read_generated, body)


def _read_generated(raw: Raw) -> Generated:
    answer = read_json_object(raw)
    choice = _first(answer, "choices")
    finish = None if choice.get("finish_reason") is None else text(choice, "finish_reason")
    return Generated(_count(answer, "completion_tokens"), finish and plain_line(finish, 40))


def _read_embedded(raw: Raw) -> Embedded:
    answer = read_json_object(raw)
    vector = items(_first(answer, "data"), "embedding")
    if not vector or not all(type(number) in (int, float) for number in vector):
        raise Unfit(Reason.WRONG_SHAPE, "embedding is not a list of numbers")
    return Embedded(len(vector), _count(answer, "prompt_tokens"))


def _first(answer: Mapping[str, Json], name: str) -> dict[str, Json]:
    rows = items(answer, name)
    if not rows:
        raise Unfit(Reason.WRONG_SHAPE, f"{name} is empty")
    return record(rows[0], f"the first of {name}")


def _count(answer: Mapping[str, Json], name: str) -> int | None:
    """A number of tokens; None where the server counts none."""
    usage = answer.get("usage")
    count = None if usage is None else optional_integer(record(usage, "usage"), name)
    if count is not None and not 0 <= count < _MOST_TOKENS:
        raise Unfit(Reason.WRONG_SHAPE, f"{name} is no number of tokens")
    return count
