"""What the dashboard knows of the servers, live: one reading for all pages and all viewers.

It keeps the newest ten minutes of every server in memory, joins them with the history file where
more is asked for, and tells those who listen what is new. A page reads; it never waits for a server
or for the watcher.

Wherever a server is named, `checks_of` it may be named as well: the track of its checks.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lib.metrics import Window
from lib.servers import Server, setting
from lib.watch.block import Block
from lib.watch.database import FILE_NAME
from lib.watch.ear import Ear
from lib.watch.history import RAW_SECONDS, History
from lib.watch.memory import Memory
from lib.watch.record import Tick, checks_of, period_of
from lib.watch.store import Event
from lib.watch.supervisor import Supervisor
from lib.watch.timeline import window_of
from lib.watch.verdicts import Stretch, reach_of, stretches
from lib.watch.wire import Hello

__all__ = ["Feed", "Pulse"]

STALE_SECONDS = 3.0
"""A heartbeat older than this is told to people: one comes each second."""

LATE = 0.5
"""Seconds of lateness that are told to people."""

Listener = Callable[[Sequence[Tick]], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the watcher is.

    `age` is that of its last heartbeat, in seconds, None before the first; `missed` counts ticks
    that it skipped for being late, `late` is its greatest lateness in the last second, `dropped`
    counts ticks that the history lost; `trouble` is why the history can't be written; `unwatched`
    are servers of ours that it does not ask. `sentence` is what to tell people, "" if all is well.
    """

    age: float | None
    pid: int | None
    ours: bool
    missed: int
    late: float
    dropped: int
    trouble: str
    unwatched: tuple[str, ...]
    sentence: str


class Feed:
    """Reads what the watcher says. Every method is for any thread and returns at once.

    `servers` are those that are to be watched; the running watcher may ask others. Without
    `supervise` no watcher is started.
    """

    def __init__(
        self,
        data: Path,
        servers: Sequence[Server] = (),
        *,
        environ: Mapping[str, str] | None = None,
        supervise: bool = True,
    ) -> None:
        environ = {**(os.environ if environ is None else environ), "INSPECTOR_DATA": str(data)}
        self.period = setting(environ, "INSPECTOR_PERIOD")
        self._servers = tuple(server.id for server in servers)
        self._history = History(data / FILE_NAME, period=self.period)
        self._memories: dict[str, Memory] = {}
        self._greeting: Hello | None = None
        self._listeners: list[Listener] = []
        supervisor = Supervisor(environ) if supervise else None
        self._ear = Ear(data, self._hear, self._join, supervisor)

    def start(self) -> None:
        """Begin to listen, and start a watcher if none answers."""
        self._ear.start()

    def stop(self) -> None:
        """Stop listening, and stop the watcher that was started."""
        self._ear.stop()

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers (`Server.id`) that are watched, or are to be."""
        hello = self._ear.hello
        return tuple(dict.fromkeys((*self._servers, *(hello.servers if hello else ()))))

    def latest(self, server: str) -> Tick | None:
        """The newest tick of a server, failed ones included; None before the first."""
        memory = self._memories.get(server)
        return None if memory is None else memory.latest

    def age(self, server: str) -> float | None:
        """Seconds since the newest tick, by the monotonic clock; None before the first."""
        tick = self.latest(server)
        return None if tick is None else max(0.0, time.monotonic() - tick.mono)

    def recent(self, server: str, seconds: float) -> Window:
        """The last seconds of a server, from memory alone (ten minutes at most)."""
        end = time.time()
        ticks = _between(self._remembered(server)[0], end - seconds, end)
        period = period_of(server, self.period)
        return window_of(Block.of(ticks), start=end - seconds, end=end, period=period)

    def window(self, server: str, start: float, end: float) -> Window:
        """A server between two wall-clock moments: the newest from memory, the rest on file.

        Over more than an hour the file's minutes are read; its newest seconds follow them.
        """
        minutes = end - start > RAW_SECONDS
        period = 60.0 if minutes else period_of(server, self.period)
        blocks = self._blocks(server, start, end, minutes=minutes)
        return window_of(blocks, start=start, end=end, period=period)

    def states(self, server: str, start: float, end: float) -> list[Stretch]:
        """What a server was between two wall-clock moments, unknown where nobody looked.

        Over more than an hour a minute is what it was at its worst.
        """
        minutes = end - start > RAW_SECONDS
        before = start - reach_of(60.0 if minutes else self.period)
        blocks = self._blocks(server, before, end, minutes=minutes)
        return stretches(blocks, start=start, end=end, period=self.period)

    def _blocks(self, server: str, start: float, end: float, *, minutes: bool) -> list[Block]:
        """What is known of a span, in the order in which it was taken."""
        ticks, complete = self._remembered(server)
        sealed: list[Block] = []
        if complete >= len(ticks) or ticks[complete].at > start:
            until = ticks[complete].at if complete < len(ticks) else end + 1.0
            found = self._history.blocks(server, start, min(end, until), minutes=minutes)
            sealed = [block.part(block.at < until) for block in found]
            last = max((float(block.mono[-1]) for block in sealed if len(block)), default=0.0)
            ticks = [tick for i, tick in enumerate(ticks) if i >= complete or tick.mono > last]
        return [*sealed, *Block.of(_between(ticks, start, end))]

    def events(self, start: float, end: float, server: str | None = None) -> list[Event]:
        """What happened between two wall-clock moments, from the file."""
        return self._history.events(start, end, server)

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call with every batch of new ticks, from the feed's thread; returns how to end it."""
        self._listeners.append(callback)

        def end() -> None:
            with suppress(ValueError):
                self._listeners.remove(callback)

        return end

    @property
    def pulse(self) -> Pulse:
        """How the watcher is at this moment."""
        hello, beat = self._ear.hello, self._ear.beat
        age = None if beat is None else max(0.0, time.monotonic() - beat.mono)
        trouble = "" if beat is None else beat.trouble
        missing = () if hello is None else tuple(s for s in self._servers if s not in hello.servers)
        return Pulse(
            age=age,
            pid=None if hello is None else hello.pid,
            ours=self._ear.is_ours,
            missed=0 if beat is None else beat.missed,
            late=0.0 if beat is None else beat.late,
            dropped=0 if beat is None else beat.dropped,
            trouble=trouble,
            unwatched=missing,
            sentence=self._sentence(age, trouble or self._history.trouble, missing),
        )

    def _sentence(self, age: float | None, trouble: str, missing: Sequence[str]) -> str:
        if age is None:
            return self._ear.refusal or "The watcher is starting."
        if age > STALE_SECONDS:
            return self._ear.refusal or f"The watcher has been silent for {age:.0f} s."
        if trouble:
            return trouble
        if missing:
            return f"The running watcher does not ask {missing[0]}: restart it with our settings."
        late = 0.0 if self._ear.beat is None else self._ear.beat.late
        return f"This machine is too busy: readings are {late:.1f} s late." if late > LATE else ""

    def _remembered(self, server: str) -> tuple[list[Tick], int]:
        memory = self._memories.get(server)
        return ([], 0) if memory is None else memory.ticks()

    def _join(self) -> None:
        for memory in tuple(self._memories.values()):
            memory.begin()

    def _hear(self, newest: Sequence[Tick], ticks: Sequence[Tick]) -> None:
        self._forget_unwatched()
        for tick in newest:
            self._memories.setdefault(tick.server, Memory()).newest(tick)
        fresh = [
            tick for tick in ticks if self._memories.setdefault(tick.server, Memory()).add(tick)
        ]
        for callback in tuple(self._listeners) if fresh else ():
            try:
                callback(fresh)
            except Exception:
                log.exception("One who listens to the feed failed; the others are told.")

    def _forget_unwatched(self) -> None:
        """Where the list of servers has changed: what is no longer on it fills no memory."""
        if self._ear.hello is self._greeting:
            return
        self._greeting = self._ear.hello
        known = {*self.servers, *map(checks_of, self.servers)}
        for track in [track for track in self._memories if track not in known]:
            del self._memories[track]


def _between(ticks: Sequence[Tick], start: float, end: float) -> list[Tick]:
    """Only what a window will show: stacking ten minutes to show a few seconds costs too much."""
    return [tick for tick in ticks if start <= tick.at <= end]
