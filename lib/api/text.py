"""Text of a server, made fit to be shown or logged: one line, no control characters, not long.

This module alone decides that. It escapes nothing: what draws the line treats it as text.
"""

import unicodedata

__all__ = ["plain_line"]


def plain_line(text: str | bytes, limit: int = 200) -> str:
    """At most `limit` characters of a text, on one line.

    Control, formatting (bidi) and surrogate characters are dropped, so that nothing can forge a log
    line, colour a terminal or turn the reading direction.
    """
    if isinstance(text, bytes):
        text = text[: 8 * limit].decode("utf-8", "replace")
    words = " ".join(text[: 8 * limit].split())
    kept = "".join(char for char in words if not unicodedata.category(char).startswith("C"))
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"
