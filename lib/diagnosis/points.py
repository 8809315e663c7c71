"""The points of a finding's curves: the same line for the rule that judged it and for its plot."""

from lib.diagnosis.finding import Curve, How
from lib.metrics import (
    BY_NAME,
    Grid,
    Window,
    gauge_curve,
    mean_curve,
    percentile_curve,
    rate_curve,
    ratio_curve,
)
from lib.metrics.sample import Values

__all__ = ["points"]


def points(curve: Curve, window: Window, grid: Grid) -> Values:
    """The curve's value at each moment of the grid; NaN where there is none."""
    span = curve.span or grid.step
    quantity, part = curve.quantity, curve.part
    together = "mean" if BY_NAME[quantity].unit == "fraction" else "sum"
    match curve.how:
        case How.GAUGE:
            found = gauge_curve(window, grid, quantity, part, how=together)
        case How.MAX:
            found = gauge_curve(window, grid, quantity, part, how="max")
        case How.RATE:
            found = rate_curve(window, grid, span, quantity, part)
        case How.RATIO:
            found = ratio_curve(window, grid, span, quantity, curve.to)
        case How.SHARE:
            found = ratio_curve(window, grid, span, quantity, quantity, part=part)
        case How.MEAN:
            found = mean_curve(window, grid, span, quantity)
        case How.PERCENTILE:
            found = percentile_curve(window, grid, span, quantity, curve.q).value
    return found
