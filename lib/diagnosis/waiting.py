"""Why requests wait now: what is in their way, and how many it holds up.

Decided here: the causes of waiting, and how the waiting requests are shared out among them, each to
one, and each engine's apart: one queues while another has room. What the engine itself says of them
comes first (`deferred`: an adapter or a grammar is not there yet). The rest wait for capacity; for
which, a finding of that engine that holds now says, for it was watched longer. Without one, each
moment of the last minute at which something waited votes:

- blocks: nine tenths of the KV cache are in use, or requests are preempted;
- seats: the running requests are as many as at the most, and that number has not moved;
- the prefill budget: most tokens of an engine's step are prompts;
- nobody is admitted: nothing runs;
- else they have only just come, and wait for the next step.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.finding import Finding
from lib.metrics import BY_NAME, GAP_PERIODS, Grid, Window, gauge_curve, mean_curve, rate_curve
from lib.metrics.sample import Values

__all__ = ["Cause", "by_cause"]

BACK, STEP = 60.0, 5.0
FRESH = 15.0
"""Seconds that the newest answer may be old."""
FULL = 0.9
PREEMPTING = 0.05
MOVES = 1.0
"""Requests by which the running ones may change and still stand at their limit."""
_MOST_REASONS = 4
LEAST_STANDING = 4
"""Moments that they must have stood there."""
PROMPTS = 4.0
"""Tokens of a step for each running request from which on most of them are prompts."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cause:
    """What `count` of the waiting requests wait for, a `share` of all, in a sentence.

    `how` is where that comes from, for a tooltip.
    """

    name: str
    count: int
    share: float
    sentence: str
    how: str


_NAMES = {
    "asleep": "server asleep or paused",
    "hung": "engine stands still",
    "stuck": "nobody is admitted",
    "blocks": "KV cache",
    "seats": "seat limit",
    "prefill": "prefill budget",
    "step": "next step",
}
"""The causes, in the order in which they are told of."""
_FOR = {
    "asleep": "for the server to be woken or resumed",
    "hung": "for an engine that does not move",
    "stuck": "though nothing runs: the first of them is not admitted",
    "blocks": "for KV blocks",
    "seats": "for a seat",
    "prefill": "for their turn in the prefill: steps are full of prompt tokens",
    "step": "for the next step of the engine: they have only just come",
}
_BY_PATTERN = {
    29: "asleep", 11: "hung", 12: "stuck", 1: "blocks", 2: "blocks", 3: "seats", 4: "prefill",
}  # fmt: skip
"""The known patterns (`Finding.pattern`) that say what requests wait for, the surest first."""


def by_cause(window: Window, findings: Iterable[Finding] = ()) -> tuple[Cause, ...]:
    """What the waiting requests wait for as of the window's end, most first; none if none waits.

    The counts add up to their number. `findings` are those that hold now.
    """
    found = tuple(findings)
    recent = window.since(window.end - BACK)
    told, held = Counter[str](), defaultdict[str, _Held](_Held)
    reasons = _reasons(recent)
    for member in recent.layout.members:
        engine = _Recent(recent.engine(member))
        said = _told(engine, reasons)
        told.update(said)
        known = {one.pattern for one in found if one.is_of(member)}
        sure = next((name for pattern, name in _BY_PATTERN.items() if pattern in known), None)
        votes = {sure: 1.0} if sure else engine.votes()
        for name, count in _shared(engine.waiting - said.total(), votes).items():
            held[name].add(count, engine, sure=sure is not None)
    total = told.total() + sum(one.count for one in held.values())
    causes = [_said_so(reason, count, total) for reason, count in told.items() if count]
    causes += [_cause(name, held[name], total) for name in _NAMES if held[name].count]
    return tuple(sorted(causes, key=lambda one: -one.count))


class _Recent:
    """The last minute of an engine, on a grid."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.grid = Grid.within(window.end - BACK, window.end, max(STEP, window.period))
        self.usage = self._curve("kv_usage", "max")
        self.running = self._curve("running")
        self._queue = self._curve("waiting")

    def _curve(self, quantity: str, how: str = "sum") -> Values:
        return gauge_curve(self.window, self.grid, quantity, how=how)

    @property
    def waiting(self) -> int:
        """Requests that wait as of the newest answer; 0 also where that is old."""
        return round(self.now("waiting"))

    def now(self, quantity: str, part: str | None = None) -> float:
        """The newest value of a gauge; 0 where there is none."""
        values = self.window.gauge(quantity, part)
        known = np.flatnonzero(np.isfinite(values))
        patience = max(FRESH, GAP_PERIODS * self.window.period)
        if not len(known) or self.window.end - self.window.times[known[-1]] > patience:
            return 0.0
        return float(values[known[-1]])

    def votes(self) -> Mapping[str, float]:
        """How many moments speak for each cause."""
        waited = self._queue > 0
        blocks = (self.usage >= FULL) | (self._rate("preemptions") >= PREEMPTING)
        stuck = self.running == 0
        seats = self._standing(waited)
        prefill = self._step_tokens() >= PROMPTS * self.running
        votes = dict[str, float]()
        left = waited
        for name, flags in (
            ("stuck", stuck), ("blocks", blocks), ("seats", seats), ("prefill", prefill),
        ):  # fmt: skip
            votes[name] = float((left & flags).sum())
            left = left & ~flags
        votes["step"] = float(left.sum())
        return votes if any(votes.values()) else {"step": 1.0}

    def _standing(self, waited: Flags) -> Flags:
        """When the running requests were at the limit that they seem to have."""
        then = self.running[waited & np.isfinite(self.running)]
        if len(then) < LEAST_STANDING or then.max() - then.min() > MOVES or not then.min():
            return np.zeros(self.grid.size, np.bool_)
        flags: Flags = waited & np.isfinite(self.running)
        return flags

    def _rate(self, quantity: str) -> Values:
        return rate_curve(self.window, self.grid, self.grid.step, quantity)

    def _step_tokens(self) -> Values:
        return mean_curve(self.window, self.grid, 3 * self.grid.step, "step_tokens")

    @property
    def used(self) -> float | None:
        """How much of its cache is in use, 0 to 1; None if that is not known."""
        values = self.window.gauge("kv_usage", how="max")
        known = values[np.isfinite(values)]
        return float(known[-1]) if len(known) else None


@dataclass(slots=True)
class _Held:
    """What one cause holds up: how many requests, in which engines, and whether findings say so."""

    count: int = 0
    engines: list[_Recent] = field(default_factory=list)
    ways: set[str] = field(default_factory=set)

    def add(self, count: int, engine: _Recent, *, sure: bool) -> None:
        """The requests of one more engine."""
        if count:
            self.count += count
            self.engines.append(engine)
            self.ways.add("the finding above" if sure else "each moment of the last minute")

    @property
    def fullest(self) -> str:
        """The use of the fullest engine's cache, in words; "" if that is not known."""
        known = [one.used for one in self.engines if one.used is not None]
        return f"{max(known):.0%}" if known else ""

    @property
    def running(self) -> int:
        """Requests that run in these engines."""
        return round(sum(one.now("running") for one in self.engines))


def _reasons(window: Window) -> tuple[str, ...]:
    """What else than capacity requests wait for, in the server's own words; a few at most."""
    parts = window.layout.parts("waiting_by_reason")
    return tuple(islice((one for one in parts if one != "capacity"), _MOST_REASONS))


def _told(recent: _Recent, reasons: Iterable[str]) -> Counter[str]:
    """How many wait for each of these, as the engine says; never more than wait."""
    told, left = Counter[str](), recent.waiting
    for reason in reasons:
        told[reason] = min(left, round(recent.now("waiting_by_reason", reason)))
        left -= told[reason]
    return told


def _shared(number: int, votes: Mapping[str, float]) -> dict[str, int]:
    """So many requests by these votes; whole, and as many as before."""
    total = sum(votes.values())
    exact = {name: number * votes[name] / total for name in votes}
    whole = {name: math.floor(share) for name, share in exact.items()}
    over = number - sum(whole.values())
    nearest = sorted(exact, key=lambda name: whole[name] - exact[name])
    return {name: whole[name] + (name in nearest[:over]) for name in _NAMES if name in exact}


def _said_so(reason: str, count: int, total: int) -> Cause:
    source = BY_NAME["waiting_by_reason"].source
    known = {"deferred": "for an adapter, a grammar or blocks from another server"}
    sentence = f"{_some(count)} {known.get(reason, f'with the reason “{reason[:40]}”')}."
    return Cause(reason[:40], count, count / total, sentence, f"{source}, {reason[:40]}")


def _cause(name: str, held: _Held, total: int) -> Cause:
    sentence = f"{_some(held.count)} {_what(name, held)}."
    how = f"{BY_NAME['waiting'].source}, shared out by {' and '.join(sorted(held.ways))}"
    return Cause(_NAMES[name], held.count, held.count / total, sentence, how)


def _some(count: int) -> str:
    return f"{count} waits" if count == 1 else f"{count} wait"


def _what(name: str, held: _Held) -> str:
    used = held.fullest
    if name == "blocks" and used:
        return f"{_FOR[name]}: {used} of the cache is in use"
    if name == "seats":
        run = "1 runs" if held.running == 1 else f"{held.running} run"
        return f"{_FOR[name]}: {run}, and no more did in the last minute"
    return _FOR[name]
