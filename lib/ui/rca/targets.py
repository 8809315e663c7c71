"""A target and a goal as people type them: "1 s" and "99.5 %", and what is usual for a latency.

Pure. Decided here: a figure without a unit is seconds, a goal is a share of requests below all.
"""

import math
import re

__all__ = ["USUAL", "goal_of", "said_goal", "seconds_of", "target_words"]

USUAL = {"ttft": 1.0, "itl": 0.1, "tpot": 0.1, "e2e": 10.0, "queue_time": 1.0}
"""Seconds that each is aimed at before somebody chose; the official boards begin with the same."""
_TARGET = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?) ?(ms|s|min|)")
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0}
_GOAL = re.compile(r"(\d{1,2}(?:[.,]\d{1,4})?) ?%?")
_LEAST, _MOST = 0.0001, 86_400.0


def seconds_of(text: str) -> float | None:
    """The seconds that a target means; None where it means none."""
    found = _TARGET.fullmatch(text.strip().lower()[:20])
    if not found:
        return None
    seconds = float(found[1].replace(",", ".")) * _UNITS[found[2]]
    return seconds if _LEAST <= seconds <= _MOST else None


def target_words(seconds: float) -> str:
    """A target as it is typed: 250 ms, 1.5 s, 20 s."""
    if seconds < 1:
        return f"{1_000 * seconds:.6g} ms"
    return f"{seconds:.6g} s"


def goal_of(text: str) -> float | None:
    """The share that a goal in per cent means; None where it means none, or nobody can miss it."""
    found = _GOAL.fullmatch(text.strip()[:20])
    share = float(found[1].replace(",", ".")) / 100 if found else math.nan
    return share if 0 < share < 1 else None


def said_goal(share: float) -> str:
    """A goal as it is typed: 99.5."""
    return f"{100 * share:.6g}"
