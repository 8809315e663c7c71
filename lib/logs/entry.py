"""One line of the log itself: who said what, how loud and when.

Decided here: the shapes of a line over the releases (up to 0.7 without a bracket, from 0.10 on with
a process before it, JSON from 0.32 on, uvicorn's and torch's own), and how a moment without a year
becomes seconds.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from lib.logs.carriers import Carried, seconds_of
from lib.logs.lines import as_seen

__all__ = ["FIRST_YEAR", "Clock", "Entry", "entries"]

FIRST_YEAR = 2024
"""The year of a log that tells none: a leap year, so that every day exists."""
_DAY = 86_400.0
_HALF_YEAR = 183 * _DAY
_VLLM = re.compile(
    r"(?:\(([^()\s][^()]{0,60}?) (?:rank=\d+ )?pid=(\d+)\) )?"
    r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) (\d\d-\d\d) (\d\d):(\d\d):(\d\d)(?:[.,]\d{1,6})? "
    r"\[?([^\]\s:]{1,200}):(\d+)\] ?(.*)",
    re.DOTALL,
)
_PREFIX = re.compile(r"\(([^()\s][^()]{0,60}?) (?:rank=\d+ )?pid=(\d+)\) ?")
_UVICORN = re.compile(r"(INFO|WARNING|ERROR|CRITICAL|DEBUG): {1,8}(?=\S)")
_CARRIED = re.compile(r"(?<=\s)(INFO|WARNING|ERROR): {2,8}(?=\S)")
"""The same behind a carrier that nobody knows: the web server pads its levels."""
_LONGEST_CARRIER = 200
_GLOG = re.compile(r"\[?([IWEF])(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.\d+ (?:\d+ )?(\S+?):(\d+)\] ?")
_STAMP = re.compile(r"(\d{4}-)?(\d\d-\d\d)[T ](\d\d):(\d\d):(\d\d)", re.ASCII)
_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}
_NAMED = {"WARN": "WARNING", "FATAL": "CRITICAL", "ERR": "ERROR"}


@dataclass(slots=True)
class Entry:
    """One line; `at` is None where nothing says when, `level` "" where nothing says how loud."""

    line: int
    message: str
    at: float | None = None
    level: str = ""
    process: str = ""
    pid: int | None = None
    source: str = ""


class Clock:
    """Moments in seconds, on the clock that the log itself writes.

    A carrier's clock may stand in another zone: how far apart both are is learnt from lines that
    have both.
    """

    def __init__(self) -> None:
        self._year = FIRST_YEAR
        self._days: dict[str, float] = {}
        self._last: float | None = None
        self._apart = 0.0

    def written(self, day: str, second: int, carried: float | None) -> float | None:
        """A moment of the log: its day (MM-DD), its second, and what the carrier says."""
        if not self._days and carried is not None:
            self._year = datetime.fromtimestamp(carried, tz=_UTC).year
        begin = self._day(day)
        if begin is None:
            return None
        at = begin + second
        if self._last is not None and at < self._last - _HALF_YEAR:
            self._year += 1
            self._days.clear()
            at = (self._day(day) or begin) + second
        self._last = at
        if carried is not None:
            self._apart = round((at - carried) / 900) * 900.0
        return at

    def carried(self, at: float | None) -> float | None:
        """A moment that only the carrier tells."""
        return None if at is None else at + self._apart

    def _day(self, day: str) -> float | None:
        found = self._days.get(day)
        if found is None:
            try:
                found = datetime.fromisoformat(f"{self._year}-{day}T00:00:00+00:00").timestamp()
            except ValueError:
                return None
            self._days[day] = found
        return found


_UTC = datetime.fromisoformat("2024-01-01T00:00:00+00:00").tzinfo


def entries(number: int, line: Carried, clock: Clock) -> Iterator[Entry]:
    """What a line holds; JSON may hold several."""
    if line.record is not None:
        yield from _of_record(number, line.record, line.at, clock)
    else:
        yield _of_text(number, line.text, line.at, clock)


def _of_text(number: int, text: str, at: float | None, clock: Clock) -> Entry:
    found = _VLLM.search(text)
    if found:
        name, pid, level, day, hours, minutes, seconds, source, place, message = found.groups()
        second = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        when = clock.written(day, second, at)
        number_of = int(pid[:10]) if pid else None
        return Entry(number, message, when, level, name or "", number_of, f"{source}:{place}")
    entry = Entry(number, text, clock.carried(at))
    if prefix := _PREFIX.match(text):
        entry.process, entry.pid = prefix[1], int(prefix[2][:10])
        entry.message = text = text[prefix.end() :]
    if uvicorn := _UVICORN.match(text) or _CARRIED.search(text, 0, _LONGEST_CARRIER):
        entry.level, entry.message = uvicorn[1], text[uvicorn.end() :]
    elif glog := _GLOG.match(text):
        second = int(glog[4]) * 3600 + int(glog[5]) * 60 + int(glog[6])
        entry.at = clock.written(f"{glog[2]}-{glog[3]}", second, at)
        entry.level, entry.source = _LEVELS[glog[1]], f"{glog[7]}:{glog[8]}"
        entry.message = text[glog.end() :]
    return entry


def _of_record(
    number: int, record: Mapping[str, object], carried: float | None, clock: Clock
) -> Iterator[Entry]:
    level = _first(record, "levelname", "level", "lvl", "severity").upper()
    stamp = _first(record, "asctime", "timestamp", "time", "ts", "@timestamp")
    message = _first(record, "message", "msg", "event")
    process = _first(record, "vllm_process_name", "processName", "process_name")
    pid = _first(record, "process", "pid")
    for part in message.split("\n"):
        yield Entry(
            number,
            as_seen(part),
            _stamped(stamp, carried, clock),
            _NAMED.get(level, level),
            "" if process == "MainProcess" else process,
            int(pid[:10]) if pid.isascii() and pid.isdigit() else None,
            _first(record, "name", "logger", "filename"),
        )
    if trace := _first(record, "exc_info", "exception", "stack"):
        for part in trace.split("\n"):
            yield Entry(number, part, None, "ERROR", process)


def _first(record: Mapping[str, object], *names: str) -> str:
    """The first of these fields that holds a text or a number."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
    return ""


def _stamped(stamp: str, carried: float | None, clock: Clock) -> float | None:
    found = _STAMP.match(stamp)
    if not found:
        return clock.carried(carried)
    second = int(found[3]) * 3600 + int(found[4]) * 60 + int(found[5])
    told = carried
    if found[1]:
        told = seconds_of(f"{found[1]}{found[2]}T{found[3]}:{found[4]}:{found[5]}")
    return clock.written(found[2], second, told)
