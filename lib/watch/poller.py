"""Asks one server at its moments, one request at a time, and makes a tick of whatever comes of it.

The deadline of the whole exchange is 0.8 of the period from the moment it was due. Nothing is tried
twice: the next moment is the retry. An exchange that ran out of time while this process itself was
kept from running is a tick that we missed, not one that the server failed. Nothing ends the poller
but its cancellation: what can't be foreseen is written to the log, and is a failed tick where it
came of asking, a missed one where it came of telling.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lib.api import Reason, Refused
from lib.health import State, Tracker, Trouble
from lib.metrics import NotMetricsError, Reader, Sample
from lib.watch.incidents import Incidents
from lib.watch.lag import Lag
from lib.watch.pace import LONGEST_PAUSE, SHORT_PAUSE, Pace, phase_of
from lib.watch.record import Tick
from lib.watch.store import Event

__all__ = ["DEADLINE", "Poller", "Scraper"]

DEADLINE = 0.8
"""Of the period: when an exchange is given up."""

OWN_FAULT = 0.5
"""Of the period: when the loop was late by this much, a timeout is our fault."""
EXCUSES = 2
"""Timeouts in a row that are put down to us: a server must not hang behind our own load."""
YIELDING = ((0.25, 4), (0.1, 2))
"""When a turn of the loop comes late by so many seconds, only each so manieth moment is used: an
exchange takes half a dozen turns, and one that is begun and not ended in time is work lost."""

log = logging.getLogger(__name__)


class Scraper(Protocol):
    """What a poller needs of a client."""

    async def scrape(self, deadline: float, names: Sequence[str]) -> bytes:
        """The body of `/metrics` within `deadline` seconds. Raises Refused."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Poller:
    """One server; `tell` takes each tick and what happened with it.

    `newest` is the tick that was told last; `alarm` is called when the first exchange in a row has
    failed; until `rests_until` (monotonic clock) the server has asked to be left alone.
    """

    def __init__(
        self,
        server: str,
        client: Scraper,
        *,
        period: float,
        slots: asyncio.Semaphore,
        lag: Lag,
        tell: Callable[[Tick, list[Event]], None],
    ) -> None:
        self.server = server
        self.pace = Pace(period, phase_of(server, period))
        self.late = 0.0
        self.tracker = Tracker()
        self.newest: Tick | None = None
        self.alarm: Callable[[], None] = _nobody
        self.rests_until = 0.0
        self._client = client
        self._slots = slots
        self._lag = lag
        self._tell = tell
        self._reader = Reader()
        self._incidents = Incidents(server)
        self._excused = 0
        self._moments = 0

    async def run(self, delay: float = 0.0) -> None:
        """Ask until cancelled, beginning `delay` seconds from now."""
        due = self.pace.after(time.monotonic() + delay)
        try:
            while True:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                try:
                    due = await self._turn(due)
                except Exception:  # as in `_ask`
                    log.exception("Telling of %s failed in an unforeseen way.", self.server)
                    due = self.pace.skip(due, time.monotonic())
        finally:
            await self._client.close()

    async def once(self) -> None:
        """Ask now, once, and tell."""
        try:
            await self._turn(time.monotonic())
        finally:
            await self._client.close()

    async def _turn(self, due: float) -> float:
        """Ask at `due`, tell, and return the next moment."""
        now = time.monotonic()
        self.late = max(self.late, now - due)
        if self.pace.is_too_late(due, now) or self._must_yield(now):
            return self.pace.skip(due, now)
        at = time.time()
        answer = await self._ask(due)
        ended = time.monotonic()
        if self._is_own_fault(answer, now):
            self.pace.missed += 1
            return self.pace.failed(due, ended)
        trouble = _trouble(answer) if isinstance(answer, Exception) else None
        sample = answer if isinstance(answer, Sample) else None
        before, status = self.tracker.status, self.tracker.step(at, sample, trouble)
        self.newest = Tick(self.server, at, now, ended - now, status, sample, trouble)
        self._tell(self.newest, self._incidents.step(at, status, sample))
        if status.state is State.FAILING and before.state is not State.FAILING:
            self.alarm()
        if isinstance(answer, Sample):
            return self.pace.answered(due, ended)
        return self._pause(answer, due, ended)

    async def _ask(self, due: float) -> Sample | Exception:
        """A sample, or what prevented it."""
        try:
            async with self._slots:
                left = due + DEADLINE * self.pace.period - time.monotonic()
                return self._reader.read(await self._client.scrape(left, self._reader.wanted))
        except (Refused, NotMetricsError) as error:
            return error
        except Exception as error:  # a poller that died would look like a server that did
            log.exception("Asking %s failed in an unforeseen way.", self.server)
            return error

    def _must_yield(self, now: float) -> bool:
        """Whether this moment is left out, because the machine can't serve them all."""
        self._moments += 1
        held_up = self._lag.mean(now - 1.0)
        every = next((every for limit, every in YIELDING if held_up > limit), 1)
        return self._moments % every != 0

    def _is_own_fault(self, answer: Sample | Exception, begun: float) -> bool:
        if not isinstance(answer, Refused) or answer.reason is not Reason.TIMEOUT:
            self._excused = 0
            return False
        self._excused += 1
        was_held_up = self._lag.since(begun) > OWN_FAULT * self.pace.period
        return was_held_up and self._excused <= EXCUSES

    def _pause(self, error: Exception, due: float, now: float) -> float:
        if not isinstance(error, Refused):
            return self.pace.failed(due, now)
        is_closed = error.reason is Reason.NOT_LISTENING
        rest = min(error.retry_after or 0.0, 4 * LONGEST_PAUSE)
        self.rests_until = now + rest
        return self.pace.failed(
            due,
            now,
            longest=SHORT_PAUSE if is_closed else LONGEST_PAUSE,
            at_least=rest,
        )


def _nobody() -> None:
    """Listens to no alarm."""


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, Refused):
        return Trouble(error.reason.value, error.sentence)
    if isinstance(error, NotMetricsError):
        return Trouble(Reason.NOT_METRICS.value, f"It answers /metrics with {error}.")
    return Trouble("unforeseen", "Asking it failed in an unforeseen way; see the watcher's log.")
