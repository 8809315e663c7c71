"""Report: judged looks, laid out for a terminal and as JSON.

This module alone decides both layouts. JSON, stable by `schema`:

    {"schema": 1, "healthy": bool, "servers": [{
        "url", "healthy": bool, "state": name, "reason", "remedy", "since": seconds of 1970,
        "at": seconds of 1970, "seconds": of the look,
        "figures": {"running", "waiting", "free_blocks": share, "age": seconds},
        "checks": [{"check", "passed": bool or null, "seconds", "kind", "figure", "words"}],
        "limits": [{"limit", "passed": bool or null, "figure", "bound", "words"}]}]}

What a server does not report is null. What it says is one clean line each time, and never a key.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from unicodedata import east_asian_width

from lib.api.text import plain_line
from lib.health.judging import Judgement

__all__ = ["as_json", "as_line", "as_text"]

_LONGEST = 400
_MARKS = {True: "ok", False: "FAIL", None: "-"}
Row = tuple[str, str, str, str]


def as_text(judgements: Sequence[Judgement]) -> str:
    """A verdict for each server, and below it a line for each check and limit."""
    return "\n\n".join("\n".join([_verdict(one), *_table(one)]) for one in judgements) + "\n"


def as_json(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The same for a program."""
    return {
        "schema": 1,
        "healthy": all(one.healthy for one in judgements),
        "servers": [_server(one) for one in judgements],
    }


def as_line(judgement: Judgement, width: int) -> str:
    """One line of at most `width` columns: since when it is what it is, and why."""
    since = time.strftime("%H:%M:%S", time.localtime(judgement.status.since))
    now = time.strftime("%H:%M:%S", time.localtime(judgement.look.at))
    start = f"{now}  {_fit(judgement):<9}  {plain_line(judgement.look.url)}"
    line = f"{start}  {_state(judgement)} since {since}: {plain_line(judgement.reason, _LONGEST)}"
    return _cut(line, width)


def _cut(line: str, width: int) -> str:
    """A line that wraps could not be drawn over: wide characters take two columns."""
    ends = list(accumulate(1 + (east_asian_width(char) in "WF") for char in line))
    if not ends or ends[-1] <= width:
        return line
    return line[: bisect_right(ends, width - 1)] + "…"


def _verdict(judgement: Judgement) -> str:
    reason = plain_line(judgement.reason, _LONGEST)
    return f"{judgement.look.url}  {_fit(judgement)}  {_state(judgement)}: {reason}"


def _fit(judgement: Judgement) -> str:
    return "healthy" if judgement.healthy else "UNHEALTHY"


def _state(judgement: Judgement) -> str:
    return judgement.status.state.value


def _table(judgement: Judgement) -> list[str]:
    rows: list[Row] = [
        (one.check.value, _milliseconds(one.seconds), _MARKS[one.passed], one.words)
        for one in judgement.outcomes
    ]
    rows += [(one.limit, "", _MARKS[one.passed], one.words) for one in judgement.limits]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [_aligned(row, widths) for row in rows]


def _aligned(row: Row, widths: Sequence[int]) -> str:
    name, seconds, mark, words = row
    name_width, seconds_width, mark_width = widths
    start = f"  {name:<{name_width}}  {seconds:>{seconds_width}}  {mark:<{mark_width}}"
    return f"{start}  {plain_line(words, _LONGEST)}".rstrip()


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _server(judgement: Judgement) -> dict[str, Any]:
    look, status, figures = judgement.look, judgement.status, judgement.figures
    return {
        "url": look.url,
        "healthy": judgement.healthy,
        "state": status.state.name.lower(),
        "reason": plain_line(judgement.reason, _LONGEST),
        "remedy": status.remedy,
        "since": round(status.since, 3),
        "at": round(look.at, 3),
        "seconds": round(look.seconds, 6),
        "figures": {name: _rounded(value) for name, value in figures._asdict().items()},
        "checks": [
            {
                "check": one.check.value,
                "passed": one.passed,
                "seconds": _rounded(one.seconds),
                "kind": one.kind,
                "figure": _rounded(one.figure),
                "words": plain_line(one.words, _LONGEST),
            }
            for one in judgement.outcomes
        ],
        "limits": [
            {
                "limit": one.limit,
                "passed": one.passed,
                "figure": _rounded(one.figure),
                "bound": one.bound,
                "words": one.words,
            }
            for one in judgement.limits
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
