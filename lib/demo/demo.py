"""One demo server's life: its engine driven by the real clock, its faults, its restarts.

The engine is stepped lazily: `poll` runs whatever should have happened up to now. It begins with a
past of `PAST` seconds, so that its batch, queue and cache are as full as in the middle of a day. A
gap in which nobody could poll (a hang that was asked for, a suspended machine) is not caught up:
the requests under way see one long interval, and the clients who came meanwhile have gone.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lib.demo.ledger import Finished
from lib.demo.load import FIRST_VISITOR, Ask, Load
from lib.demo.roles import Role
from lib.demo.scheduler import Request, Scheduler
from lib.demo.web import Web

__all__ = ["Demo", "Throughput"]

PAST = 180.0
"""Seconds of simulated life before the start."""
CATCH_UP = 10.0
"""A longer gap, in seconds, is skipped instead of simulated."""
BYTES_PER_TOKEN = 4
BYTES_PER_NUMBER = 6
"""Of a vector, which most clients ask for in base64."""
NAP = 0.05
"""Seconds until the next look at an engine that does nothing."""


@dataclass(slots=True)
class Throughput:
    """Tokens per second over the last `SPAN` seconds, as V0 logs and reports them."""

    SPAN = 5.0
    marks: deque[tuple[float, int, int]]

    def mark(self, now: float, prompt: int, generated: int) -> None:
        self.marks.append((now, prompt, generated))
        while len(self.marks) > 2 and self.marks[1][0] <= now - self.SPAN:
            self.marks.popleft()

    def rates(self) -> tuple[float, float]:
        """Prompt and generation tokens per second."""
        (start, *before), (end, *after) = self.marks[0], self.marks[-1]
        seconds = max(end - start, 1.0)
        prompt, generated = ((b - a) / seconds for a, b in zip(before, after, strict=True))
        return prompt, generated


class Demo:
    """A role being played. `clock` is monotonic, `wall` is Unix time, both in seconds."""

    engine: Scheduler
    web: Web
    throughput: Throughput
    started: float
    """Since when it counts, Unix time."""
    cpu_before: float
    """CPU seconds that this process had spent by then."""
    _load: Load
    _polled: float
    _hangs_until: float
    _http_hangs_until: float
    _unlisted_until: float
    _released: asyncio.Event

    def __init__(
        self,
        role: Role,
        *,
        seed: int = 1,
        past: float = PAST,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.role = role
        self._clock = clock
        self._wall = wall
        self._seed = seed
        self._begin(past)

    async def answering(self) -> None:
        """Wait while its HTTP side hangs."""
        if self._clock() < self._http_hangs_until:
            with contextlib.suppress(TimeoutError):
                left = self._http_hangs_until - self._clock()
                await asyncio.wait_for(self._released.wait(), left)

    def poll(self) -> Scheduler:
        """The engine as it is now."""
        now = self._clock()
        if now < self._hangs_until:
            return self.engine
        if self._hangs_until or now - self._polled > CATCH_UP:
            self._hangs_until = 0.0
            self.engine.stall(now)
            self._load.skip(now)
        self._run(now)
        return self.engine

    @property
    def now(self) -> float:
        """This moment on the engine's clock."""
        return self._clock()

    def submit(self, ask: Ask) -> Request | None:
        """Let a real request join the simulated ones; None when the queue is full.

        Its `at` is a moment of the same monotonic clock.

        Raises:
            ValueError: it can never fit.
        """
        request = self.poll().submit(ask)
        self.poll()  # an idle engine begins a step for it
        return request

    def until_news(self) -> float:
        """Seconds until the step under way ends and a `poll` may find something new."""
        if self._clock() < self._hangs_until:
            return NAP
        return min(NAP, max(0.0, self.engine.due - self._clock()))

    def hang(self, seconds: float, *, http: bool) -> None:
        """Stop stepping the engine for so long, or with `http` stop answering; 0 ends both."""
        self.poll()
        self._release()
        until = self._clock() + seconds
        self._hangs_until = until if seconds and not http else 0.0
        self._http_hangs_until = until if seconds and http else 0.0

    def unlist(self, seconds: float) -> None:
        """List no model for so long; 0 lists it again."""
        self._unlisted_until = self._clock() + seconds

    @property
    def unlisted(self) -> bool:
        """Whether its list of models is empty."""
        return self._clock() < self._unlisted_until

    def restart(self) -> None:
        """Begin anew, as after a crash: nothing running, all counters at 0."""
        self._seed += 1
        self._release()
        self._begin(past=0.0)

    def count_from_now(self) -> None:
        """Set the counters to 0, as a server that has just started has them.

        The past that fills its queue and its cache is invented: who watches from the first second
        on must not take it for work done since.
        """
        now = self._clock()
        self.started = self._wall()
        self.cpu_before = time.process_time()
        self.web = Web(self.started)
        self.throughput = Throughput(deque([(now, 0, 0)]))
        self.engine.forget_counts()

    def at_wall(self, moment: float) -> float:
        """A moment of the engine's clock as Unix time."""
        return self._wall() - self._clock() + moment

    def _begin(self, past: float) -> None:
        now = self._clock()
        start = now - past
        self.started = self._wall() - past
        self.cpu_before = time.process_time()
        self.web = Web(self.started)
        self.throughput = Throughput(deque([(start, 0, 0)]))
        self._hangs_until = self._http_hangs_until = self._unlisted_until = 0.0
        self._released = asyncio.Event()
        self._load = Load(self.role.traffic, seed=self._seed, start=start)
        self.engine = Scheduler(
            self.role.limits, self.role.pace, seed=self._seed, start=start, ended=self._ended
        )
        self._run(now)

    def _release(self) -> None:
        """Let those go whom a hang keeps waiting."""
        self._released.set()
        self._released = asyncio.Event()

    def _run(self, now: float) -> None:
        for ask in self._load.until(now):
            self.engine.advance(ask.at)
            if not self.engine.submit(ask):
                self._count(503, 0.0, ask.prompt, 0)
        self.engine.advance(now)
        self._polled = now
        ledger = self.engine.ledger
        self.throughput.mark(now, ledger.prompt_tokens, ledger.generation_tokens)

    def _ended(self, end: Finished) -> None:
        """A client got its answer. Real ones are counted where they are answered."""
        if end.number >= FIRST_VISITOR:
            return
        self._count(200, end.ended - end.arrived, end.prompt_tokens, end.generated_tokens)

    def _count(self, status: int, seconds: float, prompt: int, generated: int) -> None:
        """The HTTP layer counts simulated clients like any others."""
        role = self.role
        route = "/v1/embeddings" if role.dimensions else "/v1/chat/completions"
        received = prompt * BYTES_PER_TOKEN
        sent = role.dimensions * BYTES_PER_NUMBER + generated * BYTES_PER_TOKEN
        self.web.count(route, "POST", status, seconds, received, sent)
