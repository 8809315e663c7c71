"""How the figures of two spans or of several servers are written, each in its own unit."""

import math

from lib.diagnosis.changes import Shift
from lib.diagnosis.measures import Measure
from lib.ui import plain
from lib.ui.plain import ABSENT

__all__ = ["figure", "moved", "times"]


def figure(measure: Measure, value: float | None) -> str:
    """A value of this figure; a dash where there is none."""
    if value is None or math.isnan(value):
        return ABSENT
    match measure.unit:
        case "s":
            return plain.duration(value)
        case "fraction":
            return plain.ratio(value)
        case "per second":
            return f"{plain.rate(value)} / s"
        case "bytes":
            return f"{plain.count(value)}B"
        case _:
            return plain.rate(value) if value < 10 else plain.count(value)


def moved(shift: Shift) -> str:
    """How far a figure went: a multiple or per cent; from next to nothing, that."""
    was = shift.before.middle
    if was is None or (shift.times is None and was != 0):
        return ABSENT
    if shift.times is None:
        return "from 0"
    if was < shift.measure.least and shift.times >= 2:
        return f"from {figure(shift.measure, was)}"
    return times(shift.times)


def times(multiple: float) -> str:
    """A multiple: 2.8 ×, +45 %, −64 %."""
    if multiple >= 2:
        return f"{plain.rate(multiple)} ×"
    percent = round(100 * (multiple - 1))
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return f"{sign}{abs(percent)} %"
