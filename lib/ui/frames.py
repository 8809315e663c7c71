"""What RCA / Cache shows of one server: the whole frame once, then what each tick adds.

This module alone decides the shape of those events; `assets/rca.js` reads them. Points are on the
grid that all viewers share, so that a tick appends the bins that have closed and never touches old
ones. Figures that tick are of the newest reading, written as text here.
"""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from lib.diagnosis import Diagnosis, Evidence, Finding, diagnose
from lib.health import Status
from lib.metrics import (
    BY_NAME,
    Grid,
    Percentiles,
    Sample,
    Window,
    gauge_curve,
    percentile_curve,
    rate_curve,
    ratio_curve,
)
from lib.metrics.sample import Values
from lib.servers import Server
from lib.ui import plain
from lib.ui.panels import Curve, Kind, Panel, choose
from lib.ui.stream import event
from lib.ui.windows import Span
from lib.watch.record import Tick

__all__ = ["RcaView", "Source", "known", "status_of", "text_of"]

RATE_SPAN = 5.0
"""Seconds that a point of a rate looks back at least: single seconds of a counter jump."""
DIAGNOSED_OVER = 1_860.0
"""Seconds of history that findings are drawn from, at least."""
DIAGNOSED_EVERY = 5.0


class Source(Protocol):
    """What a view reads: `lib.watch.Feed`."""

    def latest(self, server: str) -> Tick | None: ...

    def recent(self, server: str, seconds: float) -> Window: ...

    def window(self, server: str, start: float, end: float) -> Window: ...


class RcaView:
    """One server over one window. One thread at a time."""

    def __init__(
        self, source: Source, server: Server, span: Span, board: "Board", period: float
    ) -> None:
        self.servers = frozenset((server.id,))
        self._source = source
        self._server = server
        self._span = span
        self._board = board
        self._period = period
        self._panels: list[Panel] = []
        self._layout = ""
        self._next = 0.0
        self._diagnosed = -math.inf
        self._diagnosis = Diagnosis((), (), ())
        self._said: dict[str, object] = {}

    def opening(self) -> bytes:
        """Everything, as of the newest reading."""
        newest = self._source.latest(self._server.id)
        at = newest.at if newest else time.time()
        grid = Grid.within(at - self._span.seconds, at, self._span.bin)
        window = self._source.window(self._server.id, grid.first - self._back(), at)
        self._panels, absent = choose(window.layout)
        self._layout = window.layout.key
        self._next = grid.first + grid.size * grid.step
        figures = self._figures(window, at)
        return event(
            "window",
            text_of(
                self._news(newest, at, everything=True)
                | {
                    "who": self._who(newest),
                    "start": grid.first,
                    "step": grid.step,
                    "size": grid.size,
                    "panels": [self._panel(panel, window, grid, figures) for panel in self._panels],
                    "absent": [{"what": one.what, "shown_by": one.shown_by} for one in absent],
                }
            ),
        )

    def tick(self) -> bytes | None:
        """Bins that have closed, the newest figures, and what else has changed."""
        newest = self._source.latest(self._server.id)
        if newest is None:
            return event("tick", text_of(self._news(None, time.time())))
        if newest.sample is not None and self._reports_otherwise(newest.sample):
            return self.opening()
        at = newest.at
        window = self._source.recent(self._server.id, self._back() + self._span.bin * 2)
        return event(
            "tick",
            text_of(
                self._news(newest, at)
                | {"figures": self._figures(window, at), "bins": self._closed(window, at)}
            ),
        )

    def _back(self) -> float:
        """How far behind the first point rows are needed."""
        return max(RATE_SPAN, self._span.trail) + 3 * self._period

    def _reports_otherwise(self, sample: Sample) -> bool:
        if sample.layout.key == self._layout:
            return False
        panels, _ = choose(sample.layout)
        return [panel.key for panel in panels] != [panel.key for panel in self._panels] or any(
            panel.curves != other.curves for panel, other in zip(panels, self._panels, strict=True)
        )

    # ── Curves ──

    def _closed(self, window: Window, at: float) -> Mapping[str, object] | None:
        """The bins that ended since the last call; at most as many as the recent rows can fill."""
        step = self._span.bin
        size = math.floor((at - self._next) / step) + 1
        if size <= 0:
            return None
        grid = Grid(self._next, step, size)
        self._next += size * step
        data = {
            f"{panel.key}.{curve.key}": known(self._curve(curve, window, grid)[0])
            for panel in self._panels
            for curve in panel.curves
        }
        return {"start": grid.first, "step": step, "size": size, "data": data}

    def _curve(self, curve: Curve, window: Window, grid: Grid) -> tuple[Values, Percentiles | None]:
        """The points of a curve, and where they come from when they are percentiles."""
        match curve.kind:
            case Kind.GAUGE:
                how = "mean" if BY_NAME[curve.quantity].unit == "fraction" else "sum"
                return gauge_curve(window, grid, curve.quantity, curve.part, how=how), None
            case Kind.HIGHEST:
                return gauge_curve(window, grid, curve.quantity, curve.part, how="max"), None
            case Kind.LEFT:
                whole = gauge_curve(window, grid, curve.to)
                return whole - gauge_curve(window, grid, curve.quantity), None
            case Kind.RATE:
                span = max(RATE_SPAN, self._span.bin)
                return rate_curve(window, grid, span, curve.quantity, curve.part), None
            case Kind.RATIO:
                return ratio_curve(window, grid, self._span.trail, curve.quantity, curve.to), None
            case Kind.PERCENTILE:
                found = percentile_curve(window, grid, self._span.trail, curve.quantity, curve.q)
                return found.value, found

    # ── Figures ──

    def _figures(self, window: Window, at: float) -> dict[str, list[dict[str, object]]]:
        """Per panel the value of each curve at the newest reading, as text."""
        # One moment, that of the reading itself; the step only says that the reading is a fresh one.
        grid = Grid(at, 2 * self._period, 1)
        return {panel.key: self._panel_figures(panel, window, grid) for panel in self._panels}

    def _panel_figures(self, panel: Panel, window: Window, grid: Grid) -> list[dict[str, object]]:
        figures: list[dict[str, object]] = []
        for curve in panel.curves:
            values, found = self._curve(curve, window, grid)
            value = float(values[0])
            figures.append(
                {
                    "curve": curve.key,
                    "figure": panel.unit.write(value),
                    "label": curve.label,
                    "how": self._how(panel, curve, found),
                    "tone": _tone(panel, curve, value, window),
                }
            )
            if found is not None and curve is panel.curves[-1]:
                figures.append(
                    {
                        "curve": "",
                        "figure": plain.count(float(found.count[0])),
                        "label": "n",
                        "how": "values counted",
                    }
                )
        return figures

    def _how(self, panel: Panel, curve: Curve, found: Percentiles | None) -> str:
        """The tooltip: where the figure comes from and over what time."""
        source = BY_NAME[curve.quantity].source
        match curve.kind:
            case Kind.PERCENTILE:
                return f"{source}, {panel.how} {plain.span(self._span.trail)}{_edges(found)}"
            case Kind.RATIO:
                over = plain.span(self._span.trail)
                return f"{source} / {BY_NAME[curve.to].source}, over the trailing {over}"
            case Kind.RATE:
                over = plain.span(max(RATE_SPAN, self._span.bin))
                return f"{source}, per second over the last {over}"
            case _:
                return f"{source}, newest reading"

    def _panel(
        self,
        panel: Panel,
        window: Window,
        grid: Grid,
        figures: Mapping[str, list[dict[str, object]]],
    ) -> dict[str, object]:
        top = _last(gauge_curve(window, grid, panel.top)) if panel.top else None
        whole = top if panel.top else 1.0
        return {
            "key": panel.key,
            "title": panel.title,
            "how": f"{panel.title}: {panel.how}"
            + (f" {plain.span(self._span.trail)}" if panel.how.endswith("trailing") else ""),
            "write": panel.unit.value,
            "top": top,
            "limits": [{"at": panel.limit * whole, "tone": "bad"}] if panel.limit and whole else [],
            "curves": [
                {"key": one.key, "label": one.label, "colour": one.colour, "dash": one.dash}
                for one in panel.curves
            ],
            "now": figures[panel.key],
            "data": {one.key: known(self._curve(one, window, grid)[0]) for one in panel.curves},
        }

    # ── Words ──

    def _news(
        self, newest: Tick | None, at: float, *, everything: bool = False
    ) -> dict[str, object]:
        """What frames and ticks have in common; words only where they changed."""
        news: dict[str, object] = {"now": time.time(), "at": at, "period": self._period}
        news["banner"] = self._board.banner()
        words: dict[str, object] = {
            "status": status_of(newest.status if newest else None),
            "findings": self._findings(),
            "servers": self._board.servers(),
        }
        changed = {
            key: value for key, value in words.items() if everything or self._said.get(key) != value
        }
        self._said.update(changed)
        return news | changed

    def _findings(self) -> dict[str, object]:
        now = time.monotonic()
        if now - self._diagnosed >= DIAGNOSED_EVERY:
            self._diagnosed = now
            self._diagnosis = self._board.diagnosis(self._server.id)
        diagnosis = self._diagnosis
        return {
            "findings": [_finding(finding) for finding in diagnosis.findings],
            "fine": list(diagnosis.fine),
            "unchecked": list(diagnosis.unchecked),
        }

    def _who(self, newest: Tick | None) -> dict[str, object]:
        models = newest.sample.models if newest and newest.sample else ()
        return {
            "name": self._server.name,
            "url": self._server.url,
            "simulated": self._server.simulated,
            "model": ", ".join(plain.plain(model) for model in models),
            "version": self._board.version(self._server),
        }


class Board(Protocol):
    """What all views share: `lib.ui.house.House`."""

    def banner(self) -> dict[str, str] | None: ...

    def servers(self) -> Sequence[Mapping[str, object]]: ...

    def diagnosis(self, server: str) -> Diagnosis: ...

    def version(self, server: Server) -> str: ...


def status_of(status: Status | None) -> dict[str, object]:
    """A state as a view draws it."""
    if status is None:
        return {"tone": "unknown", "words": "Not seen yet", "since": time.time(), "text": ""}
    return {
        "tone": status.state.tone.value,
        "words": status.state.value,
        "since": status.since,
        "text": plain.plain(status.reason, 300),
    }


def known(values: Iterable[float]) -> list[float | None]:
    """Values for JSON: four significant digits, None for a gap."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def text_of(content: object) -> str:
    """JSON in one line, without blanks."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "tone": finding.severity.value,
        "headline": finding.headline,
        "detail": finding.detail,
        "since": finding.since,
        "evidence": [_evidence(one) for one in finding.evidence],
        "ruled_out": list(finding.ruled_out),
        "remedy": finding.remedy,
    }


def _evidence(one: Evidence) -> dict[str, object]:
    return {
        "label": one.label,
        "figure": one.figure,
        "threshold": one.threshold,
        "since": one.since,
    }


def _edges(found: Percentiles | None) -> str:
    """The bucket that a percentile lies in, and how many values there were."""
    if found is None or not found.count[0] > 0:
        return "; no values in that time"
    low, high = plain.duration(float(found.low[0])), plain.duration(float(found.high[0]))
    bucket = f"more than {low}" if math.isinf(found.high[0]) else f"between {low} and {high}"
    return f"; n = {plain.count(float(found.count[0]))}, the true value lies {bucket}"


def _tone(panel: Panel, curve: Curve, value: float, window: Window) -> str | None:
    """Colour for a figure that has crossed its panel's limit."""
    if panel.limit is None or curve is not panel.curves[0] or math.isnan(value):
        return None
    whole = _last(window.gauge(panel.top)) if panel.top else 1.0
    return "bad" if whole and value >= panel.limit * whole else None


def _last(values: Values) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None
