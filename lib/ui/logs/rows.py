"""The lists of the page: remarks, explained lines, arguments, routes, milestones.

All texts of the log go through `plain`; the browser draws them as text.
"""

from collections.abc import Mapping
from functools import cache
from urllib.parse import urlencode

from lib.api import Control, Route
from lib.api.control import Unsent
from lib.logs import Gravity, Log
from lib.logs.arguments import flag
from lib.ui.logs.words import moment
from lib.ui.plain import count, duration, plain

__all__ = ["arguments", "lines", "milestones", "remarks", "routes"]

Row = dict[str, object]
_LONG = 400
_MOST = 300


def remarks(log: Log) -> list[Row]:
    """Warnings and errors, worst first."""
    return [
        {
            "tone": "hint" if one.gravity is Gravity.HINT else one.gravity.value,
            "place": _place(one.line),
            "when": moment(one.at, has_day=False),
            "title": plain(one.title, _LONG),
            "note": _times(one.count, one.last),
            "code": plain(one.excerpt, _LONG) if one.excerpt != one.title else "",
            "text": one.what,
            "remedy": one.remedy,
        }
        for one in log.remarks[:_MOST]
    ]


def lines(log: Log) -> list[Row]:
    """The known lines of the newest start, in their order."""
    return [
        {
            "place": _place(one.line),
            "when": moment(one.at, has_day=False),
            "code": plain(one.said, _LONG) or f"({one.name}, not shown)",
            "note": " · ".join(
                part
                for part in (
                    plain(one.process, 40),
                    one.releases if one.releases != "all" else "",
                    _times(one.count, one.last),
                )
                if part
            ),
            "text": one.what,
        }
        for one in log.marks[:_MOST]
    ]


def arguments(log: Log) -> list[Row]:
    """What it was started with."""
    return [
        {
            "code": plain(f"{flag(one.name)} {_value(one.value)}".strip(), _LONG),
            "text": one.what or "Not one that is explained here.",
        }
        for one in log.arguments[:_MOST]
    ]


def _value(value: str) -> str:
    return "" if value == "True" else value


def routes(log: Log, server: str) -> list[Row]:
    """The list of routes; `server` is whose routes the links lead to, "" for none."""
    found: list[Row] = []
    for one in log.routes[:_MOST]:
        methods = [name for name in one.methods if name != "HEAD"] or ["WS"]
        known = next((_known()[f"{m} {one.path}"] for m in methods if _is_known(m, one.path)), "")
        title = f"{methods[0]} {one.path}"
        query = urlencode({"server": server, "route": title})
        found.append(
            {
                "code": plain(f"{' '.join(methods)} {one.path}", _LONG),
                "text": known[:1].upper() + known[1:] + "." if known else "",
                "href": f"explorer?{query}" if server and known else "",
            }
        )
    return found


def _is_known(method: str, path: str) -> bool:
    return f"{method} {path}" in _known()


@cache
def _known() -> Mapping[str, str]:
    """What each route is for, by method and path."""
    return {one.title: one.way.what for kind in (Route, Control, Unsent) for one in kind}


def milestones(log: Log) -> list[Row]:
    """What each part of the newest start took."""
    if not log.starts or log.starts[-1].at is None:
        return []
    begun = before = log.starts[-1].at
    told = [one for one in log.milestones if one.at is not None]
    whole = max((one.at or begun for one in told), default=begun) - begun
    if whole <= 0:
        return []
    rows = []
    for one in told:
        at = max(before, one.at or before)
        own = "" if one.took is None else f"{duration(one.took)} as the server says"
        rows.append(
            {
                "name": one.name,
                "took": duration(at - before) if at > before else f"< {duration(1.0)}",
                "note": own,
                "start": (before - begun) / whole,
                "width": (at - before) / whole,
            }
        )
        before = at
    return rows


def _place(line: int) -> str:
    return f"line {count(line)}"


def _times(number: int, last: int) -> str:
    return f"{count(number)} times, last in line {count(last)}" if number > 1 else ""
