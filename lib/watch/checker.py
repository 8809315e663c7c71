"""Checks one server at its moments, beside its poller, and makes ticks of a track of their own.

Decided here: when a server is checked, and what of earlier rounds still stands.

- A light round every CHECK_PERIOD, in a phase of the server's own; a full one at once, every
  FULL_SECONDS, and when a server is back. A light one asks what the last full one found on offer,
  and does not find it out anew. Where no connection came about, or /health hung, only
  these two are asked: the others would hang as well, and cost as much as those of a fleet.
- A failure is looked at again after one period of the poller, until there are DOWN_AFTER in a row:
  so that what only /health knows is believed as soon as a dead page of metrics. The poller's own
  first failure calls for a round as well. Never two rounds at once.
- Another release than before is an event; the one that is found first is none.
- A server that asks to be left alone is left alone by its checks too.
- Readings never wait for checks: another client, other slots. Where this process is held up, rounds
  are left out, and what ran out of time meanwhile is nobody's fault but ours.

Nothing ends the checker but its cancellation: after what can't be foreseen, which is written to the
log, the next round comes as usual.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

import numpy as np

from lib.api import AsyncVllmClient, Reason
from lib.health import Check, Outcome
from lib.health.checks import FULL, LIGHT, see
from lib.health.verdicts import DOWN_AFTER, HEARD_FOR
from lib.metrics import Layout, Sample, Series
from lib.watch.lag import Lag
from lib.watch.pace import Pace, phase_of
from lib.watch.poller import Poller
from lib.watch.record import CHECK_PERIOD, Tick, checks_of
from lib.watch.store import Event

__all__ = ["RELEASE", "TURNED", "Checker", "Looker", "Looking"]

BRIEF = frozenset({Check.CONNECT, Check.HEALTH})
"""What tells whether a server is back."""
UNLEARNED = BRIEF | {Check.LOAD}
"""What is asked without finding out first what the server offers: one route each."""
DEADLINE_SECONDS = 4.0
FULL_SECONDS = 30.0
HELD_UP = 0.1
"""Mean lateness of the loop from which on rounds are left out."""
OWN_FAULT_SECONDS = 1.0
"""When the loop was late by this much in a round, running out of time is our fault."""
EXCUSES = 2

RELEASE, TURNED = "release", " → "
"""The kind of event that another release is, and what stands between the two in its words."""
NO_CONNECTION = "Not asked: no connection."
log = logging.getLogger(__name__)


class Looker(Protocol):
    """What a checker needs of a client."""

    async def look(self, wanted: frozenset[Check], seconds: float) -> tuple[Outcome, ...]:
        """One round of checks, which ends within `seconds`."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Looking:
    """Looks through a client of its own."""

    def __init__(self, client: AsyncVllmClient) -> None:
        self._client = client

    async def look(self, wanted: frozenset[Check], seconds: float) -> tuple[Outcome, ...]:
        learn = not wanted <= UNLEARNED
        seen = await see(self._client, wanted, seconds=seconds, now=time.time, learn=learn)
        return seen.outcomes

    async def close(self) -> None:
        await self._client.close()


class Checker:
    """The checks of one server; `tell` takes each tick. It tells the poller's tracker as well."""

    def __init__(
        self,
        poller: Poller,
        looker: Looker,
        *,
        slots: asyncio.Semaphore,
        lag: Lag,
        tell: Callable[[Tick, list[Event]], None],
    ) -> None:
        self._poller = poller
        self._looker = looker
        self._slots = slots
        self._lag = lag
        self._tell = tell
        server = poller.server
        self._track = checks_of(server)
        self._light = Pace(CHECK_PERIOD, phase_of(server, CHECK_PERIOD))
        self._full = Pace(FULL_SECONDS, phase_of(server, FULL_SECONDS))
        self._full_due = 0.0
        self._failures = 0
        self._excused = 0
        self._called = asyncio.Event()
        self._known: dict[Check, Outcome] = {}
        self._offered: set[Check] = set()
        self._release = ""
        self._layout = Layout(())
        poller.alarm = self._called.set

    async def run(self, delay: float = 0.0) -> None:
        """Check until cancelled, for the first time `delay` seconds from now."""
        due = time.monotonic() + delay
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, due - time.monotonic())):
                        await self._called.wait()
                self._called.clear()
                try:
                    due = await self._turn()
                except Exception:  # as in `_look`
                    log.exception("Telling of %s failed in an unforeseen way.", self._track)
                    due = self._light.after(time.monotonic())
        finally:
            await self._looker.close()

    async def _turn(self) -> float:
        """One round, told; returns the next moment."""
        now = time.monotonic()
        if now < self._poller.rests_until:
            return self._poller.rests_until
        if self._lag.mean(now - 1.0) > HELD_UP:
            return self._light.after(now)
        async with self._slots:
            at, begun = time.time(), time.monotonic()
            wanted = self._wanted(begun)
            outcomes = await self._look(wanted)
        ended = time.monotonic()
        if self._is_own_fault(outcomes, begun):
            return self._light.after(ended)
        events = self._released(outcomes, at)
        self._take(outcomes, at)
        self._poller.tracker.heard(outcomes)
        self._tell(self._tick(at, begun, ended - begun), events)
        if wanted is FULL:
            self._full_due = self._full.after(ended)
        return self._next(outcomes, ended)

    def _wanted(self, now: float) -> frozenset[Check]:
        connect, health = (self._known.get(one) for one in (Check.CONNECT, Check.HEALTH))
        is_closed = connect is not None and connect.passed is False
        if is_closed or (health is not None and health.kind == Reason.TIMEOUT.value):
            return BRIEF
        return FULL if now >= self._full_due else LIGHT & (BRIEF | self._offered)

    async def _look(self, wanted: frozenset[Check]) -> tuple[Outcome, ...]:
        try:
            return await self._looker.look(wanted, DEADLINE_SECONDS)
        except Exception:  # a checker that died would leave the last verdict standing
            log.exception("Checking %s failed in an unforeseen way.", self._poller.server)
            return ()

    def _next(self, outcomes: Iterable[Outcome], ended: float) -> float:
        """When to look again: soon where something has just failed, or is just back."""
        soon = ended + self._poller.pace.period
        if not outcomes:
            return self._light.after(ended)
        if _has_failed(outcomes):
            self._failures += 1
            return soon if self._failures < DOWN_AFTER else self._light.after(ended)
        if self._failures:
            self._failures, self._full_due = 0, 0.0
            return soon
        return self._light.after(ended)

    def _is_own_fault(self, outcomes: Iterable[Outcome], begun: float) -> bool:
        if not any(one.kind == Reason.TIMEOUT.value for one in outcomes):
            self._excused = 0
            return False
        self._excused += 1
        return self._lag.since(begun) > OWN_FAULT_SECONDS and self._excused <= EXCUSES

    # ── What is known by now ──

    def _take(self, outcomes: Iterable[Outcome], at: float) -> None:
        """Remember a round; without a connection nothing of earlier ones stands any more."""
        found = {one.check: one for one in outcomes}
        connect = found.get(Check.CONNECT)
        if connect is not None and connect.passed is False:
            unasked = {one: Outcome(one, None, None, NO_CONNECTION, at=at) for one in self._known}
            found = unasked | found
        self._known |= found
        for check, one in found.items():
            if one.passed is not None:
                self._offered.add(check)
            elif one.kind == Reason.NO_ROUTE_THERE.value:
                self._offered.discard(check)

    def _released(self, outcomes: Iterable[Outcome], at: float) -> list[Event]:
        """An event where the server runs another release than it did when that was last told."""
        told = next((one for one in outcomes if one.check is Check.VERSION and one.passed), None)
        if told is None or not told.words:
            return []
        before, self._release = self._release, told.words
        if before in ("", told.words):
            return []
        return [Event(at, self._poller.server, RELEASE, f"{before}{TURNED}{told.words}")]

    def _tick(self, at: float, mono: float, took: float) -> Tick:
        outcomes = {**self._known, Check.PROGRESS: self._poller.tracker.progress}
        shown = set(self._offered)
        reading = self._reading()
        if reading is not None:
            outcomes[Check.METRICS] = reading
            shown.add(Check.METRICS)
        values = {
            Series("check_seconds", "", "", check.value): _value(outcomes[check], at)
            for check in shown
        }
        series = tuple(sorted(values))
        if series != self._layout.series:
            self._layout = Layout(series)
        return Tick(
            self._track,
            at,
            mono,
            took,
            self._poller.tracker.status,
            Sample(self._layout, np.array([values[one] for one in series], float)),
            outcomes=tuple(outcomes[check] for check in Check if check in outcomes),
        )

    def _reading(self) -> Outcome | None:
        """The poller's newest reading as a check."""
        tick = self._poller.newest
        if tick is None:
            return None
        if tick.refused is not None:
            kind, words = tick.refused
            return Outcome(Check.METRICS, False, tick.took, words, kind, at=tick.at)
        count = 0 if tick.sample is None else len(tick.sample.values)
        return Outcome(Check.METRICS, True, tick.took, f"{count} series are read.", at=tick.at)


def _has_failed(outcomes: Iterable[Outcome]) -> bool:
    return any(one.passed is False for one in outcomes if one.check in BRIEF)


def _value(one: Outcome, at: float) -> float:
    """Its latency; NaN where it failed, or was asked too long ago."""
    stands = one.passed is True and abs(at - one.at) <= HEARD_FOR
    return math.nan if one.seconds is None or not stands else one.seconds
