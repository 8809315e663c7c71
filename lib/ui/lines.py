"""A panel over a window of readings: the points of its curves, and the figures above it.

This module alone decides how far back a point looks and what a tooltip says of it. Pure: a window
in, values and words out.
"""

from dataclasses import dataclass
from typing import Literal

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

__all__ = ["RATE_SPAN", "Figures", "about", "figures", "how", "newest", "points", "top"]

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
            together = _engines_as(curve)
            return gauge_curve(window, grid, curve.quantity, curve.part, how=together)
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
    if last.kind is Kind.PERCENTILE:
        return Figures(texts, _note(last, _percentile(last, window, grid, span)))
    if panel.fullest and len(window.layout.members) > 1:
        return _with_fullest(panel, texts, gauge_curve(window, grid, panel.fullest, how="max"))
    return Figures(texts)


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


def about(panel: Panel, span: Span) -> str:
    """The tooltip of a panel's title: what it shows, and how far back its points look."""
    return f"{panel.how}; each point over the {_over(panel.curves[0], span)} before it"


def how(curve: Curve, span: Span, *, newest: bool, engines: int) -> str:
    """The tooltip of a curve's figure: which metric, over what time, how engines are put together.

    `newest` is for the newest reading's figure, else it is for a point of the plot.
    """
    source = BY_NAME[curve.quantity].sources
    over = _over(curve, span)
    of_gauge = "newest reading" if newest else f"mean over {over}"
    match curve.kind:
        case Kind.PERCENTILE:
            return f"{source}, {curve.label} over the trailing {over}, from bucket differences"
        case Kind.RATIO:
            return f"{source} / {BY_NAME[curve.to].sources}, over the trailing {over}"
        case Kind.RATE:
            return f"{source}, growth per second over the last {over}"
        case Kind.LEFT:
            return f"{BY_NAME[curve.to].sources}, less those in use; {of_gauge}"
        case Kind.HIGHEST:
            return f"{source}; {of_gauge if newest else f'highest over {over}'}"
        case Kind.GAUGE:
            return f"{source}{_together(curve, engines)}; {of_gauge}"


def _percentile(curve: Curve, window: Window, grid: Grid, span: Span) -> Percentiles:
    return percentile_curve(window, grid, span.trail, curve.quantity, curve.q)


def _together(curve: Curve, engines: int) -> str:
    if engines < 2:
        return ""
    return f", {_engines_as(curve)} of {engines} engines"


def _engines_as(curve: Curve) -> Literal["mean", "sum"]:
    return "mean" if BY_NAME[curve.quantity].unit == "fraction" else "sum"


def _over(curve: Curve, span: Span) -> str:
    """How far back a value of the curve looks."""
    match curve.kind:
        case Kind.PERCENTILE | Kind.RATIO:
            return plain.span(span.trail)
        case Kind.RATE:
            return plain.span(_rate_span(span))
        case _:
            return plain.span(span.bin)


def _rate_span(span: Span) -> float:
    return max(RATE_SPAN, span.bin)


def _note(curve: Curve, found: Percentiles) -> str:
    """How sure a percentile is: the number of values, and the bucket it lies in."""
    if not found.count[0] > 0:
        return "nothing counted in that time"
    bucket = plain.between(float(found.low[0]), float(found.high[0]))
    return f"n = {plain.count(float(found.count[0]))} · {curve.label} {bucket}"


def _with_fullest(
    panel: Panel, texts: tuple[tuple[str, str | None], ...], highest: Values
) -> Figures:
    """The figures with the fullest engine as a note, which also gives the first its colour."""
    share = float(highest[0])
    if panel.limit is not None and share >= panel.limit:
        texts = ((texts[0][0], "bad"), *texts[1:])
    return Figures(texts, f"fullest engine {plain.ratio(share)}")


def _tone(panel: Panel, curve: Curve, value: float, end: float | None) -> str | None:
    """Colour for the leading figure once it has crossed the panel's limit."""
    if panel.limit is None or end is None or curve is not panel.curves[0]:
        return None
    return "bad" if value >= panel.limit * end else None
