"""Several servers by one figure: how each stands to the others, and which is out of line.

Decided here: what out of line means. Of three and more servers one is, whose distance from the
median of all has been 3.5 of their usual distances (median absolute deviation × 1.4826) for a
minute; of two, when one has had twice as much as the other for a minute, and then nobody can say
which of them is wrong. A difference that is too little to matter, or less than a fifth, never
counts; nor does a percentile of a handful of requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lib.diagnosis.finding import Curve, How
from lib.diagnosis.holding import holding_since
from lib.diagnosis.measures import Measure
from lib.diagnosis.points import points
from lib.diagnosis.scene import LEAST_COUNTED
from lib.metrics import Grid, Window, rate_curve
from lib.metrics.sample import Values

__all__ = ["Compared", "Outlier", "compared"]

DISTANCES, RATIO, SHARE = 3.5, 2.0, 0.2
NORMAL = 1.4826
"""Median absolute deviation × this is the standard deviation of what is normally distributed."""
HOLD, RELEASE = 60.0, 30.0
FINEST, POINTS = 5.0, 300
"""Seconds between two points at least, and how many there are at most, about."""
TRAIL = 60.0


@dataclass(frozen=True, slots=True)
class Outlier:
    """A server that is out of line now: its value, that of the others, and since when.

    `times` is value over usual, None where the others have nothing. Wall-clock seconds.
    """

    name: str
    value: float
    usual: float
    since: float

    @property
    def times(self) -> float | None:
        """How many times the usual value."""
        return self.value / self.usual if self.usual > 0 else None


@dataclass(frozen=True, eq=False)
class Compared:
    """One figure of several servers on one grid.

    `values` are (servers, moments) in the order of `names`, `median` that of those that are known.
    """

    measure: Measure
    names: tuple[str, ...]
    grid: Grid
    values: Values
    median: Values
    outliers: tuple[Outlier, ...]

    @property
    def multiples(self) -> Values:
        """Each value as a multiple of the median; NaN where that is nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.median > 0, self.values / self.median, np.nan)


def compared(measure: Measure, windows: Mapping[str, Window]) -> Compared:
    """The figure of every server over the same time; outliers come the furthest first."""
    names = tuple(windows)
    ends = list(windows.values())
    start, end = (min(one.start for one in ends), max(one.end for one in ends)) if ends else (0, 0)
    period = max((one.period for one in ends), default=1.0)
    grid = Grid.within(start, end, max(FINEST, period, (end - start) / POINTS))
    curve = replace(measure.curve, span=max(TRAIL, grid.step))
    rows = [points(curve, window, grid) for window in windows.values()]
    values = np.stack(rows) if rows else np.empty((0, grid.size))
    median = _median(values)
    judged = values.copy()
    for row, window in zip(judged, windows.values(), strict=True):
        row[_is_chance(curve, window, grid)] = np.nan
    outliers = _of_two if len(_told(judged)) == 2 else _of_many
    return Compared(measure, names, grid, values, median, outliers(measure, names, grid, judged))


def _is_chance(curve: Curve, window: Window, grid: Grid) -> NDArray[np.bool_]:
    """At which moments a percentile or a mean is of so few values that it says nothing."""
    if curve.how not in (How.PERCENTILE, How.MEAN):
        return np.zeros(grid.size, np.bool_)
    counted = rate_curve(window, grid, curve.span, curve.quantity, "le=inf") * curve.span
    few: NDArray[np.bool_] = ~(counted >= LEAST_COUNTED)
    return few


def _told(values: Values) -> list[int]:
    """The servers that report the figure at all."""
    return [index for index, row in enumerate(values) if np.isfinite(row).any()]


def _median(values: Values) -> Values:
    """The median of those that are known at each moment; NaN where none is."""
    found = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    found[some] = np.nanmedian(values[:, some], axis=0)
    return found


def _of_many(
    measure: Measure, names: Sequence[str], grid: Grid, values: Values
) -> tuple[Outlier, ...]:
    median = _median(values)
    apart = np.abs(values - median)
    usual = np.maximum(DISTANCES * NORMAL * _median(apart), _matters(measure, median))
    enough = np.isfinite(values).sum(axis=0) >= 3
    found = [
        (float(apart[index][np.isfinite(row)][-1]), outlier)
        for index, row in enumerate(values)
        if (outlier := _outlier(names[index], row, median, enough & (apart[index] > usual), grid))
    ]
    return tuple(outlier for _, outlier in sorted(found, key=lambda one: -one[0]))


def _of_two(
    measure: Measure, names: Sequence[str], grid: Grid, values: Values
) -> tuple[Outlier, ...]:
    """The one that has more, held against the other."""
    one, other = _told(values)
    found = []
    for mine, its in ((one, other), (other, one)):
        row, usual = values[mine], values[its]
        out = (row >= RATIO * usual) & (row - usual > _matters(measure, usual))
        outlier = _outlier(names[mine], row, usual, out, grid)
        found += [outlier] if outlier else []
    return tuple(found)


def _matters(measure: Measure, usual: Values) -> Values:
    """The difference below which nothing is out of line."""
    return np.maximum(SHARE * np.abs(usual), measure.least)


def _outlier(
    name: str, row: Values, usual: Values, out: NDArray[np.bool_], grid: Grid
) -> Outlier | None:
    known = np.isfinite(row) & np.isfinite(usual)
    since = holding_since(grid, known, out, ~out, hold=HOLD, release=RELEASE)
    if since is None:
        return None
    last = int(np.flatnonzero(known)[-1])
    return Outlier(name, float(row[last]), float(usual[last]), since)
