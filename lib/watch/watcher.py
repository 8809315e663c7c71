"""The watcher: every server each period, in one event loop that nothing else uses.

It joins the parts and decides nothing about one server (`poller`, `checker`), the file (`writer`)
or the socket (`beacon`). Once a second it says that it lives, and looks whether the list of servers
has changed. A list that can't be taken up as a whole changes nothing.
"""

import asyncio
import logging
import os
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lib.servers import ADDED_FILE, Server, SettingsError
from lib.watch.beacon import Beacon
from lib.watch.checker import Checker, Looker
from lib.watch.lag import Lag
from lib.watch.poller import Poller, Scraper
from lib.watch.record import CHECK_PERIOD, Tick
from lib.watch.store import Event
from lib.watch.wire import VERSION, Beat, Hello
from lib.watch.writer import Writer

__all__ = ["Watcher"]

BEAT_SECONDS = 1.0
RELIST_SECONDS = 10.0
"""Before a list is read again that could not be, for a reason that nobody foresaw."""
IN_FLIGHT_LIMIT = 512
CHECKS_AT_ONCE = 128
FILES_PER_CHECK = 9
"""Each of the questions of a full round may have a connection of its own."""
START_STEP_SECONDS = 0.02
"""Between the first requests to two servers: the first answer of each takes long to understand."""
CHECK_STEP_SECONDS = 0.05
"""Between the first rounds of checks, which ask half a dozen things each."""
FILES_PER_SERVER = 3 + FILES_PER_CHECK
FILES_BESIDE = 64
QUEUED_SECONDS = 60.0
"""How many seconds of ticks wait while the history can't be written."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a watcher works with: how to list servers, ask one and check it, where ticks go."""

    servers: Callable[[], Sequence[Server]]
    connect: Callable[[Server], Scraper]
    examine: Callable[[Server], Looker]
    writer: Writer


@dataclass(frozen=True, slots=True)
class _Watched:
    """What asks one server, and its tasks."""

    poller: Poller
    tasks: tuple[asyncio.Task[None], ...]


class Watcher:
    """Watches from `run` until its event is set."""

    def __init__(self, data: Path, socket: Path, parts: Parts, *, period: float = 1.0) -> None:
        self._data = data
        self._parts = parts
        self._period = period
        self._started = time.time()
        self._beacon = Beacon(socket, self._hello)
        self._watched: dict[Server, _Watched] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._missed_before = 0
        self._slots = asyncio.Semaphore(_in_flight_limit())
        self._check_slots = asyncio.Semaphore(_checks_limit())
        self._lag = Lag()
        self._list_stamp: tuple[float, int] | None = None
        self._list_due = 0.0

    async def run(self, ending: asyncio.Event) -> None:
        """Watch until `ending` is set. Raises SettingsError when the first list can't be read."""
        self._list_stamp = self._stamp()
        self._adopt(self._parts.servers())
        self._parts.writer.put(events=[Event(time.time(), None, "started", "The watcher began.")])
        await self._beacon.start()
        beats, lag = asyncio.create_task(self._beat()), asyncio.create_task(self._lag.run())
        try:
            await ending.wait()
        finally:
            self._parts.writer.put(
                events=[Event(time.time(), None, "stopped", "The watcher ended.")]
            )
            tasks = [beats, lag, *(task for one in self._watched.values() for task in one.tasks)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *self._leaving, return_exceptions=True)
            await self._beacon.close()

    def _hello(self) -> Hello:
        servers = tuple(server.id for server in self._watched)
        return Hello(VERSION, os.getpid(), self._started, self._period, servers)

    def _tell(self, tick: Tick, events: list[Event]) -> None:
        self._beacon.publish(tick)
        self._parts.writer.put([tick], events)
        for event in events:
            log.info("%s: %s. %s", event.server, event.kind, event.text)

    async def _beat(self) -> None:
        number = 0
        while True:
            due = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            number += 1
            self._beacon.beat(self._beat_now(number, time.monotonic() - due))
            self._look_for_changes()

    def _beat_now(self, number: int, late: float) -> Beat:
        pollers = [one.poller for one in self._watched.values()]
        late = max([late, *(poller.late for poller in pollers)])
        for poller in pollers:
            poller.late = 0.0
        state = self._parts.writer.state
        return Beat(
            number,
            time.time(),
            time.monotonic(),
            missed=self._missed_before + sum(poller.pace.missed for poller in pollers),
            late=late,
            trouble=state.trouble,
            dropped=state.dropped,
        )

    def _look_for_changes(self) -> None:
        stamp = self._stamp()
        if stamp == self._list_stamp or time.monotonic() < self._list_due:
            return
        try:
            self._adopt(self._parts.servers())
        except SettingsError as error:
            log.warning("The list of servers stays as it was: %s", error)
        except Exception:  # a heartbeat that ended would look like a watcher that did
            log.exception("The list of servers stays as it was, for an unforeseen reason.")
            self._list_due = time.monotonic() + RELIST_SECONDS
            return
        else:
            self._beacon.greet()
        self._list_stamp = stamp

    def _stamp(self) -> tuple[float, int] | None:
        with suppress(OSError):
            found = (self._data / ADDED_FILE).stat()
            return found.st_mtime, found.st_ino
        return None

    def _adopt(self, servers: Sequence[Server]) -> None:
        """Watch exactly these servers; those that stay are not disturbed."""
        new = [server for server in servers if server not in self._watched]
        made = {server: self._made(server) for server in new}  # may fail: before anything changes
        for server in set(self._watched).difference(servers):
            gone = self._watched.pop(server)
            self._missed_before += gone.poller.pace.missed
            for task in gone.tasks:
                task.cancel()
                self._leaving.add(task)  # until its connections are closed
                task.add_done_callback(self._leaving.discard)
        for number, (server, (poller, checker)) in enumerate(made.items()):
            self._watched[server] = _begun(poller, checker, number)
        ticks = QUEUED_SECONDS / self._period + QUEUED_SECONDS / CHECK_PERIOD
        self._parts.writer.make_room(max(600, round(ticks * len(servers))))
        _have_files(len(servers))

    def _made(self, server: Server) -> tuple[Poller, Checker]:
        """What asks and checks a server, not begun yet."""
        poller = Poller(
            server.id,
            self._parts.connect(server),
            period=self._period,
            slots=self._slots,
            lag=self._lag,
            tell=self._tell,
        )
        checker = Checker(
            poller,
            self._parts.examine(server),
            slots=self._check_slots,
            lag=self._lag,
            tell=self._tell,
        )
        return poller, checker


def _begun(poller: Poller, checker: Checker, number: int) -> _Watched:
    """Ask and check a server; `number` tells how many others begin at the same time."""
    runs = poller.run(number * START_STEP_SECONDS), checker.run(number * CHECK_STEP_SECONDS)
    return _Watched(poller, tuple(asyncio.create_task(run) for run in runs))


def _in_flight_limit() -> int:
    """How many requests may be under way: at most half as many as files may be open."""
    return max(1, min(IN_FLIGHT_LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))


def _checks_limit() -> int:
    """How many servers may be checked at once: with at most half of the open files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, min(CHECKS_AT_ONCE, files // (2 * FILES_PER_CHECK)))


def _have_files(servers: int) -> None:
    """Ask the system for as many open files as the servers take; say so when it refuses."""
    need = servers * FILES_PER_SERVER + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if need <= soft:
        return
    granted = need if hard == resource.RLIM_INFINITY else min(need, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted < need:
        log.warning(
            "%d servers take %d open files, but only %d are allowed: raise `ulimit -n`.",
            servers,
            need,
            granted,
        )
