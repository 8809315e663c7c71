"""A window as curves on an aligned grid, for plots.

A grid is a series of moments, whole multiples of its step, so that the same moment has the same
value whoever asks and whenever: a live plot appends points and never redraws the old ones. The
value at a moment is computed from the rows in (moment − span, moment]: the span is the step for
gauges, and may be longer for rates and percentiles, which need more values than one step has. Where
the last step holds no answered row there is no value: a gap is a gap. But a scrape that is merely
late, or steps that are shorter than the period, make none: a row stands until the next, at most
`GAP_PERIODS` periods.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.metrics.histogram import Percentiles, percentiles
from lib.metrics.sample import Values
from lib.metrics.window import GAP_PERIODS, Window

__all__ = [
    "Grid",
    "bucket_curve",
    "gauge_curve",
    "mean_curve",
    "percentile_curve",
    "rate_curve",
    "ratio_curve",
]


@dataclass(frozen=True, slots=True)
class Grid:
    """Moments `first`, `first + step`, … (wall-clock seconds), `size` of them."""

    first: float
    step: float
    size: int

    @classmethod
    def within(cls, start: float, end: float, step: float) -> "Grid":
        """The multiples of `step` that are after `start` and not after `end`."""
        first = math.floor(start / step) + 1
        return cls(first * step, step, max(0, math.floor(end / step) - first + 1))

    @classmethod
    def closed(cls, first: float, end: float, step: float) -> "Grid":
        """The moments from `first` on that are not after `end`; none if `end` is before."""
        return cls(first, step, max(0, math.floor((end - first) / step) + 1))

    @property
    def following(self) -> float:
        """The moment after the last."""
        return self.first + self.step * self.size

    @property
    def moments(self) -> Values:
        """The grid's moments (size,)."""
        return self.first + self.step * np.arange(self.size, dtype=np.float64)


def gauge_curve(
    window: Window, grid: Grid, quantity: str, part: str | None = None, *, how: str = "sum"
) -> Values:
    """A gauge at each moment: the mean over the step's answers, or with `how="max"` their maximum.

    `how` also says how engines are put together: their `sum`, `mean` or `max`.
    """
    rows = window.gauge(quantity, part, how=how)
    known = np.isfinite(rows)
    steps = _Spans(window, grid, grid.step)
    if how == "max":
        return steps.reduce(np.where(known, rows, -np.inf), np.maximum, known)
    weights = np.where(known, window.answers, 0.0)
    total = steps.sum(np.where(known, rows, 0.0) * weights)
    return steps.blank_gaps(_quotient(total, steps.sum(weights)))


def rate_curve(
    window: Window, grid: Grid, span: float, quantity: str, part: str | None = None
) -> Values:
    """A counter's growth per second over the last `span` seconds at each moment."""
    growth = window.growth(quantity, part)
    usable = np.isfinite(growth) & window.timely(quantity)
    spans = _Spans(window, grid, span)
    total = spans.sum(np.where(usable, growth, 0.0))
    return spans.blank_gaps(_quotient(total, spans.sum(np.where(usable, window.elapsed, 0.0))))


def ratio_curve(
    window: Window, grid: Grid, span: float, of: str, to: str, *, part: str | None = None
) -> Values:
    """Growth of counter `of` over that of `to` in `span` seconds; none while `to` rests.

    `part` is of the first: with twice the same counter, its share of the whole.
    """
    usable = window.timely(of, to)
    return _growth_quotient(window, grid, span, window.growth(of, part), window.growth(to), usable)


def mean_curve(window: Window, grid: Grid, span: float, quantity: str) -> Values:
    """The mean of what a histogram counted in the last `span` seconds at each moment."""
    total, count = window.growth(quantity, "sum"), window.growth(quantity, "le=inf")
    return _growth_quotient(window, grid, span, total, count, window.timely(quantity))


def percentile_curve(
    window: Window, grid: Grid, span: float, quantity: str, q: float
) -> Percentiles:
    """The q-quantile of what a histogram counted in the last `span` seconds at each moment."""
    edges, counts = bucket_curve(window, grid, span, quantity)
    if not len(edges):
        nothing = np.full(grid.size, np.nan)
        return Percentiles(nothing, nothing, nothing, np.zeros(grid.size))
    return percentiles(q, edges, counts)


def bucket_curve(window: Window, grid: Grid, span: float, quantity: str) -> tuple[Values, Values]:
    """What a histogram counted in the last `span` seconds at each moment.

    Its edges (e,) and the counts up to each of them (size, e); NaN in gaps.
    """
    edges, growth = window.bucket_growth(quantity)
    spans = _Spans(window, grid, span)
    usable = window.timely(quantity)[:, None] & np.isfinite(growth)
    counts = spans.sum(np.where(usable, growth, 0.0))
    counts[spans.gaps] = np.nan
    return edges, counts


class _Spans:
    """The rows in (moment − span, moment] of every moment of a grid."""

    def __init__(self, window: Window, grid: Grid, span: float) -> None:
        moments = grid.moments
        self._last = np.searchsorted(window.times, moments, "right")
        self._first = np.searchsorted(window.times, moments - max(span, grid.step), "right")
        recent = np.searchsorted(window.times, moments - grid.step, "right")
        answered = np.concatenate([[0], np.cumsum(window.answered)])
        standing = _stand(window, moments, self._last - 1)
        self._first = np.where(standing, np.minimum(self._first, self._last - 1), self._first)
        self.gaps: NDArray[np.bool_] = (answered[self._last] == answered[recent]) & ~standing

    def sum(self, rows: Values) -> Values:
        """Sums of rows (n,) or (n, k) per moment."""
        cumulated = np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0)])
        total: Values = cumulated[self._last] - cumulated[self._first]
        return total

    def reduce(self, rows: Values, ufunc: "np.ufunc", known: NDArray[np.bool_]) -> Values:
        """A reduction of rows (n,) per moment; NaN where none is known."""
        found = np.full(len(self._last), np.nan)
        some = self.sum(known.astype(float)) > 0
        if some.any():
            pairs = np.stack([self._first[some], self._last[some]], axis=1).ravel()
            padded = np.append(rows, -np.inf)
            found[some] = ufunc.reduceat(padded, pairs)[::2]
        return found

    def blank_gaps(self, values: Values) -> Values:
        """The values, with NaN at moments whose last step had no answer."""
        return np.where(self.gaps, np.nan, values)


def _stand(window: Window, moments: Values, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """At which moments the newest row (-1: none) is an answer that still stands."""
    if not len(window) or not window.is_single:
        return np.zeros(len(moments), np.bool_)
    young = moments - window.times[rows] <= GAP_PERIODS * window.period
    standing: NDArray[np.bool_] = (rows >= 0) & window.answered[rows] & young
    return standing


def _growth_quotient(
    window: Window,
    grid: Grid,
    span: float,
    upper: Values,
    lower: Values,
    timely: NDArray[np.bool_],
) -> Values:
    usable = np.isfinite(upper) & np.isfinite(lower) & timely
    spans = _Spans(window, grid, span)
    above, below = (spans.sum(np.where(usable, rows, 0.0)) for rows in (upper, lower))
    return spans.blank_gaps(_quotient(above, below))


def _quotient(upper: Values, lower: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lower > 0, upper / lower, np.nan)
