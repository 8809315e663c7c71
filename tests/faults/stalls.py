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
    """Notes for a block when a thread that only sleeps was woken late."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        self._due = math.inf
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
            self._due = now + STEP

    def within(self, begin: float, end: float) -> float:
        """For how many seconds of that time (monotonic clock) nothing ran here."""
        # One that is just over may not be noted yet: whoever asks has perhaps been woken first.
        due, now = self._due, time.monotonic()
        found = dict([*self._found, (due, now)] if now > due + NOTICED else self._found)
        shares = (min(end, late) - max(begin, due) for due, late in found.items())
        return sum(max(0.0, share) for share in shares)

    def begin(self) -> tuple[float, float]:
        """This moment, for `run_since`."""
        return time.monotonic(), time.process_time()

    def run_since(self, begun: tuple[float, float]) -> float:
        """Seconds since then, those left out in which nothing ran here.

        At least those of this process at work: one that keeps its threads waiting stands not still.
        """
        (moment, worked), now = begun, time.monotonic()
        return max(now - moment - self.within(moment, now), time.process_time() - worked)


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
