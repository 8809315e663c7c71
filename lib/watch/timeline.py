"""Blocks of one server → one `Window`: columns put side by side, rows in order.

Order is the order in which the ticks were taken, never that of the wall clock, which may be set
back. A `Window` needs ascending times, so that where two ticks claim the same moment the one taken
later is right: after the clock went back an hour, the new hour replaces the old one as it passes,
and what was stamped in the future is left out. No time appears twice, none runs backwards, and no
growth is computed across the seam the wrong way round.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lib.metrics import Layout, Spread, Window
from lib.watch.block import Block, gauge_columns

__all__ = ["ascending", "window_of"]

Values = NDArray[np.float64]


def window_of(blocks: Sequence[Block], *, start: float, end: float, period: float) -> Window:
    """The rows of the blocks, in their order, whose time is from `start` to `end`."""
    parts = [block.part((block.at >= start) & (block.at <= end)) for block in blocks]
    parts = [part for part in parts if len(part)]
    layout = _together([part.layout for part in parts if part.layout.series])
    times = np.concatenate([part.at for part in parts]) if parts else np.empty(0)
    kept = ascending(times)
    has_bounds = any(part.lows is not None for part in parts)
    values, lows, highs = (_stack(parts, layout, kind) for kind in ("values", "lows", "highs"))
    return Window(
        layout,
        times[kept],
        values[kept],
        start=start,
        end=end,
        period=period,
        spread=Spread(lows[kept], highs[kept], _answers(parts)[kept]) if has_bounds else None,
    )


def ascending(times: Values) -> NDArray[np.bool_]:
    """Which rows to keep so that times ascend, the later row being right about a moment."""
    if not len(times):
        return np.zeros(0, np.bool_)
    least_after = np.minimum.accumulate(times[::-1])[::-1]
    return np.append(times[:-1] < least_after[1:], True)


def _answers(parts: Sequence[Block]) -> Values:
    """How many answers each row stands for."""
    return np.concatenate([part.ticks - part.failed for part in parts])


def _together(layouts: Sequence[Layout]) -> Layout:
    """Every series of any layout, with the newest configuration."""
    by_key = {layout.key: layout for layout in layouts}
    if not by_key:
        return Layout(())
    if len(by_key) == 1:
        return layouts[-1]
    series = {one for layout in by_key.values() for one in layout.series}
    return Layout(sorted(series), layouts[-1].configs)


def _stack(parts: Sequence[Block], layout: Layout, kind: str) -> Values:
    """The values of all parts, or their lows or highs: of single ticks the values themselves."""
    rows = np.full((sum(map(len, parts)), len(layout.series)), np.nan)
    top = 0
    for part in parts:
        columns = np.array([layout.column[series] for series in part.layout.series], np.intp)
        below = top + len(part)
        rows[top:below, columns] = part.values
        bounds = {"lows": part.lows, "highs": part.highs}.get(kind)
        if bounds is not None:
            rows[top:below, columns[gauge_columns(part.layout)]] = bounds
        top = below
    return rows
