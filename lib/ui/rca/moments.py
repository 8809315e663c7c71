"""Moments as people type them, as links carry them, and as a page writes them.

Decided here: a link carries UTC, so that it means the same to everybody; a page reads and writes
the viewer's own time. Nothing after now is a moment.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

__all__ = ["clock", "iso", "read", "written", "zone"]

_AGO = re.compile(r"(\d{1,6}) ?(s|min|m|h|d)(?: ago)?")
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_LONGEST = 40
_NEXT = 60.0
"""Seconds that a moment may be ahead: two clocks are never the same."""


def zone() -> tzinfo:
    """The viewer's time zone, UTC while the browser has not told it. For a page script."""
    name = getattr(st.context, "timezone", None)
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def read(text: str, now: float, where: tzinfo) -> float | None:
    """The moment that a text means (wall-clock seconds); None where it means none.

    "now", "10 min ago", a clock time of the last day, a date with a time (local, or with its zone),
    or seconds since 1970.
    """
    words = text.strip()[:_LONGEST]
    if words == "now":
        return now
    if ago := _AGO.fullmatch(words):
        return now - int(ago[1]) * _SECONDS[ago[2]]
    found = _at_clock(words, now, where) if _CLOCK.fullmatch(words) else _dated(words, where)
    if found is None or not math.isfinite(found) or not 0 < found <= now + _NEXT:
        return None
    return min(found, now)


def iso(moment: float) -> str:
    """The moment as a link carries it, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(moment: float, where: tzinfo) -> str:
    """The moment with its date, in the viewer's time."""
    return datetime.fromtimestamp(moment, where).strftime("%Y-%m-%d %H:%M:%S")


def clock(moment: float, where: tzinfo, *, beside: float | None = None) -> str:
    """The time of day; with its date where that is another day than `beside`'s."""
    there = datetime.fromtimestamp(moment, where)
    is_near = beside is None or datetime.fromtimestamp(beside, where).date() == there.date()
    return there.strftime("%H:%M:%S" if is_near else "%Y-%m-%d %H:%M:%S")


def _at_clock(words: str, now: float, where: tzinfo) -> float | None:
    """The newest moment at which a clock showed this."""
    today = datetime.fromtimestamp(now, where)
    hour, minute, second = (int(one) for one in f"{words}:00".split(":")[:3])
    try:
        there = today.replace(hour=hour, minute=minute, second=second, microsecond=0)
    except ValueError:
        return None
    return (there if there <= today else there - timedelta(days=1)).timestamp()


def _dated(words: str, where: tzinfo) -> float | None:
    if re.fullmatch(r"\d{9,11}(\.\d{1,6})?", words):
        return float(words)
    try:
        there = datetime.fromisoformat(words)
    except ValueError:
        return None
    try:
        return (there if there.tzinfo else there.replace(tzinfo=where)).timestamp()
    except (OverflowError, OSError, ValueError):
        return None
