"""Samples of one server between two moments: a matrix of times × series, gaps included.

Decided here: what a counter grew by, and what that means after a restart or a gap.

- A row is one scrape. A failed scrape is a row of NaN. Times are wall-clock seconds and ascend.
- Growth is counted from the last row that had a value. When an engine restarts its counters begin
  at 0 again: then the new value is the growth, for all of its counters at once, also for those that
  happen to be higher than before (a histogram's buckets are reset as one). A restart is seen when
  the process' start time moves or when most of what the engine had counted goes down; one counter
  that falls alone is taken as Prometheus takes it, by its new value.
- Growth over a gap (more than `GAP_PERIODS` periods), or of a series that was away while others
  were told, counts in sums over the window but belongs to no moment in it.
- Buckets that came or went while a histogram counted (a restart with other edges) can't be added up
  with the rest: only the others are read.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.metrics.histogram import Percentiles, percentiles
from lib.metrics.names import BY_NAME, Kind
from lib.metrics.sample import Layout, Sample, Values
from lib.metrics.series import Member, edge_of

__all__ = ["GAP_PERIODS", "Spread", "Window"]

GAP_PERIODS = 2.5
"""Missing more than this many periods makes a gap: one late scrape does not."""

_ALL = "le=inf"

Row = tuple[float, Sample | None]


class Spread(NamedTuple):
    """What rows of more than one scrape stand for.

    Least and greatest value of each gauge in the row (n, series), and out of how many answers (n,).
    """

    lows: Values
    highs: Values
    answers: Values


class Window:
    """What is known of a server from `start` to `end` (wall-clock seconds).

    `times` (n,) are the scrapes', `values` (n, series) theirs. Rows may stand for more than one
    scrape (the 1-minute tier): then gauges are means, and `spread` says over what.
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
        spread: Spread | None = None,
    ) -> None:
        self.layout = layout
        self.times = times
        self.values = values
        self.is_single = spread is None
        self.lows, self.highs, self.answers = spread or Spread(values, values, np.ones(len(times)))
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
            if id(sample.layout) not in places:
                places[id(sample.layout)] = _places(sample.layout, layout)
            values[index, places[id(sample.layout)]] = sample.values
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
        return Window(
            self.layout,
            self.times[part],
            self.values[part],
            start=max(self.start, moment),
            end=min(self.end, until),
            period=self.period,
            spread=None
            if self.is_single
            else Spread(self.lows[part], self.highs[part], self.answers[part]),
        )

    def engine(self, member: Member) -> "Window":
        """What one engine tells, and what the process tells of all of them."""
        series = self.layout.series
        columns = [at for at, one in enumerate(series) if one.member in (member, ("", ""))]
        spread = Spread(self.lows[:, columns], self.highs[:, columns], self.answers)
        return Window(
            Layout([series[at] for at in columns], self.layout.configs),
            self.times,
            self.values[:, columns],
            start=self.start,
            end=self.end,
            period=self.period,
            spread=None if self.is_single else spread,
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

    def timely(self, *quantities: str) -> NDArray[np.bool_]:
        """Rows whose growth of these quantities belongs to `elapsed`, all of it (n,)."""
        columns = np.concatenate([self.layout.columns(quantity) for quantity in quantities])
        timely: NDArray[np.bool_] = np.isfinite(self.elapsed) & ~self._bridging[:, columns].any(1)
        return timely

    def gauge(self, quantity: str, part: str | None = None, *, how: str = "sum") -> Values:
        """A gauge per row (n,): `sum`, `mean` or `max` over the engines; NaN if not reported."""
        columns = self.layout.columns(quantity, part)
        source = self.highs if how == "max" else self.values
        return _across(source[:, columns], how)

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
        """Growth per second from the first row that told it to the last; None without two."""
        told = np.isfinite(self.values[:, self.layout.columns(quantity, part)])
        rows = np.flatnonzero(told.any(axis=1))
        if len(rows) < 2:
            return None
        grown = float(np.nansum(self.growth(quantity, part)[rows[1:]]))
        return grown / float(self.times[rows[-1]] - self.times[rows[0]])

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
        """Buckets that every engine told whenever it counted, by ascending edge.

        Only those can be added up, over engines and over time.
        """
        per_member: dict[tuple[str, str], dict[str, NDArray[np.bool_]]] = {}
        for column in self.layout.columns(quantity):
            series = self.layout.series[column]
            if series.part != "sum":
                told = np.isfinite(self._growths[:, column])
                per_member.setdefault(series.member, {})[series.part] = told
        whole = [
            {part for part, told in parts.items() if (told >= parts[_ALL]).all()}
            for parts in per_member.values()
            if _ALL in parts
        ]
        shared = set.intersection(*whole) if whole else set()
        return sorted(shared, key=lambda part: edge_of(part) or 0.0)

    @cached_property
    def _counters(self) -> NDArray[np.intp]:
        kinds = [BY_NAME[series.quantity].kind for series in self.layout.series]
        return np.array(
            [index for index, kind in enumerate(kinds) if kind is not Kind.GAUGE], np.intp
        )

    @cached_property
    def _before(self) -> NDArray[np.intp]:
        """The row before each row that told the counter (n, counters); -1 if there is none."""
        told = np.isfinite(self.values[:, self._counters])
        rows = np.where(told, np.arange(len(self))[:, None], -1)
        before = np.full_like(rows, -1)
        before[1:] = np.maximum.accumulate(rows, axis=0)[:-1]
        return before

    @cached_property
    def _differences(self) -> tuple[Values, Values]:
        """Values of the counters and of the last known values before them (n, counters)."""
        values, before = self.values[:, self._counters], self._before
        if not len(values):
            return values, values
        last = np.take_along_axis(values, np.maximum(before, 0), axis=0)
        return values, np.where(before >= 0, last, np.nan)

    @cached_property
    def _bridging(self) -> NDArray[np.bool_]:
        """Where growth began before the answered row before (n, series)."""
        rows = np.where(self.answered, np.arange(len(self)), -1)
        answered = np.concatenate([[-1], np.maximum.accumulate(rows)[:-1]]) if len(rows) else rows
        bridging = np.isfinite(self._growths)
        bridging[:, self._counters] &= self._before < answered[:, None]
        return bridging

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
            counted = (last[:, mine] > 0) & np.isfinite(values[:, mine])
            resets[:, index] = fell * 2 > counted.sum(axis=1)
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
        return growths


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
