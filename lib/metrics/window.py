"""Samples of one server between two moments: a matrix of times × series, gaps included.

Decided here: what a counter grew by, and what that means after a restart or a gap.

- A row is one scrape. A failed scrape is a row of NaN. Times are wall-clock seconds and ascend.
- Growth is counted from the last row that had a value. When an engine restarts its counters begin
  at 0 again: then the new value is the growth, for all of its counters at once, also for those that
  happen to be higher than before (a histogram's buckets are reset as one). A restart is seen when
  the process' start time moves or when most of the engine's moving counters go down; one counter
  that falls alone is taken as Prometheus takes it, by its new value.
- Growth over a gap (more than `GAP_PERIODS` periods) counts in sums over the window but belongs to
  no moment in it.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lib.metrics.histogram import Percentiles, percentiles
from lib.metrics.names import BY_NAME, Kind
from lib.metrics.sample import Layout, Sample, Values, edge_of

__all__ = ["GAP_PERIODS", "Window", "joined"]

GAP_PERIODS = 2.5
"""Missing more than this many periods makes a gap: one late scrape does not."""

Row = tuple[float, Sample | None]


class Window:
    """What is known of a server from `start` to `end` (wall-clock seconds).

    `times` (n,) are the scrapes', `values` (n, series) theirs. In rows that stand for more than one
    scrape (the 1-minute tier) gauges are means, and `extremes` their least and greatest values;
    elsewhere all three are the same array.
    """

    def __init__(
        self,
        layout: Layout,
        times: Values,
        values: Values,
        *,
        start: float,
        end: float,
        period: float,
        extremes: tuple[Values, Values] | None = None,
    ) -> None:
        self.layout = layout
        self.times = times
        self.values = values
        self.lows, self.highs = extremes or (values, values)
        self.start, self.end, self.period = start, end, period
        self._bucket_growths: dict[str, tuple[Values, Values]] = {}

    @classmethod
    def of(cls, rows: Sequence[Row], *, start: float, end: float, period: float) -> "Window":
        """A window of single scrapes, in order of time; None is a scrape that failed."""
        layout = _common([sample.layout for _, sample in rows if sample is not None])
        values = np.full((len(rows), len(layout.series)), np.nan)
        places: dict[int, NDArray[np.intp]] = {}
        for index, (_, sample) in enumerate(rows):
            if sample is None:
                continue
            if sample.layout is layout:
                values[index] = sample.values
                continue
            place = places.setdefault(id(sample.layout), _places(sample.layout, layout))
            values[index, place] = sample.values
        return cls(
            layout,
            np.array([at for at, _ in rows], float),
            values,
            start=start,
            end=end,
            period=period,
        )

    def __len__(self) -> int:
        return len(self.times)

    def since(self, moment: float, until: float = np.inf) -> "Window":
        """The part of the window after `moment`, up to `until` (both included)."""
        first, last = (
            np.searchsorted(self.times, moment),
            np.searchsorted(self.times, until, "right"),
        )
        part = slice(int(first), int(last))
        same = self.lows is self.values
        return Window(
            self.layout,
            self.times[part],
            self.values[part],
            start=max(self.start, moment),
            end=min(self.end, until),
            period=self.period,
            extremes=None if same else (self.lows[part], self.highs[part]),
        )

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Which rows hold any value (n,)."""
        finite: NDArray[np.intp] = np.count_nonzero(np.isfinite(self.values), axis=1)
        return finite > 0

    @cached_property
    def elapsed(self) -> Values:
        """Seconds since the answered row before (n,); NaN if there is none, or behind a gap."""
        seconds = np.full(len(self), np.nan)
        rows = np.flatnonzero(self.answered)
        seconds[rows[1:]] = np.diff(self.times[rows])
        seconds[seconds > GAP_PERIODS * self.period] = np.nan
        return seconds

    def gauge(self, quantity: str, part: str | None = None, *, how: str = "sum") -> Values:
        """A gauge per row (n,): `sum`, `mean` or `max` over the engines; NaN if not reported."""
        columns = self.layout.columns(quantity, part)
        source = self.highs if how == "max" else self.values
        return _across(source[:, columns], how)

    def gauge_range(self, quantity: str, part: str | None = None) -> tuple[Values, Values]:
        """Least and greatest value within each row (n,), summed over the engines."""
        columns = self.layout.columns(quantity, part)
        return _across(self.lows[:, columns], "sum"), _across(self.highs[:, columns], "sum")

    def growth(self, quantity: str, part: str | None = None) -> Values:
        """A counter's growth in each row since the one before (n,); NaN where unknown."""
        return _across(self._growths[:, self.layout.columns(quantity, part)], "sum")

    def bucket_growth(self, quantity: str) -> tuple[Values, Values]:
        """A histogram's growth per row: edges (e,) and cumulative counts by edge (n, e)."""
        if quantity not in self._bucket_growths:
            shared = self._shared_edges(quantity)
            growths = [self.growth(quantity, part) for part in shared]
            edges = np.array([edge_of(part) for part in shared], float)
            counts = np.stack(growths, axis=1) if growths else np.empty((len(self), 0))
            self._bucket_growths[quantity] = edges, counts
        return self._bucket_growths[quantity]

    def increase(self, quantity: str, part: str | None = None) -> float | None:
        """A counter's growth within the window, over restarts and gaps; None if not reported."""
        growth = self.growth(quantity, part)
        return float(np.nansum(growth)) if np.isfinite(growth).any() else None

    def rate(self, quantity: str, part: str | None = None) -> float | None:
        """Growth per second from the first answered row to the last; None without two of them."""
        increase = self.increase(quantity, part)
        if increase is None:
            return None
        rows = np.flatnonzero(self.answered)
        return increase / float(self.times[rows[-1]] - self.times[rows[0]])

    def percentile(self, quantity: str, q: float) -> Percentiles | None:
        """The q-quantile of what a histogram counted within the window; None if not reported."""
        edges, growth = self.bucket_growth(quantity)
        if not len(edges) or not np.isfinite(growth).any():
            return None
        return percentiles(q, edges, np.nansum(growth, axis=0))

    @property
    def restarts(self) -> tuple[float, ...]:
        """When an engine was first seen to have started again."""
        return tuple(self.times[self._resets.any(axis=1)].tolist())

    def _shared_edges(self, quantity: str) -> list[str]:
        """The buckets that every engine has, by ascending edge: only those can be added up."""
        per_member: dict[tuple[str, str], set[str]] = {}
        for column in self.layout.columns(quantity):
            series = self.layout.series[column]
            if series.part != "sum":
                per_member.setdefault(series.member, set()).add(series.part)
        shared = set.intersection(*per_member.values()) if per_member else set()
        return sorted(shared, key=lambda part: edge_of(part) or 0.0)

    @cached_property
    def _counters(self) -> NDArray[np.intp]:
        kinds = [BY_NAME[series.quantity].kind for series in self.layout.series]
        return np.array(
            [index for index, kind in enumerate(kinds) if kind is not Kind.GAUGE], np.intp
        )

    @cached_property
    def _differences(self) -> tuple[Values, Values]:
        """Values of the counters and of the last known values before them (n, counters)."""
        values = self.values[:, self._counters]
        known = np.where(np.isfinite(values), np.arange(len(self))[:, None], -1)
        before = np.maximum.accumulate(known, axis=0)[:-1] if len(self) else known
        last = np.full_like(values, np.nan)
        if len(self) > 1:
            rows = np.maximum(before, 0)
            last[1:] = np.where(before >= 0, np.take_along_axis(values, rows, axis=0), np.nan)
        return values, last

    @cached_property
    def _resets(self) -> NDArray[np.bool_]:
        """Which engine began again in which row (n, engines and the API process)."""
        values, last = self._differences
        owners = [self.layout.series[column].member for column in self._counters]
        members = list(dict.fromkeys(owners))
        resets = np.zeros((len(self), len(members)), np.bool_)
        for index, member in enumerate(members):
            mine = np.array([owner == member for owner in owners])
            fell = (values[:, mine] < last[:, mine]).sum(axis=1)
            moved = (
                (values[:, mine] != last[:, mine])
                & np.isfinite(values[:, mine])
                & np.isfinite(last[:, mine])
            )
            resets[:, index] = fell * 2 > moved.sum(axis=1)
        return resets | self._process_restarts[:, None]

    @cached_property
    def _process_restarts(self) -> NDArray[np.bool_]:
        """Rows whose process start time is another than in the row that last told it."""
        started = self.gauge("process_start")
        rows = np.flatnonzero(np.isfinite(started))
        restarted = np.zeros(len(self), np.bool_)
        restarted[rows[1:]] = np.abs(np.diff(started[rows])) > 1.0
        return restarted

    @cached_property
    def _growths(self) -> Values:
        """Growth per row of every counter, in its column; gauges are NaN (n, series)."""
        values, last = self._differences
        owners = [self.layout.series[column].member for column in self._counters]
        members = {member: index for index, member in enumerate(dict.fromkeys(owners))}
        began = self._resets[:, [members[owner] for owner in owners]]
        growths = np.full(self.values.shape, np.nan)
        growths[:, self._counters] = np.where(began | (values < last), values, values - last)
        growths[:, self._counters] = np.where(np.isnan(last), np.nan, growths[:, self._counters])
        return growths


def joined(earlier: Window, later: Window) -> Window:
    """Two windows of one server as one; where they overlap, the rows of `later` count."""
    if len(later):
        earlier = earlier.since(-np.inf, np.nextafter(later.times[0], -np.inf))
    layout = _common([earlier.layout, later.layout])
    first, second = _places(earlier.layout, layout), _places(later.layout, layout)

    def stack(above: Values, below: Values) -> Values:
        rows = np.full((len(above) + len(below), len(layout.series)), np.nan)
        rows[: len(above), first] = above
        rows[len(above) :, second] = below
        return rows

    values = stack(earlier.values, later.values)
    plain = earlier.lows is earlier.values and later.lows is later.values
    extremes = stack(earlier.lows, later.lows), stack(earlier.highs, later.highs)
    return Window(
        layout,
        np.concatenate([earlier.times, later.times]),
        values,
        start=earlier.start,
        end=later.end,
        period=max(earlier.period, later.period),
        extremes=None if plain else extremes,
    )


def _across(values: Values, how: str) -> Values:
    """Sum, mean or maximum over the columns that have a value; NaN in rows without any."""
    reported = np.isfinite(values)
    count = reported.sum(axis=1)
    if how == "max":
        found = np.where(reported, values, -np.inf).max(axis=1, initial=-np.inf)
    else:
        found = np.where(reported, values, 0.0).sum(axis=1)
        if how == "mean":
            found = found / np.maximum(count, 1)
    return np.where(count > 0, found, np.nan)


def _common(layouts: Sequence[Layout]) -> Layout:
    """The columns of all layouts together, with the newest configuration."""
    if not layouts:
        return Layout(())
    newest = layouts[-1]
    if all(layout is newest or layout.series == newest.series for layout in set(layouts)):
        return newest
    return Layout(
        sorted({series for layout in set(layouts) for series in layout.series}), newest.configs
    )


def _places(layout: Layout, within: Layout) -> NDArray[np.intp]:
    return np.array([within.column[series] for series in layout.series], np.intp)
