"""A panel over a window of readings: the points of its curves, and the figures above it.

This module alone decides how far back a point looks and what a tooltip says of it. Pure: a window
in, values and words out.
"""

from dataclasses import dataclass

import numpy as np

from lib.metrics import (
    BY_NAME,
    Grid,
    Percentiles,
    Window,
    gauge_curve,
    percentile_curve,
    rate_curve,
    ratio_curve,
)
from lib.metrics.sample import Values
from lib.ui import plain
from lib.ui.panels import Curve, Kind, Panel
from lib.ui.windows import Span

__all__ = ["RATE_SPAN", "Figures", "figures", "how", "newest", "points", "top"]

RATE_SPAN = 5.0
"""Seconds that a point of a rate looks back at least: a counter moves in jumps."""
STANDS_PERIODS = 2.0
"""How many periods an answer counts as the newest reading."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands above a plot: per curve its newest value as text and its tone, and a note."""

    texts: tuple[tuple[str, str | None], ...]
    note: str = ""


def points(curve: Curve, window: Window, grid: Grid, span: Span) -> Values:
    """The curve's value at each moment of the grid; NaN where there is none."""
    match curve.kind:
        case Kind.GAUGE:
            how = "mean" if BY_NAME[curve.quantity].unit == "fraction" else "sum"
            return gauge_curve(window, grid, curve.quantity, curve.part, how=how)
        case Kind.HIGHEST:
            return gauge_curve(window, grid, curve.quantity, curve.part, how="max")
        case Kind.LEFT:
            left: Values = gauge_curve(window, grid, curve.to)
            return left - gauge_curve(window, grid, curve.quantity)
        case Kind.RATE:
            return rate_curve(window, grid, _rate_span(span), curve.quantity, curve.part)
        case Kind.RATIO:
            return ratio_curve(window, grid, span.trail, curve.quantity, curve.to)
        case Kind.PERCENTILE:
            return _percentile(curve, window, grid, span).value


def figures(panel: Panel, window: Window, at: float, period: float, span: Span) -> Figures:
    """The panel's newest values: those of the reading of moment `at` (wall-clock seconds)."""
    grid = newest(window, at, period)
    values = [float(points(curve, window, grid, span)[0]) for curve in panel.curves]
    end = top(panel, window)
    texts = tuple(
        (panel.unit.write(value), _tone(panel, curve, value, end))
        for curve, value in zip(panel.curves, values, strict=True)
    )
    last = panel.curves[-1]
    if last.kind is not Kind.PERCENTILE:
        return Figures(texts)
    return Figures(texts, _note(last, _percentile(last, window, grid, span)))


def newest(window: Window, at: float, period: float) -> Grid:
    """One moment: that of the newest answer, so that a failed scrape keeps the last figures.

    Of answers that are two periods old none counts. The step is so short that no second one does.
    """
    answers = window.times[window.answered & (window.times <= at)]
    is_young = len(answers) > 0 and at - answers[-1] < STANDS_PERIODS * period
    return Grid(float(answers[-1]) if is_young else at, period / 2, 1)


def top(panel: Panel, window: Window) -> float | None:
    """Where the panel's axis ends: the newest value of its `top`; None for the data's own end."""
    if not panel.top:
        return 1.0 if panel.limit is not None else None
    values = window.gauge(panel.top)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None


def how(curve: Curve, span: Span) -> str:
    """The tooltip of a curve's figure: which metric, over what time."""
    source = BY_NAME[curve.quantity].source
    match curve.kind:
        case Kind.PERCENTILE:
            over = plain.span(span.trail)
            return f"{source}, {curve.label} over the trailing {over}, from bucket differences"
        case Kind.RATIO:
            over = plain.span(span.trail)
            return f"{source} / {BY_NAME[curve.to].source}, over the trailing {over}"
        case Kind.RATE:
            return f"{source}, growth per second over the last {plain.span(_rate_span(span))}"
        case Kind.LEFT:
            return f"{BY_NAME[curve.to].source}, less those in use; newest reading"
        case _:
            return f"{source}; newest reading"


def _percentile(curve: Curve, window: Window, grid: Grid, span: Span) -> Percentiles:
    return percentile_curve(window, grid, span.trail, curve.quantity, curve.q)


def _rate_span(span: Span) -> float:
    return max(RATE_SPAN, span.bin)


def _note(curve: Curve, found: Percentiles) -> str:
    """How sure a percentile is: the number of values, and the bucket it lies in."""
    if not found.count[0] > 0:
        return "nothing counted in that time"
    bucket = plain.between(float(found.low[0]), float(found.high[0]))
    return f"n = {plain.count(float(found.count[0]))} · {curve.label} {bucket}"


def _tone(panel: Panel, curve: Curve, value: float, end: float | None) -> str | None:
    """Colour for the leading figure once it has crossed the panel's limit."""
    if panel.limit is None or end is None or curve is not panel.curves[0]:
        return None
    return "bad" if value >= panel.limit * end else None
