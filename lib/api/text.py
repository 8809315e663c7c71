"""Text of a server or a person, made fit to be shown, logged or sent.

This module alone decides that: one line, no control characters, not long; no quotation of what a
person typed; no half characters. It escapes nothing: what draws the line treats it as text.
"""

import json
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["plain_line", "unquoted", "without_halves"]

_QUOTED = 12
"""Characters that a server's message and a typed text do not share by chance."""


def plain_line(text: str | bytes, limit: int = 200) -> str:
    """At most `limit` characters of a text, on one line.

    Control, formatting (bidi) and surrogate characters are dropped, so that nothing can forge a log
    line, colour a terminal or turn the reading direction.
    """
    if isinstance(text, bytes):
        text = text[: 8 * limit].decode("utf-8", "replace")
    words = " ".join(text[: 8 * limit].split())
    kept = "".join(char for char in words if not _is_odd(char))
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def unquoted(message: str, typed: Iterable[str]) -> str:
    """A server's message, unless it quotes something that was typed: then only that it did."""
    if any(_quotes(message, text) for text in typed):
        return "the server's message quotes the text, so it is not repeated"
    return message


def without_halves(text: str) -> str:
    """The text with each lone surrogate as U+FFFD; two halves that belong together are joined."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _quotes(message: str, text: str) -> bool:
    return any(_holds(message, spelling) for spelling in (text, json.dumps(text)[1:-1]))


def _holds(message: str, text: str) -> bool:
    """Whether a message, itself a plain line, holds a text or a longer part of it."""
    if not "".join(text.split()).isprintable():
        text = "".join(char for char in text if char.isspace() or not _is_odd(char))
    words, letters = " ".join(text.split()), "".join(text.split())
    if len(letters) < _QUOTED:
        return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", message) is not None
    message = "".join(message.split())
    parts = (message[at : at + _QUOTED] for at in range(len(message) - _QUOTED + 1))
    return any(part in letters for part in parts)


def _is_odd(char: str) -> bool:
    return unicodedata.category(char).startswith("C")
