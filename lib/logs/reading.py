"""The reader: pieces of a log in, what it says out, in bounded memory.

Decided here: what begins a new start, and how a start ended. A log of 50 MB is read line by line
and never kept: what is kept are known lines, kinds of remarks, and points of statistics, all of
them bounded.
"""

import re
from collections import Counter
from dataclasses import dataclass

from lib.logs.arguments import explained
from lib.logs.carriers import Carried, Carriers
from lib.logs.entry import FIRST_YEAR, Clock, Entry, entries
from lib.logs.landmarks import landmark_of
from lib.logs.lines import Lines
from lib.logs.log import Asked, End, Log, Process, Remark, Start
from lib.logs.remarks import Remarks
from lib.logs.starting import Starting
from lib.logs.statistics import Point, Points, read
from lib.logs.troubles import Gravity, Kind
from lib.secrets import Masker

__all__ = ["Reader", "read_log"]

_ACCESS = re.compile(r'\S+ - "([A-Z]{3,10}) (\S{1,2000}) HTTP/[\d.]+" (\d{3})')
_ID = re.compile(r"/(?:resp_|chatcmpl-|cmpl-)?[0-9a-f\-]{16,}")
_MOST_ENGINES, _MOST_PROCESSES, _MOST_STARTS, _MOST_PATHS = 64, 200, 200, 300
_STATISTICS = "Avg prompt throughput"
_HITS = "Prefix cache hit rate: GPU"


@dataclass
class _Writer:
    first: int
    first_at: float | None
    last: int = 0
    last_at: float | None = None
    lines: int = 0


class Reader:
    """Reads one log: feed it all, then `finish`. For one thread."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._carriers = Carriers(FIRST_YEAR)
        self._clock = Clock()
        self._masker = Masker()
        self._remarks = Remarks()
        self._starts: list[Starting] = []
        self._now = Starting(1)
        self._writers: dict[tuple[str, int | None], _Writer] = {}
        self._engines: dict[str, Points] = {}
        self._asked: Counter[tuple[str, str, int]] = Counter()
        self._levels: Counter[str] = Counter()
        self._size = self._known = 0
        self._first_at: float | None = None
        self._last_at: float | None = None

    def feed(self, chunk: bytes) -> None:
        """The next piece, of any size."""
        self._size += len(chunk)
        for number, line in self._lines.feed(chunk):
            self._line(number, line)

    def finish(self) -> Log:
        """What all of it said."""
        for number, line in self._lines.finish():
            self._line(number, line)
        for carried in self._carriers.finish():
            self._carried(self._lines.number, carried)
        return self._made()

    # ── A line ──

    def _line(self, number: int, line: str) -> None:
        carried = self._carriers.taken_off(line)
        if carried is not None:
            self._carried(number, carried)

    def _carried(self, number: int, carried: Carried) -> None:
        for entry in entries(number, carried, self._clock):
            self._seen(entry)
            self._entry(entry)

    def _seen(self, entry: Entry) -> None:
        if entry.level:
            self._levels[entry.level] += 1
            self._known += bool(entry.source)
        if entry.at is not None:
            self._first_at = entry.at if self._first_at is None else self._first_at
            self._last_at = entry.at
        key = (entry.process, entry.pid)
        writer = self._writers.get(key)
        if writer is None:
            if not entry.process or len(self._writers) >= _MOST_PROCESSES:
                return
            writer = self._writers[key] = _Writer(entry.line, entry.at)
        writer.last, writer.lines = entry.line, writer.lines + 1
        writer.last_at = entry.at if entry.at is not None else writer.last_at

    def _entry(self, entry: Entry) -> None:
        message = entry.message
        if (_STATISTICS in message or message.startswith(_HITS)) and self._statistics(entry):
            return
        if "HTTP/" in message and (found := _ACCESS.match(message)):
            self._request(entry, found)
            return
        known = landmark_of(message)
        if known:
            landmark, found = known
            if "version" in found.groupdict() and landmark.name == "version":
                self._begin(entry)
            self._now.at = entry.at if self._now.at is None else self._now.at
            self._now.feed(entry, landmark, found)
        self._remarks.feed(entry, is_landmark=known is not None)

    def _begin(self, entry: Entry) -> None:
        """A banner: a new start, unless this one has had none yet."""
        if "version" not in self._now.facts:
            return
        if len(self._starts) < _MOST_STARTS:
            self._starts.append(self._now)
        self._now = Starting(entry.line, entry.at)

    def _statistics(self, entry: Entry) -> bool:
        found = read(entry.message)
        if found is None:
            return False
        self._now.is_serving = True
        engine, values = found
        points = self._engines.get(engine)
        if entry.message.startswith(_HITS):
            if points:
                points.also(values)
            return True
        if points is None:
            if len(self._engines) >= _MOST_ENGINES:
                return True
            if known := landmark_of(entry.message):
                self._now.feed(entry, *known)
            points = self._engines[engine] = Points(engine)
        if entry.at is not None:
            points.add(Point(entry.line, entry.at, values))
        return True

    def _request(self, entry: Entry, found: re.Match[str]) -> None:
        path = _ID.sub("/{id}", found[2].partition("?")[0])[:200]
        key = (found[1], path, int(found[3]))
        if key in self._asked or len(self._asked) < _MOST_PATHS:
            self._asked[key] += 1
        if found[3][0] == "5":
            self._remarks.note(entry)

    # ── All of it ──

    def _made(self) -> Log:
        now, masker = self._now, self._masker
        given, has_defaults = now.given()
        arguments = explained(given, masker)
        config = now.configuration(masker)
        facts = {name: masker.masked(value) for name, value in now.facts.items()}
        for points in self._engines.values():
            points.finish()
        remarks = self._remarks.finish(masker)
        model = facts.get("model") or given.get("model") or config.get("model", "")
        return Log(
            lines=self._lines.number,
            size=self._size,
            cut=self._lines.cut,
            known=self._known,
            has_year=self._carriers.has_year,
            carriers=tuple(self._carriers.kinds),
            containers=tuple(self._carriers.names),
            first_at=self._first_at,
            last_at=self._last_at,
            version=facts.get("version", ""),
            model=masker.masked(model),
            names=tuple(masker.masked(name) for name in now.names(given, config)),
            address=facts.get("address", ""),
            tasks=tuple(re.findall(r"'([\w\-]+)'", facts.get("tasks", ""))),
            arguments=arguments,
            has_defaults=has_defaults,
            configuration=config,
            facts={name: one for name, one in facts.items() if len(one) <= 300},
            capacity=now.capacity(given, config),
            routes=tuple(now.routes.values()),
            processes=self._processes(),
            starts=tuple(_start(one) for one in (*self._starts, now) if one.facts or one.routes),
            milestones=now.reached(),
            marks=now.explained(masker),
            remarks=remarks,
            uncounted=self._remarks.uncounted,
            statistics=tuple(one for one in self._engines.values() if one.points),
            requests=tuple(
                Asked(method, masker.masked(path), status, count)
                for (method, path, status), count in self._asked.most_common()
            ),
            levels=dict(self._levels),
            end=self._end(remarks),
        )

    def _processes(self) -> tuple[Process, ...]:
        return tuple(
            Process(name, pid, one.first, one.last, one.lines, one.first_at, one.last_at)
            for (name, pid), one in self._writers.items()
        )

    def _end(self, remarks: tuple[Remark, ...]) -> End:
        now = self._now
        bad = [one for one in remarks if one.gravity is Gravity.BAD and one.last >= now.line]
        is_ready = now.ready_line is not None or now.is_serving
        if any(one.kind is Kind.END for one in bad):
            return End.KILLED
        if any(one.kind is Kind.NETWORK for one in bad) and not now.is_serving:
            return End.NOT_STARTED  # old releases say that they are ready before they listen
        if any(one.kind is Kind.ENGINE and one.is_effect for one in bad) or (bad and not is_ready):
            return End.ENGINE_DIED if is_ready else End.NOT_STARTED
        if now.is_shut:
            return End.SHUT_DOWN
        if not now.facts:
            return End.OPEN if now.ready_line is not None else End.UNKNOWN
        return End.OPEN if is_ready else End.UNFINISHED


def _start(one: Starting) -> Start:
    reached = one.reached()
    ready_at = next((m.at for m in reached if one.ready_line == m.line), one.ready_at)
    return Start(one.line, one.at, one.facts.get("version", ""), ready_at, one.ready_line)


def read_log(content: bytes) -> Log:
    """A log that is there as a whole."""
    reader = Reader()
    reader.feed(content)
    return reader.finish()
