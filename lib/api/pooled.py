"""Pooled: what all requests have in common that make a model read texts and write none.

This module alone decides how many texts go into one request, how long it may take and how much of
an answer is read. Such a request costs GPU time and is never sent twice.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from lib.api.answers import Raw
from lib.api.calls import Call
from lib.api.routes import Route
from lib.api.strict_json import Json

__all__ = ["MOST_SENT", "MOST_TEXTS", "SECONDS", "pooled"]

T = TypeVar("T")

SECONDS = 120.0
"""For one request: a server without a GPU takes long, and a busy one lets it wait."""
MOST_TEXTS = 2048
"""Texts of one request."""
MOST_SENT = 4 << 20
"""Bytes of all texts of one request."""
_ESCAPED = 6  # bytes that JSON makes of one at most
_MOST_READ = 256 << 20  # bytes: 2,048 vectors of 4,096 numbers in full length fit


def pooled(
    route: Route,
    read: Callable[[Raw], T],
    body: Mapping[str, Json],
    *,
    expected: int = _MOST_READ,
    truncate: bool = False,
    seconds: float = SECONDS,
) -> Call[T]:
    """A request whose right answer has `expected` bytes at most.

    With `truncate` the server cuts texts that are longer than its model takes, and does not say so.
    """
    cut: dict[str, Json] = {"truncate_prompt_tokens": -1} if truncate else {}
    return Call(
        route,
        read,
        {**body, **cut},
        limit=min(_MOST_READ, expected + (1 << 20)),
        most_sent=_ESCAPED * MOST_SENT + (1 << 20),
        seconds=seconds,
    )
