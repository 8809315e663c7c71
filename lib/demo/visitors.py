"""Real requests among the simulated ones: they enter one demo's engine, wait, and may go away.

While anybody is here the engine is stepped at the end of each of its steps, so that a token leaves
when the scheduler made it. A restart of the demo loses its visitors, as a crash would.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

from lib.demo.blocks import BLOCK_TOKENS, Key
from lib.demo.demo import Demo
from lib.demo.load import FIRST_VISITOR, Visit
from lib.demo.scheduler import Request, Scheduler

__all__ = ["LostError", "Visitor", "Visitors"]

REAL = 1 << 62
"""Set in every key of a real text's block, and in none of a simulated one's."""


class LostError(Exception):
    """The engine that worked on a request is gone."""


class Visitor:
    """One real request on its way through an engine."""

    def __init__(self, engine: Scheduler, request: Request) -> None:
        self.request = request
        self.engine = engine
        self._news = asyncio.Event()
        self._seen = 0
        self._lost = False

    async def progress(self) -> AsyncIterator[int]:
        """How many tokens there are by now, each time there are more, up to the last.

        Raises:
            LostError: the engine is gone; there will be no more.
        """
        while self._seen < self.request.ask.output:
            await self._news.wait()
            self._news.clear()
            if self._lost:
                raise LostError
            if self.request.generated > self._seen:
                self._seen = self.request.generated
                yield self._seen

    async def over(self) -> None:
        """Wait until all of it is computed.

        Raises:
            LostError: the engine is gone; it will never be.
        """
        while not self.request.done:
            await self._news.wait()
            self._news.clear()
            if self._lost:
                raise LostError

    def look(self, engine: Scheduler) -> None:
        """Notice what is new, with `engine` as the one that works now."""
        self._lost = engine is not self.engine
        if self._lost or self.request.generated > self._seen or self.request.done:
            self._news.set()


class Visitors:
    """Everybody who is in one demo's engine now."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._here: set[Visitor] = set()
        self._numbers = itertools.count(FIRST_VISITOR)
        self._driving: asyncio.Task[None] | None = None

    def enter(self, prompt: Sequence[int], output: Sequence[int], limit: int) -> Visitor | None:
        """Queue a request whose answer is known already; None when the queue is full."""
        visit = Visit(
            number=next(self._numbers),
            at=self._demo.now,
            prompt=len(prompt),
            output=len(output),
            limit=limit,
            head=0,
            head_tokens=0,
            talk=0,
            keys=_keys([*prompt, *output]),
        )
        request = self._demo.submit(visit)
        if request is None:
            return None
        visitor = Visitor(self._demo.engine, request)
        self._here.add(visitor)
        if self._driving is None or self._driving.done():
            self._driving = asyncio.create_task(self._drive())
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """Forget a visitor; one that is not yet served gives its seat and blocks back at once."""
        self._here.discard(visitor)
        visitor.engine.withdraw(visitor.request)

    async def _drive(self) -> None:
        while self._here:
            engine = self._demo.poll()
            for visitor in self._here:
                visitor.look(engine)
            await asyncio.sleep(self._demo.until_news())


def _keys(ids: list[int]) -> tuple[Key, ...]:
    """What each full block of a text holds: equal beginnings have equal keys."""
    keys: list[Key] = []
    before = 0
    for number in range(len(ids) // BLOCK_TOKENS):
        part = tuple(ids[number * BLOCK_TOKENS : (number + 1) * BLOCK_TOKENS])
        before = hash((before, part)) & (REAL - 1) | REAL
        keys.append((before, number))
    return tuple(keys)
