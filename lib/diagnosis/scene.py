"""A window as rules look at it: the curves that several of them read, and how much was seen.

This module alone decides how finely rules look, and when too little is known to say anything.
"""

from functools import cached_property

import numpy as np

from lib.diagnosis.context import Context
from lib.diagnosis.finding import Curve
from lib.diagnosis.holding import BLIND
from lib.diagnosis.points import points
from lib.metrics import BY_NAME, Grid, Window, gauge_curve
from lib.metrics.sample import Values

__all__ = ["Scene", "last", "trailing"]

STEP = 5.0
"""Seconds between the moments that rules look at (a period or a minute where that is longer)."""


class Scene:
    """A window's gauges on a grid: `usage` is the highest in each step and of all engines."""

    def __init__(self, window: Window, context: Context) -> None:
        self.window = window
        self.context = context
        self._curves: dict[Curve, Values] = {}
        self.grid = Grid.within(window.start, window.end, max(STEP, window.period))
        self.usage = gauge_curve(window, self.grid, "kv_usage", how="max")
        self.waiting = gauge_curve(window, self.grid, "waiting")
        self.running = gauge_curve(window, self.grid, "running")

    def curve(self, curve: Curve) -> Values:
        """The curve's points on the grid; computed once, however many rules read it."""
        if curve not in self._curves:
            self._curves[curve] = points(curve, self.window, self.grid)
        return self._curves[curve]

    @cached_property
    def seen(self) -> float:
        """Seconds that were seen, gaps left out."""
        return float(np.nansum(self.window.elapsed))

    @cached_property
    def silent(self) -> bool:
        """Whether the last answer is so old that nothing can be said of now."""
        rows = np.flatnonzero(self.window.answered)
        return not len(rows) or self.window.end - self.window.times[rows[-1]] > BLIND

    def tells(self, quantity: str) -> bool:
        """Whether the server gave this quantity any value."""
        return bool(np.isfinite(self.window.gauge(quantity)).any())

    def free(self, since: float) -> str:
        """How many blocks are free, in a sentence; "" if that is not reported."""
        span = self.window.since(since)
        free = last(span.gauge("blocks_usable") - span.gauge("blocks_used"))
        engines = " of all engines together" if len(self.window.layout.members) > 1 else ""
        return "" if np.isnan(free) else f" {free:.0f} blocks{engines} are free."

    def lacks(self, quantities: tuple[str, ...]) -> str:
        """The metrics, of those that these quantities are read from, that have no value."""
        return ", ".join(BY_NAME[one].source for one in quantities if not self.tells(one))


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
    some = count[points:] - count[:-points]
    np.divide(total[points:] - total[:-points], some, out=means[points - 1 :], where=some > 0)
    return means
