"""The newest minutes of one server in the dashboard's memory, in the order in which they came.

Decided here: from when on this memory is complete. Where it is, it stands alone; before that moment
the history file is asked. A dashboard that lost its watcher for a while has a hole, which only the
file can fill: after each connection the memory counts as complete only if what comes first is
already known.
"""

from collections import deque
from threading import Lock

from lib.watch.record import Tick

__all__ = ["KEPT_SECONDS", "Memory"]

KEPT_SECONDS = 600.0


class Memory:
    """Ticks of one server; for any thread. `latest` may be newer than the last of `ticks`."""

    def __init__(self) -> None:
        self._ticks: deque[Tick] = deque()
        self._latest: Tick | None = None
        self._hole_ends: Tick | None = None
        self._is_joining = True
        self._lock = Lock()

    @property
    def latest(self) -> Tick | None:
        return self._latest

    def begin(self) -> None:
        """A new connection: what comes next may leave a hole."""
        self._is_joining = True

    def newest(self, tick: Tick) -> None:
        """What is told before the backlog."""
        if self._latest is None or tick.mono > self._latest.mono:
            self._latest = tick

    def add(self, tick: Tick) -> bool:
        """Take in a tick; False if it is known already."""
        with self._lock:
            is_new = not self._ticks or tick.mono > self._ticks[-1].mono
            if self._is_joining and is_new:
                self._hole_ends = tick
            self._is_joining = False
            if not is_new:
                return False
            self._ticks.append(tick)
            while self._ticks[0].mono < tick.mono - KEPT_SECONDS:
                if self._ticks.popleft() is self._hole_ends:
                    self._hole_ends = None
        self.newest(tick)
        return True

    def ticks(self) -> tuple[list[Tick], int]:
        """All ticks, and the index of the first after which none is missing."""
        with self._lock:
            ticks, end = list(self._ticks), self._hole_ends
        complete = 0 if end is None else next((i for i, t in enumerate(ticks) if t is end), 0)
        return ticks, complete
