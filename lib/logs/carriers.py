"""What carried a log here, taken off its lines: journal, Docker, Kubernetes, Compose.

Decided here: which carriers are known and how each is recognised. Most lines have none, so the
first character decides what is tried. Carriers may be inside each other (Compose around a
timestamp, a node's file around JSON).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from lib.logs.lines import LONGEST_LINE, as_seen

__all__ = ["Carried", "Carriers", "seconds_of"]

_DEEPEST = 4
_LATEST = 2**37
"""Seconds since 1970, far beyond any log and still a year that can be written."""
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)? ")
_CRI = re.compile(r"(stdout|stderr) ([FP]) ")
_JOURNAL = re.compile(r"[\w.\-]{1,80} [\w.@:\-]{1,80}\[\d{1,10}\]: ?")
_STAMPED = re.compile(  # journalctl -o short-full, short-unix, short-monotonic
    r"(?:[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,9})? [A-Z]{2,5}"
    r"|(\d{9,11})\.\d{1,9}|\[ {0,8}\d{1,10}\.\d{1,9}\]) "
)
_SYSLOG = re.compile(r"(\w{2,8}\.?) ([ \d]\d) (\d\d:\d\d:\d\d)(?:\.\d{1,9})? ")
"""The month is in the language of who printed it; only English ones tell a moment."""
_POD = re.compile(r"\[(pod/[\w.\-/]{1,300})\] ?")
_COMPOSE = re.compile(r"([\w.\-]{1,80}) +\| ")
_DOCKER_PIECE = 16_384
"""Bytes at which Docker cuts a line; a shorter one without an end lost it on the way."""
_MOST_NAMES = 50
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Carried(NamedTuple):
    """A line without its carrier. `at` is what the carrier says: seconds, None where it does not.

    `record` is the line as a whole where the program itself wrote JSON. `stream` is who wrote it
    (container, output), as far as the carriers say; `joins` that it goes on in that one's next.
    """

    text: str
    at: float | None = None
    record: Mapping[str, object] | None = None
    stream: str = ""
    joins: bool = False


class Carriers:
    """Takes carriers off, line by line; joins what a carrier cut into pieces."""

    def __init__(self, year: int) -> None:
        self.kinds: dict[str, int] = {}
        self.names: dict[str, None] = {}
        """Of the containers that wrote, where their lines say so."""
        self.has_year = False
        self._year = year
        self._begun: dict[str, Carried] = {}

    def taken_off(self, line: str) -> Carried | None:
        """The line itself; None while it goes on in a later one."""
        found = Carried(line)
        for _ in range(_DEEPEST):
            inner = self._once(found)
            if inner is None:
                break
            whole = self._joined(inner)
            if whole is None:
                return None
            found = whole
        return found

    def finish(self) -> Iterator[Carried]:
        """The lines whose end never came."""
        yield from self._begun.values()
        self._begun = {}

    def _joined(self, piece: Carried) -> Carried | None:
        """A piece behind those that its stream began with; None while the line goes on."""
        if before := self._begun.pop(piece.stream, None):
            piece = piece._replace(text=before.text + piece.text)
        has_room = len(piece.text) < LONGEST_LINE and len(self._begun) < _MOST_NAMES
        if piece.joins and has_room:
            self._begun[piece.stream] = piece._replace(joins=False)
            return None
        return piece._replace(joins=False) if piece.joins else piece

    def _once(self, now: Carried) -> Carried | None:
        text = now.text
        first = text[:1]
        if first == "{":
            return None if now.record else self._json(now)
        if first == "2" and (dated := self._iso(now)):
            return dated
        if first == "[":
            return self._plain(now, _POD, "Kubernetes") or self._stamped(now)
        if first.isalnum():
            journal = self._syslog(now) or self._stamped(now)
            return journal or self._plain(now, _COMPOSE, "Docker Compose")
        return None

    def _plain(self, now: Carried, pattern: re.Pattern[str], kind: str) -> Carried | None:
        found = pattern.match(now.text)
        if found is None:
            return None
        if len(self.names) < _MOST_NAMES:
            self.names[found[1]] = None
        inner = self._inner(now, found.end(), now.at, kind)
        return inner._replace(stream=f"{now.stream} {found[1]}")

    def _inner(self, now: Carried, start: int, at: float | None, kind: str) -> Carried:
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return now._replace(text=now.text[start:], at=at)

    def _iso(self, now: Carried) -> Carried | None:
        found = _ISO.match(now.text)
        at = _moment(found) if found else None
        if found is None or at is None:
            return None
        self.has_year = True
        rest = found.end()
        if part := _CRI.match(now.text, rest):
            inner = self._inner(now, part.end(), at, "Kubernetes")
            return inner._replace(stream=f"{now.stream} {part[1]}", joins=part[2] == "P")
        if part := _JOURNAL.match(now.text, rest):
            return self._inner(now, part.end(), at, "journal")
        return self._inner(now, rest, at, "timestamps")

    def _syslog(self, now: Carried) -> Carried | None:
        found = _SYSLOG.match(now.text)
        part = _JOURNAL.match(now.text, found.end()) if found else None
        if found is None or part is None:
            return None
        if found[1] not in _MONTHS:
            return self._inner(now, part.end(), now.at, "journal")
        day = f"{self._year}-{_MONTHS.index(found[1]) + 1:02}-{int(found[2]):02}T{found[3]}"
        return self._inner(now, part.end(), seconds_of(day + "+00:00"), "journal")

    def _stamped(self, now: Carried) -> Carried | None:
        found = _STAMPED.match(now.text)
        part = _JOURNAL.match(now.text, found.end()) if found else None
        if found is None or part is None:
            return None
        at = seconds_of(found[1]) if found[1] else float(found[2]) if found[2] else None
        self.has_year |= at is not None
        return self._inner(now, part.end(), at, "journal")

    def _json(self, now: Carried) -> Carried | None:
        try:
            told = json.loads(now.text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        if isinstance(told.get("log"), str):
            at = seconds_of(str(told.get("time", ""))) or now.at
            self.has_year |= at is not None
            text = told["log"]
            is_piece = text[-1:] != "\n" and _size(text) >= _DOCKER_PIECE
            inner = self._inner(Carried(as_seen(text.rstrip("\n"))), 0, at, "Docker")
            stream = str(told.get("stream", ""))[:20]
            return inner._replace(stream=f"{now.stream} {stream}", joins=is_piece)
        if "MESSAGE" in told:
            return self._journal_json(told)
        return self._inner(now, 0, now.at, "JSON")._replace(record=told)

    def _journal_json(self, told: Mapping[str, object]) -> Carried:
        message = told["MESSAGE"]
        if isinstance(message, list):  # bytes that are no UTF-8
            message = bytes(one for one in message if isinstance(one, int) and 0 <= one < 256)
            message = message.decode("utf-8", "replace")
        stamp = str(told.get("__REALTIME_TIMESTAMP", ""))
        at = int(stamp) / 1e6 if stamp.isascii() and stamp.isdigit() and len(stamp) < 17 else None
        self.has_year |= at is not None
        text = as_seen("" if message is None else str(message))
        return self._inner(Carried(text), 0, at, "journal")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _moment(found: re.Match[str]) -> float | None:
    return seconds_of(f"{found[1]}.{(found[2] or '0')[:6]:0<6}{found[3] or '+00:00'}")


def seconds_of(stamp: str) -> float | None:
    """Seconds since 1970; a time without a zone is taken as it stands; None if it is no time."""
    cut = re.sub(r"(\.\d{6})\d+", r"\1", stamp)
    try:
        found = datetime.fromisoformat(cut)
    except ValueError:
        return None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return at if 0 <= at < _LATEST else None
