"""A simulated engine: continuous batching over a paged KV cache, as vLLM's scheduler does it.

Each step gives running requests their tokens first, oldest first, within a budget (a prompt longer
than what is left is prefilled in chunks). When blocks run out the newest running request gives its
own back: to be computed again (V1) or swapped to the CPU (V0). Then waiting requests are seated,
first come first served, while seats, budget and blocks last; one needs room for all its tokens at
once. A step takes `Pace.seconds`, and every latency is what comes out of that: none is made up.

A request that wants no token (an embedding) is done with the step that ends its prompt, as a
pooling model's is.

There is no clock in here. `advance(now)` runs the steps that end by `now`, in seconds of any
clock.
"""

import math
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lib.demo.blocks import BLOCK_TOKENS, BlockPool, blocks_for
from lib.demo.ledger import Finished, Ledger
from lib.demo.limits import Limits, Pace
from lib.demo.load import Ask

__all__ = ["Request", "Scheduler"]

REMEMBERED_ENDS = 32


@dataclass(slots=True, eq=False)
class Request:
    """What the engine knows about one ask. Moments are NaN until they have come."""

    ask: Ask
    arrived: float
    computed: int = 0
    """Tokens whose KV is in the blocks."""
    generated: int = 0
    blocks: list[int] = field(default_factory=list)
    cached: int = 0
    """Prompt tokens found in the prefix cache at first admission."""
    preemptions: int = 0
    scheduled: float = float("nan")
    first_token: float = float("nan")
    last_token: float = float("nan")

    @property
    def tokens(self) -> int:
        return self.ask.prompt + self.generated

    @property
    def done(self) -> bool:
        """Whether all is computed that was asked for."""
        if self.ask.output:
            return self.generated >= self.ask.output
        return self.computed >= self.ask.prompt


@dataclass(frozen=True, slots=True)
class Step:
    """A step under way: who computes how many tokens, and when it ends."""

    batch: list[tuple[Request, int]]
    ends: float


class Scheduler:
    """The engine's state. `ended` is told of every finished request."""

    def __init__(
        self,
        limits: Limits,
        pace: Pace,
        *,
        seed: int,
        start: float,
        ended: Callable[[Finished], None] = lambda _: None,
    ) -> None:
        self.limits = limits
        self.pool = BlockPool(limits.usable_blocks)
        self.ledger = Ledger(limits.max_model_len)
        self.running: list[Request] = []
        self.waiting: deque[Request] = deque()
        self.swapped: deque[Request] = deque()
        self.swapped_blocks = 0
        self.recent: deque[Finished] = deque(maxlen=REMEMBERED_ENDS)
        self.now = start
        self._pace = pace
        self._random = random.Random(seed)
        self._ended = ended
        self._step: Step | None = None

    def forget_counts(self) -> None:
        """Count from 0; requests under way go on, and count where they end."""
        self.ledger = Ledger(self.limits.max_model_len)

    @property
    def due(self) -> float:
        """When the step under way ends, on the engine's clock; infinite when there is none."""
        return self._step.ends if self._step else math.inf

    def submit(self, ask: Ask) -> Request | None:
        """Queue an ask; None when the queue is full.

        Raises:
            ValueError: it can never fit, so it would wait for ever.
        """
        room = min(self.limits.max_model_len, self.pool.usable * BLOCK_TOKENS)
        if not 0 < ask.prompt <= ask.prompt + ask.output <= room or ask.output < 0:
            raise ValueError(f"{ask.prompt} + {ask.output} tokens, room for {room}")
        full = self.limits.max_queued
        if full is not None and len(self.waiting) >= full:
            self.ledger.rejections += 1
            return None
        request = Request(ask, arrived=ask.at)
        self.waiting.append(request)
        return request

    def withdraw(self, request: Request) -> None:
        """Let go of a request whose client has gone away; nothing is counted for it.

        What the step under way computes for it is lost. One that is not here (any more) is left
        alone.
        """
        if request in self.swapped:
            self.swapped_blocks -= blocks_for(request.computed)
        for place in (self.running, self.waiting, self.swapped):
            if request in place:
                place.remove(request)
        self.pool.release(request.blocks)
        request.blocks = []
        if self._step:
            batch = [(one, tokens) for one, tokens in self._step.batch if one is not request]
            self._step = Step(batch, self._step.ends) if batch else None

    def advance(self, now: float) -> None:
        """Run every step that ends by `now`; the one under way then stays under way."""
        while self.running or self.waiting or self.swapped:
            step = self._step or self._begin()
            if step.ends > now:
                self._step = step
                return
            self._step = None
            self._settle(step)
        self.now = max(self.now, now)

    def stall(self, now: float) -> None:
        """Let time pass in which nothing was computed: the step under way ends at `now` instead."""
        if self._step and self._step.ends < now:
            self._step = Step(self._step.batch, now)
        self.now = max(self.now, now)

    # ── Planning a step ───────────────────────────────────────────────────────────────────────────

    def _begin(self) -> Step:
        batch: list[tuple[Request, int]] = []
        budget, preempted = self._plan_running(batch)
        if not preempted:
            budget = self._swap_in(batch, budget)
            self._plan_waiting(batch, budget)
        prompt_tokens = sum(tokens for _, tokens in batch if tokens > 1)
        took = self._pace.seconds(prompt_tokens, len(batch))
        took *= max(0.5, self._random.gauss(1.0, self._pace.jitter))
        return Step(batch, self.now + took)

    def _plan_running(self, batch: list[tuple[Request, int]]) -> tuple[int, bool]:
        budget, preempted, index = self.limits.token_budget, False, 0
        while index < len(self.running) and budget > 0:
            request = self.running[index]
            tokens = min(request.tokens - request.computed, budget)
            while not self._grow(request, tokens):
                preempted = True
                self._preempt(self.running.pop())
                if index == len(self.running):
                    return budget, preempted
            batch.append((request, tokens))
            budget -= tokens
            index += 1
        return budget, preempted

    def _plan_waiting(self, batch: list[tuple[Request, int]], budget: int) -> None:
        while self.waiting and not self.swapped and budget > 0 and self._has_seat():
            request = self.waiting[0]
            if not self._admit(request):
                return
            self.waiting.popleft()
            budget = self._seat(request, batch, budget)

    def _swap_in(self, batch: list[tuple[Request, int]], budget: int) -> int:
        while self.swapped and budget > 0 and self._has_seat():
            needed = blocks_for(self.swapped[0].tokens)
            if needed > self.pool.free:
                break
            request = self.swapped.popleft()
            self.swapped_blocks -= blocks_for(request.computed)
            request.blocks = self.pool.take(needed)
            budget = self._seat(request, batch, budget)
        return budget

    def _has_seat(self) -> bool:
        return len(self.running) < self.limits.max_num_seqs

    def _seat(self, request: Request, batch: list[tuple[Request, int]], budget: int) -> int:
        tokens = min(request.tokens - request.computed, budget)
        self._grow(request, tokens)
        self.running.append(request)
        batch.append((request, tokens))
        return budget - tokens

    def _admit(self, request: Request) -> bool:
        """Share what is cached of a request's tokens, if there is room for all the others."""
        # The last token is always computed: its result is the next token.
        full_blocks = (request.tokens - 1) // BLOCK_TOKENS
        cached = self.pool.cached(request.ask.key(n, BLOCK_TOKENS) for n in range(full_blocks))
        needed = blocks_for(request.tokens) - len(cached)
        if needed > self.pool.free - self.pool.idle(cached):
            return False
        self.pool.share(cached)
        request.blocks = cached
        request.computed = len(cached) * BLOCK_TOKENS
        if math.isnan(request.scheduled):  # its first seat
            request.scheduled = self.now
            request.cached = min(request.computed, request.ask.prompt)
            self.ledger.admitted(request.ask.prompt, request.cached)
        return True

    def _grow(self, request: Request, tokens: int) -> bool:
        """Give a request the blocks for so many more tokens; False when too few are free."""
        missing = blocks_for(request.computed + tokens) - len(request.blocks)
        if missing <= 0:
            return True
        if missing > self.pool.free:
            return False
        request.blocks += self.pool.take(missing)
        return True

    def _preempt(self, request: Request) -> None:
        request.preemptions += 1
        self.ledger.preemptions += 1
        self.pool.release(request.blocks)
        request.blocks = []
        kept = blocks_for(request.computed)
        if self.swapped_blocks + kept <= self.limits.swap_blocks:
            self.swapped_blocks += kept
            self.swapped.append(request)
        else:
            request.computed = 0
            self.waiting.appendleft(request)

    # ── What a step has brought ───────────────────────────────────────────────────────────────────

    def _settle(self, step: Step) -> None:
        self.now = step.ends
        gaps: Counter[float] = Counter()
        outputs = computed_prompt = finished = 0
        for request, tokens in step.batch:
            self._compute(request, tokens)
            if request.computed < request.tokens:
                continue  # a chunk of a prompt: no token comes of it yet
            if request.generated:
                gaps[request.last_token] += 1
            else:
                computed_prompt += self._first_token(request)
            if request.ask.output:
                outputs += 1
                request.generated += 1
            request.last_token = self.now
            finished += request.done
        self._count(gaps, outputs, computed_prompt)
        if finished:
            self._retire()

    def _compute(self, request: Request, tokens: int) -> None:
        first = request.computed // BLOCK_TOKENS
        request.computed += tokens
        for number in range(first, request.computed // BLOCK_TOKENS):
            self.pool.seal(request.blocks[number], request.ask.key(number, BLOCK_TOKENS))

    def _first_token(self, request: Request) -> int:
        """Note a request's first token; returns the prompt tokens that were really computed."""
        request.first_token = self.now
        prompt = request.ask.prompt
        self.ledger.first_token(prompt, request.cached, self.now - request.arrived)
        return prompt - request.cached

    def _count(self, gaps: Counter[float], outputs: int, computed_prompt: int) -> None:
        # vLLM keeps no statistics of a step that brought nothing out.
        if not outputs and not computed_prompt:
            return
        self.ledger.generation_tokens += outputs
        self.ledger.step_tokens.observe(outputs + computed_prompt)
        for last_token, times in gaps.items():
            self.ledger.itl.observe(self.now - last_token, times)

    def _retire(self) -> None:
        staying: list[Request] = []
        for request in self.running:
            if request.done:
                self._finish(request)
            else:
                staying.append(request)
        self.running = staying

    def _finish(self, request: Request) -> None:
        self.pool.release(request.blocks)
        request.blocks = []
        ask = request.ask
        end = Finished(
            number=ask.number,
            reason="length" if 0 < ask.limit <= ask.output else "stop",
            prompt_tokens=ask.prompt,
            cached_tokens=request.cached,
            generated_tokens=request.generated,
            limit=ask.limit,
            preemptions=request.preemptions,
            arrived=request.arrived,
            scheduled=request.scheduled,
            first_token=request.first_token,
            ended=self.now,
        )
        self.ledger.finish(end)
        self.recent.append(end)
        self._ended(end)
