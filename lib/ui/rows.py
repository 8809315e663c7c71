"""One server's row on Overview: what is said of it now, and its history over the window.

This module alone decides the cells of a row, what they say and what their tooltips explain. A row
remembers what it said, so that a tick carries only what has changed.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lib.metrics import (
    BY_NAME,
    Grid,
    Layout,
    Reading,
    Sample,
    Window,
    gauge_curve,
    percentiles,
    rate_curve,
)
from lib.metrics.sample import Values
from lib.servers import Server
from lib.ui import plain
from lib.ui.board import Board, Source, Words, known, verdict_of
from lib.ui.windows import Span
from lib.watch.record import Tick

__all__ = ["BINS", "COLUMNS", "Row"]

BINS = 60
"""Points of a sparkline."""
TOKENS_OVER = 15.0
FULL = 0.95
"""Share of the KV cache from which on it is told as full."""
COUNTED = ("prompt_tokens", "generation_tokens", "process_start")
MODELS, REASONS = 3, 8
"""How many models a row names, and how many reasons to wait its tooltip: a server may tell any."""
PERCENTILES = ("ttft", "itl")
COLUMNS = {
    "running": BY_NAME["running"].sources,
    "waiting": BY_NAME["waiting"].sources,
    "blocks": f"{BY_NAME['blocks_used'].meaning}; cached blocks that no request uses count as free",
    "tokens": (
        f"{BY_NAME['prompt_tokens'].sources} and {BY_NAME['generation_tokens'].sources}, "
        f"growth per second over the last {TOKENS_OVER:.0f} s"
    ),
    "ttft": f"{BY_NAME['ttft'].sources}, 95th percentile over the window",
    "itl": f"{BY_NAME['itl'].sources}, 95th percentile over the window",
}
"""Where the figures of each column come from."""
Cell = tuple[str, str | None, str | None]


@dataclass
class _Tally:
    """What one histogram counted, bin by bin, over the window."""

    edges: Values = field(default_factory=lambda: np.empty(0))
    bins: "deque[Values]" = field(default_factory=lambda: deque(maxlen=BINS))

    def add(self, edges: Values, counts: Values) -> None:
        """One more bin; other edges (a server of another release) begin anew, none are silence."""
        if not len(edges):
            edges, counts = self.edges, np.zeros(len(self.edges))
        if not np.array_equal(edges, self.edges):
            self.edges = edges
            self.bins.clear()
        self.bins.append(counts)

    def clear(self) -> None:
        """Forget all bins."""
        self.edges = np.empty(0)
        self.bins.clear()

    def cell(self, quantity: str, over: str) -> Cell:
        """The 95th percentile of all bins, and its bucket as a tooltip."""
        if not len(self.edges) or not self.bins:
            return plain.ABSENT, "not reported, or nothing counted yet", None
        found = percentiles(0.95, self.edges, np.sum(self.bins, axis=0))
        if not found.count > 0:
            return plain.ABSENT, f"no values in the last {over}", None
        bucket = plain.between(float(found.low), float(found.high))
        text = plain.duration(float(found.value))
        how = (
            f"{BY_NAME[quantity].sources}, p95 over the last {over}; "
            f"n = {plain.count(float(found.count))}, the true value lies in {bucket}"
        )
        return text, how, None


class Row:
    """One server over one window. For one thread at a time."""

    def __init__(self, server: Server, span: Span) -> None:
        self.server = server
        self.span = span
        self.step = span.seconds / BINS
        self.said: Words = {}
        self.next: float | None = None
        self.shares = True
        self.models: tuple[str, ...] = ()
        self.counted: deque[tuple[float, Sample | None]] = deque()
        self.counted_to: float | None = None
        self.whole = self.few = Layout(())
        self.columns: NDArray[np.intp] = np.empty(0, np.intp)
        self.tallies = {quantity: _Tally() for quantity in PERCENTILES}

    @property
    def state(self) -> Words:
        state = self.said.get("state")
        return state if isinstance(state, dict) else {}

    def follows(self, at: float) -> bool:
        """Whether bins can follow at that moment: after `begin`, until a clock jumps."""
        return self.next is not None and -2 <= (at - self.next) / self.step < BINS

    def begin(self, source: Source, at: float) -> Words:
        """Read the window: the sparkline, and what the histograms counted."""
        grid = Grid.within(at - self.span.seconds, at, self.step)
        window = source.window(self.server.id, grid.first - 2 * self.step, at)
        self.shares = "kv_usage" in window.layout.quantities
        self.next = grid.following
        for tally in self.tallies.values():
            tally.clear()
        self._count(window, grid)
        mean = ", mean of engines" if len(window.layout.members) > 1 else ""
        how = f"KV cache use{mean}" if self.shares else "tokens / s"
        return {
            "values": self._points(window, grid),
            "top": 1.0 if self.shares else None,
            "how": f"{how}, last {self.span.words}",
        }

    def closed(self, source: Source, at: float) -> list[float | None]:
        """Points of the bins that ended since the last call."""
        if self.next is None:
            return []
        grid = Grid.closed(self.next, at, self.step)
        if not grid.size:
            return []
        start = grid.first - 2 * self.step - TOKENS_OVER
        window = source.window(self.server.id, start, at)
        self._count(window, grid)
        self.next = grid.following
        return self._points(window, grid)

    def _count(self, window: Window, grid: Grid) -> None:
        bounds = np.searchsorted(window.times, [grid.first - grid.step, *grid.moments], "right")
        for quantity, tally in self.tallies.items():
            edges, growth = window.bucket_growth(quantity)
            for first, last in pairwise(bounds.tolist()):
                tally.add(edges, np.nansum(growth[first:last], axis=0))

    def _points(self, window: Window, grid: Grid) -> list[float | None]:
        if self.shares:
            return known(gauge_curve(window, grid, "kv_usage", how="mean"))
        span = max(self.step, TOKENS_OVER)
        return known(
            rate_curve(window, grid, span, "prompt_tokens")
            + rate_curve(window, grid, span, "generation_tokens")
        )

    # ── What is said of it ──

    def news(self, source: Source, board: Board) -> Words:
        """What has changed in the row since the last call; empty when nothing has."""
        newest = source.latest(self.server.id)
        cells = self._cells(newest, source)
        now: Words = {
            "at": newest.at if newest else None,
            "state": verdict_of(newest, board.brief(self.server.id)),
            "sub": self._sub(newest, board),
        }
        before = self.said.get("cells", {})
        changed: Words = {k: v for k, v in now.items() if self.said.get(k) != v}
        fresh = {
            k: v for k, v in cells.items() if not isinstance(before, dict) or before.get(k) != v
        }
        self.said = now | {"cells": cells}
        return changed | ({"cells": fresh} if fresh else {})

    def _sub(self, newest: Tick | None, board: Board) -> str:
        if newest and newest.sample:
            self.models = newest.sample.models  # one that is down still has its name
        names = plain.listed(self.models, MODELS)
        return " · ".join(part for part in (names, board.version(self.server)) if part)

    def _cells(self, newest: Tick | None, source: Source) -> dict[str, Cell]:
        sample = newest.sample if newest else None
        if sample is None:
            return dict.fromkeys(("running", "waiting", "blocks", "tokens", *PERCENTILES), _NOTHING)
        total = sample.total
        over = self.span.words
        return {
            "running": (plain.count(total.running), None, None),
            "waiting": (plain.count(total.waiting), _reasons(total), _waiting_tone(total)),
            "blocks": _blocks(total, len(sample.engines)),
            "tokens": self._tokens(source),
            **{quantity: tally.cell(quantity, over) for quantity, tally in self.tallies.items()},
        }

    def _tokens(self, source: Source) -> Cell:
        window = self._counters(source)
        prompt, generated = window.rate("prompt_tokens"), window.rate("generation_tokens")
        if prompt is None and generated is None:
            return plain.ABSENT, "needs two readings", None
        if prompt is None or generated is None:
            only, rate = ("generated", generated) if prompt is None else ("prompt", prompt)
            return plain.rate(rate), f"{only} only; the other is not reported", None
        how = f"prompt {plain.rate(prompt)}, generated {plain.rate(generated)}"
        return plain.rate(prompt + generated), how, None

    def _counters(self, source: Source) -> Window:
        """The last seconds of the token counters alone: whole samples cost much for many."""
        newest = source.latest(self.server.id)
        if newest and newest.mono != self.counted_to:
            self.counted_to = newest.mono
            if self.counted and newest.at <= self.counted[-1][0]:
                self.counted.clear()  # the clock was set back
            self.counted.append((newest.at, self._only(newest.sample)))
        while self.counted and self.counted[0][0] < self.counted[-1][0] - TOKENS_OVER:
            self.counted.popleft()
        start, end = (self.counted[0][0], self.counted[-1][0]) if self.counted else (0.0, 0.0)
        return Window.of(list(self.counted), start=start, end=end, period=source.period)

    def _only(self, sample: Sample | None) -> Sample | None:
        if sample is None:
            return None
        if sample.layout is not self.whole:
            self.whole = sample.layout
            self.columns = np.concatenate([sample.layout.columns(name) for name in COUNTED])
            self.few = Layout(sample.layout.series[index] for index in self.columns)
        return Sample(self.few, sample.values[self.columns])


_NOTHING: Cell = (plain.ABSENT, "no answer", None)


def _blocks(total: Reading, engines: int) -> Cell:
    """Blocks in use; coloured by the fullest engine, which a sum or a mean would hide."""
    fullest = total.kv_usage_max
    tone = "bad" if fullest is not None and fullest >= FULL else None
    of_all = f", fullest engine {plain.ratio(fullest)}" if engines > 1 else ""
    if total.blocks_used is not None and total.blocks_usable:
        share = plain.ratio(total.blocks_used / total.blocks_usable)
        how = f"{plain.count(total.blocks_free)} free, {share} used{of_all}"
        text = f"{plain.count(total.blocks_used)} / {plain.count(total.blocks_usable)}"
        return text, how, tone
    if total.kv_usage is not None:
        mean = f"mean of {engines} engines{of_all}; " if engines > 1 else ""
        return plain.ratio(total.kv_usage), f"{mean}the number of blocks is not reported", tone
    return plain.ABSENT, "not reported by this server", None


def _reasons(total: Reading) -> str | None:
    if not total.waiting_by_reason:
        return None
    told = list(total.waiting_by_reason.items())[:REASONS]
    return ", ".join(f"{plain.count(n)} for {plain.plain(why, 40)}" for why, n in told)


def _waiting_tone(total: Reading) -> str | None:
    """Colour where more wait than run."""
    return "bad" if total.waiting and total.waiting > (total.running or 0) else None
