"""How slow this machine is, and when it stood still: what a server's period is compared with.

A watcher keeps a period as far as the machine lets it. So the period is longer on a slow one, and
what was missed while nothing ran here either is nobody's fault; all the rest is held to the letter.
"""

import math
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Self

from lib.metrics import Reader
from lib.watch.record import Tick
from tests.support.faulty import RECORDINGS

__all__ = ["Stalls", "assert_kept", "slowness"]

STEP = 0.05
NOTICED = 0.1
READING = 0.012
"""Seconds that the first reading of a page takes where a period of 1 s was thought out."""


def slowness() -> float:
    """How many times longer work takes here and now; 1 to 5."""
    page = (RECORDINGS / "metrics.txt").read_bytes()
    took = statistics.median(_seconds(lambda: Reader().read(page)) for _ in range(9))
    return min(5.0, max(1.0, took / READING))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


class Stalls:
    """Notes for a block when a thread that only sleeps was woken late.

    And when another process was, which a machine may hold up alone; its own work and waiting is its
    affair. Linux tells that of its first thread, in which a watcher asks; other systems do not.
    """

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        self._due = math.inf
        self._other: _Other | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalls", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._due = math.inf

    def _run(self) -> None:
        self._due = time.monotonic() + STEP
        while not self._ending.wait(STEP):
            now = time.monotonic()
            if now > self._due + NOTICED:
                self._found.append((self._due, now))
            self._look()
            self._due = now + STEP

    def watch(self, process: int) -> None:
        """Count what holds up that process from now on as well."""
        with self._lock:
            self._other = _Other(process)

    def _look(self) -> None:
        with self._lock:
            if self._other is not None:
                self._found += self._other.held_up()

    def within(self, begin: float, end: float) -> float:
        """For how many seconds of that time (monotonic clock) nothing ran here."""
        # One that is just over may not be noted yet: whoever asks has perhaps been woken first.
        self._look()
        due, now = self._due, time.monotonic()
        found = [*self._found, (due, now)] if now > due + NOTICED else list(self._found)
        seconds = 0.0
        for due, late in sorted(found):
            seconds += max(0.0, min(end, late) - max(begin, due))
            begin = max(begin, late)  # what two stalls have in common is counted once
        return seconds

    def begin(self) -> tuple[float, float]:
        """This moment, for `run_since`."""
        return time.monotonic(), time.process_time()

    def run_since(self, begun: tuple[float, float]) -> float:
        """Seconds since then, those left out in which nothing ran here.

        At least those of this process at work: one that keeps its threads waiting stands not still.
        """
        (moment, worked), now = begun, time.monotonic()
        return max(now - moment - self.within(moment, now), time.process_time() - worked)


class _Other:
    """What holds up the first thread of another process, look after look."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")
        self._looked, (self._was_held, self._waited) = time.monotonic(), self._told()

    def held_up(self) -> list[tuple[float, float]]:
        """Since the last look: stopped or waiting for a disk, or ready and given no core."""
        before, was_held, had_waited = self._looked, self._was_held, self._waited
        self._was_held, self._waited = self._told()
        self._looked = now = time.monotonic()
        waited = self._waited - had_waited
        found = [(before, now)] if was_held and self._was_held else []
        return [*found, (now - waited, now)] if waited > STEP / 2 else found

    def _told(self) -> tuple[bool, float]:
        """Whether it is stopped or waits for a disk; the seconds that it has waited for a core."""
        try:
            state = (self._folder / "stat").read_text().rpartition(")")[2].split()[0]
            waited = (self._folder / "schedstat").read_text().split()[1]
        except OSError:  # it has ended, or this is no Linux
            return False, 0.0
        return state in "DTt", int(waited) / 1e9


def assert_kept(ticks: Iterable[Tick], period: float, stalls: Stalls) -> None:
    """A server was asked once each period, and always answered."""
    ticks = list(ticks)
    for tick in ticks:
        ended = tick.mono + tick.took
        assert tick.sample is not None or stalls.within(tick.mono, ended) > NOTICED, tick.refused
    gaps = [after.mono - before.mono for before, after in pairwise(ticks)]
    assert abs(statistics.median(gaps) / period - 1.0) < 0.1
    for gap, (before, after) in zip(gaps, pairwise(ticks), strict=True):
        # On a busy machine one may be left out.
        assert gap - stalls.within(before.mono, after.mono) < 2.5 * period
