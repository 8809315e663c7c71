"""Progress: for how long an engine with requests has stood still, scrape after scrape.

Pure: the moments come as arguments. Decided here:

- Of each engine with requests running or waiting, prompt, output or step counters must move, or the
  use of its KV cache: a long prompt counts nothing until it is read, but takes blocks step by step.
- An engine without requests has nothing to move: it never stands still.
- A queue whose head can't start is another matter: nothing runs, requests wait, the KV cache is as
  good as empty, and no token comes, whether the engine makes steps or not.
- A step of a long prompt may take long: how long is told by the longest prefill so far.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lib.metrics import Member, edge_of

__all__ = [
    "UNCOUNTED",
    "UNSEEN_AFTER",
    "Counts",
    "Progress",
    "Scrape",
    "Still",
    "counts_of",
    "longest_prefill",
    "requests",
]

UNSEEN_AFTER = 60.0
"""Nobody looked for so long (or the clock was set): what happened meanwhile is not known."""
EMPTY = 0.01
"""Share of the KV cache below which it is as good as empty."""

UNCOUNTED = "It counts neither tokens nor steps: whether it moves can't be seen."

Counts = tuple[float | None, ...]


class Scrape(Protocol):
    """What is asked of a scrape; `lib.metrics.Sample` and `lib.metrics.Glance` are such."""

    @property
    def members(self) -> tuple[Member, ...]:
        """The engines, as (model, engine)."""

    def of(
        self, quantity: str, part: str | None = None, member: Member | None = None
    ) -> float | None:
        """A quantity, of one engine or of all."""

    def parts(self, quantity: str) -> Mapping[str, float]:
        """The parts of a quantity, over all engines."""


class Still(NamedTuple):
    """For how many seconds an engine has stood still, and its queue's head has waited; or 0."""

    member: Member
    seconds: float
    blocked: float


@dataclass(slots=True)
class _Engine:
    """What one engine showed last, and since when it shows nothing else."""

    counts: Counts
    moved_at: float
    unblocked_at: float

    @property
    def can_tell(self) -> bool:
        """Whether it counts anything: the use of its KV cache alone may well stand still."""
        return any(count is not None for count in self.counts[:3])


@dataclass
class Progress:
    """Follows the engines of one server. Give it every scrape in order of time."""

    _engines: dict[Member, _Engine] = field(default_factory=dict)
    _seen_at: float = -math.inf

    def step(
        self, at: float, scrape: Scrape, *, unseen_after: float = UNSEEN_AFTER
    ) -> tuple[Still, ...]:
        """Take in the scrape of wall-clock time `at`: how each engine stands.

        One that tells no counters is left out: whether it moves can't be seen.
        """
        unseen = not 0 <= at - self._seen_at <= unseen_after
        before, self._engines, self._seen_at = self._engines, {}, at
        for member in scrape.members:
            was = None if unseen else before.get(member)
            self._engines[member] = _followed(was, at, scrape, member)
        return tuple(
            Still(member, at - one.moved_at, at - one.unblocked_at)
            for member, one in self._engines.items()
            if one.can_tell
        )


def _followed(was: _Engine | None, at: float, scrape: Scrape, member: Member) -> _Engine:
    counts = counts_of(scrape, member)
    if was is None:
        return _Engine(counts, at, at)
    stands = requests(scrape, member) > 0 and counts == was.counts
    waits = _is_blocked(scrape, member) and counts[:2] == was.counts[:2]
    return _Engine(counts, was.moved_at if stands else at, was.unblocked_at if waits else at)


def counts_of(scrape: Scrape, member: Member | None = None) -> Counts:
    """What moves while an engine works: tokens read and written, steps, KV cache use."""
    return (
        scrape.of("prompt_tokens", member=member),
        scrape.of("generation_tokens", member=member),
        scrape.of("step_tokens", "le=inf", member),
        scrape.of("kv_usage", member=member),
    )


def _is_blocked(scrape: Scrape, member: Member) -> bool:
    """Nothing runs, something waits, and the KV cache is as good as empty."""
    running, waiting = scrape.of("running", member=member), scrape.of("waiting", member=member)
    usage = scrape.of("kv_usage", member=member)
    return running == 0 and bool(waiting) and usage is not None and usage < EMPTY


def requests(scrape: Scrape, member: Member | None = None) -> float:
    """How many requests run and wait, in one engine or in all."""
    return sum(scrape.of(one, member=member) or 0.0 for one in ("running", "waiting"))


def longest_prefill(scrape: Scrape) -> float:
    """Upper edge of the bucket of the longest prefill so far, in seconds; 0 if there was none."""
    buckets = {
        edge: count
        for part, count in scrape.parts("prefill_time").items()
        if (edge := edge_of(part)) is not None
    }
    total = buckets.get(math.inf, 0.0)
    return min(edge for edge, count in buckets.items() if count >= total) if total else 0.0
