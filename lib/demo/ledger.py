"""What an engine has counted since it started: the numbers behind every counter and histogram.

Intervals are defined here as vLLM defines them, all in seconds on the engine's clock:
queue = arrival to first scheduling, prefill = first scheduling to first token, decode = first token
to last, inference = prefill + decode, TTFT = arrival to first token, e2e = arrival to last token,
ITL = one token to the next of the same request (a preemption in between counts as a long one).
Prompt tokens are counted when the first token appears, prefix-cache queries at first admission.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["FINISH_REASONS", "Finished", "Histogram", "Ledger", "one_two_five"]

FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
PER_TOKEN = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
PHASE = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
STEP_TOKENS = (1.0, *(float(2**n) for n in range(3, 15)))
PREEMPTIONS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
CHOICES = (1.0, 2.0, 5.0, 10.0, 20.0)

FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")


def one_two_five(limit: int) -> tuple[float, ...]:
    """The edges 1, 2, 5, 10, 20, 50 … that do not pass `limit`, for counts of tokens."""
    edges = (float(digit * 10**power) for power in range(len(str(limit))) for digit in (1, 2, 5))
    return tuple(edge for edge in edges if edge <= limit)


class Histogram:
    """Counts per bucket; a value equal to an edge belongs below it, as Prometheus has it."""

    __slots__ = ("counts", "edges", "sum")

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = tuple(edges)
        self.counts = [0] * (len(self.edges) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observe(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.edges, value)] += times
        self.sum += value * times


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished request, times in seconds on the engine's clock."""

    number: int
    reason: str
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    limit: int
    preemptions: int
    arrived: float
    scheduled: float
    first_token: float
    ended: float


@dataclass(slots=True)
class Ledger:
    """Everything counted since the engine started; `max_model_len` sets the token edges."""

    max_model_len: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generation_tokens: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    preemptions: int = 0
    rejections: int = 0
    finished: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FINISH_REASONS, 0))
    step_tokens: Histogram = field(default_factory=lambda: Histogram(STEP_TOKENS))
    ttft: Histogram = field(default_factory=lambda: Histogram(FIRST_TOKEN))
    itl: Histogram = field(default_factory=lambda: Histogram(PER_TOKEN))
    tpot: Histogram = field(default_factory=lambda: Histogram(PER_TOKEN))
    e2e: Histogram = field(default_factory=lambda: Histogram(PHASE))
    queue: Histogram = field(default_factory=lambda: Histogram(PHASE))
    inference: Histogram = field(default_factory=lambda: Histogram(PHASE))
    prefill: Histogram = field(default_factory=lambda: Histogram(PHASE))
    decode: Histogram = field(default_factory=lambda: Histogram(PHASE))
    request_preemptions: Histogram = field(default_factory=lambda: Histogram(PREEMPTIONS))
    choices: Histogram = field(default_factory=lambda: Histogram(CHOICES))
    prompt_length: Histogram = field(init=False)
    generation_length: Histogram = field(init=False)
    max_generation: Histogram = field(init=False)
    max_tokens: Histogram = field(init=False)
    prefill_computed: Histogram = field(init=False)

    def __post_init__(self) -> None:
        edges = one_two_five(self.max_model_len)
        self.prompt_length = Histogram(edges)
        self.generation_length = Histogram(edges)
        self.max_generation = Histogram(edges)
        self.max_tokens = Histogram(edges)
        self.prefill_computed = Histogram(edges)

    def admitted(self, prompt: int, hits: int) -> None:
        """A request got its seat for the first time; `hits` of its tokens were cached."""
        self.prefix_queries += prompt
        self.prefix_hits += hits

    def first_token(self, prompt: int, cached: int, seconds: float) -> None:
        """A request showed its first token, `seconds` after it arrived."""
        self.prompt_tokens += prompt
        self.cached_tokens += cached
        self.ttft.observe(seconds)

    def finish(self, end: Finished) -> None:
        """A request ended: one observation in each histogram that is kept per request."""
        self.finished[end.reason] += 1
        self._lengths(end)
        decode = end.ended - end.first_token
        self.e2e.observe(end.ended - end.arrived)
        self.queue.observe(end.scheduled - end.arrived)
        self.prefill.observe(end.first_token - end.scheduled)
        self.inference.observe(end.ended - end.scheduled)
        self.decode.observe(decode)
        # One token has no interval; vLLM then reports 0, as for a request that wants none.
        gaps = end.generated_tokens - 1
        self.tpot.observe(decode / gaps if gaps > 0 else 0.0)

    def _lengths(self, end: Finished) -> None:
        self.prompt_length.observe(end.prompt_tokens)
        self.prefill_computed.observe(end.prompt_tokens - end.cached_tokens)
        self.generation_length.observe(end.generated_tokens)
        self.max_generation.observe(end.generated_tokens)
        if end.limit:
            self.max_tokens.observe(end.limit)
        self.request_preemptions.observe(end.preemptions)
        self.choices.observe(1)
