"""How many requests were as fast as they should be, and how fast what is allowed is used up.

A histogram knows a target only where one of its edges is: between two edges the share lies
somewhere between those of the edges, and is placed there in proportion. Burn is the share of slow
requests over the allowed one: at 1 the allowance lasts exactly as long as the goal's own time. The
thresholds are those of multi-window alerts: 14.4 over an hour and still over 5 minutes uses two per
cent of a month's allowance and is worth waking somebody; 1 over three days is worth a ticket.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lib.metrics import Grid, Window, bucket_curve
from lib.metrics.sample import Values

__all__ = [
    "PAGE",
    "SPANS",
    "TICKET",
    "Attainment",
    "Burn",
    "attainment",
    "attainment_curve",
    "burn",
    "shares",
]

PAGE, TICKET = 14.4, 1.0
SPANS = (300.0, 3_600.0)
"""Seconds that a page looks at; a ticket looks at three days."""


class Attainment(NamedTuple):
    """The share of `n` requests within a target: `point`, surely from `low` to `high`; NaN of none.

    `edges` are those of the bucket that the target is in, equal where it is one.
    """

    low: float
    point: float
    high: float
    n: float
    edges: tuple[float, float]


class Shares(NamedTuple):
    """The same of many histograms at once."""

    low: Values
    point: Values
    high: Values
    n: Values


@dataclass(frozen=True, slots=True)
class Burn:
    """The allowance that was used in `span` seconds, as a multiple of what the goal allows.

    `seen` is how many of the seconds are known. Between `low` and `high`, as the attainment is.
    """

    span: float
    seen: float
    low: float
    rate: float
    high: float
    n: float


def attainment(window: Window, quantity: str, target: float) -> Attainment | None:
    """The share of what a histogram counted that is at most `target`; None if not reported."""
    edges, growth = window.bucket_growth(quantity)
    if not len(edges) or not np.isfinite(growth).any():
        return None
    found = shares(target, edges, np.nansum(growth, axis=0))
    low, point, high, count = (float(one) for one in found)
    return Attainment(low, point, high, count, _bucket(target, edges))


def attainment_curve(
    window: Window, grid: Grid, span: float, quantity: str, target: float
) -> Shares:
    """The same over the last `span` seconds at each moment; NaN where nothing was counted."""
    edges, counts = bucket_curve(window, grid, span, quantity)
    if not len(edges):
        nothing = np.full(grid.size, np.nan)
        return Shares(nothing, nothing, nothing, np.zeros(grid.size))
    return shares(target, edges, counts)


def shares(target: float, edges: Values, cumulative: Values) -> Shares:
    """The share of each histogram in `cumulative` (…, edges) that is at most `target`.

    `edges` ascend and end with infinity. Above the last finite edge nothing is known but that it is
    more: a target beyond counts none of that for sure, and places none of it.
    """
    counts = np.maximum.accumulate(np.nan_to_num(cumulative, nan=0.0), axis=-1)
    total = counts[..., -1]
    at = int(np.searchsorted(edges, target))  # the first edge that is not below the target
    first, last = _bucket(target, edges)
    upper = counts[..., min(at, len(edges) - 1)]
    lower = counts[..., at - 1] if at else np.zeros_like(total)
    if first == last:
        lower = upper
    width = last - first
    share = (target - first) / width if 0 < width < math.inf else 0.0
    below = max(0.0, share) * (upper - lower) + lower
    with np.errstate(divide="ignore", invalid="ignore"):
        low, point, high = (
            np.where(total > 0, one / total, np.nan) for one in (lower, below, upper)
        )
    return Shares(low, point, high, total)


def _bucket(target: float, edges: Values) -> tuple[float, float]:
    """The edges around a target; both are the target's own if it is one."""
    at = int(np.searchsorted(edges, target))
    last = float(edges[min(at, len(edges) - 1)])
    if last == target:
        return last, last
    return (float(edges[at - 1]) if at else min(0.0, last)), last


def burn(
    window: Window,
    quantity: str,
    target: float,
    goal: float,
    spans: tuple[float, ...] = SPANS,
) -> tuple[Burn, ...]:
    """How fast the allowance of a `goal` (a share below 1) was used up, over each span of seconds.

    All of them end with the window; of a span that begins before it, it holds a part only.
    """
    if not 0 < goal < 1:
        raise ValueError("a goal is a share between 0 and 1")
    return tuple(_burn(window, quantity, target, goal, span) for span in spans)


def _burn(window: Window, quantity: str, target: float, goal: float, span: float) -> Burn:
    part = window.since(window.end - span)
    seen = float(np.nansum(part.elapsed))
    found = attainment(part, quantity, target)
    if found is None:
        return Burn(span, seen, math.nan, math.nan, math.nan, 0.0)
    low, rate, high = ((1 - share) / (1 - goal) for share in (found.high, found.point, found.low))
    return Burn(span, seen, low, rate, high, found.n)
