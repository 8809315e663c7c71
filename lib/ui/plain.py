"""How figures and foreign text are written.

This module alone decides the digits, units and separators of a figure, and which characters of a
server's text may reach a page. `assets/figures.js` writes the figures under the cursor by the same
rules; change both together.
"""

import math
import re
import unicodedata
from collections.abc import Sequence

__all__ = [
    "ABSENT",
    "between",
    "count",
    "duration",
    "escaped",
    "listed",
    "plain",
    "rate",
    "ratio",
    "span",
]

ABSENT = "–"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: object, limit: int = 120) -> str:
    """Foreign text as one line of at most `limit` characters, none of them invisible."""
    whole = str(text)
    part = whole[: 8 * limit]  # a server may send megabytes
    kept = "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in part)
    line = " ".join(kept.split())
    if len(line) <= limit and len(part) == len(whole):
        return line
    return line[: limit - 1] + "…"


def listed(texts: Sequence[str], most: int, limit: int = 60) -> str:
    """The first of foreign names as one line, and how many more there are."""
    names = ", ".join(plain(text, limit) for text in texts[:most])
    return f"{names} and {len(texts) - most} more" if len(texts) > most else names


def escaped(text: str) -> str:
    """Text for a sink that reads Markdown: shown as it is, whatever it holds."""
    return _PUNCTUATION.sub(r"\\\g<0>", text)


def count(value: float | None) -> str:
    """A whole number, thousands apart; from a hundred thousand on shortened (128 k)."""
    if value is None or math.isnan(value):
        return ABSENT
    if abs(value) >= 99_999.5:
        return _short(value)
    return _grouped(math.floor(value + 0.5))


def rate(value: float | None) -> str:
    """Events per second: three significant digits, shortened from ten thousand on."""
    if value is None or math.isnan(value):
        return ABSENT
    if value == 0:
        return "0"
    if value >= 9_999.5:
        return _short(value)
    if value >= 99.95:
        return _grouped(math.floor(value + 0.5))
    if value < 0.01:
        return "< 0.01"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """A fraction as per cent: whole from ten per cent on, one decimal below."""
    if value is None or math.isnan(value):
        return ABSENT
    percent = value * 100
    digits = 0 if percent >= 9.95 or percent == 0 else 1
    return f"{percent:.{digits}f}{_THIN}%"


def duration(seconds: float | None) -> str:
    """A measured time: milliseconds below one second, then seconds, minutes, hours."""
    if seconds is None or math.isnan(seconds):
        return ABSENT
    if math.isinf(seconds):
        return "∞"
    if seconds < 0.9995:
        return _milliseconds(seconds * 1000)
    if seconds < 99.95:
        return f"{seconds:.{2 if seconds < 9.995 else 1}f}{_THIN}s"
    if seconds < 6000:
        return f"{seconds / 60:.1f}{_THIN}min"
    return f"{seconds / 3600:.1f}{_THIN}h"


def between(low: float, high: float) -> str:
    """Two edges of a bucket of seconds, in one unit: 250–500 ms, 2.5–5 s, above 40 s."""
    unit, factor = ("ms", 1000) if (low if math.isinf(high) else high) < 1 else ("s", 1)
    if math.isinf(high):
        return f"above {low * factor:.4g}{_THIN}{unit}"
    return f"{low * factor:.4g}–{high * factor:.4g}{_THIN}{unit}"


def span(seconds: float) -> str:
    """How long something has lasted, in its largest whole unit: 40 s, 11 min, 3 h, 2 d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (seconds >= length and unit != "d"):
            return f"{int(seconds // length)}{_THIN}{unit}"
    return f"{max(0, math.floor(seconds + 0.5))}{_THIN}s"


def _milliseconds(value: float) -> str:
    if value >= 99.95 or value == 0:
        return f"{value:.0f}{_THIN}ms"
    return f"{value:.1f}{_THIN}ms" if value < 9.995 else f"{value:.0f}{_THIN}ms"


def _short(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size * 0.99995:
            scaled = value / size
            return f"{scaled:.{0 if scaled >= 99.95 else 1}f}{_THIN}{unit}"
    return _grouped(math.floor(value + 0.5))


def _grouped(value: int) -> str:
    return f"{value:,}".replace(",", _THIN)
