"""Generation: one request for text as a value, judged before anything is sent.

This module alone decides what may be asked of a model: how many tokens and choices, how long a
prompt, which numbers. A `Generation` that exists may be sent, with or without a stream: that, and
what a stream is asked to report, is decided by whoever sends it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lib.api.errors import Reason, Unfit
from lib.api.routes import Route
from lib.api.strict_json import Json

__all__ = ["DEFAULT_TOKENS", "MOST_SENT", "Generation", "chat", "completion", "judged"]

MOST_SENT = 8_000_000
"""Bytes of a request: a few pictures, where the model takes them."""
DEFAULT_TOKENS = 512
"""An answer's limit where none is set: without one it would take the rest of the context."""
_MOST_TEXT = 1_000_000  # bytes of what a person typed: tokenizing holds up the server's event loop
_MOST_ID = 2**31
_DEEPEST = 32
_LIMITS = ("max_tokens", "max_completion_tokens")
_BOUNDS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(_LIMITS, (1, 131_072)),
    "n": (1, 8),
    "best_of": (1, 8),
    "top_logprobs": (0, 20),
    "prompt_logprobs": (0, 20),
}
_STREAMING = ("stream", "stream_options")
_MEDIA = frozenset({"image_url", "audio_url", "video_url", "input_audio"})  # no text: not tokenized


@dataclass(frozen=True, slots=True)
class Generation:
    """A request to generate.

    Raises:
        Unfit: it must not be sent; the detail is a sentence for people.
    """

    route: Route
    # not in the repr: tracebacks can show local variables, and a person typed this
    body: Mapping[str, Json] = field(repr=False)

    def __post_init__(self) -> None:
        _judge(self.route, self.body)


def chat(model: str, messages: Sequence[Mapping[str, Json]], /, **fields: Json) -> Generation:
    """The next turn of a chat; `fields` are the server's own parameters.

    Raises:
        Unfit: it must not be sent.
    """
    listed = [dict(message) for message in messages]
    return judged(Route.CHAT, {"model": model, "messages": listed, **fields})


def completion(model: str, prompt: str | Sequence[int], /, **fields: Json) -> Generation:
    """A text continued, or the tokens of one.

    Raises:
        Unfit: it must not be sent.
    """
    given = prompt if isinstance(prompt, str) else list(prompt)
    return judged(Route.COMPLETIONS, {"model": model, "prompt": given, **fields})


def judged(route: Route, body: Mapping[str, Json]) -> Generation:
    """Any body of a generating route; without a limit of tokens it gets one of 512.

    Raises:
        Unfit: it must not be sent.
    """
    limited = any(body.get(name) is not None for name in _LIMITS)
    return Generation(route, dict(body) if limited else {**body, "max_tokens": DEFAULT_TOKENS})


def _judge(route: Route, body: Mapping[str, Json]) -> None:
    for name in _STREAMING:
        _demand(name not in body, f"{name} is set by how the request is sent; leave it out")
    model = body.get("model")
    _demand(isinstance(model, str) and model != "", "name a model")
    if route is Route.CHAT:
        asked = body.get("messages")
        _demand(isinstance(asked, list) and bool(asked), "messages must be a list with one or more")
    elif route is Route.COMPLETIONS:
        asked = body.get("prompt")
        _check_prompt(asked)
    else:
        raise Unfit(Reason.CALLER, f"{route.path} does not generate text")
    _demand(any(body.get(name) is not None for name in _LIMITS), "set max_tokens")
    for name, (least, most) in _BOUNDS.items():
        _check_bound(name, body.get(name), least, most)
    if route is Route.COMPLETIONS:
        _check_bound("logprobs", body.get("logprobs"), 0, 20)
    _check_numbers(body)
    _demand(_size(asked) <= _MOST_TEXT, f"the text is longer than {_MOST_TEXT:,} bytes; shorten it")


def _check_prompt(prompt: Json) -> None:
    if isinstance(prompt, list):
        fits = all(type(one) is int and 0 <= one < _MOST_ID for one in prompt)
        _demand(bool(prompt) and fits, "a prompt of tokens is one or more whole numbers from 0 on")
    else:
        _demand(isinstance(prompt, str), "prompt must be a text or token ids")


def _check_bound(name: str, value: Json, least: int, most: int) -> None:
    fits = value is None or (type(value) is int and least <= value <= most)
    _demand(fits, f"{name} must be a whole number from {least:,} to {most:,}")


def _check_numbers(body: Mapping[str, Json]) -> None:
    for value in _leaves(body):
        if isinstance(value, float):
            _demand(math.isfinite(value), "every number must be finite")


def _size(asked: Json) -> int:
    """Bytes of the texts in a prompt, pictures and sounds apart."""
    return sum(
        len(leaf.encode("utf-8", "surrogatepass"))
        for leaf in _leaves(asked, without=_MEDIA)
        if isinstance(leaf, str)
    )


def _leaves(
    value: Json, depth: int = 0, *, without: frozenset[str] = frozenset()
) -> Iterator[Json]:
    """Every text, number and nothing inside."""
    _demand(depth <= _DEEPEST, f"the request is nested deeper than {_DEEPEST}")
    if isinstance(value, Mapping):
        for name, part in value.items():
            _demand(isinstance(name, str), "every name must be a text")
            if name not in without:
                yield from _leaves(part, depth + 1, without=without)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, depth + 1, without=without)
    else:
        yield value


def _demand(fits: bool, problem: str) -> None:
    if not fits:
        raise Unfit(Reason.CALLER, problem)
