"""The thread that owns the store: takes ticks from the loop at once, writes them when it can.

The loop never waits for a disk. About once a second everything that has come is one transaction; a
server's ticks are sealed every five minutes, each server at its own moment, and the file is pruned
now and then. Trouble never stops the watcher: the ticks wait in a bounded queue (the oldest are
dropped and counted), the cause is one plain sentence, and writing is tried again every ten seconds.
A damaged file is set aside at once and a new one begun.
"""

import logging
import sqlite3
import threading
import time
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.watch.database import FILE_NAME, fault_of, set_aside
from lib.watch.record import Tick
from lib.watch.store import Event, Keep, Store

__all__ = ["Writer"]

BATCH_SECONDS = 1.0
RETRY_SECONDS = 10.0
SEAL_SECONDS = 300.0
PRUNE_SECONDS = 600.0
CLOCK_TOLERANCE_SECONDS = 7200.0
"""When the two clocks disagree by more, nothing is dropped for its age: one is wrong."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is wrong ("" when nothing), how many ticks were lost, and the damaged file's name."""

    trouble: str = ""
    dropped: int = 0
    set_aside: str = ""


class Writer:
    """Writes a watcher's ticks into its data folder. `put` and `state` are for any thread."""

    def __init__(self, data: Path, *, keep: Keep | None = None, room: int = 600) -> None:
        self.path = data / FILE_NAME
        self._keep = keep
        self._room = room
        self._ticks: deque[Tick] = deque()
        self._events: deque[Event] = deque(maxlen=1000)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._dropped = 0
        self._trouble = ""
        self._set_aside = ""
        self._store: Store | None = None
        self._opened_inode: int | None = None
        self._retry_at = 0.0
        self._seal_at: dict[str, float] = {}
        self._prune_at = time.monotonic() + 30.0
        self._clock = time.time() - time.monotonic()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin; the store is opened by the thread, not by the caller."""
        self._thread.start()

    def put(self, ticks: Sequence[Tick] = (), events: Sequence[Event] = ()) -> None:
        """Hand over ticks and events; returns at once."""
        with self._lock:
            self._ticks.extend(ticks)
            self._events.extend(events)
            while len(self._ticks) > self._room:
                self._ticks.popleft()
                self._dropped += 1

    def make_room(self, ticks: int) -> None:
        """How many ticks may wait while the store can't be written."""
        self._room = ticks

    @property
    def state(self) -> StoreState:
        return StoreState(self._trouble, self._dropped, self._set_aside)

    def stop(self, patience_seconds: float = 5.0) -> None:
        """Write what has come, close the store and end the thread."""
        self._ending.set()
        self._wake.set()
        self._thread.join(patience_seconds)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(BATCH_SECONDS)
            self._turn()
        self._retry_at = 0.0
        self._turn()
        if self._store is not None:
            self._store.close()

    def _turn(self) -> None:
        """Write what has come, and tidy up; whatever goes wrong is told and tried again."""
        if time.monotonic() < self._retry_at:
            return
        try:
            store = self._opened()
            self._write(store)
            self._trouble = ""
            self._tidy(store)
        except (sqlite3.Error, OSError) as error:
            self._meet(error)
        except Exception:  # a thread that died would lose every tick and not say so
            if self._complain("that failed in an unforeseen way; the watcher's log says more"):
                log.exception("Writing the history failed in an unforeseen way.")
            self._close()

    def _opened(self) -> Store:
        if self._store is not None and self._inode() != self._opened_inode:
            log.warning("The history file was taken away; a new one is begun.")
            self._close()
        if self._store is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._store = Store(self.path, keep=self._keep)
            self._opened_inode = self._inode()
        return self._store

    def _inode(self) -> int | None:
        """Which file has our name. Not by opening it: closing it would drop SQLite's locks."""
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def _write(self, store: Store) -> None:
        """Commit what waits. Ticks leave the queue only when they are committed."""
        with self._lock:
            ticks, events, dropped = list(self._ticks), list(self._events), self._dropped
        if not ticks and not events:
            return
        store.append(ticks, events)
        with self._lock:
            # The queue may have dropped some of them meanwhile: those were not lost after all.
            saved_anyway = min(self._dropped - dropped, len(ticks))
            self._dropped -= saved_anyway
            for _ in range(len(ticks) - saved_anyway):
                self._ticks.popleft()
            for _ in range(min(len(events), len(self._events))):
                self._events.popleft()
        for tick in ticks:
            self._seal_at.setdefault(tick.server, time.monotonic() + _first_span(tick.server))

    def _tidy(self, store: Store) -> None:
        now = time.monotonic()
        for server, due in self._seal_at.items():
            if now >= due:
                store.seal(server)
                self._seal_at[server] = now + SEAL_SECONDS
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_SECONDS
            drift = time.time() - now - self._clock
            store.prune(time.time() if abs(drift) < CLOCK_TOLERANCE_SECONDS else 0.0)

    def _meet(self, error: sqlite3.Error | OSError) -> None:
        fault = fault_of(error)
        if fault.is_corrupt:
            self._begin_anew(error)
            return
        if not fault.is_passing:
            self._close()
        self._complain(fault.sentence)

    def _complain(self, cause: str) -> bool:
        """Put the next try off and tell why; whether that is news."""
        self._retry_at = time.monotonic() + RETRY_SECONDS
        sentence = f"The history can't be written: {cause}."
        is_news = sentence != self._trouble
        if is_news:
            log.warning("%s", sentence)
        self._trouble = sentence
        return is_news

    def _begin_anew(self, error: sqlite3.Error | OSError) -> None:
        self._close()
        try:
            self._set_aside = set_aside(self.path, time.time()).name
        except OSError as refused:
            self._complain(f"the file is damaged and can't be moved away ({refused.strerror})")
            return
        sentence = (
            f"The history was damaged ({error}). "
            f"It is kept as {self._set_aside}; a new one has begun."
        )
        log.warning("%s", sentence)
        self.put(events=[Event(time.time(), None, "damaged", sentence)])

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None


def _first_span(server: str) -> float:
    """Seconds to a server's first sealing: spread, so that a fleet is not sealed all at once."""
    return SEAL_SECONDS * (0.2 + 0.8 * zlib.crc32(server.encode()) / 2**32)
