"""Routing: which servers could take a request now, best first, and why.

Pure: newest figures in, an order out. Decided here, from best to worst:

1. free: nothing waits, a seat and KV cache are left. The more of the cache is free the better; then
   the fewer of its seats are taken;
2. not known: it serves, but its figures do not tell whether it is free;
3. would wait: requests wait already, or seats or cache are taken. The shorter queue is better;
4. in doubt: it may hang, or has just failed to answer;
5. out: it can't serve now, or nothing new is known of it.

Free shares are compared in steps of `STEP`, so that two servers that are equally free do not change
places with every reading; names decide between equals.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from lib.health.states import State, Status

__all__ = ["FULL", "STEP", "Candidate", "Place", "Standing", "route"]

STEP = 0.05
FULL = 0.05
"""Free share of the KV cache below which a new request waits for its blocks."""

_THIN = "\N{NARROW NO-BREAK SPACE}"
_OUT = frozenset(
    {
        *(State.HUNG, State.LIVELOCKED, State.DENIED, State.LOADING),
        *(State.PAUSED, State.ASLEEP, State.UNKNOWN),
    }
)
_DOUBTFUL = frozenset({State.SUSPECT, State.FAILING})


class Standing(Enum):
    """Where a server stands, best first; the value says when it would start on a request."""

    FREE = "at once"
    NOT_KNOWN = "not known"
    WAITS = "after a wait"
    DOUBTFUL = "in doubt"
    OUT = "not now"

    @property
    def takes(self) -> bool:
        """Whether a request could be sent there."""
        return self is not Standing.OUT

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Standing).index(self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server as of its newest reading, which is `age` seconds old; None is "not known".

    `free` is the share of its KV cache that running work leaves, from 0 to 1; `seats` is how many
    requests may run at once.
    """

    server: str
    status: Status | None = None
    age: float | None = None
    free: float | None = None
    running: float | None = None
    waiting: float | None = None
    seats: float | None = None


class Place(NamedTuple):
    """A server's place in the order, and its reason in a sentence."""

    server: str
    standing: Standing
    reason: str


def route(candidates: Iterable[Candidate], *, stale_after: float) -> tuple[Place, ...]:
    """All servers, best first. A reading older than `stale_after` seconds tells nothing."""
    placed = [(_place(one, stale_after), one) for one in map(_cleaned, candidates)]
    return tuple(place for place, _ in sorted(placed, key=lambda pair: _order(*pair)))


def _cleaned(one: Candidate) -> Candidate:
    """With the figures that can be."""
    free = _figure(one.free)
    return Candidate(
        one.server,
        one.status,
        _figure(one.age),
        None if free is None else min(free, 1.0),
        _figure(one.running),
        _figure(one.waiting),
        _figure(one.seats) or None,
    )


def _figure(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _order(place: Place, one: Candidate) -> tuple[float | str, ...]:
    """What sorts two servers: within a standing by room, between equals by name."""
    standing = place.standing
    if standing not in (Standing.FREE, Standing.WAITS):
        return standing.rank, place.server
    room = -math.floor((one.free or 0.0) / STEP + 1e-9)
    taken = math.inf if not one.seats or one.running is None else one.running / one.seats
    running = math.inf if one.running is None else one.running
    queue = one.waiting or 0.0
    return standing.rank, queue, room, taken, running, place.server


def _place(one: Candidate, stale_after: float) -> Place:
    if out := _why_out(one, stale_after):
        return Place(one.server, Standing.OUT, out)
    if one.status and one.status.state in _DOUBTFUL:
        reason = f"{one.status.state.value}: {_sentence(one.status.reason)}"
        return Place(one.server, Standing.DOUBTFUL, reason)
    if full := _why_waiting(one):
        return Place(one.server, Standing.WAITS, _capital(f"{full}; {_at_work(one)}."))
    if one.free is None or one.waiting is None:
        return Place(one.server, Standing.NOT_KNOWN, _unknown(one))
    free = f"{_percent(one.free)} of its KV cache is free and nothing waits; {_at_work(one)}."
    return Place(one.server, Standing.FREE, free)


def _why_out(one: Candidate, stale_after: float) -> str:
    if one.status is None or one.age is None:
        return "There is no reading of it yet."
    if one.age > stale_after:
        return f"Its newest reading is {one.age:.0f}{_THIN}s old: nothing is known of it now."
    state = one.status.state
    if state in _OUT or state.is_down:
        return f"{state.value}: {_sentence(one.status.reason)}"
    return ""


def _why_waiting(one: Candidate) -> str:
    """What a new request would wait for; "" if for nothing that is known."""
    if one.waiting:
        before = "request waits" if one.waiting == 1 else "requests wait"
        return f"{one.waiting:.0f} {before} already{_free_too(one)}"
    if one.seats and one.running is not None and one.running >= one.seats:
        return f"all {one.seats:.0f} seats are taken{_free_too(one)}"
    if one.free is not None and one.free < FULL:
        return f"only {_percent(one.free)} of its KV cache is free"
    return ""


def _free_too(one: Candidate) -> str:
    return "" if one.free is None else f", {_percent(one.free)} of its KV cache is free"


def _unknown(one: Candidate) -> str:
    lacking = [
        what
        for what, value in (("how full its KV cache is", one.free), ("its queue", one.waiting))
        if value is None
    ]
    return f"It serves, but does not tell {' and '.join(lacking)}; {_at_work(one)}."


def _at_work(one: Candidate) -> str:
    if one.running is None:
        return "how many requests run is not known"
    seats = f" in {one.seats:.0f} seats" if one.seats else ""
    return f"{one.running:.0f} running{seats}"


def _percent(share: float) -> str:
    """Rounded down: nothing counts as free that is not."""
    return f"{math.floor(share * 100 + 1e-9)}{_THIN}%"


def _sentence(reason: str) -> str:
    return reason or "no more is known."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
