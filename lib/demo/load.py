"""Who comes when, and with how much text: the simulated clients.

Arrivals are a Poisson process whose rate breathes with a period of minutes: a calm end, a slow
swell to a busy middle, and shortly after it a burst. The process is thinned: candidates come at
the highest rate and each is kept with the share that the rate at its moment has of that highest
one. Lengths are log-normal. Some requests go on with a conversation, so their prompt begins with
all that was said in it; the others begin with one of a few shared heads (system prompts). Both are
what a prefix cache lives on. Time is an argument; the same seed gives the same clients.
"""

import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FIRST_VISITOR", "Ask", "Load", "Traffic", "Visit"]

REMEMBERED_TALKS = 64
FIRST_VISITOR = 10**9
"""From this number on asks are those of real clients."""
BURST_FROM, BURST_TO = 0.62, 0.70
"""Where in a cycle the burst lies."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the clients are like. Rates in requests per second, lengths in tokens."""

    calm: float
    busy: float
    burst: float
    cycle: float
    """Seconds from one calm to the next."""
    prompt: int
    """Median length of what is new in a prompt, without its head or what was said before."""
    output: int
    """Median length of an answer; 0 for clients that want none, but vectors."""
    spread: float
    """Standard deviation of the logarithm of both lengths."""
    limit: int
    """`max_tokens` of every request: an answer ends there at the latest."""
    longest: int
    """No prompt is longer."""
    heads: int = 4
    head_tokens: int = 256
    follow_up: float = 0.4
    """Share of the requests that go on with a conversation."""

    def rate(self, at: float) -> float:
        """Requests per second at a moment, in seconds since a calm one."""
        phase = at / self.cycle % 1.0
        if BURST_FROM <= phase < BURST_TO:
            return self.burst
        return self.calm + (self.busy - self.calm) * math.sin(math.pi * phase) ** 2

    @property
    def highest(self) -> float:
        return max(self.calm, self.busy, self.burst)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as a client sends it, with the length of the answer that it will get."""

    number: int
    at: float
    prompt: int
    output: int
    limit: int
    head: int
    head_tokens: int
    talk: int

    def key(self, block: int, block_tokens: int) -> tuple[int, int]:
        """What this text's block number `block` holds: a part of the shared head or of the talk."""
        shared = (block + 1) * block_tokens <= self.head_tokens
        return (-1 - self.head if shared else self.talk, block)


@dataclass(frozen=True, slots=True)
class Visit(Ask):
    """The request of a real client, whose blocks are known by the tokens in them."""

    keys: tuple[tuple[int, int], ...]

    def key(self, block: int, block_tokens: int) -> tuple[int, int]:
        del block_tokens  # the keys are those of whole blocks already
        return self.keys[block]


class Load:
    """An endless run of asks, in the order of time, from `start` (seconds) on."""

    def __init__(self, traffic: Traffic, *, seed: int, start: float) -> None:
        self._traffic = traffic
        self._random = random.Random(seed)
        self._start = start
        self._numbers = 0
        self._talks: deque[Ask] = deque(maxlen=REMEMBERED_TALKS)
        self._next = self._after(start)

    def until(self, now: float) -> Iterator[Ask]:
        """The asks that came up to `now` and were not yet given."""
        while self._next <= now:
            at, self._next = self._next, self._after(self._next)
            yield self._ask(at)

    def skip(self, now: float) -> None:
        """Forget whoever came up to `now`: nobody answered, so they went away."""
        self._next = self._after(max(now, self._next))

    def _after(self, at: float) -> float:
        traffic = self._traffic
        while True:
            at += self._random.expovariate(traffic.highest)
            if self._random.random() * traffic.highest < traffic.rate(at - self._start):
                return at

    def _length(self, median: int, longest: int) -> int:
        length = self._random.lognormvariate(math.log(median), self._traffic.spread)
        return max(1, min(longest, round(length)))

    def _ask(self, at: float) -> Ask:
        traffic, number = self._traffic, self._numbers
        self._numbers += 1
        before = self._talk_to_continue()
        said = before.prompt + before.output if before else traffic.head_tokens
        ask = Ask(
            number=number,
            at=at,
            prompt=said + self._length(traffic.prompt, traffic.longest - said),
            output=self._length(traffic.output, traffic.limit) if traffic.output else 0,
            limit=traffic.limit,
            head=before.head if before else self._random.randrange(traffic.heads),
            head_tokens=traffic.head_tokens,
            talk=before.talk if before else number,
        )
        self._talks.append(ask)
        return ask

    def _talk_to_continue(self) -> Ask | None:
        """An earlier talk, if this request goes on with one that is still short enough."""
        if not self._talks or self._random.random() >= self._traffic.follow_up:
            return None
        index = self._random.randrange(len(self._talks))
        before = self._talks[index]
        if before.prompt + before.output + self._traffic.prompt > self._traffic.longest:
            return None
        del self._talks[index]
        return before
