"""What RCA / Cache shows of one server: everything once, then what each tick adds.

This module alone decides the shape of those events; `assets/rca.js` reads them. Points lie on the
grid that all viewers share, so that a tick appends the bins that have closed and never touches old
ones; the figures above the plots are those of the newest reading.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from lib.diagnosis import Curve, Diagnosis
from lib.health import State, Status
from lib.metrics import Grid, Window
from lib.servers import Server
from lib.ui import evidence, lines, plain
from lib.ui.ahead import outlook_of
from lib.ui.board import Board, Source, Words, finding_of, known, status_of, text_of, who_of
from lib.ui.cells import cells_of
from lib.ui.panels import Panel, choose
from lib.ui.stream import event
from lib.ui.windows import Span
from lib.watch.record import Tick

__all__ = ["RcaView"]


_PATTERNS = {
    State.HUNG: 11,
    State.SUSPECT: 11,
    State.LIVELOCKED: 12,
    State.PAUSED: 29,
    State.ASLEEP: 29,
    State.NO_METRICS: 30,
}
"""Which row of the table of known patterns (`Finding.pattern`) says the same as a state."""


class RcaView:
    """One server over one window. For one thread at a time."""

    def __init__(
        self, source: Source, board: Board, server: Server, span: Span, *, period: float
    ) -> None:
        self.servers: frozenset[str] | None = frozenset((server.id,))
        self._source = source
        self._board = board
        self._server = server
        self._span = span
        self._period = period
        self._panels: list[Panel] = []
        self._offered: list[Panel] = []
        self._next = 0.0
        self._models: tuple[str, ...] = ()
        self._said: Words = {}
        self._curves: dict[str, Curve] = {}

    def opening(self) -> bytes:
        """Everything, as of the newest reading."""
        newest = self._source.latest(self._server.id)
        at = newest.at if newest else time.time()
        diagnosis = self._board.diagnosis(self._server.id)
        self._curves = evidence.curves_of(diagnosis)
        grid = Grid.within(at - self._span.seconds, at, self._span.bin)
        window = self._source.window(self._server.id, grid.first - self._back, at)
        self._offered, absent = choose(window.layout) if window.layout.series else ([], [])
        self._panels = [self._without_rest(panel, window, grid) for panel in self._offered]
        self._next = grid.following
        self._said = {}
        whole = {
            "start": grid.first,
            "step": grid.step,
            "size": grid.size,
            "panels": [self._panel(panel, window, grid) for panel in self._panels],
            "figures": self._figures(window, at),
            "cells": self._cells(newest),
            "evidence": evidence.plots(self._curves, window, grid),
            "absent": [{"what": one.what, "shown_by": one.shown_by} for one in absent],
        }
        return event("window", text_of(self._news(newest, at, diagnosis) | whole))

    def tick(self) -> bytes:
        """Bins that have closed, the newest figures, and what else has changed."""
        self._board.walk()
        newest = self._source.latest(self._server.id)
        if newest is None:
            diagnosis = self._board.diagnosis(self._server.id)
            return event("tick", text_of(self._news(None, time.time(), diagnosis)))
        at = newest.at
        if self._jumped(at):
            return self.opening()
        first = self._next - self._span.bin if at >= self._next else at
        back = self._back if at >= self._next else self._span.newest.trail + 3 * self._period
        window = self._source.window(self._server.id, first - back, at)
        if newest.sample is not None and self._shows_otherwise(window, at):
            return self.opening()
        new: Words = {
            "figures": self._figures(window, at),
            "cells": self._cells(newest),
            "bins": self._closed(window, at),
        }
        diagnosis = self._board.diagnosis(self._server.id)
        new |= self._other_evidence(diagnosis, at)
        return event("tick", text_of(self._news(newest, at, diagnosis) | new))

    def _jumped(self, at: float) -> bool:
        """Whether the clock went where no bin can follow: more than a window on, or back."""
        ahead = (at - self._next) / self._span.bin
        return not -2 <= ahead < self._span.seconds / self._span.bin

    @property
    def _back(self) -> float:
        """How far before a point its rows may lie, in seconds."""
        spans = (curve.span for curve in self._curves.values())
        longest = max(lines.RATE_SPAN, self._span.trail, self._span.bin, *spans)
        return longest + 3 * self._period

    # ── Plots ──

    def _panel(self, panel: Panel, window: Window, grid: Grid) -> Words:
        end = lines.top(panel, window)
        engines = len(window.layout.members)
        limits = [] if panel.limit is None or end is None else [(panel.limit * end, panel.limit)]
        return {
            "key": panel.key,
            "title": panel.title,
            "how": lines.about(panel, self._span),
            "write": panel.unit.value,
            "top": end,
            "limits": [{"at": at, "label": plain.ratio(share)} for at, share in limits],
            "curves": [
                {
                    "key": curve.key,
                    "label": curve.label,
                    "how": lines.how(curve, self._span.newest, newest=True, engines=engines),
                    "how_point": lines.how(curve, self._span, newest=False, engines=engines),
                    "colour": curve.colour,
                    "dash": curve.dash,
                }
                for curve in panel.curves
            ],
            "data": {
                curve.key: known(lines.points(curve, window, grid, self._span), panel.unit.digits)
                for curve in panel.curves
            },
        }

    def _closed(self, window: Window, at: float) -> Words | None:
        """The bins that have ended since the last call."""
        grid = Grid.closed(self._next, at, self._span.bin)
        if not grid.size:
            return None
        self._next = grid.following
        data = {
            f"{panel.key}.{curve.key}": known(
                lines.points(curve, window, grid, self._span), panel.unit.digits
            )
            for panel in self._panels
            for curve in panel.curves
        }
        data |= evidence.values(self._curves, window, grid)
        return {"start": grid.first, "step": grid.step, "size": grid.size, "data": data}

    def _other_evidence(self, diagnosis: Diagnosis, at: float) -> Words:
        """The curves of the findings, whole, when they are others than those that were sent."""
        curves = evidence.curves_of(diagnosis)
        if curves.keys() == self._curves.keys():
            return {}
        self._curves = curves
        size = round(self._span.seconds / self._span.bin)
        grid = Grid(self._next - size * self._span.bin, self._span.bin, size)
        window = self._source.window(self._server.id, grid.first - self._back, at)
        return {"evidence": evidence.plots(curves, window, grid)}

    def _figures(self, window: Window, at: float) -> Mapping[str, Words]:
        found = {
            panel.key: lines.figures(panel, window, at, self._period, self._span.newest)
            for panel in self._panels
        }
        return {key: {"texts": one.texts, "note": one.note} for key, one in found.items()}

    def _cells(self, newest: Tick | None) -> Words | None:
        return cells_of(newest.sample if newest else None, self._board.cached(self._server))

    def _without_rest(self, panel: Panel, window: Window, grid: Grid) -> Panel:
        """The panel without the rare curves that rest: a line at 0 says nothing."""
        curves = tuple(
            curve
            for curve in panel.curves
            if not curve.rare or (lines.points(curve, window, grid, self._span) > 0).any()
        )
        return replace(panel, curves=curves)

    def _shows_otherwise(self, window: Window, at: float) -> bool:
        """Whether the newest reading asks for other panels or curves than those that are shown."""
        offered, _ = choose(window.layout)
        if offered != self._offered:
            return True
        grid = lines.newest(window, at, self._period)
        shown = {panel.key: panel.curves for panel in self._panels}
        return any(
            (lines.points(curve, window, grid, self._span.newest) > 0).any()
            for panel in offered
            for curve in panel.curves
            if curve.rare and curve not in shown[panel.key]
        )

    # ── Words ──

    def _news(self, newest: Tick | None, at: float, diagnosis: Diagnosis) -> Words:
        """What both events have; words only where they changed."""
        status = newest.status if newest else None
        words: Words = {
            "who": self._who(newest),
            "status": status_of(status) | {"told": _is_told(status, diagnosis)},
            "findings": {
                "findings": [finding_of(finding) for finding in diagnosis.findings],
                "fine": diagnosis.fine,
                "unchecked": diagnosis.unchecked,
                "early": sum(map(_is_early, diagnosis.unchecked)),
            },
            "outlook": outlook_of(self._board.forecast(self._server.id)),
            "servers": self._board.listed(),
        }
        changed = {key: value for key, value in words.items() if self._said.get(key) != value}
        self._said |= words
        banner = self._board.banner()
        return {"now": time.time(), "at": at, "period": self._period, "banner": banner} | changed

    def _who(self, newest: Tick | None) -> Words:
        if newest and newest.sample:
            self._models = newest.sample.models  # one that is down still has its name
        return who_of(self._server, self._models, self._board.version(self._server))


def _is_early(unchecked: str) -> bool:
    """Whether a check was not made only because nobody has watched for long enough."""
    return unchecked.endswith(" of readings")


def _is_told(status: Status | None, diagnosis: Diagnosis) -> bool:
    """Whether a finding says what the server is called: then it is not said twice."""
    pattern = _PATTERNS.get(status.state) if status else None
    return any(finding.pattern == pattern for finding in diagnosis.findings)
