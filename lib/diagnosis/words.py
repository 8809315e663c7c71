"""How a diagnosis writes figures. Pages have their own writers; findings are read as they are."""

import math

__all__ = ["between", "counted", "long", "percent", "rate", "seconds"]

_MINUTE = 60.0
LEAST_RATE = 0.001


def long(span: float) -> str:
    """A stretch of time in words: seconds, or minutes from two on."""
    return f"{span / _MINUTE:.0f} minutes" if span >= 2 * _MINUTE else f"{span:.0f} s"


def counted(number: float, noun: str) -> str:
    """So many of something: 1 request, 2 requests."""
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"


def percent(share: float) -> str:
    """A share from 0 to 1."""
    return "unknown" if math.isnan(share) else f"{share:.0%}"


def between(low: float, high: float) -> str:
    """A range of counts; above the last bucket only the lower end is known."""
    return f"{low:,.0f} – {high:,.0f}" if math.isfinite(high) else f"more than {low:,.0f}"


def rate(per_second: float, unit: str = "") -> str:
    """Something per second; never in powers of ten."""
    if 0 < per_second < LEAST_RATE:
        figure = f"< {LEAST_RATE}"
    else:
        figure = f"{per_second:,.0f}" if per_second >= 99.5 else f"{per_second:.2g}"
    return f"{figure} {unit} / s" if unit else f"{figure} / s"


def seconds(value: float) -> str:
    """A latency."""
    if math.isnan(value):
        return "unknown"
    return (
        f"{1_000 * value:.0f} ms"
        if value < 1
        else f"{value:.2g} s"
        if value < 10
        else f"{value:.0f} s"
    )
