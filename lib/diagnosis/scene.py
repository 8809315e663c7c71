"""A window as rules look at it: curves on one grid, what they were before, and how much was seen.

This module alone decides how finely rules look, what "before" means, and when too little is known
to say anything. A curve that several rules read is computed once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.context import Context
from lib.diagnosis.finding import Curve, How
from lib.diagnosis.holding import BLIND, holding_since
from lib.diagnosis.points import points
from lib.diagnosis.words import counted
from lib.metrics import BY_NAME, Grid, Member, Window, rate_curve
from lib.metrics.sample import Values

__all__ = ["LEAST_COUNTED", "MINUTE", "RESTS_AFTER", "Base", "Change", "Scene", "last", "trailing"]

Flags = NDArray[np.bool_]

MINUTE = 60.0
STEP = 5.0
"""Seconds between the moments that rules look at (a period or a minute where that is longer)."""
BEFORE = 1_800.0
"""Seconds before an onset that count as "before"."""
LEAST_BEFORE = 120.0
"""Seconds of readings without which nothing is known of "before"."""
LEAST_COUNTED = 8.0
"""Values below which a percentile or a mean is chance."""
RESTS_AFTER = 120.0
"""Seconds without a request after which a server is at rest."""
WORK = ("prompt_tokens", "generation_tokens", "finished")
"""Counters that show requests which came and went between two scrapes."""
AHEAD = 120.0
"""Seconds before an onset in which its links may have crossed already."""
CLEAR = 3.0
"""Median absolute deviations by which a change must leave what was usual."""
ENGINES = 64
"""Engines that are looked at one by one, at most."""
SHIFT = 0.2
"""Share of what was usual by which it must change at least, for that to be called a change."""


@dataclass(frozen=True, slots=True)
class Base:
    """What was usual before a moment: the median, and the median absolute deviation from it."""

    median: float
    deviation: float

    def is_left_by(self, value: float) -> bool:
        """Whether a value is clearly not what was usual."""
        shift = abs(value - self.median)
        return shift >= CLEAR * self.deviation and shift >= SHIFT * abs(self.median)


@dataclass(frozen=True, slots=True)
class Change:
    """A curve that is not what it was: since when, what it was, and what it is."""

    since: float
    base: Base
    now: float


class Scene:
    """A window's curves on a grid. `usage` is the highest in each step and of all engines."""

    def __init__(self, window: Window, context: Context) -> None:
        self.window = window
        self.context = context
        self.grid = Grid.within(window.start, window.end, max(STEP, window.period))
        self._curves: dict[Curve, Values] = {}
        self.usage = self.curve(Curve("kv_usage", How.MAX))
        self.waiting = self.curve(Curve("waiting", How.GAUGE))
        self.running = self.curve(Curve("running", How.GAUGE))

    # ── What was seen ──

    @cached_property
    def seen(self) -> float:
        """Seconds that were seen, gaps left out."""
        return float(np.nansum(self.window.elapsed))

    @cached_property
    def newest(self) -> float | None:
        """When it last answered (wall-clock seconds); None if it never did."""
        answers = self.window.times[self.window.answered]
        return float(answers[-1]) if len(answers) else None

    @cached_property
    def silent(self) -> bool:
        """Whether the last answer is so old that nothing can be said of now."""
        return self.newest is None or self.window.end - self.newest > BLIND

    @cached_property
    def rests(self) -> bool:
        """Whether nothing has run, waited or been counted for a while; not if that is not known."""
        since = self.window.end - RESTS_AFTER
        if self.seen < RESTS_AFTER or self.highest(self.waiting, since) > 0:
            return False
        return self.highest(self.running, since) == 0 and not any(
            self.increase(one, since) for one in WORK
        )

    def tells(self, quantity: str) -> bool:
        """Whether the server gave this quantity any value."""
        return bool(np.isfinite(self.window.values[:, self.window.layout.columns(quantity)]).any())

    def lacks(self, quantities: tuple[str, ...]) -> str:
        """The metrics, of those that these quantities are read from, that have no value."""
        return ", ".join(BY_NAME[one].source for one in quantities if not self.tells(one))

    def label(self, name: str) -> float | None:
        """The least of a configuration label's values over the engines; None if it is no number."""
        values = []
        for config in self.window.layout.configs:
            try:
                values.append(float(config.get(name, "")))
            except ValueError:
                continue
        known = [value for value in values if np.isfinite(value)]
        return min(known) if known else None

    def words(self, name: str) -> frozenset[str]:
        """What the engines say in a configuration label, as they write it."""
        return frozenset(one[name] for one in self.window.layout.configs if name in one)

    @cached_property
    def engines(self) -> tuple["Scene", ...]:
        """Each engine alone, for what happens within one: the scene itself where there is but one.

        What the process tells of all of them is in each.
        """
        if len(self.window.layout.members) < 2:
            return (self,)
        return tuple(Scene(self.window.engine(one), self.context) for one in self._members)

    @property
    def _members(self) -> tuple[Member, ...]:
        """The engines that are looked at one by one."""
        return self.window.layout.members[:ENGINES]

    def members(self, those: Collection["Scene"]) -> tuple[Member, ...]:
        """Some of its engines, as the layout names them."""
        each = zip(self._members, self.engines, strict=False)
        return tuple(member for member, one in each if one in those)

    # ── Curves ──

    def curve(self, curve: Curve) -> Values:
        """The curve's points on the grid; none where so little was counted that it is chance."""
        if curve not in self._curves:
            values = points(curve, self.window, self.grid)
            if curve.how in (How.PERCENTILE, How.MEAN):
                values = np.where(self._counted(curve) >= LEAST_COUNTED, values, np.nan)
            self._curves[curve] = values
        return self._curves[curve]

    def _counted(self, curve: Curve) -> Values:
        """How many values a histogram counted in what each point looks back."""
        span = max(curve.span, self.grid.step)
        rate = rate_curve(self.window, self.grid, span, curve.quantity, "le=inf")
        counted: Values = rate * span
        return counted

    @cached_property
    def queued(self) -> Values:
        """Requests that wait for room; deferred ones wait for something else."""
        if not self.tells("waiting_by_reason"):
            return self.waiting
        return self.curve(Curve("waiting_by_reason", How.GAUGE, part="capacity"))

    @property
    def is_resting(self) -> bool:
        """Whether it is asleep or paused on purpose, as of now."""
        awake = last(self.window.gauge("sleep_state", "awake"))
        return awake == 0 or self.context.paused is True

    # ── Since when ──

    def since(
        self,
        enters: Flags,
        leaves: Flags | None = None,
        *,
        known: Flags,
        hold: float,
        release: float,
    ) -> float | None:
        """Since when a condition holds (`lib.diagnosis.holding`); it is left where not entered.

        One of a process that was is over with it, however soon the next one answers.
        """
        left = ~enters if leaves is None else leaves
        known = known & (self.grid.moments >= self._restarted)
        return holding_since(self.grid, known, enters, left, hold=hold, release=release)

    @cached_property
    def _restarted(self) -> float:
        """When it last restarted."""
        return max(self.window.restarts, default=-np.inf)

    def crossed(self, over: Flags, onset: float) -> float | None:
        """The first moment about or after an onset at which something was so twice in a row.

        What was so before the onset and was not any more when it came was chance.
        """
        twice, moments = over.copy(), self.grid.moments
        twice[:-1] &= over[1:]
        not_yet = moments[(moments < onset) & ~over]
        began = max([onset - AHEAD, *not_yet[-1:]])
        crossings = moments[twice & (moments >= began)]
        return float(crossings[0]) if len(crossings) else None

    def before(self, curve: Curve, onset: float) -> Base | None:
        """What a curve usually was before an onset; None where too little was seen of that."""
        moments, values = self.grid.moments, self.curve(curve)
        past = values[(moments >= onset - BEFORE) & (moments < onset) & np.isfinite(values)]
        if len(past) * self.grid.step < LEAST_BEFORE:
            return None
        median = float(np.median(past))
        return Base(median, float(np.median(np.abs(past - median))))

    def changed(
        self, curve: Curve, *, times: float = 1.0, by: float = 0.0, hold: float = MINUTE
    ) -> Change | None:
        """How a curve changed for good: to so many times, or by so much from, what it was.

        What it was is at first taken from the earlier third of the window, then, to be sure, from
        all that was seen before the change.
        """
        values = self.curve(curve)
        known = np.isfinite(values)
        early = values[known][: max(int(LEAST_BEFORE / self.grid.step), known.sum() // 3)]
        if len(early) * self.grid.step < LEAST_BEFORE:
            return None
        usual = float(np.median(early))
        shift = (usual * times + by) - usual
        moved = (values - usual) * np.sign(shift)
        since = holding_since(
            self.grid,
            known,
            moved >= abs(shift),
            moved < abs(shift) / 2,
            hold=hold,
            release=hold,
        )
        base = None if since is None else self.before(curve, since)
        if since is None or base is None:
            return None
        newest = values[known & (self.grid.moments > self.window.end - MINUTE)]
        now = float(np.median(newest)) if len(newest) else float("nan")
        shift = (base.median * times + by) - base.median
        is_far = (now - base.median) * np.sign(shift) >= abs(shift)
        return Change(since, base, now) if is_far and base.is_left_by(now) else None

    # ── Figures ──

    def highest(self, values: Values, since: float) -> float:
        """The greatest known value since a moment; NaN if there is none."""
        known = values[(self.grid.moments >= since) & np.isfinite(values)]
        return float(known.max()) if len(known) else float("nan")

    def lowest(self, values: Values, since: float) -> float:
        """The least known value since a moment; NaN if there is none."""
        return -self.highest(-values, since)

    def increase(self, quantity: str, since: float, part: str | None = None) -> float | None:
        """Growth since a moment; None if it is not reported.

        As `Window.since` would tell it, without counting all that is in it anew.
        """
        rows = self._told(quantity, since, part)
        if len(rows) < 2:
            return None
        return float(np.nansum(self.window.growth(quantity, part)[rows[1:]]))

    def rate(self, quantity: str, since: float, part: str | None = None) -> float | None:
        """Growth per second since a moment; None if it is not reported."""
        rows, grown = self._told(quantity, since, part), self.increase(quantity, since, part)
        if grown is None:
            return None
        return grown / float(self.window.times[rows[-1]] - self.window.times[rows[0]])

    def _told(self, quantity: str, since: float, part: str | None) -> NDArray[np.intp]:
        """The rows since a moment that tell a quantity."""
        columns = self.window.layout.columns(quantity, part)
        told = np.isfinite(self.window.values[:, columns]).any(axis=1)
        return np.flatnonzero(told & (self.window.times >= since))

    def mean(self, quantity: str, since: float) -> float | None:
        """The mean of what a histogram counted since a moment; None if that is nothing."""
        total = self.increase(quantity, since, "sum")
        count = self.increase(quantity, since, "le=inf")
        return total / count if total is not None and count else None

    def free(self, since: float) -> str:
        """How many blocks are free, in a sentence; "" if that is not reported."""
        span = self.window.since(since)
        free = last(span.gauge("blocks_usable") - span.gauge("blocks_used"))
        engines = " of all engines together" if len(self.window.layout.members) > 1 else ""
        if np.isnan(free):
            return ""
        return f" {counted(free, 'block')}{engines} {'is' if round(free) == 1 else 'are'} free."


def last(curve: Values) -> float:
    """The newest known value; NaN if there is none."""
    known = curve[np.isfinite(curve)]
    return float(known[-1]) if len(known) else float("nan")


def trailing(curve: Values, points: int) -> Values:
    """The mean of the last `points` values at each, known ones only; NaN before there are so many.

    NaN as well where none of them is known.
    """
    known = np.isfinite(curve)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, curve, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    means = np.full(len(curve), np.nan)
    if len(curve) < points:
        return means
    some = count[points:] - count[:-points]
    np.divide(total[points:] - total[:-points], some, out=means[points - 1 :], where=some > 0)
    return means
