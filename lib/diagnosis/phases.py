"""Where the time of requests went: means of each phase, percentiles, and all of it over time.

A mean is the growth of a histogram's sum over that of its count, as the official boards have it.
vLLM counts a request's phases when it ends, so that a phase of a moment is of the requests that
ended then. Queue and prefill make up the time to the first token as the engine sees it; what a
client sees more of it is the network and the API process.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lib.metrics import Grid, Window, bucket_curve, mean_curve
from lib.metrics.sample import Values

__all__ = ["PHASES", "Heat", "Mean", "heat", "mean", "phases"]

PHASES: tuple[tuple[str, str], ...] = (
    ("queue", "queue_time"),
    ("prefill", "prefill_time"),
    ("decode", "decode_time"),
)
"""The phases of a request in their order, and the histograms that they are read from."""


class Mean(NamedTuple):
    """The mean of `n` values; NaN of none."""

    value: float
    n: float


@dataclass(frozen=True, slots=True)
class Heat:
    """How many values fell into each bucket in each step: `counts` (moments, edges).

    A bucket ends at its edge and begins after the one before. NaN where nothing was seen.
    """

    edges: Values
    counts: Values


def mean(window: Window, quantity: str) -> Mean | None:
    """The mean of what a histogram counted within the window; None if not reported."""
    total, count = window.increase(quantity, "sum"), window.increase(quantity, "le=inf")
    if total is None or count is None:
        return None
    return Mean(total / count if count > 0 else float("nan"), count)


def phases(window: Window, grid: Grid, span: float) -> dict[str, Values]:
    """The mean seconds of each phase in the last `span` seconds at each moment, by its name.

    A phase that is not reported is left out.
    """
    reported = window.layout.quantities
    return {
        name: mean_curve(window, grid, span, quantity)
        for name, quantity in PHASES
        if quantity in reported
    }


def heat(window: Window, grid: Grid, quantity: str) -> Heat:
    """What a histogram counted in each step of the grid, by bucket; no edges if not reported."""
    edges, counts = bucket_curve(window, grid, grid.step, quantity)
    return Heat(edges, np.maximum(np.diff(counts, axis=1, prepend=0.0), 0.0))
