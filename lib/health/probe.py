"""Probing: looks at several servers at once, a single time or again and again.

Decided here: what a probe asks, how its time is divided, and when it reads the metrics twice. A
probe asks no more than it must: a single look finds out nothing beforehand, and a token is asked
for only if that is wanted. Whether counters move takes two readings: the second is made only where
requests run or wait, so that a look at an idle server ends at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lib.api import AsyncVllmClient
from lib.health.checks import FULL, Seen, see
from lib.health.judging import Judgement, Limits, Look, judged, progress_between
from lib.health.outcome import Check, Outcome
from lib.health.progress import requests
from lib.health.verdicts import Tracker

__all__ = ["Probe", "Wish", "look_once", "watch"]

_FIRST_SHARE = 0.7
"""Share of the time, without the wait between two readings, that the first round may take."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked at besides the checks that every look makes."""

    limits: Limits = field(default_factory=Limits)
    progress: float | None = None  # seconds in which counters must move
    inference: bool = False
    model: str | None = None  # to ask for a token; None: the first that is listed

    @property
    def checks(self) -> frozenset[Check]:
        """The checks of one round."""
        more = {Check.METRICS, Check.INFERENCE} if self.inference else {Check.METRICS}
        return FULL | more


@dataclass
class Probe:
    """One server, and what earlier looks at it have told."""

    client: AsyncVllmClient
    wish: Wish
    _tracker: Tracker = field(default_factory=Tracker)

    async def look(self, seconds: float) -> Judgement:
        """One look that is all there is, ended within `seconds`."""
        begun = time.monotonic()
        wait = self.wish.progress or 0.0
        seen = await self._see((seconds - wait) * (_FIRST_SHARE if wait else 1.0), learn=False)
        looks = [seen]
        outcomes = seen.outcomes
        if wait:
            progress, again = await self._progress(seen, wait, begun + seconds)
            outcomes, looks = (*outcomes, progress), [seen, *again]
        return judged(self._taken(looks, outcomes, begun), self.wish.limits, Tracker())

    async def look_again(self, seconds: float) -> Judgement:
        """One look of many: the state is what all of them make."""
        begun = time.monotonic()
        seen = await self._see(seconds, learn=True)
        taken = self._taken([seen], seen.outcomes, begun)
        return judged(taken, self.wish.limits, self._tracker, final=False)

    async def _see(self, seconds: float, *, learn: bool) -> Seen:
        return await see(
            self.client,
            self.wish.checks,
            seconds=seconds,
            now=time.time,
            learn=learn,
            model=self.wish.model,
        )

    async def _progress(self, seen: Seen, wait: float, end: float) -> tuple[Outcome, list[Seen]]:
        """Whether the counters move from the reading that was made to one `wait` seconds later."""
        first = seen.glance
        if first is None:
            words = "No reading to see it in."
            return Outcome(Check.PROGRESS, None, None, words, at=time.time()), []
        if not requests(first):
            words = "No requests: nothing has to move."
            return Outcome(Check.PROGRESS, True, None, words, at=time.time()), []
        begun = time.monotonic()
        await asyncio.sleep(wait)
        again = await see(
            self.client, {Check.METRICS}, seconds=end - time.monotonic(), now=time.time, learn=False
        )
        metrics = again.outcomes[0]
        if again.glance is None:
            return metrics._replace(check=Check.PROGRESS, passed=False, seconds=None), []
        seconds = time.monotonic() - begun
        return progress_between(first, again.glance, at=metrics.at, seconds=seconds), [again]

    def _taken(self, looks: Sequence[Seen], outcomes: tuple[Outcome, ...], begun: float) -> Look:
        scrapes = tuple(
            (one.at, seen.glance)
            for seen in looks
            for one in seen.outcomes
            if seen.glance is not None and one.check is Check.METRICS
        )
        seconds = time.monotonic() - begun
        return Look(self.client.url, time.time(), seconds, outcomes, scrapes)


async def look_once(probes: Sequence[Probe], end: float) -> tuple[Judgement, ...]:
    """One look at each, side by side, ended by `end` of the monotonic clock."""
    try:
        left = max(end - time.monotonic(), 0.001)
        return tuple(await asyncio.gather(*(probe.look(left) for probe in probes)))
    finally:
        await asyncio.gather(*(probe.client.close() for probe in probes))


async def watch(
    probes: Sequence[Probe],
    every: float,
    seconds: float,
    tell: Callable[[Judgement], None],
) -> None:
    """Look at each every so many seconds, each at its own pace, until cancelled.

    Args:
        probes: one for each server.
        every: seconds from the begin of one look to the next, or more where one takes longer.
        seconds: for each look.
        tell: is given each judgement as it comes.
    """

    async def go_on(probe: Probe) -> None:
        while True:
            begun = time.monotonic()
            tell(await probe.look_again(seconds))
            await asyncio.sleep(max(begun + every - time.monotonic(), 0.0))

    tasks = [asyncio.create_task(go_on(probe)) for probe in probes]
    try:
        await asyncio.gather(*tasks)  # no group: what `tell` raises arrives as it is
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(probe.client.close() for probe in probes))
