"""A server's verdicts over a window: a strip of stretches, and what they come to.

This module alone decides what a strip is made of: neighbours that mean the same are one stretch,
time in which nobody looked is a gap, and what is finer than a browser can draw is told by its
worst. A strip reads the history once and follows the newest readings from then on.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from lib.health import State, Tone
from lib.metrics import Sample
from lib.servers import Server
from lib.ui.board import Source, Words
from lib.ui.plain import plain, ratio, span
from lib.ui.windows import Span
from lib.watch.pace import LONGEST_PAUSE
from lib.watch.record import Tick

__all__ = ["CELLS", "GAP", "Part", "Strip", "coarse", "joined", "share"]

CELLS = 480
"""Stretches of a strip at most: finer ones become cells of the window's length / CELLS."""
GAP = 3.5
"""Periods without a reading after which nobody looked: the view has a beat of its own."""
UNSEEN = "Nobody looked."
REASON_LENGTH = 200
RETOLD = 5.0
"""Seconds after which a stretch that goes on is told again where its reason has changed."""
RESTARTS = 50
RESTARTS_EVERY = 10.0
"""Seconds between two looks for restarts in the newest readings."""


class Part(NamedTuple):
    """A server was in one state from `start` to `end` (wall-clock seconds)."""

    start: float
    end: float
    state: State
    reason: str


class Strip:
    """One server over one window. For one thread at a time."""

    def __init__(self, server: Server, window: Span) -> None:
        self.server = server
        self.parts: list[Part] = []
        self.restarts: list[float] | None = None
        self._window = window
        self._until: float | None = None
        self._reach = 0.0
        self._told_at = 0.0
        self._searched = self._answered = 0.0
        self._facts: Words = {}

    @property
    def is_read(self) -> bool:
        """Whether it reaches back over the window, so that it can follow."""
        return self._until is not None

    def read(self, source: Source, now: float) -> None:
        """Read the verdicts of the whole window."""
        start = now - self._window.seconds
        newest = source.latest(self.server.id)
        self._until = newest.at if newest else now
        self._reach = _reach(newest, source.period)
        parts = self._history(source, start, self._until)
        self.parts = coarse(joined(parts), start, self._window.seconds / CELLS)
        self._close(now)

    def count_restarts(self, source: Source, now: float) -> None:
        """Look for restarts in all of the window; it costs more than the verdicts."""
        window = source.window(self.server.id, now - self._window.seconds, now)
        self.restarts = list(window.restarts)[-RESTARTS:]
        newest = source.latest(self.server.id)
        is_answering = newest is not None and newest.sample is not None
        self._searched = now
        self._answered = now if is_answering else now - self._window.seconds

    def follow(self, source: Source, now: float) -> list[Part]:
        """Take in the newest reading; the stretches that have begun, ended or been retold."""
        newest = source.latest(self.server.id)
        before = self.parts[-1:]
        if newest and self._until is not None and newest.at > self._until:
            if newest.at - self._until > self._reach:
                self._add(self._history(source, self._until, newest.at))
            status = newest.status
            self._add([_part(self._until, newest.at, status.state, status.reason)])
            self._until, self._reach = newest.at, _reach(newest, source.period)
        self._close(now)
        self._trim(now - self._window.seconds)
        self._search(source, now)
        return self._news(before, now)

    def facts(self, sample: Sample | None, now: float) -> Words | None:
        """What stands below the strip; None where that is what was said before."""
        told, watched = share(self.parts, now - self._window.seconds, now)
        facts: Words = {
            "up": _started(sample),
            "up_words": "uptime not reported" if sample else "no reading to tell its uptime",
            "restarts": self.restarts,
            "share": told,
            "watched": watched,
        }
        if facts == self._facts:
            return None
        self._facts = facts
        return facts

    def forget_facts(self) -> None:
        """Say them again: somebody comes who has not heard them."""
        self._facts = {}

    # ── Growing ──

    def _history(self, source: Source, start: float, end: float) -> list[Part]:
        """What the feed knows of a span; what it does not know of, nobody has seen."""
        found = source.states(self.server.id, start, end)
        parts = [_part(one.start, one.end, one.state, one.reason) for one in found]
        return parts or [_part(start, end, State.UNKNOWN, UNSEEN)]

    def _add(self, parts: Iterable[Part]) -> None:
        self.parts = joined([*self.parts, *parts])

    def _close(self, now: float) -> None:
        """Where no reading has come for a while nobody looks."""
        if self._until is not None and now - self._until > self._reach:
            self._add([_part(self._until, now, State.UNKNOWN, UNSEEN)])

    def _trim(self, start: float) -> None:
        while len(self.parts) > 1 and self.parts[0].end < start:
            self.parts.pop(0)

    def _search(self, source: Source, now: float) -> None:
        """Look for restarts since the answer that was the newest at the last look.

        Only while it answers: what is down has not come back.
        """
        newest = source.latest(self.server.id)
        if self.restarts is None or newest is None or newest.sample is None:
            return
        if now < self._searched + RESTARTS_EVERY:
            return
        window = source.window(self.server.id, self._answered - GAP * source.period, now)
        known = self.restarts[-1] if self.restarts else -math.inf
        start = now - self._window.seconds
        every = [*self.restarts, *(at for at in window.restarts if at > known)]
        self.restarts = [at for at in every if at >= start][-RESTARTS:]
        self._searched, self._answered = now, newest.at

    def _news(self, before: Sequence[Part], now: float) -> list[Part]:
        """From the stretch that was the last one on, if anything is to be said of it."""
        old = before[0] if before else None
        last = self.parts[-1] if self.parts else None
        if last is None or (old and last.start == old.start and last.state is old.state):
            if old is None or last is None or last.reason == old.reason:
                return []
            if now < self._told_at + RETOLD:
                self.parts[-1] = last._replace(reason=old.reason)
                return []
        self._told_at = now
        start = old.start if old else -math.inf
        return [part for part in self.parts if part.start >= start]


def joined(parts: Iterable[Part]) -> list[Part]:
    """Neighbours of one meaning as one stretch, with the reason that came last; none overlaps."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        start = max(part.start, last.end) if last else part.start
        if part.end <= start and last:
            continue
        if last and last.state is part.state:
            found[-1] = last._replace(end=part.end, reason=part.reason or last.reason)
        else:
            found.append(part._replace(start=start))
    return found


def coarse(parts: list[Part], start: float, cell: float) -> list[Part]:
    """Not more stretches than can be drawn: else the worst of each cell of the window."""
    if len(parts) <= CELLS:
        return parts
    worst: dict[int, Part] = {}
    for part in parts:
        first = math.floor((part.start - start) / cell)
        for index in range(first, max(first + 1, math.ceil((part.end - start) / cell))):
            known = worst.get(index)
            if known is None or part.state.rank < known.state.rank:
                worst[index] = part
    return joined(
        part._replace(start=start + index * cell, end=start + (index + 1) * cell)
        for index, part in sorted(worst.items())
    )


def share(parts: Iterable[Part], start: float, end: float) -> tuple[str | None, str]:
    """How much of the time it was fit, of that in which somebody looked and it was not at rest.

    A moment of quiet is a long step of an engine that serves. Returns the share, None where nobody
    looked, and how long somebody did.
    """
    spent = dict.fromkeys(Tone, 0.0)
    for part in parts:
        if part.state is not State.UNKNOWN:
            tone = Tone.GOOD if part.state is State.QUIET else part.state.tone
            spent[tone] += max(0.0, min(part.end, end) - max(part.start, start))
    rest = spent.pop(Tone.OFF)
    judged = sum(spent.values())
    watched = span(judged + rest)
    if judged <= 0:
        return None, watched
    fit = spent[Tone.GOOD] / judged
    # Never a round 100 % for a server that failed for a moment.
    return (ratio(fit) if fit == 1.0 or fit < 0.995 else "> 99\u202f%"), watched


def _part(start: float, end: float, state: State, reason: str) -> Part:
    """Busy and healthy are one thing in a history, and need no reason."""
    if state.tone is Tone.GOOD:
        return Part(start, end, State.HEALTHY, "")
    return Part(start, end, state, plain(reason, REASON_LENGTH))


def _reach(newest: Tick | None, period: float) -> float:
    """Seconds for which a reading speaks: a server that fails is asked less often."""
    pause = LONGEST_PAUSE if newest and newest.sample is None else 0.0
    return GAP * period + pause


def _started(sample: Sample | None) -> float | None:
    """When the server's oldest process began; None where it does not tell."""
    if sample is None:
        return None
    told = sample.values[sample.layout.columns("process_start")]
    told = told[np.isfinite(told) & (told > 0)]
    return float(told.min()) if told.size else None
