"""What findings rest on, as small plots: the curve of each link.

Decided here: which unit a curve is written in, what its tooltip says, and how its points lie on the
page's grid; onset and threshold come with the finding. The curves are those that the rules read
(`lib.diagnosis.points`), only as fine as the page. Those of all findings are in the view, so that
opening one costs no question.
"""

from collections.abc import Mapping
from dataclasses import replace

from lib.diagnosis import Curve, Diagnosis, How, points
from lib.metrics import BY_NAME, Grid, Window
from lib.ui import plain
from lib.ui.board import Words, curve_key, known
from lib.ui.lines import RATE_SPAN
from lib.ui.panels import Unit

__all__ = ["MOST", "curves_of", "plots", "values"]

MOST = 24
"""Curves of all findings together."""

_SHARES = (How.RATIO, How.SHARE)
_COUNTED = (How.RATE, *_SHARES, How.MEAN, How.PERCENTILE)

Curves = Mapping[str, Curve]


def curves_of(diagnosis: Diagnosis) -> dict[str, Curve]:
    """The curves that the findings' links name, by key; each once, the worst findings' first."""
    links = [link for finding in diagnosis.findings for link in finding.chain]
    curves = {curve_key(link.curve): link.curve for link in links if link.curve is not None}
    return {key: curves[key] for key in list(curves)[:MOST]}


def plots(curves: Curves, window: Window, grid: Grid) -> dict[str, Words]:
    """Everything that a plot of each curve needs, except what a finding says of it."""
    return {key: _plot(key, curve, window, grid) for key, curve in curves.items()}


def values(curves: Curves, window: Window, grid: Grid) -> dict[str, list[float | None]]:
    """The points of each curve on a grid, by the name that the plot has for them."""
    return {f"{key}.value": _points(curve, window, grid) for key, curve in curves.items()}


def _plot(key: str, curve: Curve, window: Window, grid: Grid) -> Words:
    unit = _unit(curve)
    told = _how(curve, grid, engines=len(window.layout.members))
    line = {"key": "value", "label": "", "colour": 0, "dash": None, "how": told, "how_point": told}
    return {
        "key": key,
        "write": unit.value,
        "how": told,
        "top": None,
        "limits": [],
        "curves": [line],
        "data": {"value": _points(curve, window, grid)},
    }


def _points(curve: Curve, window: Window, grid: Grid) -> list[float | None]:
    return known(points(_for(curve, grid), window, grid), _unit(curve).digits)


def _for(curve: Curve, grid: Grid) -> Curve:
    """The curve over the page's steps: no shorter than a step, nor than a rate makes sense."""
    least = RATE_SPAN if curve.how in _COUNTED else 0.0
    return replace(curve, span=max(curve.span, least, grid.step))


def _unit(curve: Curve) -> Unit:
    if curve.how in _SHARES or BY_NAME[curve.quantity].unit == "fraction":
        return Unit.RATIO
    if curve.how is How.RATE:
        return Unit.RATE
    return Unit.SECONDS if BY_NAME[curve.quantity].unit == "s" else Unit.COUNT


def _how(curve: Curve, grid: Grid, *, engines: int) -> str:
    """The tooltip: the metric by its name, which part, how it is computed and over what time."""
    quantity = BY_NAME[curve.quantity]
    part = f" ({quantity.part or 'part'} {plain.plain(curve.part, 40)})" if curve.part else ""
    over = plain.span(_for(curve, grid).span)
    match curve.how:
        case How.GAUGE:
            whose = f" of {engines} engines" if engines > 1 else ""
            how = f"mean over {over}{whose}"
        case How.MAX:
            how = f"highest over {over}{' of any engine' if engines > 1 else ''}"
        case How.RATE:
            how = f"growth per second over the last {over}"
        case How.RATIO:
            how = f"as a share of {BY_NAME[curve.to].sources}, over the last {over}"
        case How.SHARE:
            how = f"as a share of all parts, over the last {over}"
        case How.MEAN:
            how = f"mean of what was counted in the last {over}"
        case How.PERCENTILE:
            how = f"p{100 * curve.q:g} of what was counted in the last {over}"
    return f"{quantity.sources}{part}: {how}"
