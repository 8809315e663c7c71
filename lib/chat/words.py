"""How the figures of an answer are written, and how something is remarked about it.

Decided here: units and digits of times, counts and shares in the sentences of this room. The
drawing room writes its figures by the same rules; a test keeps both the same.
"""

import math
from typing import Literal, NamedTuple

__all__ = ["ABSENT", "Note", "Tone", "count", "counted", "duration", "share"]

ABSENT = "–"
_THIN = "\N{NARROW NO-BREAK SPACE}"

Tone = Literal["", "good", "watch", "bad"]


class Note(NamedTuple):
    """One sentence about an answer, and how serious it is; "" is a matter of course."""

    tone: Tone
    text: str


def duration(seconds: float | None) -> str:
    """A measured time: milliseconds below one second, then seconds, minutes, hours."""
    if seconds is None or math.isnan(seconds):
        return ABSENT
    if seconds < 0.9995:
        value = seconds * 1000
        return f"{value:.{1 if 0 < value < 9.995 else 0}f}{_THIN}ms"
    if seconds < 99.95:
        return f"{seconds:.{2 if seconds < 9.995 else 1}f}{_THIN}s"
    if seconds < 6000:
        return f"{seconds / 60:.1f}{_THIN}min"
    return f"{seconds / 3600:.1f}{_THIN}h"


def count(value: int | None) -> str:
    """A whole number, thousands apart."""
    return ABSENT if value is None else f"{value:,}".replace(",", _THIN)


def counted(value: int, one: str, more: str = "") -> str:
    """A number with its noun: 1 token, 2 tokens."""
    return f"{count(value)} {one if value == 1 else more or one + 's'}"


def share(value: float | None) -> str:
    """A fraction as per cent: whole from ten per cent on, one decimal below."""
    if value is None or math.isnan(value):
        return ABSENT
    percent = value * 100
    digits = 0 if percent >= 9.95 or percent == 0 else 1
    return f"{percent:.{digits}f}{_THIN}%"
